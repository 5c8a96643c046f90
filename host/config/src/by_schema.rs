//! Judges a value by a plugin's JSON Schema, in the words that the rest of the file is judged in. Which value, and where
//! its parts stand in the text, is the caller's to say.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, ValidationError, Validator};
use serde_json::Value;

use crate::check::unrecognized;
use crate::json5::{Kind, Node, Span};
use crate::path::{KeyPath, Step};
use crate::validate::Judge;

/// The longest text of a schema's own error.
const LONGEST_MESSAGE: usize = 300;

/// A schema that is ready to judge.
pub(crate) struct Schema<'s> {
    schema: &'s Value,
    validator: Validator,
}

/// What is wrong with a schema of a plugin, if anything is: it must be one of draft 2020-12.
#[must_use]
pub fn schema_problem(schema: &Value) -> Option<String> {
    let built = jsonschema::options().with_draft(Draft::Draft202012).build(schema);
    built.err().map(|error| shorten(&error.to_string()))
}

/// Where something stands in the file.
pub(crate) struct Place {
    pub(crate) path: KeyPath,
    pub(crate) value: Span,
    pub(crate) key: Span,
}

impl Place {
    /// The place at `rest` below `at`, which stands at `path`. What is missing is told at the place where it would be.
    pub(crate) fn below(path: &KeyPath, at: &Node, rest: &KeyPath) -> Self {
        let (mut at, mut key) = (at, at.span);
        for step in rest.steps() {
            let next = match (&at.kind, step) {
                (Kind::Object(_), Step::Key(key)) => {
                    at.member(key).map(|member| (member.key_span, &member.value))
                }
                (Kind::Array(items), step) => {
                    step.as_index().and_then(|n| items.get(n)).map(|item| (item.value.span, &item.value))
                }
                _ => None,
            };
            let Some((key_span, value)) = next else { break };
            (key, at) = (key_span, value);
        }
        Self { path: path.join(rest), value: at.span, key }
    }
}

impl<'s> Schema<'s> {
    /// Makes a schema ready. One that is broken is told at `path` and judges nothing.
    pub(crate) fn compile(
        judge: &mut Judge<'_>,
        schema: &'s Value,
        path: &KeyPath,
        span: Span,
    ) -> Option<Self> {
        match jsonschema::options().with_draft(Draft::Draft202012).build(schema) {
            Ok(validator) => Some(Self { schema, validator }),
            Err(error) => {
                let message = format!("the plugin's own schema is broken: {}", shorten(&error.to_string()));
                judge.issue(path, span, message);
                None
            }
        }
    }

    /// Tells everything that is wrong with `value`.
    pub(crate) fn check(&self, judge: &mut Judge<'_>, value: &Value, place: impl Fn(&KeyPath) -> Place) {
        for error in self.validator.iter_errors(value) {
            self.tell(judge, value, &error, &place);
        }
    }

    fn tell(
        &self,
        judge: &mut Judge<'_>,
        value: &Value,
        error: &ValidationError<'_>,
        place: &impl Fn(&KeyPath) -> Place,
    ) {
        let rest = KeyPath::from_pointer(error.instance_path().as_str(), value);
        let mut say = |rest: &KeyPath, message: String| {
            let place = place(rest);
            judge.issue(&place.path, place.value, message);
        };
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                let known = self.known_keys(error);
                for key in unexpected {
                    let place = place(&rest.key(key));
                    judge.issue(&place.path.parent(), place.key, unrecognized(key, known.iter().copied()));
                }
            }
            ValidationErrorKind::Type { kind } => {
                let expected = match kind {
                    TypeKind::Single(one) => one.to_string(),
                    TypeKind::Multiple(many) => {
                        many.iter().map(|one| one.to_string()).collect::<Vec<_>>().join("|")
                    }
                };
                let received = match error.instance().as_ref() {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(_) => "number",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                say(&rest, format!("Invalid input: expected {expected}, received {received}"));
            }
            ValidationErrorKind::Enum { options } => {
                let options: Vec<String> =
                    options.as_array().into_iter().flatten().map(Value::to_string).collect();
                say(&rest, format!("Invalid option: expected one of {}", options.join("|")));
            }
            ValidationErrorKind::Required { property } => {
                let key = property.as_str().unwrap_or_default();
                say(&rest.key(key), "Invalid input: a value is required, received undefined".to_owned());
            }
            // The value itself may be a secret.
            _ => say(&rest, format!("Invalid input: {}", shorten(&error.masked().to_string()))),
        }
    }

    /// The names beside the `additionalProperties` that refused another one.
    fn known_keys(&self, error: &ValidationError<'_>) -> Vec<&'s str> {
        let keyword = error.schema_path().as_str();
        let object = keyword.rsplit_once('/').map_or("", |(object, _)| object);
        let properties = self.schema.pointer(&format!("{object}/properties")).and_then(Value::as_object);
        properties.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
    }
}

fn shorten(message: &str) -> String {
    message.chars().take(LONGEST_MESSAGE).collect()
}
