//! Owns the reply tags that an agent may write: `[[reply_to_current]]` and `[[reply_to:<id>]]` (channel reference, §0.2). They
//! are taken out of the text, wherever they stand, and say which message the reply visibly answers.

/// The text without tags, and the message to answer; the last tag wins.
pub(crate) fn take(text: &str, current: &str) -> (String, Option<String>) {
    let (mut kept, mut reply_to) = (String::with_capacity(text.len()), None);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[[") {
        kept.push_str(before);
        match after.split_once("]]").and_then(|(tag, after)| Some((target(tag.trim(), current)?, after))) {
            Some((target, after)) => {
                reply_to = Some(target);
                rest = after;
            }
            None => {
                kept.push_str("[[");
                rest = after;
            }
        }
    }
    kept.push_str(rest);
    match reply_to {
        Some(_) => (kept.trim().to_owned(), reply_to),
        None => (kept, None),
    }
}

fn target(tag: &str, current: &str) -> Option<String> {
    if tag == "reply_to_current" {
        return Some(current.to_owned());
    }
    let id = tag.strip_prefix("reply_to:")?.trim();
    (!id.is_empty() && id.len() <= 256).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_taken_out_and_heeded() {
        let check = |text, kept: &str, reply_to: Option<&str>| {
            assert_eq!(take(text, "m7"), (kept.to_owned(), reply_to.map(str::to_owned)), "{text}");
        };
        check("plain", "plain", None);
        check("[[reply_to_current]] yes", "yes", Some("m7"));
        check("yes [[ reply_to: m9 ]]", "yes", Some("m9"));
        check("a [[link]] and [[reply_to:]] stay", "a [[link]] and [[reply_to:]] stay", None);
        check("open [[reply_to_current", "open [[reply_to_current", None);
        check("[[x [[reply_to_current]]", "[[x", Some("m7"));
    }
}
