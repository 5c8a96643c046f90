//! The three frames: request, response, event. One JSON object in each WebSocket text message.
//!
//! Frames are strict: an unknown key at the top level is an error, as observed in the original. What a request's
//! parameters or a response's payload hold is the business of the method's own types.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::RpcError;

/// Any frame, in either direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Frame {
    /// A client asks.
    #[serde(rename = "req")]
    Request(Request),
    /// The gateway answers. One request may get several answers, see [`crate::agent`].
    #[serde(rename = "res")]
    Response(Response),
    /// The gateway tells.
    #[serde(rename = "event")]
    Event(Event),
}

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// Chosen by the client, never empty; every answer carries it.
    pub id: String,
    /// Never empty.
    pub method: String,
    /// The parameters; [`crate::decode`] checks them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Value>,
    /// A W3C trace context of at most 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// Which person's profile the client believes to act for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_profile_id: Option<String>,
}

/// What the gateway answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Response {
    /// The request's id.
    pub id: String,
    /// Whether `payload` or `error` is present.
    pub ok: bool,
    /// The method's result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
    /// Why there is no result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RpcError>,
}

impl Response {
    /// The answer to a request that succeeded.
    #[must_use]
    pub fn ok(id: impl Into<String>, payload: Value) -> Self {
        Self { id: id.into(), ok: true, payload: Some(payload), error: None }
    }

    /// The answer to a request that failed.
    #[must_use]
    pub fn error(id: impl Into<String>, error: RpcError) -> Self {
        Self { id: id.into(), ok: false, payload: None, error: Some(error) }
    }

    /// The payload of a success, or the error of a failure.
    ///
    /// # Errors
    /// The error that the gateway answered with.
    pub fn into_result(self) -> Result<Value, RpcError> {
        match (self.ok, self.error) {
            (true, _) => Ok(self.payload.unwrap_or(Value::Null)),
            (false, Some(error)) => Err(error),
            (false, None) => {
                Err(RpcError::unavailable("the gateway answered with an error that it did not name"))
            }
        }
    }
}

/// What the gateway tells without having been asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Event {
    /// The event's name, for instance `tick`.
    pub event: String,
    /// What happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
    /// Rises by one with each broadcast event of this connection, from 1. A gap means missed events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Which presence and health the event belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_version: Option<StateVersion>,
    /// For whom the event is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient_profile_id: Option<String>,
}

impl Event {
    /// An event outside the numbered broadcast, for instance during the handshake.
    #[must_use]
    pub fn targeted(event: impl Into<String>, payload: Value) -> Self {
        Self {
            event: event.into(),
            payload: Some(payload),
            seq: None,
            state_version: None,
            recipient_profile_id: None,
        }
    }
}

/// Rises independently for presence and for health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateVersion {
    /// Version of the presence list.
    pub presence: u64,
    /// Version of the health snapshot.
    pub health: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn frames_keep_their_wire_shape() {
        let check = |wire: Value| {
            let frame: Frame = serde_json::from_value(wire.clone()).unwrap();
            assert_eq!(serde_json::to_value(frame).unwrap(), wire);
        };
        check(json!({"type":"req","id":"r1","method":"health","params":{}}));
        check(json!({"type":"res","id":"r1","ok":true,"payload":{"ok":true}}));
        check(json!({"type":"res","id":"r1","ok":false,"error":{"code":"INVALID_REQUEST","message":"x"}}));
        check(json!({"type":"event","event":"tick","payload":{"ts":1},"seq":7,
                     "stateVersion":{"presence":1,"health":2}}));
    }

    #[test]
    fn unknown_keys_at_the_top_are_refused() {
        let check = |wire: Value| assert!(serde_json::from_value::<Frame>(wire).is_err());
        check(json!({"type":"req","id":"r1","method":"health","bogus":1}));
        check(json!({"type":"res","id":"r1","ok":true,"bogus":1}));
        check(json!({"type":"event","event":"tick","bogus":1}));
        check(json!({"type":"nope","id":"r1"}));
        check(json!({"id":"r1","method":"health"}));
    }
}
