//! A message event of the gateway to a message of the host. Owns the mapping; never decides who may speak.

use openclaw_sdk::channel::{ChatKind, Conversation, Message as Inbound, Quote, Sender, SenderKind};

use crate::api::{Attachment, Message, Words};
use crate::gateway::Cursor;
use crate::mention;
use crate::rooms::Room;
use crate::snowflake;

/// What an event is to the host.
#[derive(Debug, PartialEq)]
pub(crate) enum Mapped {
    Message(Box<Inbound>),
    /// Nothing to admit, and why.
    Nothing(&'static str),
    /// There was something, but Discord did not show it: the bot lacks an intent.
    Hidden,
}

/// Maps one message. `edited` says that the event was an update, `room` is what is known of its channel, and `me` is the
/// session of the bot.
pub(crate) fn map(message: &Message, edited: bool, room: Option<&Room>, me: &Cursor) -> Mapped {
    if let Some(why) = skipped(message, edited, me) {
        return Mapped::Nothing(why);
    }
    let forwarded = message.message_reference.as_ref().is_some_and(|reference| reference.kind == 1);
    let read = mention::read(&message.words.content, &message.words.mentions, &me.bot_id, &me.bot_name);
    let forward = message.message_snapshots.iter().filter_map(|snapshot| said(&snapshot.message, None));
    let text =
        said(&message.words, Some(read.text)).into_iter().chain(forward).collect::<Vec<_>>().join("\n");
    if text.is_empty() {
        return if read.of_bot || message.guild_id.is_none() || shows_anything(message) {
            Mapped::Nothing("a message without words or media")
        } else {
            Mapped::Hidden
        };
    }
    let replied = message.referenced_message.as_deref().filter(|_| !forwarded);
    Mapped::Message(Box::new(Inbound {
        id: match &message.edited_timestamp {
            Some(at) if edited => format!("{}:{at}", message.id),
            _ => message.id.clone(),
        },
        conversation: conversation(message, room),
        sender: sender(message),
        text,
        sent_at_ms: snowflake::made_at_ms(&message.id),
        mentions_self: read.of_bot,
        reply_to_self: replied.is_some_and(|reply| reply.author.id == me.bot_id),
        addresses_others: read.of_others
            || !message.mention_roles.is_empty()
            || replied.is_some_and(|reply| is_other_bot(reply, me)),
        edited,
        forwarded,
        quote: replied.and_then(|reply| quote(reply, me)),
        media: Vec::new(),
        album: None,
        reply_context: Vec::new(),
    }))
}

fn skipped(message: &Message, edited: bool, me: &Cursor) -> Option<&'static str> {
    if message.author.id.is_empty() {
        return Some("a part of a message");
    }
    // A webhook of our own application posts with our id.
    if message.author.id == me.bot_id {
        return Some("the bot's own message");
    }
    // Discord fetches previews of links after the message, and tells that as an update.
    if edited && message.edited_timestamp.is_none() {
        return Some("an update without an edit");
    }
    // 0 is a message, 19 an answer, 21 the message that begins a thread; the others are notices of Discord's own.
    (!matches!(message.kind, 0 | 19 | 21)).then_some("a system message")
}

/// A webhook's author is nobody who could answer.
fn is_other_bot(message: &Message, me: &Cursor) -> bool {
    message.author.bot && message.webhook_id.is_none() && message.author.id != me.bot_id
}

/// Whether Discord shows some part of the message, so that its emptiness is real.
fn shows_anything(message: &Message) -> bool {
    let words = &message.words;
    !words.embeds.is_empty()
        || !words.components.is_empty()
        || words.poll.is_some()
        || !message.message_snapshots.is_empty()
        || message.kind == 21
}

fn conversation(message: &Message, room: Option<&Room>) -> Conversation {
    let kind = message.channel_type.or(room.map(|room| room.kind));
    let chat = match (&message.guild_id, kind) {
        (Some(_), _) => ChatKind::Channel,
        (None, Some(kind)) if Room::is_group(kind) => ChatKind::Group,
        (None, _) => ChatKind::Direct,
    };
    // A thread is a channel of its own, whose parent is the room.
    let parent = room.and_then(|room| room.parent.clone()).filter(|_| kind.is_some_and(Room::is_thread));
    let (room_id, thread) = match parent {
        Some(parent) => (parent, Some(message.channel_id.clone())),
        None => (message.channel_id.clone(), None),
    };
    Conversation {
        kind: chat,
        space: message.guild_id.clone(),
        room: room_id,
        thread,
        title: room.and_then(|room| room.name.clone()),
    }
}

fn sender(message: &Message) -> Sender {
    let author = &message.author;
    let is_bot = author.bot || message.webhook_id.is_some();
    let nick = message.member.as_ref().and_then(|member| member.nick.clone());
    Sender {
        kind: if is_bot { SenderKind::Bot } else { SenderKind::Person },
        id: author.id.clone(),
        username: Some(author.username.clone()).filter(|name| !name.is_empty()),
        roles: message.member.as_ref().map_or_else(Vec::new, |member| member.roles.clone()),
        display_name: nick.filter(|nick| !nick.trim().is_empty()).or_else(|| author.name()),
    }
}

/// Words, and a placeholder for each thing that cannot be said in words. `text` stands for the content, if given.
fn said(words: &Words, text: Option<String>) -> Option<String> {
    let text = text.unwrap_or_else(|| words.content.clone());
    let text = Some(text).filter(|text| !text.trim().is_empty());
    let attachments = words.attachments.iter().map(placeholder);
    let stickers = words.sticker_items.iter().map(|sticker| match sticker.name.trim() {
        "" => "<media:sticker>".to_owned(),
        name => format!("<media:sticker> {name}"),
    });
    let lines: Vec<String> = text.into_iter().chain(attachments).chain(stickers).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn placeholder(attachment: &Attachment) -> String {
    let mime = attachment.content_type.as_deref().unwrap_or_default();
    let kind = match mime.split('/').next().unwrap_or_default() {
        kind @ ("image" | "video" | "audio") => kind,
        _ if attachment.duration_secs.is_some() => "audio",
        _ => "document",
    };
    match attachment.filename.trim() {
        "" => format!("<media:{kind}>"),
        name => format!("<media:{kind}> {name}"),
    }
}

fn quote(reply: &Message, me: &Cursor) -> Option<Quote> {
    let read = mention::read(&reply.words.content, &reply.words.mentions, "", "");
    let author = if reply.author.id == me.bot_id { Some(me.bot_name.clone()) } else { reply.author.name() };
    let text = said(&reply.words, Some(read.text))?;
    Some(Quote { message_id: Some(reply.id.clone()), author: author.filter(|name| !name.is_empty()), text })
}

#[cfg(test)]
mod tests;
