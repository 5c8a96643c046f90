//! Telegram's own tags inside Markdown. Known tags become styles; anything else is text that looks like a tag, and stays.

use super::builder::Builder;
use super::linkify;
use super::styled::Style;

/// Writes a piece of raw HTML: one tag, or a block with text between tags.
pub(crate) fn write(html: &str, out: &mut Builder) {
    let mut rest = html;
    while let Some((before, tag, after)) = next_tag(rest) {
        out.push(before);
        if !apply(tag, out) {
            out.push(tag);
        }
        rest = after;
    }
    out.push(rest);
}

/// What stands before the next tag, the tag with its brackets, and what follows.
fn next_tag(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.find('<')?;
    let length = text.get(start..)?.find('>')? + 1;
    Some((text.get(..start)?, text.get(start..start + length)?, text.get(start + length..)?))
}

/// `false` if the tag is none of Telegram's, or closes what is not open.
fn apply(tag: &str, out: &mut Builder) -> bool {
    let inner = tag.trim_start_matches('<').trim_end_matches('>').trim_end_matches('/').trim();
    let (closing, inner) = inner.strip_prefix('/').map_or((false, inner), |inner| (true, inner));
    let (name, attributes) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
    let name = name.to_ascii_lowercase();
    if name == "br" {
        out.push("\n");
        return true;
    }
    if closing {
        return match name.as_str() {
            "span" => out.close(|style| *style == Style::Spoiler),
            "a" => out.close(|style| matches!(style, Style::Link(_))),
            "pre" => out.close(|style| matches!(style, Style::Pre(_))),
            "blockquote" => out.close(|style| matches!(style, Style::Quote(_))),
            _ => simple(&name).is_some_and(|wanted| out.close(|style| *style == wanted)),
        };
    }
    let style = match name.as_str() {
        "span" if attribute(attributes, "class") == Some("tg-spoiler") => Some(Style::Spoiler),
        "a" => attribute(attributes, "href")
            .filter(|url| linkify::is_followed(url))
            .map(|u| Style::Link(u.into())),
        "pre" => Some(Style::Pre(None)),
        "blockquote" => Some(Style::Quote(attributes.split_whitespace().any(|word| word == "expandable"))),
        _ => simple(&name),
    };
    match style {
        Some(style) => {
            out.open(style);
            true
        }
        None => false,
    }
}

fn simple(name: &str) -> Option<Style> {
    match name {
        "b" | "strong" => Some(Style::Bold),
        "i" | "em" => Some(Style::Italic),
        "u" | "ins" => Some(Style::Underline),
        "s" | "strike" | "del" => Some(Style::Strike),
        "code" => Some(Style::Code),
        "tg-spoiler" => Some(Style::Spoiler),
        _ => None,
    }
}

fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = attributes.split_once(&format!("{name}="))?;
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.get(1..)?.split(quote).next()
}
