//! What a session needs to go on after the connection is gone, or after a restart of the gateway. The host keeps it with
//! each message that it admits.

use serde::{Deserialize, Serialize};

/// A session of Discord's gateway, and how far it has been read.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cursor {
    pub(crate) session_id: String,
    /// Where this session is resumed; empty where Discord did not say.
    pub(crate) resume_url: String,
    /// The last event that was taken over.
    pub(crate) sequence: u64,
    /// The bot itself, which Discord tells at the begin of a session only.
    pub(crate) bot_id: String,
    pub(crate) bot_name: String,
}

impl Cursor {
    /// Reads what the host kept. What is not understood is no cursor: a new session is begun.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}
