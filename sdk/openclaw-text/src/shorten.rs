//! Shortening a text for people: its beginning, with a sign that there was more.

/// The text if it has at most so many characters, else its beginning and `…`, together as many.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    let beginning: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", beginning.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_long_ends_with_a_sign() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöüß", 3), "äö…");
        assert_eq!(shortened("one two", 5), "one…");
        assert_eq!(shortened("text", usize::MAX), "text");
        assert_eq!(shortened("text", 0), "…");
    }
}
