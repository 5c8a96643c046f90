//! `POST /tools/invoke` (openclaw-compat §4.9): checks who asks for which tool, and answers that it is not available:
//! this gateway has no tools. Runs nothing.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use http::StatusCode;
use openclaw_config::HttpTools;
use openclaw_protocol::Scope;
use serde_json::{Map, Value, json};

use super::server::Origin;
use super::{body, refuse, reply};
use crate::process::Gateway;

/// The longest body.
const MAX_BODY: usize = 2 * 1024 * 1024;
/// Tools that HTTP does not reach unless `gateway.tools.allow` says so.
const DENIED: &[&str] = &[
    "exec",
    "spawn",
    "shell",
    "fs_write",
    "fs_delete",
    "fs_move",
    "apply_patch",
    "sessions_spawn",
    "sessions_send",
    "cron",
    "gateway",
    "nodes",
];

/// The handler.
pub(super) async fn invoke(
    State(gateway): State<Arc<Gateway>>,
    Extension(origin): Extension<Origin>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    if let Some(refused) = refuse(&gateway, origin, &head.headers, Scope::Write) {
        return refused;
    }
    let body = match body::read(&head.headers, body, MAX_BODY).await {
        Ok(body) => body,
        Err(why) => return super::gate::closing(reply::error(&why.into())),
    };
    let config = gateway.settings.config();
    let known = |agent: &str| config.agents.get(&agent.to_lowercase()).is_some();
    let (status, kind, message) = answer(&body, &config.gateway.tools, known);
    reply::json(status, &json!({"ok": false, "error": {"type": kind, "message": message}}))
}

/// Why not.
fn answer(
    body: &[u8],
    tools: &HttpTools,
    is_agent: impl Fn(&str) -> bool,
) -> (StatusCode, &'static str, String) {
    let invalid = |message: String| (StatusCode::BAD_REQUEST, "invalid_request", message);
    let Ok(Value::Object(asked)) = serde_json::from_slice::<Value>(body) else {
        return invalid("The request body must be a JSON object.".to_owned());
    };
    let tool = match text(&asked, "name").and_then(|name| Ok(name.or(text(&asked, "tool")?))) {
        Ok(Some(tool)) => tool,
        Ok(None) => return invalid("tools.invoke requires name".to_owned()),
        Err(field) => return invalid(format!("{field} must be a string")),
    };
    for field in ["action", "sessionKey", "agentId", "idempotencyKey"] {
        if let Err(field) = text(&asked, field) {
            return invalid(format!("{field} must be a string"));
        }
    }
    if asked.get("args").is_some_and(|args| !args.is_object() && !args.is_null()) {
        return invalid("args must be an object".to_owned());
    }
    if let Ok(Some(agent)) = text(&asked, "agentId")
        && !is_agent(agent)
    {
        return invalid(format!("unknown agent: {agent}"));
    }
    if is_denied(tool, tools) {
        let message = format!("Tool {tool} is not reachable over HTTP (gateway.tools decides)");
        return (StatusCode::FORBIDDEN, "tool_call_blocked", message);
    }
    (StatusCode::NOT_FOUND, "not_found", format!("Tool not available: {tool}"))
}

/// `gateway.tools.deny` has the last word, over `allow` and over the built-in list.
fn is_denied(tool: &str, tools: &HttpTools) -> bool {
    let listed = |list: &[String]| list.iter().any(|entry| entry.trim().eq_ignore_ascii_case(tool));
    let built_in = DENIED.iter().any(|denied| denied.eq_ignore_ascii_case(tool));
    listed(&tools.deny) || (built_in && !listed(&tools.allow))
}

/// A text that may be absent or blank; the field's name when it is something else.
fn text<'a>(asked: &'a Map<String, Value>, field: &'static str) -> Result<Option<&'a str>, &'static str> {
    match asked.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
        Some(_) => Err(field),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_is_refused_in_the_documented_order() {
        let check = |body: Value, status: u16, message: &str| {
            let tools =
                HttpTools { allow: vec!["cron".into(), "browser".into()], deny: vec!["Browser".into()] };
            let (found, _, text) = answer(body.to_string().as_bytes(), &tools, |agent| agent == "main");
            assert_eq!((found.as_u16(), text.as_str()), (status, message), "{body}");
        };
        check(json!([]), 400, "The request body must be a JSON object.");
        check(json!({"tool": " "}), 400, "tools.invoke requires name");
        check(json!({"tool": 1}), 400, "tool must be a string");
        check(json!({"tool": "x", "args": []}), 400, "args must be an object");
        check(json!({"tool": "x", "sessionKey": 1}), 400, "sessionKey must be a string");
        check(json!({"tool": "x", "agentId": "nobody"}), 400, "unknown agent: nobody");
        check(json!({"tool": "exec"}), 403, "Tool exec is not reachable over HTTP (gateway.tools decides)");
        check(
            json!({"tool": "browser"}),
            403,
            "Tool browser is not reachable over HTTP (gateway.tools decides)",
        );
        check(json!({"tool": "cron"}), 404, "Tool not available: cron");
        check(json!({"tool": "x", "name": "y", "agentId": "main"}), 404, "Tool not available: y");
    }
}
