//! Reads the body of a chat request in one pass, without an intermediate tree.

use std::fmt;

use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de::Error as _};
use serde_json::value::RawValue;

use crate::types::{ChatRequest, Content, Message, Part, Role, Tool, ToolCall, ToolChoice};

/// Bytes of a body that are accepted (compat §4.6).
pub const MAX_BODY: usize = 20 << 20;
/// `image_url` parts of the last user message (compat §4.6).
pub const MAX_IMAGES: usize = 8;
/// Texts in `stop` (compat §4.6).
const MAX_STOP: usize = 4;

/// A body that is answered with 400; the text is for the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadRequest(pub String);

/// A chat request as a client sent it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChatBody {
    /// As the client spelled it; empty when it named none.
    pub model: String,
    /// `stream_options.include_usage`
    pub include_usage: bool,
    /// Who the client asks for; keeps a session (compat §4.4).
    pub user: Option<String>,
    /// Everything that goes to the model. Its `model` is empty; `stream` is what the client wants.
    pub request: ChatRequest,
}

impl ChatBody {
    /// Reads and checks a body.
    ///
    /// # Errors
    /// The text of the 400: bad JSON with its place, or which parameter is out of range.
    pub fn parse(body: &[u8]) -> Result<Self, BadRequest> {
        if body.len() > MAX_BODY {
            return Err(BadRequest("Payload too large".to_owned()));
        }
        let mut read = serde_json::Deserializer::from_slice(body);
        let parsed = read.deserialize_map(BodyVisitor).and_then(|parsed| read.end().map(|()| parsed));
        let parsed = parsed.map_err(|error| BadRequest(error.to_string()))?;
        parsed.check()?;
        Ok(parsed)
    }

    /// The index of the message that is the turn: the last one of the user that says something, or of a tool.
    ///
    /// # Errors
    /// The text of the 400 when there is none.
    pub fn turn(&self) -> Result<usize, BadRequest> {
        let says = |message: &Message| match &message.content {
            Some(Content::Text(text)) => !text.trim().is_empty(),
            Some(Content::Parts(parts)) => parts.iter().any(|part| match part {
                Part::Text(text) => !text.trim().is_empty(),
                Part::Image(_) => true,
            }),
            None => false,
        };
        // A tool that has nothing to say has still answered.
        let turns =
            |message: &Message| message.role == Role::Tool || (message.role == Role::User && says(message));
        self.request
            .messages
            .iter()
            .rposition(turns)
            .ok_or_else(|| BadRequest("Missing user message in `messages`.".to_owned()))
    }

    pub(super) fn check(&self) -> Result<(), BadRequest> {
        let request = &self.request;
        if request.messages.is_empty() {
            return Err(BadRequest("Missing user message in `messages`.".to_owned()));
        }
        let within = |name: &str, value: Option<f64>, low: f64, high: f64| match value {
            Some(value) if !(low..=high).contains(&value) => {
                Err(BadRequest(format!("Invalid `{name}`. Use a number from {low} to {high}.")))
            }
            _ => Ok(()),
        };
        within("temperature", request.temperature, 0.0, 2.0)?;
        within("top_p", request.top_p, 0.0, 1.0)?;
        for name in ["frequency_penalty", "presence_penalty"] {
            if let Some(value) = self.extra(name) {
                let number = value
                    .parse::<f64>()
                    .map_err(|_| BadRequest(format!("Invalid `{name}`. Use a number.")))?;
                within(name, Some(number), -2.0, 2.0)?;
            }
        }
        if self.extra("seed").is_some_and(|seed| seed.parse::<i64>().is_err()) {
            return Err(BadRequest("Invalid `seed`. Use an integer.".to_owned()));
        }
        if self.extra("n").is_some_and(|n| n != "1") {
            return Err(BadRequest("Invalid `n`. Only one choice is supported.".to_owned()));
        }
        if request.stop.len() > MAX_STOP || request.stop.iter().any(String::is_empty) {
            return Err(BadRequest(format!(
                "Invalid `stop`. Use at most {MAX_STOP} texts, none of them empty."
            )));
        }
        if request.max_tokens == Some(0) {
            return Err(BadRequest("Invalid `max_completion_tokens`. Use a number above 0.".to_owned()));
        }
        let known = |name: &String| request.tools.iter().any(|tool| tool.name == *name);
        match &request.tool_choice {
            Some(ToolChoice::Required) if request.tools.is_empty() => {
                return Err(BadRequest("tool_choice=required but no tools were provided".to_owned()));
            }
            Some(ToolChoice::Function(name)) if !known(name) => {
                return Err(BadRequest(format!("tool_choice requested unknown tool: {name}")));
            }
            _ => {}
        }
        let last = request.messages.iter().rfind(|message| message.role == Role::User);
        if let Some(Content::Parts(parts)) = last.and_then(|message| message.content.as_ref()) {
            let images = parts.iter().filter(|part| matches!(part, Part::Image(_))).count();
            if images > MAX_IMAGES {
                return Err(BadRequest(format!(
                    "Too many `image_url` parts ({images}). Use at most {MAX_IMAGES}."
                )));
            }
        }
        Ok(())
    }

    fn extra(&self, name: &str) -> Option<&str> {
        self.request.extra.iter().find(|(set, _)| set == name).map(|(_, json)| json.as_str())
    }
}

struct BodyVisitor;

impl<'de> Visitor<'de> for BodyVisitor {
    type Value = ChatBody;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ChatBody, A::Error> {
        let mut body = ChatBody::default();
        let request = &mut body.request;
        let mut newer_limit = false;
        while let Some(name) = map.next_key::<Name<'de>>()? {
            match name.0.as_ref() {
                "model" => body.model = map.next_value::<Option<String>>()?.unwrap_or_default(),
                "messages" => request.messages = map.next_value::<Messages>()?.0,
                "stream" => request.stream = map.next_value::<Option<bool>>()?.unwrap_or_default(),
                "stream_options" => {
                    let options = map.next_value::<Option<StreamOptions>>()?.unwrap_or_default();
                    body.include_usage = options.include_usage.unwrap_or_default();
                }
                "user" => body.user = map.next_value::<Option<String>>()?.filter(|user| !user.is_empty()),
                "tools" => {
                    let tools = map.next_value::<Option<Vec<WireTool<'de>>>>()?.unwrap_or_default();
                    request.tools = tools.into_iter().map(Tool::from).collect();
                }
                "tool_choice" => {
                    request.tool_choice = map.next_value::<Option<Choice>>()?.map(|choice| choice.0)
                }
                "max_completion_tokens" => {
                    let limit = map.next_value::<Option<u32>>()?;
                    newer_limit |= limit.is_some();
                    request.max_tokens = limit.or(request.max_tokens);
                }
                // The older spelling of the same thing.
                "max_tokens" => {
                    let limit = map.next_value::<Option<u32>>()?;
                    if !newer_limit {
                        request.max_tokens = limit;
                    }
                }
                "temperature" => request.temperature = map.next_value()?,
                "top_p" => request.top_p = map.next_value()?,
                "stop" => {
                    request.stop = map.next_value::<Option<Stops>>()?.map(|stops| stops.0).unwrap_or_default()
                }
                other => {
                    let json = map.next_value::<&'de RawValue>()?.get();
                    if json != "null" {
                        request.extra.push((other.to_owned(), json.to_owned()));
                    }
                }
            }
        }
        Ok(body)
    }
}

/// A key, borrowed from the body unless it holds an escape.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

#[derive(Default, Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

/// The messages, with the index of the one that cannot be read in the error.
struct Messages(Vec<Message>);

impl<'de> Deserialize<'de> for Messages {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Messages;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`messages` to be an array")
            }
            fn visit_unit<E: de::Error>(self) -> Result<Messages, E> {
                Ok(Messages(Vec::new()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Messages, A::Error> {
                let mut messages = Vec::with_capacity(seq.size_hint().unwrap_or_default().min(64));
                while let Some(message) = seq.next_element::<WireMessage>().map_err(|error| {
                    A::Error::custom(format_args!("messages[{}]: {error}", messages.len()))
                })? {
                    messages.push(message.into());
                }
                Ok(Messages(messages))
            }
        }
        deserializer.deserialize_any(List)
    }
}

#[derive(Deserialize)]
struct WireMessage {
    role: WireRole,
    #[serde(default)]
    content: Option<WireContent>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<WireCall>>,
    #[serde(default)]
    tool_call_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireRole {
    System,
    Developer,
    User,
    Assistant,
    Tool,
    /// The oldest spelling of a tool's result.
    Function,
}

#[derive(Deserialize)]
struct WireCall {
    #[serde(default)]
    id: String,
    function: WireFunctionCall,
}

#[derive(Deserialize)]
struct WireFunctionCall {
    name: String,
    #[serde(default)]
    arguments: String,
}

impl From<WireMessage> for Message {
    fn from(wire: WireMessage) -> Self {
        let role = match wire.role {
            WireRole::System => Role::System,
            WireRole::Developer => Role::Developer,
            WireRole::User => Role::User,
            WireRole::Assistant => Role::Assistant,
            WireRole::Tool | WireRole::Function => Role::Tool,
        };
        let calls = wire.tool_calls.unwrap_or_default().into_iter();
        Self {
            role,
            content: wire.content.map(|content| content.0),
            name: wire.name,
            tool_calls: calls
                .map(|call| ToolCall {
                    id: call.id,
                    name: call.function.name,
                    arguments: call.function.arguments,
                })
                .collect(),
            tool_call_id: wire.tool_call_id,
        }
    }
}

/// A string, or an array of parts.
struct WireContent(Content);

impl<'de> Deserialize<'de> for WireContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = WireContent;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`content` to be a string or an array of parts")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<WireContent, E> {
                Ok(WireContent(Content::Text(text.to_owned())))
            }
            fn visit_string<E: de::Error>(self, text: String) -> Result<WireContent, E> {
                Ok(WireContent(Content::Text(text)))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<WireContent, A::Error> {
                let mut parts = Vec::new();
                while let Some(part) = seq.next_element::<WirePart>()? {
                    parts.push(part.into_part().map_err(A::Error::custom)?);
                }
                Ok(WireContent(Content::Parts(parts)))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[derive(Deserialize)]
struct WirePart {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    image_url: Option<ImageUrl>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ImageUrl {
    Object { url: String },
    Plain(String),
}

impl WirePart {
    fn into_part(self) -> Result<Part, String> {
        match (self.kind.as_str(), self.text, self.refusal, self.image_url) {
            ("text" | "input_text" | "output_text", Some(text), ..) => Ok(Part::Text(text)),
            ("refusal", _, Some(text), _) => Ok(Part::Text(text)),
            ("image_url", _, _, Some(ImageUrl::Object { url } | ImageUrl::Plain(url))) => {
                if url.starts_with("https://") || url.starts_with("data:") {
                    Ok(Part::Image(url))
                } else {
                    Err("`image_url` must be an https: or data: URL".to_owned())
                }
            }
            (kind, ..) => Err(format!("content part of type `{kind}` is not supported or lacks its value")),
        }
    }
}

#[derive(Deserialize)]
struct WireTool<'a> {
    #[serde(borrow)]
    function: WireFunction<'a>,
}

#[derive(Deserialize)]
struct WireFunction<'a> {
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(borrow, default)]
    parameters: Option<&'a RawValue>,
    #[serde(default)]
    strict: Option<bool>,
}

impl From<WireTool<'_>> for Tool {
    fn from(wire: WireTool<'_>) -> Self {
        let WireFunction { name, description, parameters, strict } = wire.function;
        Self { name, description, parameters: parameters.map(|schema| schema.get().to_owned()), strict }
    }
}

/// A word, or `{type: "function", function: {name}}`.
struct Choice(ToolChoice);

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Choice;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "`tool_choice` to be auto, none, required or {type: \"function\", function: {name}}",
                )
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<Choice, E> {
                match word {
                    "auto" => Ok(Choice(ToolChoice::Auto)),
                    "none" => Ok(Choice(ToolChoice::None)),
                    "required" => Ok(Choice(ToolChoice::Required)),
                    _ => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Choice, A::Error> {
                #[derive(Deserialize)]
                struct Named {
                    name: String,
                }
                let mut function = None;
                while let Some(key) = map.next_key::<Name<'de>>()? {
                    if key.0 == "function" {
                        function = Some(map.next_value::<Named>()?.name);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                function
                    .map(|name| Choice(ToolChoice::Function(name)))
                    .ok_or_else(|| A::Error::missing_field("function"))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A text, or several.
struct Stops(Vec<String>);

impl<'de> Deserialize<'de> for Stops {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            One(String),
            Many(Vec<String>),
        }
        Ok(Self(match Either::deserialize(deserializer)? {
            Either::One(text) => vec![text],
            Either::Many(texts) => texts,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_request_is_read() {
        let body = ChatBody::parse(
            br#"{"model":"mock/a","stream":true,"stream_options":{"include_usage":true},"user":"u1","max_tokens":5,
            "max_completion_tokens":9,"temperature":0.5,"top_p":1,"stop":"END","seed":7,"response_format":{"type": "text"},
            "logprobs":null,"tool_choice":{"type":"function","function":{"name":"f"}},
            "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type": "object"}}}],
            "messages":[{"role":"system","content":"be \u00e9xact"},
              {"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:x"}}]},
              {"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function",
                "function":{"name":"f","arguments":"{\"a\":1}"}}]},
              {"role":"tool","tool_call_id":"c","content":"done"}]}"#,
        )
        .unwrap();
        assert_eq!(
            (body.model.as_str(), body.include_usage, body.user.as_deref()),
            ("mock/a", true, Some("u1"))
        );
        assert_eq!(body.turn(), Ok(3));
        let request = body.request;
        assert!(request.stream && request.model.is_empty());
        assert_eq!((request.max_tokens, request.temperature, request.top_p), (Some(9), Some(0.5), Some(1.0)));
        assert_eq!(request.stop, ["END"]);
        assert_eq!(request.tool_choice, Some(ToolChoice::Function("f".to_owned())));
        assert_eq!(request.tools[0].parameters.as_deref(), Some(r#"{"type": "object"}"#));
        let extra = [("seed", "7"), ("response_format", r#"{"type": "text"}"#)];
        assert_eq!(request.extra, extra.map(|(name, json)| (name.to_owned(), json.to_owned())));
        assert_eq!(request.messages[0], Message::text(Role::System, "be \u{e9}xact"));
        let parts = vec![Part::Text("look".to_owned()), Part::Image("data:x".to_owned())];
        assert_eq!(request.messages[1].content, Some(Content::Parts(parts)));
        assert_eq!(request.messages[2].tool_calls[0].arguments, r#"{"a":1}"#);
        assert_eq!(request.messages[3].tool_call_id.as_deref(), Some("c"));
    }

    #[test]
    fn a_bad_request_is_explained() {
        let check = |body: &str, expected: &str| {
            let error = ChatBody::parse(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{body}: {error}");
        };
        let with = |more: &str| format!(r#"{{"messages":[{{"role":"user","content":"x"}}],{more}}}"#);
        check(r#"{"model":"openclaw"}"#, "Missing user message in `messages`.");
        check(r#"{"messages":[]}"#, "Missing user message in `messages`.");
        check(r#"{"messages":null}"#, "Missing user message in `messages`.");
        check("{bad", "at line 1 column 2");
        check("[]", "expected an object");
        check(r#"{"messages":[{"role":"user","content":"x"}]} x"#, "trailing characters");
        check(
            r#"{"messages":[{"role":"user","content":"x"},{"role":"king"}]}"#,
            "messages[1]: unknown variant `king`",
        );
        check(r#"{"messages":[{"role":"user","content":7}]}"#, "messages[0]: invalid type: integer `7`");
        check(
            r#"{"messages":[{"role":"user","content":[{"type":"audio"}]}]}"#,
            "content part of type `audio`",
        );
        check(
            r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":"http://x"}]}]}"#,
            "must be an https: or data: URL",
        );
        check(&with(r#""temperature":2.1"#), "Invalid `temperature`. Use a number from 0 to 2.");
        check(&with(r#""top_p":-1"#), "Invalid `top_p`.");
        check(&with(r#""presence_penalty":3"#), "Invalid `presence_penalty`.");
        check(&with(r#""frequency_penalty":"a""#), "Invalid `frequency_penalty`.");
        check(&with(r#""seed":1.5"#), "Invalid `seed`.");
        check(&with(r#""n":2"#), "Invalid `n`.");
        check(&with(r#""stop":["a","b","c","d","e"]"#), "Invalid `stop`.");
        check(&with(r#""stop":["a",""]"#), "none of them empty");
        check(&with(r#""tool_choice":"required""#), "tool_choice=required but no tools were provided");
        check(
            &with(r#""tools":[],"tool_choice":{"type":"function","function":{"name":"g"}}"#),
            "tool_choice requested unknown tool: g",
        );
        check(&with(r#""max_tokens":0"#), "Invalid `max_completion_tokens`.");
        check(&with(r#""tool_choice":"sometimes""#), "`tool_choice` to be auto, none, required");
        let images = [r#"{"type":"image_url","image_url":{"url":"data:x"}}"#; 9].join(",");
        check(
            &format!(r#"{{"messages":[{{"role":"user","content":[{images}]}}]}}"#),
            "Too many `image_url` parts (9).",
        );
    }

    #[test]
    fn a_turn_needs_a_user_who_says_something() {
        for silent in [
            r#"{"messages":[{"role":"system","content":"x"}]}"#,
            r#"{"messages":[{"role":"user","content":"  "}]}"#,
            r#"{"messages":[{"role":"user","content":[]}]}"#,
        ] {
            let error = ChatBody::parse(silent.as_bytes()).unwrap().turn().unwrap_err();
            assert_eq!(error.to_string(), "Missing user message in `messages`.", "{silent}");
        }
    }
}
