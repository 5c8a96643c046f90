//! The running gateway as its listeners see it: the parts, and a few facts about the process. Holds; decides nothing.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use openclaw_access::Access;
use openclaw_agents::Agents;
use openclaw_config::Paths;
use openclaw_messaging::Messaging;
use openclaw_models::Models;
use openclaw_protocol::status::{DegradedSecretOwner, ModelChoice};
use openclaw_secrets::{Scrubber, Secret};
use openclaw_store::Store;
use openclaw_supervisor::{Circuit, State, Status, Supervisor};
use serde_json::value::RawValue;
use tokio::sync::Mutex;

use crate::devices::Devices;
use crate::http::{Hooks, Places, Storing, Tls};
use crate::live::Live;
use crate::logging::Log;
use crate::metrics::Metrics;
use crate::options::GatewayOptions;
use crate::reload::Reload;
use crate::rpc::{self, health};
use crate::runs::Runs;
use crate::settings::Settings;
use crate::start::Restarter;
use crate::wakes::Wakes;
use crate::wiring::{self, Instances, ModelParts, Plugins};
use crate::ws::{Hub, Sockets, Written};

/// How old a health snapshot may be when it is handed out.
const HEALTH_FRESH: Duration = Duration::from_secs(1);
/// How long a channel may be down after the start, or run badly at any time, before the gateway counts as not ready.
const READY_GRACE: Duration = Duration::from_secs(60);

/// Everything that a request may need.
pub(crate) struct Gateway {
    pub(crate) paths: Paths,
    /// What the command line decided, which the configuration cannot change.
    pub(crate) options: Arc<GatewayOptions>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) log: Log,
    pub(crate) access: Access,
    pub(crate) devices: Devices,
    /// Which refusals the log has already.
    pub(crate) refusals: Written,
    /// `none`, `token`, `password` or `trusted-proxy`.
    pub(crate) auth_mode: String,
    /// New with each start.
    pub(crate) boot_id: String,
    pub(crate) started: Instant,
    pub(crate) listening: Vec<SocketAddr>,
    /// What is shown to clients that connect with TLS, if they have to.
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) places: Arc<Places>,
    pub(crate) metrics: Metrics,
    pub(crate) storing: Storing,
    pub(crate) hooks: Hooks,
    pub(crate) hub: Arc<Hub>,
    pub(crate) sockets: Sockets,
    pub(crate) store: Store,
    pub(crate) models: Models,
    pub(crate) answering: ModelParts,
    pub(crate) agents: Agents,
    pub(crate) messaging: Messaging,
    pub(crate) supervisor: Supervisor,
    pub(crate) instances: Arc<Instances>,
    /// Replaced as a whole when one of them is.
    pub(crate) plugins: Arc<Live<Plugins>>,
    pub(crate) runs: Runs,
    pub(crate) wakes: Wakes,
    /// Which model answers, and why.
    pub(crate) model_choice: Live<ModelChoice>,
    /// The body of `GET /v1/models`.
    pub(crate) model_list: Live<Bytes>,
    pub(crate) reload: Reload,
    /// How a method asks for a restart of all this.
    pub(crate) restarter: Restarter,
    pub(crate) draining: AtomicBool,
    /// What the methods remember between calls.
    pub(crate) memory: rpc::Memory,
    pub(crate) health: Mutex<Option<(Instant, Arc<RawValue>)>>,
    /// Every secret that was in force since the start: a running account may still use an old one.
    pub(crate) secrets: std::sync::Mutex<Vec<Secret>>,
    /// What lacks a secret that the configuration in force refers to.
    pub(crate) lacking_secrets: Live<Vec<DegradedSecretOwner>>,
}

impl Gateway {
    /// Keeps the secrets of the configuration in force out of the log.
    pub(crate) fn protect_secrets(&self) {
        let found = wiring::secrets(&self.settings, &self.plugins.get());
        self.lacking_secrets.set(found.lacking);
        let mut known = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        for secret in found.values {
            if !known.iter().any(|other| other.matches(secret.expose())) {
                known.push(secret);
            }
        }
        self.log.protect(Scrubber::new(&*known));
    }

    /// Milliseconds since the start.
    pub(crate) fn uptime_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The gateway is on its way down.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// A health snapshot that is at most a second old. Concurrent callers share one.
    pub(crate) async fn health(&self) -> Arc<RawValue> {
        let mut kept = self.health.lock().await;
        if let Some((at, snapshot)) = kept.as_ref()
            && at.elapsed() < HEALTH_FRESH
        {
            return Arc::clone(snapshot);
        }
        let snapshot = health::snapshot(self).await;
        *kept = Some((Instant::now(), Arc::clone(&snapshot)));
        snapshot
    }

    /// Accounts that are wanted and down, as `<channel>/<account>`, once the start's grace is over. One that runs and has
    /// not reached its vendor for as long is down as well, and so is one whose messages are held back.
    pub(crate) fn failing_accounts(&self) -> Vec<String> {
        if self.started.elapsed() < READY_GRACE {
            return Vec::new();
        }
        let down = |status: &Status| match status.state {
            State::Backoff | State::AuthRequired | State::Quarantined => true,
            // A clock that was set back says nothing.
            State::Degraded => status.since.elapsed().is_ok_and(|lasted| lasted >= READY_GRACE),
            _ => false,
        };
        let accounts = self.supervisor.accounts().into_iter();
        let failing = accounts.map(|account| (account.status(), account.circuit()));
        let failing =
            failing.filter(|(status, circuit)| down(status) || matches!(circuit, Circuit::Open { .. }));
        failing.map(|(status, _)| status.account).collect()
    }
}
