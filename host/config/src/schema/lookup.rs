//! What the whole schema says about one place, and what it says to people about all of them: the answers of
//! `config.schema.lookup` and `config.schema`. When a change takes effect is not known here.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::json_schema;
use crate::basis::ChannelSchemas;
use crate::path::{KeyPath, Step};
use crate::unused::is_unused;

/// The keywords of a node that an answer shows; what is below it is told as children.
const SHOWN: &[&str] = &[
    "title",
    "description",
    "type",
    "enum",
    "const",
    "default",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "deprecated",
    "readOnly",
    "writeOnly",
];
/// Keywords with alternatives, or with parts that hold together.
const BRANCHES: &[&str] = &["anyOf", "oneOf", "allOf"];
/// The longest chain of references.
const MOST_REFERENCES: usize = 16;

/// One place of the schema.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lookup {
    /// The place, as a path that `config set` takes.
    pub path: String,
    /// The schema of it without what is below.
    pub schema: Value,
    /// What is known for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<Hint>,
    /// The path of the hint in [`Schema::hints`], with `*` for any key and `[]` for any item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint_path: Option<String>,
    /// What may stand one step below.
    pub children: Vec<LookupChild>,
}

/// What may stand below a place.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LookupChild {
    /// The key; `*` for any key and for any item of a list.
    pub key: String,
    /// The path to it.
    pub path: String,
    /// The JSON type, or a list of types.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<Value>,
    /// Whether it must be there.
    pub required: bool,
    /// Whether there is something below it.
    pub has_children: bool,
    /// What is known for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<Hint>,
    /// The path of the hint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint_path: Option<String>,
}

/// What a form may show beside a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Hint {
    /// The name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The value is a secret.
    #[serde(skip_serializing_if = "is_false")]
    pub sensitive: bool,
    /// It does nothing in this gateway, so that a form need not show it.
    pub advanced: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_false(value: &bool) -> bool {
    !value
}

/// The schema of the whole file, built once for a set of plugins and asked as often as one likes.
#[derive(Clone, Debug)]
pub struct Schema(Value);

/// A place on the way down.
struct Place {
    node: Map<String, Value>,
    path: KeyPath,
    hint_path: String,
}

/// What may stand one step below a node.
struct Child {
    /// A name, or `*` for any key and any item.
    key: String,
    below: Below,
    required: bool,
    /// Where its schema is, when it is not in place.
    reference: Option<String>,
    node: Map<String, Value>,
}

/// How a child is reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Below {
    Name,
    AnyKey,
    AnyItem,
}

impl Place {
    fn below(&self, child: &Child) -> Self {
        let (path, name) = match child.below {
            Below::AnyItem => (self.path.index(0), "[]".to_owned()),
            Below::Name | Below::AnyKey if self.hint_path.is_empty() => {
                (self.path.key(&child.key), child.key.clone())
            }
            Below::Name | Below::AnyKey => (self.path.key(&child.key), format!(".{}", child.key)),
        };
        Self { node: child.node.clone(), path, hint_path: format!("{}{name}", self.hint_path) }
    }

    /// The hint with its path, when there is anything to say.
    fn hint(&self) -> (Option<Hint>, Option<String>) {
        let text = |keyword: &str| self.node.get(keyword).and_then(Value::as_str).map(str::to_owned);
        let hint = Hint {
            label: text("title"),
            help: text("description"),
            sensitive: self.node.get("writeOnly") == Some(&Value::Bool(true)),
            advanced: is_unused(&self.path),
        };
        let silent = hint.label.is_none() && hint.help.is_none() && !hint.sensitive;
        if silent { (None, None) } else { (Some(hint), Some(self.hint_path.clone())) }
    }
}

impl Schema {
    /// Builds it, which takes a while.
    #[must_use]
    pub fn of(schemas: &ChannelSchemas) -> Self {
        Self(json_schema(schemas))
    }

    /// As JSON Schema.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.0
    }

    /// All that is known for people, by dotted path, with `*` for any key and `[]` for any item.
    #[must_use]
    pub fn hints(&self) -> Map<String, Value> {
        let mut hints = Map::new();
        self.collect(&self.root(), &mut Vec::new(), &mut hints);
        hints
    }

    /// What may stand at `path`; `None` when there is no such place. A key `*` is any key or item.
    #[must_use]
    pub fn lookup(&self, path: &KeyPath) -> Option<Lookup> {
        let place = path.steps().iter().try_fold(self.root(), |place, step| self.step(&place, step))?;
        let mut schema: Map<String, Value> = place
            .node
            .iter()
            .filter(|(keyword, _)| SHOWN.contains(&keyword.as_str()))
            .map(|(keyword, value)| (keyword.clone(), value.clone()))
            .collect();
        schema.extend(self.kind(&place.node).map(|kind| ("type".to_owned(), kind)));
        if let Some(Value::Bool(additional)) = place.node.get("additionalProperties") {
            schema.insert("additionalProperties".to_owned(), json!(additional));
        }
        let (hint, hint_path) = place.hint();
        let children = self.children(&place.node);
        let children = children.into_iter().map(|child| self.told(&place, path, child)).collect();
        Some(Lookup { path: path.to_string(), schema: Value::Object(schema), hint, hint_path, children })
    }

    fn root(&self) -> Place {
        Place { node: self.resolve(&self.0), path: KeyPath::root(), hint_path: String::new() }
    }

    /// The node with what it refers to; its own keywords win.
    fn resolve(&self, schema: &Value) -> Map<String, Value> {
        let mut node = schema.as_object().cloned().unwrap_or_default();
        for _ in 0..MOST_REFERENCES {
            let Some(Value::String(target)) = node.shift_remove("$ref") else { break };
            let found = target.strip_prefix('#').and_then(|pointer| self.0.pointer(pointer));
            let mut merged = found.and_then(Value::as_object).cloned().unwrap_or_default();
            merged.extend(node);
            node = merged;
        }
        node
    }

    fn step(&self, place: &Place, step: &Step) -> Option<Place> {
        if self.kind(&place.node).is_none() {
            // Anything may stand here, and so below.
            return Some(place.below(&self.child("*", Below::AnyKey, false, &Value::Bool(true))));
        }
        let children = self.children(&place.node);
        let fits = |child: &&Child, below: Below| {
            child.below == below
                && match (below, step) {
                    (Below::Name, Step::Key(key)) => *key == child.key,
                    (Below::AnyKey, Step::Key(_)) => true,
                    (Below::AnyItem, step) => step.as_index().is_some() || *step == Step::Key("*".to_owned()),
                    (Below::Name | Below::AnyKey, Step::Index(_)) => false,
                }
        };
        [Below::Name, Below::AnyKey, Below::AnyItem]
            .into_iter()
            .find_map(|below| children.iter().find(|child| fits(child, below)))
            .map(|child| place.below(child))
    }

    /// What may stand one step below, over all alternatives.
    fn children(&self, node: &Map<String, Value>) -> Vec<Child> {
        let mut children: Vec<Child> = Vec::new();
        let required = |key: &str| {
            let listed = node.get("required").and_then(Value::as_array);
            listed.is_some_and(|names| names.iter().any(|name| name == key))
        };
        for (key, schema) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
            children.push(self.child(key, Below::Name, required(key), schema));
        }
        if let Some(schema @ (Value::Object(_) | Value::Bool(true))) = node.get("additionalProperties") {
            children.push(self.child("*", Below::AnyKey, false, schema));
        }
        if let Some(schema) = node.get("items") {
            children.push(self.child("*", Below::AnyItem, false, schema));
        }
        for branch in branches(node) {
            for child in self.children(&self.resolve(branch)) {
                let same = |other: &Child| (other.below, &other.key) == (child.below, &child.key);
                if !children.iter().any(same) {
                    children.push(child);
                }
            }
        }
        children
    }

    fn child(&self, key: &str, below: Below, required: bool, schema: &Value) -> Child {
        let reference = schema.get("$ref").and_then(Value::as_str).map(str::to_owned);
        Child { key: key.to_owned(), below, required, reference, node: self.resolve(schema) }
    }

    fn told(&self, place: &Place, path: &KeyPath, child: Child) -> LookupChild {
        let below = place.below(&child);
        let (hint, hint_path) = below.hint();
        LookupChild {
            path: if path.steps().is_empty() { child.key.clone() } else { format!("{path}.{}", child.key) },
            kind: self.kind(&below.node),
            required: child.required,
            has_children: !self.children(&below.node).is_empty(),
            key: child.key,
            hint,
            hint_path,
        }
    }

    /// The JSON type, or all that the alternatives have.
    fn kind(&self, node: &Map<String, Value>) -> Option<Value> {
        if let Some(kind) = node.get("type") {
            return Some(kind.clone());
        }
        let mut kinds: Vec<Value> = Vec::new();
        let values = node
            .get("const")
            .into_iter()
            .chain(node.get("enum").and_then(Value::as_array).into_iter().flatten());
        let of_branches = branches(node).filter_map(|branch| self.kind(&self.resolve(branch)));
        for kind in values.map(|value| json!(type_of(value))).chain(of_branches) {
            let more = match kind {
                Value::Array(kinds) => kinds,
                kind => vec![kind],
            };
            for kind in more {
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
        }
        match kinds.len() {
            0 | 1 => kinds.pop(),
            _ => Some(Value::Array(kinds)),
        }
    }

    /// Hints of the place and of everything below. `open` has the references that are being followed: a schema may
    /// contain itself.
    fn collect(&self, place: &Place, open: &mut Vec<String>, hints: &mut Map<String, Value>) {
        if let (Some(hint), Some(path)) = place.hint()
            && !path.is_empty()
        {
            hints.insert(path, json!(hint));
        }
        for child in self.children(&place.node) {
            match child.reference.clone() {
                Some(reference) if open.contains(&reference) => {}
                Some(reference) => {
                    open.push(reference);
                    self.collect(&place.below(&child), open, hints);
                    open.pop();
                }
                None => self.collect(&place.below(&child), open, hints),
            }
        }
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn branches(node: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    BRANCHES.iter().filter_map(|keyword| node.get(*keyword)).filter_map(Value::as_array).flatten()
}
