//! Takes exact secret values out of text, in every spelling in which a URL, a header or a JSON body may carry them.
//! Never guesses: what is not one of the given secrets stays (see [`crate::redact_line`] for guesses).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{MASK, Secret};

/// Shorter values are ordinary words sooner than secrets: masking them would garble every text.
const SHORTEST: usize = 4;
/// From this length on, base64 of the value inside a longer text is looked for as well.
const SHORTEST_EMBEDDED: usize = 8;
/// From this length on, a text with the value in it is refused where it may not leave.
const SHORTEST_TELLING: usize = 8;

/// Everything but RFC 3986 `unreserved`.
const ALL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What is encoded in a path segment: everything that RFC 3986 does not let stand in `pchar`. Whoever puts a secret into a
/// path encodes it with this set, so that the scrubber finds it there.
pub const PATH_SEGMENT: &AsciiSet = &ALL
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// Replaces the secrets that one owner is entitled to. Build it once for each owner; it holds copies of the values
/// for as long as it lives.
#[derive(Clone, Default)]
pub struct Scrubber {
    /// `None` when there is nothing to look for.
    automaton: Option<AhoCorasick>,
    /// Of each spelling, whether its secret is long enough to be no ordinary word.
    telling: Vec<bool>,
}

impl Scrubber {
    /// Prepares to take out `secrets`. Those shorter than four characters are left alone.
    #[must_use]
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut spellings = BTreeMap::new();
        for secret in secrets {
            let mut own = BTreeSet::new();
            add_spellings(secret.expose(), &mut own);
            let long = secret.expose().len() >= SHORTEST_TELLING;
            for spelling in own {
                *spellings.entry(spelling).or_insert(false) |= long;
            }
        }
        if spellings.is_empty() {
            return Self::default();
        }
        let (spellings, telling): (Vec<_>, Vec<_>) = spellings.into_iter().unzip();
        // Building fails only beyond 2^31 states, which no set of credentials reaches; masking nothing then would
        // be the wrong way to fail, but there is no set for which it happens.
        // A table of every transition would be faster, and cost each account 56 KB.
        let kind = Some(AhoCorasickKind::ContiguousNFA);
        Self { automaton: AhoCorasickBuilder::new().kind(kind).build(spellings).ok(), telling }
    }

    /// Whether a secret stands in `bytes`, in any of its spellings. Those shorter than eight bytes are not looked for: what is to be
    /// refused must not depend on an ordinary word.
    #[must_use]
    pub fn finds(&self, bytes: &[u8]) -> bool {
        let Some(automaton) = &self.automaton else { return false };
        // Almost always there is none, and to find that out is many times faster than to find all.
        if !automaton.is_match(bytes) {
            return false;
        }
        let tells = |pattern: usize| self.telling.get(pattern).is_some_and(|telling| *telling);
        automaton.find_overlapping_iter(bytes).any(|found| tells(found.pattern().as_usize()))
    }

    /// Bytes of the longest spelling that is looked for.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.automaton.as_ref().map_or(0, AhoCorasick::max_pattern_len)
    }

    /// Replaces every secret in the text by `***`.
    pub fn mask(&self, text: &mut String) {
        if let Cow::Owned(masked) = self.scrub(text) {
            *text = masked;
        }
    }

    /// The text with every secret in it replaced by `***`. Borrowed when there is none.
    #[must_use]
    pub fn scrub<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Some(automaton) = &self.automaton else { return Cow::Borrowed(text) };
        // Overlapping matches are joined first: masking one secret must not leave the tail of another.
        let mut spans: Vec<(usize, usize)> =
            automaton.find_overlapping_iter(text).map(|found| (found.start(), found.end())).collect();
        if spans.is_empty() {
            return Cow::Borrowed(text);
        }
        spans.sort_unstable();
        let mut clean = String::with_capacity(text.len());
        let mut done = 0;
        for (start, end) in spans {
            if start >= done {
                clean.push_str(text.get(done..start).unwrap_or_default());
                clean.push_str(MASK);
            }
            done = done.max(end);
        }
        clean.push_str(text.get(done..).unwrap_or_default());
        Cow::Owned(clean)
    }
}

impl std::fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scrubber(***)")
    }
}

fn add_spellings(value: &str, into: &mut BTreeSet<String>) {
    if value.chars().count() < SHORTEST {
        return;
    }
    into.insert(value.to_owned());
    for set in [ALL, PATH_SEGMENT] {
        let upper = utf8_percent_encode(value, set).to_string();
        into.insert(lower_hex(&upper));
        into.insert(upper.replace("%20", "+"));
        into.insert(upper);
    }
    if let Ok(quoted) = serde_json::to_string(value) {
        let escaped = quoted.trim_start_matches('"');
        let escaped = escaped.strip_suffix('"').unwrap_or(escaped);
        into.insert(escaped.replace('/', "\\/"));
        into.insert(escaped.to_owned());
    }
    // The padded spellings contain the unpadded ones, whose padding says nothing.
    into.insert(STANDARD_NO_PAD.encode(value));
    into.insert(URL_SAFE_NO_PAD.encode(value));
    if value.len() >= SHORTEST_EMBEDDED {
        for before in 0..3 {
            into.insert(embedded(&STANDARD_NO_PAD, value, before));
            into.insert(embedded(&URL_SAFE_NO_PAD, value, before));
        }
    }
    into.retain(|spelling| spelling.len() >= SHORTEST);
}

/// The characters that base64 of a longer text has for `value` wherever it stands `before` bytes after a multiple of
/// three, without the characters at both ends that neighbours have a part in.
fn embedded(engine: &impl Engine, value: &str, before: usize) -> String {
    let mut padded = vec![0_u8; before];
    padded.extend_from_slice(value.as_bytes());
    let encoded = engine.encode(&padded);
    let from = (before * 8).div_ceil(6);
    let to = padded.len() * 8 / 6;
    encoded.get(from..to).unwrap_or_default().to_owned()
}

/// `%2F` as `%2f`: both are in use.
fn lower_hex(encoded: &str) -> String {
    let mut out = String::with_capacity(encoded.len());
    let mut hex = 0;
    for c in encoded.chars() {
        if c == '%' {
            hex = 2;
            out.push(c);
        } else if hex > 0 {
            hex -= 1;
            out.push(c.to_ascii_lowercase());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::*;

    const VALUE: &str = "12345:AA/b+c?d\"e é";

    fn scrubber(values: &[&str]) -> Scrubber {
        let secrets: Vec<Secret> = values.iter().map(|value| Secret::from(*value)).collect();
        Scrubber::new(&secrets)
    }

    #[test]
    fn takes_out_every_spelling() {
        let scrubber = scrubber(&[VALUE]);
        let upper = utf8_percent_encode(VALUE, ALL).to_string();
        for spelling in [
            VALUE.to_owned(),
            lower_hex(&upper),
            upper.replace("%20", "+"),
            upper,
            utf8_percent_encode(VALUE, PATH_SEGMENT).to_string(),
            serde_json::to_string(VALUE).unwrap(),
            serde_json::to_string(VALUE).unwrap().replace('/', "\\/"),
            STANDARD.encode(VALUE),
            STANDARD_NO_PAD.encode(VALUE),
            URL_SAFE.encode(VALUE),
            URL_SAFE_NO_PAD.encode(VALUE),
        ] {
            let text = format!("before [{spelling}] after");
            let clean = scrubber.scrub(&text);
            assert!(clean.starts_with("before ["), "{clean}");
            assert!(clean.contains(MASK) && clean.ends_with("] after"), "{spelling} -> {clean}");
            assert!(clean.len() <= "before [\"***==\"] after".len(), "{spelling} -> {clean}");
        }
    }

    #[test]
    fn finds_base64_of_a_longer_text_at_each_alignment() {
        let scrubber = scrubber(&["correct-horse-battery"]);
        for before in ["user:", "users:", "a-user:"] {
            let encoded = STANDARD.encode(format!("{before}correct-horse-battery:tail"));
            assert!(scrubber.scrub(&encoded).contains(MASK), "{encoded}");
        }
    }

    #[test]
    fn finds_what_it_would_take_out_unless_it_is_short() {
        let scrubber = scrubber(&["token", VALUE]);
        assert!(scrubber.finds(format!("x{}", STANDARD.encode(VALUE)).as_bytes()));
        assert!(scrubber.finds(format!("\u{ff}{VALUE}").as_bytes()));
        for harmless in ["a token", "dG9rZW4=", "12345"] {
            assert!(!scrubber.finds(harmless.as_bytes()), "{harmless}");
        }
    }

    #[test]
    fn overlapping_secrets_leave_nothing() {
        assert_eq!(scrubber(&["abcdef", "defghi"]).scrub("xabcdefghix"), "x***x");
        assert_eq!(scrubber(&["abcd", "abcdefgh"]).scrub("abcdefgh abcd"), "*** ***");
    }

    #[test]
    fn other_text_is_borrowed_unchanged() {
        for text in ["", "hello", "{{secret:botToken}}", "abc abc abc"] {
            assert!(
                matches!(scrubber(&["abc", "token-1234"]).scrub(text), Cow::Borrowed(same) if same == text)
            );
        }
        assert_eq!(Scrubber::default().scrub("token"), "token");
    }
}
