//! What can go wrong with `openclaw.json`, worded for the person who has to mend it.

use std::io;
use std::path::PathBuf;

use crate::json5::SyntaxError;
use crate::report::Issue;

/// Why the configuration could not be read, judged or changed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read at all.
    #[error("Config file cannot be read: {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The file is too large or not text.
    #[error("Config file cannot be read: {}: {problem}", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// Why it cannot be a configuration.
        problem: String,
    },
    /// The file is not JSON5.
    #[error("Config file is not valid JSON5: {}: {cause}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        cause: SyntaxError,
    },
    /// There is no file.
    #[error("Config file not found: {}", path.display())]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The key exists and has no value.
    #[error(
        "Config path is valid but unset: {path}. The runtime default applies until you set it with openclaw config set {path} <value>."
    )]
    Unset {
        /// The path.
        path: String,
    },
    /// There is no such key.
    #[error("Unknown config path: {path}. Run openclaw config schema to inspect valid paths.")]
    UnknownPath {
        /// The path.
        path: String,
    },
    /// There is nothing to remove.
    #[error(
        "Config path not found: {path}. Nothing was changed. Run openclaw config get {path} to see what is set."
    )]
    NothingToRemove {
        /// The path.
        path: String,
    },
    /// Entries of a map or list that people add to would go.
    #[error(
        "Refusing to replace {path}: the entry \"{entry}\" would be removed. Add entries with --merge, or pass --replace if the new value is meant to be complete."
    )]
    WouldDrop {
        /// The map or list.
        path: String,
        /// One of the entries.
        entry: String,
    },
    /// The place is put together from several files.
    #[error("{path} comes from included files that no command can tell apart; edit the file by hand")]
    Included {
        /// The place of the include.
        path: String,
    },
    /// The edits belong to different files.
    #[error("the changes belong to different files ({first} and {second}); make them one after the other")]
    TwoFiles {
        /// One.
        first: String,
        /// Another.
        second: String,
    },
    /// The file would lose what it had.
    #[error("Config write rejected: {} ({reasons}).{}", path.display(), saved.as_ref().map(|saved| format!(" Rejected payload saved to {}.", saved.display())).unwrap_or_default())]
    WriteRejected {
        /// The file.
        path: PathBuf,
        /// The words of the objections.
        reasons: String,
        /// Where the refused text is kept.
        saved: Option<PathBuf>,
    },
    /// A deployment system owns the file.
    #[error("Config is managed externally (OPENCLAW_CONFIG_READONLY=1): {} is not changed. Change it where it is managed.", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The value is not the expected one any more.
    #[error("{path} is not what was expected; nothing was changed")]
    Unexpected {
        /// The path.
        path: String,
    },
    /// A value on the command line is not what the flags say.
    #[error("Invalid value for {path}: {problem}")]
    InvalidValue {
        /// The path it is for.
        path: String,
        /// Why.
        problem: String,
    },
    /// A path on the command line.
    #[error("`{path}` is not a config path: {problem} (write a.b, a[0].b or a[\"b.c\"])")]
    InvalidPath {
        /// What was written.
        path: String,
        /// Why it is not one.
        problem: String,
    },
    /// The path leads through something that has no parts.
    #[error("{path} is {found}; {wanted} cannot be set in it")]
    NotAContainer {
        /// The place that is in the way.
        path: String,
        /// What stands there.
        found: &'static str,
        /// The step that does not fit.
        wanted: String,
    },
    /// An index beyond the end of an array.
    #[error("{path} has {length} entries; the next free index is {length}")]
    BeyondEnd {
        /// The array.
        path: String,
        /// Its length.
        length: usize,
    },
    /// The change would make the file invalid.
    #[error("{}", rejection(issues))]
    Rejected {
        /// What would be wrong with it.
        issues: Vec<Issue>,
    },
    /// Another program changed the file in the meantime.
    #[error("config changed since last load; re-run the command ({})", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Another writer holds the lock for too long.
    #[error("another program is writing {} (waited 5 s); try again", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be written; the old one is still there.
    #[error("Config could not be written: {}: {cause} (the file is unchanged)", path.display())]
    Unwritable {
        /// The file that failed.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A change to the text did not have the intended meaning. Nothing was written.
    #[error("the edit of {path} would have changed something else; nothing was written (please report this)")]
    EditMismatch {
        /// The path of the edit.
        path: String,
    },
    /// `--bind` or the like.
    #[error("Invalid --bind (use \"loopback\", \"lan\", \"tailnet\", \"auto\", or \"custom\"): {0}")]
    InvalidBind(String),
    /// `--auth`
    #[error("Invalid --auth (use \"none\", \"token\", \"password\", or \"trusted-proxy\"): {0}")]
    InvalidAuthMode(String),
    /// No directory for the state.
    #[error("no home directory: set HOME, OPENCLAW_HOME or OPENCLAW_STATE_DIR")]
    NoHome,
    /// A profile name that cannot be part of a directory's name.
    #[error("`{0}` is not a profile name (use letters, digits, - and _, at most 64)")]
    InvalidProfile(String),
}

/// One line for each.
fn rejection(issues: &[Issue]) -> String {
    issues.iter().map(|issue| format!("Config validation failed: {issue}")).collect::<Vec<_>>().join("\n")
}

impl ConfigError {
    /// A stable word for scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } | Self::NotText { .. } => "CONFIG_UNREADABLE",
            Self::Syntax { .. } => "CONFIG_SYNTAX",
            Self::NotFound { .. } => "CONFIG_NOT_FOUND",
            Self::Unset { .. } | Self::NothingToRemove { .. } => "CONFIG_UNSET",
            Self::UnknownPath { .. } => "CONFIG_PATH_UNKNOWN",
            Self::InvalidValue { .. } => "CONFIG_VALUE_INVALID",
            Self::InvalidPath { .. } | Self::NotAContainer { .. } | Self::BeyondEnd { .. } => {
                "CONFIG_PATH_INVALID"
            }
            Self::Rejected { .. } => "CONFIG_INVALID",
            Self::WouldDrop { .. } => "CONFIG_WOULD_DROP",
            Self::Included { .. } | Self::TwoFiles { .. } => "CONFIG_INCLUDED",
            Self::WriteRejected { .. } => "CONFIG_WRITE_REJECTED",
            Self::ReadOnly { .. } => "CONFIG_READONLY",
            Self::Unexpected { .. } => "CONFIG_UNEXPECTED",
            Self::Changed { .. } => "CONFIG_CHANGED",
            Self::Locked { .. } => "CONFIG_LOCKED",
            Self::Unwritable { .. } => "CONFIG_UNWRITABLE",
            Self::EditMismatch { .. } => "CONFIG_EDIT_MISMATCH",
            Self::InvalidBind(_) | Self::InvalidAuthMode(_) => "CONFIG_FLAG_INVALID",
            Self::NoHome => "CONFIG_NO_HOME",
            Self::InvalidProfile(_) => "CONFIG_PROFILE_INVALID",
        }
    }
}
