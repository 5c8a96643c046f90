//! Intents: which events the bot subscribes to, and what the Developer Portal has to allow for that. Owns the bits of
//! Discord's reference (Gateway, "Gateway Intents"; Application, "Application Flags") and the words about them.

use serde::Deserialize;

const GUILDS: u64 = 1;
const GUILD_MEMBERS: u64 = 1 << 1;
const GUILD_EXPRESSIONS: u64 = 1 << 3;
const GUILD_VOICE_STATES: u64 = 1 << 7;
const GUILD_PRESENCES: u64 = 1 << 8;
const GUILD_MESSAGES: u64 = 1 << 9;
const GUILD_MESSAGE_REACTIONS: u64 = 1 << 10;
const DIRECT_MESSAGES: u64 = 1 << 12;
const DIRECT_MESSAGE_REACTIONS: u64 = 1 << 13;
const MESSAGE_CONTENT: u64 = 1 << 15;

/// What every account subscribes to.
const ALWAYS: u64 = GUILDS
    | GUILD_EXPRESSIONS
    | GUILD_MESSAGES
    | GUILD_MESSAGE_REACTIONS
    | DIRECT_MESSAGES
    | DIRECT_MESSAGE_REACTIONS;

/// The section `intents` of the configuration. What is not said is off, except the content of messages.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Intents {
    message_content: Option<bool>,
    presence: bool,
    guild_members: bool,
    voice_states: bool,
}

impl Intents {
    /// For the identify.
    pub(crate) fn bits(self) -> u64 {
        let add = |wanted: bool, bit: u64| if wanted { bit } else { 0 };
        ALWAYS
            | add(self.message_content(), MESSAGE_CONTENT)
            | add(self.presence, GUILD_PRESENCES)
            | add(self.guild_members, GUILD_MEMBERS)
            | add(self.voice_states, GUILD_VOICE_STATES)
    }

    pub(crate) fn message_content(self) -> bool {
        self.message_content != Some(false)
    }

    /// The privileged ones of a subscription: as the Developer Portal calls them, and the key of the configuration.
    pub(crate) fn privileged(bits: u64) -> impl Iterator<Item = (&'static str, &'static str)> {
        PRIVILEGED.iter().filter(move |row| bits & row.bit != 0).map(|row| (row.portal, row.key))
    }
}

struct Privileged {
    bit: u64,
    portal: &'static str,
    key: &'static str,
    /// The application's flag where the intent is verified, and where it is limited to fewer than 100 servers.
    flags: (u64, u64),
}

const PRIVILEGED: [Privileged; 3] = [
    Privileged {
        bit: GUILD_PRESENCES,
        portal: "Presence Intent",
        key: "presence",
        flags: (1 << 12, 1 << 13),
    },
    Privileged {
        bit: GUILD_MEMBERS,
        portal: "Server Members Intent",
        key: "guildMembers",
        flags: (1 << 14, 1 << 15),
    },
    Privileged {
        bit: MESSAGE_CONTENT,
        portal: "Message Content Intent",
        key: "messageContent",
        flags: (1 << 18, 1 << 19),
    },
];

/// What the application's flags say about each privileged intent: the key of the configuration, and `enabled`,
/// `limited` or `disabled`.
pub(crate) fn granted(flags: u64) -> impl Iterator<Item = (&'static str, &'static str)> {
    PRIVILEGED.iter().map(move |row| {
        let word = match row.flags {
            (verified, _) if flags & verified != 0 => "enabled",
            (_, limited) if flags & limited != 0 => "limited",
            _ => "disabled",
        };
        (row.key, word)
    })
}

/// The original's words for a bot that is not shown what people write.
pub(crate) const NO_CONTENT: &str =
    "Message Content Intent is disabled. Bot may not see normal channel messages.";
/// And what to do about it.
pub(crate) const NO_CONTENT_FIX: &str = "Enable Message Content Intent in Discord Dev Portal → Bot → Privileged Gateway Intents, or require mention-only operation.";

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(json: &str) -> u64 {
        serde_json::from_str::<Intents>(json).unwrap().bits()
    }

    /// The numbers of the original.
    #[test]
    fn subscriptions() {
        assert_eq!(bits("{}"), 46_601);
        assert_eq!(bits(r#"{"messageContent": false}"#), 13_833);
        assert_eq!(
            bits(r#"{"presence": true, "guildMembers": true, "voiceStates": true}"#),
            46_601 | 1 << 8 | 1 << 1 | 1 << 7
        );
    }

    #[test]
    fn flags_of_an_application() {
        let words = |flags| granted(flags).map(|(_, word)| word).collect::<Vec<_>>();
        assert_eq!(words(0), ["disabled", "disabled", "disabled"]);
        assert_eq!(words(1 << 12 | 1 << 15 | 1 << 19), ["enabled", "limited", "limited"]);
        assert_eq!(words(1 << 18), ["disabled", "disabled", "enabled"]);
    }
}
