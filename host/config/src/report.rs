//! The verdict on one text: what is wrong where, and who has to stay out because of it.

use std::collections::BTreeMap;

use crate::model::{Config, NOT_CHANNELS};
use crate::path::{KeyPath, Step};

/// One thing that is wrong, or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Where, as a path that `config set` takes; `<root>` for the whole file.
    pub path: String,
    /// What is wrong and, where one is near, which name was probably meant.
    pub message: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Who cannot run because of it.
    pub owner: Owner,
}

/// Whose part of the file a place is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The gateway itself: it does not start.
    Gateway,
    /// `channels.<id>`: that channel does not start; the rest runs.
    Channel(String),
    /// `models.providers.<id>`: that provider is not used; the rest runs.
    Provider(String),
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
            _ => Self::Gateway,
        }
    }
}

impl std::fmt::Display for Issue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// What validation found. Command line and start-up use the same one.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What is wrong, in the order of the text.
    pub issues: Vec<Issue>,
    /// What works but is probably not meant.
    pub warnings: Vec<Issue>,
    /// The typed view; `None` when the text has no structure at all.
    pub config: Option<Config>,
}

impl Report {
    /// Nothing is wrong.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.issues.is_empty()
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
