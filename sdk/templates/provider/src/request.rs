//! Writes requests. What the dialect cannot express is refused, never dropped in silence.

use openclaw_sdk::provider::{
    ChatRequest, Content, Failure, FailureReason, HttpRequest, Message, Method, Part, Role,
};
use serde::Serialize;

use crate::failure;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Said>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
}

#[derive(Serialize)]
struct Said {
    role: &'static str,
    content: String,
}

pub(crate) fn prepare(request: &ChatRequest) -> Result<HttpRequest, Failure> {
    let messages = request.messages.iter().map(said).collect::<Result<_, _>>()?;
    let body = Body {
        model: &request.model,
        messages,
        stream: request.stream,
        max_tokens: request.max_tokens,
        temperature: request.temperature,
    };
    let body = serde_json::to_vec(&body)
        .map_err(|error| failure(FailureReason::Format, "invalid_request", &error.to_string()))?;
    Ok(HttpRequest {
        method: Method::Post,
        path: "/chat/completions".to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body,
    })
}

pub(crate) fn models() -> HttpRequest {
    HttpRequest { method: Method::Get, path: "/models".to_owned(), headers: Vec::new(), body: Vec::new() }
}

fn said(message: &Message) -> Result<Said, Failure> {
    let role = match message.role {
        Role::System | Role::Developer => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => return Err(failure(FailureReason::Format, "tools", "this dialect has no tools")),
    };
    let content = match &message.content {
        Some(Content::Text(text)) => text.clone(),
        Some(Content::Parts(parts)) => parts.iter().map(text).collect::<Result<_, _>>()?,
        None => String::new(),
    };
    Ok(Said { role, content })
}

fn text(part: &Part) -> Result<&str, Failure> {
    match part {
        Part::Text(text) => Ok(text),
        Part::Image(_) => Err(failure(FailureReason::Format, "images", "this dialect takes no images")),
    }
}
