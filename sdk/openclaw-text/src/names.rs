//! Names in a text: whether it mentions one, and what stands behind a prefix. Compared without regard to the case of ASCII
//! letters, as vendors do.

/// Whether `@name` stands in the text as a word of its own. An empty name is never mentioned.
#[must_use]
pub fn mentions(text: &str, name: &str) -> bool {
    if name.is_empty() {
        return false;
    }
    let part_of_a_name = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices('@').any(|(at, _)| {
        let before = text.get(..at).and_then(|left| left.chars().next_back());
        let found = text.get(at + 1..at + 1 + name.len());
        let after = text.get(at + 1 + name.len()..).and_then(|right| right.chars().next());
        found.is_some_and(|found| found.eq_ignore_ascii_case(name))
            && !before.is_some_and(part_of_a_name)
            && !after.is_some_and(part_of_a_name)
    })
}

/// What stands behind `prefix`, if the text begins with it.
#[must_use]
pub fn behind<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_mentioned_as_a_word() {
        for text in ["@bot", "hi @BOT!", "(@bot)", "@@bot", "x\u{1f600}@bot", "@bot-2"] {
            assert!(mentions(text, "bot"), "{text}");
        }
        for text in ["", "bot", "@bots", "@bot_", "x@bot", "@b", "@\u{e9}"] {
            assert!(!mentions(text, "bot"), "{text}");
        }
        assert!(!mentions("@ hi", ""));
    }

    #[test]
    fn a_prefix_is_taken_off() {
        assert_eq!(behind("User:7", "user:"), Some("7"));
        assert_eq!(behind("user:", "user:"), Some(""));
        for other in ["use", "", "7", "\u{e9}\u{e9}\u{e9}"] {
            assert_eq!(behind(other, "user:"), None, "{other}");
        }
    }
}
