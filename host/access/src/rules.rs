//! What the operator asks of clients. Holds; decides nothing.

use crate::limiter::Limits;
use crate::peer::Proxies;
use crate::shared::SharedSecret;
use crate::trusted_proxy::OwnAddress;

/// What the operator asks of clients. Replaced as a whole when the configuration changes.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What everybody has to present.
    pub shared: SharedSecret,
    /// `gateway.trustedProxies`
    pub proxies: Proxies,
    /// Finds out whether an address is one of this machine's.
    pub own_address: OwnAddress,
    /// `gateway.controlUi.allowedOrigins`
    pub allowed_origins: Vec<String>,
    /// `gateway.controlUi.dangerouslyAllowHostHeaderOriginFallback`
    pub host_header_fallback: bool,
    /// `gateway.auth.rateLimit`
    pub limits: Limits,
    /// `gateway.nodes.pairing.autoApproveLocal`: whether a device on this machine pairs without being asked about.
    pub auto_approve_local: bool,
}

impl Rules {
    /// The defaults around what clients have to present.
    #[must_use]
    pub fn new(shared: SharedSecret) -> Self {
        Self {
            shared,
            proxies: Proxies::default(),
            own_address: |_| None,
            allowed_origins: Vec::new(),
            host_header_fallback: false,
            limits: Limits::default(),
            auto_approve_local: true,
        }
    }
}
