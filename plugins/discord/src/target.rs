//! Where a message goes, as the gateway or an operator names it.

use openclaw_sdk::channel::{Failure, Target};
use openclaw_text::behind;

use crate::snowflake;

/// A channel or thread, or a person whose private channel has to be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    Channel(String),
    User(String),
}

/// Reads a target: an id (of a channel), `channel:<id>`, `<#id>`, `user:<id>` or `<@id>`, with or without `discord:` in
/// front. A thread is a channel of its own.
pub(crate) fn parse(target: &Target) -> Result<Destination, Failure> {
    if let Some(thread) = target.thread.as_deref().map(str::trim).filter(|thread| !thread.is_empty()) {
        return channel(thread).ok_or_else(|| invalid(thread));
    }
    let typed = target.room.trim();
    let room = behind(typed, "discord:").unwrap_or(typed);
    let mentioned = |mark: &str| room.strip_prefix(mark).and_then(|rest| rest.strip_suffix('>'));
    let user = mentioned("<@!").or_else(|| mentioned("<@")).or_else(|| behind(room, "user:"));
    let found = match user {
        Some(user) => snowflake::is_id(user).then(|| Destination::User(user.to_owned())),
        None => channel(mentioned("<#").or_else(|| behind(room, "channel:")).unwrap_or(room)),
    };
    found.ok_or_else(|| invalid(&target.room))
}

fn channel(id: &str) -> Option<Destination> {
    snowflake::is_id(id).then(|| Destination::Channel(id.to_owned()))
}

fn invalid(room: &str) -> Failure {
    Failure::permanent(
        "invalid_target",
        &format!(
            "`{room}` is no Discord target. Use a channel id, channel:<id>, or user:<id> for a private message."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_target() {
        let channel = |id: &str| Destination::Channel(id.into());
        let user = |id: &str| Destination::User(id.into());
        let check = |room: &str, thread: Option<&str>, expected: Destination| {
            let target = Target { room: room.into(), thread: thread.map(str::to_owned) };
            assert_eq!(parse(&target), Ok(expected), "{room}");
        };
        check("42", None, channel("42"));
        check("discord:42", None, channel("42"));
        check("Discord:channel:42", None, channel("42"));
        check("<#42>", None, channel("42"));
        check("user:7", None, user("7"));
        check("discord:user:7", None, user("7"));
        check("<@7>", None, user("7"));
        check("<@!7>", None, user("7"));
        check("42", Some("43"), channel("43"));
    }

    #[test]
    fn what_is_no_target() {
        for room in ["", "general", "<@x>", "<@&7>", "user:", "channel:0", "é", "42/../43"] {
            let failure = parse(&Target { room: room.into(), thread: None }).unwrap_err();
            assert_eq!(failure.code, "invalid_target", "{room}");
        }
        assert!(parse(&Target { room: "42".into(), thread: Some("x".into()) }).is_err());
    }
}
