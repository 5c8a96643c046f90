//! `channels.pairing.codes` and `channels.pairing.approveCode`: senders by the code that they were told, for the command
//! line. Methods of our own: the original's command line reads and writes its database instead, with all rights, so these
//! are the administrator's.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    call::Call,
    scope::Scope,
    shape::{Field, Kind},
};

/// Parameters of `channels.pairing.codes`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingCodesParams {
    /// The channel; may be left out when only one is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Only this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
}

impl Call for PairingCodesParams {
    const METHOD: &'static str = "channels.pairing.codes";
    const SCOPE: Option<Scope> = Some(Scope::Admin);
    const ADVERTISED: bool = false;
    const PURPOSE: &'static str = "senders that wait to be let in, with the codes that they were told";
    const SHAPE: &'static [Field] =
        &[Field::optional("channel", Kind::NonEmpty), Field::optional("accountId", Kind::NonEmpty)];
    type Reply = PairingCodes;
}

/// The answer to `channels.pairing.codes`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingCodes {
    /// The channel.
    pub channel: String,
    /// The heading of the id column, from the channel's manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_label: Option<String>,
    /// Oldest first.
    pub requests: Vec<PairingCode>,
}

/// One sender who asked to be let in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingCode {
    /// The vendor's id of the sender.
    pub id: String,
    /// What the sender was told.
    pub code: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub last_seen_at: String,
    /// What the vendor says about the sender, and `accountId`.
    #[serde(default)]
    pub meta: Map<String, Value>,
}

/// Parameters of `channels.pairing.approveCode`. The first approval ever makes the sender the owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingApproveCodeParams {
    /// The channel.
    pub channel: String,
    /// The code; case and surrounding blanks do not matter.
    pub code: String,
    /// Only this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// Tells the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify: Option<bool>,
}

impl Call for PairingApproveCodeParams {
    const METHOD: &'static str = "channels.pairing.approveCode";
    const SCOPE: Option<Scope> = Some(Scope::Admin);
    const ADVERTISED: bool = false;
    const PURPOSE: &'static str = "lets in the sender who was told a code";
    const SHAPE: &'static [Field] = &[
        Field::required("channel", Kind::NonEmpty),
        Field::required("code", Kind::NonEmpty),
        Field::optional("accountId", Kind::NonEmpty),
        Field::optional("notify", Kind::Bool),
    ];
    type Reply = PairingCodeApproved;
}

/// The answer to `channels.pairing.approveCode`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingCodeApproved {
    /// The channel.
    pub channel: String,
    /// The sender who is let in.
    pub id: String,
    /// `channel:id`, when this approval also made the sender the first command owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_owner: Option<String>,
    /// Whether the sender was told; absent when nobody asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notified: Option<bool>,
}
