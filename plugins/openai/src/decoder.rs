//! Reads one successful answer, streamed or whole. Owns the state between pushes, all of it bounded.

use std::cell::RefCell;

use openclaw_sdk::provider::{self, Chunk, Failure, FailureReason, FinishReason};

use crate::classify::in_answer;
use crate::complete::{self, ended_by_error, truncated, unreadable};
use crate::errors::failure;
use crate::sse::{Events, TooLong};
use crate::wire::{Answer, finish_reason};

/// The most that an answer without a stream may hold.
const MAX_BODY: usize = 16 << 20;

/// The decoder of one answer.
#[derive(Debug)]
pub struct Decoder(RefCell<State>);

#[derive(Debug)]
struct State {
    form: Form,
    events: Events,
    body: Vec<u8>,
    progress: Progress,
}

/// What the bytes are.
#[derive(Debug, PartialEq, Eq)]
enum Form {
    /// Server-sent events by the headers, until the first byte says otherwise.
    Announced,
    Events,
    Json,
}

/// What the events said so far.
#[derive(Debug, Default)]
struct Progress {
    content: bool,
    finished: bool,
    done: bool,
}

impl provider::Decoder for Decoder {
    fn new(stream: bool, content_type: String) -> Self {
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let form = match kind.as_str() {
            "text/event-stream" => Form::Announced,
            "application/json" => Form::Json,
            _ if stream => Form::Announced,
            _ => Form::Json,
        };
        let state =
            State { form, events: Events::default(), body: Vec::new(), progress: Progress::default() };
        Self(RefCell::new(state))
    }

    fn push(&self, bytes: Vec<u8>) -> Result<Vec<Chunk>, Failure> {
        self.0.borrow_mut().push(bytes)
    }

    fn finish(&self) -> Result<Vec<Chunk>, Failure> {
        self.0.borrow_mut().finish()
    }
}

impl State {
    fn push(&mut self, bytes: Vec<u8>) -> Result<Vec<Chunk>, Failure> {
        if self.form == Form::Announced {
            // Some servers announce a stream and then answer with a JSON object, mostly an error.
            match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
                Some(b'{') => self.form = Form::Json,
                Some(_) => self.form = Form::Events,
                None => {}
            }
        }
        if self.form == Form::Json {
            if self.body.len() + bytes.len() > MAX_BODY {
                return Err(too_long(MAX_BODY));
            }
            if self.body.is_empty() {
                self.body = bytes;
            } else {
                self.body.extend_from_slice(&bytes);
            }
            return Ok(Vec::new());
        }
        let mut chunks = Vec::new();
        let Self { events, progress, .. } = self;
        outcome(events.push(&bytes, |data| progress.event(data, &mut chunks)))?;
        Ok(chunks)
    }

    fn finish(&mut self) -> Result<Vec<Chunk>, Failure> {
        if self.form == Form::Json {
            return complete::decode(&self.body);
        }
        let mut chunks = Vec::new();
        let Self { events, progress, .. } = self;
        // What is left of a cut event is no failure of its own: the answer is then cut short.
        let last = outcome(events.finish(|data| progress.event(data, &mut chunks)));
        if progress.finished {
            return Ok(chunks);
        }
        last?;
        if !progress.done {
            return Err(truncated());
        }
        if !progress.content {
            return Err(failure(
                FailureReason::EmptyResponse,
                "empty",
                "the provider ended the answer without saying anything",
            ));
        }
        // The end mark came without a reason: the model stopped.
        chunks.push(Chunk::Finish(FinishReason::Stop));
        Ok(chunks)
    }
}

impl Progress {
    fn event(&mut self, data: &[u8], chunks: &mut Vec<Chunk>) -> Result<(), Failure> {
        if data == b"[DONE]" {
            self.done = true;
        }
        if self.done || data.is_empty() {
            return Ok(());
        }
        let answer: Answer<'_> = serde_json::from_slice(data).map_err(|error| unreadable(&error))?;
        if let Some(error) = answer.error.filter(|raw| raw.get() != "null") {
            return Err(in_answer(error.get()));
        }
        for choice in answer.choices.into_iter().flatten() {
            let seen = choice.collect(chunks);
            self.content |= seen.content;
            // Some servers repeat the reason in a later event.
            if let Some(word) = seen.finish.filter(|_| !self.finished) {
                let reason = finish_reason(&word).ok_or_else(|| ended_by_error(&word))?;
                self.finished = true;
                chunks.push(Chunk::Finish(reason));
            }
        }
        chunks.extend(answer.usage.map(|usage| Chunk::Usage(usage.into())));
        Ok(())
    }
}

fn outcome(result: Result<Result<(), Failure>, TooLong>) -> Result<(), Failure> {
    result.unwrap_or_else(|TooLong| Err(too_long(crate::sse::MAX_EVENT)))
}

fn too_long(limit: usize) -> Failure {
    failure(
        FailureReason::ServerError,
        "too_long",
        &format!("the provider sent more than {limit} bytes where one event or answer was due"),
    )
}
