//! `channels.pairing.*`: senders who asked to be let in.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
    /// The channel; may be left out when only one is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Only this account.
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

/// The answer to `channels.pairing.list`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingList {
    /// The channel.
    pub channel: String,
    /// The heading of the id column, from the channel's manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_label: Option<String>,
    /// Oldest first.
    pub requests: Vec<PairingRequest>,
}

/// One sender who asked to be let in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingRequest {
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

/// Parameters of `channels.pairing.approve`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingApproveParams {
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

impl Call for PairingApproveParams {
    const METHOD: &'static str = "channels.pairing.approve";
    const SCOPE: Option<Scope> = Some(Scope::Pairing);
    const PERMISSION: Permission = Permission::AtLeast(Scope::Pairing);
    const PURPOSE: &'static str = "lets a sender in";
    const SHAPE: &'static [Field] = &[
        Field::required("channel", Kind::NonEmpty),
        Field::required("code", Kind::NonEmpty),
        Field::optional("accountId", Kind::NonEmpty),
        Field::optional("notify", Kind::Bool),
    ];
    type Reply = PairingApproved;
}

/// The answer to `channels.pairing.approve`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingApproved {
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
