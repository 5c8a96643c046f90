//! The JSON of answers, read leniently: what another field holds is skipped, and a text may be a string, a list of
//! parts, or absent, because servers of this dialect differ in just that.

use std::fmt;

use openclaw_sdk::provider::{Chunk, FinishReason, ToolCallDelta, Usage};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// One event of a stream, or a whole answer.
#[derive(Deserialize)]
pub(crate) struct Answer<'a> {
    #[serde(default)]
    pub(crate) choices: Option<Vec<Choice>>,
    #[serde(default)]
    pub(crate) usage: Option<UsageJson>,
    #[serde(default, borrow)]
    pub(crate) error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(crate) struct Choice {
    #[serde(default)]
    index: Option<u32>,
    #[serde(default)]
    delta: Option<Delta>,
    /// `delta` of a whole answer. A field of its own and no alias: an alias refuses an answer that has both keys.
    #[serde(default)]
    message: Option<Delta>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delta {
    content: Text,
    /// Two names of the same; servers that are changing from one to the other send both.
    reasoning_content: Text,
    reasoning: Text,
    refusal: Text,
    tool_calls: Option<Vec<Call>>,
}

#[derive(Deserialize)]
struct Call {
    #[serde(default)]
    index: Option<u32>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<Box<RawValue>>,
}

impl Function {
    /// The JSON text of the arguments: usually inside a string, from some servers as the bare object.
    fn arguments(&self) -> String {
        let json = self.arguments.as_ref().map_or("null", |raw| raw.get());
        match json.as_bytes().first() {
            Some(b'"') => serde_json::from_str(json).unwrap_or_default(),
            Some(b'n') | None => String::new(),
            Some(_) => json.to_owned(),
        }
    }
}

/// What came in choice 0. Asking for several is the caller's business; only the first is an answer here.
#[derive(Default)]
pub(crate) struct Seen {
    /// Something that a reader could see.
    pub(crate) content: bool,
    /// The reason that the provider gave for its end.
    pub(crate) finish: Option<String>,
}

impl Choice {
    /// Appends what this choice says to `chunks`.
    pub(crate) fn collect(self, chunks: &mut Vec<Chunk>) -> Seen {
        let mut seen = Seen::default();
        if self.index.is_some_and(|index| index != 0) {
            return seen;
        }
        let before = chunks.len();
        if let Some(delta) = self.delta.or(self.message) {
            let mut say = |text: Text, kind: fn(String) -> Chunk| {
                if !text.0.is_empty() {
                    chunks.push(kind(text.0));
                }
            };
            let once = delta.reasoning_content.0.is_empty();
            say(if once { delta.reasoning } else { delta.reasoning_content }, Chunk::Reasoning);
            say(delta.content, Chunk::Text);
            say(delta.refusal, Chunk::Refusal);
            for (position, call) in delta.tool_calls.into_iter().flatten().enumerate() {
                chunks.push(Chunk::ToolCall(call.delta(position)));
            }
        }
        seen.content = chunks.len() > before;
        seen.finish = self.finish_reason.filter(|reason| !reason.is_empty());
        seen
    }
}

impl Call {
    fn delta(self, position: usize) -> ToolCallDelta {
        ToolCallDelta {
            index: self.index.or_else(|| u32::try_from(position).ok()).unwrap_or_default(),
            id: self.id.filter(|id| !id.is_empty()),
            arguments: self.function.as_ref().map(Function::arguments).unwrap_or_default(),
            name: self.function.and_then(|function| function.name).filter(|name| !name.is_empty()),
        }
    }
}

/// What the provider's word for the end means; `None` for `error`, which is a failure.
pub(crate) fn finish_reason(word: &str) -> Option<FinishReason> {
    match word {
        "length" | "max_tokens" => Some(FinishReason::Length),
        "tool_calls" | "function_call" => Some(FinishReason::ToolCalls),
        "content_filter" => Some(FinishReason::ContentFilter),
        "error" => None,
        // `stop` and the words of other makers for it, such as `eos` or `end_turn`.
        _ => Some(FinishReason::Stop),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct UsageJson {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

impl From<UsageJson> for Usage {
    fn from(json: UsageJson) -> Self {
        Self {
            input_tokens: json.prompt_tokens.unwrap_or_default(),
            output_tokens: json.completion_tokens.unwrap_or_default(),
            cached_tokens: json.prompt_tokens_details.and_then(|d| d.cached_tokens).unwrap_or_default(),
            reasoning_tokens: json
                .completion_tokens_details
                .and_then(|d| d.reasoning_tokens)
                .unwrap_or_default(),
        }
    }
}

/// A string, `null`, or a list of parts with a `text` each. Anything else is nothing.
#[derive(Default)]
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor).map(Self)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = String;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_string<E>(self, text: String) -> Result<String, E> {
        Ok(text)
    }

    fn visit_unit<E>(self) -> Result<String, E> {
        Ok(String::new())
    }

    fn visit_bool<E>(self, _: bool) -> Result<String, E> {
        Ok(String::new())
    }

    fn visit_u64<E>(self, _: u64) -> Result<String, E> {
        Ok(String::new())
    }

    fn visit_i64<E>(self, _: i64) -> Result<String, E> {
        Ok(String::new())
    }

    fn visit_f64<E>(self, _: f64) -> Result<String, E> {
        Ok(String::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<String, A::Error> {
        let mut text = String::new();
        while let Some(Text(part)) = parts.next_element()? {
            text.push_str(&part);
        }
        Ok(text)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut part: A) -> Result<String, A::Error> {
        let mut text = String::new();
        while let Some(key) = part.next_key::<Key>()? {
            match key {
                Key::Text => text = part.next_value::<Text>()?.0,
                Key::Other => {
                    part.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(text)
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Key {
    Text,
    #[serde(other)]
    Other,
}
