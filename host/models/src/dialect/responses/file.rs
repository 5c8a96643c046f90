//! The text of a file that came with a request, marked as what it is: data that nobody vouches for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Decoded bytes of one file.
const MAX_BYTES: usize = 5 << 20;
/// Characters of one file that a model gets to see.
const MAX_CHARS: usize = 60_000;
/// What can be read without a program for it.
const TEXTS: [&str; 5] = ["text/plain", "text/markdown", "text/html", "text/csv", "application/json"];

/// A file as it came.
pub(super) struct Inline {
    /// The media type, perhaps with parameters.
    pub(super) media: String,
    /// In base64.
    pub(super) data: String,
    pub(super) name: Option<String>,
}

/// The file's text between its marks, for the system prompt (compat §4.8).
pub(super) fn text(file: &Inline) -> Result<String, String> {
    let media = file.media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !TEXTS.contains(&media.as_str()) {
        return Err(format!("files of type `{media}` are not read. Send text: {}", TEXTS.join(", ")));
    }
    if file.data.len() / 4 * 3 > MAX_BYTES {
        return Err(format!("the file is too large (max {MAX_BYTES} bytes)"));
    }
    let bytes =
        STANDARD.decode(file.data.trim()).map_err(|error| format!("the file is no base64: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| "the file is no UTF-8 text".to_owned())?;
    let (text, cut) = match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => (text.get(..end).unwrap_or_default(), "\n[The rest of the file is left out.]"),
        None => (text.as_str(), ""),
    };
    let name: String =
        file.name.as_deref().unwrap_or("file").chars().filter(|c| !c.is_control()).take(128).collect();
    // Nobody can end the block from inside without knowing its id.
    let id = uuid::Uuid::new_v4().simple();
    Ok(format!(
        "<<<EXTERNAL_UNTRUSTED_CONTENT id=\"{id}\">>>\nSource: External\nFile: {name}\n---\n{text}{cut}\n\
         <<<END_EXTERNAL_UNTRUSTED_CONTENT id=\"{id}\">>>"
    ))
}
