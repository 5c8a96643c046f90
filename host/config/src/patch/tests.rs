use serde_json::json;

use super::*;
use crate::edit::apply;

fn options(replace: &[&str], merge_by_id: bool) -> PatchOptions {
    PatchOptions { replace_paths: replace.iter().map(|path| path.parse().unwrap()).collect(), merge_by_id }
}

/// Patches the text and compares the meaning with `expected`.
fn check(document: &Value, patch: &Value, options: &PatchOptions, expected: &Value) {
    let edits = merge_patch(document, patch, options).unwrap();
    let text = apply(&document.to_string(), &edits).unwrap();
    assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), expected, "{patch}");
    assert_eq!(edits.is_empty(), document == expected, "{edits:?}");
}

fn fails(document: &Value, patch: &Value, options: &PatchOptions) -> String {
    merge_patch(document, patch, options).unwrap_err().to_string()
}

#[test]
fn merges_as_the_rfc_says() {
    let plain = options(&[], false);
    for (document, patch, expected) in [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        (json!({"a": 1}), json!({"a": 1, "gone": null, "b": {}}), json!({"a": 1, "b": {}})),
        (json!({"a": {"b": 1}}), json!({"a": {"b": 1}, "c": null}), json!({"a": {"b": 1}})),
    ] {
        check(&document, &patch, &plain, &expected);
    }
    assert_eq!(fails(&json!({}), &json!([]), &plain), "Invalid value for <root>: a merge patch is an object");
}

#[test]
fn a_named_place_is_replaced_whole() {
    let document = json!({"a": {"b": {"x": 1}, "c": 2}});
    let patch = json!({"a": {"b": {"y": 1, "z": null}}});
    check(&document, &patch, &options(&["a.b"], false), &json!({"a": {"b": {"y": 1}, "c": 2}}));
    check(&document, &patch, &options(&["a"], false), &json!({"a": {"b": {"y": 1}}}));
}

#[test]
fn entries_with_an_id_are_merged_and_never_lost() {
    let document = json!({"l": [{"id": "a", "n": 1, "in": [1, 2]}, {"id": "b"}], "s": ["x", "y"], "e": []});
    let rpc = options(&[], true);
    check(
        &document,
        &json!({"l": [{"id": "c", "x": null}, {"id": "a", "m": 2}], "s": ["y", "x", "z"]}),
        &rpc,
        &json!({
            "l": [{"id": "a", "n": 1, "in": [1, 2], "m": 2}, {"id": "b"}, {"id": "c"}],
            "s": ["y", "x", "z"],
            "e": [],
        }),
    );
    for (patch, list) in [
        (json!({"s": ["x"]}), "s"),
        (json!({"s": ["x", "z"]}), "s"),
        (json!({"s": null}), "s"),
        (json!({"s": "x"}), "s"),
        (json!({"e": null}), "e"),
        (json!({"l": [{"n": 1}]}), "l"),
        (json!({"l": [{"id": "a", "in": [1]}]}), "l[0].in"),
    ] {
        let expected = format!(
            "Invalid value for {list}: the patch would drop entries of this list (name it in replacePaths to mean that)"
        );
        assert_eq!(fails(&document, &patch, &rpc), expected);
    }
    let inner = json!({"l": [{"id": "a", "in": [1]}]});
    assert!(merge_patch(&document, &inner, &options(&["l[].in"], true)).is_ok());
    // The list above does not stand for the one below.
    assert!(merge_patch(&json!({"o": document}), &json!({"o": {"s": []}}), &options(&["o"], true)).is_err());
    check(
        &json!({"l": [{"id": 1}, {"id": 2}]}),
        &json!({"l": [{"id": 2}]}),
        &options(&["l"], true),
        &json!({"l": [{"id": 2}]}),
    );
    // Without `merge_by_id` a list is replaced.
    check(&json!({"s": [1, 2]}), &json!({"s": [1]}), &options(&[], false), &json!({"s": [1]}));
}

#[test]
fn a_placeholder_stands_for_the_secret_of_the_file() {
    let current = json!({
        "token": "t",
        "pin": 7,
        "keys": ["k1", "k2"],
        "accounts": [{"id": "a", "token": "ta"}, {"id": "b", "token": "tb"}],
        "plain": [{"token": "p0"}, {"token": "p1"}],
        "lost": REDACTED,
        "none": null,
    });
    let ok = |new: Value, expected: Value| assert_eq!(restore_redacted(&new, &current), Ok(expected));
    ok(
        json!({"token": REDACTED, "pin": REDACTED, "other": [1]}),
        json!({"token": "t", "pin": 7, "other": [1]}),
    );
    ok(json!({"keys": [REDACTED, REDACTED, "new"]}), json!({"keys": ["k1", "k2", "new"]}));
    ok(
        json!({"accounts": [{"id": "b", "token": REDACTED}]}),
        json!({"accounts": [{"id": "b", "token": "tb"}]}),
    );
    ok(
        json!({"plain": [{"token": "x"}, {"token": REDACTED}]}),
        json!({"plain": [{"token": "x"}, {"token": "p1"}]}),
    );
    let fails =
        |new: Value, path: &str| assert_eq!(restore_redacted(&new, &current), Err(path.parse().unwrap()));
    fails(json!({"new": REDACTED}), "new");
    fails(json!({"lost": REDACTED}), "lost");
    fails(json!({"none": REDACTED}), "none");
    fails(json!({"token": format!("Bearer {REDACTED}")}), "token");
    fails(json!({"keys": [REDACTED]}), "keys[0]");
    fails(json!({"plain": [{"token": REDACTED}]}), "plain[0].token");
    fails(json!({"accounts": [{"id": "c", "token": REDACTED}]}), "accounts[0].token");

    check(
        &json!({"a": {"token": "t"}}),
        &json!({"a": {"token": REDACTED, "b": 1}}),
        &options(&[], true),
        &json!({"a": {"token": "t", "b": 1}}),
    );
    let error =
        merge_patch(&json!({}), &json!({"a": REDACTED}), &options(&[], true)).unwrap_err().to_string();
    assert!(error.starts_with("Invalid value for a: it holds the placeholder"), "{error}");
}

#[test]
fn a_new_document_keeps_the_comments_of_the_old_one() {
    let text = "{\n  // why\n  a: 1.0, // what\n  b: { c: [1, 2], d: 3 }, // b\n  e: [\n    { id: 'x' }, // x\n    { id: 'y', v: 1 }, // y\n  ],\n}\n";
    let old = crate::json5::parse(text).unwrap().to_value();
    let new = json!({"a": 1, "b": {"c": [1, 2, 3], "d": 4}, "e": [{"id": "y", "v": 2}], "f": null});
    let expected = "{\n  // why\n  a: 1.0, // what\n  b: { c: [1, 2, 3], d: 4 }, // b\n  e: [\n    // x\n    { id: 'y', v: 2 }, // y\n  ],\n  f: null,\n}\n";
    assert_eq!(apply(text, &document_edits(&old, &new)).unwrap(), expected);
    assert_eq!(document_edits(&old, &old), []);
}
