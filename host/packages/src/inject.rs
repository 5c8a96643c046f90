//! Puts a secret into a text frame at the place that the manifest names. The place is found by walking the keys of the JSON
//! document; nothing is ever searched for, and every byte outside the place stays as the component wrote it.
//!
//! Invariant: a frame in which an object on the way has the same key twice is refused, because the vendor might read the other
//! one.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use openclaw_secrets::Secret;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::manifest::Inject;
use crate::pointer::Pointer;

/// One rule with the value of one account in it.
#[derive(Clone)]
pub(crate) struct Injection {
    pub(crate) rule: Inject,
    /// The secret as a JSON string.
    literal: Secret,
}

impl Injection {
    pub(crate) fn new(rule: &Inject, secret: &Secret) -> Self {
        Self { rule: rule.clone(), literal: Secret::from(Value::from(secret.expose()).to_string()) }
    }
}

/// A text frame as it goes out. Holds secrets: hand it to the socket and to nobody else.
#[derive(Clone, PartialEq, Eq)]
pub struct OutboundFrame<'t>(Cow<'t, str>);

impl<'t> OutboundFrame<'t> {
    /// The text for the socket.
    #[must_use]
    pub fn into_text(self) -> Cow<'t, str> {
        self.0
    }

    /// Whether a secret was put in.
    #[must_use]
    pub fn holds_secret(&self) -> bool {
        matches!(self.0, Cow::Owned(_))
    }
}

impl fmt::Debug for OutboundFrame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OutboundFrame(***)")
    }
}

/// Why a frame may not leave. Nothing in it comes from a secret.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum FrameRefused {
    /// Which of two values the vendor reads is not known.
    #[error("the frame has the key \"{key}\" twice in one object on the way to {pointer}")]
    Ambiguous {
        /// The key.
        key: String,
        /// Where the manifest's rule leads.
        pointer: String,
    },
    /// The rule applies, and the object that should hold the secret is not there.
    #[error("the frame has no object to hold {pointer}, which the manifest sets when {when} matches")]
    NoPlace {
        /// Where the secret belongs.
        pointer: String,
        /// What the rule looks at.
        when: String,
    },
}

/// Applies the rules in their order.
pub(crate) fn inject<'t>(text: &'t str, rules: &[Injection]) -> Result<OutboundFrame<'t>, FrameRefused> {
    let mut frame = Cow::Borrowed(text);
    for injection in rules {
        let changed = apply(&frame, injection)?;
        if let Some(changed) = changed {
            frame = Cow::Owned(changed);
        }
    }
    Ok(OutboundFrame(frame))
}

/// `None` when the rule does not apply: the frame is not JSON, or has another value at `when`.
fn apply(text: &str, Injection { rule, literal }: &Injection) -> Result<Option<String>, FrameRefused> {
    let Some(found) = value_at(text, &rule.when)? else { return Ok(None) };
    let Ok(found) = serde_json::from_str::<Value>(found) else { return Ok(None) };
    if !same(&found, &rule.equals) {
        return Ok(None);
    }
    let (key, parents) = match rule.set.keys().split_last() {
        Some((key, parents)) => (key, parents),
        None => return Ok(None),
    };
    let no_place = || FrameRefused::NoPlace { pointer: rule.set.to_string(), when: rule.when.to_string() };
    let parent = descend(text, parents, &rule.set)?.ok_or_else(no_place)?;
    let object = object_at(text.get(parent.clone()).unwrap_or_default()).ok_or_else(no_place)?;
    let place = match object.only(key, &rule.set)? {
        Some(value) => offset_range(text, value),
        // Added as the first: whether a comma follows is known.
        None => {
            let start = parent.start + 1;
            let comma = if object.entries.is_empty() { "" } else { "," };
            let name = Value::from(key.as_str());
            let entry = format!("{name}:{}{comma}", literal.expose());
            return Ok(spliced(text, start..start, &entry));
        }
    };
    Ok(spliced(text, place, literal.expose()))
}

/// Equal as JSON; `2` and `2.0` are one number for many vendors, so that they are one here.
fn same(found: &Value, wanted: &Value) -> bool {
    match (found.as_f64(), wanted.as_f64()) {
        (Some(found), Some(wanted)) => found.total_cmp(&wanted).is_eq(),
        _ => found == wanted,
    }
}

fn spliced(text: &str, place: Range<usize>, new: &str) -> Option<String> {
    let (before, after) = (text.get(..place.start)?, text.get(place.end..)?);
    Some([before, new, after].concat())
}

fn value_at<'t>(text: &'t str, pointer: &Pointer) -> Result<Option<&'t str>, FrameRefused> {
    Ok(descend(text, pointer.keys(), pointer)?.and_then(|range| text.get(range)))
}

/// The place of the value at the end of `keys`. `None` when there is none, or something on the way is no object.
fn descend(text: &str, keys: &[String], pointer: &Pointer) -> Result<Option<Range<usize>>, FrameRefused> {
    let Ok(whole) = serde_json::from_str::<&RawValue>(text) else { return Ok(None) };
    let mut current = whole.get();
    for key in keys {
        let Some(object) = object_at(current) else { return Ok(None) };
        let Some(value) = object.only(key, pointer)? else { return Ok(None) };
        current = value;
    }
    Ok(Some(offset_range(text, current)))
}

/// Where `part`, a part of `text`, stands in it.
fn offset_range(text: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    start..start + part.len()
}

/// The entries of one object, in their order, with their values as they are written.
struct Object<'t> {
    entries: Vec<(Cow<'t, str>, &'t RawValue)>,
}

fn object_at(text: &str) -> Option<Object<'_>> {
    serde_json::from_str(text).ok()
}

impl<'t> Object<'t> {
    fn only(&self, key: &str, pointer: &Pointer) -> Result<Option<&'t str>, FrameRefused> {
        let mut values = self.entries.iter().filter(|(name, _)| name == key).map(|(_, value)| value.get());
        let first = values.next();
        if values.next().is_some() {
            return Err(FrameRefused::Ambiguous { key: key.to_owned(), pointer: pointer.to_string() });
        }
        Ok(first)
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some((Key(name), value)) = map.next_entry::<Key<'de>, &RawValue>()? {
                    entries.push((name, value));
                }
                Ok(Object { entries })
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// A key: borrowed where it is written without escapes.
#[derive(Deserialize)]
struct Key<'t>(#[serde(borrow)] Cow<'t, str>);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const SECRET: &str = "s3cr\"et\\\u{1}é";

    fn rules() -> Vec<Injection> {
        let rule = |equals: Value| {
            let pointer = |text: &str| Pointer::try_from(text.to_owned()).unwrap();
            Inject { when: pointer("/op"), equals, set: pointer("/d/token"), secret: "t".to_owned() }
        };
        [json!(2), json!("login")].map(|equals| Injection::new(&rule(equals), &Secret::from(SECRET))).to_vec()
    }

    fn out(text: &str) -> String {
        inject(text, &rules()).unwrap().into_text().into_owned()
    }

    #[test]
    fn sets_the_value_at_its_place_and_nothing_else() {
        let literal = Value::from(SECRET).to_string();
        let check = |text: &str, expected: &str| {
            assert_eq!(out(text), expected.replace("SECRET", &literal), "{text}")
        };
        check(
            r#" { "op" : 2 , "d":{"token":"" , "n": 1e400, "x":"\u00e9"} } "#,
            r#" { "op" : 2 , "d":{"token":SECRET , "n": 1e400, "x":"\u00e9"} } "#,
        );
        check(r#"{"d":{"token":{"a":[1,2]}},"op":2}"#, r#"{"d":{"token":SECRET},"op":2}"#);
        check(r#"{"d":{ "a":1},"op":2.0}"#, r#"{"d":{"token":SECRET, "a":1},"op":2.0}"#);
        check(r#"{"d":{ },"op":"login"}"#, r#"{"d":{"token":SECRET },"op":"login"}"#);
        check(r#"{"o\u0070":2,"d":{"tok\u0065n":0}}"#, r#"{"o\u0070":2,"d":{"tok\u0065n":SECRET}}"#);
        let frame = inject(r#"{"op":2,"d":{}}"#, &rules()).unwrap();
        assert!(frame.holds_secret() && format!("{frame:?}") == "OutboundFrame(***)");
    }

    #[test]
    fn what_the_rule_does_not_match_travels_as_it_is() {
        for text in [
            "",
            "hello",
            "{",
            "null",
            "[2]",
            r#"{"op":3,"d":{"token":"{t}"}}"#,
            r#"{"op":"2","d":{}}"#,
            r#"{"d":{"op":2}}"#,
            r#"{"op":[2],"d":{}}"#,
            r#"{"op":2,"d":{}} x"#,
            r#"{"token":"{{secret:t}}","op":1}"#,
            r#"{"Op":2,"d":{}}"#,
        ] {
            let frame = inject(text, &rules()).unwrap();
            assert!(!frame.holds_secret(), "{text}");
            assert_eq!(frame.into_text(), text);
        }
        let text = r#"{"x":"{t} {{secret:t}} token","op":2,"d":{"token":1}}"#;
        assert!(out(text).starts_with(r#"{"x":"{t} {{secret:t}} token","op":2,"d":{"token":"s3cr"#));
    }

    #[test]
    fn a_key_that_stands_twice_on_the_way_is_refused() {
        for text in [
            r#"{"op":1,"op":2,"d":{}}"#,
            r#"{"op":2,"\u006fp":1,"d":{}}"#,
            r#"{"op":2,"d":{},"d":{"token":1}}"#,
            r#"{"op":2,"d":{"token":1,"t\u006fken":2}}"#,
        ] {
            assert!(matches!(inject(text, &rules()), Err(FrameRefused::Ambiguous { .. })), "{text}");
        }
        // Twice beside the way harms nobody.
        assert!(out(r#"{"op":2,"d":{"a":1,"a":2},"x":1,"x":2}"#).contains("s3cr"));
        for text in [r#"{"op":2}"#, r#"{"op":2,"d":[]}"#, r#"{"op":2,"d":"{}"}"#, r#"{"op":2,"d":null}"#] {
            assert!(matches!(inject(text, &rules()), Err(FrameRefused::NoPlace { .. })), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

        /// Whatever the component writes, a changed frame is the old one with one value replaced.
        #[test]
        fn the_rest_of_the_document_is_kept(extra in "\\PC{0,12}", text in "\\PC{0,40}", deep in 0usize..4) {
            let mut inner = json!({ "token": text, extra.clone(): text });
            for _ in 0..deep {
                inner = json!({ "token": inner, "op": 2 });
            }
            let document = json!({ "d": inner, "op": 2, "z": extra });
            let mut expected = document.clone();
            expected["d"]["token"] = json!(SECRET);
            prop_assert_eq!(serde_json::from_str::<Value>(&out(&document.to_string())).unwrap(), expected);
            let _arbitrary = inject(&text, &rules());
        }
    }
}
