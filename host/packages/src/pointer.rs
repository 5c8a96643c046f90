//! JSON pointers (RFC 6901) of a manifest, through the keys of objects.

use std::fmt;

use serde::Deserialize;

/// The deepest that a pointer may reach.
const DEEPEST: usize = 16;

/// A pointer to a place below the whole document.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Pointer(Vec<String>);

impl Pointer {
    /// The keys from the outside in; at least one.
    pub(crate) fn keys(&self) -> &[String] {
        &self.0
    }

    /// Whether one of the two places lies in the other.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a == b)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|key| write!(f, "/{}", key.replace('~', "~0").replace('/', "~1")))
    }
}

impl TryFrom<String> for Pointer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let rest = text
            .strip_prefix('/')
            .ok_or_else(|| format!("\"{text}\" is not a JSON pointer: write /key or /key/inner"))?;
        let keys = rest.split('/').map(unescaped).collect::<Option<Vec<_>>>();
        match keys {
            Some(keys) if keys.len() <= DEEPEST => Ok(Self(keys)),
            Some(_) => Err(format!("\"{text}\" is deeper than {DEEPEST} keys")),
            None => Err(format!("\"{text}\" has a ~ that is neither ~0 nor ~1")),
        }
    }
}

fn unescaped(segment: &str) -> Option<String> {
    let well_formed = segment.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    well_formed.then(|| segment.replace("~1", "/").replace("~0", "~"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_read_and_written() {
        for text in ["/op", "/d/token", "/a~1b/~0", "/"] {
            assert_eq!(Pointer::try_from(text.to_owned()).unwrap().to_string(), text);
        }
        for text in ["", "op", "/a~2", "/~"] {
            assert!(Pointer::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert!(Pointer::try_from("/a".repeat(17)).is_err());
    }
}
