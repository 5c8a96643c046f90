//! Which bytes of a text have to change so that one value is set or removed, and how the new ones are written: like
//! their neighbours. What the change means is not its business.

use std::ops::Range;

use serde_json::Value;

use super::{Change, build};
use crate::ConfigError;
use crate::check::received;
use crate::json5::{self, Item, Kind, Member, Node};
use crate::path::{KeyPath, Step};
use crate::print::{Printer, is_bare_key};

/// A member or an item, as far as its place is concerned.
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
pub(super) struct Editor<'t> {
    text: &'t str,
    printer: Printer,
}

impl<'t> Editor<'t> {
    pub(super) fn new(text: &'t str, root: &Node) -> Self {
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let multi_line = text.trim().contains('\n') || root_is_empty(root);
        let bare_keys = first_key_is_bare(text, root);
        Self { text, printer: Printer { indent: indent_unit(text, root), newline, multi_line, bare_keys } }
    }

    pub(super) fn set(&self, root: &Node, path: &KeyPath, value: &Value) -> Result<Vec<Change>, ConfigError> {
        if root.span.start == root.span.end {
            return self.begin(path, value);
        }
        let mut node = root;
        for (n, step) in path.steps().iter().enumerate() {
            let Some(next) = node.child(step) else { return self.insert(node, path, n, value) };
            node = next;
        }
        let text = self.printer.print(value, self.indent_at(node.span.start));
        Ok(vec![Change { range: node.span.start..node.span.end, text }])
    }

    /// The first value in a text of blanks and comments: it comes after them.
    fn begin(&self, path: &KeyPath, value: &Value) -> Result<Vec<Change>, ConfigError> {
        starts_lists_at_0(path, 0)?;
        let end = self.text.len();
        let newline = self.printer.newline;
        let last_line = self.text.get(self.line_start(end)..).unwrap_or_default();
        let lead = if last_line.trim_start_matches('\u{feff}').is_empty() { "" } else { newline };
        let text = self.printer.print(&build(path.steps(), value), "");
        Ok(vec![Change { range: end..end, text: format!("{lead}{text}{newline}") }])
    }

    /// Adds `value` below `node`, which stands at the first `depth` steps of `path` and does not have the next one.
    fn insert(
        &self,
        node: &Node,
        path: &KeyPath,
        depth: usize,
        value: &Value,
    ) -> Result<Vec<Change>, ConfigError> {
        let (here, rest) = path.steps().split_at_checked(depth).unwrap_or_default();
        let here = KeyPath::from_steps(here);
        let Some((step, below)) = rest.split_first() else { return Ok(Vec::new()) };
        let in_the_way = || ConfigError::NotAContainer {
            path: here.to_string(),
            found: received(&node.kind),
            wanted: KeyPath::from_steps(std::slice::from_ref(step)).to_string(),
        };
        let inner = format!("{}{}", self.indent_at(node.span.start), self.printer.indent);
        match (&node.kind, step) {
            (Kind::Object(members), Step::Key(key)) => {
                starts_lists_at_0(path, depth + 1)?;
                let like = members.last().map(|member| member.key_span.start);
                let indent = like.filter(|at| self.starts_line(*at)).map_or(&*inner, |at| self.indent_at(at));
                let value = self.printer.print(&build(below, value), indent);
                let text = format!("{}: {value}", self.key_like(like, key));
                let parts: Vec<Part> = members.iter().map(Part::from).collect();
                Ok(self.append(node, &parts, &text, indent))
            }
            (Kind::Array(items), step) => {
                let index = step.as_index().ok_or_else(in_the_way)?;
                if index != items.len() {
                    return Err(ConfigError::BeyondEnd { path: here.to_string(), length: items.len() });
                }
                starts_lists_at_0(path, depth + 1)?;
                let like = items.last().map(|item| item.value.span.start);
                let indent = like.filter(|at| self.starts_line(*at)).map_or(&*inner, |at| self.indent_at(at));
                let parts: Vec<Part> = items.iter().map(Part::from).collect();
                Ok(self.append(node, &parts, &self.printer.print(&build(below, value), indent), indent))
            }
            // `null` stands for "nothing yet".
            (Kind::Null, _) => {
                starts_lists_at_0(path, depth)?;
                let text = self.printer.print(&build(rest, value), self.indent_at(node.span.start));
                Ok(vec![Change { range: node.span.start..node.span.end, text }])
            }
            _ => Err(in_the_way()),
        }
    }

    /// A key, quoted like the one that stands at `like`.
    fn key_like(&self, like: Option<usize>, key: &str) -> String {
        let quote = like.and_then(|at| self.text.get(at..)).and_then(|rest| rest.chars().next());
        match quote {
            None => self.printer.key(key),
            Some('\'') if !key.contains(['\'', '\\']) && !key.contains(char::is_control) => {
                format!("'{key}'")
            }
            Some(c) if !matches!(c, '"' | '\'') && is_bare_key(key) => key.to_owned(),
            Some(_) => Value::from(key).to_string(),
        }
    }

    /// Adds `text` after the last part of the object or list `node`, and after the comments on that part.
    fn append(&self, node: &Node, parts: &[Part], text: &str, indent: &str) -> Vec<Change> {
        let close = node.span.end - 1;
        let newline = self.printer.newline;
        let outer = self.indent_at(node.span.start);
        let Some(last) = parts.last() else { return vec![self.first(node, text, indent)] };
        let comments = json5::comments(self.text, last.range.end..close);
        let on_own_line = self.starts_line(last.range.start) && self.printer.multi_line;
        let comment_end = comments.last().map_or(0, |comment| comment.end);
        let at = comment_end.max(last.comma.map_or(last.range.end, |comma| comma + 1));
        if !on_own_line && !comments.iter().any(|comment| self.runs_to_line_end(comment.start)) {
            let text = if last.comma.is_some() { format!(" {text},") } else { format!(", {text}") };
            return vec![Change { range: at..at, text }];
        }
        let trailing = if last.comma.is_some() { "," } else { "" };
        let mut added = format!("{newline}{indent}{text}{trailing}");
        if !self.text.get(at..close).unwrap_or_default().contains('\n') {
            added.push_str(newline);
            added.push_str(outer);
        }
        match last.comma {
            Some(_) => vec![Change { range: at..at, text: added }],
            // Both at one place: the comma has to come first.
            None if at == last.range.end => vec![Change { range: at..at, text: format!(",{added}") }],
            None => {
                let comma = Change { range: last.range.end..last.range.end, text: ",".to_owned() };
                vec![comma, Change { range: at..at, text: added }]
            }
        }
    }

    /// Puts `text` as the only part into the empty object or list `node`, after the comments in it. Blanks before the
    /// closing bracket give way.
    fn first(&self, node: &Node, text: &str, indent: &str) -> Change {
        let (open, close) = (node.span.start + 1, node.span.end - 1);
        let comments = json5::comments(self.text, open..close);
        let at = comments.last().map_or(open, |comment| comment.end);
        let spread =
            self.printer.multi_line || comments.iter().any(|comment| self.runs_to_line_end(comment.start));
        let text = if spread {
            let (newline, outer) = (self.printer.newline, self.indent_at(node.span.start));
            format!("{newline}{indent}{text}{newline}{outer}")
        } else if matches!(node.kind, Kind::Object(_)) || at > open {
            format!(" {text} ")
        } else {
            text.to_owned()
        };
        Change { range: at..close, text }
    }

    /// The changes that take out what stands at `path`; none when nothing does.
    pub(super) fn remove(&self, root: &Node, path: &KeyPath) -> Vec<Change> {
        let Some((last, parents)) = path.steps().split_last() else { return Vec::new() };
        let parent = parents.iter().try_fold(root, |node, step| node.child(step));
        let (parts, at): (Vec<Part>, _) = match parent.map(|parent| &parent.kind) {
            Some(Kind::Object(members)) => {
                let is_it = |member: &Member| matches!(last, Step::Key(key) if *key == member.key);
                (members.iter().map(Part::from).collect(), members.iter().position(is_it))
            }
            Some(Kind::Array(items)) => (items.iter().map(Part::from).collect(), last.as_index()),
            _ => return Vec::new(),
        };
        let Some((at, part)) = at.and_then(|at| Some((at, parts.get(at)?))) else { return Vec::new() };
        let gone = |range: Range<usize>| Change { range, text: String::new() };
        let mut changes = Vec::new();
        let mut end = part.range.end;
        match part.comma {
            Some(comma) if json5::comments(self.text, end..comma).is_empty() => end = comma + 1,
            // A comment stands between: it stays.
            Some(comma) => changes.push(gone(comma..comma + 1)),
            // The last part without a comma: the one before it loses its own.
            None => {
                let before = at.checked_sub(1).and_then(|before| parts.get(before));
                changes.extend(before.and_then(|before| before.comma).map(|comma| gone(comma..comma + 1)));
            }
        }
        changes.push(gone(self.with_blanks(part.range.start, end)));
        changes
    }

    /// `start..end` and the blanks that nobody needs without it: the whole line, or those up to what follows.
    fn with_blanks(&self, start: usize, end: usize) -> Range<usize> {
        let rest = self.text.get(end..).unwrap_or_default();
        let after = rest.trim_start_matches([' ', '\t']);
        let blank = rest.len() - after.len();
        let line_end = if after.starts_with("\r\n") { 2 } else { usize::from(after.starts_with('\n')) };
        if self.starts_line(start) && line_end > 0 {
            self.line_start(start)..end + blank + line_end
        } else if after.starts_with(['}', ']', '\n', '\r']) {
            start..end
        } else {
            start..end + blank
        }
    }

    fn runs_to_line_end(&self, comment: usize) -> bool {
        self.text.get(comment..).is_some_and(|comment| comment.starts_with("//"))
    }

    /// The blanks at the start of the line that `offset` is in.
    fn indent_at(&self, offset: usize) -> &str {
        let line = self.text.get(self.line_start(offset)..).unwrap_or_default();
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

/// A list that is made on the way begins with its first entry, so that the path leads to the value afterwards.
fn starts_lists_at_0(path: &KeyPath, from: usize) -> Result<(), ConfigError> {
    match path.steps().iter().enumerate().skip(from).find(|(_, step)| matches!(step, Step::Index(1..))) {
        Some((n, _)) => {
            let list = KeyPath::from_steps(path.steps().get(..n).unwrap_or_default());
            Err(ConfigError::BeyondEnd { path: list.to_string(), length: 0 })
        }
        None => Ok(()),
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
        Some(blank) if !blank.is_empty() && blank.trim_matches([' ', '\t']).is_empty() => blank.to_owned(),
        _ => "  ".to_owned(),
    }
}
