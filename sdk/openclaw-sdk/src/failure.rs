//! Failures, by what the host can do about them. Owns their bounds (a code is at most 64 bytes, a detail at most 4 KiB), and
//! what the usage of HTTP says about an answer.

use crate::bounds::clip;
use crate::channel::{Failure, FailureKind, Outcome};
use crate::http::{self, Answer, ErrorKind};

impl Failure {
    /// A failure with both texts cut to the bounds of the contract.
    #[must_use]
    pub fn new(kind: FailureKind, code: &str, detail: &str) -> Self {
        Self {
            kind,
            code: clip(code, 64).to_owned(),
            detail: clip(detail, 4096).to_owned(),
            retry_after_ms: None,
        }
    }

    /// The credential was refused; `detail` says what a person has to do.
    #[must_use]
    pub fn unauthorised(code: &str, detail: &str) -> Self {
        Self::new(FailureKind::Unauthorised, code, detail)
    }

    /// Too many requests; come back after `retry_after_ms`, where the vendor said so.
    #[must_use]
    pub fn rate_limited(code: &str, detail: &str, retry_after_ms: Option<u64>) -> Self {
        Self { retry_after_ms, ..Self::new(FailureKind::RateLimited, code, detail) }
    }

    /// The vendor is unreachable or broken.
    #[must_use]
    pub fn unavailable(code: &str, detail: &str) -> Self {
        Self::new(FailureKind::Unavailable, code, detail)
    }

    /// The request can never succeed as it is.
    #[must_use]
    pub fn permanent(code: &str, detail: &str) -> Self {
        Self::new(FailureKind::Permanent, code, detail)
    }
}

/// Why a request got no result, and whether the vendor can have carried it out.
#[derive(Clone, Debug, PartialEq)]
pub struct Miss {
    /// What the host is told.
    pub failure: Failure,
    /// The vendor may have done what was asked, and its answer is not known.
    pub maybe_done: bool,
}

impl Miss {
    /// Nothing happened at the vendor.
    #[must_use]
    pub const fn not_done(failure: Failure) -> Self {
        Self { failure, maybe_done: false }
    }

    /// The vendor may have done it.
    #[must_use]
    pub const fn maybe_done(failure: Failure) -> Self {
        Self { failure, maybe_done: true }
    }

    /// What an answer whose status is not 200 to 299 means, by the usage of HTTP; a vendor's own codes are the
    /// protocol's to read.
    #[must_use]
    pub fn refused(answer: &Answer) -> Self {
        let code = format!("http_{}", answer.status);
        let words = String::from_utf8_lossy(&answer.body);
        let detail =
            format!("the vendor answered with status {}: {}", answer.status, clip(words.trim(), 200));
        match answer.status {
            401 => Self::not_done(Failure::unauthorised(&code, &detail)),
            429 => Self::not_done(Failure::rate_limited(&code, &detail, answer.retry_after_ms())),
            300..=499 => Self::not_done(Failure::permanent(&code, &detail)),
            _ => Self::maybe_done(Failure {
                retry_after_ms: answer.retry_after_ms(),
                ..Failure::unavailable(&code, &detail)
            }),
        }
    }

    /// As the outcome of a send of which nothing else is visible.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        let Self { failure, maybe_done } = self;
        match failure.kind {
            _ if maybe_done => Outcome::Ambiguous(failure),
            FailureKind::Unauthorised => Outcome::Unauthorised(failure),
            FailureKind::Permanent => Outcome::Permanent(failure),
            FailureKind::Conflict | FailureKind::RateLimited | FailureKind::Unavailable => {
                Outcome::Retryable(failure)
            }
        }
    }
}

impl From<http::Error> for Miss {
    fn from(error: http::Error) -> Self {
        let http::Error { kind, detail } = error;
        let failed = |code| Failure::unavailable(code, &format!("the vendor did not answer: {detail}"));
        match kind {
            ErrorKind::NotSent => {
                let text = format!("the vendor is not reachable: {detail}");
                Self::not_done(Failure::unavailable("not_sent", &text))
            }
            ErrorKind::Denied => {
                let text = format!("the gateway does not allow the request: {detail}");
                Self::not_done(Failure::permanent("denied", &text))
            }
            ErrorKind::Interrupted => Self::maybe_done(failed("interrupted")),
            ErrorKind::Timeout => Self::maybe_done(failed("timeout")),
            ErrorKind::TooLarge => Self::maybe_done(failed("too_large")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_to_their_bounds() {
        let failure = Failure::unavailable(&"é".repeat(60), &"x".repeat(5000));
        assert_eq!((failure.code.len(), failure.detail.len()), (64, 4096));
    }

    #[test]
    fn what_a_miss_means_for_a_send() {
        let word = |miss: Miss| match miss.outcome() {
            Outcome::Sent(_) => "sent",
            Outcome::Retryable(_) => "retryable",
            Outcome::Ambiguous(_) => "ambiguous",
            Outcome::Permanent(_) => "permanent",
            Outcome::Unauthorised(_) => "unauthorised",
        };
        for (status, expected) in [
            (302, "permanent"),
            (401, "unauthorised"),
            (403, "permanent"),
            (404, "permanent"),
            (429, "retryable"),
            (500, "ambiguous"),
            (503, "ambiguous"),
        ] {
            let answer = Answer { status, ..Answer::default() };
            assert_eq!(word(Miss::refused(&answer)), expected, "{status}");
        }
        for (kind, expected) in [
            (ErrorKind::Denied, "permanent"),
            (ErrorKind::NotSent, "retryable"),
            (ErrorKind::Interrupted, "ambiguous"),
            (ErrorKind::Timeout, "ambiguous"),
            (ErrorKind::TooLarge, "ambiguous"),
        ] {
            assert_eq!(word(http::Error { kind, detail: "why".into() }.into()), expected, "{kind:?}");
        }
    }

    #[test]
    fn the_wait_is_the_vendors() {
        let answer = |value: &str| Answer {
            status: 429,
            headers: vec![("Retry-After".into(), value.into())],
            body: Vec::new(),
        };
        let wait = |value| Miss::refused(&answer(value)).failure.retry_after_ms;
        assert_eq!(wait(" 7 "), Some(7_000));
        assert_eq!(wait("Wed, 21 Oct 2026 07:28:00 GMT"), None);
    }
}
