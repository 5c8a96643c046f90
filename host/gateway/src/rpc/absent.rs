//! Answers about things of which this gateway has none (openclaw-compat §3.13). Each has the shape that clients know and
//! says that there is nothing; none asks another part.

use openclaw_protocol::{Method, RpcError, absent, check};
use serde_json::{Value, json};

use crate::clock::now_ms;

/// The answer to a method of [`absent::METHODS`]; `None` for any other.
pub(super) fn answer(method: &str, params: Option<Value>) -> Option<Result<Value, RpcError>> {
    let row = absent::METHODS.iter().find(|row| row.name == method)?;
    Some(check(row.name, row.shape, params).map(|params| nothing(row, &params)))
}

fn nothing(method: &Method, _params: &Value) -> Value {
    match method.name {
        "node.list" => json!({"ts": now_ms(), "nodes": []}),
        "skills.bins" => json!({"bins": []}),
        _ => Value::Null,
    }
}
