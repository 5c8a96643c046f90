//! Checks parameters against a table and words what is wrong as the original does.
//!
//! Clients match on these texts (`at /limit: must be integer`), which are those of its schema validator, in its order: of
//! each object first what is missing (one key is named), then what is unknown (one key), then the keys one by one. A
//! table a method is enough for them; it never replaces the typed struct, which is decoded afterwards.

use serde_json::{Map, Value};

/// Faults that are told at most.
const MOST_FAULTS: usize = 8;
/// Stands in a table for the keys that it does not list.
const OTHERS: &str = "*";

/// What a value must be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Any JSON value.
    Any,
    /// `true` or `false`.
    Bool,
    /// An integer from the first to the second bound.
    Int(i64, i64),
    /// A number.
    Number,
    /// A text.
    Text,
    /// A text that is not empty.
    NonEmpty,
    /// A text of so many characters, from the first to the second bound.
    Chars(usize, usize),
    /// One of these texts, where the original's schema has an `enum`.
    OneOf(&'static [&'static str]),
    /// One of these texts, where the original's schema has an `anyOf`: the faults are worded otherwise.
    Union(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// A list of so many items of a kind, from the first to the second bound.
    List(&'static Kind, usize, usize),
    /// `true`, `false`, or one of these texts.
    BoolOr(&'static [&'static str]),
    /// `null`, or what the other kind allows.
    OrNull(&'static Kind),
    /// An object whose keys the table does not list.
    Map,
    /// An object of this shape.
    Object(&'static [Field]),
}

/// One key of an object.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name; `*` stands for all that are not listed.
    pub name: &'static str,
    /// What its value must be.
    pub kind: Kind,
    required: bool,
}

impl Field {
    /// A key that must be there.
    #[must_use]
    pub const fn required(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, required: true }
    }

    /// Any other key.
    #[must_use]
    pub const fn others() -> Self {
        Self::optional(OTHERS, Kind::Any)
    }

    /// A key that may be left out.
    #[must_use]
    pub const fn optional(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, required: false }
    }
}

/// Checks `value` and returns what is wrong with it, each thing once and eight at most.
#[must_use]
pub fn check(value: &Value, fields: &'static [Field]) -> Vec<String> {
    let mut faults = Faults(Vec::new());
    check_kind(value, &Kind::Object(fields), "", &mut faults);
    let mut told: Vec<String> = Vec::new();
    for fault in faults.0 {
        if !told.contains(&fault) {
            told.push(fault);
        }
    }
    told
}

/// What was found, in order. A fault that repeats another counts as well, as it does in the original.
struct Faults(Vec<String>);

impl Faults {
    fn push(&mut self, path: &str, fault: &str) {
        if self.0.len() < MOST_FAULTS {
            self.0.push(if path.is_empty() { fault.to_owned() } else { format!("at {path}: {fault}") });
        }
    }

    fn unless(&mut self, fine: bool, path: &str, fault: &str) {
        if !fine {
            self.push(path, fault);
        }
    }
}

fn check_kind(value: &Value, kind: &Kind, path: &str, faults: &mut Faults) {
    match kind {
        Kind::Any => {}
        Kind::Bool => faults.unless(value.is_boolean(), path, "must be boolean"),
        Kind::Int(low, high) => check_integer(value, *low, *high, path, faults),
        Kind::Number => faults.unless(value.is_number(), path, "must be number"),
        Kind::Text => faults.unless(value.is_string(), path, "must be string"),
        Kind::NonEmpty => check_text(value, 1, usize::MAX, path, faults),
        Kind::Chars(least, most) => check_text(value, *least, *most, path, faults),
        Kind::OneOf(allowed) => {
            faults.unless(value.is_string(), path, "must be string");
            faults.unless(is_one_of(value, allowed), path, "must be equal to one of the allowed values");
        }
        Kind::Union(allowed) => check_union(value, allowed, path, faults),
        Kind::BoolOr(allowed) => {
            if !value.is_boolean() && !is_one_of(value, allowed) {
                faults.push(path, "must be boolean");
                check_union(value, allowed, path, faults);
            }
        }
        Kind::OrNull(kind) => {
            if !value.is_null() {
                check_kind(value, kind, path, faults);
            }
        }
        Kind::Texts => check_list(value, &Kind::Text, (0, usize::MAX), path, faults),
        Kind::List(item, least, most) => check_list(value, item, (*least, *most), path, faults),
        Kind::Map => faults.unless(value.is_object(), path, "must be object"),
        Kind::Object(fields) => match value.as_object() {
            None => faults.push(path, "must be object"),
            Some(object) => check_object(object, fields, path, faults),
        },
    }
}

fn check_integer(value: &Value, low: i64, high: i64, path: &str, faults: &mut Faults) {
    // A number such as 3.0 is an integer to JSON Schema.
    let whole = value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0);
    faults.unless(whole, path, "must be integer");
    if let Some(number) = value.as_f64() {
        faults.unless(number >= low as f64, path, &format!("must be >= {low}"));
        faults.unless(number <= high as f64, path, &format!("must be <= {high}"));
    }
}

fn check_text(value: &Value, least: usize, most: usize, path: &str, faults: &mut Faults) {
    let Some(text) = value.as_str() else { return faults.push(path, "must be string") };
    let count = text.chars().count();
    faults.unless(count >= least, path, &format!("must not have fewer than {least} characters"));
    faults.unless(count <= most, path, &format!("must not have more than {most} characters"));
}

fn is_one_of(value: &Value, allowed: &[&str]) -> bool {
    value.as_str().is_some_and(|text| allowed.contains(&text))
}

fn check_union(value: &Value, allowed: &[&str], path: &str, faults: &mut Faults) {
    if is_one_of(value, allowed) {
        return;
    }
    for _ in allowed {
        faults.unless(value.is_string(), path, "must be string");
        faults.push(path, "must be equal to constant");
    }
    faults.push(path, "must match a schema in anyOf");
}

fn check_list(value: &Value, item: &Kind, (least, most): (usize, usize), path: &str, faults: &mut Faults) {
    let Some(items) = value.as_array() else { return faults.push(path, "must be array") };
    faults.unless(items.len() >= least, path, &format!("must not have fewer than {least} items"));
    faults.unless(items.len() <= most, path, &format!("must not have more than {most} items"));
    for (index, value) in items.iter().enumerate() {
        check_kind(value, item, &format!("{path}/{index}"), faults);
    }
}

fn check_object(object: &Map<String, Value>, fields: &[Field], path: &str, faults: &mut Faults) {
    let missing = fields.iter().find(|field| field.required && !object.contains_key(field.name));
    if let Some(field) = missing {
        faults.push(path, &format!("must have required property '{}'", field.name));
    }
    let listed = |key: &str| fields.iter().any(|field| field.name == key || field.name == OTHERS);
    let unknown = object.keys().find(|key| !listed(key));
    if let Some(key) = unknown {
        let place = if path.is_empty() { "at root: " } else { "" };
        faults.push(path, &format!("{place}unexpected property '{key}'"));
    }
    for field in fields {
        if let Some(value) = object.get(field.name) {
            check_kind(value, &field.kind, &format!("{path}/{}", field.name), faults);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SHAPE: &[Field] = &[
        Field::required("to", Kind::NonEmpty),
        Field::optional("limit", Kind::Int(1, 5_000)),
        Field::optional("mode", Kind::OneOf(&["a", "b"])),
        Field::optional("view", Kind::Union(&["x", "y"])),
        Field::optional("label", Kind::Chars(1, 4)),
        Field::optional("caps", Kind::Texts),
        Field::optional("names", Kind::List(&Kind::NonEmpty, 1, 2)),
        Field::optional("fast", Kind::BoolOr(&["auto"])),
        Field::optional("name", Kind::OrNull(&Kind::Chars(1, 3))),
        Field::optional("client", Kind::Object(&[Field::required("id", Kind::Text)])),
        Field::optional("idle", Kind::Number),
        Field::optional("probe", Kind::Bool),
    ];

    const NEITHER: [&str; 2] =
        ["at /view: must be equal to constant", "at /view: must match a schema in anyOf"];

    /// Each text was seen from the original's own validators, with parameters of the same kinds.
    #[test]
    fn faults_read_as_the_original_words_them() {
        let check = |value: Value, expected: &[&str]| assert_eq!(super::check(&value, SHAPE), expected);
        check(json!({"to": "x", "limit": 3.0, "caps": ["a"], "client": {"id": ""}, "probe": true}), &[]);
        check(json!({}), &["must have required property 'to'"]);
        check(json!({"to": ""}), &["at /to: must not have fewer than 1 characters"]);
        check(json!({"to": 1}), &["at /to: must be string"]);
        check(json!({"to": "x", "limit": "x"}), &["at /limit: must be integer"]);
        check(json!({"to": "x", "limit": 0}), &["at /limit: must be >= 1"]);
        check(json!({"to": "x", "limit": 5_001}), &["at /limit: must be <= 5000"]);
        check(json!({"to": "x", "limit": -1.5}), &["at /limit: must be integer", "at /limit: must be >= 1"]);
        check(json!({"to": "x", "mode": "c"}), &["at /mode: must be equal to one of the allowed values"]);
        check(json!({"to": "x", "view": "z"}), &NEITHER);
        check(json!({"to": "x", "view": 1}), &["at /view: must be string", NEITHER[0], NEITHER[1]]);
        check(json!({"to": "x", "label": "12345"}), &["at /label: must not have more than 4 characters"]);
        check(json!({"to": "x", "caps": ["a", 1]}), &["at /caps/1: must be string"]);
        check(json!({"to": "x", "caps": "a"}), &["at /caps: must be array"]);
        check(json!({"to": "x", "names": [""]}), &["at /names/0: must not have fewer than 1 characters"]);
        check(json!({"to": "x", "names": []}), &["at /names: must not have fewer than 1 items"]);
        check(json!({"to": "x", "names": ["a", "b", "c"]}), &["at /names: must not have more than 2 items"]);
        check(json!({"to": "x", "name": null, "fast": "auto"}), &[]);
        check(json!({"to": "x", "name": "four"}), &["at /name: must not have more than 3 characters"]);
        check(
            json!({"to": "x", "fast": "no"}),
            &[
                "at /fast: must be boolean",
                "at /fast: must be equal to constant",
                "at /fast: must match a schema in anyOf",
            ],
        );
        check(json!({"to": "x", "idle": "1"}), &["at /idle: must be number"]);
        check(json!({"to": "x", "probe": null}), &["at /probe: must be boolean"]);
        check(json!({"to": "x", "client": 5}), &["at /client: must be object"]);
        check(json!({"to": "x", "client": {}}), &["at /client: must have required property 'id'"]);
        check(json!({"to": "x", "client": {"id": "i", "x": 1}}), &["at /client: unexpected property 'x'"]);
        check(json!({"to": "x", "bogus": 1}), &["at root: unexpected property 'bogus'"]);
        check(json!([]), &["must be object"]);
        const OPEN: &[Field] = &[Field::others()];
        assert!(super::check(&json!({"a": 1, "any": 2}), OPEN).is_empty());
    }

    #[test]
    fn faults_come_in_the_order_of_the_original_and_end_at_the_eighth() {
        let check = |value: Value, expected: &[&str]| assert_eq!(super::check(&value, SHAPE), expected);
        check(
            json!({"bogus": 1, "zog": 2, "limit": "x"}),
            &[
                "must have required property 'to'",
                "at root: unexpected property 'bogus'",
                "at /limit: must be integer",
            ],
        );
        let many = json!({"to": "x", "caps": [1, 2, 3, 4, 5, 6, 7, 8, 9]});
        assert_eq!(super::check(&many, SHAPE).len(), MOST_FAULTS);
        // Repeated faults count, though each is told once.
        check(
            json!({"to": "x", "mode": 1, "view": 1, "label": 1, "probe": 1}),
            &[
                "at /mode: must be string",
                "at /mode: must be equal to one of the allowed values",
                "at /view: must be string",
                NEITHER[0],
                NEITHER[1],
                "at /label: must be string",
            ],
        );
    }
}
