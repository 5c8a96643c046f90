//! Servers that stand in for vendors, for tests, for the benchmark and for playing. They follow the vendors' documented
//! behaviour, faults included, on a port of `127.0.0.1`; they never reach out to anything.
//!
//! Every server ends, with all its connections, when its handle is dropped.

mod discord;
mod link;
mod multipart;
mod openai;
mod server;
mod telegram;

pub use discord::{DiscordFault, DiscordSent, DiscordTalker, FakeDiscord, LimitScope};
pub use link::{Link, Weather};
pub use multipart::SentFile;
pub use openai::{FakeOpenai, Mode, Seen, embedding};
pub use telegram::{FakeTelegram, Fault, Sent, Talker};

/// The value after `name` on the command line, for the two programs.
#[must_use]
pub fn flag(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}
