//! The vendor's HTML: which tags there are, and what it says about text that breaks its rules
//! (<https://core.telegram.org/bots/api#html-style>; the texts are those of its open-source server).

/// Tags that a bot may use.
const TAGS: &[&str] = &[
    "b",
    "strong",
    "i",
    "em",
    "u",
    "ins",
    "s",
    "strike",
    "del",
    "code",
    "pre",
    "a",
    "tg-spoiler",
    "span",
    "blockquote",
    "tg-emoji",
    "tg-time",
];

/// The text without its markup.
pub(super) fn plain(text: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut open: Vec<(String, usize)> = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some(tag) = rest.strip_prefix("</") {
            let Some(end) = tag.find('>') else {
                return Err(format!("Unclosed end tag at byte offset {at}"));
            };
            let name = tag.get(..end).unwrap_or_default().trim_end().to_ascii_lowercase();
            match open.pop() {
                None => return Err(format!("Unexpected end tag at byte offset {at}")),
                Some((expected, _)) if !name.is_empty() && name != expected => {
                    return Err(format!(
                        "Unmatched end tag at byte offset {at}, expected \"</{expected}>\", found \"</{name}>\""
                    ));
                }
                Some(_) => at += 2 + end + 1,
            }
        } else if let Some(tag) = rest.strip_prefix('<') {
            let Some(end) = end_of_tag(tag) else {
                return Err(format!("Unclosed start tag at byte offset {at}"));
            };
            let inside = tag.get(..end).unwrap_or_default();
            let name =
                inside.split(|c: char| c.is_whitespace()).next().unwrap_or_default().to_ascii_lowercase();
            if !TAGS.contains(&name.as_str()) {
                return Err(format!("Unsupported start tag \"{name}\" at byte offset {at}"));
            }
            if name == "span" && !inside.contains("tg-spoiler") {
                return Err(format!("Tag \"span\" must have class \"tg-spoiler\" at byte offset {at}"));
            }
            open.push((name, at));
            at += 1 + end + 1;
        } else if let Some((character, length)) = entity(rest) {
            plain.push(character);
            at += length;
        } else {
            let Some(character) = rest.chars().next() else { break };
            plain.push(character);
            at += character.len_utf8();
        }
    }
    match open.pop() {
        Some((name, at)) => {
            Err(format!("Can't find end tag corresponding to start tag \"{name}\" at byte offset {at}"))
        }
        None => Ok(plain),
    }
}

/// The place of the `>` that ends a start tag; one inside a quoted attribute does not.
fn end_of_tag(tag: &str) -> Option<usize> {
    let mut quote = None;
    tag.char_indices().find_map(|(at, c)| {
        match (quote, c) {
            (None, '>') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
        None
    })
}

/// A character reference at the start of `rest`, with its length. The vendor knows four names and all numbers; anything
/// else is text.
fn entity(rest: &str) -> Option<(char, usize)> {
    let inside = rest.strip_prefix('&')?;
    let end = inside.find(';').filter(|end| *end <= 10)?;
    let name = inside.get(..end)?;
    let character = match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((character, end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_checked_as_the_vendor_checks_it() {
        let check = |text: &str, expected: Result<&str, &str>| {
            assert_eq!(plain(text), expected.map(str::to_owned).map_err(str::to_owned), "{text}");
        };
        check("plain & simple", Ok("plain & simple"));
        check("<b>a</b> <i>b</i>", Ok("a b"));
        check("<a href=\"http://x/?a>b\">x</a>", Ok("x"));
        check("a &lt;b&gt; &amp; &quot;c&quot; &#65;&#x42; &nbsp;", Ok("a <b> & \"c\" AB &nbsp;"));
        check("<pre><code class=\"language-rust\">x</code></pre>", Ok("x"));
        check("<b>a", Err("Can't find end tag corresponding to start tag \"b\" at byte offset 0"));
        check("<b>a</i>", Err("Unmatched end tag at byte offset 4, expected \"</b>\", found \"</i>\""));
        check("é</b>", Err("Unexpected end tag at byte offset 2"));
        check("<h1>a</h1>", Err("Unsupported start tag \"h1\" at byte offset 0"));
        check("1 < 2", Err("Unclosed start tag at byte offset 2"));
    }
}
