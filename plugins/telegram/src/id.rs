//! The ids of messages in the gateway.
//!
//! Telegram numbers messages per chat, and in private chats per bot: with another bot's token the numbers of the same
//! person begin again at 1. So the id is `<bot>:<chat>:<message>`; a redelivered update gives the same id and is dropped,
//! and a new bot's first messages are not mistaken for old ones. An edit is a message of its own and ends in
//! `:u<update>`: the id of the update, not the time of the edit, because two edits within one second share the time.

use crate::api::{Message, Update};

/// The id under which a message is admitted.
pub(crate) fn message_id(bot: i64, message: &Message, update: &Update, edited: bool) -> String {
    let id = cited_id(bot, message);
    if edited { format!("{id}:u{}", update.update_id) } else { id }
}

/// The id of a message that is only referred to.
pub(crate) fn cited_id(bot: i64, message: &Message) -> String {
    format!("{bot}:{}:{}", message.chat.id, message.message_id)
}

/// Telegram's own number in one of these ids, or in what an operator typed.
pub(crate) fn number_in(id: &str) -> Option<i64> {
    let mut fields = id.split(':');
    let number = match (fields.next(), fields.next(), fields.next()) {
        (Some(number), None, None) => number,
        (Some(_), Some(_), Some(number)) => number,
        _ => return None,
    };
    number.parse().ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_found_again() {
        let check = |id, expected| assert_eq!(number_in(id), expected, "{id}");
        check("42", Some(42));
        check("7:-100123:42", Some(42));
        check("7:-100123:42:u900", Some(42));
        check("7:42", None);
        check("", None);
        check("-3", None);
        check("x:y:z", None);
    }
}
