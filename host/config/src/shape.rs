//! The vocabulary in which the known keys are written down. One table says what is valid, what is a secret, what is used
//! and what exists: validation, redaction, `config get`, `config schema` and `doctor` all read it.

use crate::json5::Kind;
use crate::path::{KeyPath, Step};

/// What may stand at a place.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Anything: what is judged elsewhere, or by nobody.
    Any,
    /// `null`
    Null,
    /// Text.
    Text,
    /// Text or a reference; never shown.
    Secret,
    /// `true` or `false`.
    Bool,
    /// This one of `true` and `false`.
    Exactly(bool),
    /// A whole number within bounds.
    Int(i64, i64),
    /// A number within bounds.
    Number(f64, f64),
    /// A number above zero.
    Positive,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of such values.
    List(&'static Shape),
    /// An object with any keys and such values.
    Map(&'static Shape),
    /// An object with these keys and no others.
    Object(&'static [Field]),
    /// An object with these keys, and any others with such values.
    Open(&'static [Field], &'static Shape),
    /// An object whose further keys depend on the word at this key, which each of the variants requires.
    Tagged(&'static str, &'static [&'static [Field]]),
    /// One of these. No two of them take the same kind of value, so that it is clear which one was meant.
    Either(&'static [Shape]),
}

/// A known key of an object.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
    /// Does something in this gateway. Says nothing about the keys below.
    pub(crate) used: bool,
    /// An old spelling: accepted, with this advice.
    pub(crate) legacy: Option<&'static str>,
    /// What it is for, in a sentence.
    pub(crate) about: Option<&'static str>,
}

/// A key that may be missing.
pub(crate) const fn key(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: false, used: true, legacy: None, about: None }
}

/// A key that must be there.
pub(crate) const fn required(name: &'static str, shape: Shape) -> Field {
    Field { required: true, ..key(name, shape) }
}

/// A key that is known to the original, accepted, and does nothing here; nor does anything below it.
pub(crate) const fn unused(name: &'static str, shape: Shape) -> Field {
    Field { used: false, ..key(name, shape) }
}

/// An old spelling that does nothing any more.
pub(crate) const fn legacy(name: &'static str, advice: &'static str) -> Field {
    Field { legacy: Some(advice), ..key(name, Shape::Any) }
}

impl Field {
    /// Adds what the key is for.
    pub(crate) const fn about(self, text: &'static str) -> Self {
        Self { about: Some(text), ..self }
    }
}

/// The field with this name.
pub(crate) fn field<'f>(fields: &'f [Field], name: &str) -> Option<&'f Field> {
    fields.iter().find(|field| field.name == name)
}

impl Shape {
    /// What may stand at `path` below this shape; `None` when there is no such place.
    pub(crate) fn at(&self, path: &KeyPath) -> Option<&Self> {
        path.steps().iter().try_fold(self, |shape, step| shape.step(step))
    }

    pub(crate) fn step(&self, step: &Step) -> Option<&Self> {
        match (self, step) {
            (Self::Any, _) => Some(self),
            (Self::Map(inner), Step::Key(_)) => Some(*inner),
            (Self::List(inner), step) => step.as_index().map(|_| *inner),
            (Self::Either(shapes), step) => shapes.iter().find_map(|shape| shape.step(step)),
            (Self::Open(_, rest), Step::Key(name)) => {
                Some(self.field(name).map_or(*rest, |field| &field.shape))
            }
            (shape, Step::Key(name)) => shape.field(name).map(|field| &field.shape),
            (_, Step::Index(_)) => None,
        }
    }

    /// The known key of this name.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        match self {
            Self::Object(fields) | Self::Open(fields, _) => field(fields, name),
            Self::Tagged(_, variants) => variants.iter().find_map(|fields| field(fields, name)),
            Self::Either(shapes) => shapes.iter().find_map(|shape| shape.field(name)),
            _ => None,
        }
    }

    /// Whether a bare word on the command line means text here, even if it could be read as a number.
    pub(crate) fn wants_text(&self) -> bool {
        match self {
            Self::Text | Self::Secret | Self::Word(_) => true,
            Self::Either(shapes) => {
                let other = [Kind::Null, Kind::Bool(true), Kind::Number(0.into())];
                shapes.iter().any(Self::wants_text)
                    && !shapes.iter().any(|shape| other.iter().any(|kind| shape.takes(kind)))
            }
            _ => false,
        }
    }

    /// Whether a value of this kind may be meant; it can still be a wrong one.
    pub(crate) fn takes(&self, kind: &Kind) -> bool {
        match self {
            Self::Any => true,
            Self::Null => matches!(kind, Kind::Null),
            Self::Text | Self::Word(_) => matches!(kind, Kind::String(_)),
            Self::Secret => matches!(kind, Kind::String(_) | Kind::Object(_)),
            Self::Bool | Self::Exactly(_) => matches!(kind, Kind::Bool(_)),
            Self::Int(..) | Self::Number(..) | Self::Positive => matches!(kind, Kind::Number(_)),
            Self::List(_) => matches!(kind, Kind::Array(_)),
            Self::Map(_) | Self::Object(_) | Self::Open(..) | Self::Tagged(..) => {
                matches!(kind, Kind::Object(_))
            }
            Self::Either(shapes) => shapes.iter().any(|shape| shape.takes(kind)),
        }
    }

    /// The word for what is expected, as messages have it.
    pub(crate) fn expected(&self) -> String {
        let word = match self {
            Self::Any => "value",
            Self::Null => "null",
            Self::Text | Self::Secret | Self::Word(_) => "string",
            Self::Bool => "boolean",
            Self::Exactly(true) => "true",
            Self::Exactly(false) => "false",
            Self::Int(..) | Self::Number(..) | Self::Positive => "number",
            Self::List(_) => "array",
            Self::Map(_) | Self::Object(_) | Self::Open(..) | Self::Tagged(..) => "object",
            Self::Either(shapes) => {
                return shapes.iter().map(Self::expected).collect::<Vec<_>>().join(" or ");
            }
        };
        word.to_owned()
    }
}

/// The words that select a variant of [`Shape::Tagged`].
pub(crate) fn tags(variant: &'static [Field], tag: &str) -> &'static [&'static str] {
    match field(variant, tag).map(|field| &field.shape) {
        Some(Shape::Word(words)) => words,
        _ => &[],
    }
}

/// The name nearest to `wrong`, if one is near enough to be meant.
pub(crate) fn nearest<'n>(wrong: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let length = wrong.chars().count();
    let limit = (length / 3).max(1);
    let lower = wrong.to_lowercase();
    known
        .into_iter()
        // Comparing takes the product of both lengths, and a key may be as long as the file.
        .filter(|name| name.chars().count().abs_diff(length) <= limit)
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

    #[test]
    fn text_is_wanted_where_nothing_else_can_be_meant() {
        assert!(Shape::Either(&[Shape::Text, Shape::Object(&[])]).wants_text());
        assert!(!Shape::Either(&[Shape::Text, Shape::Exactly(false)]).wants_text());
        assert!(!Shape::Either(&[Shape::Bool, Shape::Word(&["auto"])]).wants_text());
    }
}
