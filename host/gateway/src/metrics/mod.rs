//! Counters of what the gateway did since its start, for `GET /metrics`. Counting is one atomic addition; no label ever
//! holds what a client made up. Reads nothing and decides nothing.

mod text;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use http::StatusCode;
use openclaw_protocol::METHODS;

use crate::http::Route;

pub(crate) use text::render;

/// Codes of refusals that are told apart. The protocol has fewer.
const REFUSALS: usize = 64;
/// Methods that are not in the table.
const UNKNOWN: &str = "unknown";

/// Ok and error.
type Outcomes = [AtomicU64; 2];

/// The counters.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// By route and by the first digit of the status.
    http: [[AtomicU64; 5]; Route::ALL.len()],
    /// By method, in the order of the table; the last one is for all others.
    rpc: Vec<Outcomes>,
    refusals: Mutex<BTreeMap<String, u64>>,
    slow_consumers: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut rpc = Vec::new();
        rpc.resize_with(method_names().count() + 1, Outcomes::default);
        Metrics {
            http: Default::default(),
            rpc,
            refusals: Mutex::default(),
            slow_consumers: AtomicU64::new(0),
        }
    }
}

/// The methods by which requests are told apart.
fn method_names() -> impl Iterator<Item = &'static str> {
    METHODS.iter().map(|method| method.name)
}

fn add(counter: Option<&AtomicU64>) {
    if let Some(counter) = counter {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// An HTTP request was answered.
    pub(crate) fn request(&self, route: Route, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        add(self.http.get(route as usize).and_then(|classes| classes.get(class)));
    }

    /// A method of the control plane was answered.
    pub(crate) fn method(&self, method: &str, ok: bool) {
        let index = method_names().position(|known| known == method);
        let outcomes = index.map_or(self.rpc.last(), |index| self.rpc.get(index));
        add(outcomes.and_then(|outcomes| outcomes.get(usize::from(!ok))));
    }

    /// A client was cut off because it does not read what it has to hear.
    pub(crate) fn slow_consumer(&self) {
        self.slow_consumers.fetch_add(1, Ordering::Relaxed);
    }

    /// A client was refused with this code of the protocol, for instance `AUTH_TOKEN_MISMATCH`.
    pub(crate) fn refused(&self, code: &str) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = refusals.get_mut(code) {
            *count += 1;
        } else if refusals.len() < REFUSALS {
            refusals.insert(code.to_owned(), 1);
        }
    }
}
