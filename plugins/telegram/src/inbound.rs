//! An update of the Bot API to a message of the gateway. Owns the mapping; never decides who may speak.

use openclaw_sdk::channel::{ChatKind, Conversation, Message as Inbound, Quote, Sender, SenderKind};

use crate::api::{Chat, Message, Update, User};
use crate::attachment::{self, Attachment};
use crate::id;
use crate::mention::{self, Addressed};

/// What an update is to the gateway.
#[derive(Debug, PartialEq)]
pub(crate) enum Mapped {
    /// A message, and the file that is to go with it.
    Message(Box<Inbound>, Option<Attachment>),
    /// Nothing to admit, and why.
    Nothing(&'static str),
}

/// Maps one update; `me` is the bot itself.
pub(crate) fn map(update: &Update, me: &User) -> Mapped {
    let (message, edited) = match update {
        Update { message: Some(message), .. } | Update { channel_post: Some(message), .. } => {
            (message, false)
        }
        Update { edited_message: Some(message), .. } | Update { edited_channel_post: Some(message), .. } => {
            (message, true)
        }
        Update { .. } => return Mapped::Nothing("an update of another kind"),
    };
    if message.from.as_ref().is_some_and(|user| user.id == me.id) {
        return Mapped::Nothing("the bot's own message");
    }
    let Some(said) = said(message) else { return Mapped::Nothing("a message without words or media") };
    let Addressed { to_self, to_others, to_other_bot } = addressed(message, me);
    if to_other_bot {
        return Mapped::Nothing("a command for another bot");
    }
    let replied = replied_to(message);
    let answers_bot = replied.is_some_and(|reply| is_other_bot(reply, me));
    let attachment = attachment::of(message);
    let message = Inbound {
        id: id::message_id(me.id, message, update, edited),
        conversation: conversation(message, me),
        sender: sender(message),
        text: mention::without_own_name(&said, me),
        sent_at_ms: message.edit_date.unwrap_or(message.date).saturating_mul(1000),
        mentions_self: to_self,
        reply_to_self: replied.and_then(|reply| reply.from.as_ref()).is_some_and(|user| user.id == me.id),
        addresses_others: to_others || answers_bot,
        edited,
        forwarded: message.forward_origin.is_some() || message.forward_date.is_some(),
        quote: quote(message, replied, me),
        media: Vec::new(),
        album: message.media_group_id.clone(),
        reply_context: Vec::new(),
    };
    Mapped::Message(Box::new(message), attachment)
}

/// Who writes in the name of a room comes as a bot of Telegram's own, and is none.
fn is_other_bot(message: &Message, me: &User) -> bool {
    let bot = message.from.as_ref().is_some_and(|user| user.is_bot && user.id != me.id);
    bot && message.sender_chat.is_none()
}

fn addressed(message: &Message, me: &User) -> Addressed {
    match (&message.text, &message.caption) {
        (Some(text), _) => mention::addressed(text, &message.entities, me),
        (None, Some(caption)) => mention::addressed(caption, &message.caption_entities, me),
        (None, None) => Addressed::default(),
    }
}

fn conversation(message: &Message, me: &User) -> Conversation {
    let chat = &message.chat;
    let kind = match chat.kind.as_str() {
        "private" => ChatKind::Direct,
        "channel" => ChatKind::Channel,
        // Anything unknown is held to the stricter rules of groups.
        _ => ChatKind::Group,
    };
    Conversation {
        kind,
        space: None,
        room: chat.id.to_string(),
        thread: thread(message, me).map(|thread| thread.to_string()),
        title: chat.title.clone(),
    }
}

/// The topic. A thread id by itself is no topic: outside forums it only marks a chain of replies.
fn thread(message: &Message, me: &User) -> Option<i64> {
    let named = message.message_thread_id.filter(|_| message.is_topic_message);
    match message.chat.kind.as_str() {
        // Bots see topics in private chats only if their owner has switched them on.
        "private" => named.filter(|_| me.has_topics_enabled == Some(true)),
        _ if message.chat.is_forum => Some(named.unwrap_or(GENERAL_TOPIC)),
        _ => named,
    }
}

/// The topic that every forum has; its messages carry no thread id.
pub(crate) const GENERAL_TOPIC: i64 = 1;

fn sender(message: &Message) -> Sender {
    match (&message.sender_chat, &message.from) {
        // In the name of a room: an anonymous administrator, a linked channel, a post.
        (Some(chat), _) => room_as_sender(chat),
        (None, Some(user)) => Sender {
            kind: if user.is_bot { SenderKind::Bot } else { SenderKind::Person },
            id: user.id.to_string(),
            username: user.username.clone(),
            display_name: user.name(),
            roles: Vec::new(),
        },
        (None, None) => room_as_sender(&message.chat),
    }
}

fn room_as_sender(chat: &Chat) -> Sender {
    Sender {
        kind: SenderKind::Anonymous,
        id: chat.id.to_string(),
        username: chat.username.clone(),
        display_name: chat.title.clone(),
        roles: Vec::new(),
    }
}

/// Words, and a placeholder for what cannot be said in words.
fn said(message: &Message) -> Option<String> {
    let words = message.text.as_deref().or(message.caption.as_deref()).filter(|text| !text.trim().is_empty());
    match (words, placeholder(message)) {
        (Some(words), Some(media)) => Some(format!("{words}\n{media}")),
        (Some(words), None) => Some(words.to_owned()),
        (None, media) => media,
    }
}

fn placeholder(message: &Message) -> Option<String> {
    // An animation also comes as a document, and a sticker as nothing else.
    let kind = if message.photo.is_some() {
        "image"
    } else if message.video.is_some() || message.video_note.is_some() || message.animation.is_some() {
        "video"
    } else if message.audio.is_some() || message.voice.is_some() {
        "audio"
    } else if message.document.is_some() {
        "document"
    } else {
        let sticker = message.sticker.as_ref()?;
        let moves = sticker.is_animated || sticker.is_video;
        return match &sticker.emoji {
            Some(emoji) if moves => Some(emoji.clone()),
            _ => Some("<media:sticker>".into()),
        };
    };
    Some(format!("<media:{kind}>"))
}

/// The message that this one really answers.
fn replied_to(message: &Message) -> Option<&Message> {
    message.reply_to_message.as_deref().filter(|reply| reply.forum_topic_created.is_none())
}

fn quote(message: &Message, replied: Option<&Message>, me: &User) -> Option<Quote> {
    let selected = message.quote.as_ref().map(|quote| quote.text.clone()).filter(|text| !text.is_empty());
    let text = selected.or_else(|| replied.and_then(said))?;
    let author = replied.and_then(|reply| {
        let sender = sender(reply);
        sender.display_name.or(sender.username)
    });
    Some(Quote { message_id: replied.map(|reply| id::cited_id(me.id, reply)), author, text })
}

#[cfg(test)]
mod tests;
