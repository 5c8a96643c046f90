//! `channels.pairing.*`: senders who asked to be let in. The shapes are those of the published schema (`ChannelsPairing*`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    call::Call,
    method::Permission,
    scope::Scope,
    shape::{Field, Kind},
};

/// Parameters of `channels.pairing.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingListParams {
    /// Only this channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Only accounts of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
}

impl Call for PairingListParams {
    const METHOD: &'static str = "channels.pairing.list";
    const SCOPE: Option<Scope> = Some(Scope::Pairing);
    const PURPOSE: &'static str = "senders that wait to be let in";
    const SHAPE: &'static [Field] =
        &[Field::optional("channel", Kind::NonEmpty), Field::optional("accountId", Kind::NonEmpty)];
    type Reply = PairingList;
}

/// The answer to `channels.pairing.list`. It holds no code: whoever may ask decides by `requestId`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingList {
    /// The accounts whose unknown senders are paired, in the order of the file.
    pub accounts: Vec<PairingAccount>,
    /// By account, the oldest first.
    pub requests: Vec<PairingRequest>,
    /// Whether somebody may give the commands that are the owner's alone.
    pub command_owner_configured: bool,
    /// How many requests there may be, and how long.
    pub limits: PairingLimits,
}

/// An account whose unknown senders are paired.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingAccount {
    /// The channel's id.
    pub channel: String,
    /// The channel's name for people.
    pub channel_label: String,
    /// The account's id.
    pub account_id: String,
    /// The account's name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_label: Option<String>,
    /// Whether a sender can be told of an approval.
    pub notify_supported: bool,
}

/// One sender who asked to be let in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingRequest {
    /// Names this request, and no later one of the same sender.
    pub request_id: String,
    /// The account that was written to.
    #[serde(flatten)]
    pub account: PairingAccount,
    /// The vendor's id of the sender.
    pub sender_id: String,
    /// What the vendor's id is called, from the channel's manifest.
    pub sender_label: String,
    /// What the vendor says about the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub last_seen_at: String,
    /// RFC 3339.
    pub expires_at: String,
}

/// The limits of pairing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingLimits {
    /// Requests that may wait at one account.
    pub pending_per_account: u64,
    /// How long a request waits, in milliseconds.
    pub ttl_ms: u64,
}

/// Parameters of `channels.pairing.approve`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingApproveParams {
    /// The channel.
    pub channel: String,
    /// The account.
    pub account_id: String,
    /// The request.
    pub request_id: String,
    /// Tells the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<bool>,
    /// Makes the sender the owner, if there is none; takes `operator.admin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_command_owner: Option<bool>,
}

impl Call for PairingApproveParams {
    const METHOD: &'static str = "channels.pairing.approve";
    const SCOPE: Option<Scope> = Some(Scope::Pairing);
    const PERMISSION: Permission = Permission::AtLeast(Scope::Pairing);
    const PURPOSE: &'static str = "lets a sender in";
    const SHAPE: &'static [Field] = &[
        Field::required("channel", Kind::NonEmpty),
        Field::required("accountId", Kind::NonEmpty),
        Field::required("requestId", Kind::NonEmpty),
        Field::optional("notify", Kind::Bool),
        Field::optional("bootstrapCommandOwner", Kind::Bool),
    ];
    type Reply = PairingApproved;
}

/// The answer to `channels.pairing.approve`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingApproved {
    /// The request.
    pub request_id: String,
    /// The sender who is let in.
    pub sender_id: String,
    /// What became of telling the sender.
    pub notification: Notification,
    /// What became of making the sender the owner.
    pub command_owner_bootstrap: OwnerBootstrap,
}

/// What became of telling a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notification {
    /// Nobody asked for it.
    NotRequested,
    /// The vendor has the message.
    Sent,
    /// The account cannot send.
    Unsupported,
    /// There is no receipt; the log says why.
    Failed,
}

/// What became of making a sender the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnerBootstrap {
    /// Nobody asked for it.
    NotRequested,
    /// The sender is the owner now.
    Configured,
    /// There was one.
    AlreadyConfigured,
}

/// Parameters of `channels.pairing.dismiss`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingDismissParams {
    /// The channel.
    pub channel: String,
    /// The account.
    pub account_id: String,
    /// The request.
    pub request_id: String,
}

impl Call for PairingDismissParams {
    const METHOD: &'static str = "channels.pairing.dismiss";
    const SCOPE: Option<Scope> = Some(Scope::Pairing);
    const PURPOSE: &'static str = "drops a sender's request; the sender may ask again";
    const SHAPE: &'static [Field] = &[
        Field::required("channel", Kind::NonEmpty),
        Field::required("accountId", Kind::NonEmpty),
        Field::required("requestId", Kind::NonEmpty),
    ];
    type Reply = PairingDismissed;
}

/// The answer to `channels.pairing.dismiss`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingDismissed {
    /// The request.
    pub request_id: String,
    /// The sender who is not let in.
    pub sender_id: String,
}
