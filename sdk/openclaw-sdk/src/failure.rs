//! Failures, by what the host can do about them. Owns their bounds: a code is at most 64 bytes, a detail at most 4 KiB.

use crate::bounds::clip;
use crate::channel::{Failure, FailureKind};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_to_their_bounds() {
        let failure = Failure::unavailable(&"é".repeat(60), &"x".repeat(5000));
        assert_eq!((failure.code.len(), failure.detail.len()), (64, 4096));
    }
}
