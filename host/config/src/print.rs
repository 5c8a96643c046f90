//! Writes a value as text in the style of the file that it goes into.

use serde_json::Value;

/// Lists of scalars up to this many characters stay on one line.
const SHORT: usize = 80;

/// The habits of a file.
pub(crate) struct Printer {
    /// One level.
    pub(crate) indent: String,
    pub(crate) newline: &'static str,
    /// Objects are spread over lines.
    pub(crate) multi_line: bool,
    /// Keys that may stand without quotes do.
    pub(crate) bare_keys: bool,
}

impl Printer {
    /// The value; lines after the first begin with `base`.
    pub(crate) fn print(&self, value: &Value, base: &str) -> String {
        let mut out = String::new();
        self.write(value, base, &mut out);
        out
    }

    /// A key as this file writes keys.
    pub(crate) fn key(&self, key: &str) -> String {
        if self.bare_keys && is_bare_key(key) { key.to_owned() } else { Value::from(key).to_string() }
    }

    fn write(&self, value: &Value, base: &str, out: &mut String) {
        let inner = format!("{base}{}", self.indent);
        match value {
            Value::Object(map) if !map.is_empty() => {
                let parts = map
                    .iter()
                    .map(|(key, value)| format!("{}: {}", self.key(key), self.print(value, &inner)));
                self.block('{', parts, '}', self.multi_line, base, out);
            }
            Value::Array(items) if !items.is_empty() => {
                let flat = value.to_string();
                let scalars = !items.iter().any(|item| item.is_object() || item.is_array());
                let spread = self.multi_line && !(scalars && flat.chars().count() <= SHORT);
                let parts = items.iter().map(|item| self.print(item, &inner));
                self.block('[', parts, ']', spread, base, out);
            }
            value => out.push_str(&value.to_string()),
        }
    }

    fn block(
        &self,
        open: char,
        parts: impl Iterator<Item = String>,
        close: char,
        spread: bool,
        base: &str,
        out: &mut String,
    ) {
        let pad = if open == '{' { " " } else { "" };
        out.push(open);
        for (n, part) in parts.enumerate() {
            match (n, spread) {
                (0, false) => out.push_str(pad),
                (_, false) => out.push_str(", "),
                (0, true) => {}
                (_, true) => out.push(','),
            }
            if spread {
                out.push_str(self.newline);
                out.push_str(base);
                out.push_str(&self.indent);
            }
            out.push_str(&part);
        }
        if spread {
            out.push_str(self.newline);
            out.push_str(base);
        } else {
            out.push_str(pad);
        }
        out.push(close);
    }
}

/// Whether the key may stand without quotes. Only ASCII: editors disagree about the rest.
pub(crate) fn is_bare_key(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '$'))
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$'))
}
