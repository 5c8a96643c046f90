//! What an answer of the Bot API means. Owns the classification and the words that tell an operator what to do; never
//! sends anything.

use openclaw_sdk::channel::{Failure, FailureKind, Outcome};
use openclaw_sdk::http::{Answer, Error, ErrorKind};
use serde::Deserialize;

use crate::api::{Envelope, Parameters};

/// Why a call gave no result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Refusal {
    /// 401, or 404: a token that was revoked, or never was one.
    Unauthorised { status: u16, description: String },
    /// 409: somebody else reads with the same token.
    Conflict { description: String },
    /// 429.
    Limited { description: String, retry_after_ms: Option<u64> },
    /// 400, because of the markup.
    Markup { description: String },
    /// Any other 4xx.
    Refused { status: u16, description: String, migrated_to: Option<i64> },
    /// 5xx, or an answer that is none: the request may have been carried out.
    Broken { code: String, description: String },
    /// No connection: the request was certainly not carried out.
    NotSent { description: String },
    /// The host does not allow the request.
    Denied { description: String },
}

/// The code of an answer that is longer than the manifest grants, and of one that did not come in time.
const TOO_LARGE: &str = "too_large";
const LATE: &str = "timeout";

/// Reads the `result` of an answer.
pub(crate) fn result<'a, T: Deserialize<'a>>(answer: &'a Result<Answer, Error>) -> Result<T, Refusal> {
    let answer = answer.as_ref().map_err(refused_by_host)?;
    let envelope: Envelope<'a> = match serde_json::from_slice(&answer.body) {
        Ok(envelope) => envelope,
        Err(_) if answer.status == 200 => {
            return Err(broken("bad_json", "the answer is not the Bot API's JSON"));
        }
        Err(_) => return Err(page(answer)),
    };
    if envelope.ok {
        let result = envelope.result.map_or("null", |raw| raw.get());
        return serde_json::from_str(result).map_err(|error| broken("bad_result", &error.to_string()));
    }
    let status = envelope.error_code.unwrap_or(answer.status);
    let description = envelope.description.unwrap_or_else(|| format!("HTTP {status}"));
    Err(by_status(answer, status, description, envelope.parameters))
}

/// Telegram speaks JSON, so this is somebody in between: a proxy, or the page of a network that wants a person to log in. What it
/// says of credentials is not about the bot's token.
fn page(answer: &Answer) -> Refusal {
    let description = format!("HTTP {}", answer.status);
    match answer.status {
        401 | 407 | 511 => Refusal::NotSent { description: format!("{description} from a proxy") },
        404 => broken("http_404", &description),
        status => by_status(answer, status, description, None),
    }
}

fn broken(code: &str, description: &str) -> Refusal {
    Refusal::Broken { code: code.to_owned(), description: description.to_owned() }
}

fn refused_by_host(error: &Error) -> Refusal {
    let description = error.detail.clone();
    match error.kind {
        ErrorKind::NotSent => Refusal::NotSent { description },
        ErrorKind::Denied => Refusal::Denied { description },
        ErrorKind::Interrupted => broken("interrupted", &description),
        ErrorKind::Timeout => broken(LATE, &description),
        ErrorKind::TooLarge => broken(TOO_LARGE, &description),
    }
}

fn by_status(answer: &Answer, status: u16, description: String, parameters: Option<Parameters>) -> Refusal {
    let parameters = parameters.unwrap_or_default();
    match status {
        401 | 404 => Refusal::Unauthorised { status, description },
        409 => Refusal::Conflict { description },
        429 => {
            let told = parameters.retry_after.map(|seconds| seconds.saturating_mul(1_000));
            let retry_after_ms = told.or_else(|| answer.retry_after_ms());
            Refusal::Limited { description, retry_after_ms }
        }
        400 if is_about_markup(&description) => Refusal::Markup { description },
        300..=499 => Refusal::Refused { status, description, migrated_to: parameters.migrate_to_chat_id },
        _ => Refusal::Broken { code: format!("http_{status}"), description },
    }
}

fn is_about_markup(description: &str) -> bool {
    let lower = description.to_ascii_lowercase();
    ["can't parse entities", "parse entities", "find end of the entity"]
        .iter()
        .any(|words| lower.contains(words))
}

impl Refusal {
    /// Whether the answer was longer than the manifest grants: asking for less helps, asking again does not.
    pub(crate) fn is_too_large(&self) -> bool {
        matches!(self, Self::Broken { code, .. } if code == TOO_LARGE)
    }

    /// Whether no whole answer came in time.
    pub(crate) fn is_late(&self) -> bool {
        matches!(self, Self::Broken { code, .. } if code == LATE)
    }

    /// As a failure of the channel; `method` is what was asked.
    pub(crate) fn failure(&self, method: &str) -> Failure {
        match self {
            Self::Unauthorised { status, .. } => {
                Failure::unauthorised(&format!("http_{status}"), &unauthorised_text(method, *status))
            }
            Self::Conflict { description } => {
                Failure::new(FailureKind::Conflict, "http_409", &format!("{description}{CONFLICT_HINT}"))
            }
            Self::Limited { description, retry_after_ms } => {
                Failure::rate_limited("http_429", description, *retry_after_ms)
            }
            Self::Markup { description } => Failure::permanent("http_400", description),
            Self::Refused { status, description, migrated_to } => {
                Failure::permanent(&format!("http_{status}"), &with_hint(*status, description, *migrated_to))
            }
            Self::Broken { code, description } => Failure::unavailable(
                code,
                &format!("Telegram did not answer {method} properly: {description}"),
            ),
            Self::NotSent { description } => {
                Failure::unavailable("not_sent", &format!("Telegram is not reachable: {description}"))
            }
            Self::Denied { description } => {
                Failure::permanent("denied", &format!("the gateway does not allow {method}: {description}"))
            }
        }
    }

    /// As the outcome of a send of which nothing is visible yet.
    pub(crate) fn outcome(&self) -> Outcome {
        self.outcome_of("sendMessage")
    }

    /// As the outcome of a call that people would see.
    pub(crate) fn outcome_of(&self, method: &str) -> Outcome {
        let failure = self.failure(method);
        match self {
            Self::Unauthorised { .. } => Outcome::Unauthorised(failure),
            Self::Limited { .. } | Self::NotSent { .. } | Self::Conflict { .. } => {
                Outcome::Retryable(failure)
            }
            Self::Broken { .. } => Outcome::Ambiguous(failure),
            Self::Markup { .. } | Self::Refused { .. } | Self::Denied { .. } => Outcome::Permanent(failure),
        }
    }
}

/// What the log adds to a conflict.
pub(crate) const CONFLICT_HINT: &str = " Another OpenClaw gateway, script, or Telegram poller may be using this bot token; stop the duplicate poller or switch this account to webhook mode.";

/// What a person has to do about a refused token.
pub(crate) fn unauthorised_text(method: &str, status: u16) -> String {
    format!(
        "Telegram bot token unauthorized ({method} returned {status} from Telegram). Update it with the current BotFather token."
    )
}

/// Telegram's words, and what an operator can do about them.
fn with_hint(status: u16, description: &str, migrated_to: Option<i64>) -> String {
    let lower = description.to_ascii_lowercase();
    let says = |words: &str| lower.contains(words);
    let hint = if let Some(id) = migrated_to {
        format!("The group became a supergroup: use the chat id {id}.")
    } else if says("blocked by the user") {
        "The user has to unblock the bot.".into()
    } else if says("user is deactivated") {
        "The user's account no longer exists.".into()
    } else if says("kicked") || says("not a member") {
        "Add the bot to the chat again.".into()
    } else if says("can't initiate conversation") {
        "The user has to send the bot a message first (/start).".into()
    } else if says("not enough rights") || says("have no rights") || says("need administrator rights") {
        "Give the bot the right to write there.".into()
    } else if says("thread not found") {
        "The topic does not exist (any more).".into()
    } else if says("chat not found") {
        "Likely: bot not started in DM, bot removed from group, group migrated (new -100… id), or wrong bot token.".into()
    } else if (300..400).contains(&status) {
        "Check channels.telegram.apiRoot: it answers with a redirect.".into()
    } else {
        return description.to_owned();
    };
    format!("{description}. {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<Answer, Error> {
        Ok(Answer { status, headers: Vec::new(), body: body.as_bytes().to_vec() })
    }

    fn error(kind: ErrorKind) -> Result<Answer, Error> {
        Err(Error { kind, detail: "why".into() })
    }

    fn said(code: u16, description: &str) -> Result<Answer, Error> {
        answer(code, &format!(r#"{{"ok":false,"error_code":{code},"description":"{description}"}}"#))
    }

    fn word(answer: &Result<Answer, Error>) -> &'static str {
        match result::<bool>(answer).unwrap_err().outcome() {
            Outcome::Sent(_) => "sent",
            Outcome::Retryable(_) => "retryable",
            Outcome::Ambiguous(_) => "ambiguous",
            Outcome::Permanent(_) => "permanent",
            Outcome::Unauthorised(_) => "unauthorised",
        }
    }

    #[test]
    fn what_an_answer_means_for_a_send() {
        let check = |answer, expected| assert_eq!(word(&answer), expected, "{answer:?}");
        check(said(400, "Bad Request: chat not found"), "permanent");
        check(said(401, "Unauthorized"), "unauthorised");
        check(said(404, "Not Found"), "unauthorised");
        check(said(403, "Forbidden: bot was blocked by the user"), "permanent");
        check(said(429, "Too Many Requests: retry after 7"), "retryable");
        check(said(500, "Internal Server Error"), "ambiguous");
        check(answer(502, "<html>bad gateway</html>"), "ambiguous");
        check(answer(200, "hm"), "ambiguous");
        check(answer(200, r#"{"ok":true,"result":{}}"#), "ambiguous");
        check(answer(302, ""), "permanent");
        check(answer(413, "Request Entity Too Large"), "permanent");
        // Not Telegram's words: the token is not to be given up for them.
        check(answer(401, "<html>log in first</html>"), "retryable");
        check(answer(404, "<html>no such page</html>"), "ambiguous");
        check(answer(407, ""), "retryable");
        check(answer(511, "<html>log in first</html>"), "retryable");
        check(error(ErrorKind::NotSent), "retryable");
        check(error(ErrorKind::Timeout), "ambiguous");
        check(error(ErrorKind::Interrupted), "ambiguous");
        check(error(ErrorKind::TooLarge), "ambiguous");
        check(error(ErrorKind::Denied), "permanent");
    }

    #[test]
    fn the_wait_is_telegrams() {
        let wait = |answer: Result<Answer, Error>| {
            result::<bool>(&answer).unwrap_err().failure("sendMessage").retry_after_ms
        };
        let body = r#"{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":7}}"#;
        assert_eq!(wait(answer(429, body)), Some(7_000));
        let bare =
            Answer { status: 429, headers: vec![("Retry-After".into(), "3".into())], body: Vec::new() };
        assert_eq!(wait(Ok(bare)), Some(3_000));
        assert_eq!(wait(answer(429, "")), None);
    }

    #[test]
    fn operators_are_told_what_to_do() {
        let check = |answer: &Result<Answer, Error>, hint: &str| {
            let detail = result::<bool>(answer).unwrap_err().failure("sendMessage").detail;
            assert!(detail.contains(hint), "{detail}");
        };
        check(
            &said(403, "Forbidden: bot was kicked from the supergroup chat"),
            "Add the bot to the chat again.",
        );
        check(&said(400, "Bad Request: chat not found"), "bot not started in DM");
        check(
            &answer(
                400,
                r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1009}}"#,
            ),
            "use the chat id -1009",
        );
        check(&said(401, "Unauthorized"), "Update it with the current BotFather token.");
    }

    #[test]
    fn markup_errors_are_told_apart() {
        let refusal = result::<bool>(&said(400, "Bad Request: can't parse entities: Unsupported start tag"))
            .unwrap_err();
        assert!(matches!(refusal, Refusal::Markup { .. }));
    }
}
