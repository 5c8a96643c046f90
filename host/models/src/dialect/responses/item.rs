//! The items of an input, as messages: calls join the assistant's message before them, outputs become messages of a tool.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::file::{self, Inline};
use crate::dialect::{BadRequest, MAX_IMAGES};
use crate::types::{Content, Message, Part, Role, ToolCall};

/// Decoded bytes of one image.
const MAX_IMAGE: usize = 10 << 20;
/// What stands for a message of files alone.
const FILES_ALONE: &str = "User sent file(s) with no text.";

/// What an input says.
#[derive(Default)]
pub(super) struct Read {
    pub(super) messages: Vec<Message>,
    /// The texts of files, for the system prompt.
    pub(super) files: Vec<String>,
}

impl Read {
    /// Reads `input`: a text, or items.
    pub(super) fn new(input: &RawValue) -> Result<Self, BadRequest> {
        let mut read = Self::default();
        if input.get().starts_with('"') {
            let text: String =
                serde_json::from_str(input.get()).map_err(|why| BadRequest(why.to_string()))?;
            read.messages.push(Message::text(Role::User, text));
            return Ok(read);
        }
        let items: Vec<&RawValue> = serde_json::from_str(input.get())
            .map_err(|_| BadRequest("`input` must be a string or an array of items.".to_owned()))?;
        for (index, json) in items.into_iter().enumerate() {
            let item = serde_json::from_str::<Item>(json.get()).map_err(|error| error.to_string());
            item.and_then(|item| read.add(item))
                .map_err(|why| BadRequest(format!("input[{index}]: {why}")))?;
        }
        Ok(read)
    }
}

/// Any item: which fields it has depends on its type.
#[derive(Deserialize)]
struct Item {
    #[serde(rename = "type")]
    kind: Option<String>,
    id: Option<String>,
    role: Option<String>,
    content: Option<WireContent>,
    call_id: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
    output: Option<WireContent>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WireContent {
    Text(String),
    Parts(Vec<WirePart>),
}

#[derive(Deserialize)]
struct WirePart {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    refusal: Option<String>,
    /// The vendor's own spelling of an image.
    image_url: Option<String>,
    file_id: Option<String>,
    file_url: Option<String>,
    /// The vendor's own spelling of a file.
    file_data: Option<String>,
    filename: Option<String>,
    source: Option<Source>,
}

#[derive(Deserialize)]
struct Source {
    #[serde(rename = "type")]
    kind: String,
    url: Option<String>,
    media_type: Option<String>,
    data: Option<String>,
    filename: Option<String>,
}

impl Read {
    fn add(&mut self, item: Item) -> Result<(), String> {
        match item.kind.as_deref().unwrap_or("message") {
            "message" => self.message(item),
            "function_call" => {
                let id = item.call_id.or(item.id).ok_or("`call_id` is missing")?;
                let name = item.name.ok_or("`name` is missing")?;
                let call = ToolCall { id, name, arguments: item.arguments.unwrap_or_default() };
                match self.messages.last_mut().filter(|last| last.role == Role::Assistant) {
                    Some(last) => last.tool_calls.push(call),
                    None => self.messages.push(Message {
                        content: None,
                        tool_calls: vec![call],
                        ..Message::text(Role::Assistant, "")
                    }),
                }
                Ok(())
            }
            "function_call_output" => {
                let id = item.call_id.ok_or("`call_id` is missing")?;
                let text = match item.output.ok_or("`output` is missing")? {
                    WireContent::Text(text) => text,
                    WireContent::Parts(parts) => Content::Parts(self.parts(parts)?).to_text(),
                };
                self.messages.push(Message { tool_call_id: Some(id), ..Message::text(Role::Tool, text) });
                Ok(())
            }
            "reasoning" | "item_reference" => Ok(()),
            other => Err(format!("items of type `{other}` are not supported")),
        }
    }

    fn message(&mut self, item: Item) -> Result<(), String> {
        let role = match item.role.as_deref().ok_or("`role` is missing")? {
            "system" => Role::System,
            "developer" => Role::Developer,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            other => return Err(format!("unknown role `{other}`")),
        };
        let content = match item.content.ok_or("`content` is missing")? {
            WireContent::Text(text) => Content::Text(text),
            WireContent::Parts(parts) => {
                let files = self.files.len();
                let mut parts = self.parts(parts)?;
                if parts.is_empty() && self.files.len() > files {
                    parts.push(Part::Text(FILES_ALONE.to_owned()));
                }
                plain(parts)
            }
        };
        self.messages.push(Message { content: Some(content), ..Message::text(role, "") });
        Ok(())
    }

    fn parts(&mut self, wire: Vec<WirePart>) -> Result<Vec<Part>, String> {
        let mut parts = Vec::with_capacity(wire.len());
        for part in wire {
            match part.kind.as_str() {
                "input_text" | "output_text" | "text" => {
                    parts.push(Part::Text(part.text.ok_or("`text` is missing")?));
                }
                "refusal" => parts.push(Part::Text(part.refusal.ok_or("`refusal` is missing")?)),
                "input_image" => parts.push(Part::Image(image(part)?)),
                "input_file" => self.files.push(file::text(&inline(part)?)?),
                other => return Err(format!("content of type `{other}` is not supported")),
            }
        }
        let images = parts.iter().filter(|part| matches!(part, Part::Image(_))).count();
        if images > MAX_IMAGES {
            return Err(format!("too many images ({images}). Use at most {MAX_IMAGES}"));
        }
        Ok(parts)
    }
}

/// Texts alone need no parts (some servers take none).
fn plain(mut parts: Vec<Part>) -> Content {
    match parts.as_mut_slice() {
        [Part::Text(text)] => Content::Text(std::mem::take(text)),
        _ => Content::Parts(parts),
    }
}

/// The `https:` or `data:` URL of an image.
fn image(part: WirePart) -> Result<String, String> {
    if part.file_id.is_some() {
        return Err(
            "`file_id` is not supported: this gateway keeps no files. Send the image itself".to_owned()
        );
    }
    let url = match part.source {
        Some(Source { kind, url: Some(url), .. }) if kind == "url" => url,
        Some(Source { kind, media_type: Some(media), data: Some(data), .. }) if kind == "base64" => {
            if !media.starts_with("image/") {
                return Err(format!("`{media}` is no type of image"));
            }
            format!("data:{media};base64,{data}")
        }
        Some(_) => return Err("`source` needs `url`, or `media_type` and `data`".to_owned()),
        None => part.image_url.ok_or("`image_url` is missing")?,
    };
    if !url.starts_with("https://") && !url.starts_with("data:image/") {
        return Err("`image_url` must be an https: or data: URL of an image".to_owned());
    }
    if url.len() / 4 * 3 > MAX_IMAGE {
        return Err(format!("the image is too large (max {MAX_IMAGE} bytes)"));
    }
    Ok(url)
}

/// A file that came with the request.
fn inline(part: WirePart) -> Result<Inline, String> {
    const ELSEWHERE: &str = "files are not fetched and none are kept here. Send the file itself as base64";
    if part.file_id.is_some() || part.file_url.is_some() {
        return Err(ELSEWHERE.to_owned());
    }
    match (part.source, part.file_data) {
        (Some(Source { kind, .. }), _) if kind == "url" => Err(ELSEWHERE.to_owned()),
        (Some(Source { media_type: Some(media), data: Some(data), filename, .. }), _) => {
            Ok(Inline { media, data, name: filename.or(part.filename) })
        }
        (None, Some(url)) => {
            let data = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
            let (media, data) = data.ok_or("`file_data` must be a data: URL in base64")?;
            Ok(Inline { media: media.to_owned(), data: data.to_owned(), name: part.filename })
        }
        _ => Err("`input_file` needs `file_data`, or a `source` with `media_type` and `data`".to_owned()),
    }
}
