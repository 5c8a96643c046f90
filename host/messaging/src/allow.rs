//! Owns allowlists: who is on them, and by which entry. Pure; `gateway` reads them from the configuration and fills in the
//! members of groups.

use std::fmt;

/// The prefix of an entry that stands for everybody in a group of `accessGroups`.
pub const ACCESS_GROUP: &str = "accessGroup:";

/// One entry of an allowlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// `*`
    Anyone,
    /// A sender's id, without a prefix. Compared case-insensitively.
    Sender(String),
    /// `accessGroup:<name>`
    Group {
        /// The key in `accessGroups`.
        name: String,
        /// Those of this channel. Empty for a group that is unknown or cannot be looked up: it lets nobody in.
        members: Vec<String>,
    },
}

impl Allowed {
    fn matches(&self, sender: &str) -> bool {
        match self {
            Self::Anyone => true,
            Self::Sender(id) => id.eq_ignore_ascii_case(sender),
            Self::Group { members, .. } => members.iter().any(|id| id.eq_ignore_ascii_case(sender)),
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => formatter.write_str("*"),
            Self::Sender(id) => formatter.write_str(id),
            Self::Group { name, .. } => write!(formatter, "{ACCESS_GROUP}{name}"),
        }
    }
}

/// Who is let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList(Vec<Allowed>);

impl AllowList {
    /// The first entry that lets this sender in.
    pub fn admits(&self, sender: &str) -> Option<&Allowed> {
        self.0.iter().find(|entry| entry.matches(sender))
    }

    /// The entries as people write them.
    pub fn entries(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// Nobody is on it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Allowed> for AllowList {
    fn from_iter<I: IntoIterator<Item = Allowed>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_let_in_by_an_entry() {
        let group = |members: &[&str]| Allowed::Group {
            name: "team".to_owned(),
            members: members.iter().map(|id| (*id).to_owned()).collect(),
        };
        let list: AllowList = [Allowed::Sender("U1".to_owned()), group(&["u2", "*"])].into_iter().collect();
        let by = |sender: &str| list.admits(sender).map(ToString::to_string);
        assert_eq!(by("u1").as_deref(), Some("U1"));
        assert_eq!(by("U2").as_deref(), Some("accessGroup:team"));
        assert_eq!(by("u3"), None, "a star among the members of a group is no wildcard");
        assert_eq!(list.entries(), ["U1", "accessGroup:team"]);
        let anyone: AllowList = [group(&[]), Allowed::Anyone].into_iter().collect();
        assert_eq!(anyone.admits("u3"), Some(&Allowed::Anyone));
    }
}
