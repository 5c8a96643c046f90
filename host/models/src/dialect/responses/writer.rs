//! Writes answers to `/v1/responses`: one object, or events in the documented order (compat §4.8).
//!
//! Beyond the documented fields each event has its `sequence_number`, and texts have their empty `annotations` and
//! `logprobs`: the vendor's own libraries read them without asking whether they are there.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::answer::Answer;
use crate::dialect::json::{number, raw, string};
use crate::dialect::{ErrorBody, NO_RESPONSE, Writer, now};
use crate::types::{Chunk, FinishReason, ToolCall, Usage};

/// Writes one answer.
#[derive(Debug)]
pub struct ResponsesWriter {
    id: String,
    created: u64,
    model: String,
    /// The id of the one message.
    message: String,
    /// What was streamed so far.
    streamed: Answer,
    begun: bool,
    /// The message has been announced.
    speaking: bool,
    sequence: u64,
}

impl ResponsesWriter {
    /// Begins an answer in the name of `model`: what the client asked for, not what answered.
    #[must_use]
    pub fn new(model: &str) -> Self {
        Self {
            id: format!("resp_{}", Uuid::new_v4()),
            created: now(),
            model: model.to_owned(),
            message: format!("msg_{}", Uuid::new_v4()),
            streamed: Answer::default(),
            begun: false,
            speaking: false,
            sequence: 0,
        }
    }

    /// What `previous_response_id` may name later.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    fn response(
        &self,
        status: &str,
        output: &[Value],
        usage: Option<Usage>,
        more: Map<String, Value>,
    ) -> Value {
        let Usage { input_tokens, output_tokens, cached_tokens, reasoning_tokens } =
            usage.unwrap_or_default();
        let mut response = json!({
            "id": self.id, "object": "response", "created_at": self.created, "status": status, "model": self.model,
            "output": output,
            "usage": {
                "input_tokens": input_tokens,
                "input_tokens_details": {"cached_tokens": cached_tokens, "cache_write_tokens": 0},
                "output_tokens": output_tokens,
                "output_tokens_details": {"reasoning_tokens": reasoning_tokens},
                "total_tokens": input_tokens.saturating_add(output_tokens),
            },
        });
        if let Some(fields) = response.as_object_mut() {
            fields.extend(more);
        }
        response
    }

    /// The response that ends with `answer`, and its output.
    fn finished(&self, answer: &Answer, output: &[Value]) -> (&'static str, Value) {
        let (status, more) = match answer.finish {
            Some(FinishReason::Length) => ("incomplete", incomplete("max_output_tokens")),
            Some(FinishReason::ContentFilter) => ("incomplete", incomplete("content_filter")),
            Some(FinishReason::Error) => {
                ("failed", failure("server_error", "the provider ended the answer with an error"))
            }
            Some(FinishReason::Stop | FinishReason::ToolCalls) | None => ("completed", Map::new()),
        };
        (status, self.response(status, output, answer.usage, more))
    }

    /// The message's item at its end.
    fn said(&self, answer: &Answer) -> Value {
        let cut = matches!(answer.finish, Some(FinishReason::Length | FinishReason::ContentFilter));
        json!({
            "type": "message", "id": self.message, "role": "assistant", "content": [text_part(text_of(answer))],
            "phase": if answer.tool_calls.is_empty() { "final_answer" } else { "commentary" },
            "status": if cut { "incomplete" } else { "completed" },
        })
    }

    fn event(&mut self, kind: &str, fields: Value, out: &mut Vec<u8>) {
        let mut event = Map::from_iter([("type".to_owned(), Value::from(kind))]);
        if let Value::Object(fields) = fields {
            event.extend(fields);
        }
        event.insert("sequence_number".to_owned(), self.sequence.into());
        self.sequence += 1;
        raw(out, "event: ");
        raw(out, kind);
        raw(out, "\ndata: ");
        // A value can always be serialised, and writing to a vector cannot fail.
        let _ = serde_json::to_writer(&mut *out, &event);
        raw(out, "\n\n");
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if self.begun {
            return;
        }
        self.begun = true;
        let response = json!({"response": self.response("in_progress", &[], None, Map::new())});
        self.event("response.created", response.clone(), out);
        self.event("response.in_progress", response, out);
    }

    /// A piece of the message's text: the event that every stream has most of.
    fn speak(&mut self, text: &str, out: &mut Vec<u8>) {
        self.begin(out);
        if !self.speaking {
            self.speaking = true;
            let item = json!({
                "type": "message", "id": self.message, "role": "assistant", "content": [], "status": "in_progress",
            });
            self.event("response.output_item.added", json!({"output_index": 0, "item": item}), out);
            let part = json!({
                "item_id": self.message, "output_index": 0, "content_index": 0, "part": text_part(""),
            });
            self.event("response.content_part.added", part, out);
        }
        raw(
            out,
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":",
        );
        string(out, &self.message);
        raw(out, ",\"output_index\":0,\"content_index\":0,\"delta\":");
        string(out, text);
        raw(out, ",\"logprobs\":[],\"sequence_number\":");
        number(out, self.sequence);
        raw(out, "}\n\n");
        self.sequence += 1;
    }
}

impl Writer for ResponsesWriter {
    fn whole(&self, answer: &Answer, out: &mut Vec<u8>) {
        let output = output(self, answer);
        // A value can always be serialised, and writing to a vector cannot fail.
        let _ = serde_json::to_writer(out, &self.finished(answer, &output).1);
    }

    /// A response that failed.
    fn refused(&self, error: &ErrorBody, out: &mut Vec<u8>) {
        let failed = self.response("failed", &[], None, failure(error.kind, &error.message));
        // As above.
        let _ = serde_json::to_writer(out, &failed);
    }

    /// Text becomes events at once, calls at the end, reasoning never.
    fn chunk(&mut self, chunk: &Chunk, out: &mut Vec<u8>) {
        match chunk {
            Chunk::Text(text) | Chunk::Refusal(text) if !text.is_empty() => {
                self.speak(text, out);
                self.streamed.absorb(Chunk::Text(text.clone()));
            }
            Chunk::Text(_) | Chunk::Refusal(_) | Chunk::Reasoning(_) => {}
            Chunk::ToolCall(_) | Chunk::Usage(_) | Chunk::Finish(_) => self.streamed.absorb(chunk.clone()),
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.begin(out);
        if self.streamed.is_empty() {
            self.chunk(&Chunk::Text(NO_RESPONSE.to_owned()), out);
        }
        let answer = std::mem::take(&mut self.streamed);
        let output = output(self, &answer);
        let mut calls = output.as_slice();
        if let Some((message, rest)) = output.split_first().filter(|_| self.speaking) {
            calls = rest;
            let (item_id, text) = (self.message.clone(), text_of(&answer));
            let done = json!({
                "item_id": item_id, "output_index": 0, "content_index": 0, "text": text, "logprobs": [],
            });
            self.event("response.output_text.done", done, out);
            let part = text_part(text);
            let done = json!({"item_id": item_id, "output_index": 0, "content_index": 0, "part": part});
            self.event("response.content_part.done", done, out);
            self.event("response.output_item.done", json!({"output_index": 0, "item": message}), out);
        }
        for (index, call) in (u64::from(self.speaking)..).zip(calls) {
            let mut item = call.clone();
            if let Some(status) = item.get_mut("status") {
                *status = "in_progress".into();
            }
            self.event("response.output_item.added", json!({"output_index": index, "item": item}), out);
            self.event("response.output_item.done", json!({"output_index": index, "item": call}), out);
        }
        let (status, response) = self.finished(&answer, &output);
        self.event(&format!("response.{status}"), json!({"response": response}), out);
        raw(out, "data: [DONE]\n\n");
    }

    fn failed(&mut self, error: &ErrorBody, out: &mut Vec<u8>) {
        self.begin(out);
        let answer = Answer { finish: Some(FinishReason::Length), ..std::mem::take(&mut self.streamed) };
        let said: Vec<Value> = self.speaking.then(|| self.said(&answer)).into_iter().collect();
        let failed = self.response("failed", &said, answer.usage, failure(error.kind, &error.message));
        self.event("response.failed", json!({"response": failed}), out);
        raw(out, "data: [DONE]\n\n");
    }
}

/// The message if there is one, then the calls.
fn output(writer: &ResponsesWriter, answer: &Answer) -> Vec<Value> {
    let speaks = !text_of(answer).trim().is_empty() || answer.tool_calls.is_empty();
    speaks.then(|| writer.said(answer)).into_iter().chain(answer.tool_calls.iter().map(call)).collect()
}

/// A refusal is what the model says too; a call may come without words.
fn text_of(answer: &Answer) -> &str {
    match (answer.text.trim().is_empty(), answer.refusal.is_empty()) {
        (false, _) => &answer.text,
        (true, false) => &answer.refusal,
        (true, true) if answer.tool_calls.is_empty() => NO_RESPONSE,
        (true, true) => "",
    }
}

fn text_part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": []})
}

fn call(call: &ToolCall) -> Value {
    json!({
        "type": "function_call", "id": format!("fc_{}", call.id), "call_id": call.id, "name": call.name,
        "arguments": call.arguments, "status": "completed",
    })
}

fn incomplete(reason: &str) -> Map<String, Value> {
    Map::from_iter([("incomplete_details".to_owned(), json!({"reason": reason}))])
}

fn failure(code: &str, message: &str) -> Map<String, Value> {
    Map::from_iter([("error".to_owned(), json!({"code": code, "message": message}))])
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
