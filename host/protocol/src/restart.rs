//! `gateway.restart.request` and `gateway.restart.preflight`: a restart of the gateway inside its process. The shapes are
//! those that the original answers with; the published schema names the methods alone.

use serde::{Deserialize, Serialize};

use crate::{
    call::Call,
    scope::Scope,
    shape::{Field, Kind},
};

/// Parameters of `gateway.restart.request`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestartRequestParams {
    /// Why, for the log. The first 200 characters count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Do not wait for work to end. Accepted; this gateway never waits longer than its drain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_deferral: Option<bool>,
    /// Milliseconds to wait first. Accepted; the restart follows the answer at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Wait for work to end. Accepted, see `skip_deferral`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safe: Option<bool>,
    /// The process that is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<RestartTarget>,
}

/// The process that is meant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestartTarget {
    /// Its number.
    pub pid: u32,
    /// Where it listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

impl Call for RestartRequestParams {
    const METHOD: &'static str = "gateway.restart.request";
    const SCOPE: Option<Scope> = Some(Scope::Admin);
    const PURPOSE: &'static str = "restarts the gateway inside its process";
    const LIMITED: bool = true;
    const SHAPE: &'static [Field] = &[
        Field::optional("reason", Kind::Text),
        Field::optional("skipDeferral", Kind::Bool),
        Field::optional("delayMs", Kind::Int(0, 600_000)),
        Field::optional("safe", Kind::Bool),
        Field::optional(
            "target",
            Kind::Object(&[
                Field::required("pid", Kind::Int(1, i32::MAX as i64)),
                Field::optional("port", Kind::Int(1, 65_535)),
                // The lock of this gateway names no owner; the process number says the same.
                Field::optional("ownerId", Kind::Text),
            ]),
        ),
        Field::optional("restartIntent", Kind::Map),
    ];
    type Reply = RestartScheduled;
}

/// What becomes of the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestartScheduled {
    /// Always `true`: a refusal is an error.
    pub ok: bool,
    /// `scheduled`, or `coalesced` where a restart was on its way already.
    pub status: String,
    /// What goes on at this moment.
    pub preflight: RestartPreflight,
    /// The restart itself.
    pub restart: RestartFacts,
}

/// The restart itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestartFacts {
    /// Always `true`.
    pub ok: bool,
    /// The process, which stays.
    pub pid: u32,
    /// The signal that asks for the same.
    pub signal: String,
    /// Milliseconds until it begins.
    pub delay_ms: u64,
    /// As asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `emit`: inside the process.
    pub mode: String,
    /// A restart was on its way already.
    pub coalesced: bool,
    /// Milliseconds that were added because the last restart is too recent; this gateway adds none.
    pub cooldown_ms_applied: u64,
}

/// Parameters of `gateway.restart.preflight`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RestartPreflightParams {}

impl Call for RestartPreflightParams {
    const METHOD: &'static str = "gateway.restart.preflight";
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const PURPOSE: &'static str = "whether a restart may begin now, and what it would interrupt";
    const SHAPE: &'static [Field] = &[];
    type Reply = RestartPreflight;
}

/// What a restart would interrupt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RestartPreflight {
    /// Nothing goes on.
    pub safe: bool,
    /// How much of what.
    pub counts: RestartCounts,
    /// The same for people, one entry for each kind that goes on.
    pub blockers: Vec<RestartBlocker>,
    /// The same in a sentence.
    pub summary: String,
}

/// Work that goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestartCounts {
    /// Inbound messages that wait for their turn or have it.
    pub queue_size: u64,
    /// Replies on their way.
    pub pending_replies: u64,
    /// Runs that clients asked for.
    pub embedded_runs: u64,
    /// Scheduled runs; this gateway has none.
    pub cron_runs: u64,
    /// Commands in the background; this gateway has none.
    pub background_exec_sessions: u64,
    /// Requests beside these; not counted here.
    pub root_requests: u64,
    /// Tasks in the background; this gateway has none.
    pub active_tasks: u64,
    /// All together.
    pub total_active: u64,
}

/// One kind of work that goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestartBlocker {
    /// `queue`, `reply` or `embedded-run`.
    pub kind: String,
    /// How much of it.
    pub count: u64,
    /// For people.
    pub message: String,
}

impl RestartPreflight {
    /// Words for what goes on.
    #[must_use]
    pub fn of(queue_size: u64, pending_replies: u64, embedded_runs: u64) -> Self {
        let total_active = queue_size + pending_replies + embedded_runs;
        let counts = RestartCounts {
            queue_size,
            pending_replies,
            embedded_runs,
            total_active,
            ..RestartCounts::default()
        };
        let kinds = [
            ("queue", queue_size, "queued or active operation(s)"),
            ("reply", pending_replies, "pending reply delivery operation(s)"),
            ("embedded-run", embedded_runs, "active embedded run(s)"),
        ];
        let blockers: Vec<RestartBlocker> = kinds
            .into_iter()
            .filter(|(_, count, _)| *count > 0)
            .map(|(kind, count, words)| RestartBlocker {
                kind: kind.to_owned(),
                count,
                message: format!("{count} {words}"),
            })
            .collect();
        let summary = if blockers.is_empty() {
            "safe to restart now".to_owned()
        } else {
            // Nothing is lost: what the drain does not finish goes on at the next start.
            let words: Vec<&str> = blockers.iter().map(|blocker| blocker.message.as_str()).collect();
            format!("a restart interrupts: {}", words.join("; "))
        };
        Self { safe: total_active == 0, counts, blockers, summary }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn work_is_counted_and_worded() {
        assert_eq!(RestartPreflight::of(0, 0, 0).summary, "safe to restart now");
        let busy = serde_json::to_value(RestartPreflight::of(0, 2, 1)).unwrap();
        assert_eq!(busy["safe"], false);
        assert_eq!(busy["counts"]["totalActive"], 3);
        assert_eq!(
            busy["blockers"],
            json!([
                {"kind": "reply", "count": 2, "message": "2 pending reply delivery operation(s)"},
                {"kind": "embedded-run", "count": 1, "message": "1 active embedded run(s)"},
            ])
        );
    }
}
