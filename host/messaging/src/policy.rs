//! Owns the decision whether a message becomes a turn. Pure: it sees an account's policy, a message and whether pairing let
//! its sender in, and says what to do and why. Never asks a model and never looks at what was said.
//!
//! Everything that is not allowed is dropped: an unknown group, an empty list and a missing section all fail closed.

use openclaw_store::{ChatKind, Message, SenderKind};

use crate::settings::{AccountSettings, DmPolicy, GroupPolicy, GroupRule};

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It becomes a turn. The text is the reason, for the ledger.
    Admit(&'static str),
    /// Its sender is unknown and may ask for access.
    Pair,
    /// It is not processed.
    Drop(Refusal),
}

/// Why a message is not processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// For the ledger: short and stable.
    pub(crate) reason: &'static str,
    /// For the log: the words that operators search for.
    pub(crate) line: String,
    /// Worth an operator's eye. What the bot itself said, and the like, is not.
    pub(crate) notable: bool,
}

/// `approved`: pairing let the sender in. Counts only where it could have happened: in direct messages under `pairing`. Under
/// `allowlist` and `open` an operator sees all who are let in by looking at `allowFrom`.
pub(crate) fn decide(settings: &AccountSettings, message: &Message, approved: bool) -> Decision {
    let channel = &settings.key.channel;
    if !settings.enabled {
        return refuse(
            "the account is disabled",
            format!("{channel}: drop message (account disabled)"),
            true,
        );
    }
    match message.sender.kind {
        SenderKind::Myself => {
            return refuse("the bot's own message", format!("{channel}: drop own message"), false);
        }
        SenderKind::Bot => {
            return refuse("another bot", format!("{channel}: drop message (sender is a bot)"), true);
        }
        SenderKind::Person | SenderKind::Anonymous => {}
    }
    if message.edited {
        // Its first version was answered already, or will be.
        return refuse("an edit", format!("{channel}: drop edit of an earlier message"), false);
    }
    match message.conversation.kind {
        ChatKind::Direct => direct(settings, message, approved),
        ChatKind::Group | ChatKind::Channel => group(settings, message),
    }
}

fn direct(settings: &AccountSettings, message: &Message, approved: bool) -> Decision {
    let (channel, policy) = (&settings.key.channel, settings.policy.dm);
    let listed = lists(&settings.policy.allow_from, &message.sender.id);
    match policy {
        DmPolicy::Disabled => {
            refuse("direct messages are disabled", format!("{channel}: drop dm (dmPolicy: disabled)"), true)
        }
        _ if listed => Decision::Admit("allowFrom"),
        DmPolicy::Pairing if approved => Decision::Admit("pairing"),
        DmPolicy::Pairing => Decision::Pair,
        DmPolicy::Allowlist | DmPolicy::Open => refuse(
            "the sender is not in allowFrom",
            format!(
                "Blocked unauthorized {channel} sender {} (dmPolicy={}, not in allowFrom)",
                message.sender.id,
                policy.as_str()
            ),
            true,
        ),
    }
}

fn group(settings: &AccountSettings, message: &Message) -> Decision {
    let rule = rule(settings, message);
    let policy = rule.and_then(|rule| rule.policy).unwrap_or(settings.policy.group);
    let room = &message.conversation.room;
    let drop = |reason: &'static str, detail: String| {
        let word = &settings.words.group_drop;
        refuse(reason, format!("{}: {word} ({detail}, room={room})", settings.key.channel), true)
    };
    if policy == GroupPolicy::Disabled {
        return drop("groups are disabled", "groupPolicy: disabled".to_owned());
    }
    let unlisted = rule.is_none() && !settings.policy.groups.is_empty();
    if unlisted || rule.and_then(|rule| rule.enabled) == Some(false) {
        return drop(
            "the group is not listed",
            format!("groupPolicy: {}, not in allowlist", policy.as_str()),
        );
    }
    let own_list = rule.and_then(|rule| rule.allow_from.as_ref());
    let list = match policy {
        GroupPolicy::Open => own_list,
        GroupPolicy::Allowlist | GroupPolicy::Disabled => {
            let account = &settings.policy;
            own_list.or(account.group_allow_from.as_ref()).or(Some(&account.allow_from))
        }
    };
    if list.is_some_and(|list| !lists(list, &message.sender.id)) {
        let detail = format!(
            "groupPolicy: {}, sender {} blocked: not in allowlist",
            policy.as_str(),
            message.sender.id
        );
        return drop("the sender is not in the group's allowlist", detail);
    }
    let mention = rule.and_then(|rule| rule.require_mention).unwrap_or(true);
    if mention && !message.mentions_self && !message.reply_to_self {
        return drop("the bot was not named", "mention required".to_owned());
    }
    Decision::Admit("group")
}

/// The rule of this room, of its space, or of all.
fn rule<'a>(settings: &'a AccountSettings, message: &Message) -> Option<&'a GroupRule> {
    let groups = &settings.policy.groups;
    let conversation = &message.conversation;
    groups
        .get(&conversation.room)
        .or_else(|| conversation.space.as_ref().and_then(|space| groups.get(space)))
        .or_else(|| groups.get("*"))
}

fn lists(list: &[String], sender: &str) -> bool {
    list.iter().any(|entry| entry == "*" || entry.eq_ignore_ascii_case(sender))
}

fn refuse(reason: &'static str, line: String, notable: bool) -> Decision {
    Decision::Drop(Refusal { reason, line, notable })
}

#[cfg(test)]
mod tests;
