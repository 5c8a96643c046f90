//! What the end of a connection means. Owns the table of Discord's close codes (Opcodes and Status Codes, "Gateway Close
//! Event Codes") and the words that tell a person what to do about those that end it for good.

use openclaw_sdk::channel::Failure;

use crate::intents::Intents;

/// What can follow.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum After {
    /// The session lives: what was missed is replayed.
    Resume,
    /// The session is gone.
    Identify,
    /// Connecting again would end the same way until a person has acted.
    End(Failure),
}

/// `intents` is what the bot subscribed to; `code` is missing when the connection broke off.
pub(crate) fn after(code: Option<u16>, intents: u64) -> After {
    match code {
        Some(code @ (4004 | 4010..=4014)) => After::End(fatal(code, intents)),
        Some(4003 | 4005 | 4007 | 4009) => After::Identify,
        // Closed in good order by the vendor's side: documented only for clients, and then the session is gone.
        Some(1000 | 1001) => After::Identify,
        _ => After::Resume,
    }
}

fn fatal(code: u16, intents: u64) -> Failure {
    let text = match code {
        4004 => "Discord bot token unauthorized (gateway close 4004: authentication failed). Reset the token in the Discord Developer Portal → Bot and set channels.discord.token or DISCORD_BOT_TOKEN to it.".to_owned(),
        4010 => "Discord refused the shard (gateway close 4010: invalid shard). This gateway uses none: update it.".to_owned(),
        4011 => "The bot is in too many servers for one connection (gateway close 4011: sharding required). Remove it from some, or use a second bot: this gateway does not shard.".to_owned(),
        4012 => "Discord no longer speaks version 10 of its gateway (gateway close 4012: invalid API version). Update this plugin.".to_owned(),
        4013 => format!("Discord does not know the intents {intents} (gateway close 4013: invalid intents). Check channels.discord.intents, or update this plugin."),
        _ => disallowed(intents),
    };
    Failure::unauthorised(&code.to_string(), &text)
}

/// Names each privileged intent, because Discord does not say which one it is.
fn disallowed(intents: u64) -> String {
    let (portal, keys): (Vec<&str>, Vec<String>) = Intents::privileged(intents)
        .map(|(portal, key)| (portal, format!("channels.discord.intents.{key}")))
        .unzip();
    format!(
        "Discord does not allow an intent of this bot (gateway close 4014: disallowed intents). Enable {} in the Discord Developer Portal → Bot → Privileged Gateway Intents, or set {} to false.",
        portal.join(", "),
        keys.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use openclaw_sdk::channel::FailureKind;

    use super::*;

    #[test]
    fn each_code_has_its_consequence() {
        for code in [None, Some(1006), Some(4000), Some(4001), Some(4002), Some(4008), Some(4999)] {
            assert_eq!(after(code, 0), After::Resume, "{code:?}");
        }
        for code in [1000, 1001, 4003, 4005, 4007, 4009] {
            assert_eq!(after(Some(code), 0), After::Identify, "{code}");
        }
        for (code, hint) in [
            (4004, "Reset the token"),
            (4010, "update it"),
            (4011, "use a second bot"),
            (4012, "Update this plugin"),
            (4013, "channels.discord.intents"),
            (4014, "Enable Message Content Intent"),
        ] {
            let After::End(failure) = after(Some(code), 46_601) else { panic!("{code}") };
            assert_eq!(
                (failure.kind, failure.code.as_str()),
                (FailureKind::Unauthorised, code.to_string().as_str())
            );
            assert!(failure.detail.contains(hint), "{}", failure.detail);
        }
    }

    #[test]
    fn every_privileged_intent_is_named() {
        let After::End(failure) = after(Some(4014), 1 << 1 | 1 << 15) else { panic!() };
        assert!(
            failure.detail.contains("Server Members Intent, Message Content Intent"),
            "{}",
            failure.detail
        );
        assert!(
            failure
                .detail
                .contains("channels.discord.intents.guildMembers, channels.discord.intents.messageContent")
        );
    }
}
