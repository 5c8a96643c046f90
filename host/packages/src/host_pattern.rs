//! Names of hosts that a manifest allows beside the one that it names: `host` or `*.suffix`.

use std::fmt;

use serde::Deserialize;

/// One pattern. `*` alone is none: a manifest names whom it talks to.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(try_from = "String")]
pub struct HostPattern {
    /// Lower case, without the `*.`.
    name: String,
    below: bool,
}

impl HostPattern {
    /// Whether the pattern allows a host, which is a name without a port.
    #[must_use]
    pub fn allows(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        if !self.below {
            return host == self.name;
        }
        host.strip_suffix(&self.name)
            .and_then(|rest| rest.strip_suffix('.'))
            .is_some_and(|label| !label.is_empty() && is_host(&host))
    }

    /// Whether everything that `other` allows is allowed by this one.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        self.below && (other.name == self.name && other.below || self.allows(&other.name))
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.below { "*." } else { "" }, self.name)
    }
}

impl TryFrom<String> for HostPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text.as_str()),
        };
        let name = name.to_ascii_lowercase();
        // An address would escape the judgement by name that a certificate makes.
        let numeric = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
        if !is_host(&name) || numeric || name.split('.').count() < 2 {
            return Err(format!("\"{text}\" is not a host or *.suffix with at least two labels after the *"));
        }
        Ok(Self { name, below })
    }
}

/// Whether `text` is a DNS name in lower case and ASCII.
fn is_host(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> HostPattern {
        HostPattern::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_suffix_has_two_labels_and_stands_for_a_whole_label() {
        for text in [
            "", "*", "*.", "*.com", "com", "a.*.b", "*.*.b", "*a.b.c", "1.2.3.4", "[::1]", "a..b", "-a.b",
            "a.b:1", "a.b/c", "u@a.b",
        ] {
            assert!(HostPattern::try_from(text.to_owned()).is_err(), "{text}");
        }
        let chat = pattern("*.Chat.example");
        for host in ["a.chat.example", "A.B.CHAT.example"] {
            assert!(chat.allows(host), "{host}");
        }
        for host in [
            "chat.example",
            ".chat.example",
            "evilchat.example",
            "a.chat.example.evil.org",
            "a.chat.example.",
            "a@b.chat.example",
            "a/b.chat.example",
            "a b.chat.example",
            "a.chat.example:443",
        ] {
            assert!(!chat.allows(host), "{host}");
        }
        assert!(pattern("files.chat.example").allows("FILES.chat.example"));
        assert!(!pattern("files.chat.example").allows("x.files.chat.example"));
        assert_eq!(chat.to_string(), "*.chat.example");
    }

    #[test]
    fn a_pattern_covers_what_it_allows() {
        let check = |wide: &str, narrow: &str, expected: bool| {
            assert_eq!(pattern(wide).covers(&pattern(narrow)), expected, "{wide} {narrow}");
        };
        check("*.chat.example", "*.chat.example", true);
        check("*.chat.example", "*.eu.chat.example", true);
        check("*.chat.example", "a.chat.example", true);
        check("*.chat.example", "chat.example", false);
        check("*.eu.chat.example", "*.chat.example", false);
        check("a.chat.example", "*.a.chat.example", false);
    }
}
