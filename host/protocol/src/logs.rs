//! `logs.tail`: the end of the log file.

use serde::{Deserialize, Serialize};

use crate::{
    call::Call,
    scope::Scope,
    shape::{Field, Kind},
};

/// Parameters of `logs.tail`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogsTailParams {
    /// The byte position that the last answer ended at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<u64>,
    /// Lines, from 1 to 5,000; 500 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Bytes, from 1 to 1,000,000; 250,000 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u32>,
}

impl Call for LogsTailParams {
    const METHOD: &'static str = "logs.tail";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "the end of the log file";
    const SHAPE: &'static [Field] = &[
        Field::optional("cursor", Kind::Int(0, i64::MAX)),
        Field::optional("limit", Kind::Int(1, 5_000)),
        Field::optional("maxBytes", Kind::Int(1, 1_000_000)),
    ];
    type Reply = LogsTail;
}

/// The answer to `logs.tail`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogsTail {
    /// The file.
    pub file: String,
    /// Where the next call goes on.
    pub cursor: u64,
    /// The file's length in bytes.
    pub size: u64,
    /// Complete lines, oldest first, without line ends.
    pub lines: Vec<String>,
    /// Older lines were left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
    /// The file shrank or was replaced, so that the cursor was meaningless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<bool>,
    /// Bytes between the cursor and the first line, when there was more than the limits allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped_bytes: Option<u64>,
}
