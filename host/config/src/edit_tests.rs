use proptest::prelude::*;
use serde_json::json;

use super::*;

fn set_text(text: &str, path: &str, value: &Value) -> String {
    set(text, &path.parse().unwrap(), value).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn check_set(text: &str, path: &str, value: impl Into<Value>, expected: &str) {
    assert_eq!(set_text(text, path, &value.into()), expected, "set {path} in {text}");
}

fn check_remove(text: &str, path: &str, expected: &str) {
    let new = remove(text, &path.parse().unwrap()).unwrap();
    assert_eq!(new.as_deref(), Some(expected), "remove {path} from {text}");
}

const COMMENTED: &str = r#"// my gateway
{
  gateway: {
    port: 18789, // the usual
    'auth': { mode: "token" },
    /* more later */
  },
  channels: {}, // none
}
"#;

#[test]
fn replaces_only_the_value() {
    check_set(COMMENTED, "gateway.port", json!(19000), &COMMENTED.replace("18789", "19000"));
    check_set(COMMENTED, "gateway.auth.mode", json!("none"), &COMMENTED.replace("\"token\"", "\"none\""));
    check_set(COMMENTED, "gateway.port", json!(18789), COMMENTED);
}

#[test]
fn adds_in_the_style_of_the_neighbours() {
    check_set(
        COMMENTED,
        "gateway.bind",
        json!("lan"),
        &COMMENTED.replace("    /* more later */\n", "    /* more later */\n    'bind': \"lan\",\n"),
    );
    check_set(
        COMMENTED,
        "gateway.auth.token",
        json!("t"),
        &COMMENTED.replace("\"token\" }", "\"token\", token: \"t\" }"),
    );
    check_set(
        COMMENTED,
        "channels.chat.groups[0]",
        json!({"a b": 1}),
        &COMMENTED.replace(
            "channels: {},",
            "channels: {\n    chat: {\n      groups: [\n        {\n          \"a b\": 1\n        }\n      ]\n    }\n  },",
        ),
    );
    check_set(
        COMMENTED,
        "session.dmScope",
        json!("main"),
        &COMMENTED.replace("// none\n}", "// none\n  session: {\n    dmScope: \"main\"\n  },\n}"),
    );
}

#[test]
fn keeps_strict_json_strict() {
    check_set("{}", "a.b", json!(1), "{\n  \"a\": {\n    \"b\": 1\n  }\n}");
    check_set("{\"a\": 1}", "b", json!([1, 2]), "{\"a\": 1, \"b\": [1, 2]}");
    check_set(
        "{\n\t\"a\": 1\n}\n",
        "b.c",
        json!(true),
        "{\n\t\"a\": 1,\n\t\"b\": {\n\t\t\"c\": true\n\t}\n}\n",
    );
    check_set("{\r\n  \"a\": 1\r\n}", "b", json!(2), "{\r\n  \"a\": 1,\r\n  \"b\": 2\r\n}");
    check_set("{\n  \"a\": 1 // x\n}", "b", json!(2), "{\n  \"a\": 1, // x\n  \"b\": 2\n}");
    check_set("{ // nothing\n}", "b", json!(2), "{ // nothing\n  \"b\": 2\n}");
    check_set("{\n  a: 1}", "b", json!(2), "{\n  a: 1,\n  b: 2\n}");
    check_set("{a: null}", "a.b", json!(2), "{a: { b: 2 }}");
}

#[test]
fn lists_grow_at_the_end() {
    check_set("{a: [1]}", "a[1]", json!(2), "{a: [1, 2]}");
    check_set("{a: [{b: 1}]}", "a[0].b", json!(2), "{a: [{b: 2}]}");
    check_set("{a: [{b: 1}]}", "a.0.c", json!(2), "{a: [{b: 1, c: 2}]}");
    check_set("{\n  a: [\n    1,\n  ],\n}", "a[1]", json!(2), "{\n  a: [\n    1,\n    2,\n  ],\n}");
    let error = set("{a: [1]}", &"a[2]".parse().unwrap(), &json!(1)).unwrap_err().to_string();
    assert_eq!(error, "a has 1 entries; the next free index is 1");
    let error = set("{a: 1}", &"a.b".parse().unwrap(), &json!(1)).unwrap_err().to_string();
    assert_eq!(error, "a is number; b cannot be set in it");
}

#[test]
fn removes_a_line_but_no_comment() {
    check_remove("{a: 1, b: 2, c: 3}", "a", "{b: 2, c: 3}");
    check_remove("{a: 1, b: 2}", "b", "{a: 1 }");
    check_remove("{a: 1}", "a", "{}");
    check_remove("[1, 2]", "[0]", "[2]");
    check_remove("{\n  a: 1,\n  b: 2\n}", "a", "{\n  b: 2\n}");
    check_remove("{\n  a: 1,\n  b: 2\n}", "b", "{\n  a: 1\n}");
    check_remove("{\n  // why\n  a: 1, // what\n  b: 2,\n}", "a", "{\n  // why\n  // what\n  b: 2,\n}");
    check_remove("{a: 1 /* x */, b: 2}", "a", "{/* x */ b: 2}");
    assert_eq!(remove("{a: 1}", &"b".parse().unwrap()).unwrap(), None);
}

fn values() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z \"'\\\\/\n]{0,8}".prop_map(Value::from),
    ];
    scalar.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-c' .-]{1,3}", inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// The same document in different handwriting: with comments, quotes of all kinds, trailing commas, on few or many lines.
fn scribble(value: &Value, style: u8, depth: usize) -> String {
    let (open, close) = if style & 1 == 0 { (" /* c */ ", "") } else { ("\n", "\n") };
    let indent = if style & 1 == 0 { String::new() } else { "  ".repeat(depth + 1) };
    let note = if style & 2 == 0 { "" } else { " // n, } ]\n" };
    let trailing = if style & 4 == 0 { "" } else { "," };
    let list = |parts: Vec<String>, a: char, b: char| {
        let joined = parts
            .iter()
            .map(|part| format!("{indent}{part}"))
            .collect::<Vec<_>>()
            .join(&format!(",{note}{open}"));
        let trailing = if parts.is_empty() { "" } else { trailing };
        format!("{a}{open}{joined}{trailing}{note}{close}{b}")
    };
    match value {
        Value::Array(items) => {
            list(items.iter().map(|item| scribble(item, style, depth + 1)).collect(), '[', ']')
        }
        Value::Object(map) => {
            let key = |key: &str| match style & 24 {
                8 if is_bare_key(key) => key.to_owned(),
                16 if !key.contains('\'') => format!("'{key}'"),
                _ => Value::from(key).to_string(),
            };
            let member = |(name, value): (&String, &Value)| {
                format!("{} : {}", key(name), scribble(value, style, depth + 1))
            };
            list(map.iter().map(member).collect(), '{', '}')
        }
        scalar => scalar.to_string(),
    }
}

fn all_paths(value: &Value, at: &KeyPath, into: &mut Vec<KeyPath>) {
    match value {
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                into.push(at.index(n));
                all_paths(item, &at.index(n), into);
            }
            into.push(at.index(items.len()));
        }
        Value::Object(map) => {
            for (key, inner) in map {
                into.push(at.key(key));
                all_paths(inner, &at.key(key), into);
            }
            into.push(at.key("new").key("er"));
        }
        _ => {}
    }
}

fn comments(text: &str) -> usize {
    text.matches("/* c */").count() + text.matches("// n, } ]").count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    /// `set` then `get` gives the value back at any path, and everything else stays what it was; so does `remove`.
    #[test]
    fn an_edit_changes_one_thing(document in values(), value in values(), style in 0_u8..32, pick in any::<prop::sample::Index>()) {
        let text = scribble(&document, style, 0);
        let mut paths = Vec::new();
        all_paths(&document, &KeyPath::root(), &mut paths);
        prop_assume!(!paths.is_empty());
        let path = pick.get(&paths);
        let new = set(&text, path, &value).unwrap();
        let after = json5::parse(&new).unwrap().to_value();
        prop_assert_eq!(path.find(&after), Some(&value));
        if path.find(&document).is_none() {
            prop_assert_eq!(comments(&new), comments(&text), "{} -> {}", text, new);
            let back = remove(&new, path).unwrap().unwrap();
            prop_assert_eq!(comments(&back), comments(&text), "{} -> {}", new, back);
        }
        if let Some(removed) = remove(&text, path).unwrap() {
            let mut expected = document.clone();
            take(&mut expected, path.steps());
            prop_assert_eq!(json5::parse(&removed).unwrap().to_value(), expected);
        }
    }
}
