//! Text of a manifest with places for secrets: `Bearer {apiKey}`. Only text from a manifest is ever a template;
//! nothing that a guest, a person or a model wrote is.

use serde::Deserialize;

/// A parsed template.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Template(Vec<Piece>);

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Stands as it is.
    Text(String),
    /// The value of the secret with this name.
    Secret(String),
}

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, tail)) = after.split_once('}') else {
                return Err(format!("\"{text}\" has a {{ without its }}"));
            };
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
                return Err(format!("\"{text}\" names no secret between {{ and }}"));
            }
            if before.contains('}') {
                return Err(format!("\"{text}\" has a }} without its {{"));
            }
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(Piece::Secret(name.to_owned()));
            rest = tail;
        }
        if rest.contains('}') {
            return Err(format!("\"{text}\" has a }} without its {{"));
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self(pieces))
    }
}

impl Template {
    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// As it is written.
    pub(crate) fn text(&self) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Secret(name) => format!("{{{name}}}"),
        };
        self.0.iter().map(piece).collect()
    }

    /// The secrets it has places for.
    pub(crate) fn secret_names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Secret(name) => Some(name.as_str()),
        })
    }

    /// What keeps it from being a path prefix, if anything.
    pub(crate) fn path_problem(&self) -> Option<&'static str> {
        let first = self.0.first()?;
        if !matches!(first, Piece::Text(text) if text.starts_with('/')) {
            return Some("does not begin with /");
        }
        if matches!(self.0.last(), Some(Piece::Text(text)) if text.ends_with('/')) {
            return Some("ends with /");
        }
        let odd = |c: char| !(c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/".contains(c));
        self.0.iter().find_map(|piece| match piece {
            Piece::Text(text) if text.contains(odd) => {
                Some("contains a character that is not allowed in a path")
            }
            Piece::Text(text) if text.split('/').any(|segment| segment == "." || segment == "..") => {
                Some("contains a . or .. segment")
            }
            Piece::Text(_) | Piece::Secret(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_text_and_places() {
        let template = Template::try_from("/bot{botToken}/x".to_owned()).unwrap();
        let text = |text: &str| Piece::Text(text.to_owned());
        assert_eq!(template.pieces(), [text("/bot"), Piece::Secret("botToken".to_owned()), text("/x")]);
        assert_eq!(template.secret_names().collect::<Vec<_>>(), ["botToken"]);
        assert_eq!(Template::try_from(String::new()).unwrap(), Template::default());
    }

    #[test]
    fn refuses_stray_braces() {
        for text in ["{", "}", "a{b", "a}b{c}", "{}", "{{a}}", "{a b}"] {
            assert!(Template::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn knows_what_a_path_prefix_is() {
        let problem = |text: &str| Template::try_from(text.to_owned()).unwrap().path_problem();
        assert_eq!(problem(""), None);
        assert_eq!(problem("/bot{t}"), None);
        assert_eq!(problem("/api/v10"), None);
        for text in ["x", "{t}", "/", "/a/", "/a?b", "/a#b", "/a b", "/../{t}", "/a/./b"] {
            assert!(problem(text).is_some(), "{text}");
        }
    }
}
