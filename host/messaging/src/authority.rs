//! Owns who may give commands in a chat and who is the owner. Pure; `gateway` reads both lists from the configuration.

use openclaw_store::{SenderInfo, SenderKind};

use crate::allow::AllowList;

/// Who may give commands on one channel (`commands.*`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandRules {
    /// Who may give any. `None`: everybody who is let in.
    pub allow_from: Option<AllowList>,
    /// Sender ids of the owners on this channel. No list and no `*` makes an owner: each is named.
    pub owners: Vec<String>,
    /// Owners are named for some channel: whom a first approval made the owner is none any more.
    pub owners_named: bool,
}

/// What one sender may do in a chat beside talking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Authority {
    /// Give commands. Without it a command is text.
    pub commands: bool,
    /// Give those that are the owner's.
    pub owner: bool,
}

impl CommandRules {
    /// Whether a sender who was let in may give commands. Another bot never may.
    pub(crate) fn may_command(&self, sender: &SenderInfo) -> bool {
        let listed = || self.allow_from.as_ref().is_none_or(|list| list.admits(&sender.id).is_some());
        matches!(sender.kind, SenderKind::Person | SenderKind::Anonymous) && listed()
    }

    /// What a sender may do. `approved_owner`: `<channel>:<id>` of whom a first approval made the owner. Somebody whom the vendor
    /// hides is never the owner.
    pub(crate) fn authority(
        &self,
        channel: &str,
        sender: &SenderInfo,
        approved_owner: Option<&str>,
    ) -> Authority {
        let commands = self.may_command(sender);
        let named = self.owners.iter().any(|id| id.eq_ignore_ascii_case(&sender.id));
        let approved = approved_owner
            .and_then(|entry| entry.split_once(':'))
            .is_some_and(|(at, id)| at.eq_ignore_ascii_case(channel) && id.eq_ignore_ascii_case(&sender.id));
        let owner = if self.owners_named { named } else { approved };
        Authority { commands, owner: commands && owner && sender.kind == SenderKind::Person }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::list;

    fn sender(kind: SenderKind, id: &str) -> SenderInfo {
        SenderInfo { kind, id: id.to_owned(), username: None, display_name: None, roles: Vec::new() }
    }

    #[test]
    fn whoever_is_let_in_may_command_until_a_list_says_who() {
        let check = |allow_from: Option<&[&str]>, kind, expected| {
            let rules = CommandRules { allow_from: allow_from.map(list), ..CommandRules::default() };
            assert_eq!(rules.may_command(&sender(kind, "u1")), expected, "{allow_from:?} {kind:?}");
        };
        check(None, SenderKind::Person, true);
        check(None, SenderKind::Anonymous, true);
        check(None, SenderKind::Bot, false);
        check(Some(&[]), SenderKind::Person, false);
        check(Some(&["u2"]), SenderKind::Person, false);
        check(Some(&["U1"]), SenderKind::Person, true);
        check(Some(&["*"]), SenderKind::Bot, false);
    }

    #[test]
    fn an_owner_is_named_or_was_approved_first() {
        let owns = |owners: &[&str], owners_named, approved: Option<&str>, kind| {
            let owners = owners.iter().map(|id| (*id).to_owned()).collect();
            let rules = CommandRules { owners, owners_named, ..CommandRules::default() };
            rules.authority("chat", &sender(kind, "u1"), approved).owner
        };
        let person = SenderKind::Person;
        assert!(!owns(&[], false, None, person));
        assert!(owns(&[], false, Some("chat:u1"), person));
        assert!(!owns(&[], false, Some("other:u1"), person));
        assert!(owns(&["U1"], true, None, person));
        assert!(!owns(&["*"], true, None, person), "a star makes nobody the owner");
        assert!(
            !owns(&[], true, Some("chat:u1"), person),
            "named on another channel, and nobody else any more"
        );
        assert!(!owns(&["u1"], true, None, SenderKind::Anonymous));
    }

    #[test]
    fn an_owner_who_may_not_command_is_none() {
        let rules =
            CommandRules { allow_from: Some(list(&[])), owners: vec!["u1".to_owned()], owners_named: true };
        let found = rules.authority("chat", &sender(SenderKind::Person, "u1"), None);
        assert_eq!(found, Authority::default());
    }
}
