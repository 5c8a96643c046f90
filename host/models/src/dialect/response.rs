//! Writes answers: one JSON object, or server-sent events. Hand-written because every chunk of every stream passes
//! here; the fixed parts of an event are put together once for an answer.

use crate::answer::Answer;
use crate::types::{Chunk, FinishReason, ToolCall, ToolCallDelta, Usage};

use super::json::{number, raw, string};
use super::{ErrorBody, NO_RESPONSE, Writer, now};

/// The longest piece of a call's arguments in one event, in bytes.
const ARGUMENT_PIECE: usize = 256;

/// Writes one answer to a chat request.
#[derive(Debug)]
pub struct ChatWriter {
    /// `"id":"chatcmpl_…"`
    id: String,
    /// `,"created":…,"model":"…"`
    facts: Vec<u8>,
    /// A whole event up to `"delta":`.
    opening: Vec<u8>,
    role_written: bool,
    usage: Option<Usage>,
    include_usage: bool,
}

impl ChatWriter {
    /// Begins an answer in the name of `model`: what the client asked for, not what answered. `include_usage` adds the
    /// usage to a stream.
    #[must_use]
    pub fn new(model: &str, include_usage: bool) -> Self {
        let id = format!("\"id\":\"chatcmpl_{}\"", uuid::Uuid::new_v4());
        Self { include_usage, ..Self::with(id, now(), model) }
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
        Self { id, facts, opening, role_written: false, usage: None, include_usage: false }
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

    /// A piece of a call. A long one becomes several events (compat §4.6).
    fn call(&mut self, delta: &ToolCallDelta, out: &mut Vec<u8>) {
        let mut rest = delta.arguments.as_str();
        if rest.len() <= ARGUMENT_PIECE {
            return self.call_piece(delta, rest, out);
        }
        if delta.id.is_some() || delta.name.is_some() {
            self.call_piece(delta, "", out);
        }
        let more = ToolCallDelta { index: delta.index, id: None, name: None, arguments: String::new() };
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.floor_char_boundary(ARGUMENT_PIECE));
            self.call_piece(&more, piece, out);
            rest = after;
        }
    }

    fn call_piece(&mut self, delta: &ToolCallDelta, arguments: &str, out: &mut Vec<u8>) {
        self.begin(out);
        raw(out, "{\"tool_calls\":[");
        call_piece(out, delta, arguments);
        raw(out, "]},\"finish_reason\":null}]}\n\n");
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

impl Writer for ChatWriter {
    /// One `chat.completion`.
    fn whole(&self, answer: &Answer, out: &mut Vec<u8>) {
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

    /// The error by itself.
    fn refused(&self, error: &ErrorBody, out: &mut Vec<u8>) {
        error.write(out);
    }

    /// One event. The first one is preceded by the event that names the role. Usage is kept for the end.
    fn chunk(&mut self, chunk: &Chunk, out: &mut Vec<u8>) {
        match chunk {
            Chunk::Text(text) => self.text("content", text, out),
            Chunk::Reasoning(text) => self.text("reasoning_content", text, out),
            Chunk::Refusal(text) => self.text("refusal", text, out),
            Chunk::ToolCall(delta) => self.call(delta, out),
            Chunk::Finish(reason) => {
                self.begin(out);
                raw(out, "{},\"finish_reason\":\"");
                raw(out, finish_word(*reason));
                raw(out, "\"}]}\n\n");
            }
            Chunk::Usage(usage) => self.usage = Some(*usage),
        }
    }

    /// The usage if the client asked for it, and the end mark.
    fn end(&mut self, out: &mut Vec<u8>) {
        if self.include_usage {
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

    /// The error, and the end mark.
    fn failed(&mut self, error: &ErrorBody, out: &mut Vec<u8>) {
        raw(out, "data: ");
        error.write(out);
        raw(out, "\n\ndata: [DONE]\n\n");
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

fn call_piece(out: &mut Vec<u8>, delta: &ToolCallDelta, arguments: &str) {
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
    string(out, arguments);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> ChatWriter {
        ChatWriter::with("\"id\":\"chatcmpl_1\"".to_owned(), 7, "mock/\"a\"")
    }

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_stream_has_the_shape_of_the_original() {
        let mut writer = ChatWriter { include_usage: true, ..writer() };
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
        writer.end(&mut out);
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
            written(|out| writer().whole(&answer, out)),
            concat!(
                r#"{"id":"chatcmpl_1","object":"chat.completion","created":7,"model":"mock/\"a\"","choices":[{"index":0,"#,
                r#""message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"#,
                r#""usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}"#
            )
        );
        let empty = written(|out| writer().whole(&Answer::default(), out));
        assert!(empty.contains(r#""content":"No response from OpenClaw.""#), "{empty}");
        let call = ToolCall { id: "c".to_owned(), name: "f".to_owned(), arguments: "{}".to_owned() };
        let calls = Answer { tool_calls: vec![call.clone(), call], ..Answer::default() };
        let calls: serde_json::Value =
            serde_json::from_str(&written(|out| writer().whole(&calls, out))).unwrap();
        assert_eq!(calls["choices"][0]["finish_reason"], "tool_calls");
        assert_eq!(calls["choices"][0]["message"]["tool_calls"][1]["function"]["name"], "f");
        assert!(calls["choices"][0]["message"]["content"].is_null());
    }

    #[test]
    fn long_arguments_come_in_pieces() {
        let arguments = format!("{{\"text\":\"{}\"}}", "é".repeat(200));
        let call = ToolCallDelta {
            index: 1,
            id: Some("c".to_owned()),
            name: Some("f".to_owned()),
            arguments: arguments.clone(),
        };
        let text = written(|out| writer().chunk(&Chunk::ToolCall(call), out));
        let calls: Vec<serde_json::Value> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
            .map(|event: serde_json::Value| event["choices"][0]["delta"]["tool_calls"][0].clone())
            .collect();
        assert_eq!(calls[1]["id"], "c");
        assert_eq!(calls[1]["function"], serde_json::json!({"name": "f", "arguments": ""}));
        let pieces: Vec<&str> =
            calls[2..].iter().map(|call| call["function"]["arguments"].as_str().unwrap()).collect();
        assert!(pieces.len() == 2 && pieces.iter().all(|piece| piece.len() <= 256), "{pieces:?}");
        assert_eq!(pieces.concat(), arguments);
        assert!(calls[2..].iter().all(|call| call["index"] == 1 && call.get("id").is_none()));
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
