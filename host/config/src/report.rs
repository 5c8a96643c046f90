//! The verdict on one text: what is wrong where, and who has to stay out because of it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use crate::include::Included;
use crate::migrate::Moved;
use crate::model::{Config, NOT_CHANNELS};
use crate::path::{KeyPath, Step};

/// One thing that is wrong, or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Where, as a path that `config set` takes; `<root>` for the whole file.
    pub path: String,
    /// What is wrong and, where one is near, which name was probably meant.
    pub message: String,
    /// The included file that it stands in; `None` for the configuration file itself.
    pub file: Option<PathBuf>,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Who cannot run because of it.
    pub owner: Owner,
}

impl Issue {
    /// `line 3, column 5`, with the file where it is an included one.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.file {
            Some(file) => format!("{}, line {}, column {}", file.display(), self.line, self.column),
            None => format!("line {}, column {}", self.line, self.column),
        }
    }
}

/// Where something stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The included file; `None` for the configuration file itself.
    pub file: Option<PathBuf>,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// Whose part of the file a place is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The gateway itself: it does not start, and a write is refused.
    Gateway,
    /// `channels.<id>`: that channel does not start; the rest runs.
    Channel(String),
    /// `models.providers.<id>`: that provider is not used; the rest runs.
    Provider(String),
    /// `hooks`: no hook is served; the rest runs.
    Hooks,
    /// `plugins.entries.<id>`: what it says of that plugin is not used; the rest runs.
    Plugin(String),
}

impl Owner {
    pub(crate) fn of(path: &KeyPath) -> Self {
        let key = |n: usize| match path.steps().get(n) {
            Some(Step::Key(key)) => Some(key.as_str()),
            Some(Step::Index(_)) | None => None,
        };
        match (key(0), key(1), key(2)) {
            (Some("channels"), Some(id), _) if !NOT_CHANNELS.contains(&id) => Self::Channel(id.to_owned()),
            (Some("models"), Some("providers"), Some(id)) => Self::Provider(id.to_owned()),
            (Some("hooks"), ..) => Self::Hooks,
            (Some("plugins"), Some("entries"), Some(id)) => Self::Plugin(id.to_owned()),
            _ => Self::Gateway,
        }
    }

    /// The section, as a path.
    #[must_use]
    pub fn section(&self) -> String {
        let below = |keys: &[&str]| KeyPath::from_keys(keys).to_string();
        match self {
            Self::Gateway => KeyPath::root().to_string(),
            Self::Channel(id) => below(&["channels", id]),
            Self::Provider(id) => below(&["models", "providers", id]),
            Self::Hooks => below(&["hooks"]),
            Self::Plugin(id) => below(&["plugins", "entries", id]),
        }
    }

    /// What does not happen because of the fault, for people.
    #[must_use]
    pub fn consequence(&self) -> String {
        match self {
            Self::Gateway => "the gateway does not start with it".to_owned(),
            Self::Channel(id) => format!("the channel {id} does not start; the rest runs"),
            Self::Provider(id) => format!("the provider {id} is not used; the rest runs"),
            Self::Hooks => "no hook is served; the rest runs".to_owned(),
            Self::Plugin(id) => format!("what it says of the plugin {id} is not used; the rest runs"),
        }
    }
}

impl std::fmt::Display for Issue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// What validation found. Command line, start-up and reload use the same one.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What is wrong, in the order of the text.
    pub issues: Vec<Issue>,
    /// What works but is probably not meant.
    pub warnings: Vec<Issue>,
    /// Older spellings, which were read as the new ones.
    pub moved: Vec<Moved>,
    /// Keys that are known and do nothing in this gateway.
    pub unused: Vec<Issue>,
    /// The typed view; `None` when the text has no structure at all.
    pub config: Option<Config>,
    /// The whole document, its includes, older spellings and variables resolved; `null` when the text has no structure.
    pub document: Value,
    /// The files that belong to it besides the configuration file itself.
    pub included: Vec<Included>,
    /// The files that it asks for, there or not.
    pub wanted: Vec<PathBuf>,
}

impl Report {
    /// The gateway can run with it, though perhaps not every part of it.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.blocking().next().is_none()
    }

    /// The issues for which the gateway itself refuses to start and a write is refused.
    pub fn blocking(&self) -> impl Iterator<Item = &Issue> {
        self.issues.iter().filter(|issue| issue.owner == Owner::Gateway)
    }

    /// Who has to stay out while the gateway runs, and the first reason for each.
    #[must_use]
    pub fn disabled(&self) -> BTreeMap<Owner, &Issue> {
        let mut owners = BTreeMap::new();
        for issue in self.issues.iter().filter(|issue| issue.owner != Owner::Gateway) {
            owners.entry(issue.owner.clone()).or_insert(issue);
        }
        owners
    }
}
