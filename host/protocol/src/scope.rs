//! What a connection may do.

use serde::{Deserialize, Serialize};

/// One permission of an operator's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// See the state.
    #[serde(rename = "operator.read")]
    Read,
    /// Run turns and send messages.
    #[serde(rename = "operator.write")]
    Write,
    /// Everything.
    #[serde(rename = "operator.admin")]
    Admin,
    /// Answer approval requests.
    #[serde(rename = "operator.approvals")]
    Approvals,
    /// Let senders and devices in.
    #[serde(rename = "operator.pairing")]
    Pairing,
    /// Answer an agent's questions.
    #[serde(rename = "operator.questions")]
    Questions,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 6] =
        [Self::Read, Self::Write, Self::Admin, Self::Approvals, Self::Pairing, Self::Questions];

    /// The scope as it travels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "operator.read",
            Self::Write => "operator.write",
            Self::Admin => "operator.admin",
            Self::Approvals => "operator.approvals",
            Self::Pairing => "operator.pairing",
            Self::Questions => "operator.questions",
        }
    }

    /// The scope of that name, if it is one that this program knows.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }

    /// Whether a connection that holds `self` may do what needs `needed`: admin may do everything, write may read.
    #[must_use]
    pub fn covers(self, needed: Self) -> bool {
        self == needed || self == Self::Admin || (self == Self::Write && needed == Self::Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.as_str()), Some(scope));
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
        }
        assert_eq!(Scope::parse("operator.nope"), None);
    }

    #[test]
    fn admin_covers_all_and_write_covers_read() {
        assert!(Scope::ALL.into_iter().all(|scope| Scope::Admin.covers(scope)));
        assert!(Scope::Write.covers(Scope::Read));
        assert!(!Scope::Read.covers(Scope::Write));
        assert!(!Scope::Write.covers(Scope::Pairing));
    }
}
