//! What reads the input of strangers, and what must hold for whatever they send.

mod bodies;
mod configuration;
mod control;
mod headers;
mod hooks;
mod words;

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use crate::Target;

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "frames", read: control::frames, words: control::frame_words },
    Target { name: "connect", read: control::connect, words: || words::CONNECT },
    Target { name: "headers", read: headers::headers, words: || words::HEADER },
    Target { name: "chat", read: bodies::chat, words: || words::CHAT },
    Target { name: "responses", read: bodies::responses, words: || words::RESPONSES },
    Target { name: "embeddings", read: bodies::embeddings, words: || words::EMBEDDINGS },
    Target { name: "tools", read: bodies::tools, words: || words::TOOLS },
    Target { name: "hooks", read: hooks::hooks, words: || words::HOOKS },
    Target { name: "config", read: configuration::configuration, words: || words::CONFIG },
];

/// A number for what makes a way: texts without what they quote from the input.
fn way(parts: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for part in parts {
        let words = part.split(['\'', '"', '`', '/']).step_by(2).flat_map(str::chars);
        words.filter(char::is_ascii_lowercase).take(60).collect::<String>().hash(&mut hasher);
    }
    hasher.finish()
}
