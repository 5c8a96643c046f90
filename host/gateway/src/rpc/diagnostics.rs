//! `diagnostics.*`: the process's memory and the turns that run. No events are recorded, and the answers say so.

use openclaw_protocol::diagnostics::{
    DynamicLanes, Lanes, MemorySample, MemorySummary, Stability, StabilitySummary,
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::clock::now_ms;
use crate::machine;
use crate::process::Gateway;

pub(super) fn stability() -> Stability {
    let memory = machine::resident_bytes().map(|rss_bytes| MemorySummary {
        latest: MemorySample { rss_bytes },
        max_rss_bytes: machine::peak_resident_bytes().unwrap_or(rss_bytes),
        pressure_count: 0,
    });
    Stability {
        // A moment of this century always has a text.
        generated_at: OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
        summary: StabilitySummary { memory, ..StabilitySummary::default() },
        ..Stability::default()
    }
}

pub(super) fn lanes(gateway: &Gateway) -> Lanes {
    let counts = gateway.messaging.lanes().counts();
    let (sessions, turns) = (counts.sessions as u64, counts.turns as u64);
    let dynamic = DynamicLanes {
        lane_count: sessions,
        active_count: sessions.min(turns),
        queued_count: turns.saturating_sub(sessions),
    };
    Lanes { ts: now_ms(), lanes: Vec::new(), dynamic: (sessions > 0).then_some(dynamic) }
}
