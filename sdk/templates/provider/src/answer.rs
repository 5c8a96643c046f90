//! Reads answers: streamed as server-sent events, or whole. All state between two pieces is bounded.

use std::cell::RefCell;

use openclaw_sdk::provider::{self, Chunk, Failure, FailureReason, FinishReason, Model};
use serde::Deserialize;

use crate::failure;

/// The most that one line of a stream, or an answer without one, may hold.
const MAX_BYTES: usize = 4 << 20;

/// The decoder of one answer.
#[derive(Debug)]
pub struct Decoder {
    stream: bool,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What has come and is not read yet: the begin of a line, or of the whole answer.
    pending: Vec<u8>,
    finished: bool,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(alias = "message", default)]
    delta: Delta,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
}

impl provider::Decoder for Decoder {
    fn new(stream: bool, _content_type: String) -> Self {
        Self { stream, state: RefCell::default() }
    }

    fn push(&self, bytes: Vec<u8>) -> Result<Vec<Chunk>, Failure> {
        let mut state = self.state.borrow_mut();
        if state.pending.len() + bytes.len() > MAX_BYTES {
            return Err(failure(FailureReason::ServerError, "too_long", "the provider's answer is too long"));
        }
        state.pending.extend_from_slice(&bytes);
        let mut chunks = Vec::new();
        while self.stream
            && let Some(end) = state.pending.iter().position(|byte| *byte == b'\n')
        {
            let line: Vec<u8> = state.pending.drain(..=end).collect();
            state.line(&line, &mut chunks)?;
        }
        Ok(chunks)
    }

    fn finish(&self) -> Result<Vec<Chunk>, Failure> {
        let mut state = self.state.borrow_mut();
        let mut chunks = Vec::new();
        let rest = std::mem::take(&mut state.pending);
        if self.stream {
            state.line(&rest, &mut chunks)?;
        } else {
            state.answer(&rest, &mut chunks)?;
        }
        if !state.finished {
            return Err(failure(
                FailureReason::Timeout,
                "truncated",
                "the answer ended before it was finished",
            ));
        }
        Ok(chunks)
    }
}

impl State {
    fn line(&mut self, line: &[u8], chunks: &mut Vec<Chunk>) -> Result<(), Failure> {
        let Some(data) = line.strip_prefix(b"data:").map(<[u8]>::trim_ascii) else { return Ok(()) };
        if data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        self.answer(data, chunks)
    }

    fn answer(&mut self, json: &[u8], chunks: &mut Vec<Chunk>) -> Result<(), Failure> {
        let answer: Answer = serde_json::from_slice(json).map_err(|error| unreadable(&error))?;
        for choice in answer.choices {
            chunks.extend(choice.delta.content.filter(|text| !text.is_empty()).map(Chunk::Text));
            if let Some(word) = choice.finish_reason.filter(|_| !self.finished) {
                self.finished = true;
                chunks.push(Chunk::Finish(match word.as_str() {
                    "length" => FinishReason::Length,
                    "content_filter" => FinishReason::ContentFilter,
                    _ => FinishReason::Stop,
                }));
            }
        }
        Ok(())
    }
}

pub(crate) fn classify(status: u16, headers: &[(String, String)], body: &[u8]) -> Failure {
    let reason = match status {
        401 | 403 => FailureReason::Auth,
        402 => FailureReason::Billing,
        404 => FailureReason::ModelNotFound,
        429 => FailureReason::RateLimit,
        400..=499 => FailureReason::Format,
        503 | 529 => FailureReason::Overloaded,
        _ => FailureReason::ServerError,
    };
    let wait = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
    let seconds = wait.and_then(|(_, value)| value.trim().parse::<u64>().ok());
    Failure {
        retry_after_ms: seconds.map(|seconds| seconds.saturating_mul(1_000)),
        ..failure(reason, &format!("http_{status}"), &String::from_utf8_lossy(body))
    }
}

pub(crate) fn models(body: &[u8]) -> Result<Vec<Model>, Failure> {
    #[derive(Deserialize)]
    struct List {
        data: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        id: String,
    }
    let List { data } = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    Ok(data.into_iter().map(|Entry { id }| Model { id, context_window: None }).collect())
}

fn unreadable(error: &serde_json::Error) -> Failure {
    // The error names a place in the JSON, never its content.
    failure(FailureReason::ServerError, "bad_answer", &format!("the answer is not understood: {error}"))
}
