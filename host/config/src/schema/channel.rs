//! A channel's own schema as a part of the whole one. The plugin describes one account; the file has the channel's keys
//! and, below `accounts`, those of each account, which are laid over them.

use serde_json::{Map, Value, json};

use crate::basis::ChannelSchema;

/// Keywords about the schema as a document of its own, which it is no longer.
const DOCUMENT: &[&str] = &["$schema", "$id"];
/// Keywords that ask for keys. An account may have them from its channel.
const DEMANDS: &[&str] = &["required", "dependentRequired", "dependentSchemas", "if", "then", "else"];
/// Where a schema keeps its definitions.
const DEFINITIONS: &[&str] = &["$defs", "definitions"];

/// What one channel adds to the whole schema.
pub(super) struct Sections {
    /// The definition's name below `$defs`.
    pub(super) name: String,
    /// `channels.<id>.accounts.<account>`, with the channel's definitions inside.
    pub(super) account: Value,
    /// `channels.<id>`
    pub(super) section: Value,
}

pub(super) fn sections(id: &str, channel: &ChannelSchema) -> Sections {
    // No other definition has a dot, and ids are unique.
    let name = format!("channel.{id}");
    let place = format!("#/$defs/{name}");
    let mut own = match rebased(&channel.schema, &place) {
        Value::Object(own) => own,
        _ => Map::new(),
    };
    own.retain(|keyword, _| !DOCUMENT.contains(&keyword.as_str()));
    own.insert("type".to_owned(), json!("object"));
    let demands: Map<String, Value> =
        DEMANDS.iter().filter_map(|keyword| own.shift_remove_entry(*keyword)).collect();

    let mut properties = match own.shift_remove("properties") {
        Some(Value::Object(properties)) => properties,
        _ => Map::new(),
    };
    for secret in &channel.secrets {
        match properties.get_mut(secret) {
            Some(Value::Object(schema)) => drop(schema.insert("writeOnly".to_owned(), json!(true))),
            Some(any) => *any = json!({"writeOnly": true}),
            None => {}
        }
    }
    properties.insert("enabled".to_owned(), json!({"type": "boolean", "description": "false turns it off."}));
    properties.insert("name".to_owned(), json!({"type": "string", "description": "A name for people."}));

    let mut account = own.clone();
    account.insert("properties".to_owned(), Value::Object(properties.clone()));

    properties.insert(
        "defaultAccount".to_owned(),
        json!({"type": "string", "description": "The account that is meant where none is named."}),
    );
    properties.insert(
        "accounts".to_owned(),
        json!({
            "type": "object",
            "description": "By account: keys that are laid over those of the channel.",
            "additionalProperties": {"$ref": place}
        }),
    );
    let mut section = own;
    section.retain(|keyword, _| !DEFINITIONS.contains(&keyword.as_str()));
    section.insert("properties".to_owned(), Value::Object(properties));
    if !demands.is_empty() {
        let by_accounts = json!({"required": ["accounts"], "properties": {"accounts": {"minProperties": 1}}});
        let either = json!({"anyOf": [demands, by_accounts]});
        match section.get_mut("allOf") {
            Some(Value::Array(all)) => all.push(either),
            _ => drop(section.insert("allOf".to_owned(), json!([either]))),
        }
    }
    Sections { name, account: Value::Object(account), section: Value::Object(section) }
}

/// The schema with its references leading to where its definitions are now.
fn rebased(schema: &Value, place: &str) -> Value {
    match schema {
        Value::Object(map) => {
            let pairs = map.iter().map(|(keyword, value)| {
                let inner = match value {
                    Value::String(target) if keyword == "$ref" => match target.strip_prefix('#') {
                        Some(pointer) => Value::from(format!("{place}{pointer}")),
                        None => value.clone(),
                    },
                    value => rebased(value, place),
                };
                (keyword.clone(), inner)
            });
            Value::Object(pairs.collect())
        }
        Value::Array(items) => items.iter().map(|item| rebased(item, place)).collect(),
        other => other.clone(),
    }
}
