//! A native shim that speaks the OpenAI chat dialect plainly, and the wiring of a test.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, which is right"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use openclaw_config::{
    Config, ModelChoice, Models as ModelsSection, Provider as Section, SecretInput, SecretResolver,
};
use openclaw_egress::{Egress, Options};
use openclaw_fakes::FakeOpenai;
use openclaw_models::{
    Catalog, ChatRequest, Chunk, Content, Decoder, Embeddings, EmbeddingsRequest, Failure, FailureReason,
    Fault, FinishReason, Message, Method, ModelEntry, Models, Part, Provider, Role, Shim, ShimRequest,
    ShimSource, Target, ToolCallDelta, Usage,
};
use openclaw_secrets::Secret;
use serde_json::{Value, json};

/// The key of every provider in these tests.
pub(crate) const KEY: &str = "sk-test-1234567890";

/// Hands out plain shims, of which the next few crash on demand.
#[derive(Default)]
pub(crate) struct PlainShims {
    pub(crate) crashes: Arc<Mutex<Vec<&'static str>>>,
}

impl ShimSource for PlainShims {
    fn shim(&self, _: &Provider) -> Result<Box<dyn Shim>, String> {
        Ok(Box::new(PlainShim { crash: self.crashes.lock().unwrap().pop() }))
    }

    fn serves(&self, api: &str) -> bool {
        api == "openai-completions"
    }
}

struct PlainShim {
    crash: Option<&'static str>,
}

fn failure(reason: FailureReason, code: &str, message: &str) -> Failure {
    Failure { reason, code: code.to_owned(), message: message.to_owned(), retry_after_ms: None }
}

impl Shim for PlainShim {
    fn prepare(&mut self, request: &ChatRequest) -> Result<ShimRequest, Fault> {
        if self.crash == Some("prepare") {
            return Err(Fault::Crashed("unreachable".to_owned()));
        }
        let messages = request.messages.iter().map(|message| {
            let role = match message.role {
                Role::System => "system",
                Role::Developer => "developer",
                Role::User => "user",
                Role::Assistant => "assistant",
                Role::Tool => "tool",
            };
            let content = match &message.content {
                None => Value::Null,
                Some(Content::Text(text)) => json!(text),
                Some(Content::Parts(parts)) => parts
                    .iter()
                    .map(|part| match part {
                        Part::Text(text) => json!({"type": "text", "text": text}),
                        Part::Image(url) => json!({"type": "image_url", "image_url": {"url": url}}),
                    })
                    .collect(),
            };
            json!({"role": role, "content": content})
        });
        let mut body = json!({
            "model": request.model, "messages": messages.collect::<Vec<_>>(), "stream": request.stream,
        });
        if request.stream {
            body["stream_options"] = json!({"include_usage": true});
        }
        if let Some(temperature) = request.temperature {
            body["temperature"] = json!(temperature);
        }
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let path = if self.crash == Some("path") { "/../../admin" } else { "/chat/completions" };
        Ok(ShimRequest {
            method: Method::Post,
            path: path.to_owned(),
            headers,
            body: body.to_string().into_bytes(),
        })
    }

    fn decoder(&mut self, stream: bool, _: &str) -> Result<Box<dyn Decoder>, Fault> {
        Ok(Box::new(PlainDecoder { stream, buffer: Vec::new(), done: false, crash: self.crash }))
    }

    fn classify(&mut self, status: u16, headers: &[(String, String)], body: &[u8]) -> Result<Failure, Fault> {
        if self.crash == Some("classify") {
            return Err(Fault::Crashed("unreachable".to_owned()));
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let reason = match status {
            401 | 403 => FailureReason::Auth,
            402 => FailureReason::Billing,
            404 => FailureReason::ModelNotFound,
            429 => FailureReason::RateLimit,
            529 => FailureReason::Overloaded,
            400 if text("/error/code") == "context_length_exceeded" => FailureReason::ContextOverflow,
            400 => FailureReason::Format,
            _ => FailureReason::ServerError,
        };
        let retry_after = headers.iter().find(|(name, _)| name == "retry-after");
        let retry_after_ms =
            retry_after.and_then(|(_, value)| value.parse::<u64>().ok()).map(|seconds| seconds * 1000);
        Ok(Failure { retry_after_ms, ..failure(reason, text("/error/code"), text("/error/message")) })
    }

    fn prepare_models(&mut self) -> Result<ShimRequest, Fault> {
        Ok(ShimRequest {
            method: Method::Get,
            path: "/models".to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        })
    }

    fn decode_models(&mut self, body: &[u8]) -> Result<Vec<ModelEntry>, Fault> {
        let body: Value = serde_json::from_slice(body).unwrap();
        let ids =
            body["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap().to_owned());
        Ok(ids.map(|id| ModelEntry { id, context_window: None }).collect())
    }

    fn prepare_embeddings(&mut self, request: &EmbeddingsRequest) -> Result<ShimRequest, Fault> {
        let mut body = json!({"model": request.model, "input": request.input});
        for (name, json) in &request.extra {
            body[name] = serde_json::from_str(json).unwrap();
        }
        Ok(ShimRequest {
            method: Method::Post,
            path: "/embeddings".to_owned(),
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
        })
    }

    fn decode_embeddings(&mut self, body: &[u8]) -> Result<Embeddings, Fault> {
        if self.crash == Some("decode") {
            return Err(Fault::Crashed("epoch deadline".to_owned()));
        }
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| failure(FailureReason::ServerError, "garbage", &error.to_string()))?;
        let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN) as f32;
        let vectors = body["data"].as_array().into_iter().flatten();
        let vectors =
            vectors.map(|entry| entry["embedding"].as_array().unwrap().iter().map(number).collect());
        let input_tokens = body["usage"]["prompt_tokens"].as_u64().unwrap_or_default();
        Ok(Embeddings { vectors: vectors.collect(), input_tokens })
    }
}

struct PlainDecoder {
    stream: bool,
    buffer: Vec<u8>,
    done: bool,
    crash: Option<&'static str>,
}

impl PlainDecoder {
    fn event(&mut self, data: &str, chunks: &mut Vec<Chunk>) -> Result<(), Fault> {
        if data == "[DONE]" {
            self.done = true;
            return Ok(());
        }
        let body: Value = serde_json::from_str(data)
            .map_err(|error| failure(FailureReason::ServerError, "garbage", &error.to_string()))?;
        if let Some(error) = body.get("error") {
            let words = error["message"].as_str().unwrap_or_default();
            return Err(failure(FailureReason::Overloaded, "overloaded_error", words).into());
        }
        let choice = &body["choices"][0];
        let said = if choice["delta"].is_null() { &choice["message"] } else { &choice["delta"] };
        if let Some(text) = said["content"].as_str().filter(|text| !text.is_empty()) {
            chunks.push(Chunk::Text(text.to_owned()));
        }
        for (position, call) in said["tool_calls"].as_array().into_iter().flatten().enumerate() {
            chunks.push(Chunk::ToolCall(ToolCallDelta {
                index: call["index"].as_u64().unwrap_or(position as u64) as u32,
                id: call["id"].as_str().map(str::to_owned),
                name: call["function"]["name"].as_str().map(str::to_owned),
                arguments: call["function"]["arguments"].as_str().unwrap_or_default().to_owned(),
            }));
        }
        if let Some(usage) = body.get("usage").filter(|usage| usage.is_object()) {
            let number = |name: &str| usage[name].as_u64().unwrap_or_default();
            let (input_tokens, output_tokens) = (number("prompt_tokens"), number("completion_tokens"));
            chunks.push(Chunk::Usage(Usage { input_tokens, output_tokens, ..Usage::default() }));
        }
        match choice["finish_reason"].as_str() {
            Some("tool_calls") => chunks.push(Chunk::Finish(FinishReason::ToolCalls)),
            Some(_) => chunks.push(Chunk::Finish(FinishReason::Stop)),
            None => {}
        }
        Ok(())
    }
}

impl Decoder for PlainDecoder {
    fn push(&mut self, bytes: &[u8]) -> Result<Vec<Chunk>, Fault> {
        if self.crash == Some("push") {
            return Err(Fault::Crashed("epoch deadline".to_owned()));
        }
        self.buffer.extend_from_slice(bytes);
        let mut chunks = Vec::new();
        while self.stream
            && let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n")
        {
            let event: Vec<u8> = self.buffer.drain(..end + 2).collect();
            let event = String::from_utf8_lossy(&event).into_owned();
            if let Some(data) = event.trim().strip_prefix("data: ") {
                self.event(data, &mut chunks)?;
            }
        }
        Ok(chunks)
    }

    fn finish(&mut self) -> Result<Vec<Chunk>, Fault> {
        let mut chunks = Vec::new();
        if !self.stream {
            let whole = String::from_utf8_lossy(&self.buffer).into_owned();
            self.event(&whole, &mut chunks)?;
        } else if !self.done {
            return Err(failure(FailureReason::Timeout, "cut", "the stream ended early").into());
        }
        Ok(chunks)
    }
}

/// A section of the configuration for a backend.
pub(crate) fn section(id: &str, backend: &FakeOpenai) -> Section {
    Section {
        id: id.to_owned(),
        base_url: Some(backend.base_url()),
        api_key: Some(SecretInput::Literal(Secret::from(KEY))),
        ..Section::default()
    }
}

pub(crate) fn catalog(sections: Vec<Section>) -> Catalog {
    let config = Config {
        models: ModelsSection { providers: sections, ..ModelsSection::default() },
        ..Config::default()
    };
    let env = BTreeMap::new();
    Catalog::new(&config, &SecretResolver::new(&config, &env, Path::new("/")), &[])
}

/// Models over these sections, and the source of their shims.
pub(crate) fn models(sections: Vec<Section>) -> (Models, Arc<PlainShims>) {
    let shims = Arc::new(PlainShims::default());
    (Models::new(Egress::new(Options::default()), shims.clone(), catalog(sections)), shims)
}

pub(crate) fn targets(models: &Models, references: &[&str]) -> Vec<Target> {
    let (primary, fallbacks) = references.split_first().unwrap();
    let fallbacks = fallbacks.iter().map(|reference| (*reference).to_owned()).collect();
    models.catalog().targets(&ModelChoice { primary: Some((*primary).to_owned()), fallbacks }).unwrap()
}

pub(crate) fn ask(text: &str) -> ChatRequest {
    ChatRequest { messages: vec![Message::text(Role::User, text)], stream: true, ..ChatRequest::default() }
}
