//! How a refused handshake reads in the log and in its close frame (openclaw-compat §2.6.3). What a client wrote is
//! shown without anything that could pass for another line or move a reader's cursor.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use openclaw_protocol::RpcError;
use openclaw_protocol::connect::ConnectParams;
use serde_json::Value;
use tracing::warn;

use super::handshake::Arrival;
use crate::process::Gateway;

/// Lines of which one says it all are written once in this time for each client.
const REPEATED_EVERY: Duration = Duration::from_secs(30);
/// The reasons of such lines: a client that has nothing to present keeps coming, and so does one that guesses.
const REPEATED: &[&str] = &[
    "AUTH_TOKEN_MISSING",
    "AUTH_PASSWORD_MISSING",
    "AUTH_RATE_LIMITED",
    "CONTROL_UI_DEVICE_IDENTITY_REQUIRED",
    "DEVICE_IDENTITY_REQUIRED",
];
/// Clients whose lines are remembered; beyond it all are forgotten.
const MOST_KEYS: usize = 1_000;
/// Characters of what a client wrote.
const MOST_TEXT: usize = 200;

/// When which line was written last.
#[derive(Debug, Default)]
pub(crate) struct Written(Mutex<HashMap<(String, String), (Instant, u64)>>);

impl Written {
    /// How many lines were left out since the last one, if this one is to be written.
    fn admit(&self, reason: &str, client: &str, now: Instant) -> Option<u64> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (reason.to_owned(), client.to_owned());
        match written.get_mut(&key) {
            Some((last, left_out)) if now.duration_since(*last) < REPEATED_EVERY => {
                *left_out += 1;
                None
            }
            Some((last, left_out)) => {
                *last = now;
                Some(std::mem::take(left_out))
            }
            None => {
                if written.len() >= MOST_KEYS {
                    written.clear();
                }
                written.insert(key, (now, 0));
                Some(0)
            }
        }
    }
}

/// The close reason of a refusal: its text, and which request a person has to look at.
pub(super) fn close_text(error: &RpcError) -> String {
    let request = error.details.as_ref().and_then(|details| details.get("requestId")).and_then(Value::as_str);
    match request {
        Some(request) => format!("{} (requestId: {request})", error.message),
        None => error.message.clone(),
    }
}

/// The line that operators search for.
pub(super) fn log_refusal(
    gateway: &Gateway,
    arrival: &Arrival,
    conn_id: &str,
    params: &ConnectParams,
    error: &RpcError,
) {
    let code = error.detail_code().unwrap_or_default();
    let client = arrival.peer.client.to_string();
    let mut more = String::new();
    if REPEATED.contains(&code) {
        match gateway.refusals.admit(code, &client, Instant::now()) {
            None => return,
            Some(0) => {}
            // Writing to a text cannot fail.
            Some(left_out) => drop(write!(more, " repeated={left_out}")),
        }
    }
    let auth = params.auth.as_ref();
    let provided = match auth {
        Some(auth) if auth.password.is_some() => "password",
        Some(auth) if auth.token.is_some() => "token",
        Some(auth) if auth.bootstrap_token.is_some() => "bootstrap-token",
        Some(auth) if auth.device_token.is_some() => "device-token",
        _ => "none",
    };
    let detail = |key: &str| {
        let details = error.details.as_ref();
        details.and_then(|details| details.get(key)).and_then(Value::as_str).filter(|text| !text.is_empty())
    };
    let reason =
        detail("authReason").or_else(|| detail("reason")).or_else(|| detail("code")).unwrap_or("n/a");
    let or_na = |text: Option<&str>| text.map_or_else(|| "n/a".to_owned(), plain);
    warn!(
        subsystem = "gateway/ws",
        "unauthorized conn={conn_id} peer={} remote={client} client={} {} v{} role={} scopes={} auth={provided} device={} \
         platform={} instance={} host={} origin={} ua={} reason={reason} guidance={}{more}",
        arrival.socket,
        params.client.id,
        params.client.mode,
        plain(&params.client.version),
        plain(params.role.as_deref().unwrap_or("operator")),
        params.scopes.as_ref().map_or(0, Vec::len),
        if params.device.is_some() { "yes" } else { "no" },
        plain(&params.client.platform),
        or_na(params.client.instance_id.as_deref()),
        or_na(arrival.peer.host.as_deref()),
        or_na(arrival.peer.origin.as_deref()),
        or_na(arrival.user_agent.as_deref()),
        error.message.strip_prefix("unauthorized: ").unwrap_or(&error.message),
    );
}

/// What a client wrote, on one line and not too long. Control characters, and those that turn the writing round, are
/// shown by their number.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(MOST_TEXT) {
        let turning = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if c.is_control() || turning {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_wrote_stays_on_its_line() {
        assert_eq!(plain("1.0\n2026 INFO all is well\u{1b}[2J"), "1.0\\u{a}2026 INFO all is well\\u{1b}[2J");
        assert_eq!(plain("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(plain(&"x".repeat(1_000)).len(), MOST_TEXT);
    }

    #[test]
    fn a_repeated_line_is_written_once_in_half_a_minute() {
        let (written, start) = (Written::default(), Instant::now());
        assert_eq!(written.admit("A", "10.0.0.1", start), Some(0));
        assert_eq!(written.admit("A", "10.0.0.1", start + REPEATED_EVERY / 2), None);
        assert_eq!(written.admit("A", "10.0.0.2", start), Some(0));
        assert_eq!(written.admit("B", "10.0.0.1", start), Some(0));
        assert_eq!(written.admit("A", "10.0.0.1", start + REPEATED_EVERY), Some(1));
    }

    #[test]
    fn the_close_says_which_request_is_meant() {
        let error = RpcError::invalid("pairing required: device is not approved yet");
        assert_eq!(close_text(&error), error.message);
        let error = error.with_details(serde_json::json!({"requestId": "r-1"}));
        assert_eq!(close_text(&error), "pairing required: device is not approved yet (requestId: r-1)");
    }
}
