//! What holds for every edit of every text.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::json;

use super::tests::{remove, set};
use super::*;
use crate::json5::Kind;
use crate::print::is_bare_key;

/// Decisions about handwriting, drawn from random bytes.
struct Pen<'b> {
    bytes: std::iter::Cycle<std::slice::Iter<'b, u8>>,
    comments: usize,
}

impl Pen<'_> {
    fn pick(&mut self, choices: u8) -> u8 {
        self.bytes.next().unwrap() % choices
    }

    /// Blanks and comments. Each comment is numbered, so that each can be missed.
    fn gap(&mut self) -> String {
        let n = self.comments;
        let gap = match self.pick(20) {
            0..6 => "",
            6..10 => " ",
            10 => "\t",
            11 => "\n",
            12 => "\r\n  ",
            13 => "\u{a0}\u{feff}",
            14 => "\r",
            15 => &format!("/*#{n}, }} ] \"*/"),
            16 => &format!(" // #{n}: {{ [ ,\n\t"),
            17 => &format!("//#{n}:\u{85} '\r\n"),
            18 => &format!("//#{n}:\u{2028}"),
            _ => &format!("\n    /*#{n}, \n // */ "),
        };
        self.comments += usize::from(gap.contains('#'));
        gap.to_owned()
    }

    fn text(&mut self, text: &str) -> String {
        match self.pick(3) {
            0 if !text.contains(['\'', '\\', '\n', '\r']) => format!("'{text}'"),
            1 => {
                let escaped = |c: char| {
                    if c.is_ascii_alphabetic() {
                        format!("\\x{:02x}", u32::from(c))
                    } else {
                        Value::from(c.to_string()).to_string().trim_matches('"').to_owned()
                    }
                };
                match text.contains('"') {
                    true => Value::from(text).to_string(),
                    false => format!("\"{}\"", text.chars().map(escaped).collect::<String>()),
                }
            }
            _ => Value::from(text).to_string(),
        }
    }

    fn list(&mut self, parts: Vec<String>, open: char, close: char) -> String {
        let mut text = format!("{open}{}", self.gap());
        let count = parts.len();
        for (n, part) in parts.into_iter().enumerate() {
            text += &part;
            text += &self.gap();
            if n + 1 < count || self.pick(2) == 0 {
                text.push(',');
                text += &self.gap();
            }
        }
        text.push(close);
        text
    }

    fn value(&mut self, value: &Value) -> String {
        match value {
            Value::Array(items) => {
                let parts = items.iter().map(|item| self.value(item)).collect();
                self.list(parts, '[', ']')
            }
            Value::Object(map) => {
                let parts = map.iter().map(|(key, value)| {
                    let key =
                        if self.pick(2) == 0 && is_bare_key(key) { key.clone() } else { self.text(key) };
                    format!("{key}{}:{}{}", self.gap(), self.gap(), self.value(value))
                });
                let parts = parts.collect();
                self.list(parts, '{', '}')
            }
            Value::String(text) => self.text(text),
            Value::Number(number) if number.as_u64().is_some() && self.pick(2) == 0 => {
                format!("0x{:X}", number.as_u64().unwrap())
            }
            scalar => scalar.to_string(),
        }
    }
}

/// The document in some handwriting.
fn write(value: &Value, bytes: &[u8]) -> String {
    let mut pen = Pen { bytes: bytes.iter().cycle(), comments: 0 };
    let mark = if pen.pick(4) == 0 { "\u{feff}" } else { "" };
    format!("{mark}{}{}{}", pen.gap(), pen.value(value), pen.gap())
}

fn keys() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-e]",
        1 => "[a-c' .\\-\"\n😀#]{0,3}",
        1 => Just("__proto__".to_owned()),
        1 => Just("0".to_owned()),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|n| json!(n)),
        "[a-z \"'\\\\/\n\r\u{2028}é😀]{0,8}".prop_map(Value::from),
    ];
    scalar.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((keys(), inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn documents() -> impl Strategy<Value = Value> {
    let members = prop::collection::vec((keys(), values()), 0..5);
    members.prop_map(|pairs| Value::Object(pairs.into_iter().collect()))
}

/// All places, and for each container one that is free. Both spellings of an index occur.
fn places(value: &Value, at: &KeyPath, into: &mut Vec<KeyPath>) {
    match value {
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                into.push(at.key(&n.to_string()));
                places(item, &at.index(n), into);
            }
            into.push(at.index(items.len()));
        }
        Value::Object(map) => {
            for (key, inner) in map {
                into.push(at.key(key));
                places(inner, &at.key(key), into);
            }
            into.push(at.key("new"));
            into.push(at.key("new key").index(0).key("deep"));
        }
        Value::Null => into.push(at.key("in null")),
        _ => {}
    }
}

fn comments(text: &str) -> Vec<&str> {
    text.split('#')
        .skip(1)
        .filter_map(|rest| rest.split_once([',', ':']))
        .map(|(n, _)| n)
        .filter(|n| n.parse::<u32>().is_ok())
        .collect()
}

/// `new` is `old` with one insertion, apart from blanks that gave way inside an empty container.
fn one_insertion(old: &str, new: &str) -> bool {
    let (a, b) = (old.as_bytes(), new.as_bytes());
    let prefix = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let suffix = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let gone = old.get(prefix..old.len() - suffix.min(old.len() - prefix));
    gone.is_none_or(|gone| gone.chars().all(|c| c.is_whitespace() || c == '\u{feff}'))
}

/// Like [`one_insertion`], where a comma may have come in before it.
fn insertion_and_comma(old: &str, new: &str) -> bool {
    let prefix = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
    let without_comma = new
        .get(..prefix)
        .zip(new.get(prefix..).and_then(|rest| rest.strip_prefix(',')))
        .map(|(before, after)| format!("{before}{after}"));
    one_insertion(old, new) || without_comma.is_some_and(|new| one_insertion(old, &new))
}

/// The place that `set` writes over: what stands at the path, or the `null` on the way there.
fn overwritten(root: &Node, path: &KeyPath) -> Option<Range<usize>> {
    let mut node = root;
    for step in path.steps() {
        match node.child(step) {
            Some(next) => node = next,
            None if matches!(node.kind, Kind::Null) => break,
            None => return None,
        }
    }
    Some(node.span.start..node.span.end)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, rng_seed: RngSeed::Fixed(3), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_edit_changes_one_thing(
        document in documents(),
        value in values(),
        hand in prop::collection::vec(any::<u8>(), 64..256),
        pick in any::<prop::sample::Index>(),
    ) {
        let text = write(&document, &hand);
        let root = json5::parse(&text).unwrap();
        prop_assert_eq!(&root.to_value(), &document, "{}", text);
        let mut all = Vec::new();
        places(&document, &KeyPath::root(), &mut all);
        let path = pick.get(&all);

        // What was set is found.
        let new = set(&text, path, &value).unwrap();
        let after = json5::parse(&new).unwrap().to_value();
        prop_assert_eq!(path.find(&after), Some(&value));
        prop_assert_eq!(&set(&new, path, &value).unwrap(), &new, "once more changes nothing");

        // What is outside stays.
        match overwritten(&root, path) {
            Some(range) => {
                let (before, behind) = (&text[..range.start], &text[range.end..]);
                prop_assert!(new.starts_with(before) && new.ends_with(behind), "{path} in {text:?} gave {new:?}");
            }
            None => {
                prop_assert!(insertion_and_comma(&text, &new), "{path} in {text:?} gave {new:?}");
                let kept: Vec<_> = comments(&new).into_iter().filter(|n| comments(&text).contains(n)).collect();
                prop_assert_eq!(kept, comments(&text));
            }
        }

        // What was added can be taken out again.
        let added = (1..=path.steps().len()).map(|n| KeyPath::from_steps(&path.steps()[..n]));
        if overwritten(&root, path).is_none() {
            let top = added.clone().find(|path| path.find(&document).is_none()).unwrap();
            let back = remove(&new, &top).unwrap().unwrap();
            prop_assert_eq!(json5::parse(&back).unwrap().to_value(), document.clone(), "{} gave {}", new, back);
            prop_assert_eq!(comments(&back), comments(&text));
        }

        // What is removed is gone, and nothing else is.
        if let Some(removed) = remove(&text, path).unwrap() {
            let mut expected = document.clone();
            take(&mut expected, path.steps());
            prop_assert_eq!(json5::parse(&removed).unwrap().to_value(), expected);
            let range = overwritten(&root, path).unwrap();
            let outside = |n: &&str| !comments(&text[range.clone()]).contains(n);
            // The comments between the key and the value go, too.
            let kept = comments(&removed).len();
            let most = comments(&text).into_iter().filter(outside).count();
            prop_assert!(kept <= most && kept + 2 >= most, "{path} in {text:?} gave {removed:?}");
        }
    }

    /// A whole new document in place of the old one, and the comments on what did not change.
    #[test]
    fn any_document_leads_to_any_other(
        old in documents(),
        new in documents(),
        hand in prop::collection::vec(any::<u8>(), 64..256),
    ) {
        let text = write(&old, &hand);
        let edits = between(&KeyPath::root(), &old, &new, |a, b| a == b);
        let changed = apply(&text, &edits).unwrap();
        prop_assert_eq!(json5::parse(&changed).unwrap().to_value(), new.clone(), "{:?}", edits);
        prop_assert_eq!(old == new, edits.is_empty());
        let stays = old.as_object().unwrap().iter().filter(|(key, value)| new.get(key) == Some(value));
        for (key, _) in stays {
            let (before, after) = (json5::parse(&text).unwrap(), json5::parse(&changed).unwrap());
            let shown = |text: &str, root: &Node| {
                let span = root.child(&Step::Key(key.clone())).unwrap().span;
                text[span.start..span.end].to_owned()
            };
            prop_assert_eq!(shown(&text, &before), shown(&changed, &after));
        }
    }
}
