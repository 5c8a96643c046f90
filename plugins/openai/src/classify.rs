//! What an error of a provider means. Owns the reading of error bodies and the phrases that decide; the provider's own
//! words go on unchanged.

use openclaw_sdk::provider::{Failure, FailureReason};
use serde_json::Value;

use crate::errors::failure;
use crate::retry;

/// Classifies an answer whose status is not 2xx.
pub(crate) fn classify(status: u16, headers: &[(String, String)], body: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(body);
    let said =
        serde_json::from_str::<Value>(&text).ok().map(|json| Said::from_body(&json)).unwrap_or_default();
    let message = match said.message {
        Some(message) => message,
        None if text.trim().is_empty() => format!("HTTP {status} without a body"),
        None => text.trim().to_owned(),
    };
    decide(status, said.code, &message, headers)
}

/// Classifies an error object inside an answer whose status was 200.
pub(crate) fn in_answer(error: &str) -> Failure {
    let json = serde_json::from_str::<Value>(error).unwrap_or_default();
    let said = Said::from_error(&json);
    // Routers put the status of the server behind them into `code`.
    let status = json.get("code").and_then(status_code).unwrap_or(500);
    decide(status, said.code, &said.message.unwrap_or_else(|| error.to_owned()), &[])
}

fn status_code(code: &Value) -> Option<u16> {
    let number = code.as_u64().or_else(|| code.as_str()?.parse().ok())?;
    u16::try_from(number).ok().filter(|status| (400..600).contains(status))
}

fn decide(status: u16, code: Option<String>, message: &str, headers: &[(String, String)]) -> Failure {
    let code = code.unwrap_or_else(|| format!("http_{status}"));
    let reason = reason(status, &code, message);
    Failure { retry_after_ms: retry::after_ms(headers, message), ..failure(reason, &code, message) }
}

/// Code and words of an error body.
#[derive(Default)]
struct Said {
    code: Option<String>,
    message: Option<String>,
}

impl Said {
    /// `{"error": …}`, `[{"error": …}]`, `{"message": …}` or `{"detail": …}`.
    fn from_body(json: &Value) -> Self {
        let json = json.get(0).unwrap_or(json);
        json.get("error")
            .filter(|error| !error.is_null())
            .map_or_else(|| Self::from_error(json), Self::from_error)
    }

    fn from_error(error: &Value) -> Self {
        let text = |name: &str| error.get(name).and_then(word);
        let message = text("message")
            .or_else(|| text("detail"))
            .or_else(|| error.get("detail").filter(|detail| !detail.is_null()).map(Value::to_string))
            .or_else(|| word(error));
        // Some routers only say that the provider failed, and quote it beside that.
        let quoted = error.pointer("/metadata/raw").and_then(word);
        let message = match (message, quoted) {
            (Some(message), Some(quoted)) => Some(format!("{message}: {quoted}")),
            (message, quoted) => message.or(quoted),
        };
        Self { code: text("code").or_else(|| text("type")).or_else(|| text("status")), message }
    }
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

const BILLING: [&str; 9] = [
    "insufficient_quota",
    "insufficient credit",
    "insufficient balance",
    "insufficient funds",
    "credit balance",
    "exceeded your current quota",
    "billing",
    "out of credits",
    "payment required",
];
/// A spending window that opens again by itself, though the status says that money is missing.
const USAGE_WINDOW: [&str; 5] =
    ["usage limit", "usage window", "spend limit", "spending limit", "try again in"];
const OVERLOADED: [&str; 3] = ["overloaded", "over capacity", "server is busy"];
const CONTEXT: [&str; 13] = [
    "context_length_exceeded",
    "maximum context length",
    "context length exceeded",
    "exceeds the context",
    "exceeds context",
    "exceed context",
    "context window",
    "available context size",
    "prompt is too long",
    "input is too long",
    "too many tokens in the prompt",
    "reduce the length of the messages",
    "longer than the context",
];
const MODEL: [&str; 7] = [
    "model_not_found",
    "model not found",
    "no such model",
    "unknown model",
    "is not a valid model",
    "invalid model",
    "model_not_exist",
];

fn reason(status: u16, code: &str, message: &str) -> FailureReason {
    let text = format!("{code} {message}").to_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    let model = || {
        says(&MODEL)
            || (text.contains("model") && (text.contains("does not exist") || text.contains("not found")))
    };
    match status {
        402 if says(&USAGE_WINDOW) && !says(&BILLING) => FailureReason::RateLimit,
        402 => FailureReason::Billing,
        401 | 403 if says(&BILLING) => FailureReason::Billing,
        401 | 403 => FailureReason::Auth,
        429 if says(&BILLING) => FailureReason::Billing,
        429 if says(&OVERLOADED) => FailureReason::Overloaded,
        429 => FailureReason::RateLimit,
        404 => FailureReason::ModelNotFound,
        408 | 499 | 504 | 522 | 524 => FailureReason::Timeout,
        529 => FailureReason::Overloaded,
        400..=499 if says(&CONTEXT) => FailureReason::ContextOverflow,
        400..=499 if says(&BILLING) => FailureReason::Billing,
        400..=499 if model() => FailureReason::ModelNotFound,
        413 => FailureReason::ContextOverflow,
        400..=499 => FailureReason::Format,
        // Errors inside a stream come without a status of their own: the words are all there is.
        500..=599 if says(&CONTEXT) => FailureReason::ContextOverflow,
        500..=599 if says(&OVERLOADED) => FailureReason::Overloaded,
        500..=599 if says(&["rate limit", "rate_limit", "too many requests"]) => FailureReason::RateLimit,
        500..=599 if says(&["insufficient_quota", "invalid_api_key"]) => {
            if says(&BILLING) {
                FailureReason::Billing
            } else {
                FailureReason::Auth
            }
        }
        500..=599 => FailureReason::ServerError,
        _ => FailureReason::Unknown,
    }
}
