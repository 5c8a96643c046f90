//! On what a session stands, and how it is told that it no longer does (openclaw-compat §2.12).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use openclaw_access::devices::{Notice, Role};
use openclaw_access::{AuthMethod, Peer};
use openclaw_protocol::RpcError;
use tokio::sync::Notify;

use super::hub::Hub;
use super::session::Close;
use crate::process::Gateway;

/// The shared secret, the proxy's settings or the device is not what it was.
const INVALIDATED: u16 = 4001;
const POLICY: u16 = 1008;
/// Calls in a row that are none for the session's role.
const MOST_STRAYS: u32 = 10;

/// On what a session stands.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) method: AuthMethod,
    pub(crate) role: Role,
    pub(crate) peer: Peer,
    pub(crate) device_id: Option<String>,
    /// Names the shared secret that was presented, if one was.
    pub(crate) shared_generation: Option<String>,
    ending: Ending,
    /// Calls in a row that were none for its role.
    strays: AtomicU32,
}

#[derive(Debug, Default)]
struct Ending {
    close: OnceLock<Close>,
    told: Notify,
}

impl Standing {
    pub(crate) fn new(
        method: AuthMethod,
        role: Role,
        peer: Peer,
        device_id: Option<String>,
        shared_generation: Option<String>,
    ) -> Standing {
        Standing {
            method,
            role,
            peer,
            device_id,
            shared_generation,
            ending: Ending::default(),
            strays: AtomicU32::new(0),
        }
    }

    /// The device, if the session stands on its token: it manages itself alone.
    pub(crate) fn device_by_token(&self) -> Option<&str> {
        self.device_id.as_deref().filter(|_| self.method == AuthMethod::DeviceToken)
    }

    /// The answer to a call that is none for the session's role. Whoever does nothing else is cut off
    /// (openclaw-compat §3.3.1).
    pub(crate) fn unauthorized_role(&self) -> RpcError {
        if self.strays.fetch_add(1, Ordering::Relaxed) >= MOST_STRAYS {
            self.end(POLICY, "repeated unauthorized calls");
        }
        RpcError::invalid(format!("unauthorized role: {}", self.role.as_str()))
    }

    /// Ends the session; the first reason counts.
    pub(crate) fn end(&self, code: u16, reason: impl Into<String>) {
        if self.ending.close.set(Close::new(code, reason)).is_ok() {
            // One permit is kept for a session that is not waiting at this moment.
            self.ending.told.notify_one();
        }
    }

    /// Resolves when the session is told to end. Safe to drop.
    pub(super) async fn ended(&self) -> Close {
        loop {
            if let Some(close) = self.ending.close.get() {
                return close.clone();
            }
            self.ending.told.notified().await;
        }
    }

    /// Whether the session may go on, by the rules and the devices as they are now.
    pub(crate) fn check(&self, gateway: &Gateway) {
        if !gateway.access.still_allows(&self.peer) {
            return self.end(POLICY, "origin not allowed");
        }
        let rules = gateway.access.rules();
        let current = gateway.devices.read(|registry| registry.generation_of(rules.shared.secret()));
        if self.method.is_shared_secret() && self.shared_generation != current {
            return self.end(INVALIDATED, "gateway auth changed");
        }
        let Some(device) = self.device_by_token() else { return };
        let live = gateway.devices.read(|registry| {
            let token = registry.device(device).and_then(|device| device.token(self.role));
            // A browser's token ends with the shared secret under which it was made.
            token.is_some_and(|token| token.is_live() && (token.issuer.is_none() || token.issuer == current))
        });
        if !live {
            self.end(INVALIDATED, "client invalidated: device-token-revoked");
        }
    }
}

/// Tells clients what became of devices, and ends the sessions that stood on what is gone.
pub(crate) fn announce(hub: &Hub, notices: &[Notice]) {
    let ts = crate::clock::now_ms();
    for notice in notices {
        match notice {
            Notice::Requested(pending) => hub.broadcast("device.pair.requested", pending),
            Notice::Resolved { request_id, device_id, approved } => {
                let decision = if *approved { "approved" } else { "rejected" };
                let event = serde_json::json!({
                    "requestId": request_id, "deviceId": device_id, "decision": decision, "ts": ts
                });
                hub.broadcast("device.pair.resolved", &event);
            }
            Notice::Changed => hub.broadcast("device.pair.changed", &serde_json::json!({})),
            Notice::Invalidated { device_id, role, reason } => hub.each(|client| {
                let standing = &client.standing;
                let meant = standing.device_id.as_ref() == Some(device_id)
                    && role.is_none_or(|role| role == standing.role);
                if meant {
                    standing.end(INVALIDATED, format!("client invalidated: {reason}"));
                }
            }),
            Notice::Log(line) => tracing::info!(subsystem = "gateway", "{line}"),
        }
    }
}

/// Ends the sessions that the rules in force would not let in any more.
pub(crate) fn recheck(gateway: &Gateway, proxy_changed: bool) {
    gateway.hub.each(|client| {
        client.standing.check(gateway);
        if proxy_changed && client.standing.method == AuthMethod::TrustedProxy {
            client.standing.end(INVALIDATED, "gateway policy changed");
        }
    });
}
