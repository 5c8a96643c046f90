use serde_json::json;

use super::*;

/// [`apply`] for one value.
pub(super) fn set(text: &str, path: &KeyPath, value: &Value) -> Result<String, ConfigError> {
    apply(text, &[Edit::Set { path: path.clone(), value: value.clone() }])
}

/// [`apply`] for one removal; `None` when there is nothing to remove.
pub(super) fn remove(text: &str, path: &KeyPath) -> Result<Option<String>, ConfigError> {
    let draft = Draft::of(text)?;
    if path.steps().is_empty() || path.find(&draft.intended).is_none() {
        return Ok(None);
    }
    apply(text, &[Edit::Remove { path: path.clone() }]).map(Some)
}

fn set_text(text: &str, path: &str, value: &Value) -> String {
    set(text, &path.parse().unwrap(), value).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn check_set(text: &str, path: &str, value: impl Into<Value>, expected: &str) {
    assert_eq!(set_text(text, path, &value.into()), expected, "set {path} in {text}");
}

fn check_apply(text: &str, edits: &[Edit], expected: &str) {
    assert_eq!(apply(text, edits).unwrap(), expected, "{edits:?} in {text}");
}

fn fails(text: &str, path: &str, value: &Value) -> String {
    set(text, &path.parse().unwrap(), value).unwrap_err().to_string()
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
    assert_eq!(fails("{a: [1]}", "a[2]", &json!(1)), "a has 1 entries; the next free index is 1");
    assert_eq!(fails("{a: 1}", "a.b", &json!(1)), "a is number; b cannot be set in it");
    assert_eq!(fails("{}", "a.b[1].c", &json!(1)), "a.b has 0 entries; the next free index is 0");
    assert_eq!(fails("{a: null}", "a[1]", &json!(1)), "a has 0 entries; the next free index is 0");
    assert_eq!(fails("", "a[0][2]", &json!(1)), "a[0] has 0 entries; the next free index is 0");
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

#[test]
fn a_comment_stays_with_what_it_is_about() {
    check_set("{a: 1 /* x */}", "b", json!(2), "{a: 1 /* x */, b: 2}");
    check_set("{a: 1 // x\n}", "b", json!(2), "{a: 1, // x\n  b: 2\n}");
    check_set("[1, // x\r]", "[1]", json!(2), "[1, // x\n  2,\n\r]");
    check_set("{ /* x */ }", "b", json!(2), "{ /* x */\n  b: 2\n}".replace("b:", "\"b\":").as_str());
    check_set("{a: {} // x\u{85}\n}", "a.b", json!(2), "{a: {\n  b: 2\n} // x\u{85}\n}");
}

#[test]
fn an_object_over_an_object_changes_only_what_differs() {
    let new = json!({"port": 19000, "auth": {"mode": "token", "token": "t"}});
    let expected = COMMENTED.replace("18789", "19000").replace("\"token\" }", "\"token\", token: \"t\" }");
    check_set(COMMENTED, "gateway", new, &expected);
    check_set("[\n  1, // one\n  2, // two\n]", "[0]", json!(3), "[\n  3, // one\n  2, // two\n]");
    let text = "{a: [\n  {id: 1, n: 'x'}, // one\n  {id: 2}, // two\n  {id: 3}, // three\n]}";
    check_set(
        text,
        "a",
        json!([{"id": 1, "n": "y"}, {"id": 3}, {"id": 4}]),
        "{a: [\n  {id: 1, n: \"y\"}, // one\n  // two\n  {id: 3}, // three\n  {\n    id: 4\n  },\n]}",
    );
}

#[test]
fn a_file_without_a_value_is_an_empty_configuration() {
    check_set("", "a.b", json!(1), "{\n  \"a\": {\n    \"b\": 1\n  }\n}\n");
    check_set("// mine\r\n", "a", json!(1), "// mine\r\n{\r\n  \"a\": 1\r\n}\r\n");
    check_set("\u{feff}/* x */ // y", "a", json!(1), "\u{feff}/* x */ // y\n{\n  \"a\": 1\n}\n");
    check_set("\u{feff}", "a", json!(1), "\u{feff}{\n  \"a\": 1\n}\n");
    assert_eq!(remove("// mine", &"a".parse().unwrap()).unwrap(), None);
    assert_eq!(apply(" // mine", &[]).unwrap(), " // mine");
    assert!(apply("/* mine", &[]).is_err());
}

#[test]
fn edits_happen_in_order() {
    let set = |path: &str, value: Value| Edit::Set { path: path.parse().unwrap(), value };
    let remove = |path: &str| Edit::Remove { path: path.parse().unwrap() };
    check_apply(
        "{a: 1, /* b */ b: [1, 2, 3]}",
        &[
            set("c", json!({})),
            set("c.d", json!(1)),
            remove("b[0]"),
            remove("b[0]"),
            remove("a"),
            remove("a"),
        ],
        "{/* b */ b: [3], c: { d: 1 }}",
    );
    check_apply("{a: 1}", &[set("a", json!(2)), set("a", json!(1))], "{a: 1}");
    check_apply("{}", &[set("a[0]", json!(1)), remove("a[0]"), remove("a")], "{\n}");
    check_apply("[1]", &[Edit::Set { path: KeyPath::root(), value: json!({"a": 1}) }], "{ \"a\": 1 }");
}

#[test]
fn keeps_every_key_and_number_exact() {
    for key in [
        "__proto__",
        "constructor",
        "",
        " ",
        "a.b",
        "it's \"q\"",
        "line\nbreak",
        "😀",
        "\u{2028}",
        "\\",
        "0",
        "$_",
    ] {
        for text in ["{}", "{'x': 1}", "{x: 1}", "{\"x\": null}"] {
            let path = KeyPath::root().key(key).key(key);
            let new = set(text, &path, &json!(key)).unwrap();
            assert_eq!(path.find(&json5::parse(&new).unwrap().to_value()), Some(&json!(key)), "{new}");
        }
    }
    for number in [
        json!(0),
        json!(-0.0),
        json!(1.0),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(f64::MAX),
        json!(5e-324),
        json!(1e16),
        json!(0.1),
    ] {
        let new = set_text("{a: 7}", "a", &number);
        assert_eq!(json5::parse(&new).unwrap().to_value(), json!({"a": number}), "{new}");
    }
}

#[test]
fn what_could_not_be_read_again_is_refused() {
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    assert!(set("{}", &"a".parse().unwrap(), &nested(MAX_DEPTH - 1)).is_ok());
    assert_eq!(
        fails("{}", "a", &nested(MAX_DEPTH)),
        "Invalid value for a: it would be nested deeper than 128 levels"
    );
    assert!(fails("{}", "a.b", &nested(1_000)).contains("deeper"));
    let long = json!("x".repeat(MAX_BYTES));
    assert_eq!(fails("{}", "a", &long), "Invalid value for a: the file would be longer than 8 MiB");
}

#[path = "properties.rs"]
mod properties;
