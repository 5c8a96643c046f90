//! Spoils a good configuration: first its structure, then its text. What it logs to stays where it is, so that no start
//! writes outside the home of the test.

use serde_json::{Map, Value, json};

use crate::Rng;

/// What must not be changed, in the text and in the structure.
const LOG_FILE: &str = "~/gateway.log";

/// Bytes that mean something to a parser, or that none expects.
const MARKS: &[&[u8]] = &[
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\\ud800",
    b"\xe2\x80\xa8",
    b"\"",
    b"'",
    b"//",
    b"/*",
    b"*/ ",
    b",",
    b",,",
    b"{",
    b"}",
    b"]",
    b":",
    b"\\",
    b"\r",
    b"\x0b",
];

/// One spoiled configuration, as bytes, with what was done to it.
#[must_use]
pub fn spoiled(rng: &mut Rng, documents: &[Value]) -> (Vec<u8>, Vec<String>) {
    let mut document = rng.pick(documents).clone();
    let mut done = Vec::new();
    for _ in 0..rng.below(3) {
        done.push(structure(rng, &mut document, documents));
    }
    let mut text = serde_json::to_string_pretty(&document).unwrap().into_bytes();
    let texts = if rng.one_in(3) { 1 + rng.below(2) } else { 0 };
    for _ in 0..texts {
        done.push(bytes(rng, &mut text));
    }
    if done.is_empty() {
        done.push(structure(rng, &mut document, documents));
        text = serde_json::to_string_pretty(&document).unwrap().into_bytes();
    }
    (text, done)
}

/// A step from a value to a part of it.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Index(usize),
}

/// All places below the root, in order.
fn places(value: &Value, here: &[Step], found: &mut Vec<Vec<Step>>) {
    let mut visit = |step: Step, value: &Value| {
        let path = [here, &[step]].concat();
        if value.as_str() != Some(LOG_FILE) {
            found.push(path.clone());
        }
        places(value, &path, found);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| visit(Step::Key(key.clone()), value)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, value)| visit(Step::Index(n), value));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn at<'v>(value: &'v mut Value, path: &[Step]) -> &'v mut Value {
    path.iter().fold(value, |value, step| match step {
        Step::Key(key) => &mut value[key],
        Step::Index(n) => &mut value[*n],
    })
}

fn shown(path: &[Step]) -> String {
    let step = |step: &Step| match step {
        Step::Key(key) => format!(".{key}"),
        Step::Index(n) => format!("[{n}]"),
    };
    path.iter().map(step).collect()
}

/// One change of the structure; says which.
fn structure(rng: &mut Rng, document: &mut Value, documents: &[Value]) -> String {
    let mut all = Vec::new();
    places(document, &[], &mut all);
    // Where the log goes is the test's, and without its section there is no such place.
    all.retain(|path| !matches!(path.as_slice(), [Step::Key(key)] if key == "logging"));
    if all.is_empty() {
        *document = value(rng);
        return "a new root".to_owned();
    }
    let path = rng.pick(&all).clone();
    let (last, parent) = path.split_last().unwrap();
    let name = shown(&path);
    match rng.below(9) {
        0 => {
            match (at(document, parent), last) {
                (Value::Object(map), Step::Key(key)) => drop(map.remove(key)),
                (Value::Array(items), Step::Index(n)) => drop(items.remove(*n)),
                _ => {}
            }
            format!("without {name}")
        }
        1 | 2 => {
            let new = value(rng);
            let said = new.to_string();
            *at(document, &path) = new;
            format!("{name} = {}", said.chars().take(60).collect::<String>())
        }
        3 | 4 => {
            let Step::Key(key) = last else { return "nothing".to_owned() };
            let new = typo(rng, key);
            rename(at(document, parent), key, &new);
            format!("{name} is called {new:?}")
        }
        5 => {
            let key = rng
                .pick(&[
                    "bogus",
                    "chanels",
                    "gatway",
                    "constructor",
                    "__proto__",
                    "$include",
                    "agent",
                    "routing",
                    "",
                    "a.b",
                    "auth",
                    "token",
                    "enabled",
                ])
                .to_owned();
            let new = value(rng);
            let said = new.to_string().chars().take(60).collect::<String>();
            if let Value::Object(map) = at(document, parent) {
                map.insert(key.to_owned(), new);
            }
            format!("{}.{key:?} = {said}", shown(parent))
        }
        6 => {
            let depth = *rng.pick(&[3, 60, 120, 127, 128, 129, 200]);
            let list = rng.one_in(2);
            let wrap = |inner| if list { json!([inner]) } else { json!({ "x": inner }) };
            *at(document, &path) = (0..depth).fold(json!(1), |inner, _| wrap(inner));
            format!("{name} is {depth} deep")
        }
        7 => {
            let other = rng.pick(documents);
            let mut from = Vec::new();
            places(other, &[], &mut from);
            let source = rng.pick(&from).clone();
            let mut other = other.clone();
            let taken = at(&mut other, &source).clone();
            if !taken.to_string().contains(LOG_FILE) {
                *at(document, &path) = taken;
            }
            format!("{name} is a copy of {}", shown(&source))
        }
        _ => {
            let (root, section) = rng
                .pick(&[
                    ("channels", "slack"),
                    ("channels", "chat"),
                    ("channels", "telegram"),
                    ("models", "providers"),
                    ("plugins", "entries"),
                    ("hooks", "gmail"),
                    ("agents", "entries"),
                    ("gateway", "auth"),
                ])
                .to_owned();
            let new = value(rng);
            let said = new.to_string().chars().take(60).collect::<String>();
            if let Value::Object(map) = document {
                let entry = map.entry(root).or_insert_with(|| json!({}));
                if let Value::Object(inner) = entry {
                    inner.insert(section.to_owned(), new);
                }
            }
            format!(".{root}.{section} = {said}")
        }
    }
}

/// Any value, of the kinds that programs stumble over.
fn value(rng: &mut Rng) -> Value {
    match rng.below(12) {
        0 => Value::Null,
        1 => json!(rng.one_in(2)),
        2 => rng.pick(&[json!(0), json!(-1), json!(1.5), json!(1e308), json!(-1e-308)]).clone(),
        3 => rng
            .pick(&[json!(u64::MAX), json!(i64::MIN), json!(65_536), json!(9_007_199_254_740_993_u64)])
            .clone(),
        4 => json!(rng.pick(&[
            "",
            " ",
            "true",
            "18789",
            "*",
            "local",
            "lan",
            "\u{0}",
            "\u{7f}\u{1b}[31m",
            "\u{202e}x",
            "🦀"
        ])),
        5 => json!(rng.pick(&["${HOME}", "${NOT_SET}", "$${HOME}", "${", "${lower}", "${A}${B}${C}", "~"])),
        6 => json!("x".repeat(*rng.pick(&[100, 10_000, 70_000]))),
        7 => json!([]),
        8 => json!({}),
        9 => json!([1, "two", null, { "three": 3 }]),
        10 => rng
            .pick(&[
                json!({ "source": "env", "provider": "default", "id": "SOME_KEY" }),
                json!({ "source": "file", "provider": "nobody", "id": "/a" }),
                json!({ "source": "env", "id": "lower case" }),
                json!({ "source": "nowhere" }),
                json!({ "$include": "missing.json5" }),
                json!({ "$include": ["openclaw.json", "../../etc/passwd"] }),
                json!("__OPENCLAW_REDACTED__"),
            ])
            .clone(),
        _ => Value::Object(
            (0..rng.below(4)).map(|n| (format!("key{n}"), json!(n))).collect::<Map<String, Value>>(),
        ),
    }
}

/// The key, nearly.
fn typo(rng: &mut Rng, key: &str) -> String {
    let mut letters: Vec<char> = key.chars().collect();
    if letters.is_empty() {
        return "x".to_owned();
    }
    let n = rng.below(letters.len());
    match rng.below(5) {
        0 => drop(letters.remove(n)),
        1 => letters.insert(n, letters[n]),
        2 => letters[n] = char::from(b'a' + u8::try_from(rng.below(26)).unwrap()),
        3 => letters[n] = letters[n].to_ascii_uppercase(),
        _ => {
            let other = rng.below(letters.len());
            letters.swap(n, other);
        }
    }
    letters.into_iter().collect()
}

fn rename(parent: &mut Value, from: &str, to: &str) {
    if let Value::Object(map) = parent {
        let entries = std::mem::take(map).into_iter();
        *map = entries
            .map(|(key, value)| if key == from { (to.to_owned(), value) } else { (key, value) })
            .collect();
    }
}

/// One change of the text; says which.
fn bytes(rng: &mut Rng, text: &mut Vec<u8>) -> String {
    let spared =
        find(text, LOG_FILE.as_bytes()).map_or(0..0, |n| n.saturating_sub(1)..n + LOG_FILE.len() + 1);
    let mut n = rng.below(text.len() + 1);
    if spared.contains(&n) {
        n = spared.end;
    }
    let until = (n + rng.below(40)).min(if n < spared.start { spared.start } else { text.len() });
    match rng.below(10) {
        0 => {
            text.truncate(n);
            format!("cut off at {n}")
        }
        1 if n < text.len() => {
            text[n] ^= 1 << rng.below(8);
            format!("a flipped bit at {n}")
        }
        2 => {
            let byte = u8::try_from(rng.below(256)).unwrap();
            insert(text, n, &[byte]);
            format!("the byte {byte} at {n}")
        }
        3 => {
            text.drain(n..until);
            format!("without {n}..{until}")
        }
        4 => {
            let lines: Vec<Vec<u8>> =
                text.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
            let line = rng.below(lines.len());
            let twice = lines.iter().enumerate();
            *text = twice.flat_map(|(n, words)| words.repeat(if n == line { 2 } else { 1 })).collect();
            format!("line {line} twice")
        }
        5 => {
            let what = *rng.pick(MARKS);
            insert(text, n, what);
            format!("{:?} at {n}", String::from_utf8_lossy(what))
        }
        6 => {
            let number = rng.pick(&[
                "1e400",
                "-1e400",
                "NaN",
                "Infinity",
                "-Infinity",
                "0x1F",
                "007",
                "+5",
                ".5",
                "5.",
                "1_000",
                "--1",
                "99999999999999999999999999999999999999",
            ]);
            match text.iter().position(u8::is_ascii_digit).filter(|n| !spared.contains(n)) {
                Some(from) => {
                    let length = text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                    text.splice(from..from + length, number.bytes());
                }
                None => insert(text, n, number.as_bytes()),
            }
            format!("the number {number}")
        }
        7 => {
            let depth = *rng.pick(&[100, 200, 5_000, 100_000]);
            insert(text, n, &b"[".repeat(depth));
            format!("{depth} brackets at {n}")
        }
        8 => {
            // A harmless one: comments and quotes as people write them.
            let with_comments = String::from_utf8_lossy(text).replace(",\n", ", // so\n");
            *text = with_comments.into_bytes();
            "comments".to_owned()
        }
        _ => {
            text.splice(0..0, b"/* first */ \n".iter().copied());
            text.extend_from_slice(b"\n// last");
            "comments around it".to_owned()
        }
    }
}

fn insert(text: &mut Vec<u8>, at: usize, what: &[u8]) {
    text.splice(at..at, what.iter().copied());
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
