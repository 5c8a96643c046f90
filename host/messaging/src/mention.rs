//! Owns the patterns by which a text names the agent, where the vendor's own mention does not (compat §6.5). Pure.

use regex::{Regex, RegexBuilder};

/// Bytes that one pattern may take compiled: an operator's pattern is no place for megabytes.
const COMPILED: usize = 256 << 10;
/// Most patterns of one account.
const MOST: usize = 64;

/// Patterns that count as a mention; case does not matter.
#[derive(Clone, Debug, Default)]
pub struct Mentions {
    patterns: Vec<Regex>,
    /// Rooms in which they count; `None` for all.
    allow_in: Option<Vec<String>>,
    /// Rooms in which they do not.
    deny_in: Vec<String>,
}

impl Mentions {
    /// Reads patterns. Returns those that are not valid with the reason; they count for nothing.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> (Self, Vec<String>) {
        let (mut kept, mut faults) = (Vec::new(), Vec::new());
        for pattern in patterns.into_iter().take(MOST) {
            match RegexBuilder::new(pattern).case_insensitive(true).size_limit(COMPILED).build() {
                Ok(regex) => kept.push(regex),
                Err(error) => {
                    // The library draws an arrow under the pattern over several lines; the last says what is wrong.
                    let text = error.to_string();
                    let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
                    faults.push(format!("mention pattern {pattern:?} is ignored: {why}"));
                }
            }
        }
        (Self { patterns: kept, ..Self::default() }, faults)
    }

    /// The same, counted only in these rooms, and not in those.
    #[must_use]
    pub fn only_in(self, allow_in: Option<Vec<String>>, deny_in: Vec<String>) -> Self {
        Self { allow_in, deny_in, ..self }
    }

    /// The pattern that finds the agent's name in a text that was said in this room.
    pub fn named_by(&self, text: &str, room: &str) -> Option<&str> {
        let listed = |rooms: &[String]| rooms.iter().any(|listed| listed == room);
        if listed(&self.deny_in) || self.allow_in.as_ref().is_some_and(|rooms| !listed(rooms)) {
            return None;
        }
        self.patterns.iter().find(|pattern| pattern.is_match(text)).map(Regex::as_str)
    }
}

impl PartialEq for Mentions {
    fn eq(&self, other: &Self) -> bool {
        let patterns = |mentions: &Self| {
            mentions.patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect::<Vec<_>>()
        };
        patterns(self) == patterns(other) && self.allow_in == other.allow_in && self.deny_in == other.deny_in
    }
}

impl Eq for Mentions {}

/// The pattern for a name: it stands by itself, with or without `@`.
pub fn pattern_of_name(name: &str) -> String {
    let words: Vec<String> = name.split_whitespace().map(regex::escape).collect();
    format!(r"(?:^|[^\w])@?{}(?:$|[^\w])", words.join(r"\s+"))
}

/// The pattern for a text that may stand anywhere, for instance an emoji.
pub fn pattern_of_text(text: &str) -> String {
    regex::escape(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_patterns_are_found_whatever_their_case() {
        let name = pattern_of_name("Molty  Bot");
        let (mentions, faults) = Mentions::new(["(", r"\bclaw\w*", name.as_str()]);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with(r#"mention pattern "(" is ignored: "#), "{faults:?}");
        assert_eq!(mentions.named_by("hey CLAWS", "r1"), Some(r"\bclaw\w*"));
        for text in ["molty bot, help", "ask @Molty   bot.", "(molty bot)"] {
            assert!(mentions.named_by(text, "r1").is_some(), "{text}");
        }
        for text in ["moltybot", "smolty bots", "molty bots", ""] {
            assert_eq!(mentions.named_by(text, "r1"), None, "{text}");
        }
    }

    #[test]
    fn patterns_count_where_they_may() {
        let named = |mentions: &Mentions, room: &str| mentions.named_by("claw", room).is_some();
        let all = Mentions::new(["claw"]).0;
        let some = all.clone().only_in(Some(vec!["r1".to_owned()]), Vec::new());
        let others = all.clone().only_in(None, vec!["r1".to_owned()]);
        assert!(named(&all, "r1") && named(&some, "r1") && !named(&some, "r2"));
        assert!(!named(&others, "r1") && named(&others, "r2"));
        assert_ne!(some, others);
    }
}
