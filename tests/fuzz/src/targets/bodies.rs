//! Bodies of `/v1` and of `/tools/invoke`.

use openclaw_models::dialect::{ChatBody, EmbeddingsBody, ResponsesBody};
use openclaw_protocol::tools::ToolCall;

use super::way;

/// A refusal, whose text is the answer.
fn refused(text: &str) -> u64 {
    assert!(!text.is_empty());
    way(&["no body", text])
}

/// The body of `POST /v1/chat/completions`.
pub(super) fn chat(input: &[u8]) -> u64 {
    match ChatBody::parse(input) {
        Ok(body) => {
            let turn = match body.turn() {
                Ok(turn) => {
                    assert!(turn < body.request.messages.len());
                    "a turn".to_owned()
                }
                Err(refused) => refused.0,
            };
            way(&["a body", &turn, if body.request.tools.is_empty() { "" } else { "tools" }])
        }
        Err(why) => refused(&why.0),
    }
}

/// The body of `POST /v1/responses`.
pub(super) fn responses(input: &[u8]) -> u64 {
    match ResponsesBody::parse(input) {
        Ok(body) => {
            let turn = body.chat.turn().expect("a body without a turn is refused");
            assert!(turn < body.chat.request.messages.len());
            assert!(body.previous.as_deref() != Some(""));
            let tools = if body.chat.request.tools.is_empty() { "" } else { "tools" };
            let extra: Vec<&str> = body.chat.request.extra.iter().map(|(name, _)| name.as_str()).collect();
            way(&["a body", tools, body.previous.map_or("first", |_| "next"), &extra.join(" ")])
        }
        Err(why) => refused(&why.0),
    }
}

/// The body of `POST /v1/embeddings`.
pub(super) fn embeddings(input: &[u8]) -> u64 {
    match EmbeddingsBody::parse(input) {
        Ok(body) => {
            assert!(!body.model.is_empty() && !body.request.input.is_empty());
            assert!(body.request.input.iter().all(|text| !text.is_empty()));
            assert!(body.request.dimensions != Some(0));
            let format = if body.base64 { "base64" } else { "float" };
            let many = if body.request.input.len() > 1 { "many" } else { "one" };
            let dimensions = body.request.dimensions.map_or("", |_| "dimensions");
            way(&[
                "a body",
                format,
                many,
                dimensions,
                if body.request.extra.is_empty() { "" } else { "extra" },
            ])
        }
        Err(why) => refused(&why.0),
    }
}

/// The body of `POST /tools/invoke`.
pub(super) fn tools(input: &[u8]) -> u64 {
    match ToolCall::read(input) {
        Ok(call) => {
            assert!(!call.tool.trim().is_empty() && call.agent.as_deref() != Some(""));
            way(&["a call", call.agent.map_or("nobody", |_| "an agent")])
        }
        Err(why) => refused(&why),
    }
}
