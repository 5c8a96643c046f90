//! Markdown as the model writes it to the HTML that Telegram takes, in parts that Telegram accepts.
//!
//! The way is Markdown → styled text → parts → HTML. Cutting happens on the styled text, so no cut can fall into a tag
//! or an entity, and each part has its tags balanced by construction.

mod builder;
mod html;
mod linkify;
mod markdown;
mod raw_html;
mod styled;
mod table;

pub(crate) use table::Tables;

use openclaw_text::{Unit, cut};

/// What one message may hold after its entities are parsed (Bot API, `sendMessage`), in UTF-16 code units.
pub(crate) const MAX_TEXT: usize = 4096;

/// One message: the same words twice.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// With `parse_mode: "HTML"`.
    pub(crate) html: String,
    /// Without it, should Telegram refuse the markup.
    pub(crate) plain: String,
}

/// Renders `markdown` into messages of at most `limit` UTF-16 code units of visible text. None if nothing is visible.
pub(crate) fn parts(markdown: &str, tables: Tables, limit: usize) -> Vec<Part> {
    let styled = markdown::read(markdown, tables);
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(rest) = styled.text.get(at..).filter(|rest| !rest.is_empty()) {
        let end = at + cut(rest, limit, Unit::Utf16).max(1);
        let slice = styled.slice(at, end);
        if !slice.text.trim().is_empty() {
            parts.push(Part { html: html::render(&slice), plain: slice.text });
        }
        at = end;
    }
    parts
}

#[cfg(test)]
mod tests;
