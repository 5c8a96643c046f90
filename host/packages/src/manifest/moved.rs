//! `[[config.moved]]`: the older spellings of a plugin's keys, as data. Owns what a move may look like; whoever reads the
//! configuration moves the values, before a schema judges them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::manifest::{Fault, fault};

/// The most moves of one manifest.
const MOST_MOVES: usize = 64;

/// One older spelling. Moves are made in the order of the manifest, on the section of each account and on the channel's
/// own:
///
/// - where `to` is set already, it wins and the old value is dropped;
/// - an object that becomes empty because its last key moved goes too;
/// - where a parent of `to` is something other than an object, nothing moves and the schema says what is wrong.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Moved {
    /// Where the value used to stand, as a JSON pointer into the section. A segment `*` stands for every key there.
    pub from: String,
    /// Where it stands now. It has as many `*` as `from`, and they stand for the same keys in the same order. It may lie
    /// below `from`: the old value is taken out first.
    pub to: String,
    /// Only a value of this type is an old one.
    pub when: Option<ValueType>,
    /// What old values are called now: by the string itself, or by the JSON of a boolean or a number. An old value that
    /// is not listed stays where it is. Empty: values keep their names.
    #[serde(default)]
    pub values: BTreeMap<String, Value>,
}

/// The type of a value in the configuration.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum ValueType {
    /// Text.
    String,
    /// `true` or `false`.
    Boolean,
    /// Any number.
    Number,
    /// A list.
    Array,
    /// An object.
    Object,
}

impl ValueType {
    /// The word in the manifest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

/// The first move that cannot work.
pub(crate) fn first_fault(moves: &[Moved]) -> Option<Fault> {
    if moves.len() > MOST_MOVES {
        let problem = format!("there are {}, and at most {MOST_MOVES} may be", moves.len());
        return fault("config.moved", problem, "leave out the oldest");
    }
    moves.iter().enumerate().find_map(|(n, moved)| {
        let key = |field: &str| format!("config.moved[{n}].{field}");
        for (field, pointer) in [("from", &moved.from), ("to", &moved.to)] {
            if !is_pointer(pointer) {
                let problem = format!("\"{pointer}\" is not a JSON pointer");
                return fault(key(field), problem, "write /key or /key/*/inner, with ~1 for / and ~0 for ~");
            }
        }
        // A value cannot take the place of what it stands in.
        if moved.from == moved.to || moved.from.starts_with(&format!("{}/", moved.to)) {
            let problem = format!("\"{}\" is where the old value stands", moved.to);
            return fault(key("to"), problem, "name the new place");
        }
        if wildcards(&moved.from) != wildcards(&moved.to) {
            let problem = "has another number of * than from".to_owned();
            return fault(key("to"), problem, "repeat the * of from in the same order");
        }
        if !moved.values.is_empty() && matches!(moved.when, Some(ValueType::Array | ValueType::Object)) {
            let problem = "lists and objects have no names".to_owned();
            return fault(key("values"), problem, "leave it out, or choose another type");
        }
        None
    })
}

fn is_pointer(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('/') else { return false };
    let escaped = |segment: &str| segment.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    rest.split('/').all(|segment| !segment.is_empty() && escaped(segment))
}

fn wildcards(pointer: &str) -> usize {
    pointer.split('/').filter(|segment| *segment == "*").count()
}
