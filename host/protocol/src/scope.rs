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
    /// See the sessions.
    #[serde(rename = "operator.sessions.read")]
    SessionsRead,
    /// Change the sessions.
    #[serde(rename = "operator.sessions.write")]
    SessionsWrite,
    /// Talk by voice.
    #[serde(rename = "operator.talk")]
    Talk,
    /// Be given what a voice client needs to reach its provider by itself.
    #[serde(rename = "operator.talk.secrets")]
    TalkSecrets,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 10] = [
        Self::Read,
        Self::Write,
        Self::Admin,
        Self::Approvals,
        Self::Pairing,
        Self::Questions,
        Self::SessionsRead,
        Self::SessionsWrite,
        Self::Talk,
        Self::TalkSecrets,
    ];

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
            Self::SessionsRead => "operator.sessions.read",
            Self::SessionsWrite => "operator.sessions.write",
            Self::Talk => "operator.talk",
            Self::TalkSecrets => "operator.talk.secrets",
        }
    }

    /// The scope of that name, if it is one that this program knows.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }

    /// Whether a connection that holds `self` may do what needs `needed` (openclaw-compat §2.13): admin may do
    /// everything, write may read, talk and change sessions, read may see sessions.
    #[must_use]
    pub fn covers(self, needed: Self) -> bool {
        self == needed
            || match self {
                Self::Admin => true,
                Self::Write => {
                    matches!(needed, Self::Read | Self::Talk | Self::SessionsRead | Self::SessionsWrite)
                }
                Self::Read => needed == Self::SessionsRead,
                _ => false,
            }
    }

    /// Whether every scope of `needed` is covered by one of `held`.
    #[must_use]
    pub fn all_covered(held: &[Self], needed: &[Self]) -> bool {
        needed.iter().all(|scope| held.iter().any(|other| other.covers(*scope)))
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
        for implied in [Scope::Talk, Scope::SessionsRead, Scope::SessionsWrite] {
            assert!(Scope::Write.covers(implied));
        }
        assert!(Scope::Read.covers(Scope::SessionsRead));
        assert!(!Scope::Read.covers(Scope::SessionsWrite));
        assert!(!Scope::Write.covers(Scope::TalkSecrets) && !Scope::Talk.covers(Scope::TalkSecrets));
        assert!(Scope::all_covered(&[Scope::Write], &[Scope::Read, Scope::Talk]));
        assert!(!Scope::all_covered(&[Scope::Write], &[Scope::Read, Scope::Pairing]));
    }
}
