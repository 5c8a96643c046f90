//! Checks parameters against a table and words what is wrong as the original does.
//!
//! Clients match on these texts (`at /limit: must be integer`), which are those of its schema validator. A table a
//! method is enough for them; it never replaces the typed struct, which is decoded afterwards.

use serde_json::{Map, Value};

/// What a value must be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Any JSON value.
    Any,
    /// `true` or `false`.
    Bool,
    /// An integer from the first to the second bound.
    Int(i64, i64),
    /// A text.
    Text,
    /// A text that is not empty.
    NonEmpty,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// A text of so many characters: from the first to the second bound.
    Sized(usize, usize),
    /// A number.
    Number,
    /// `true`, `false`, or one of these texts.
    BoolOr(&'static [&'static str]),
    /// `null`, or what the other kind allows.
    OrNull(&'static Kind),
    /// A list of so many items of a kind: from the first to the second bound.
    List(&'static Kind, usize, usize),
    /// An object whose keys the table does not list.
    Map,
    /// An object of this shape.
    Object(&'static [Field]),
}

/// One key of an object.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    name: &'static str,
    kind: Kind,
    required: bool,
}

impl Field {
    /// A key that must be there.
    #[must_use]
    pub const fn required(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, required: true }
    }

    /// A key that may be left out.
    #[must_use]
    pub const fn optional(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, required: false }
    }
}

/// Checks `value` and returns every fault, in the order of the table; unknown keys come last.
#[must_use]
pub fn check(value: &Value, fields: &'static [Field]) -> Vec<String> {
    let mut faults = Vec::new();
    check_kind(value, &Kind::Object(fields), "", &mut faults);
    faults
}

fn check_kind(value: &Value, kind: &Kind, path: &str, faults: &mut Vec<String>) {
    let fault = match kind {
        Kind::Any => None,
        Kind::Bool => (!value.is_boolean()).then(|| "must be boolean".to_owned()),
        Kind::Int(low, high) => integer_fault(value, *low, *high),
        Kind::Text => (!value.is_string()).then(|| "must be string".to_owned()),
        Kind::NonEmpty => match value.as_str() {
            None => Some("must be string".to_owned()),
            Some("") => Some("must NOT have fewer than 1 characters".to_owned()),
            Some(_) => None,
        },
        Kind::OneOf(allowed) => (!value.as_str().is_some_and(|text| allowed.contains(&text)))
            .then(|| "must be equal to one of the allowed values".to_owned()),
        Kind::Texts => match value.as_array() {
            None => Some("must be array".to_owned()),
            Some(items) => {
                for (index, item) in items.iter().enumerate() {
                    check_kind(item, &Kind::Text, &format!("{path}/{index}"), faults);
                }
                None
            }
        },
        Kind::Sized(low, high) => match value.as_str().map(|text| text.chars().count()) {
            None => Some("must be string".to_owned()),
            Some(count) if count < *low => Some(format!("must NOT have fewer than {low} characters")),
            Some(count) if count > *high => Some(format!("must NOT have more than {high} characters")),
            Some(_) => None,
        },
        Kind::Number => (!value.is_number()).then(|| "must be number".to_owned()),
        Kind::BoolOr(allowed) => {
            let fits = value.is_boolean() || value.as_str().is_some_and(|text| allowed.contains(&text));
            (!fits).then(|| "must match a schema in anyOf".to_owned())
        }
        Kind::OrNull(kind) => {
            if !value.is_null() {
                check_kind(value, kind, path, faults);
            }
            None
        }
        Kind::List(kind, low, high) => match value.as_array() {
            None => Some("must be array".to_owned()),
            Some(items) => {
                for (index, item) in items.iter().enumerate() {
                    check_kind(item, kind, &format!("{path}/{index}"), faults);
                }
                match items.len() {
                    count if count < *low => Some(format!("must NOT have fewer than {low} items")),
                    count if count > *high => Some(format!("must NOT have more than {high} items")),
                    _ => None,
                }
            }
        },
        Kind::Map => (!value.is_object()).then(|| "must be object".to_owned()),
        Kind::Object(fields) => match value.as_object() {
            None => Some("must be object".to_owned()),
            Some(object) => {
                check_object(object, fields, path, faults);
                None
            }
        },
    };
    if let Some(fault) = fault {
        faults.push(located(path, &fault));
    }
}

fn integer_fault(value: &Value, low: i64, high: i64) -> Option<String> {
    // A number such as 3.0 is an integer to JSON Schema.
    let whole = value.as_i64().or_else(|| value.as_f64().filter(|n| n.fract() == 0.0).map(|n| n as i64));
    match whole {
        None => Some("must be integer".to_owned()),
        Some(n) if n < low => Some(format!("must be >= {low}")),
        Some(n) if n > high => Some(format!("must be <= {high}")),
        Some(_) => None,
    }
}

fn check_object(object: &Map<String, Value>, fields: &[Field], path: &str, faults: &mut Vec<String>) {
    for field in fields {
        match object.get(field.name) {
            Some(value) => check_kind(value, &field.kind, &format!("{path}/{}", field.name), faults),
            None if field.required => {
                faults.push(located(path, &format!("must have required property '{}'", field.name)));
            }
            None => {}
        }
    }
    for key in object.keys().filter(|key| fields.iter().all(|field| field.name != key.as_str())) {
        let place = if path.is_empty() { "root" } else { path };
        faults.push(format!("at {place}: unexpected property '{key}'"));
    }
}

/// Only unknown keys are worded with `at root`: that is the original's own inconsistency.
fn located(path: &str, fault: &str) -> String {
    if path.is_empty() { fault.to_owned() } else { format!("at {path}: {fault}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SHAPE: &[Field] = &[
        Field::required("to", Kind::NonEmpty),
        Field::optional("limit", Kind::Int(1, 5_000)),
        Field::optional("mode", Kind::OneOf(&["a", "b"])),
        Field::optional("caps", Kind::Texts),
        Field::optional("client", Kind::Object(&[Field::required("id", Kind::Text)])),
        Field::optional("probe", Kind::Bool),
        Field::optional("name", Kind::OrNull(&Kind::Sized(1, 3))),
        Field::optional("fast", Kind::BoolOr(&["auto"])),
        Field::optional("keys", Kind::List(&Kind::NonEmpty, 1, 2)),
        Field::optional("at", Kind::Number),
    ];

    #[test]
    fn faults_read_as_the_original_words_them() {
        let check = |value: Value, expected: &[&str]| assert_eq!(super::check(&value, SHAPE), expected);
        check(json!({"to": "x", "limit": 3.0, "caps": ["a"], "client": {"id": ""}, "probe": true}), &[]);
        check(json!({}), &["must have required property 'to'"]);
        check(json!({"to": ""}), &["at /to: must NOT have fewer than 1 characters"]);
        check(json!({"to": "x", "limit": "x"}), &["at /limit: must be integer"]);
        check(json!({"to": "x", "limit": 0}), &["at /limit: must be >= 1"]);
        check(json!({"to": "x", "limit": 5_001}), &["at /limit: must be <= 5000"]);
        check(json!({"to": "x", "mode": "c"}), &["at /mode: must be equal to one of the allowed values"]);
        check(json!({"to": "x", "caps": ["a", 1]}), &["at /caps/1: must be string"]);
        check(json!({"to": "x", "client": {}}), &["at /client: must have required property 'id'"]);
        check(json!({"to": "x", "client": {"id": "i", "x": 1}}), &["at /client: unexpected property 'x'"]);
        check(json!({"to": "x", "bogus": 1}), &["at root: unexpected property 'bogus'"]);
        check(json!([]), &["must be object"]);
        check(json!({"to": "x", "name": null, "fast": "auto", "keys": ["a"], "at": 1.5}), &[]);
        check(json!({"to": "x", "name": ""}), &["at /name: must NOT have fewer than 1 characters"]);
        check(json!({"to": "x", "name": "four"}), &["at /name: must NOT have more than 3 characters"]);
        check(json!({"to": "x", "fast": "no"}), &["at /fast: must match a schema in anyOf"]);
        check(json!({"to": "x", "keys": []}), &["at /keys: must NOT have fewer than 1 items"]);
        check(json!({"to": "x", "keys": ["a", "b", "c"]}), &["at /keys: must NOT have more than 2 items"]);
        check(json!({"to": "x", "at": "x"}), &["at /at: must be number"]);
    }
}
