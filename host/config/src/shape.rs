//! The vocabulary in which the known keys are written down. One table says what is valid, what is a secret and what
//! exists: validation, redaction and `config get` all read it.

use crate::path::{KeyPath, Step};

/// What may stand at a place.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Anything: a section that is accepted and not used, or judged elsewhere.
    Any,
    /// Text.
    Text,
    /// Text or a reference; never shown.
    Secret,
    /// `true` or `false`.
    Bool,
    /// A whole number within bounds.
    Int(i64, i64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of such values.
    List(&'static Shape),
    /// An object with any keys and such values.
    Map(&'static Shape),
    /// An object with these keys and no others.
    Object(&'static [Field]),
    /// An object with these keys and any others, which are somebody else's to judge.
    Open(&'static [Field]),
    /// Text, or the object.
    TextOr(&'static Shape),
}

/// A known key of an object.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
    /// An old spelling: accepted, with this advice.
    pub(crate) legacy: Option<&'static str>,
}

/// A key that may be missing.
pub(crate) const fn key(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: false, legacy: None }
}

/// A key that must be there.
pub(crate) const fn required(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: true, legacy: None }
}

/// A key that is known and not used by this gateway.
pub(crate) const fn unused(name: &'static str) -> Field {
    key(name, Shape::Any)
}

/// An old spelling that does nothing any more.
pub(crate) const fn legacy(name: &'static str, advice: &'static str) -> Field {
    Field { name, shape: Shape::Any, required: false, legacy: Some(advice) }
}

impl Shape {
    /// What may stand at `path` below this shape; `None` when there is no such place.
    pub(crate) fn at(&self, path: &KeyPath) -> Option<&Self> {
        path.steps().iter().try_fold(self, |shape, step| shape.step(step))
    }

    fn step(&self, step: &Step) -> Option<&Self> {
        match self {
            Self::Any => Some(self),
            Self::Object(fields) => match step {
                Step::Key(name) => fields.iter().find(|field| field.name == name).map(|field| &field.shape),
                Step::Index(_) => None,
            },
            Self::Open(fields) => match step {
                Step::Key(name) => Some(
                    fields.iter().find(|field| field.name == name).map_or(&Self::Any, |field| &field.shape),
                ),
                Step::Index(_) => None,
            },
            Self::Map(inner) => matches!(step, Step::Key(_)).then_some(*inner),
            Self::List(inner) => step.as_index().map(|_| *inner),
            Self::TextOr(inner) => inner.step(step),
            Self::Text | Self::Secret | Self::Bool | Self::Int(..) | Self::Word(_) => None,
        }
    }

    /// Whether a bare word on the command line means text here, even if it could be read as a number.
    pub(crate) fn wants_text(&self) -> bool {
        matches!(self, Self::Text | Self::Secret | Self::Word(_) | Self::TextOr(_))
    }
}

/// The name nearest to `wrong`, if one is near enough to be meant.
pub(crate) fn nearest<'n>(wrong: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let limit = (wrong.chars().count() / 3).max(1);
    let lower = wrong.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_is_near() {
        let known = ["port", "bind", "mode", "customBindHost"];
        let check =
            |wrong: &str, expected: Option<&str>| assert_eq!(nearest(wrong, known), expected, "{wrong}");
        check("prot", Some("port"));
        check("Bind", Some("bind"));
        check("custombindhosts", Some("customBindHost"));
        check("bogusKey", None);
        check("x", None);
    }
}
