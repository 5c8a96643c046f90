//! Writes `POST /chat/completions`. Owns the request's JSON; never decides what a backend supports (see `compat`).

use openclaw_sdk::provider::{
    ChatRequest, Content, Failure, FailureReason, HttpRequest, Message, Method, Part, Tool, ToolChoice,
};
use serde::ser::{Error, Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::compat::Compat;
use crate::errors::failure;
use crate::messages::MessageJson;

/// Parameters that this module writes itself: a second copy in `extra` would make the JSON ambiguous.
const OWN: [&str; 5] = ["model", "messages", "stream", "tools", "tool_choice"];
/// Parameters that make sense only with tools.
const ABOUT_TOOLS: [&str; 3] = ["parallel_tool_calls", "functions", "function_call"];

pub(crate) fn prepare(request: &ChatRequest) -> Result<HttpRequest, Failure> {
    let compat =
        Compat::parse(&request.compat).map_err(|error| invalid(&format!("the model's compat: {error}")))?;
    let mut body = Vec::with_capacity(1024 + text_size(request));
    let mut serializer = serde_json::Serializer::new(&mut body);
    Body { request, compat: &compat }
        .serialize(&mut serializer)
        .map_err(|error| invalid(&error.to_string()))?;
    let accept = if request.stream { "text/event-stream" } else { "application/json" };
    Ok(HttpRequest {
        method: Method::Post,
        path: "/chat/completions".into(),
        headers: vec![("content-type".into(), "application/json".into()), ("accept".into(), accept.into())],
        body,
    })
}

fn invalid(message: &str) -> Failure {
    failure(FailureReason::Format, "invalid_request", message)
}

/// A guess that saves the body from growing in steps.
fn text_size(request: &ChatRequest) -> usize {
    let content = |message: &Message| match &message.content {
        Some(Content::Text(text)) => text.len(),
        Some(Content::Parts(parts)) => {
            parts.iter().map(|(Part::Text(text) | Part::Image(text))| text.len() + 48).sum()
        }
        None => 0,
    };
    let messages: usize = request.messages.iter().map(|message| content(message) + 64).sum();
    let tools: usize =
        request.tools.iter().map(|tool| tool.parameters.as_ref().map_or(0, String::len) + 256).sum();
    messages + messages / 8 + tools
}

struct Body<'a> {
    request: &'a ChatRequest,
    compat: &'a Compat,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { request, compat } = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("model", &request.model)?;
        map.serialize_entry("messages", &List(&request.messages, |message| MessageJson { message, compat }))?;
        let tools = compat.tools() && !request.tools.is_empty();
        if tools {
            map.serialize_entry("tools", &List(&request.tools, ToolJson::from))?;
            if let Some(choice) = &request.tool_choice {
                map.serialize_entry("tool_choice", &ToolChoiceJson::from(choice))?;
            }
        }
        if request.stream {
            map.serialize_entry("stream", &true)?;
            let asked_by_caller = request.extra.iter().any(|(name, _)| name == "stream_options");
            if compat.usage_in_streaming() && !asked_by_caller {
                map.serialize_entry("stream_options", &StreamOptions { include_usage: true })?;
            }
        }
        if let Some(limit) = request.max_tokens {
            map.serialize_entry(compat.max_tokens_field(), &limit)?;
        }
        if let Some(temperature) = request.temperature {
            map.serialize_entry("temperature", &temperature)?;
        }
        if let Some(top_p) = request.top_p {
            map.serialize_entry("top_p", &top_p)?;
        }
        if !request.stop.is_empty() {
            map.serialize_entry("stop", &request.stop)?;
        }
        for (name, json) in &request.extra {
            let dropped = OWN.contains(&name.as_str())
                || (!tools && ABOUT_TOOLS.contains(&name.as_str()))
                || (name == "stream_options" && !compat.usage_in_streaming());
            if !dropped {
                map.serialize_entry(name, raw::<S>(name, json)?)?;
            }
        }
        map.end()
    }
}

/// JSON text that is copied as it is, once it is known to be JSON.
fn raw<'a, S: Serializer>(name: &str, json: &'a str) -> Result<&'a RawValue, S::Error> {
    serde_json::from_str(json)
        .map_err(|error| S::Error::custom(format_args!("`{name}` is not JSON: {error}")))
}

#[derive(serde::Serialize)]
struct StreamOptions {
    include_usage: bool,
}

/// A list that is written item by item.
pub(crate) struct List<'a, T, F>(pub(crate) &'a [T], pub(crate) F);

impl<'a, T, U: Serialize, F: Fn(&'a T) -> U> Serialize for List<'a, T, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(&self.1))
    }
}

#[derive(serde::Serialize)]
#[serde(tag = "type", content = "function", rename_all = "snake_case")]
enum ToolJson<'a> {
    Function(Function<'a>),
}

struct Function<'a>(&'a Tool);

impl<'a> From<&'a Tool> for ToolJson<'a> {
    fn from(tool: &'a Tool) -> Self {
        Self::Function(Function(tool))
    }
}

impl Serialize for Function<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tool = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &tool.name)?;
        if let Some(description) = &tool.description {
            map.serialize_entry("description", description)?;
        }
        if let Some(parameters) = &tool.parameters {
            map.serialize_entry("parameters", raw::<S>("parameters", parameters)?)?;
        }
        if let Some(strict) = tool.strict {
            map.serialize_entry("strict", &strict)?;
        }
        map.end()
    }
}

#[derive(serde::Serialize)]
#[serde(untagged)]
enum ToolChoiceJson<'a> {
    Word(&'static str),
    Function {
        #[serde(rename = "type")]
        kind: &'static str,
        function: Named<'a>,
    },
}

#[derive(serde::Serialize)]
struct Named<'a> {
    name: &'a str,
}

impl<'a> From<&'a ToolChoice> for ToolChoiceJson<'a> {
    fn from(choice: &'a ToolChoice) -> Self {
        match choice {
            ToolChoice::Auto => Self::Word("auto"),
            ToolChoice::None => Self::Word("none"),
            ToolChoice::Required => Self::Word("required"),
            ToolChoice::Function(name) => Self::Function { kind: "function", function: Named { name } },
        }
    }
}
