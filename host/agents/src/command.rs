//! Owns chat commands: which words are commands, and what the simple ones answer. Says only what is true of this program.
//! Words and layouts are the observed ones, so that people find what they know.

use std::time::Duration;

use openclaw_store::SessionRow;

use crate::ChannelContext;

/// A message that is a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `/new`, `/reset`: starts the session anew; the rest of the message is its first turn.
    New(String),
    /// `/stop`: ends the turn that runs.
    Stop,
    /// `/status`
    Status,
    /// `/help`
    Help,
    /// `/whoami`, `/id`
    Whoami,
}

/// A command as people are told of it.
#[derive(Clone, Copy, Debug)]
pub struct CommandInfo {
    /// Without the slash.
    pub name: &'static str,
    /// Every spelling, with the slash.
    pub aliases: &'static [&'static str],
    /// One line.
    pub description: &'static str,
    /// `session` or `status`.
    pub category: &'static str,
    /// Whether more may follow it.
    pub accepts_args: bool,
}

/// Every command, in the order of `/help`.
pub const COMMANDS: &[CommandInfo] = &[
    CommandInfo {
        name: "new",
        aliases: &["/new", "/reset"],
        description: "Start a new session; what follows is its first message.",
        category: "session",
        accepts_args: true,
    },
    CommandInfo {
        name: "stop",
        aliases: &["/stop"],
        description: "Stop the turn that runs.",
        category: "session",
        accepts_args: false,
    },
    CommandInfo {
        name: "status",
        aliases: &["/status"],
        description: "Show the model, the tokens and the session.",
        category: "status",
        accepts_args: false,
    },
    CommandInfo {
        name: "whoami",
        aliases: &["/whoami", "/id"],
        description: "Show who the channel says you are.",
        category: "status",
        accepts_args: false,
    },
    CommandInfo {
        name: "help",
        aliases: &["/help"],
        description: "Show the commands.",
        category: "status",
        accepts_args: false,
    },
];

/// What `/new` answers.
pub(crate) const NEW: &str = "✅ New session started.";
/// What `/stop` answers when it ended a turn.
pub(crate) const STOPPED: &str = "⚙️ Agent was aborted.";
/// What `/stop` answers when there was none.
pub(crate) const IDLE: &str = "⚙️ Nothing is running in this session.";
/// What `/help` answers.
pub(crate) const HELP: &str =
    "ℹ️ Help\n\nSession\n/new  |  /reset  |  /stop\n\nStatus\n/status  |  /whoami  |  /help";

impl Command {
    /// Reads a command. A word that is none, for instance `/start`, is text for the agent.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        // In groups people address a command: `/status@the_bot`.
        let word = word.split_once('@').map_or(word, |(word, _)| word).to_ascii_lowercase();
        let rest = rest.trim();
        match (word.as_str(), rest.is_empty()) {
            ("/new" | "/reset", _) => Some(Self::New(rest.to_owned())),
            ("/stop" | "stop", true) => Some(Self::Stop),
            ("/status", true) => Some(Self::Status),
            ("/help", true) => Some(Self::Help),
            ("/whoami" | "/id", true) => Some(Self::Whoami),
            _ => None,
        }
    }
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
    use openclaw_store::Usage;

    use super::*;

    #[test]
    fn what_people_are_told_of_is_a_command() {
        for command in COMMANDS {
            assert!(HELP.contains(&format!("/{}", command.name)), "{}", command.name);
            for alias in command.aliases {
                assert!(Command::parse(alias).is_some(), "{alias}");
                let with_args = Command::parse(&format!("{alias} more"));
                assert_eq!(with_args.is_some(), command.accepts_args, "{alias}");
            }
        }
    }

    #[test]
    fn commands_are_whole_messages() {
        let check = |text, expected| assert_eq!(Command::parse(text), expected, "{text}");
        check("/new", Some(Command::New(String::new())));
        check(" /Reset  hello there ", Some(Command::New("hello there".into())));
        check("/stop", Some(Command::Stop));
        check("Stop", Some(Command::Stop));
        check("stop it please", None);
        check("/status@the_bot", Some(Command::Status));
        check("/status please", None);
        check("/help", Some(Command::Help));
        check("/id", Some(Command::Whoami));
        check("/start", None);
        check("what is /help", None);
    }

    #[test]
    fn whoami_tells_what_allow_lists_need() {
        let channel = ChannelContext {
            channel: "chat".into(),
            label: "Chat".into(),
            sender_id: "777001".into(),
            username: Some("ada_l".into()),
            display_name: None,
            direct: true,
            allow_from: vec!["777001".into()],
            quote: None,
            heard: vec![],
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
            session_key: "agent:main:main",
            session: Some(&session),
            running: 0,
            now: 2_305_000,
        };
        let expected = "🦞 OpenClaw 0.1.0\n⏱️ Uptime: gateway 11m 18s\n\n🧠 Model: p/m\n🧮 Tokens: 10 in / 9 out\n🗄️ Cache: 0 \
                        cached\n\n🧵 Session: agent:main:main • duration 38m 24s • updated 25s ago\n⚙️ Running: 0";
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
