//! `diagnostics.*`: what the process does at this moment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    call::Call,
    scope::Scope,
    shape::{Field, Kind},
};

/// Parameters of `diagnostics.stability`; accepted and not used, since no events are recorded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StabilityParams {}

impl Call for StabilityParams {
    const METHOD: &'static str = "diagnostics.stability";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "the process's memory; events are not recorded";
    const SHAPE: &'static [Field] = &[
        Field::optional("limit", Kind::Int(1, 1_000)),
        Field::optional("type", Kind::Text),
        Field::optional("sinceSeq", Kind::Int(0, i64::MAX)),
    ];
    type Reply = Stability;
}

/// The answer to `diagnostics.stability`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stability {
    /// RFC 3339, in UTC.
    pub generated_at: String,
    /// Events that are kept at most: none.
    pub capacity: u64,
    /// Events that match.
    pub count: u64,
    /// Events that were forgotten.
    pub dropped: u64,
    /// The events.
    pub events: Vec<Value>,
    /// The events counted, and the memory.
    pub summary: StabilitySummary,
}

/// What `diagnostics.stability` sums up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StabilitySummary {
    /// Events by their type.
    pub by_type: BTreeMap<String, u64>,
    /// The process's memory, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemorySummary>,
}

/// The process's memory in bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemorySummary {
    /// At this moment.
    pub latest: MemorySample,
    /// The most that was resident since the start.
    pub max_rss_bytes: u64,
    /// How often memory was short; not watched.
    pub pressure_count: u64,
}

/// The process's memory at one moment, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemorySample {
    /// Resident.
    pub rss_bytes: u64,
}

/// Parameters of `diagnostics.lanes`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LanesParams {}

impl Call for LanesParams {
    const METHOD: &'static str = "diagnostics.lanes";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "turns that run or wait";
    const SHAPE: &'static [Field] = &[];
    type Reply = Lanes;
}

/// The answer to `diagnostics.lanes`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lanes {
    /// Unix milliseconds.
    pub ts: u64,
    /// Lanes with a name of their own: none, a lane belongs to a session.
    pub lanes: Vec<Value>,
    /// The sessions' lanes together; `null` when no turn runs or waits.
    pub dynamic: Option<DynamicLanes>,
}

/// The sessions' lanes together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DynamicLanes {
    /// Sessions with a turn that runs or waits.
    pub lane_count: u64,
    /// Turns that run, or wait for a place among those that do.
    pub active_count: u64,
    /// Turns that wait behind another one of their session.
    pub queued_count: u64,
}
