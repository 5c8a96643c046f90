//! Owns the places where a text may be cut: character clusters first, then the break that a reader minds least.
//! Never changes a text, and never looks at markup.

use crate::measure::{Unit, end_within};

/// The byte length of the longest prefix of `text` that is at most `limit` long and ends between two character
/// clusters. At least one character, so that a caller always makes progress, even when `limit` is too small for it.
pub(crate) fn prefix(text: &str, limit: usize, unit: Unit) -> usize {
    let end = end_within(text, limit, unit);
    if end == text.len() {
        return end;
    }
    let mut at = end;
    while at > 0 {
        if is_boundary(text, at) {
            return at;
        }
        at = previous(text, at);
    }
    // One cluster alone is longer than the limit: cut inside it, but never inside a character.
    if end > 0 { end } else { text.chars().next().map_or(0, char::len_utf8) }
}

/// The byte offset of the best place to cut `text` so that the left side is at most `limit` long: after a blank line,
/// a newline, a sentence or a space, in this order, else between two clusters. The separator stays on the left.
///
/// A break in the first half of the room is passed over for a lesser one further on, so that parts stay long.
/// Returns the whole length if the text fits, and never 0 for a text that is not empty.
#[must_use]
pub fn cut(text: &str, limit: usize, unit: Unit) -> usize {
    let end = prefix(text, limit, unit);
    if end == text.len() {
        return end;
    }
    let head = text.get(..end).unwrap_or(text);
    let floor = end / 2;
    let candidates = [
        head.rfind("\n\n").map(|at| at + 2),
        head.rfind('\n').map(|at| at + 1),
        sentence_end(head),
        space_end(text, head),
    ];
    let long_enough = candidates.into_iter().flatten().find(|at| *at > floor);
    // Rather a short part than a torn word.
    long_enough.or_else(|| candidates.into_iter().flatten().max()).unwrap_or(end)
}

/// After the last sentence mark that is followed by a space.
fn sentence_end(head: &str) -> Option<usize> {
    head.rmatch_indices(' ')
        .find(|(at, _)| head.get(..*at).is_some_and(|left| left.ends_with(['.', '!', '?', '…', ':', ';'])))
        .map(|(at, space)| at + space.len())
}

/// After the last white space, or at the very end if white space follows there.
fn space_end(text: &str, head: &str) -> Option<usize> {
    let follows = text.get(head.len()..).and_then(|rest| rest.chars().next());
    if follows.is_some_and(char::is_whitespace) {
        return Some(head.len());
    }
    head.char_indices().rev().find(|(_, c)| c.is_whitespace()).map(|(at, c)| at + c.len_utf8())
}

fn previous(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|left| left.char_indices().next_back()).map_or(0, |(at, _)| at)
}

/// Whether `at` lies between two clusters. This covers what chat text is made of (combining marks, emoji sequences,
/// flags, Indic and Thai signs, Hangul jamo, CRLF) without the full tables of Unicode's annex 29.
fn is_boundary(text: &str, at: usize) -> bool {
    let (Some(left), Some(right)) = (text.get(..at), text.get(at..)) else { return false };
    let (Some(before), Some(after)) = (left.chars().next_back(), right.chars().next()) else { return true };
    let torn_line_end = before == '\r' && after == '\n';
    let torn_flag =
        is_flag_half(after) && left.chars().rev().take_while(|c| is_flag_half(*c)).count() % 2 == 1;
    !(torn_line_end || torn_flag || before == JOINER || extends(after))
}

const JOINER: char = '\u{200d}';

fn is_flag_half(character: char) -> bool {
    matches!(character, '\u{1f1e6}'..='\u{1f1ff}')
}

/// Whether the character belongs to the one before it.
fn extends(character: char) -> bool {
    match character {
        JOINER
        | '\u{0300}'..='\u{036f}'
        | '\u{0483}'..='\u{0489}'
        | '\u{0591}'..='\u{05bd}'
        | '\u{0610}'..='\u{061a}'
        | '\u{064b}'..='\u{065f}'
        | '\u{0670}'
        | '\u{06d6}'..='\u{06dc}'
        | '\u{0e31}'
        | '\u{0e33}'..='\u{0e3a}'
        | '\u{0e47}'..='\u{0e4e}'
        | '\u{1160}'..='\u{11ff}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}'
        | '\u{1f3fb}'..='\u{1f3ff}'
        | '\u{e0020}'..='\u{e007f}'
        | '\u{e0100}'..='\u{e01ef}' => true,
        // The nine Indic blocks keep their signs at the same offsets.
        '\u{0900}'..='\u{0d7f}' => {
            matches!(u32::from(character) % 0x80, 0x00..=0x03 | 0x3c | 0x3e..=0x4d | 0x55..=0x57 | 0x62..=0x63)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_keeps_clusters_whole() {
        let check = |text: &str, limit, unit, expected: &str| {
            assert_eq!(&text[..prefix(text, limit, unit)], expected, "{text:?} at {limit} {unit:?}");
        };
        check("abc", 2, Unit::Utf16, "ab");
        check("a😀b", 2, Unit::Utf16, "a");
        check("a😀b", 3, Unit::Utf16, "a😀");
        check("xe\u{301}y", 2, Unit::Chars, "x");
        check("a👩‍🚀b", 4, Unit::Utf16, "a");
        check("🇩🇪🇫🇷", 6, Unit::Utf16, "🇩🇪");
        check("👍🏽!", 2, Unit::Utf16, "👍");
        check("a\r\nb", 2, Unit::Bytes, "a");
        check("नमस्ते", 3, Unit::Chars, "नम");
    }

    #[test]
    fn prefix_always_advances() {
        assert_eq!(prefix("😀😀", 1, Unit::Utf16), 4);
        assert_eq!(prefix("é", 0, Unit::Bytes), 2);
        assert_eq!(prefix("👩‍🚀", 2, Unit::Utf16), 4);
        assert_eq!(prefix("", 5, Unit::Utf16), 0);
    }

    #[test]
    fn cut_prefers_what_a_reader_minds_least() {
        let check = |text: &str, limit, left: &str| {
            assert_eq!(&text[..cut(text, limit, Unit::Chars)], left, "{text:?}");
        };
        check("short", 10, "short");
        check("one two\n\nthree four five", 12, "one two\n\n");
        check("one two\nthree four five", 12, "one two\n");
        check("One two. Three four five", 14, "One two. ");
        check("one two three", 9, "one two ");
        check("one two", 3, "one");
        check("abcdefghij", 4, "abcd");
        // A break in the first half loses against a space further on.
        check("a\n\nbb cc dd ee ff", 12, "a\n\nbb cc dd ");
        // The only break there is beats a torn word.
        check("a bbbbbbbbbbbbbbbb", 10, "a ");
    }
}
