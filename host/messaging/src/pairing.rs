//! Owns pairing as people see it: codes, the reply to a stranger, the approval. The rules are those of the channel reference,
//! §0.1; requests themselves are in the store.

use openclaw_store::{PairingRules, StoreError};

use crate::settings::Words;

/// No 0, O, 1 or I: a code is read aloud and typed by hand.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const CODE_LENGTH: usize = 8;

/// An hour, and three strangers at a time.
pub const RULES: PairingRules = PairingRules { ttl_ms: 3_600_000, max_pending: 3 };

/// What an approved sender is told where the approver wants it.
pub(crate) const APPROVED: &str = "✅ OpenClaw access approved. Send a message to start chatting.";

/// A new code from the system's random source.
pub(crate) fn code() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; CODE_LENGTH];
    getrandom::fill(&mut bytes)?;
    // 32 divides 256: every character is equally likely.
    let letters = bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte % 32)));
    Ok(letters.map(|letter| char::from(*letter)).collect())
}

/// The reply to a stranger, as Markdown.
pub(crate) fn reply(channel: &str, words: &Words, sender: &str, code: &str) -> String {
    let id_line = words.sender_id_line.replace("{id}", sender);
    [
        "OpenClaw: access not configured.",
        "",
        &id_line,
        "Pairing code:",
        "```",
        code,
        "```",
        "",
        "Ask the bot owner to approve with:",
        "```",
        &format!("openclaw pairing approve {channel} {code}"),
        "```",
    ]
    .join("\n")
}

/// What an owner typed, as codes are stored.
pub(crate) fn normalise(code: &str) -> String {
    code.trim().to_ascii_uppercase()
}

/// Why nobody was let in.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PairingError {
    /// No request has this code, or it has expired.
    #[error(
        "No pending pairing request found for code \"{code}\". Run openclaw pairing list --channel {channel} to list \
         pending requests."
    )]
    NotFound {
        /// The channel asked for.
        channel: String,
        /// The code, normalised.
        code: String,
    },
    /// The request was approved or dismissed meanwhile, or it has expired.
    #[error("pending DM access request no longer exists")]
    Gone,
    /// The decision could not be stored.
    #[error("the decision about the sender could not be stored: {0}")]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn codes_are_eight_letters_of_the_alphabet() {
        let codes: std::collections::HashSet<String> = (0..500).map(|_| code().unwrap()).collect();
        assert_eq!(codes.len(), 500);
        assert!(
            codes.iter().all(|code| code.len() == 8 && code.bytes().all(|byte| ALPHABET.contains(&byte)))
        );
    }

    #[test]
    fn the_reply_is_the_documented_one() {
        let expected = "OpenClaw: access not configured.\n\nYour Chat user id: 777001\nPairing code:\n```\n5FJ4ZCRN\n```\n\n\
                        Ask the bot owner to approve with:\n```\nopenclaw pairing approve chat 5FJ4ZCRN\n```";
        assert_eq!(reply("chat", &testing::settings().words, "777001", "5FJ4ZCRN"), expected);
    }
}
