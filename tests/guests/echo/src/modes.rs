//! What the guest can be told, and what it tells. Never calls the host.

use serde::{Deserialize, Serialize};

/// What `run` does.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Idles on a timer of `tickMs`.
    #[default]
    Echo,
    /// Asks the grant `api` for `/poll` again and again, 60 s each.
    Poll,
    /// Drops `events.next` after `deadlineUs` again and again, until `count` timers arrived.
    Race,
    /// Admits `messages` messages, then idles.
    Admit,
    /// Crashes on what its vendor brings first, again and again, until it may give it up; then idles.
    Poison,
    /// Takes `count` events and keeps what they were, then more when it is told to.
    Listen,
}

/// The account's configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// What `run` does.
    pub mode: Mode,
    /// The period of the timer of `echo`.
    pub tick_ms: u64,
    /// How long every `send` waits before it answers.
    pub send_delay_ms: u64,
    /// How many timers `race` keeps armed, at most 64.
    pub timers: u64,
    /// How many timers `race` waits for.
    pub count: u64,
    /// After how long `race` drops `next`.
    pub deadline_us: u64,
    /// How many messages `admit` admits.
    pub messages: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: Mode::Echo,
            tick_ms: 1_000,
            send_delay_ms: 0,
            timers: 8,
            count: 20_000,
            deadline_us: 50,
            messages: 1,
        }
    }
}

/// What one text asks `send` to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Burn CPU for so many milliseconds.
    Spin(u64),
    /// Trap.
    Trap,
    /// Allocate, touch and keep so many MiB.
    Grow(usize),
    /// Block the thread for so many milliseconds.
    Block(u64),
    /// Wait for so many milliseconds.
    Sleep(u64),
    /// Answer with the counters.
    Report,
    /// Call a capability.
    Use(Box<Use>),
    /// Let so many more events arrive.
    Listen(u64),
    /// Answer with the events that arrived.
    Events,
    /// Answer with the length of the text.
    Echo,
}

impl Command {
    /// Reads a text.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (name, argument) = text.split_once(':').unwrap_or((text, ""));
        let number = argument.parse::<u64>().ok();
        match (name, number) {
            ("spin", Some(ms)) => Self::Spin(ms),
            ("trap", _) => Self::Trap,
            ("grow", Some(mib)) => Self::Grow(usize::try_from(mib).unwrap_or(usize::MAX)),
            ("block", Some(ms)) => Self::Block(ms),
            ("sleep", Some(ms)) => Self::Sleep(ms),
            ("report", _) => Self::Report,
            ("listen", Some(more)) => Self::Listen(more),
            ("events", _) => Self::Events,
            ("use", _) => serde_json::from_str(argument).map_or(Self::Echo, |call| Self::Use(Box::new(call))),
            _ => Self::Echo,
        }
    }
}

/// A call of a capability, for instance `{"put": ["key", "value"]}`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Use {
    /// Open a socket of an endpoint, at a host of its choice.
    Open(String, Option<String>),
    /// Send a text over a socket.
    Text(u32, String),
    /// Send so many zero bytes over a socket.
    Binary(u32, usize),
    /// Close a socket.
    Close(u32, u16, String),
    /// Ask a grant for a path, at a host of its choice.
    Get(String, Option<String>),
    /// The value of a key.
    Read(String),
    /// Set a key.
    Put(String, String),
    /// Set a key to so many zero bytes.
    Fill(String, usize),
    /// Forget a key.
    Delete(String),
    /// The keys below a prefix.
    Keys(String),
    /// Have a text kept as a file: its name, type and text.
    Keep(String, String, String),
    /// Have the answer of a path kept as a file of a type.
    Download(String, String),
    /// Begin a file of so many bytes, and let go of it before its end.
    Half(usize),
    /// What is in a file.
    Show(u64),
    /// Drop a file.
    Forget(u64),
    /// Post a file to a path, between two words.
    Post(String, u64),
    /// Hand over a message with this id that carries a file.
    Bring(String, u64),
    /// Start a program.
    Start(String),
    /// Write a line to a program.
    Line(u32, String),
    /// End a program.
    Stop(u32),
}

/// The counters, as JSON in the message id of `report`.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Timers that arrived.
    pub timers: u64,
    /// How often a pending `next` was dropped.
    pub dropped: u64,
    /// Sequence numbers that were passed over or came twice.
    pub gaps: u64,
    /// The last sequence number.
    pub sequence: u64,
    /// Messages that `admit` accepted.
    pub accepted: u64,
    /// Messages that were duplicates.
    pub duplicates: u64,
    /// Polls that ended, well or badly.
    pub polls: u64,
    /// Whether `run` did all it was asked to.
    pub finished: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_commands_or_echoes() {
        let check = |text, expected| assert_eq!(Command::parse(text), expected, "{text}");
        check("spin:2000", Command::Spin(2_000));
        check("trap", Command::Trap);
        check("grow:80", Command::Grow(80));
        check("grow:much", Command::Echo);
        check("block:10", Command::Block(10));
        check("report", Command::Report);
        check("hello: you", Command::Echo);
    }

    #[test]
    fn a_configuration_needs_no_key() {
        let config: Config = serde_json::from_str(r#"{"mode":"race","count":5}"#).unwrap();
        assert_eq!((config.mode, config.count, config.deadline_us), (Mode::Race, 5, 50));
    }
}
