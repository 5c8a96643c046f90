//! `channels.deadLetters.*`: what could not be sent or read, and what a person decides about it. Methods of our own. All
//! times are Unix milliseconds.

use serde::{Deserialize, Serialize};

use crate::{
    call::Call,
    scope::Scope,
    shape::{Field, Kind},
};

/// Dead letters in one answer at most.
pub const MOST_LETTERS: i64 = 500;
/// Dead letters in one answer when nobody says otherwise.
pub const USUAL_LETTERS: usize = 50;

/// Parameters of `channels.deadLetters.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLettersListParams {
    /// Only of this channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Only of accounts of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// So many at most; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

impl Call for DeadLettersListParams {
    const METHOD: &'static str = "channels.deadLetters.list";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const ADVERTISED: bool = false;
    const PURPOSE: &'static str = "what could not be sent or read, the newest first";
    const SHAPE: &'static [Field] = &[
        Field::optional("channel", Kind::NonEmpty),
        Field::optional("accountId", Kind::NonEmpty),
        Field::optional("limit", Kind::Int(1, MOST_LETTERS)),
    ];
    type Reply = DeadLetters;
}

/// The answer to `channels.deadLetters.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetters {
    /// Now.
    pub ts: u64,
    /// The newest first.
    pub letters: Vec<DeadLetter>,
    /// How many there are of what was asked for, here or not.
    pub counts: DeadLetterCounts,
    /// All of them together.
    pub total: u64,
}

/// How many dead letters there are of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterCounts {
    /// Refused by the vendor, or given up after all attempts.
    pub failed: u64,
    /// They may or may not have arrived.
    pub ambiguous: u64,
    /// They could not be sent in time.
    pub expired: u64,
    /// They came from the vendor, and the component could not read them.
    pub unread: u64,
}

/// One line of the list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// Names it: `send-17` or `unread-3`.
    pub id: String,
    /// `failed`, `ambiguous`, `expired` or `unread`.
    pub kind: String,
    /// The channel.
    pub channel: String,
    /// The account.
    pub account_id: String,
    /// Where it was to go; nothing for what could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// The thread there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<String>,
    /// When it became a dead letter.
    pub at: u64,
    /// The code of its last error; for what could not be read, why.
    pub code: String,
    /// Its beginning, in one line.
    pub text: String,
}

/// Parameters of `channels.deadLetters.get`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterGetParams {
    /// Which one.
    pub id: String,
}

impl Call for DeadLetterGetParams {
    const METHOD: &'static str = "channels.deadLetters.get";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const ADVERTISED: bool = false;
    const PURPOSE: &'static str = "everything that is known of one of them";
    const SHAPE: &'static [Field] = &[Field::required("id", Kind::NonEmpty)];
    type Reply = DeadLetterDetail;
}

/// The answer to `channels.deadLetters.get`. Its text is whole, what could not be read is cut after 4,096 bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterDetail {
    /// As the list has it, with the whole text.
    #[serde(flatten)]
    pub letter: DeadLetter,
    /// What went wrong, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What a person can do about it.
    pub advice: String,
    /// What is known of a message that was to go out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<DeadSend>,
    /// What is known of what could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<DeadUnread>,
}

/// What is known of a message that was to go out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadSend {
    /// What the vendor's side sees: it stays the same for every attempt.
    pub idempotency_key: String,
    /// The key of whoever asked for the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_key: Option<String>,
    /// Which part of its message it is, from 1.
    pub part: u64,
    /// How many parts the message has.
    pub parts: u64,
    /// Attempts that were begun.
    pub attempts: u64,
    /// When it was written.
    pub created_at: u64,
    /// After this moment no attempt was begun.
    pub expires_at: u64,
    /// The vendor's id of the message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to_id: Option<String>,
    /// To be delivered without a sound.
    pub silent: bool,
    /// Files that go with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<DeadFile>,
}

/// A file that goes with a message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadFile {
    /// Its name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its media type.
    pub mime: String,
    /// Its length in bytes.
    pub size: u64,
}

/// What is known of what could not be read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadUnread {
    /// The vendor's id of it, where it could be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor_id: Option<String>,
    /// How many bytes of it are kept.
    pub bytes: u64,
}

/// Parameters of `channels.deadLetters.retry`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterRetryParams {
    /// Which one.
    pub id: String,
    /// It may have arrived, and may appear twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twice: Option<bool>,
}

impl Call for DeadLetterRetryParams {
    const METHOD: &'static str = "channels.deadLetters.retry";
    const SCOPE: Option<Scope> = Some(Scope::Admin);
    const ADVERTISED: bool = false;
    const PURPOSE: &'static str = "sends one again, and what failed behind it of the same message";
    const SHAPE: &'static [Field] =
        &[Field::required("id", Kind::NonEmpty), Field::optional("twice", Kind::Bool)];
    type Reply = DeadLetterRetried;
}

/// The answer to `channels.deadLetters.retry`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterRetried {
    /// Which one.
    pub id: String,
    /// The channel.
    pub channel: String,
    /// The account.
    pub account_id: String,
    /// Where it goes.
    pub room: String,
    /// How many parts of the message wait to be sent again.
    pub queued: u64,
    /// Until when they are tried.
    pub expires_at: u64,
}

/// Parameters of `channels.deadLetters.drop`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterDropParams {
    /// Which one.
    pub id: String,
}

impl Call for DeadLetterDropParams {
    const METHOD: &'static str = "channels.deadLetters.drop";
    const SCOPE: Option<Scope> = Some(Scope::Admin);
    const ADVERTISED: bool = false;
    const PURPOSE: &'static str = "forgets one of them";
    const SHAPE: &'static [Field] = &[Field::required("id", Kind::NonEmpty)];
    type Reply = DeadLetterDropped;
}

/// The answer to `channels.deadLetters.drop`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterDropped {
    /// Which one.
    pub id: String,
    /// The channel.
    pub channel: String,
    /// The account.
    pub account_id: String,
    /// It is forgotten.
    pub dropped: bool,
}
