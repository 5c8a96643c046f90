//! The text of a configuration.

use serde_json::Value;

use super::way;

/// The text of a configuration, which `config.set` and `config.apply` carry.
pub(super) fn configuration(input: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(input) else { return 0 };
    match openclaw_config::value(text) {
        Ok(value) => {
            let plain = value.to_string();
            let again = openclaw_config::value(&plain).expect("plain JSON is a configuration's syntax, too");
            assert_eq!(again, value, "{plain}");
            way(&[
                "a value",
                match value {
                    Value::Object(_) => "object",
                    Value::Array(_) => "array",
                    Value::String(_) => "string",
                    Value::Number(_) => "number",
                    Value::Bool(_) | Value::Null => "word",
                },
            ])
        }
        Err(error) => way(&["no value", &error.to_string()]),
    }
}
