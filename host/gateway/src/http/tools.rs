//! `POST /tools/invoke` (openclaw-compat §4.9): checks who asks for which tool, and answers that it is not available:
//! this gateway has no tools. Runs nothing.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use http::StatusCode;
use openclaw_config::HttpTools;
use openclaw_protocol::Scope;
use openclaw_protocol::tools::ToolCall;
use serde_json::json;

use super::caller::caller;
use super::server::Origin;
use super::{body, reply};
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
    if let Err(refused) = caller(&gateway, origin, &head.headers, Scope::Write) {
        return reply::error(&refused);
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
    let ToolCall { tool, agent } = match ToolCall::read(body) {
        Ok(call) => call,
        Err(fault) => return invalid(fault),
    };
    if let Some(agent) = agent
        && !is_agent(&agent)
    {
        return invalid(format!("unknown agent: {agent}"));
    }
    if is_denied(&tool, tools) {
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

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
