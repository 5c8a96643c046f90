//! Owns what commands answer. Says only what is true of this program. Words and layouts are the observed ones, so that people
//! find what they know.

use std::time::Duration;

use openclaw_models::ThinkingWish;
use openclaw_store::{Activation, SessionRow};

use super::catalog::CommandInfo;
use crate::{ChannelContext, Compacted};

/// What `/new` answers.
pub(crate) const NEW: &str = "✅ New session started.";
/// What `/stop` answers when it ended a turn.
pub(crate) const STOPPED: &str = "⚙️ Agent was aborted.";
/// What `/stop` answers when there was none.
pub(crate) const IDLE: &str = "⚙️ Nothing is running in this session.";
/// What `/activation` answers outside a group.
pub(crate) const NO_GROUP: &str = "⚙️ Activation only applies to group chats.";
/// What `/name` answers without a name.
pub(crate) const NO_NAME: &str = "⚙️ This session has no name. Give it one with /name <title>.";

/// What `/queue` answers inside a message.
pub(crate) const QUEUE_ALONE: &str = "⚙️ /queue is for a whole session: send it as a message of its own.";
/// What `/compact` answers when the newest messages are all there is.
pub(crate) const NOTHING_TO_COMPACT: &str =
    "⚙️ Compaction skipped: there is nothing older than the newest messages, which stay as they are.";
/// What `/compact` answers before it says what went wrong.
pub(crate) const NOT_COMPACTED: &str = "⚠️ Nothing was compacted: the conversation is as it was.";
/// What `/restart` answers. People know the sentence.
pub(crate) const RESTARTING: &str = "⚙️ Restarting OpenClaw in-process (SIGUSR2); back in a few seconds.";
/// What `/restart` answers when it is switched off.
pub(crate) const NO_RESTART: &str = "⚠️ /restart is switched off. Whoever runs this gateway switches it on with:\n\n```\nopenclaw \
                                     config set commands.restart true\n```";

/// What `/compact` answers.
pub(crate) fn compacted(older: usize, newest: usize, size: Compacted) -> String {
    let Compacted { before, after } = size;
    format!(
        "⚙️ Compacted (about {before} → {after} tokens): {older} messages are a summary now, the newest {newest} stay as they are. \
         The transcript keeps all of them."
    )
}

/// What a command answers to somebody who may not give it: who may, and what makes the sender one of them.
pub(crate) fn owners_only(command: &CommandInfo, channel: Option<&ChannelContext>) -> String {
    let name = command.name;
    let Some(ChannelContext { channel, sender_id, .. }) = channel else {
        return format!("⚠️ /{name} is a command of chats.");
    };
    format!(
        "⚠️ /{name} is for the owner. Whoever runs this gateway makes you the owner with:\n\n```\nopenclaw config set \
         commands.ownerAllowFrom '[\"{channel}:{sender_id}\"]'\n```"
    )
}

/// What a command answers when it cannot make sense of what follows it.
pub(crate) fn usage(command: &CommandInfo) -> String {
    format!("⚙️ Usage: /{} {}\n\n{}", command.name, command.args, command.description)
}

/// What `/activation` answers when it decided something.
pub(crate) fn activation_set(activation: Activation) -> String {
    format!("⚙️ Group activation set to {}.", activation.as_str())
}

/// What `/activation` answers when it was only asked.
pub(crate) fn activation_now(activation: Option<Activation>) -> String {
    let now = activation.map_or("as configured (requireMention)", Activation::as_str);
    format!("⚙️ Group activation: {now}. Change it with /activation mention or /activation always.")
}

/// What `/whoami` answers.
pub(crate) fn whoami(channel: Option<&ChannelContext>) -> String {
    let Some(channel) = channel else {
        return "🧭 Identity\nChannel: none (the gateway's own interface)".to_owned();
    };
    let mut lines = vec![
        "🧭 Identity".to_owned(),
        format!("Channel: {}", channel.channel),
        format!("User id: {}", channel.sender_id),
    ];
    lines.extend(channel.username.as_ref().map(|username| format!("Username: @{username}")));
    if !channel.allow_from.is_empty() {
        lines.push(format!("AllowFrom: {}", channel.allow_from.join(", ")));
    }
    lines.join("\n")
}

/// What `/status` tells.
pub(crate) struct Status<'a> {
    pub(crate) version: &'a str,
    pub(crate) uptime: Duration,
    pub(crate) model: String,
    pub(crate) thinking: ThinkingWish,
    pub(crate) session_key: &'a str,
    pub(crate) session: Option<&'a SessionRow>,
    pub(crate) running: usize,
    pub(crate) now: i64,
}

impl Status<'_> {
    pub(crate) fn text(&self) -> String {
        let mut lines = vec![
            format!("🦞 OpenClaw {}", self.version),
            format!("⏱️ Uptime: gateway {}", short(self.uptime)),
            String::new(),
            format!("🧠 Model: {}", self.model),
        ];
        if let Some(SessionRow { usage, model: Some(_), .. }) = self.session {
            lines.push(format!("🧮 Tokens: {} in / {} out", usage.input_tokens, usage.output_tokens));
            lines.push(format!("🗄️ Cache: {} cached", usage.cached_tokens));
        }
        let since = |at: i64| Duration::from_millis(u64::try_from(self.now - at).unwrap_or(0));
        let age = self.session.map_or_else(
            || "not begun".to_owned(),
            |session| {
                let (age, idle) = (short(since(session.created_at)), short(since(session.updated_at)));
                format!("duration {age} • updated {idle} ago")
            },
        );
        lines.push(String::new());
        lines.push(format!("🧵 Session: {} • {age}", self.session_key));
        let thinking = self.thinking.said.unwrap_or(self.thinking.usual);
        lines.push(format!("🎛️ Modes: think {thinking}"));
        lines.push(format!("⚙️ Running: {}", self.running));
        lines.join("\n")
    }
}

/// The two largest units, for instance `11m 18s`.
fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units =
        [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let shown = units.iter().skip_while(|(count, _)| *count == 0).take(2);
    let text = shown.map(|(count, unit)| format!("{count}{unit}")).collect::<Vec<_>>().join(" ");
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use openclaw_models::Thinking;
    use openclaw_store::Usage;

    use super::*;

    #[test]
    fn who_is_not_the_owner_is_told_how_to_become_it() {
        let channel = ChannelContext { sender_id: "7".into(), direct: false, ..crate::testing::channel() };
        let told = owners_only(super::super::catalog::find("/activation").unwrap(), Some(&channel));
        assert!(told.contains("openclaw config set commands.ownerAllowFrom '[\"chat:7\"]'"), "{told}");
    }

    #[test]
    fn whoami_tells_what_allow_lists_need() {
        let channel = ChannelContext {
            sender_id: "777001".into(),
            username: Some("ada_l".into()),
            allow_from: vec!["777001".into()],
            ..crate::testing::channel()
        };
        let expected = "🧭 Identity\nChannel: chat\nUser id: 777001\nUsername: @ada_l\nAllowFrom: 777001";
        assert_eq!(whoami(Some(&channel)), expected);
    }

    #[test]
    fn status_tells_what_is_known() {
        let session = SessionRow {
            key: "agent:main:main".into(),
            session_id: "x".into(),
            agent: "main".into(),
            created_at: 1_000,
            updated_at: 2_280_000,
            model: Some("p/m".into()),
            usage: Usage { input_tokens: 10, output_tokens: 9, cached_tokens: 0 },
        };
        let status = Status {
            version: "0.1.0",
            uptime: Duration::from_secs(678),
            model: "p/m".into(),
            thinking: ThinkingWish { said: None, usual: Thinking::Medium },
            session_key: "agent:main:main",
            session: Some(&session),
            running: 0,
            now: 2_305_000,
        };
        let expected = "🦞 OpenClaw 0.1.0\n⏱️ Uptime: gateway 11m 18s\n\n🧠 Model: p/m\n🧮 Tokens: 10 in / 9 out\n🗄️ Cache: 0 \
                        cached\n\n🧵 Session: agent:main:main • duration 38m 24s • updated 25s ago\n🎛️ Modes: think medium\n⚙️ Running: 0";
        assert_eq!(status.text(), expected);
    }

    #[test]
    fn durations_show_their_two_largest_units() {
        let check = |seconds, expected: &str| assert_eq!(short(Duration::from_secs(seconds)), expected);
        check(0, "0s");
        check(59, "59s");
        check(3600, "1h 0m");
        check(90_061, "1d 1h");
    }
}
