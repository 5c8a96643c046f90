//! Masks what looks like a credential in a log line, for secrets that no [`crate::Scrubber`] knows about. It judges
//! by the shape of the value, so that ordinary words after `token` or `--password` stay readable.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::MASK;

/// Lines longer than this are only searched up to here: a log line that long is data, and bounded work matters more.
const LONGEST: usize = 64 * 1024;

/// Each alternative keeps `keep` and masks `value`.
static CANDIDATE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?x)
        (?P<keep1> \b sk- ) (?P<value1> [A-Za-z0-9_-]{12,} )
        | (?P<keep2> [0-9]{6,12} : ) (?P<value2> [A-Za-z0-9_-]{30,} )
        | (?P<keep3> \b (?i: bearer | basic ) [\x20] ) (?P<value3> [A-Za-z0-9._~+/=-]{12,} )
        | (?P<keep4> (?i: token | password | secret | api[_-]?key | authorization )
            (?: "?\s*[:=]\s*"? | [\x20] ) ) (?P<value4> [^\s"'&,;<>(){}\[\]]{12,} )
        "#,
    )
    .ok()
});

/// The line with everything that looks like an API key, a bearer credential or a bot token masked. Borrowed when
/// there is nothing to mask.
#[must_use]
pub fn redact_line(line: &str) -> Cow<'_, str> {
    let Some(candidate) = CANDIDATE.as_ref() else { return Cow::Borrowed(line) };
    let mut cut = line.len().min(LONGEST);
    while !line.is_char_boundary(cut) {
        cut -= 1;
    }
    let (head, tail) = line.split_at(cut);
    let clean = candidate.replace_all(head, |found: &Captures<'_>| {
        let part = |name: &str| {
            (1..=4).find_map(|n| found.name(&format!("{name}{n}"))).map_or("", |group| group.as_str())
        };
        let (keep, value) = (part("keep"), part("value"));
        if looks_random(value) { format!("{keep}{MASK}") } else { format!("{keep}{value}") }
    });
    match clean {
        // `replace_all` owns its answer even when each candidate turned out to be a word.
        Cow::Owned(clean) if clean != head => Cow::Owned(clean + tail),
        Cow::Owned(_) | Cow::Borrowed(_) => Cow::Borrowed(line),
    }
}

/// Credentials mix digits with letters, or are far longer than a word. Paths, host names and prose do not.
fn looks_random(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    let runs = value.split(['-', '_', '.', '/', ':', '=']).map(str::len).max().unwrap_or(0);
    (digits >= 2 && letters >= 2 && runs >= 8) || (runs >= 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &str) {
        assert_eq!(redact_line(line), expected);
    }

    #[test]
    fn masks_credentials() {
        check("key sk-proj-4f9aB21kQ8z7LmN0 used", "key sk-*** used");
        check("GET /bot123456789:AAHk2f9s0dKq1lPz83mXcVbNqWeRtYuIo12/getMe", "GET /bot123456789:***/getMe");
        check("authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5", "authorization: Bearer ***");
        check(r#"{"apiKey":"0f3c9b7a22e14d"}"#, r#"{"apiKey":"***"}"#);
        check("--token 8f14e45fceea167a5a36dedd4bea2543 --port 1", "--token *** --port 1");
        check("url?token=8f14e45fceea167a&x=1", "url?token=***&x=1");
    }

    #[test]
    fn never_eats_words() {
        for line in [
            "Set OPENCLAW_GATEWAY_TOKEN or OPENCLAW_GATEWAY_PASSWORD, or pass --token/--password to start with auth.",
            "pass --token or --password with --url",
            "Bearer authentication required",
            "unauthorized: gateway token mismatch (use this gateway's gateway.auth.token or pair the device)",
            "set gateway.auth.password (or OPENCLAW_GATEWAY_PASSWORD)",
            "password: configured-in-the-environment",
            "sk-learn is a library",
            "listening on ws://127.0.0.1:18789 (PID 123456)",
            "2026-11-22T08:04:21.548+00:00 [gateway] loading configuration",
        ] {
            assert!(matches!(redact_line(line), Cow::Borrowed(_)), "{line} -> {}", redact_line(line));
        }
    }

    #[test]
    fn long_lines_keep_their_tail() {
        let line = format!("{}é{}", "x ".repeat(LONGEST / 2), "tail");
        assert_eq!(redact_line(&line), line);
    }
}
