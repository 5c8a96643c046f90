//! Whether what came is what was expected.

use serde_json::Value;

/// Where and how `got` differs from `expected`, if it does.
pub(super) fn difference(expected: &Value, got: &Value) -> Option<String> {
    compare(expected, got, "")
}

fn compare(expected: &Value, got: &Value, at: &str) -> Option<String> {
    match (expected, got) {
        (Value::String(any), _) if any == "*" => None,
        (Value::Object(wanted), Value::Object(had)) => wanted.iter().find_map(|(key, value)| {
            let inner = format!("{at}/{key}");
            match had.get(key) {
                Some(had) => compare(value, had, &inner),
                None if value.is_null() => None,
                None => Some(format!("{inner} is missing, expected {value}")),
            }
        }),
        (Value::Array(wanted), Value::Array(had)) if wanted.len() == had.len() => wanted
            .iter()
            .zip(had)
            .enumerate()
            .find_map(|(n, (value, had))| compare(value, had, &format!("{at}/{n}"))),
        _ if expected == got => None,
        _ => Some(format!("{} is {got}, expected {expected}", if at.is_empty() { "it" } else { at })),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_expected_counts() {
        let got = json!({"a": 1, "b": [{"c": 2, "d": 3}], "e": "x"});
        for same in [
            json!({}),
            json!("*"),
            json!({"a": 1}),
            json!({"b": [{"c": 2}]}),
            json!({"e": "*"}),
            json!({"f": null}),
        ] {
            assert_eq!(difference(&same, &got), None, "{same}");
        }
        for (other, why) in [
            (json!({"a": 2}), "/a is 1, expected 2"),
            (json!({"f": 2}), "/f is missing, expected 2"),
            (json!({"b": []}), "/b is [{\"c\":2,\"d\":3}], expected []"),
            (json!({"b": [{"c": "2"}]}), "/b/0/c is 2, expected \"2\""),
            (json!([]), "it is {\"a\":1,\"b\":[{\"c\":2,\"d\":3}],\"e\":\"x\"}, expected []"),
        ] {
            assert_eq!(difference(&other, &got).as_deref(), Some(why));
        }
    }
}
