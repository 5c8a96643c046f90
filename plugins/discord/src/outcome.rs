//! What an answer of the REST API means. Owns the classification and the words that tell an operator what to do; never
//! sends anything.

use openclaw_sdk::channel::{Failure, Outcome};
use openclaw_sdk::http::{Answer, Error, ErrorKind};
use serde::de::DeserializeOwned;

use crate::api::ApiError;

/// Why a request gave no result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Refusal {
    /// 401: a token that was revoked, or never was one.
    Unauthorised { message: String },
    /// 429, or a limit that is known before anything is sent: nothing was done.
    Limited { message: String, retry_after_ms: Option<u64>, everything: bool },
    /// Any other 4xx. `code` is Discord's own; 0 where it has none.
    Refused { status: u16, code: u64, message: String },
    /// 5xx, or an answer that is none: the request may have been carried out.
    Broken { code: String, message: String },
    /// No connection: the request was certainly not carried out.
    NotSent { message: String },
    /// The host does not allow the request.
    Denied { message: String },
}

/// The code of an answer that did not come in time.
const LATE: &str = "timeout";

/// The bot may not read the message that it is to answer.
pub(crate) const NO_READ_HISTORY: u64 = 160_002;

/// Reads the body of an answer.
pub(crate) fn result<T: DeserializeOwned>(answer: &Answer) -> Result<T, Refusal> {
    if (200..300).contains(&answer.status) {
        return serde_json::from_slice(&answer.body).map_err(|error| broken("bad_json", &error.to_string()));
    }
    Err(refusal(answer))
}

/// Whether the answer is a success, whatever its body.
pub(crate) fn accepted(answer: &Answer) -> Result<(), Refusal> {
    if (200..300).contains(&answer.status) { Ok(()) } else { Err(refusal(answer)) }
}

fn refusal(answer: &Answer) -> Refusal {
    let body: Option<ApiError> = serde_json::from_slice(&answer.body).ok();
    let is_json = body.is_some();
    let ApiError { code, message, retry_after, global } = body.unwrap_or_default();
    let status = answer.status;
    let message = if message.is_empty() { format!("HTTP {status}") } else { message };
    match status {
        // Discord speaks JSON, so this is somebody in between: a proxy, or the page of a network that wants a person to log in.
        401 | 407 | 511 if !is_json => Refusal::NotSent { message: format!("{message} from a proxy") },
        401 => Refusal::Unauthorised { message },
        429 => {
            let header = || answer.header("retry-after").and_then(|value| value.trim().parse::<f64>().ok());
            let says = |name, word| answer.header(name).is_some_and(|value| value.eq_ignore_ascii_case(word));
            let everything = global
                || says("x-ratelimit-global", "true")
                || says("x-ratelimit-scope", "global")
                // A page instead of JSON comes from in front of Discord, and holds for the whole address.
                || !is_json;
            Refusal::Limited { message, retry_after_ms: retry_after.or_else(header).map(to_ms), everything }
        }
        300..=499 => Refusal::Refused { status, code, message },
        _ => broken(&format!("http_{status}"), &message),
    }
}

/// Seconds with a fraction, rounded up to milliseconds.
pub(crate) fn to_ms(seconds: f64) -> u64 {
    // A cast from a float saturates, and turns what is no number into 0.
    (seconds * 1_000.0).ceil() as u64
}

fn broken(code: &str, message: &str) -> Refusal {
    Refusal::Broken { code: code.to_owned(), message: message.to_owned() }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let message = error.detail;
        match error.kind {
            ErrorKind::NotSent => Self::NotSent { message },
            ErrorKind::Denied => Self::Denied { message },
            ErrorKind::Interrupted => broken("interrupted", &message),
            ErrorKind::Timeout => broken(LATE, &message),
            ErrorKind::TooLarge => broken("too_large", &message),
        }
    }
}

impl Refusal {
    /// Whether nobody answered.
    pub(crate) fn is_silence(&self) -> bool {
        match self {
            Self::NotSent { .. } => true,
            Self::Broken { code, .. } => code == LATE,
            _ => false,
        }
    }

    /// As a failure of the channel; `what` was asked.
    pub(crate) fn failure(&self, what: &str) -> Failure {
        match self {
            Self::Unauthorised { message } => Failure::unauthorised(
                "http_401",
                &format!(
                    "Discord bot token unauthorized ({what} failed (401): {message}). Reset the token in the Discord Developer Portal → Bot and set channels.discord.token or DISCORD_BOT_TOKEN to it."
                ),
            ),
            Self::Limited { message, retry_after_ms, .. } => {
                Failure::rate_limited("http_429", &format!("{what}: {message}"), *retry_after_ms)
            }
            Self::Refused { status, code: 0, message } => {
                Failure::permanent(&format!("http_{status}"), &format!("{what} failed ({status}): {message}"))
            }
            Self::Refused { status, code, message } => {
                Failure::permanent(&code.to_string(), &with_hint(what, *status, *code, message))
            }
            Self::Broken { code, message } => {
                Failure::unavailable(code, &format!("Discord did not answer {what} properly: {message}"))
            }
            Self::NotSent { message } => {
                Failure::unavailable("not_sent", &format!("Discord is not reachable: {message}"))
            }
            Self::Denied { message } => {
                Failure::permanent("denied", &format!("the gateway does not allow {what}: {message}"))
            }
        }
    }

    /// As the outcome of a send of which nothing is visible yet.
    pub(crate) fn outcome(&self) -> Outcome {
        self.outcome_of("sending the message")
    }

    /// As the outcome of a request whose effect people would see.
    pub(crate) fn outcome_of(&self, what: &str) -> Outcome {
        let failure = self.failure(what);
        match self {
            Self::Unauthorised { .. } => Outcome::Unauthorised(failure),
            Self::Limited { .. } | Self::NotSent { .. } => Outcome::Retryable(failure),
            // Slow mode and the write limit of a channel pass.
            Self::Refused { code: 20_016 | 20_028, .. } => Outcome::Retryable(failure),
            Self::Broken { .. } => Outcome::Ambiguous(failure),
            Self::Refused { .. } | Self::Denied { .. } => Outcome::Permanent(failure),
        }
    }
}

/// Discord's words, and what an operator can do about them.
fn with_hint(what: &str, status: u16, code: u64, message: &str) -> String {
    let hint = match code {
        10_003 => "The channel does not exist (any more).",
        10_004 => "The server does not exist, or the bot is not in it.",
        10_008 => "The message does not exist (any more).",
        10_007 | 10_013 => "The user does not exist, or is not on the server.",
        20_016 => "The channel has slow mode.",
        40_001 => "Invite the bot again with the scopes bot and applications.commands.",
        40_005 => "Discord rejected it as too large.",
        50_001 => "Give the bot View Channel there, or invite it to the server.",
        50_007 => {
            "discord dm failed: user blocks dms or privacy settings disallow it (code=50007). The user has to allow direct messages from server members."
        }
        50_008 => "That is no text channel: choose one, or a thread.",
        50_013 => {
            "discord missing permissions: give the bot ViewChannel and SendMessages there (in threads SendMessagesInThreads), and look for overrides of the channel."
        }
        50_083 => "The thread is archived: open it again.",
        _ => "",
    };
    let text = format!("{what} failed ({status}, code {code}): {message}");
    if hint.is_empty() { text } else { format!("{text}. {hint}") }
}

#[cfg(test)]
mod tests {
    use openclaw_sdk::channel::FailureKind;

    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Answer { status, headers, body: body.as_bytes().to_vec() }
    }

    fn refused(status: u16, headers: &[(&str, &str)], body: &str) -> Refusal {
        result::<serde_json::Value>(&answer(status, headers, body)).unwrap_err()
    }

    fn word(refusal: &Refusal) -> &'static str {
        match refusal.outcome() {
            Outcome::Sent(_) => "sent",
            Outcome::Retryable(_) => "retryable",
            Outcome::Ambiguous(_) => "ambiguous",
            Outcome::Permanent(_) => "permanent",
            Outcome::Unauthorised(_) => "unauthorised",
        }
    }

    #[test]
    fn each_answer_has_its_outcome() {
        let check = |status, body: &str, expected| {
            assert_eq!(word(&refused(status, &[], body)), expected, "{status} {body}");
        };
        check(401, r#"{"message": "401: Unauthorized", "code": 0}"#, "unauthorised");
        check(403, r#"{"message": "Missing Access", "code": 50001}"#, "permanent");
        check(404, "", "permanent");
        check(400, r#"{"message": "Invalid Form Body", "code": 50035}"#, "permanent");
        check(400, r#"{"message": "slow", "code": 20016}"#, "retryable");
        check(
            429,
            r#"{"message": "You are being rate limited.", "retry_after": 0.65, "global": false}"#,
            "retryable",
        );
        check(500, "", "ambiguous");
        check(502, "<html>", "ambiguous");
        check(200, "{", "ambiguous");
        let of = |kind| word(&Error { kind, detail: String::new() }.into());
        assert_eq!(of(ErrorKind::NotSent), "retryable");
        assert_eq!(of(ErrorKind::Denied), "permanent");
        for kind in [ErrorKind::Interrupted, ErrorKind::Timeout, ErrorKind::TooLarge] {
            assert_eq!(of(kind), "ambiguous");
        }
    }

    #[test]
    fn the_wait_is_discords() {
        let check = |headers: &[(&str, &str)], body: &str, wait, all| {
            let Refusal::Limited { retry_after_ms, everything, .. } = refused(429, headers, body) else {
                panic!()
            };
            assert_eq!((retry_after_ms, everything), (wait, all), "{body}");
        };
        check(&[], r#"{"message": "m", "retry_after": 0.6501, "global": false}"#, Some(651), false);
        check(&[("Retry-After", "3")], r#"{"message": "m"}"#, Some(3_000), false);
        check(&[("X-RateLimit-Global", "true")], r#"{"message": "m", "retry_after": 1}"#, Some(1_000), true);
        check(
            &[("X-RateLimit-Scope", "shared")],
            r#"{"message": "m", "retry_after": 1}"#,
            Some(1_000),
            false,
        );
        check(&[("Retry-After", "600")], "<html>", Some(600_000), true);
        check(&[], r#"{"message": "m", "retry_after": -1}"#, Some(0), false);
    }

    #[test]
    fn operators_are_told_what_to_do() {
        let detail = |body| refused(403, &[], body).failure("sending the message").detail;
        assert!(
            detail(r#"{"message": "Cannot send messages to this user", "code": 50007}"#)
                .contains("allow direct messages")
        );
        let failure = refused(401, &[], r#"{"message": "401: Unauthorized", "code": 0}"#).failure("getMe");
        assert_eq!(failure.kind, FailureKind::Unauthorised);
        assert!(failure.detail.contains("getMe failed (401)"), "{}", failure.detail);
    }

    /// The token is not to be given up for the words of somebody in between.
    #[test]
    fn the_page_of_a_proxy_says_nothing_about_the_token() {
        let page = "<html>log in first</html>";
        for status in [401, 407, 511] {
            assert!(matches!(refused(status, &[], page), Refusal::NotSent { .. }), "{status}");
        }
    }
}
