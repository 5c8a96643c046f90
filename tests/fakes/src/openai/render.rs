//! The bytes of answers, as the vendor's reference shows them.

use std::collections::VecDeque;
use std::sync::LazyLock;

use bytes::Bytes;
use hyper::Response;
use hyper::header::HeaderValue;
use serde_json::{Value, json};

use super::mode::Mode;
use crate::server::{self, Reply};

const ID: &str = "chatcmpl-fake";
const CREATED: u64 = 1_795_328_271;
/// Tokens of every request; those of an answer are its words.
const PROMPT_TOKENS: usize = 10;
/// Chunks of a measured stream.
const INSTANT_CHUNKS: usize = 19;

/// The answer of an instant backend: the same bytes every time.
pub(super) fn instant(body: &[u8]) -> Response<Reply> {
    static WHOLE: LazyLock<Bytes> = LazyLock::new(|| {
        completion("instant", "Hello from an instant backend, fifty bytes of text.").to_string().into()
    });
    static EVENTS: LazyLock<VecDeque<Bytes>> = LazyLock::new(|| {
        let text = (0..INSTANT_CHUNKS).map(|index| format!("word{index} ")).collect::<Vec<_>>();
        let request = json!({"model": "instant", "stream_options": {"include_usage": true}});
        events(&request, &text, None).into()
    });
    const MARK: &[u8] = b"\"stream\":true";
    if body.windows(MARK.len()).any(|window| window == MARK) {
        let mut response = Response::new(Reply::Frames(EVENTS.clone()));
        response.headers_mut().insert("content-type", HeaderValue::from_static("text/event-stream"));
        return response;
    }
    server::reply(200, "application/json", WHOLE.clone())
}

pub(super) fn models() -> Response<Reply> {
    let model = |id: &str| json!({"id": id, "object": "model", "created": CREATED, "owned_by": "mock"});
    server::json(
        200,
        &json!({"object": "list", "data": [model("mock-echo"), model("mock-drip"), model("mock-tool")]}),
    )
}

/// Everything that is sent at once.
pub(super) fn answer(mode: &Mode, request: &Value) -> Response<Reply> {
    match mode {
        Mode::Echo | Mode::Words { .. } | Mode::Late { .. } => say(request, &echo(request)),
        Mode::Say(text) => say(request, text),
        Mode::Chunks { count, .. } => {
            say(request, &(0..*count).map(|index| format!("drip{index} ")).collect::<String>())
        }
        Mode::StringOnly => match first_list(request) {
            Some(index) => {
                let text = format!("messages[{index}].content: invalid type: sequence, expected a string");
                error(400, &text, "invalid_request_error", None)
            }
            None => say(request, &echo(request)),
        },
        Mode::ToolCall { name, arguments } => tool_call(request, name, arguments),
        Mode::Recite { text, .. } => say(request, &recite(request, text.as_deref())),
        Mode::Empty => say(request, ""),
        Mode::Garbage if streams(request) => server::reply(
            200,
            "text/event-stream",
            "data: {\"choices\": [{\"delta\": \u{1F4A5}not json\n\n<html>\n\n",
        ),
        Mode::Garbage => {
            server::reply(200, "application/json", "<html><body>Welcome to nginx!</body></html>")
        }
        Mode::ErrorInStream if streams(request) => {
            let body = json!({"error": {"message": "The engine is currently overloaded", "type": "overloaded_error"}});
            server::reply(200, "text/event-stream", format!("data: {body}\n\n"))
        }
        mode => refusal(mode),
    }
}

/// The answers that are not 2xx.
pub(super) fn refusal(mode: &Mode) -> Response<Reply> {
    match mode {
        Mode::Unauthorized => error(
            401,
            "Incorrect API key provided: sk-mock***",
            "invalid_request_error",
            Some("invalid_api_key"),
        ),
        Mode::Billing => error(402, "Insufficient credits", "insufficient_quota", None),
        Mode::RateLimited { retry_after } => {
            let text = match retry_after {
                Some(seconds) => format!("Rate limit reached for mock; Retry-After: {seconds} seconds."),
                None => "Rate limit reached for mock".to_owned(),
            };
            let mut response = error(429, &text, "requests", Some("rate_limit_exceeded"));
            if let Some(seconds) = retry_after {
                response.headers_mut().insert("retry-after", HeaderValue::from(*seconds));
            }
            response
        }
        Mode::LongContext => {
            let text = "Extra usage is required for long context requests";
            error(429, text, "rate_limit_error", None)
        }
        Mode::Overloaded => error(529, "Overloaded", "overloaded_error", None),
        Mode::NoModel => error(
            404,
            "The model `mock-404` does not exist",
            "invalid_request_error",
            Some("model_not_found"),
        ),
        Mode::ContextOverflow => {
            let text = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 \
                        tokens. Please reduce the length of the messages.";
            error(400, text, "invalid_request_error", Some("context_length_exceeded"))
        }
        Mode::Status { status, body } => server::reply(*status, "application/json", body.clone()),
        _ => error(500, "The server had an error while processing your request.", "server_error", None),
    }
}

fn error(status: u16, message: &str, kind: &str, code: Option<&str>) -> Response<Reply> {
    server::json(status, &json!({"error": {"message": message, "type": kind, "param": null, "code": code}}))
}

fn say(request: &Value, text: &str) -> Response<Reply> {
    if !streams(request) {
        return server::json(200, &completion(model(request), text));
    }
    let words = text.split_inclusive(' ').map(str::to_owned).collect::<Vec<_>>();
    framed(events(request, &words, None))
}

fn tool_call(request: &Value, name: &str, arguments: &str) -> Response<Reply> {
    let call =
        json!({"id": "call_fake_1", "type": "function", "function": {"name": name, "arguments": arguments}});
    if streams(request) {
        return framed(events(request, &[], Some(&call)));
    }
    let mut body = completion(model(request), "");
    if let Some(choice) = body.pointer_mut("/choices/0") {
        *choice = json!({
            "index": 0, "finish_reason": "tool_calls",
            "message": {"role": "assistant", "content": null, "tool_calls": [call]},
        });
    }
    server::json(200, &body)
}

fn framed(events: Vec<Bytes>) -> Response<Reply> {
    let mut response = Response::new(Reply::Frames(events.into()));
    response.headers_mut().insert("content-type", HeaderValue::from_static("text/event-stream"));
    response
}

fn completion(model: &str, text: &str) -> Value {
    json!({
        "id": ID, "object": "chat.completion", "created": CREATED, "model": model,
        "choices": [{
            "index": 0, "finish_reason": "stop", "logprobs": null,
            "message": {"role": "assistant", "content": text, "refusal": null},
        }],
        "usage": usage(text),
    })
}

fn usage(text: &str) -> Value {
    let words = text.split_whitespace().count();
    json!({"prompt_tokens": PROMPT_TOKENS, "completion_tokens": words, "total_tokens": PROMPT_TOKENS + words})
}

/// A whole stream: role, text or a call in pieces, finish, usage if asked for, end mark.
pub(super) fn events(request: &Value, text: &[String], call: Option<&Value>) -> Vec<Bytes> {
    let event = |choices: Value| {
        let body = json!({
            "id": ID, "object": "chat.completion.chunk", "created": CREATED, "model": model(request), "choices": choices,
        });
        Bytes::from(format!("data: {body}\n\n"))
    };
    let delta = |delta: Value| event(json!([{"index": 0, "delta": delta, "finish_reason": null}]));
    let mut events = vec![delta(json!({"role": "assistant", "content": ""}))];
    events.extend(text.iter().map(|piece| delta(json!({"content": piece}))));
    if let Some(call) = call {
        let arguments = call.pointer("/function/arguments").and_then(Value::as_str).unwrap_or_default();
        let (first, second) = arguments.split_at(arguments.len() / 2);
        let mut opening = call.clone();
        if let Some(opening) = opening.as_object_mut() {
            opening.insert("index".to_owned(), json!(0));
        }
        if let Some(slot) = opening.pointer_mut("/function/arguments") {
            *slot = json!("");
        }
        events.push(delta(json!({"tool_calls": [opening]})));
        for piece in [first, second] {
            events.push(delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})));
        }
    }
    let finish = if call.is_some() { "tool_calls" } else { "stop" };
    events.push(event(json!([{"index": 0, "delta": {}, "finish_reason": finish}])));
    if request.pointer("/stream_options/include_usage") == Some(&json!(true)) {
        let body = json!({
            "id": ID, "object": "chat.completion.chunk", "created": CREATED, "model": model(request), "choices": [],
            "usage": usage(&text.concat()),
        });
        events.push(Bytes::from(format!("data: {body}\n\n")));
    }
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    events
}

fn streams(request: &Value) -> bool {
    request.get("stream").and_then(Value::as_bool).unwrap_or_default()
}

fn model(request: &Value) -> &str {
    request.get("model").and_then(Value::as_str).unwrap_or_default()
}

fn messages(request: &Value) -> &[Value] {
    request.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn first_list(request: &Value) -> Option<usize> {
    messages(request).iter().position(|message| message.get("content").is_some_and(Value::is_array))
}

/// What an echo says.
pub(super) fn echo(request: &Value) -> String {
    format!("echo: {}", last_user_text(request))
}

/// How the gateway asks for the rest of an answer that broke off.
const GO_ON: &str = "[Your answer broke off here";

/// What somebody says who knows a text by heart: all of it, or what follows the part that was said.
pub(super) fn recite(request: &Value, text: Option<&str>) -> String {
    let all = messages(request);
    let Some((asked, said)) = all.split_last().filter(|(last, _)| text_of(Some(last)).starts_with(GO_ON))
    else {
        return whole(&last_user_text(request), text);
    };
    let Some((part, before)) = said.split_last() else { return format!("{asked} follows nothing") };
    let whole = whole(&last_user_text_in(before), text);
    let mut left = whole.chars();
    for sign in text_of(Some(part)).chars().filter(|sign| !sign.is_whitespace()) {
        if left.find(|own| !own.is_whitespace()) != Some(sign) {
            return format!("this is no part of my answer: {part}");
        }
    }
    match left.as_str().trim_start() {
        "" => "NO_REPLY".to_owned(),
        rest => rest.to_owned(),
    }
}

fn whole(said: &str, text: Option<&str>) -> String {
    text.map_or_else(
        || {
            let pieces = (2..=4).map(|piece| said.replace("mark", &format!("piece{piece}-")));
            [format!("echo: {said}")].into_iter().chain(pieces).collect::<Vec<_>>().join("\n\n")
        },
        str::to_owned,
    )
}

fn last_user_text(request: &Value) -> String {
    last_user_text_in(messages(request))
}

fn last_user_text_in(messages: &[Value]) -> String {
    text_of(messages.iter().rfind(|message| message.get("role") == Some(&json!("user"))))
}

fn text_of(message: Option<&Value>) -> String {
    match message.and_then(|message| message.get("content")) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}
