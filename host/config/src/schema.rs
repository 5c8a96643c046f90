//! JSON Schema 2020-12 for the whole file, made from the known keys and the channels' own schemas, for editors and for
//! clients that draw forms. It never judges: [`crate::validate()`] does, which also puts variables in and lays accounts
//! over their channel. What it accepts, this schema accepts, except for text that is only right once `${VAR}` is replaced.

mod channel;
mod lookup;

use serde_json::{Map, Value, json};

pub use lookup::{Hint, Lookup, LookupChild, Schema};

use crate::basis::ChannelSchemas;
use crate::check::misplaced;
use crate::sections::ROOT;
use crate::shape::{Field, Shape};

/// What the description of a key says that does nothing here.
const NOT_USED: &str = "Accepted, not used by this gateway.";
/// The definition of a secret.
const SECRET: &str = "#/$defs/secret";

/// The schema of the whole file.
#[must_use]
pub(crate) fn json_schema(schemas: &ChannelSchemas) -> Value {
    let mut root = Map::new();
    root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".to_owned(), json!("openclaw.json"));
    root.insert("description".to_owned(), json!("The configuration of an OpenClaw gateway."));
    root.extend(of(&ROOT, true));
    let mut definitions = Map::new();
    definitions.insert("secret".to_owned(), secret());
    for (id, schema) in schemas {
        let found = channel::sections(id, schema);
        definitions.insert(found.name, found.account);
        insert(&mut root, &["properties", "channels", "properties", id], found.section);
        if ROOT.field(id).is_none() {
            let advice = json!({"description": misplaced(id), "deprecated": true});
            insert(&mut root, &["properties", id], advice);
        }
    }
    root.insert("$defs".to_owned(), Value::Object(definitions));
    Value::Object(root)
}

/// Puts a value into nested objects, which must be there.
fn insert(object: &mut Map<String, Value>, keys: &[&str], value: Value) {
    let [first, rest @ ..] = keys else { return };
    if rest.is_empty() {
        object.insert((*first).to_owned(), value);
    } else if let Some(Value::Object(inner)) = object.get_mut(*first) {
        insert(inner, rest, value);
    }
}

fn secret() -> Value {
    json!({
        "writeOnly": true,
        "anyOf": [
            {"type": "string"},
            {
                "type": "object",
                "properties": {
                    "source": {"type": "string", "enum": ["env", "file", "exec", "store"]},
                    "provider": {"type": "string"},
                    "id": {"type": "string"}
                },
                "required": ["source", "id"]
            }
        ]
    })
}

/// The schema of a shape. `used` is false below a key that does nothing.
fn of(shape: &Shape, used: bool) -> Map<String, Value> {
    let schema = match shape {
        Shape::Any => json!({}),
        Shape::Null => json!({"type": "null"}),
        Shape::Text => json!({"type": "string"}),
        Shape::Secret => json!({"$ref": SECRET, "writeOnly": true}),
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Exactly(value) => json!({"const": value}),
        Shape::Word(words) => json!({"type": "string", "enum": words}),
        Shape::Int(least, most) => {
            let least = (*least > i64::MIN).then(|| json!(least));
            bounded("integer", least, (*most < i64::MAX).then(|| json!(most)))
        }
        Shape::Number(least, most) => {
            let finite = |bound: &f64| bound.is_finite().then(|| json!(bound));
            bounded("number", finite(least), finite(most))
        }
        Shape::Positive => json!({"type": "number", "exclusiveMinimum": 0}),
        Shape::List(inner) => json!({"type": "array", "items": of(inner, used)}),
        Shape::Map(inner) => json!({"type": "object", "additionalProperties": rest(inner, used)}),
        Shape::Object(fields) => object(fields, json!(false), used),
        Shape::Open(fields, inner) => object(fields, rest(inner, used), used),
        Shape::Tagged(_, variants) => {
            let variants = variants.iter().map(|fields| object(fields, json!(false), used));
            json!({"type": "object", "oneOf": variants.collect::<Vec<_>>()})
        }
        Shape::Either(shapes) => {
            json!({"anyOf": shapes.iter().map(|shape| of(shape, used)).collect::<Vec<_>>()})
        }
    };
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

fn rest(shape: &Shape, used: bool) -> Value {
    match shape {
        Shape::Any => json!(true),
        shape => Value::Object(of(shape, used)),
    }
}

fn bounded(kind: &str, least: Option<Value>, most: Option<Value>) -> Value {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!(kind));
    schema.extend(least.map(|least| ("minimum".to_owned(), least)));
    schema.extend(most.map(|most| ("maximum".to_owned(), most)));
    Value::Object(schema)
}

fn object(fields: &[Field], additional: Value, used: bool) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|field| (field.name.to_owned(), property(field, used))).collect();
    let required: Vec<&str> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema.insert("additionalProperties".to_owned(), additional);
    Value::Object(schema)
}

fn property(field: &Field, used: bool) -> Value {
    let mut schema = of(&field.shape, used && field.used);
    let about = field.legacy.or(field.about).or((used && !field.used).then_some(NOT_USED));
    schema.extend(about.map(|about| ("description".to_owned(), json!(about))));
    if field.legacy.is_some() {
        schema.insert("deprecated".to_owned(), json!(true));
    }
    Value::Object(schema)
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
