//! What a check found, and how it is shown.

use serde::Serialize;

use crate::output::{Output, table::wrap};

/// The widest that a list of details becomes.
const WIDEST: usize = 100;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// Worth knowing.
    Info,
    /// Something will not work as expected.
    Warning,
    /// Something does not work.
    Error,
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing to do something about.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finding {
    pub(super) check_id: &'static str,
    pub(super) severity: Severity,
    pub(super) message: String,
    /// A path in the configuration, or a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    /// The included file that the line is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) column: Option<usize>,
    /// The things that the message is about, if they are many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) details: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix_hint: Option<String>,
}

impl Finding {
    pub(super) fn new(check_id: &'static str, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            check_id,
            severity,
            message: message.into(),
            path: None,
            file: None,
            line: None,
            column: None,
            details: Vec::new(),
            fix_hint: None,
        }
    }

    pub(super) fn at(self, path: impl Into<String>) -> Self {
        Self { path: Some(path.into()), ..self }
    }

    pub(super) fn fix(self, hint: impl Into<String>) -> Self {
        Self { fix_hint: Some(hint.into()), ..self }
    }

    /// `gateway.port, line 3`
    fn place(&self) -> Option<String> {
        let line = self.line.map(|line| format!("line {line}"));
        let parts: Vec<&str> =
            [&self.path, &self.file, &line].into_iter().filter_map(|part| part.as_deref()).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// What the checks found, and how many there were.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) run: usize,
    pub(super) skipped: usize,
    pub(super) found: Vec<Finding>,
}

impl Findings {
    pub(super) fn ran(&mut self, found: impl IntoIterator<Item = Finding>) {
        self.run += 1;
        self.found.extend(found);
    }

    /// What is only worth knowing is no failure.
    pub(super) fn is_ok(&self) -> bool {
        self.found.iter().all(|finding| finding.severity == Severity::Info)
    }

    /// One line a finding.
    pub(super) fn lint(&self) -> String {
        let mut lines =
            vec![format!("doctor --lint: ran {} check(s), {} finding(s)", self.run, self.found.len())];
        for finding in &self.found {
            let place = finding.place().map(|place| format!(" {place}")).unwrap_or_default();
            let details = match finding.details.as_slice() {
                [] => String::new(),
                details => format!(" {}", details.join(", ")),
            };
            lines.push(format!(
                "  [{}] {}{place} - {}{details}",
                finding.severity.word(),
                finding.check_id,
                finding.message
            ));
            lines.extend(finding.fix_hint.as_ref().map(|hint| format!("    fix: {hint}")));
        }
        lines.join("\n")
    }

    /// For people, without a heading.
    pub(super) fn text(&self, output: Output) -> String {
        let mut lines = Vec::new();
        for finding in &self.found {
            let word = finding.severity.word();
            let word = match finding.severity {
                Severity::Info => word.to_owned(),
                Severity::Warning => output.warn(word),
                Severity::Error => output.bad(word),
            };
            let place = finding.place().map(|place| format!(" ({place})")).unwrap_or_default();
            lines.push(format!("{word}: {}{place}", finding.message));
            if !finding.details.is_empty() {
                let width = output.columns.unwrap_or(WIDEST).clamp(20, WIDEST) - 2;
                let details = wrap(&finding.details.join(", "), width);
                lines.extend(details.iter().map(|line| format!("  {line}")));
            }
            lines.extend(finding.fix_hint.as_ref().map(|hint| format!("  fix: {hint}")));
        }
        if self.is_ok() {
            lines.push(output.good("Nothing to mend."));
        }
        let skipped = if self.skipped > 0 { format!(", {} skipped", self.skipped) } else { String::new() };
        lines.push(format!("\nRan {} checks{skipped}. Doctor complete.", self.run));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_its_check_its_place_and_its_fix() {
        let mut findings = Findings::default();
        findings.ran([Finding {
            line: Some(3),
            ..Finding::new("core/doctor/x", Severity::Warning, "it is wrong")
                .at("gateway.bind")
                .fix("mend it")
        }]);
        assert_eq!(
            findings.lint(),
            "doctor --lint: ran 1 check(s), 1 finding(s)\n  [warning] core/doctor/x gateway.bind, line 3 - it is \
             wrong\n    fix: mend it"
        );
        assert!(!findings.is_ok());
    }

    #[test]
    fn what_is_only_worth_knowing_is_no_failure_and_is_wrapped() {
        let mut findings = Findings::default();
        let details = (0..20).map(|n| format!("some.key{n}")).collect();
        findings.ran([Finding { details, ..Finding::new("x", Severity::Info, "Accepted, not used:") }]);
        assert!(findings.is_ok());
        let text = findings.text(Output { columns: Some(40), color: false });
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        assert!(text.contains("\n  some.key0, some.key1,"), "{text}");
        assert!(text.contains("Nothing to mend."), "{text}");
    }
}
