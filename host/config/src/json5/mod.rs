//! JSON5 with places: one parser for loading, for errors and for edits. It keeps where each key, value and comma
//! stands in the text, and refuses what is too large or too deep before it builds anything of it. It knows nothing
//! about configuration.

mod number;
mod parser;
mod string;

use serde_json::{Map, Number, Value};

pub(crate) use parser::{comments, document, parse};

use crate::path::Step;

/// The longest text that is parsed, in bytes.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;
/// The deepest nesting that is parsed.
pub const MAX_DEPTH: usize = 128;

/// A range of bytes in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Which text, where a tree is put together from several; 0 is the first.
    pub(crate) file: u16,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Item>),
    Object(Vec<Member>),
}

/// An element of an array.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) value: Node,
    /// Where the comma after it stands.
    pub(crate) comma: Option<usize>,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
    /// Where the comma after it stands.
    pub(crate) comma: Option<usize>,
}

impl Node {
    /// The value without its places.
    pub(crate) fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::String(text) => Value::String(text.clone()),
            Kind::Array(items) => items.iter().map(|item| item.value.to_value()).collect(),
            Kind::Object(members) => {
                let pairs = members.iter().map(|member| (member.key.clone(), member.value.to_value()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }

    /// A tree that stands in no text of its own; `span` is where it is told to stand.
    pub(crate) fn from_value(value: &Value, span: Span) -> Self {
        let kind = match value {
            Value::Null => Kind::Null,
            Value::Bool(value) => Kind::Bool(*value),
            Value::Number(number) => Kind::Number(number.clone()),
            Value::String(text) => Kind::String(text.clone()),
            Value::Array(items) => {
                let items =
                    items.iter().map(|item| Item { value: Self::from_value(item, span), comma: None });
                Kind::Array(items.collect())
            }
            Value::Object(map) => {
                let members = map.iter().map(|(key, value)| Member {
                    key: key.clone(),
                    key_span: span,
                    value: Self::from_value(value, span),
                    comma: None,
                });
                Kind::Object(members.collect())
            }
        };
        Self { span, kind }
    }

    /// Says which text the whole tree stands in.
    pub(crate) fn set_file(&mut self, file: u16) {
        self.span.file = file;
        match &mut self.kind {
            Kind::Object(members) => {
                for member in members {
                    member.key_span.file = file;
                    member.value.set_file(file);
                }
            }
            Kind::Array(items) => items.iter_mut().for_each(|item| item.value.set_file(file)),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_) => {}
        }
    }

    /// What stands one step below.
    pub(crate) fn child(&self, step: &Step) -> Option<&Self> {
        match (&self.kind, step) {
            (Kind::Object(_), Step::Key(key)) => self.member(key).map(|member| &member.value),
            (Kind::Array(items), step) => items.get(step.as_index()?).map(|item| &item.value),
            _ => None,
        }
    }

    /// The member with this key.
    pub(crate) fn member(&self, key: &str) -> Option<&Member> {
        match &self.kind {
            Kind::Object(members) => members.iter().find(|member| member.key == key),
            _ => None,
        }
    }
}

/// The value of a JSON5 text that is no file, such as a patch.
///
/// # Errors
/// When it is not JSON5, longer than [`MAX_BYTES`] or nested deeper than [`MAX_DEPTH`].
pub fn value(text: &str) -> Result<Value, SyntaxError> {
    parse(text).map(|node| node.to_value())
}

/// Where and why a text is not JSON5.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct SyntaxError {
    /// What is wrong, and what was expected.
    pub message: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl SyntaxError {
    pub(crate) fn at(text: &str, offset: usize, message: impl Into<String>) -> Self {
        let (line, column) = position(text, offset);
        Self { message: message.into(), line, column }
    }
}

/// Line and column of a byte offset, both from 1; the column counts characters.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    Lines::of(text).position(text, offset)
}

/// Where the lines of a text begin: whoever asks for many places of one text makes this once.
pub(crate) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub(crate) fn of(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self { starts: std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect() }
    }

    /// As [`position`]; the text is the one that the lines are of.
    pub(crate) fn position(&self, text: &str, offset: usize) -> (usize, usize) {
        let mut end = offset.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let line = self.starts.partition_point(|start| *start <= end);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or_default();
        (line, text.get(start..end).unwrap_or_default().chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Value {
        parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).to_value()
    }

    #[test]
    fn reads_all_of_json5() {
        let check = |text: &str, expected: Value| assert_eq!(value(text), expected, "{text}");
        check("{}", json!({}));
        check("\u{feff}[1, 2,]", json!([1, 2]));
        check(
            "{a: 1, $b_2: 'x', \"c d\": [true, false, null,], }",
            json!({"a": 1, "$b_2": "x", "c d": [true, false, null]}),
        );
        check("// c\n/* d */ {a /*e*/ : /*f*/ 1 // g\n}// end", json!({"a": 1}));
        check(
            "[0x1F, -0xff, +1, .5, 5., 1e3, -1.5E-2, 0]",
            json!([31, -255, 1, 0.5, 5.0, 1000.0, -0.015, 0]),
        );
        check("[18446744073709551615, -9223372036854775808]", json!([u64::MAX, i64::MIN]));
        check(
            r#"'it\'s "x" \u00e9\uD83D\uDE00\x41\0\v\q\
next'"#,
            json!("it's \"x\" é😀A\0\u{b}qnext"),
        );
        check("{ünïcode: 1, \\u0061b: 2}", json!({"ünïcode": 1, "ab": 2}));
        check("'a\u{2028}b'", json!("a\u{2028}b"));
    }

    #[test]
    fn says_where_it_is_wrong() {
        let check = |text: &str, line: usize, column: usize, part: &str| {
            let error = parse(text).unwrap_err();
            assert_eq!((error.line, error.column), (line, column), "{text:?}: {error}");
            assert!(error.message.contains(part), "{text:?}: {error}");
        };
        check("", 1, 1, "empty");
        check("  // nothing\n", 2, 1, "empty");
        check("{\n  a: 1\n  b: 2\n}", 3, 3, "expected `,` or `}`");
        check("{a: 1", 1, 6, "`{` at line 1, column 1 is not closed");
        check("[1, 2", 1, 6, "`[` at line 1, column 1 is not closed");
        check("{a: }", 1, 5, "expected a value");
        check("{a 1}", 1, 4, "expected `:`");
        check("{é: 1, é: 2}", 1, 8, "key \"é\" occurs twice");
        check("{1a: 2}", 1, 2, "expected a key");
        check("[Infinity]", 1, 2, "Infinity is not a value");
        check("[-Infinity]", 1, 2, "Infinity is not a value");
        check("[+NaN]", 1, 2, "NaN is not a value");
        check("[010]", 1, 2, "leading zero");
        check("[1e999]", 1, 2, "too large");
        check("[0x]", 1, 2, "hexadecimal");
        check("[1x]", 1, 2, "not a number");
        check("\"abc", 1, 1, "text is not closed");
        check("\"a\nb\"", 1, 3, "line break");
        check(r#""\u12""#, 1, 2, "escape");
        check(r#""\uD800""#, 1, 2, "surrogate");
        check(r#""\1""#, 1, 2, "escape");
        check("{} x", 1, 4, "after the end");
        check("/* x", 1, 1, "comment is not closed");
        check("[nope]", 1, 2, "expected a value");
        check("[,]", 1, 2, "expected a value");
    }

    #[test]
    fn refuses_the_huge_and_the_deep_first() {
        let error = parse(&" ".repeat(MAX_BYTES + 1)).unwrap_err();
        assert!(error.message.contains("8 MiB"), "{error}");
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        let error = parse(&nested(MAX_DEPTH + 1)).unwrap_err();
        assert!(error.message.contains("deeper than 128"), "{error}");
        assert_eq!(error.column, MAX_DEPTH + 1);
        assert!(parse(&"[".repeat(MAX_BYTES)).is_err(), "no stack overflow");
    }

    #[test]
    fn keeps_places() {
        let text = "{ a: 1, 'b': [2 ,3] }";
        let root = parse(text).unwrap();
        let slice = |span: Span| &text[span.start..span.end];
        let b = root.member("b").unwrap();
        assert_eq!((slice(root.span), slice(b.key_span), slice(b.value.span)), (text, "'b'", "[2 ,3]"));
        assert_eq!((root.member("a").unwrap().comma, b.comma), (Some(6), None));
        let Kind::Array(items) = &b.value.kind else { panic!() };
        assert_eq!((slice(items[0].value.span), items[0].comma, items[1].comma), ("2", Some(16), None));
    }

    /// Text that is JSON5, or nearly.
    fn texts() -> impl Strategy<Value = String> {
        let scalar = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            any::<i32>().prop_map(|n| n.to_string()),
            any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| n.to_string()),
            "[-+]?(0x[0-9a-fA-F]{1,6}|[0-9]{1,4}\\.?[0-9]{0,3}([eE][-+]?[0-9]{1,2})?|\\.[0-9]{1,3})",
            "\"([a-z 'é😀]|\\\\[nrtbfv'\"\\\\/q]|\\\\u00[0-7][0-9a-f]|\\\\x[0-7][0-9a-f])*\"",
            "'([a-z \"é]|\\\\[nrt'\\\\])*'",
        ];
        let blank = || "(| |\n|\t|/\\*x\\*/|//y\n)";
        let key = prop_oneof!["[a-z$_][a-z0-9$_]{0,4}", "\"[a-z .]{0,4}\"", "'[a-z]{0,3}'"];
        scalar.prop_recursive(4, 32, 5, move |inner| {
            let item = (blank(), inner.clone(), blank()).prop_map(|(a, b, c)| format!("{a}{b}{c}"));
            let member = (blank(), key.clone(), blank(), item.clone())
                .prop_map(|(a, k, b, v)| format!("{a}{k}{b}:{v}"));
            prop_oneof![
                (prop::collection::vec(item, 0..5), any::<bool>()).prop_map(|(items, comma)| {
                    let tail = if comma && !items.is_empty() { "," } else { "" };
                    format!("[{}{tail}]", items.join(","))
                }),
                (prop::collection::vec(member, 0..5), any::<bool>()).prop_map(|(members, comma)| {
                    let tail = if comma && !members.is_empty() { "," } else { "" };
                    format!("{{{}{tail}}}", members.join(","))
                }),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

        /// Whatever both accept means the same; what only the other accepts has a reason that we state.
        #[test]
        fn agrees_with_the_json5_crate(text in texts()) {
            match (parse(&text), json5::from_str::<Value>(&text)) {
                (Ok(ours), Ok(theirs)) => prop_assert!(same(&ours.to_value(), &theirs), "{} / {}", ours.to_value(), theirs),
                (Err(error), Ok(_)) => prop_assert!(error.message.contains("occurs twice"), "{text:?}: {error}"),
                (Ok(_), Err(error)) => prop_assert!(false, "only we accept {text:?}: {error}"),
                (Err(_), Err(_)) => {}
            }
        }

        #[test]
        fn never_panics(text in ".{0,64}", json in "[\\[\\]{}:,'\"\\\\a0-9x.e+/* \n-]{0,48}") {
            let _either_is_fine = (parse(&text), parse(&json));
        }
    }

    /// Equal, where `1.0` and `1` are.
    fn same(a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
            }
            _ => a == b,
        }
    }
}
