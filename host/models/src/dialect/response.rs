//! Writes answers: one JSON object, or server-sent events. Hand-written because every chunk of every stream passes
//! here; the fixed parts of an event are put together once for an answer.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::answer::Answer;
use crate::error::{ModelError, ModelsError};
use crate::types::{Chunk, FailureReason, FinishReason, ToolCall, ToolCallDelta, Usage};

/// What compat §4.6 has in place of an empty reply.
const NO_RESPONSE: &str = "No response from OpenClaw.";

/// Writes one answer. All methods append to a buffer of the caller's, which may be reused.
#[derive(Debug)]
pub struct Writer {
    /// `"id":"chatcmpl_…"`
    id: String,
    /// `,"created":…,"model":"…"`
    facts: Vec<u8>,
    /// A whole event up to `"delta":`.
    opening: Vec<u8>,
    role_written: bool,
    usage: Option<Usage>,
}

impl Writer {
    /// Begins an answer in the name of `model`: what the client asked for, not what answered.
    #[must_use]
    pub fn new(model: &str) -> Self {
        let id = format!("\"id\":\"chatcmpl_{}\"", uuid::Uuid::new_v4());
        let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self::with(id, created, model)
    }

    fn with(id: String, created: u64, model: &str) -> Self {
        let mut facts = Vec::with_capacity(64);
        raw(&mut facts, ",\"created\":");
        number(&mut facts, created);
        raw(&mut facts, ",\"model\":");
        string(&mut facts, model);
        let mut opening = Vec::with_capacity(192);
        raw(&mut opening, "data: {");
        raw(&mut opening, &id);
        raw(&mut opening, ",\"object\":\"chat.completion.chunk\"");
        opening.extend_from_slice(&facts);
        raw(&mut opening, ",\"choices\":[{\"index\":0,\"delta\":");
        Self { id, facts, opening, role_written: false, usage: None }
    }

    /// The whole answer as one `chat.completion`.
    pub fn completion(&self, answer: &Answer, out: &mut Vec<u8>) {
        raw(out, "{");
        raw(out, &self.id);
        raw(out, ",\"object\":\"chat.completion\"");
        out.extend_from_slice(&self.facts);
        raw(out, ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
        match (answer.text.is_empty(), answer.is_empty()) {
            (false, _) => string(out, &answer.text),
            (true, true) => string(out, NO_RESPONSE),
            (true, false) => raw(out, "null"),
        }
        if !answer.refusal.is_empty() {
            raw(out, ",\"refusal\":");
            string(out, &answer.refusal);
        }
        if !answer.reasoning.is_empty() {
            raw(out, ",\"reasoning_content\":");
            string(out, &answer.reasoning);
        }
        if !answer.tool_calls.is_empty() {
            raw(out, ",\"tool_calls\":[");
            for (index, call) in answer.tool_calls.iter().enumerate() {
                raw(out, if index == 0 { "" } else { "," });
                whole_call(out, call);
            }
            raw(out, "]");
        }
        raw(out, "},\"finish_reason\":\"");
        raw(out, finish_word(finish_of(answer)));
        raw(out, "\"}],\"usage\":");
        usage(out, answer.usage.unwrap_or_default());
        raw(out, "}");
    }

    /// One chunk as an event. The first one is preceded by the event that names the role. Usage is kept for
    /// [`Writer::end`].
    pub fn chunk(&mut self, chunk: &Chunk, out: &mut Vec<u8>) {
        match chunk {
            Chunk::Text(text) => self.text("content", text, out),
            Chunk::Reasoning(text) => self.text("reasoning_content", text, out),
            Chunk::Refusal(text) => self.text("refusal", text, out),
            Chunk::ToolCall(delta) => {
                self.begin(out);
                raw(out, "{\"tool_calls\":[");
                call_piece(out, delta);
                raw(out, "]},\"finish_reason\":null}]}\n\n");
            }
            Chunk::Finish(reason) => {
                self.begin(out);
                raw(out, "{},\"finish_reason\":\"");
                raw(out, finish_word(*reason));
                raw(out, "\"}]}\n\n");
            }
            Chunk::Usage(usage) => self.usage = Some(*usage),
        }
    }

    /// The end of a stream: the usage if the client asked for it, and the end mark.
    pub fn end(&self, include_usage: bool, out: &mut Vec<u8>) {
        if include_usage {
            raw(out, "data: {");
            raw(out, &self.id);
            raw(out, ",\"object\":\"chat.completion.chunk\"");
            out.extend_from_slice(&self.facts);
            raw(out, ",\"choices\":[],\"usage\":");
            usage(out, self.usage.unwrap_or_default());
            raw(out, "}\n\n");
        }
        raw(out, "data: [DONE]\n\n");
    }

    /// A failure in the middle of a stream, and the end mark.
    pub fn failed(&self, error: &ErrorBody, out: &mut Vec<u8>) {
        raw(out, "data: ");
        error.write(out);
        raw(out, "\n\ndata: [DONE]\n\n");
    }

    fn text(&mut self, field: &str, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        self.begin(out);
        raw(out, "{\"");
        raw(out, field);
        raw(out, "\":");
        string(out, text);
        raw(out, "},\"finish_reason\":null}]}\n\n");
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if !self.role_written {
            self.role_written = true;
            out.extend_from_slice(&self.opening);
            raw(out, "{\"role\":\"assistant\"},\"finish_reason\":null}]}\n\n");
        }
        out.extend_from_slice(&self.opening);
    }
}

/// An error as the `/v1` routes answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorBody {
    /// The HTTP status, where the answer has not begun yet.
    pub status: u16,
    /// `error.type`
    pub kind: &'static str,
    /// `error.message`
    pub message: String,
    /// `error.code`, where there is one.
    pub code: Option<String>,
    /// For the header `retry-after`, in seconds.
    pub retry_after: Option<u64>,
}

impl ErrorBody {
    /// A refusal of the gateway's own.
    #[must_use]
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self {
            status: 400,
            kind: "invalid_request_error",
            message: message.into(),
            code: None,
            retry_after: None,
        }
    }

    /// Appends `{"error":{…}}`.
    pub fn write(&self, out: &mut Vec<u8>) {
        raw(out, "{\"error\":{\"message\":");
        string(out, &self.message);
        raw(out, ",\"type\":\"");
        raw(out, self.kind);
        raw(out, "\"");
        if let Some(code) = &self.code {
            raw(out, ",\"code\":");
            string(out, code);
        }
        raw(out, "}}");
    }
}

impl From<&ModelError> for ErrorBody {
    /// The provider's own words, with a status that lets a client do the right thing.
    fn from(error: &ModelError) -> Self {
        let (status, kind) = match error.reason() {
            FailureReason::Auth => (401, "authentication_error"),
            FailureReason::Billing => (402, "insufficient_quota"),
            FailureReason::RateLimit => (429, "rate_limit_error"),
            FailureReason::Overloaded => (503, "overloaded_error"),
            FailureReason::Format | FailureReason::ContextOverflow => (400, "invalid_request_error"),
            FailureReason::ModelNotFound => (404, "invalid_request_error"),
            FailureReason::Timeout => (504, "api_error"),
            FailureReason::ServerError | FailureReason::EmptyResponse | FailureReason::Unknown => {
                (502, "api_error")
            }
        };
        let message = match error.hint() {
            Some(hint) if !error.is_long_context() => format!("{error}. {hint}"),
            _ => error.to_string(),
        };
        let code = Some(error.failure.code.clone()).filter(|code| !code.is_empty());
        let retry_after = error.failure.retry_after_ms.map(|ms| ms.div_ceil(1000));
        Self { status, kind, message, code, retry_after }
    }
}

impl From<&ModelsError> for ErrorBody {
    fn from(error: &ModelsError) -> Self {
        match error {
            ModelsError::Unresolved(why) => Self::invalid_request(why.to_string()),
            ModelsError::Failed(error) => error.into(),
            ModelsError::AllFailed(errors) => {
                let last = errors.last().map(Self::from);
                let (status, kind) =
                    last.as_ref().map_or((502, "api_error"), |last| (last.status, last.kind));
                let retry_after = errors.iter().filter_map(|error| Self::from(error).retry_after).min();
                Self {
                    status,
                    kind,
                    message: error.to_string(),
                    code: last.and_then(|last| last.code),
                    retry_after,
                }
            }
        }
    }
}

fn finish_of(answer: &Answer) -> FinishReason {
    match answer.finish {
        Some(reason) => reason,
        None if answer.tool_calls.is_empty() => FinishReason::Stop,
        None => FinishReason::ToolCalls,
    }
}

fn finish_word(reason: FinishReason) -> &'static str {
    match reason {
        // The dialect has no word for a provider that gave up: the error travels by itself.
        FinishReason::Stop | FinishReason::Error => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
    }
}

fn whole_call(out: &mut Vec<u8>, call: &ToolCall) {
    raw(out, "{\"id\":");
    string(out, &call.id);
    raw(out, ",\"type\":\"function\",\"function\":{\"name\":");
    string(out, &call.name);
    raw(out, ",\"arguments\":");
    string(out, &call.arguments);
    raw(out, "}}");
}

fn call_piece(out: &mut Vec<u8>, delta: &ToolCallDelta) {
    raw(out, "{\"index\":");
    number(out, u64::from(delta.index));
    if let Some(id) = &delta.id {
        raw(out, ",\"id\":");
        string(out, id);
        raw(out, ",\"type\":\"function\"");
    }
    raw(out, ",\"function\":{");
    if let Some(name) = &delta.name {
        raw(out, "\"name\":");
        string(out, name);
        raw(out, ",");
    }
    raw(out, "\"arguments\":");
    string(out, &delta.arguments);
    raw(out, "}}");
}

fn usage(out: &mut Vec<u8>, usage: Usage) {
    raw(out, "{\"prompt_tokens\":");
    number(out, usage.input_tokens);
    raw(out, ",\"completion_tokens\":");
    number(out, usage.output_tokens);
    raw(out, ",\"total_tokens\":");
    number(out, usage.input_tokens.saturating_add(usage.output_tokens));
    if usage.cached_tokens > 0 {
        raw(out, ",\"prompt_tokens_details\":{\"cached_tokens\":");
        number(out, usage.cached_tokens);
        raw(out, "}");
    }
    if usage.reasoning_tokens > 0 {
        raw(out, ",\"completion_tokens_details\":{\"reasoning_tokens\":");
        number(out, usage.reasoning_tokens);
        raw(out, "}");
    }
    raw(out, "}");
}

fn raw(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn number(out: &mut Vec<u8>, value: u64) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{value}");
}

fn string(out: &mut Vec<u8>, text: &str) {
    // A string can always be serialised, and writing to a vector cannot fail.
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> Writer {
        Writer::with("\"id\":\"chatcmpl_1\"".to_owned(), 7, "mock/\"a\"")
    }

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_stream_has_the_shape_of_the_original() {
        let mut writer = writer();
        let mut out = Vec::new();
        let delta = ToolCallDelta {
            index: 0,
            id: Some("c".to_owned()),
            name: Some("f".to_owned()),
            arguments: String::new(),
        };
        for chunk in [
            Chunk::Text("a\n\"b\"".to_owned()),
            Chunk::ToolCall(delta),
            Chunk::ToolCall(ToolCallDelta { index: 0, id: None, name: None, arguments: "{}".to_owned() }),
            Chunk::Usage(Usage { input_tokens: 10, output_tokens: 34, ..Usage::default() }),
            Chunk::Finish(FinishReason::ToolCalls),
        ] {
            writer.chunk(&chunk, &mut out);
        }
        writer.end(true, &mut out);
        let head = r#"data: {"id":"chatcmpl_1","object":"chat.completion.chunk","created":7,"model":"mock/\"a\"","choices":["#;
        let expected = [
            r#"{"index":0,"delta":{"role":"assistant"},"finish_reason":null}]}"#,
            r#"{"index":0,"delta":{"content":"a\n\"b\""},"finish_reason":null}]}"#,
            concat!(
                r#"{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"function","#,
                r#""function":{"name":"f","arguments":""}}]},"finish_reason":null}]}"#
            ),
            r#"{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]},"finish_reason":null}]}"#,
            r#"{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
            r#"],"usage":{"prompt_tokens":10,"completion_tokens":34,"total_tokens":44}}"#,
        ];
        let expected = expected.map(|tail| format!("{head}{tail}\n\n")).concat() + "data: [DONE]\n\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_completion_has_the_shape_of_the_original() {
        let answer = Answer { text: "hi".to_owned(), finish: Some(FinishReason::Stop), ..Answer::default() };
        assert_eq!(
            written(|out| writer().completion(&answer, out)),
            concat!(
                r#"{"id":"chatcmpl_1","object":"chat.completion","created":7,"model":"mock/\"a\"","choices":[{"index":0,"#,
                r#""message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"#,
                r#""usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}"#
            )
        );
        let empty = written(|out| writer().completion(&Answer::default(), out));
        assert!(empty.contains(r#""content":"No response from OpenClaw.""#), "{empty}");
        let call = ToolCall { id: "c".to_owned(), name: "f".to_owned(), arguments: "{}".to_owned() };
        let calls = Answer { tool_calls: vec![call.clone(), call], ..Answer::default() };
        let calls: serde_json::Value =
            serde_json::from_str(&written(|out| writer().completion(&calls, out))).unwrap();
        assert_eq!(calls["choices"][0]["finish_reason"], "tool_calls");
        assert_eq!(calls["choices"][0]["message"]["tool_calls"][1]["function"]["name"], "f");
        assert!(calls["choices"][0]["message"]["content"].is_null());
    }

    #[test]
    fn a_failure_in_the_middle_ends_the_stream() {
        let error = ErrorBody { code: Some("cut".to_owned()), ..ErrorBody::invalid_request("a \"b\"") };
        assert_eq!(
            written(|out| writer().failed(&error, out)),
            "data: {\"error\":{\"message\":\"a \\\"b\\\"\",\"type\":\"invalid_request_error\",\"code\":\"cut\"}}\n\ndata: [DONE]\n\n"
        );
    }
}
