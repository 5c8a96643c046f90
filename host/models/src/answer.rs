//! Puts the chunks of one answer together.

use crate::types::{Chunk, FinishReason, ToolCall, Usage};

/// Calls kept of one answer, and the gap-free range of their indices.
const MAX_TOOL_CALLS: usize = 128;

/// One whole answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its text.
    pub text: String,
    /// The model's reasoning.
    pub reasoning: String,
    /// The text of a refusal.
    pub refusal: String,
    /// The calls that the model asked for, in their order.
    pub tool_calls: Vec<ToolCall>,
    /// What it cost, where the provider said so.
    pub usage: Option<Usage>,
    /// Why the model stopped, where the provider said so.
    pub finish: Option<FinishReason>,
}

impl Answer {
    /// Adds the next chunk. Pieces of more than 128 tool calls are dropped.
    pub fn absorb(&mut self, chunk: Chunk) {
        match chunk {
            Chunk::Text(text) => append(&mut self.text, text),
            Chunk::Reasoning(text) => append(&mut self.reasoning, text),
            Chunk::Refusal(text) => append(&mut self.refusal, text),
            Chunk::Usage(usage) => self.usage = Some(usage),
            Chunk::Finish(reason) => self.finish = Some(reason),
            Chunk::ToolCall(delta) => {
                let Ok(index) = usize::try_from(delta.index) else { return };
                if index >= MAX_TOOL_CALLS {
                    return;
                }
                while self.tool_calls.len() <= index {
                    let (id, name, arguments) = Default::default();
                    self.tool_calls.push(ToolCall { id, name, arguments });
                }
                let Some(call) = self.tool_calls.get_mut(index) else { return };
                if let Some(id) = delta.id {
                    call.id = id;
                }
                if let Some(name) = delta.name {
                    call.name = name;
                }
                append(&mut call.arguments, delta.arguments);
            }
        }
    }

    /// Whether there is nothing that a person or a caller could use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.trim().is_empty() && self.refusal.is_empty() && self.tool_calls.is_empty()
    }
}

/// Appends, without a copy where there was nothing yet.
fn append(whole: &mut String, piece: String) {
    if whole.is_empty() {
        *whole = piece;
    } else {
        whole.push_str(&piece);
    }
}
