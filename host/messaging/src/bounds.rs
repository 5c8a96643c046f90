//! Owns the bounds that the contract puts on a message (`wit/0.2.0/types.wit`). Pure. A component that breaks one is told which.

use openclaw_store::Message;

const ID: usize = 256;
const ROLES: usize = 256;
const NAME: usize = 1024;
const TEXT: usize = 256 << 10;
const OPAQUE: usize = 4 << 10;

/// The bound that is broken, in words.
pub(crate) fn check(message: &Message, cursor: Option<&[u8]>) -> Result<(), String> {
    let Message { conversation, sender, .. } = message;
    let id = |name: &str, value: &str| match value.len() {
        0 => Err(format!("{name} is empty")),
        length if length > ID => Err(format!("{name} has {length} bytes; at most {ID} are allowed")),
        _ => Ok(()),
    };
    let at_most = |name: &str, length: usize, limit: usize| {
        if length > limit {
            Err(format!("{name} has {length} bytes; at most {limit} are allowed"))
        } else {
            Ok(())
        }
    };
    let text =
        |name: &str, value: Option<&String>, limit: usize| at_most(name, value.map_or(0, String::len), limit);
    id("message.id", &message.id)?;
    id("conversation.room", &conversation.room)?;
    id("sender.id", &sender.id)?;
    text("conversation.space", conversation.space.as_ref(), ID)?;
    text("conversation.thread", conversation.thread.as_ref(), ID)?;
    text("conversation.title", conversation.title.as_ref(), NAME)?;
    text("sender.username", sender.username.as_ref(), NAME)?;
    text("sender.display-name", sender.display_name.as_ref(), NAME)?;
    if sender.roles.len() > ROLES {
        return Err(format!("sender.roles has {} entries; at most {ROLES} are allowed", sender.roles.len()));
    }
    sender.roles.iter().try_for_each(|role| id("an id of sender.roles", role))?;
    text("message.album", message.album.as_ref(), ID)?;
    text("message.text", Some(&message.text), TEXT)?;
    at_most("message.reply-context", message.reply_context.len(), OPAQUE)?;
    at_most("cursor", cursor.map_or(0, <[u8]>::len), OPAQUE)?;
    if let Some(quote) = &message.quote {
        text("quote.message-id", quote.message_id.as_ref(), ID)?;
        text("quote.author", quote.author.as_ref(), NAME)?;
        text("quote.text", Some(&quote.text), TEXT)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn every_bound_is_named() {
        let broken = |change: &dyn Fn(&mut Message), expected: &str| {
            let mut message = testing::message("1", "u7", "hi");
            change(&mut message);
            assert_eq!(check(&message, Some(&[0; OPAQUE])), Err(expected.to_owned()));
        };
        assert_eq!(check(&testing::message("1", "u7", ""), None), Ok(()));
        broken(&|message| message.id.clear(), "message.id is empty");
        broken(&|message| message.sender.id.clear(), "sender.id is empty");
        broken(&|message| message.sender.roles = vec![String::new()], "an id of sender.roles is empty");
        broken(
            &|message| message.sender.roles = vec!["r".to_owned(); 257],
            "sender.roles has 257 entries; at most 256 are allowed",
        );
        broken(
            &|message| message.conversation.room = "r".repeat(257),
            "conversation.room has 257 bytes; at most 256 are allowed",
        );
        broken(
            &|message| message.text = "x".repeat(TEXT + 1),
            "message.text has 262145 bytes; at most 262144 are allowed",
        );
        broken(
            &|message| message.reply_context = vec![0; OPAQUE + 1],
            "message.reply-context has 4097 bytes; at most 4096 are allowed",
        );
        let long = check(&testing::message("1", "u7", ""), Some(&[0; OPAQUE + 1]));
        assert_eq!(long, Err("cursor has 4097 bytes; at most 4096 are allowed".to_owned()));
    }
}
