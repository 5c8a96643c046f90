//! Owns the splitting of a text between its paragraphs. Never tears a code block that fits: a blank line inside it ends no
//! paragraph.

use std::ops::Range;

use crate::fence::{Fence, state_after};
use crate::measure::{Unit, length};
use crate::split::split;

/// Splits `text` into parts of at most `limit`, counted in `unit`, as [`split`] does, but cuts between paragraphs first.
///
/// What fits stays together. A paragraph is only cut inside when it is too long by itself; then it shares no part with others.
#[must_use]
pub fn split_paragraphs(text: &str, limit: usize, unit: Unit) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = 0..0;
    let mut used = 0;
    for paragraph in paragraphs(text) {
        let own = length(text.get(paragraph.clone()).unwrap_or_default(), unit);
        // With the blank lines between.
        let more = length(text.get(part.end..paragraph.end).unwrap_or_default(), unit);
        if !part.is_empty() && used + more <= limit {
            part.end = paragraph.end;
            used += more;
            continue;
        }
        parts.extend(split(text.get(part).unwrap_or_default(), limit, unit));
        (part, used) = (paragraph, own);
    }
    parts.extend(split(text.get(part).unwrap_or_default(), limit, unit));
    parts
}

/// Where the paragraphs stand, without the blank lines around them.
fn paragraphs(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut open: Option<Fence> = None;
    let mut goes_on = false;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let end = at + line.trim_end_matches(['\n', '\r']).len();
        if open.is_none() && line.trim().is_empty() {
            goes_on = false;
        } else {
            match found.last_mut().filter(|_| goes_on) {
                Some(paragraph) => paragraph.end = end,
                None => found.push(at..end),
            }
            goes_on = true;
        }
        (open, _) = state_after(line, open.as_ref());
        at += line.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The original's own vectors, where they are about paragraphs.
    #[test]
    fn a_text_that_is_too_long_is_cut_between_paragraphs() {
        let check = |text: &str, limit, expected: &[&str]| {
            assert_eq!(split_paragraphs(text, limit, Unit::Utf16), expected, "{text:?} at {limit}");
        };
        check("", 10, &[]);
        check("\n\n \n\n", 10, &[]);
        check("one\n\ntwo\n\nthree", 4_000, &["one\n\ntwo\n\nthree"]);
        check("  one\n\n  two  \n\n", 4_000, &["  one\n\n  two"]);
        check("aa\n\nbb\n\ncc\n\ndd", 8, &["aa\n\nbb", "cc\n\ndd"]);
        // However early the break is.
        check("aa\n\nbbbbb bbbb", 10, &["aa", "bbbbb bbbb"]);
        check("aa\n\nbbbbb bbbb bbbb\n\ncc", 10, &["aa", "bbbbb bbbb", "bbbb", "cc"]);
        check("one\n \ntwo two\n\n\nthree\nfour", 10, &["one", "two two", "three\nfour"]);
        check("one\ntwo\nthree\nfour", 10, &["one\ntwo", "three\nfour"]);
        check("a\r\n\r\nb b b b b", 9, &["a", "b b b b b"]);
        check("- aaaa\n\n- bbbb\n\n  cont", 12, &["- aaaa", "- bbbb", "  cont"]);
        check("😀😀\n\n😀", 6, &["😀😀", "😀"]);
    }

    #[test]
    fn a_code_block_is_one_paragraph_whatever_is_in_it() {
        let check = |text: &str, limit, expected: &[&str]| {
            assert_eq!(split_paragraphs(text, limit, Unit::Utf16), expected, "{text:?} at {limit}");
        };
        check("a\n\n```\nxxx\n\nyyy\n```\n\nb", 18, &["a", "```\nxxx\n\nyyy\n```", "b"]);
        // One that is too long is closed, and opened again.
        check(
            "a\n\n```\nxxx\n\nyyy\nzzz\n```\n\nb",
            18,
            &["a", "```\nxxx\n\n```", "```\nyyy\nzzz\n```", "b"],
        );
        // One that nobody closes goes on to the end.
        check("a\n\n~~~\nb\n\nc", 8, &["a", "~~~\nb\n\nc"]);
    }
}
