//! Owns where a text that is still being written may be broken off, so that what stands before the break is sent ahead.
//! A block of code is not torn apart; one that is too long for a message is closed at the break and opened again behind it.

use crate::boundary::prefix;
use crate::fence::{Fence, state_after};
use crate::measure::{Unit, end_within, length};

/// Where a text is broken off, the best place last.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Break {
    /// At white space.
    Space,
    /// Behind a sentence.
    Sentence,
    /// Behind a line.
    Newline,
    /// Behind a paragraph.
    Paragraph,
}

/// How long a piece is, and where it ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bounds {
    /// It is no shorter, unless nothing else is possible.
    pub min: usize,
    /// It is no longer.
    pub max: usize,
    /// As soon as there is one of these or better, it ends there. Lesser ones count when it would become too long.
    pub prefer: Break,
    /// What `min` and `max` count.
    pub unit: Unit,
}

/// The block of code that is open at some place of a text, if one is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OpenCode(Option<Fence>);

impl OpenCode {
    /// What is open behind `text`, which begins here.
    #[must_use]
    pub fn after(&self, text: &str) -> Self {
        Self(state_after(text, self.0.as_ref()).0)
    }

    /// `text`, which begins here, as a message of its own: code that is open before it is opened again, code that is open
    /// behind it is closed.
    #[must_use]
    pub fn whole(&self, text: &str) -> String {
        let mut whole = String::with_capacity(text.len() + 16);
        let body = match &self.0 {
            Some(fence) => match behind_closer(text, fence) {
                // It ends right here, and the message before has closed it.
                Some(beyond) => beyond.trim_start_matches(['\n', '\r']),
                None => {
                    whole.push_str(&fence.opener);
                    whole.push('\n');
                    text
                }
            },
            None => text,
        };
        whole.push_str(body.trim_end());
        if let Some(fence) = self.after(text).0 {
            whole.push('\n');
            whole.push_str(&fence.closer());
        }
        whole
    }

    /// The bytes of the next piece of `text`, which begins here, with the white space behind it. `None` while there is none: a
    /// piece is complete when something follows it.
    #[must_use]
    pub fn next_piece(&self, text: &str, bounds: Bounds) -> Option<usize> {
        let Bounds { min, max, prefer, unit } = bounds;
        let lines = self.0.as_ref().map_or(0, |fence| length(&fence.opener, unit) + 1);
        let room = max.saturating_sub(lines).max(1);
        let (least, most) = (end_within(text, min.min(room), unit), end_within(text, room, unit));
        if text.trim_end().len() < least {
            return None;
        }
        let places: Vec<Place> = self.places(text).into_iter().filter(|place| place.end <= most).collect();
        let last = |kind: Break, from: usize| {
            places.iter().rev().find(|place| place.kind >= kind && place.end >= from).map(|place| place.next)
        };
        if let Some(next) = last(prefer, least) {
            return Some(next);
        }
        if text.trim_end().len() <= most {
            return None;
        }
        let lesser =
            [Break::Newline, Break::Sentence, Break::Space].into_iter().filter(|kind| *kind < prefer);
        let long_enough = lesser.into_iter().find_map(|kind| last(kind, least));
        let next = long_enough.or_else(|| last(Break::Newline, 1)).or_else(|| last(Break::Space, 1));
        Some(next.unwrap_or_else(|| self.torn(text, room, unit)))
    }

    /// The places outside of code behind which something follows, in their order.
    fn places(&self, text: &str) -> Vec<Place> {
        let written = text.trim_end().len();
        let mut places = Vec::new();
        let (mut open, mut at, mut end) = (self.0.clone(), 0, 0);
        for line in text.split_inclusive('\n') {
            let bare = line.trim_end_matches(['\n', '\r']);
            let (after, _) = state_after(bare, open.as_ref());
            let next = at + line.len();
            let blank = bare.trim().is_empty();
            if open.is_none() && after.is_none() && !blank {
                within(bare, at, written, &mut places);
            }
            if !blank {
                end = at + bare.trim_end().len();
            }
            if after.is_none() && next < written && line.ends_with('\n') {
                match places.last_mut().filter(|place| blank && place.kind >= Break::Newline) {
                    Some(place) => (place.kind, place.next) = (Break::Paragraph, next),
                    None if end > 0 => places.push(Place { kind: Break::Newline, end, next }),
                    None => {}
                }
            }
            (open, at) = (after, next);
        }
        places
    }

    /// Where to break where there is no place for it: in code behind a line, else anywhere.
    fn torn(&self, text: &str, room: usize, unit: Unit) -> usize {
        let window = prefix(text, room, unit);
        let (Some(fence), opened_at) = state_after(text.get(..window).unwrap_or(text), self.0.as_ref())
        else {
            return window;
        };
        let room = room.saturating_sub(length(&fence.closer(), unit) + 1).max(1);
        let head = text.get(..prefix(text, room, unit)).unwrap_or(text);
        // Not behind the line that opens the code: it would be empty.
        let first = opened_at.map_or(0, |at| at + fence.opener.len() + 1);
        match head.rfind('\n').map(|at| at + 1).filter(|at| *at > first) {
            Some(at) => at,
            None => head.len(),
        }
    }
}

/// A place where a text may be broken off.
struct Place {
    kind: Break,
    /// Where what stands before it ends, without the white space.
    end: usize,
    /// Where what follows begins.
    next: usize,
}

/// The places inside a line of prose that begins at `at`. `written`: where the text ends.
fn within(line: &str, at: usize, written: usize, places: &mut Vec<Place>) {
    let mut signs = line.char_indices().peekable();
    let mut before = None;
    while let Some((offset, sign)) = signs.next() {
        let begin = at + offset;
        if sign.is_whitespace() {
            let mut next = begin + sign.len_utf8();
            while let Some((_, more)) = signs.next_if(|(_, more)| more.is_whitespace()) {
                next += more.len_utf8();
            }
            let Some(before) = before.filter(|_| next < written && next < at + line.len()) else { continue };
            let sentence = matches!(before, '.' | '!' | '?' | '…');
            let kind = if sentence { Break::Sentence } else { Break::Space };
            places.push(Place { kind, end: begin, next });
        } else if matches!(sign, '。' | '！' | '？') {
            let next = begin + sign.len_utf8();
            if next < written && signs.peek().is_some_and(|(_, more)| !more.is_whitespace()) {
                places.push(Place { kind: Break::Sentence, end: next, next });
            }
        }
        before = Some(if matches!(sign, '。' | '！' | '？') { '.' } else { sign });
    }
}

/// What follows the closing line, if `text` begins with it.
fn behind_closer<'a>(text: &'a str, fence: &Fence) -> Option<&'a str> {
    let (line, beyond) = text.split_once('\n').unwrap_or((text, ""));
    fence.is_closed_by(line.trim_end_matches('\r')).then_some(beyond)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(min: usize, max: usize, prefer: Break) -> Bounds {
        Bounds { min, max, prefer, unit: Unit::Chars }
    }

    /// All pieces of a text of which the whole is there, as they are sent, and the rest.
    fn pieces(text: &str, bounds: Bounds) -> Vec<String> {
        let (mut code, mut rest, mut all) = (OpenCode::default(), text, Vec::new());
        while let Some(taken) = code.next_piece(rest, bounds) {
            let (piece, beyond) = rest.split_at(taken);
            assert!(!beyond.trim().is_empty(), "something follows: {text:?}");
            all.push(code.whole(piece));
            (code, rest) = (code.after(piece), beyond);
        }
        all.push(code.whole(rest));
        all
    }

    #[test]
    fn a_piece_ends_where_it_is_wanted() {
        let check = |text, min, max, prefer, expected: &[&str]| {
            assert_eq!(pieces(text, bounds(min, max, prefer)), expected, "{text:?} {min} {max} {prefer:?}");
        };
        check("One. Two.\nThree.\n\nFour.", 1, 100, Break::Paragraph, &["One. Two.\nThree.", "Four."]);
        check("One. Two.\nThree.\n\nFour", 1, 12, Break::Newline, &["One. Two.", "Three.", "Four"]);
        check("One. Two. Three", 1, 100, Break::Sentence, &["One. Two.", "Three"]);
        // Too short for a piece of its own.
        check(
            "One.\n\nTwo, and more.\n\nThree.",
            6,
            100,
            Break::Paragraph,
            &["One.\n\nTwo, and more.", "Three."],
        );
        // Forced: the best of the lesser places.
        check("one two. three four five", 2, 16, Break::Paragraph, &["one two.", "three four five"]);
        check("one two three four", 2, 9, Break::Paragraph, &["one two", "three", "four"]);
        check("abcdefghij", 2, 4, Break::Paragraph, &["abcd", "efgh", "ij"]);
        check("今日は。明日は。", 2, 5, Break::Sentence, &["今日は。", "明日は。"]);
    }

    #[test]
    fn nothing_is_complete_that_nothing_follows() {
        let code = OpenCode::default();
        let next = |text: &str| code.next_piece(text, bounds(1, 100, Break::Paragraph));
        assert_eq!(next("One.\n\n"), None);
        assert_eq!(next("One.\n\n \n"), None);
        assert_eq!(next("One.\n\n \nT"), Some(8));
        assert_eq!(next("One."), None);
        assert_eq!(code.next_piece("", bounds(0, 0, Break::Space)), None);
        assert_eq!(code.next_piece("One. ", bounds(1, 9, Break::Sentence)), None);
    }

    #[test]
    fn code_is_not_torn_apart() {
        let text = "Look:\n\n```rust\nlet a = 1;\n\nlet b = 2;\n```\n\nThat is all.";
        let whole = ["Look:", "```rust\nlet a = 1;\n\nlet b = 2;\n```", "That is all."];
        assert_eq!(pieces(text, bounds(1, 40, Break::Paragraph)), whole);
        // Also while its end is not there.
        let code = OpenCode::default();
        let open = "Look:\n\n```rust\nlet a = 1;\n\nlet b";
        assert_eq!(code.next_piece(open, bounds(1, 40, Break::Paragraph)), Some(7));
        assert_eq!(code.next_piece(&open[7..], bounds(1, 40, Break::Paragraph)), None);
    }

    #[test]
    fn code_that_is_too_long_is_closed_and_opened_again() {
        let text = "Look:\n```rs\nlet a = 1;\nlet b = 2;\nlet c = 3;\n```\nEnd.";
        let parts = pieces(text, bounds(1, 32, Break::Paragraph));
        let expected = ["Look:", "```rs\nlet a = 1;\nlet b = 2;\n```", "```rs\nlet c = 3;\n```\nEnd."];
        assert_eq!(parts, expected);
        for max in 12..60 {
            for part in pieces(text, bounds(1, max, Break::Newline)) {
                assert_eq!(part.matches("```").count() % 2, 0, "{max}: {part}");
                assert!(length(&part, Unit::Chars) <= max.max(22), "{max}: {part}");
            }
        }
    }

    #[test]
    fn every_word_comes_once_and_in_order_however_a_text_is_broken_off() {
        let text = "First one. Then two!\nA line\n\n- item\n- other item\n\n```\ncode a\ncode b\n```\nAnd 終わり。次 the end";
        let words = |text: &str| -> String {
            text.lines().filter(|line| !line.starts_with("```")).flat_map(str::split_whitespace).collect()
        };
        for max in 1..80 {
            for prefer in [Break::Sentence, Break::Newline, Break::Paragraph] {
                let joined = pieces(text, bounds(max / 3, max, prefer)).join("\n");
                // Where there is no room for a fence, code is prose.
                if max > 14 {
                    assert_eq!(words(&joined), words(text), "{max} {prefer:?}");
                }
            }
        }
    }
}
