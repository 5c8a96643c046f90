//! Where a message goes, as the gateway or an operator names it.

use openclaw_sdk::channel::{Failure, Target};
use openclaw_text::behind;

use crate::api::ChatId;

/// A chat and a topic in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(crate) chat: ChatId,
    pub(crate) topic: Option<i64>,
}

/// Reads a target: a numeric id, `@name`, or `<chat>:topic:<id>`, with or without `telegram:`, `tg:` and `group:` in front.
pub(crate) fn parse(target: &Target) -> Result<Destination, Failure> {
    let mut room = target.room.trim();
    for prefix in ["telegram:", "tg:", "group:"] {
        room = behind(room, prefix).unwrap_or(room);
    }
    let (chat, topic) = room.split_once(":topic:").map_or((room, None), |(chat, topic)| (chat, Some(topic)));
    let topic = topic.or(target.thread.as_deref());
    let topic =
        topic.map(|topic| topic.trim().parse::<i64>().map_err(|_| invalid(&target.room))).transpose()?;
    let chat = match chat.parse::<i64>() {
        Ok(id) if id != 0 => ChatId::Number(id),
        _ if is_name(chat) => ChatId::Name(chat.to_owned()),
        _ => return Err(invalid(&target.room)),
    };
    Ok(Destination { chat, topic })
}

fn is_name(chat: &str) -> bool {
    let Some(name) = chat.strip_prefix('@') else { return false };
    (4..=32).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn invalid(room: &str) -> Failure {
    Failure::permanent(
        "invalid_target",
        &format!(
            "`{room}` is no Telegram target. Use a numeric chat id (groups begin with -), @channelname, or <chat>:topic:<id>."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_target() {
        let check = |room: &str, thread: Option<&str>, chat: ChatId, topic| {
            let target = Target { room: room.into(), thread: thread.map(str::to_owned) };
            assert_eq!(parse(&target), Ok(Destination { chat, topic }), "{room}");
        };
        check("777001", None, ChatId::Number(777_001), None);
        check("telegram:777001", None, ChatId::Number(777_001), None);
        check("TG:-1001234", Some("9"), ChatId::Number(-1_001_234), Some(9));
        check("telegram:group:-1001234", None, ChatId::Number(-1_001_234), None);
        check("-1001234:topic:42", None, ChatId::Number(-1_001_234), Some(42));
        check("@my_channel", None, ChatId::Name("@my_channel".into()), None);
    }

    #[test]
    fn what_is_no_target() {
        for room in ["", "0", "ada", "@a b", "12:topic:x", "telegram:", "tg:@", "é"] {
            let failure = parse(&Target { room: room.into(), thread: None }).unwrap_err();
            assert_eq!(failure.code, "invalid_target", "{room}");
        }
    }
}
