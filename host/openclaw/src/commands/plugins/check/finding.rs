//! One thing that an author should change: where, what, and what to write.

use openclaw_packages::PackageError;
use serde_json::{Value, json};

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Severity {
    /// No gateway takes it, or it cannot work.
    Error,
    /// It works, and is not what an author means.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Finding {
    pub(super) severity: Severity,
    /// A stable word for programs.
    pub(super) code: &'static str,
    /// Below the plugin's folder.
    pub(super) file: String,
    /// From 1.
    pub(super) line: Option<usize>,
    pub(super) problem: String,
    /// What to write.
    pub(super) fix: String,
}

impl Finding {
    pub(super) fn error(
        code: &'static str,
        file: &str,
        problem: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let (problem, fix) = (problem.into(), fix.into());
        Self { severity: Severity::Error, code, file: file.to_owned(), line: None, problem, fix }
    }

    pub(super) fn warning(
        code: &'static str,
        file: &str,
        problem: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, file, problem, fix) }
    }

    pub(super) fn at(mut self, line: Option<usize>) -> Self {
        self.line = line;
        self
    }

    pub(in super::super) fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    pub(in super::super) fn to_json(&self) -> Value {
        json!({
            "severity": if self.is_error() { "error" } else { "warning" }, "code": self.code, "file": self.file,
            "line": self.line, "problem": self.problem, "fix": self.fix,
        })
    }
}

/// A manifest or schema that does not hold together. `text` is the manifest.
pub(super) fn of_package(error: &PackageError, text: &str) -> Finding {
    let code = error.code();
    match error {
        PackageError::Manifest { key, problem, fix, .. } => {
            Finding::error(code, "plugin.toml", format!("{key}: {problem}"), fix).at(line_of(text, key))
        }
        PackageError::Syntax { detail, .. } => {
            // The parser draws a picture under its first line.
            let lines: Vec<&str> = detail.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            let at =
                lines.first().and_then(|first| first.split("line ").nth(1)?.split(',').next()?.parse().ok());
            let said = lines.last().copied().unwrap_or(detail);
            Finding::error(code, "plugin.toml", said, "docs/plugins/manifest.md has every table and key")
                .at(at)
        }
        PackageError::Schema { file, cause } => {
            Finding::error(code, file, cause.to_string(), "write a JSON Schema of draft 2020-12")
                .at(Some(cause.line()))
        }
        other => Finding::error(code, "plugin.toml", other.to_string(), "see the message"),
    }
}

/// The line on which a key of the manifest stands, as `http[1].origin` names it; that of its table where the key is not there.
pub(super) fn line_of(text: &str, key: &str) -> Option<usize> {
    let (table, rest) = key.split_once('.').unwrap_or((key, ""));
    let (table, number) = match table.split_once('[') {
        Some((table, number)) => (table, number.trim_end_matches(']').parse::<usize>().ok()?),
        None => (table, 0),
    };
    let headers = [format!("[{table}]"), format!("[[{table}]]")];
    let lines = || text.lines().map(str::trim).enumerate();
    let is_header =
        |line: &str| headers.iter().any(|header| line.split('#').next().map(str::trim) == Some(header));
    let begin = lines().filter(|(_, line)| is_header(line)).nth(number)?.0;
    let wanted: Vec<&str> = rest.split(['.', '/']).collect();
    let within = lines().skip(begin + 1).take_while(|(_, line)| {
        !(line.starts_with('[')
            && !line.starts_with(&format!("[{table}."))
            && !line.starts_with(&format!("[[{table}.")))
    });
    let assigns = |line: &str| line.split_once('=').is_some_and(|(left, _)| wanted.contains(&left.trim()));
    let line = within.filter(|(_, line)| assigns(line)).map(|(at, _)| at).next();
    Some(line.unwrap_or(begin) + 1)
}

#[cfg(test)]
mod tests {
    use openclaw_packages::Manifest;

    use super::*;

    const TEXT: &str = "[plugin]\nid = \"x\"\n\n[[http]] # one\nname = \"a\"\n[[http]]\nname = \"b\"\norigin = \"http://b\"\n\n[channel]\ntext-limit = 1\n[channel.policy]\ndm-policy = \"x\"\n";

    #[test]
    fn a_key_has_a_line() {
        let check = |key: &str, line: Option<usize>| assert_eq!(line_of(TEXT, key), line, "{key}");
        check("plugin.id", Some(2));
        check("http[0].name", Some(5));
        check("http[1].origin", Some(8));
        check("http[0].origin", Some(4));
        check("http[2].origin", None);
        check("channel.policy.dm-policy", Some(13));
        check("secret[0].name", None);
    }

    #[test]
    fn what_the_parser_says_keeps_its_line() {
        let error = Manifest::parse("[plugin]\nid = \"x\"\nlabl = \"X\"\n", "plugin.toml").unwrap_err();
        let finding = of_package(&error, "");
        assert_eq!((finding.line, finding.code), (Some(3), "PLUGIN_MANIFEST_INVALID"));
        assert!(finding.problem.contains("unknown field `labl`"), "{finding:?}");
    }
}
