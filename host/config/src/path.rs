//! A place in the document: `models.providers.x.models[0].compat.y`, `channels["my.key"].z`. Knows how to read and
//! write such a path and how to follow it through a value; what may stand there is not its business.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::ConfigError;

/// The longest path, in bytes.
const LONGEST: usize = 4096;

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Into an object; also into an array when the key is a number, as in `models.0.id`.
    Key(String),
    /// Into an array.
    Index(usize),
}

/// The way from the root to a place. The empty path is the root.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPath(Vec<Step>);

impl KeyPath {
    /// The root.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// A path of keys alone.
    #[must_use]
    pub fn from_keys(keys: &[&str]) -> Self {
        Self(keys.iter().map(|key| Step::Key((*key).to_owned())).collect())
    }

    /// A path of these steps.
    pub(crate) fn from_steps(steps: &[Step]) -> Self {
        Self(steps.to_vec())
    }

    /// From a JSON pointer as validators report it: `/models/0/id`. Numbers are indices where `document` has an array.
    #[must_use]
    pub(crate) fn from_pointer(pointer: &str, document: &Value) -> Self {
        let mut steps = Vec::new();
        let mut at = Some(document);
        for part in pointer.split('/').skip(1) {
            let key = part.replace("~1", "/").replace("~0", "~");
            let index = at.filter(|value| value.is_array()).and_then(|_| key.parse().ok());
            let step = index.map_or(Step::Key(key), Step::Index);
            at = at.and_then(|value| step.follow(value));
            steps.push(step);
        }
        Self(steps)
    }

    /// The steps from the root down.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// This path and one key more.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Key(key.to_owned()));
        Self(steps)
    }

    /// This path and one index more.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Index(index));
        Self(steps)
    }

    /// This path and then the other.
    #[must_use]
    pub(crate) fn join(&self, rest: &Self) -> Self {
        Self(self.0.iter().chain(&rest.0).cloned().collect())
    }

    /// Whether `start` is where this path begins, or all of it.
    #[must_use]
    pub fn starts_with(&self, start: &Self) -> bool {
        self.0.starts_with(&start.0)
    }

    /// The keys on the way, without indices.
    #[must_use]
    pub fn keys(&self) -> Vec<&str> {
        let mut keys = Vec::new();
        for step in &self.0 {
            if let Step::Key(key) = step {
                keys.push(key.as_str());
            }
        }
        keys
    }

    /// Where the last step was taken.
    pub(crate) fn parent(&self) -> Self {
        let mut steps = self.0.clone();
        steps.pop();
        Self(steps)
    }

    /// What stands there.
    #[must_use]
    pub fn find<'v>(&self, document: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(document, |value, step| step.follow(value))
    }
}

impl Step {
    /// The index that this step means in an array.
    pub(crate) fn as_index(&self) -> Option<usize> {
        match self {
            Self::Index(index) => Some(*index),
            // Only the usual spelling: `01` and `+1` parse as numbers, but are keys.
            Self::Key(key) if key == "0" || !key.starts_with(['0', '+']) => key.parse().ok(),
            Self::Key(_) => None,
        }
    }

    fn follow<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match value {
            Value::Array(items) => items.get(self.as_index()?),
            Value::Object(map) => match self {
                Self::Key(key) => map.get(key),
                Self::Index(_) => None,
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
    }
}

/// Whether the key can stand in a path without quotes.
fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '-' | '/' | ':' | '@' | '*'))
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("<root>");
        }
        for (n, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if !is_plain(key) => write!(f, "[{}]", Value::from(key.as_str()))?,
                Step::Key(key) if n == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for KeyPath {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let steps = read(text)?.into_iter().collect::<Option<_>>();
        steps.map(Self).ok_or_else(|| invalid(text, BRACKET))
    }
}

/// A path in which `[]` stands for every entry of a list: `models.providers.x.models[].input`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern(Vec<Option<Step>>);

impl PathPattern {
    /// Whether the pattern names this place.
    #[must_use]
    pub fn matches(&self, path: &KeyPath) -> bool {
        let fits = |(wanted, step): (&Option<Step>, &Step)| match wanted {
            Some(wanted) => {
                wanted == step || (wanted.as_index().is_some() && wanted.as_index() == step.as_index())
            }
            None => matches!(step, Step::Index(_)),
        };
        self.0.len() == path.0.len() && self.0.iter().zip(&path.0).all(fits)
    }
}

impl From<KeyPath> for PathPattern {
    fn from(path: KeyPath) -> Self {
        Self(path.0.into_iter().map(Some).collect())
    }
}

impl FromStr for PathPattern {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read(text).map(Self)
    }
}

const BRACKET: &str = "a [ needs a number or a quoted key and a ]";

fn invalid(text: &str, problem: &str) -> ConfigError {
    ConfigError::InvalidPath { path: text.chars().take(200).collect(), problem: problem.to_owned() }
}

/// The steps of a path; `None` is `[]`.
fn read(text: &str) -> Result<Vec<Option<Step>>, ConfigError> {
    let fail = |problem: &str| Err(invalid(text, problem));
    if text.len() > LONGEST {
        return fail("it is longer than 4096 bytes");
    }
    let mut steps = Vec::new();
    let mut rest = text;
    loop {
        if let Some(inner) = rest.strip_prefix('[') {
            let Some((step, after)) = bracket(inner) else { return fail(BRACKET) };
            steps.push(step);
            rest = after;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (key, after) = rest.split_at(end);
            if key.trim().is_empty() {
                return fail("it has an empty key");
            }
            steps.push(Some(Step::Key(key.to_owned())));
            rest = after;
        }
        match rest.strip_prefix('.') {
            Some(after) if after.starts_with('[') => return fail("a [ must not follow a dot"),
            Some(after) => rest = after,
            None if rest.is_empty() => break,
            None if rest.starts_with('[') => {}
            None => return fail("a key must follow a dot"),
        }
    }
    if steps.len() > crate::json5::MAX_DEPTH {
        return fail("it is deeper than 128");
    }
    Ok(steps)
}

/// What stands between `[` and `]`, and what follows.
fn bracket(inner: &str) -> Option<(Option<Step>, &str)> {
    let quote = inner.chars().next()?;
    if matches!(quote, '"' | '\'') {
        let mut escaped = false;
        for (at, c) in inner.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                c if c == quote => {
                    let (literal, after) = inner.split_at(at + 1);
                    let key = crate::json5::parse(literal).ok()?.to_value();
                    return Some((Some(Step::Key(key.as_str()?.to_owned())), after.strip_prefix(']')?));
                }
                _ => {}
            }
        }
        return None;
    }
    let (number, after) = inner.split_once(']')?;
    if number.is_empty() {
        return Some((None, after));
    }
    Some((Some(Step::Index(number.trim().parse().ok()?)), after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn check(text: &str, expected: &[Step], shown: &str) {
        let path: KeyPath = text.parse().unwrap();
        assert_eq!(path.steps(), expected, "{text}");
        assert_eq!(path.to_string(), shown);
        assert_eq!(shown.parse::<KeyPath>().unwrap(), path, "the text of a path is a path");
    }

    #[test]
    fn reads_dots_and_brackets() {
        let key = |key: &str| Step::Key(key.to_owned());
        check("gateway", &[key("gateway")], "gateway");
        check("a.b-c.d", &[key("a"), key("b-c"), key("d")], "a.b-c.d");
        check(
            "models[0].compat.y",
            &[key("models"), Step::Index(0), key("compat"), key("y")],
            "models[0].compat.y",
        );
        check("a[0][1]", &[key("a"), Step::Index(0), Step::Index(1)], "a[0][1]");
        check(
            r#"channels["my.key"].z"#,
            &[key("channels"), key("my.key"), key("z")],
            r#"channels["my.key"].z"#,
        );
        check(r#"a['it\'s']"#, &[key("a"), key("it's")], r#"a["it's"]"#);
        check(
            "agents.defaults.models.p/m",
            &[key("agents"), key("defaults"), key("models"), key("p/m")],
            "agents.defaults.models.p/m",
        );
        check(r#"["a"]"#, &[key("a")], "a");
    }

    #[test]
    fn refuses_what_is_not_a_path() {
        for text in
            ["", ".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a[-1]", "a.[0]", "a[0]b", "a['b", "a['b'"]
        {
            let error = text.parse::<KeyPath>().unwrap_err().to_string();
            assert!(error.contains("not a config path"), "{text}: {error}");
        }
    }

    #[test]
    fn a_pattern_names_every_entry() {
        let check = |pattern: &str, path: &str, expected: bool| {
            let pattern: PathPattern = pattern.parse().unwrap();
            assert_eq!(pattern.matches(&path.parse().unwrap()), expected, "{path}");
        };
        check("a.models[].input", "a.models[3].input", true);
        check("a.models[].input", "a.models.x.input", false);
        check("a.models[0]", "a.models.0", true);
        check("a", "a.b", false);
        check("a[\"[]\"]", "a[\"[]\"]", true);
    }

    #[test]
    fn only_a_plain_number_is_an_index() {
        let document = json!({"a": [1, 2]});
        for key in ["01", "+1", "-1", "", "1.0", " 1"] {
            assert_eq!(KeyPath::from_keys(&["a", key]).find(&document), None, "{key}");
        }
        assert_eq!(KeyPath::from_keys(&["a", "1"]).find(&document), Some(&json!(2)));
    }

    proptest! {
        #[test]
        fn any_path_has_a_text(keys in prop::collection::vec(".{0,8}", 1..5), index in any::<u32>()) {
            let path = keys.iter().fold(KeyPath::root(), |path, key| path.key(key)).index(index as usize);
            prop_assert_eq!(path.to_string().parse::<KeyPath>().unwrap(), path);
        }
    }

    #[test]
    fn finds_what_stands_there() {
        let document = json!({"a": [{"b": 1}], "0": 2});
        let find = |text: &str| text.parse::<KeyPath>().unwrap().find(&document).cloned();
        assert_eq!(find("a[0].b"), Some(json!(1)));
        assert_eq!(find("a.0.b"), Some(json!(1)));
        assert_eq!(find("0"), Some(json!(2)));
        assert_eq!(find("a[1]"), None);
        assert_eq!(find("a.b"), None);
        assert_eq!(KeyPath::from_pointer("/a/0/b", &document).to_string(), "a[0].b");
    }
}
