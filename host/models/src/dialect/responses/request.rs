//! Reads the body of `/v1/responses` into the request that a chat body would have become.
//!
//! What a client may send and nothing here depends on (`store`, `metadata`, `reasoning`, `truncation`, `include` and
//! so on) is accepted and ignored. What would change the answer and cannot be done is refused.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::types::{ChatRequest, Message, Role, Tool, ToolChoice};

use super::item::Read;
use crate::dialect::{BadRequest, ChatBody, MAX_BODY};

/// A request of this dialect as a client sent it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResponsesBody {
    /// Everything that a chat request could have said as well. At least one message is of the user or of a tool.
    pub chat: ChatBody,
    /// `previous_response_id`
    pub previous: Option<String>,
}

impl ResponsesBody {
    /// Reads and checks a body.
    ///
    /// # Errors
    /// The text of the 400.
    pub fn parse(body: &[u8]) -> Result<Self, BadRequest> {
        if body.len() > MAX_BODY {
            return Err(BadRequest("Payload too large".to_owned()));
        }
        let wire: Wire<'_> = serde_json::from_slice(body).map_err(|error| BadRequest(error.to_string()))?;
        wire.check()?;
        let Read { messages, files } = wire.input.map(Read::new).transpose()?.unwrap_or_default();
        let instructions = wire.instructions.filter(|text| !text.trim().is_empty());
        let system = instructions.into_iter().chain(files).map(|text| Message::text(Role::System, text));
        let tools = wire.tools.unwrap_or_default().into_iter();
        let mut extra = Vec::new();
        if let Some(parallel) = wire.parallel_tool_calls {
            extra.push(("parallel_tool_calls".to_owned(), parallel.to_string()));
        }
        if let Some(format) = wire.text.and_then(|text| text.format).and_then(response_format) {
            extra.push(("response_format".to_owned(), format.to_string()));
        }
        let request = ChatRequest {
            messages: system.chain(messages).collect(),
            tools: tools.map(WireTool::into_tool).collect::<Result<_, _>>()?,
            tool_choice: wire.tool_choice.map(|choice| choice.0),
            stream: wire.stream.unwrap_or_default(),
            max_tokens: wire.max_output_tokens,
            temperature: wire.temperature,
            top_p: wire.top_p,
            extra,
            ..ChatRequest::default()
        };
        let chat = ChatBody {
            model: wire.model.unwrap_or_default(),
            include_usage: true,
            user: wire.user.filter(|user| !user.is_empty()),
            request,
        };
        let missing = |_| BadRequest("Missing user message in `input`.".to_owned());
        chat.turn().map_err(missing)?;
        chat.check()?;
        Ok(Self { chat, previous: wire.previous_response_id.filter(|id| !id.is_empty()) })
    }
}

#[derive(Deserialize)]
struct Wire<'a> {
    model: Option<String>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    instructions: Option<String>,
    #[serde(borrow)]
    tools: Option<Vec<WireTool<'a>>>,
    tool_choice: Option<Choice>,
    stream: Option<bool>,
    max_output_tokens: Option<u32>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    user: Option<String>,
    previous_response_id: Option<String>,
    parallel_tool_calls: Option<bool>,
    text: Option<TextOptions>,
    background: Option<bool>,
    conversation: Option<IgnoredAny>,
    prompt: Option<IgnoredAny>,
}

impl Wire<'_> {
    fn check(&self) -> Result<(), BadRequest> {
        let refuse = |text: &str| Err(BadRequest(text.to_owned()));
        if self.background == Some(true) {
            return refuse("`background` is not supported. Leave it out, and use `stream` for long answers.");
        }
        if self.conversation.is_some() {
            return refuse("`conversation` is not supported. Use `previous_response_id` or `user`.");
        }
        if self.prompt.is_some() {
            return refuse("`prompt` templates are not supported. Use `instructions` and `input`.");
        }
        if self.max_output_tokens == Some(0) {
            return refuse("Invalid `max_output_tokens`. Use a number above 0.");
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct TextOptions {
    format: Option<Value>,
}

/// The same wish in the words of a chat request.
fn response_format(mut format: Value) -> Option<Value> {
    match format.get("type").and_then(Value::as_str) {
        Some("json_schema") => {
            let mut schema = format.as_object_mut().map(std::mem::take).unwrap_or_default();
            schema.shift_remove("type");
            Some(json!({"type": "json_schema", "json_schema": schema}))
        }
        Some("json_object") => Some(json!({"type": "json_object"})),
        // Text is what everybody answers with anyway.
        _ => None,
    }
}

#[derive(Deserialize)]
struct WireTool<'a> {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    description: Option<String>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
    strict: Option<bool>,
}

impl WireTool<'_> {
    fn into_tool(self) -> Result<Tool, BadRequest> {
        let Self { kind, name, description, parameters, strict } = self;
        match name.filter(|name| kind == "function" && !name.is_empty()) {
            Some(name) => {
                let parameters = parameters.map(|schema| schema.get().to_owned());
                Ok(Tool { name, description, parameters, strict })
            }
            None if kind == "function" => Err(BadRequest("Tool name cannot be empty".to_owned())),
            None => {
                Err(BadRequest(format!("tools of type `{kind}` are not supported. Use `function` tools.")))
            }
        }
    }
}

/// A word, `{type: "function", name}`, or the nested spelling of a chat request.
struct Choice(ToolChoice);

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let name = value.get("name").or_else(|| value.pointer("/function/name")).and_then(Value::as_str);
        match (value.as_str(), name) {
            (Some("auto"), _) => Ok(Self(ToolChoice::Auto)),
            (Some("none"), _) => Ok(Self(ToolChoice::None)),
            (Some("required"), _) => Ok(Self(ToolChoice::Required)),
            (None, Some(name)) => Ok(Self(ToolChoice::Function(name.to_owned()))),
            _ => Err(de::Error::custom(Expected)),
        }
    }
}

struct Expected;

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected `tool_choice` to be auto, none, required or {type: \"function\", name}")
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
