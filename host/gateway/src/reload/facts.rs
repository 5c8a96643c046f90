//! What there is to tell about the configuration in force.

use super::Rejection;

/// For `status`, `doctor` and the bench.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// When it was put in force, in Unix milliseconds.
    pub(crate) applied_at: u64,
    /// How long the last change took from being complete to being in force, in milliseconds.
    pub(crate) apply_ms: Option<f64>,
    /// Places that differ from the start and wait for the next one.
    pub(crate) pending_restart: Vec<String>,
    /// The last edit, if it was refused.
    pub(crate) rejected: Option<Rejection>,
}
