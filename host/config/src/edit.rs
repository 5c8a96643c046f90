//! Changes to the text itself: one value is set or removed by replacing a range of bytes, so that comments, order,
//! quotes and every byte outside survive. The result is parsed again and compared with what was intended before
//! anybody may write it.

use std::ops::Range;

use serde_json::{Map, Value};

use crate::ConfigError;
use crate::check::received;
use crate::json5::{self, Item, Kind, Member, Node};
use crate::path::{KeyPath, Step};
use crate::print::{Printer, is_bare_key};

/// A replacement of some bytes.
struct Change {
    range: Range<usize>,
    text: String,
}

/// Sets the value at `path`, with all objects and lists on the way that are missing. Returns the new text, which is
/// the old one when the value already stands there.
///
/// # Errors
/// When the text is not JSON5, or the path leads through a scalar or beyond the end of a list.
pub(crate) fn set(text: &str, path: &KeyPath, value: &Value) -> Result<String, ConfigError> {
    let root = parse(text)?;
    if path.find(&root.to_value()) == Some(value) {
        return Ok(text.to_owned());
    }
    let editor = Editor::new(text, &root);
    let changes = editor.set(&root, path, value)?;
    let mut intended = root.to_value();
    put(&mut intended, path.steps(), value);
    finish(text, changes, &intended, path)
}

/// Removes the value at `path`; `None` when there is none.
///
/// # Errors
/// When the text is not JSON5.
pub(crate) fn remove(text: &str, path: &KeyPath) -> Result<Option<String>, ConfigError> {
    let root = parse(text)?;
    let mut intended = root.to_value();
    if path.find(&intended).is_none() {
        return Ok(None);
    }
    let Some((last, parents)) = path.steps().split_last() else { return Ok(None) };
    let Some(parent) = descend(&root, parents) else { return Ok(None) };
    let editor = Editor::new(text, &root);
    let changes = match &parent.kind {
        Kind::Object(members) => {
            let parts: Vec<Part> = members.iter().map(Part::from).collect();
            let at = members.iter().position(|member| matches!(last, Step::Key(key) if *key == member.key));
            editor.remove(&parts, at)
        }
        Kind::Array(items) => {
            let parts: Vec<Part> = items.iter().map(Part::from).collect();
            editor.remove(&parts, last.as_index())
        }
        _ => return Ok(None),
    };
    take(&mut intended, path.steps());
    finish(text, changes, &intended, path).map(Some)
}

fn parse(text: &str) -> Result<Node, ConfigError> {
    // A file without a word in it is an empty configuration, not a broken one.
    json5::parse(text).map_err(|cause| ConfigError::Syntax { path: "openclaw.json".into(), cause })
}

fn descend<'n>(root: &'n Node, steps: &[Step]) -> Option<&'n Node> {
    steps.iter().try_fold(root, |node, step| node.child(step))
}

fn finish(
    text: &str,
    mut changes: Vec<Change>,
    intended: &Value,
    path: &KeyPath,
) -> Result<String, ConfigError> {
    changes.sort_by_key(|change| std::cmp::Reverse(change.range.start));
    let mut new = text.to_owned();
    for change in changes {
        new.replace_range(change.range, &change.text);
    }
    match json5::parse(&new) {
        Ok(root) if root.to_value() == *intended => Ok(new),
        _ => Err(ConfigError::EditMismatch { path: path.to_string() }),
    }
}

/// A member or an item, as far as removing it is concerned.
struct Part {
    range: Range<usize>,
    comma: Option<usize>,
}

impl From<&Member> for Part {
    fn from(member: &Member) -> Self {
        Self { range: member.key_span.start..member.value.span.end, comma: member.comma }
    }
}

impl From<&Item> for Part {
    fn from(item: &Item) -> Self {
        Self { range: item.value.span.start..item.value.span.end, comma: item.comma }
    }
}

/// The text and its habits.
struct Editor<'t> {
    text: &'t str,
    printer: Printer,
}

impl<'t> Editor<'t> {
    fn new(text: &'t str, root: &Node) -> Self {
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let multi_line = text.trim().contains('\n') || root_is_empty(root);
        let bare = first_key_is_bare(text, root);
        Self {
            text,
            printer: Printer { indent: indent_unit(text, root), newline, multi_line, bare_keys: bare },
        }
    }

    fn set(&self, root: &Node, path: &KeyPath, value: &Value) -> Result<Vec<Change>, ConfigError> {
        let mut node = root;
        for (n, step) in path.steps().iter().enumerate() {
            let Some(next) = node.child(step) else {
                let here = KeyPath::from_steps(path.steps().get(..n).unwrap_or_default());
                let rest = path.steps().get(n + 1..).unwrap_or_default();
                return self.insert(node, &here, step, &build(rest, value));
            };
            node = next;
        }
        let base = self.indent_at(node.span.start);
        Ok(vec![Change { range: node.span.start..node.span.end, text: self.printer.print(value, base) }])
    }

    /// Adds `value` as `step` of `node`, which does not have it yet.
    fn insert(
        &self,
        node: &Node,
        here: &KeyPath,
        step: &Step,
        value: &Value,
    ) -> Result<Vec<Change>, ConfigError> {
        let in_the_way = || ConfigError::NotAContainer {
            path: here.to_string(),
            found: received(&node.kind),
            wanted: KeyPath::from_steps(std::slice::from_ref(step)).to_string(),
        };
        let inner = format!("{}{}", self.indent_at(node.span.start), self.printer.indent);
        match (&node.kind, step) {
            (Kind::Object(members), Step::Key(key)) => {
                let like = members.last().map(|member| member.key_span.start);
                let quote = like.and_then(|at| self.text.get(at..)).and_then(|rest| rest.chars().next());
                let key = match quote {
                    Some('\'') if !key.contains(['\'', '\\']) && !key.contains(char::is_control) => {
                        format!("'{key}'")
                    }
                    Some('"' | '\'') => Value::from(key.as_str()).to_string(),
                    Some(_) if is_bare_key(key) => key.clone(),
                    None => self.printer.key(key),
                    Some(_) => Value::from(key.as_str()).to_string(),
                };
                let indent = like.map_or(inner.as_str(), |at| self.indent_at(at)).to_owned();
                let text = format!("{key}: {}", self.printer.print(value, &indent));
                let parts: Vec<Part> = members.iter().map(Part::from).collect();
                Ok(self.append(node, &parts, &text, &indent))
            }
            (Kind::Array(items), step) => {
                let index = step.as_index().ok_or_else(in_the_way)?;
                if index != items.len() {
                    return Err(ConfigError::BeyondEnd { path: here.to_string(), length: items.len() });
                }
                let indent = items
                    .last()
                    .map_or(inner.as_str(), |item| self.indent_at(item.value.span.start))
                    .to_owned();
                let parts: Vec<Part> = items.iter().map(Part::from).collect();
                Ok(self.append(node, &parts, &self.printer.print(value, &indent), &indent))
            }
            // `null` stands for "nothing yet".
            (Kind::Null, step) => {
                let whole = build(std::slice::from_ref(step), value);
                let text = self.printer.print(&whole, self.indent_at(node.span.start));
                Ok(vec![Change { range: node.span.start..node.span.end, text }])
            }
            _ => Err(in_the_way()),
        }
    }

    /// Adds `text` after the last part of the object or list `node`.
    fn append(&self, node: &Node, parts: &[Part], text: &str, indent: &str) -> Vec<Change> {
        let close = node.span.end - 1;
        let Some(last) = parts.last() else {
            let inside = self.text.get(node.span.start + 1..close).unwrap_or_default();
            if !self.printer.multi_line && inside.trim().is_empty() {
                let range = node.span.start + 1..close;
                let spaced =
                    if matches!(node.kind, Kind::Object(_)) { format!(" {text} ") } else { text.to_owned() };
                return vec![Change { range, text: spaced }];
            }
            // Comments that stand inside stay before the new part.
            let at = node.span.start + 1 + inside.trim_end().len();
            let outer = self.indent_at(node.span.start);
            let newline = self.printer.newline;
            return vec![Change {
                range: at..close,
                text: format!("{newline}{indent}{text}{newline}{outer}"),
            }];
        };
        let own_line = self.starts_line(last.range.start) && self.printer.multi_line;
        if !own_line {
            let (at, text) = match last.comma {
                Some(comma) => (comma + 1, format!(" {text},")),
                None => (last.range.end, format!(", {text}")),
            };
            return vec![Change { range: at..at, text }];
        }
        let after = last.comma.map_or(last.range.end, |comma| comma + 1);
        let tail = self.text.get(after..close).unwrap_or_default();
        let at = after + tail.trim_end().len();
        let newline = self.printer.newline;
        let trailing = if last.comma.is_some() { "," } else { "" };
        let mut added = format!("{newline}{indent}{text}{trailing}");
        if !self.text.get(at..close).unwrap_or_default().contains('\n') {
            added.push_str(newline);
            added.push_str(self.indent_at(node.span.start));
        }
        let comma = last.comma.is_none().then(|| Change { range: after..after, text: ",".to_owned() });
        match comma {
            // Both at one place: the comma has to come first.
            Some(_) if at == after => vec![Change { range: at..at, text: format!(",{added}") }],
            Some(comma) => vec![comma, Change { range: at..at, text: added }],
            None => vec![Change { range: at..at, text: added }],
        }
    }

    fn remove(&self, parts: &[Part], at: Option<usize>) -> Vec<Change> {
        let Some((at, part)) = at.and_then(|at| Some((at, parts.get(at)?))) else { return Vec::new() };
        let gone = |range: Range<usize>| Change { range, text: String::new() };
        let mut changes = Vec::new();
        let mut end = part.range.end;
        match part.comma {
            Some(comma) if self.text.get(end..comma).is_some_and(|between| between.trim().is_empty()) => {
                end = comma + 1
            }
            // A comment stands between: it stays.
            Some(comma) => changes.push(gone(comma..comma + 1)),
            // The last part without a comma: the one before it loses its own.
            None => {
                let before =
                    at.checked_sub(1).and_then(|before| parts.get(before)).and_then(|before| before.comma);
                changes.extend(before.map(|comma| gone(comma..comma + 1)));
            }
        }
        let rest = self.text.get(end..).unwrap_or_default();
        let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let after = rest.get(blank..).unwrap_or_default();
        let line_end = if after.starts_with("\r\n") { 2 } else { usize::from(after.starts_with('\n')) };
        let range = if self.starts_line(part.range.start) && line_end > 0 {
            // The whole line goes.
            part.range.start - self.indent_at(part.range.start).len()..end + blank + line_end
        } else {
            part.range.start..end + if after.starts_with(['}', ']', '\n', '\r']) { 0 } else { blank }
        };
        changes.push(gone(range));
        changes
    }

    /// The blanks at the start of the line that `offset` is in.
    fn indent_at(&self, offset: usize) -> &str {
        let start = self.line_start(offset);
        let line = self.text.get(start..).unwrap_or_default();
        let end = line.find(|c| c != ' ' && c != '\t').unwrap_or(line.len());
        line.get(..end).unwrap_or_default()
    }

    fn starts_line(&self, offset: usize) -> bool {
        self.line_start(offset) + self.indent_at(offset).len() == offset
    }

    fn line_start(&self, offset: usize) -> usize {
        self.text.get(..offset).unwrap_or_default().rfind('\n').map_or(0, |at| at + 1)
    }
}

/// `value` inside the objects and lists that `steps` name.
fn build(steps: &[Step], value: &Value) -> Value {
    steps.iter().rev().fold(value.clone(), |inner, step| match step {
        Step::Key(key) => Value::Object(Map::from_iter([(key.clone(), inner)])),
        Step::Index(_) => Value::Array(vec![inner]),
    })
}

/// The same change on values, for comparison.
fn put(at: &mut Value, steps: &[Step], value: &Value) {
    let Some((step, rest)) = steps.split_first() else {
        *at = value.clone();
        return;
    };
    match (at, step) {
        (Value::Object(map), Step::Key(key)) => match map.get_mut(key) {
            Some(next) => put(next, rest, value),
            None => {
                map.insert(key.clone(), build(rest, value));
            }
        },
        (Value::Array(items), step) => match step.as_index() {
            Some(index) if index < items.len() => {
                if let Some(next) = items.get_mut(index) {
                    put(next, rest, value);
                }
            }
            _ => items.push(build(rest, value)),
        },
        (at, _) => *at = build(steps, value),
    }
}

fn take(at: &mut Value, steps: &[Step]) {
    let Some((step, rest)) = steps.split_first() else { return };
    match (at, step) {
        (Value::Object(map), Step::Key(key)) if rest.is_empty() => {
            map.shift_remove(key);
        }
        (Value::Object(map), Step::Key(key)) => {
            if let Some(next) = map.get_mut(key) {
                take(next, rest);
            }
        }
        (Value::Array(items), step) => match step.as_index().filter(|index| *index < items.len()) {
            Some(index) if rest.is_empty() => {
                items.remove(index);
            }
            Some(index) => {
                if let Some(next) = items.get_mut(index) {
                    take(next, rest);
                }
            }
            None => {}
        },
        _ => {}
    }
}

fn root_is_empty(root: &Node) -> bool {
    matches!(&root.kind, Kind::Object(members) if members.is_empty())
}

/// How the first key of the file is written: most files are of one style.
fn first_key_is_bare(text: &str, root: &Node) -> bool {
    match &root.kind {
        Kind::Object(members) => members.first().is_some_and(|member| {
            !text.get(member.key_span.start..).unwrap_or_default().starts_with(['"', '\''])
        }),
        _ => false,
    }
}

/// One level of indentation: that of the file's first key, if it stands on a line of its own.
fn indent_unit(text: &str, root: &Node) -> String {
    let first = match &root.kind {
        Kind::Object(members) => members.first().map(|member| member.key_span.start),
        _ => None,
    };
    let line =
        first.and_then(|at| text.get(..at)).and_then(|before| before.rsplit_once('\n')).map(|(_, line)| line);
    match line {
        Some(blank) if !blank.is_empty() && blank.trim().is_empty() => blank.to_owned(),
        _ => "  ".to_owned(),
    }
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
