//! What the bodies of `/hooks/wake` and `/hooks/agent` say (openclaw-compat §4.10). Texts of faults are the original's.
//! Judges shapes; whether a name leads anywhere is somebody else's question.

use std::sync::LazyLock;
use std::time::Duration;

use http::HeaderMap;
use openclaw_config::{SessionMode, WakeMode};
use serde_json::{Map, Value};

/// The longest idempotency key in bytes; a longer one counts as none.
pub const MAX_KEY: usize = 256;

/// An event for a session.
#[derive(Debug, PartialEq, Eq)]
pub struct Wake {
    /// Not blank.
    pub text: String,
    /// When the session is told.
    pub mode: WakeMode,
    /// As the caller spelled it.
    pub agent: Option<String>,
    /// As the caller spelled it; never together with [`WakeMode::NextHeartbeat`].
    pub session: Option<String>,
}

/// A run of an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// Not blank.
    pub message: String,
    /// What people call it.
    pub name: String,
    /// As the caller or the file spelled it.
    pub agent: Option<String>,
    /// The same of the session.
    pub session: Option<String>,
    /// Whether the transcript is one of its own.
    pub mode: SessionMode,
    /// Whether anybody hears the answer.
    pub deliver: bool,
    /// Who hears it; nobody but the main session otherwise.
    pub to: Option<Destination>,
    /// The model instead of the agent's own.
    pub model: Option<String>,
    /// How hard it thinks, as the caller or the file spelled it.
    pub thinking: Option<String>,
    /// Whole seconds.
    pub timeout: Option<Duration>,
    /// The content is handed over as it is.
    pub unsafe_content: bool,
}

/// Where an answer goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// One that there is.
    pub channel: String,
    /// Not blank.
    pub to: String,
    /// The channel's default one otherwise.
    pub account: Option<String>,
}

/// A body as JSON; an empty one is `{}`.
///
/// # Errors
/// The text of the 400.
pub fn read(body: &[u8]) -> Result<Value, String> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_slice(body).map_err(|error| format!("invalid JSON: {error}"))
}

/// The fields of a body; one that is no object has none.
#[must_use]
pub fn fields(payload: &Value) -> &Map<String, Value> {
    static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    payload.as_object().unwrap_or(&NONE)
}

/// A text that is not blank.
fn text(body: &Map<String, Value>, key: &str) -> Option<String> {
    let text = body.get(key)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The same, where something else is a fault.
fn text_or(body: &Map<String, Value>, key: &str, fault: &str) -> Result<Option<String>, String> {
    match (body.get(key), text(body, key)) {
        (None, _) => Ok(None),
        (Some(_), Some(text)) => Ok(Some(text)),
        (Some(_), None) => Err(fault.to_owned()),
    }
}

impl Wake {
    /// The body of `/hooks/wake`.
    ///
    /// # Errors
    /// The text of the 400.
    pub fn read(body: &Map<String, Value>) -> Result<Wake, String> {
        let wake = Wake {
            text: text(body, "text").ok_or("text required")?,
            mode: match body.get("mode").and_then(Value::as_str) {
                Some("next-heartbeat") => WakeMode::NextHeartbeat,
                _ => WakeMode::Now,
            },
            agent: text_or(body, "agentId", "agentId must be a non-empty string")?,
            session: text_or(body, "sessionKey", "sessionKey must be a non-empty string")?,
        };
        match (&wake.session, wake.mode) {
            (Some(_), WakeMode::NextHeartbeat) => Err("sessionKey requires mode=now".to_owned()),
            _ => Ok(wake),
        }
    }
}

impl Run {
    /// The body of `/hooks/agent`. `channels` are the channels that there are.
    ///
    /// # Errors
    /// The text of the 400.
    pub fn read(body: &Map<String, Value>, channels: &[&str]) -> Result<Run, String> {
        let mode = match body.get("sessionMode") {
            None => SessionMode::Isolated,
            Some(Value::String(mode)) if mode == "isolated" => SessionMode::Isolated,
            Some(Value::String(mode)) if mode == "persistent" => SessionMode::Persistent,
            Some(_) => return Err("sessionMode must be isolated or persistent".to_owned()),
        };
        let deliver = body.get("deliver") != Some(&Value::Bool(false));
        let seconds = body.get("timeoutSeconds").and_then(Value::as_f64).filter(|seconds| *seconds >= 1.0);
        let run = Run {
            message: text(body, "message").ok_or("message required")?,
            name: text(body, "name").unwrap_or_else(|| "Hook".to_owned()),
            agent: text_or(body, "agentId", "agentId must be a non-empty string")?,
            session: text(body, "sessionKey"),
            mode,
            deliver,
            to: if deliver { destination(body, channels)? } else { None },
            model: text_or(body, "model", "model required")?,
            thinking: text_or(body, "thinking", "thinking must be a non-empty string")?,
            timeout: seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds.floor()).ok()),
            unsafe_content: false,
        };
        match (&run.session, run.mode) {
            (None, SessionMode::Persistent) => {
                Err("sessionKey is required when sessionMode is persistent".to_owned())
            }
            _ => Ok(run),
        }
    }
}

/// A channel and a recipient, or neither.
fn destination(body: &Map<String, Value>, channels: &[&str]) -> Result<Option<Destination>, String> {
    if !["channel", "to", "accountId"].iter().any(|key| body.contains_key(*key)) {
        return Ok(None);
    }
    let channel = match body.get("channel") {
        None => None,
        Some(_) => Some(
            text(body, "channel")
                .map(|channel| channel.to_lowercase())
                .filter(|channel| channel == "last" || channels.contains(&channel.as_str()))
                .ok_or_else(|| unknown_channel(channels))?,
        ),
    };
    let to = text_or(body, "to", "to must be a non-empty string for hook delivery")?;
    let account = text_or(body, "accountId", "accountId must be a non-empty string for hook delivery")?;
    match (channel, to) {
        (Some(channel), Some(_)) if channel == "last" => {
            Err("channel must name a concrete channel for hook delivery".to_owned())
        }
        (Some(channel), Some(to)) => Ok(Some(Destination { channel, to, account })),
        _ if account.is_some() => Err("accountId requires channel and to for hook delivery".to_owned()),
        _ => Err("channel and to must be set together for hook delivery".to_owned()),
    }
}

/// What to say of a channel that there is not.
pub(crate) fn unknown_channel(channels: &[&str]) -> String {
    format!("channel must be {}", ["last"].iter().chain(channels).copied().collect::<Vec<_>>().join("|"))
}

/// The key that makes a repetition of a request the same request, [`MAX_KEY`] bytes at most.
#[must_use]
pub fn idempotency_key(headers: &HeaderMap, body: &Map<String, Value>) -> Option<String> {
    let usable = |text: &str| {
        let text = text.trim();
        (!text.is_empty() && text.len() <= MAX_KEY).then(|| text.to_owned())
    };
    let header = |name: &str| headers.get(name)?.to_str().ok().and_then(usable);
    header("idempotency-key")
        .or_else(|| header("x-openclaw-idempotency-key"))
        .or_else(|| usable(body.get("idempotencyKey")?.as_str()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(body: Value) -> Map<String, Value> {
        match body {
            Value::Object(fields) => fields,
            other => panic!("no object: {other}"),
        }
    }

    #[test]
    fn faults_have_the_known_texts() {
        let wake = |body: Value, expected: &str| {
            assert_eq!(Wake::read(&object(body.clone())).unwrap_err(), expected, "{body}");
        };
        wake(json!({"text": " "}), "text required");
        wake(json!({"text": "x", "agentId": 1}), "agentId must be a non-empty string");
        wake(json!({"text": "x", "sessionKey": ""}), "sessionKey must be a non-empty string");
        wake(
            json!({"text": "x", "sessionKey": "k", "mode": "next-heartbeat"}),
            "sessionKey requires mode=now",
        );
        let run = |body: Value, expected: &str| {
            assert_eq!(Run::read(&object(body.clone()), &["chat"]).unwrap_err(), expected, "{body}");
        };
        run(json!({}), "message required");
        run(json!({"message": "x", "sessionMode": 1}), "sessionMode must be isolated or persistent");
        run(
            json!({"message": "x", "sessionMode": "persistent"}),
            "sessionKey is required when sessionMode is persistent",
        );
        run(json!({"message": "x", "model": ""}), "model required");
        run(json!({"message": "x", "thinking": 1}), "thinking must be a non-empty string");
        run(json!({"message": "x", "channel": "nope", "to": "1"}), "channel must be last|chat");
        run(
            json!({"message": "x", "channel": "last", "to": "1"}),
            "channel must name a concrete channel for hook delivery",
        );
        run(json!({"message": "x", "to": "1"}), "channel and to must be set together for hook delivery");
        run(json!({"message": "x", "accountId": "a"}), "accountId requires channel and to for hook delivery");
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let run = Run::read(&object(json!({"message": " hi ", "timeoutSeconds": 2.5})), &[]).unwrap();
        let expected = Run {
            message: "hi".into(),
            name: "Hook".into(),
            deliver: true,
            timeout: Some(Duration::from_secs(2)),
            ..Run::default()
        };
        assert_eq!(run, expected);
        let quiet = json!({"message": "x", "deliver": false, "channel": "nope", "timeoutSeconds": -1});
        let quiet = Run::read(&object(quiet), &[]).unwrap();
        assert_eq!((quiet.deliver, quiet.to, quiet.timeout), (false, None, None));
    }

    #[test]
    fn headers_name_the_repetition_before_the_body_does() {
        let body = object(json!({"idempotencyKey": "b"}));
        let mut headers = HeaderMap::new();
        assert_eq!(idempotency_key(&headers, &body).as_deref(), Some("b"));
        headers.insert("x-openclaw-idempotency-key", "h".parse().unwrap());
        assert_eq!(idempotency_key(&headers, &body).as_deref(), Some("h"));
        headers.insert("idempotency-key", "x".repeat(257).parse().unwrap());
        assert_eq!(idempotency_key(&headers, &body).as_deref(), Some("h"));
    }
}
