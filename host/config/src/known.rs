//! What may stand at a place, by the table of known keys and the channels' schemas together.

use serde_json::Value;

use crate::basis::ChannelSchemas;
use crate::path::{KeyPath, Step};
use crate::sections::ROOT;
use crate::shape::Shape;

/// Whether a bare word on the command line means text there, even if it could be read as a number.
pub(crate) fn wants_text(path: &KeyPath, schemas: &ChannelSchemas) -> bool {
    match channel_schema(path, schemas) {
        Some(schema) => schema.get("type").and_then(Value::as_str) == Some("string"),
        None => ROOT.at(path).is_some_and(Shape::wants_text),
    }
}

/// Whether a value may stand at `path`.
pub(crate) fn is_known(path: &KeyPath, schemas: &ChannelSchemas) -> bool {
    match path.keys().as_slice() {
        ["channels", id, _, ..] if schemas.contains_key(*id) => channel_schema(path, schemas).is_some(),
        _ => ROOT.at(path).is_some(),
    }
}

/// The part of a channel's schema for a place in its section, as far as `properties`, `additionalProperties` and
/// `items` lead there.
fn channel_schema<'s>(path: &KeyPath, schemas: &'s ChannelSchemas) -> Option<&'s Value> {
    let steps = path.steps();
    let (Some(Step::Key(root)), Some(Step::Key(id))) = (steps.first(), steps.get(1)) else { return None };
    if root != "channels" {
        return None;
    }
    let mut at = schemas.get(id)?.schema.as_ref();
    let mut rest = steps.get(2..)?;
    if let [Step::Key(accounts), Step::Key(_), inner @ ..] = rest
        && accounts == "accounts"
    {
        rest = inner;
    }
    for step in rest {
        let keyword = match step {
            Step::Index(_) => at.get("items"),
            Step::Key(key) => at.get("properties").and_then(|properties| properties.get(key)),
        };
        at = keyword
            .or_else(|| at.get("additionalProperties"))
            .filter(|schema| **schema != Value::Bool(false))?;
    }
    Some(at)
}
