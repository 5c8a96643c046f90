//! Reads a whole answer that is not a stream.

use openclaw_sdk::provider::{Chunk, Failure, FailureReason};

use crate::classify::in_answer;
use crate::errors::failure;
use crate::wire::{Answer, finish_reason};

/// The chunks of a complete JSON body.
pub(crate) fn decode(body: &[u8]) -> Result<Vec<Chunk>, Failure> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    if let Some(error) = answer.error.filter(|raw| raw.get() != "null") {
        return Err(in_answer(error.get()));
    }
    let mut chunks = Vec::new();
    let mut finish = None;
    let choices = answer.choices.unwrap_or_default();
    let none = choices.is_empty();
    for choice in choices {
        let seen = choice.collect(&mut chunks);
        finish = finish.or(seen.finish);
    }
    if none {
        return Err(failure(
            FailureReason::EmptyResponse,
            "no_choices",
            "the provider answered without choices",
        ));
    }
    let word = finish.unwrap_or_else(|| "stop".into());
    let reason = finish_reason(&word).ok_or_else(|| ended_by_error(&word))?;
    chunks.push(Chunk::Finish(reason));
    chunks.extend(answer.usage.map(|usage| Chunk::Usage(usage.into())));
    Ok(chunks)
}

/// The provider ended its answer with a finish reason that means failure.
pub(crate) fn ended_by_error(word: &str) -> Failure {
    failure(
        FailureReason::ServerError,
        "finish_reason",
        &format!("the provider ended the answer with `{word}`"),
    )
}

/// An answer that is no JSON of this dialect: cut short, or from something else than a model server.
pub(crate) fn unreadable(error: &serde_json::Error) -> Failure {
    if error.is_eof() {
        return truncated();
    }
    failure(
        FailureReason::ServerError,
        "bad_answer",
        &format!("the provider's answer is not understood: {error}"),
    )
}

/// The answer ended before it was finished.
pub(crate) fn truncated() -> Failure {
    failure(FailureReason::Timeout, "truncated", "the provider's answer ended before it was finished")
}
