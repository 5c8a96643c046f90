//! Writes one message of a request, as this backend can take it.

use openclaw_sdk::provider::{Content, Message, Part, Role, ToolCall};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::compat::Compat;
use crate::request::List;

pub(crate) struct MessageJson<'a> {
    pub(crate) message: &'a Message,
    pub(crate) compat: &'a Compat,
}

impl Serialize for MessageJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { message, compat } = self;
        let mut map = serializer.serialize_map(None)?;
        if compat.flattens_tools() && (message.role == Role::Tool || !message.tool_calls.is_empty()) {
            map.serialize_entry("role", if message.role == Role::Tool { "user" } else { "assistant" })?;
            map.serialize_entry("content", &flat(message))?;
            return map.end();
        }
        map.serialize_entry("role", role(message.role, compat))?;
        match &message.content {
            Some(Content::Text(text)) => map.serialize_entry("content", text)?,
            Some(Content::Parts(parts)) if compat.requires_string_content => {
                map.serialize_entry("content", &joined(parts))?;
            }
            Some(Content::Parts(parts)) => map.serialize_entry("content", &List(parts, PartJson::from))?,
            None if compat.requires_string_content || message.tool_calls.is_empty() => {
                map.serialize_entry("content", "")?;
            }
            None => map.serialize_entry("content", &())?,
        }
        if !compat.strict_message_keys {
            if let Some(name) = &message.name {
                map.serialize_entry("name", name)?;
            }
            if !message.tool_calls.is_empty() {
                map.serialize_entry("tool_calls", &List(&message.tool_calls, CallJson::from))?;
            }
            if let Some(id) = &message.tool_call_id {
                map.serialize_entry("tool_call_id", id)?;
            }
        }
        map.end()
    }
}

fn role(role: Role, compat: &Compat) -> &'static str {
    match role {
        Role::Developer if compat.developer_role() => "developer",
        Role::Developer | Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    }
}

#[derive(serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum PartJson<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: Url<'a> },
}

#[derive(serde::Serialize)]
struct Url<'a> {
    url: &'a str,
}

impl<'a> From<&'a Part> for PartJson<'a> {
    fn from(part: &'a Part) -> Self {
        match part {
            Part::Text(text) => Self::Text { text },
            Part::Image(url) => Self::ImageUrl { image_url: Url { url } },
        }
    }
}

#[derive(serde::Serialize)]
struct CallJson<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: Called<'a>,
}

#[derive(serde::Serialize)]
struct Called<'a> {
    name: &'a str,
    arguments: &'a str,
}

impl<'a> From<&'a ToolCall> for CallJson<'a> {
    fn from(call: &'a ToolCall) -> Self {
        let function = Called { name: &call.name, arguments: &call.arguments };
        Self { id: &call.id, kind: "function", function }
    }
}

/// All parts as one text. An image cannot be said in words, but that there was one can.
fn joined(parts: &[Part]) -> String {
    let words: Vec<&str> = parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Image(_) => "[image]",
        })
        .collect();
    words.join("\n")
}

/// A message about tools for a backend that knows no tools.
fn flat(message: &Message) -> String {
    let mut text = match &message.content {
        Some(Content::Text(words)) => words.clone(),
        Some(Content::Parts(parts)) => joined(parts),
        None => String::new(),
    };
    if message.role == Role::Tool {
        let call = message.name.as_deref().or(message.tool_call_id.as_deref()).unwrap_or("tool");
        return format!("[Result of {call}]\n{text}");
    }
    for call in &message.tool_calls {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("[Called {} with {}]", call.name, call.arguments));
    }
    text
}
