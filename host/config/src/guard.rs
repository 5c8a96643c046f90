//! The one table of verdicts: whether a text may take the place of the one before it. Command line, start and reload
//! ask the same question; they differ only in what they do with a refusal.

use crate::report::Report;

/// Below this a file is too small for its size to say anything.
const SMALL: usize = 512;

/// What is remembered of a configuration for comparing the next one with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The length of all its files, in bytes.
    pub bytes: usize,
    /// It has a `gateway.mode`.
    pub has_mode: bool,
}

impl Standing {
    /// Of a text and the verdict on it.
    #[must_use]
    pub fn of(text: &str, report: &Report) -> Self {
        let included = report.included.iter().map(|included| included.source.text.len());
        let has_mode = report.config.as_ref().is_some_and(|config| config.gateway.mode.is_some());
        Self { bytes: text.len() + included.sum::<usize>(), has_mode }
    }
}

/// Why a text is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objection {
    /// It has faults that concern the gateway itself, each as `path: message`.
    Invalid(Vec<String>),
    /// It cannot be read at all.
    Unreadable(String),
    /// `gateway.mode` was there and is gone: the mark of a file that something overwrote.
    ModeRemoved,
    /// Less than half is left.
    SizeDrop {
        /// Bytes before.
        old: usize,
        /// Bytes now.
        new: usize,
    },
}

impl Objection {
    /// The word that logs and commands use (openclaw-compat §5.9).
    #[must_use]
    pub fn token(&self) -> String {
        match self {
            Self::Invalid(_) => "invalid-config".to_owned(),
            Self::Unreadable(_) => "unreadable-config".to_owned(),
            Self::ModeRemoved => "gateway-mode-removed".to_owned(),
            Self::SizeDrop { old, new } => format!("size-drop:{old}->{new}"),
        }
    }

    /// What a person has to know beyond the word.
    #[must_use]
    pub fn details(&self) -> Option<String> {
        match self {
            Self::Invalid(issues) => Some(issues.join("; ")),
            Self::Unreadable(why) => Some(why.clone()),
            Self::ModeRemoved | Self::SizeDrop { .. } => None,
        }
    }
}

/// The objections to a text as the next configuration; none means that it is accepted. `before` is the one that it
/// follows, if one is known.
#[must_use]
pub fn objections(before: Option<Standing>, text: &str, report: &Report) -> Vec<Objection> {
    let mut objections = Vec::new();
    let blocking: Vec<String> = report.blocking().map(ToString::to_string).collect();
    if !blocking.is_empty() {
        objections.push(Objection::Invalid(blocking));
    }
    objections.extend(losses(before, text, report));
    objections
}

/// What a text has lost against the one before it.
pub(crate) fn losses(before: Option<Standing>, text: &str, report: &Report) -> Vec<Objection> {
    let Some(before) = before else { return Vec::new() };
    let now = Standing::of(text, report);
    let mut losses = Vec::new();
    // A text without structure has lost nothing in particular.
    if before.has_mode && !now.has_mode && report.config.is_some() {
        losses.push(Objection::ModeRemoved);
    }
    if before.bytes >= SMALL && now.bytes < before.bytes / 2 {
        losses.push(Objection::SizeDrop { old: before.bytes, new: now.bytes });
    }
    losses
}

/// The words of all objections, for a sentence.
#[must_use]
pub fn tokens(objections: &[Objection]) -> String {
    objections.iter().map(Objection::token).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::basis::testing;

    fn judged(text: &str) -> Report {
        testing::judged(text, &testing::plugins([]))
    }

    #[test]
    fn what_was_lost_is_named() {
        let long = format!("{{gateway: {{mode: 'local'}}, meta: {{x: '{}'}}}}", "y".repeat(600));
        let before = Standing::of(&long, &judged(&long));
        let check = |text: &str, expected: &str| {
            assert_eq!(tokens(&objections(Some(before), text, &judged(text))), expected, "{text}");
        };
        check(&long, "");
        check(&long.replace("mode: 'local'", "port: 5"), "gateway-mode-removed");
        check("{gateway: {mode: 'local'}}", &format!("size-drop:{}->26", long.len()));
        check("{}", &format!("gateway-mode-removed, size-drop:{}->2", long.len()));
        check("{gateway: {prot: 1", &format!("invalid-config, size-drop:{}->18", long.len()));
        check(&long.replace("mode: 'local'", "mode: 'local', prot: 1"), "invalid-config");
        check(&long.replace("meta: {", "models: {providers: {p: 1}}, meta: {"), "");
    }

    #[test]
    fn a_small_file_may_shrink_and_a_first_one_has_lost_nothing() {
        let small = "{gateway: {mode: 'local', port: 12345, bind: 'loopback'}}";
        let text = "{gateway: {mode: 'local'}}";
        assert_eq!(objections(Some(Standing::of(small, &judged(small))), text, &judged(text)), []);
        assert_eq!(objections(None, "{}", &judged("{}")), []);
    }
}
