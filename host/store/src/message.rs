//! Owns the host's plain shapes of what the plugin contract calls a message and a target (`wit/0.2.0/types.wit`), so that the
//! crates above share them without knowing the component runtime. Never checks bounds: `messaging` does, before admitting.

use serde::{Deserialize, Serialize};

/// One account of one channel: the name of everything that is kept per account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AccountKey {
    /// The channel's id as in `channels.<id>` of the configuration.
    pub channel: String,
    /// The account's id as in `channels.<id>.accounts.<account>`; `default` when there is only one.
    pub account: String,
}

impl AccountKey {
    /// The key of `account` of `channel`.
    pub fn new(channel: impl Into<String>, account: impl Into<String>) -> Self {
        Self { channel: channel.into(), account: account.into() }
    }
}

impl std::fmt::Display for AccountKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.channel, self.account)
    }
}

/// What kind of conversation a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatKind {
    /// One person and the bot.
    Direct,
    /// A closed group with members.
    Group,
    /// A room of a larger space, or a broadcast feed.
    Channel,
}

impl ChatKind {
    /// The word of the configuration and of the protocol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Group => "group",
            Self::Channel => "channel",
        }
    }
}

/// Where a message was said: space → room → thread, from wide to narrow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// Policy depends on it.
    pub kind: ChatKind,
    /// The vendor's server or workspace, where it has one.
    pub space: Option<String>,
    /// The vendor's chat id; 1 to 256 bytes.
    pub room: String,
    /// The vendor's thread or topic inside the room.
    pub thread: Option<String>,
    /// A name for people to read. Never used for decisions.
    pub title: Option<String>,
}

/// Who is behind a vendor's sender id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SenderKind {
    /// A human being.
    Person,
    /// Another program.
    Bot,
    /// The vendor hides the author.
    Anonymous,
    /// The account that the component runs for.
    Myself,
}

/// The sender of a message (`types.sender`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SenderInfo {
    /// Who is behind the id.
    pub kind: SenderKind,
    /// The vendor's stable id: the key of allow lists and pairing; 1 to 256 bytes.
    pub id: String,
    /// The handle, without `@`.
    pub username: Option<String>,
    /// The name for people to read.
    pub display_name: Option<String>,
    /// The vendor's ids of the roles that the sender has in the conversation's space.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

impl SenderInfo {
    /// What to call the sender before people: the name, else the handle, else the id.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.display_name.as_deref().or(self.username.as_deref()).unwrap_or(&self.id)
    }
}

/// A passage of an older message that a message answers or cites.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The vendor's id of the cited message, where known.
    pub message_id: Option<String>,
    /// Who wrote it, for people to read.
    pub author: Option<String>,
    /// The cited words.
    pub text: String,
}

/// A file that the host keeps for an account (`types.file`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaFile {
    /// Names it, to its account alone.
    pub handle: u64,
    /// The media type.
    pub mime: String,
    /// What to call it.
    pub name: Option<String>,
    /// In bytes.
    pub size: u64,
}

/// One message from the vendor (`types.message`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The vendor's id, unique in the account; 1 to 256 bytes.
    pub id: String,
    /// Where it was said.
    pub conversation: Conversation,
    /// Who said it.
    pub sender: SenderInfo,
    /// Plain text, at most 256 KiB.
    pub text: String,
    /// Unix milliseconds, by the vendor's clock.
    pub sent_at_ms: u64,
    /// The bot was named in the vendor's own way.
    pub mentions_self: bool,
    /// It answers one of the bot's own messages.
    pub reply_to_self: bool,
    /// It is said to somebody else, if perhaps to the bot as well.
    #[serde(default)]
    pub addresses_others: bool,
    /// It replaces an earlier one of its author.
    pub edited: bool,
    /// It was first written by somebody else.
    pub forwarded: bool,
    /// What it cites.
    pub quote: Option<Quote>,
    /// The files that came with it, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<MediaFile>,
    /// The vendor's id of the album that it is a piece of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub album: Option<String>,
    /// Opaque; handed back in the answer. At most 4 KiB. Kept in a column of its own.
    #[serde(skip)]
    pub reply_context: Vec<u8>,
}

impl Message {
    /// Where an answer to this message goes.
    pub fn target(&self) -> Target {
        Target { room: self.conversation.room.clone(), thread: self.conversation.thread.clone() }
    }
}

/// Where an outbound message or a typing notice goes (`types.target`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// The vendor's chat id, or what the operator typed.
    pub room: String,
    /// The vendor's thread inside the room.
    pub thread: Option<String>,
}

/// Proof that the vendor accepted a message (`types.receipt`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The vendor's ids of what is now visible, in order.
    pub message_ids: Vec<String>,
}
