//! Owns the units in which vendors count text. Never decides where to cut.

/// The unit in which a vendor counts the length of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unit {
    /// UTF-16 code units: a character outside the basic plane counts as two.
    Utf16,
    /// Unicode scalar values.
    Chars,
    /// Bytes of UTF-8.
    Bytes,
}

impl Unit {
    /// How much one character counts.
    pub(crate) fn of(self, character: char) -> usize {
        match self {
            Self::Utf16 => character.len_utf16(),
            Self::Chars => 1,
            Self::Bytes => character.len_utf8(),
        }
    }
}

/// The length of `text` in `unit`.
#[must_use]
pub fn length(text: &str, unit: Unit) -> usize {
    match unit {
        Unit::Utf16 => text.chars().map(char::len_utf16).sum(),
        Unit::Chars => text.chars().count(),
        Unit::Bytes => text.len(),
    }
}

/// Whether `text` is at most `limit` long; looks no further into the text than it must.
pub(crate) fn fits(text: &str, limit: usize, unit: Unit) -> bool {
    // No unit counts more than one for each byte of UTF-8.
    text.len() <= limit || end_within(text, limit, unit) == text.len()
}

/// The end of the longest prefix whose characters add up to at most `limit`, in bytes.
pub(crate) fn end_within(text: &str, limit: usize, unit: Unit) -> usize {
    let mut used = 0;
    for (at, character) in text.char_indices() {
        used += unit.of(character);
        if used > limit {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_counts_its_own_way() {
        let check = |text: &str, utf16, chars, bytes| {
            assert_eq!(length(text, Unit::Utf16), utf16, "{text:?}");
            assert_eq!(length(text, Unit::Chars), chars, "{text:?}");
            assert_eq!(length(text, Unit::Bytes), bytes, "{text:?}");
        };
        check("", 0, 0, 0);
        check("abc", 3, 3, 3);
        check("é", 1, 1, 2);
        check("😀", 2, 1, 4);
        check("👩‍🚀", 5, 3, 11);
    }

    #[test]
    fn fits_agrees_with_length_at_the_limit() {
        for text in ["", "abc", "é😀x", "👩‍🚀 漢字"] {
            for unit in [Unit::Utf16, Unit::Chars, Unit::Bytes] {
                let exact = length(text, unit);
                assert!(fits(text, exact, unit));
                assert!(exact == 0 || !fits(text, exact - 1, unit), "{text:?} {unit:?}");
            }
        }
    }
}
