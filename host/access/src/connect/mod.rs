//! The decision about one `connect` request, in the order of openclaw-compat §2.5. What a device's approval asks of
//! people is `devices`'s part, after this one.

mod deviceless;
mod locality;

#[cfg(test)]
mod tests;

use std::time::Instant;

use openclaw_protocol::connect::{ClientInfo, ConnectAuth, ConnectParams};
use openclaw_protocol::{Role, RpcError, Scope};

use crate::devices::{Locality, Newcomer, Registry, TokenFault};
use crate::limiter::{Bucket, Guess};
use crate::peer::Peer;
use crate::proof::{ProvenDevice, verify_device};
use crate::refusal::AuthReason;
use crate::shared::{AuthMethod, Presented, SharedSecret};
use crate::{Access, origin};

/// Pages in a browser: they must say where they come from.
const BROWSER_CLIENTS: &[&str] = &["openclaw-control-ui", "webchat-ui", "webchat"];

/// One `connect` whose frame and protocol range are already checked.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// Who is at the other end.
    pub peer: &'a Peer,
    /// What was sent.
    pub params: &'a ConnectParams,
    /// The nonce of this connection's challenge.
    pub nonce: &'a str,
    /// For the limiter.
    pub now: Instant,
    /// For signatures, in Unix milliseconds.
    pub now_ms: u64,
}

/// A client that may talk to this gateway; if it is a device, its approval is still to be looked at.
#[derive(Clone, Debug)]
pub struct Identified {
    /// How it proved itself.
    pub method: AuthMethod,
    /// As what it connects.
    pub role: Role,
    /// What it may do, once its device is let in.
    pub scopes: Vec<Scope>,
    /// The device, where its approval matters.
    pub newcomer: Option<Box<Newcomer>>,
    /// The device, whether its approval matters or not.
    pub device_id: Option<String>,
    /// The person whom a trusted proxy named.
    pub user: Option<String>,
    /// The shared secret that it presented, by [`Registry::generation_of`].
    pub shared_generation: Option<String>,
}

impl Identified {
    /// Lets the owner of the installation in, who came by the local socket: with every scope that was asked for.
    ///
    /// # Errors
    /// When something else than an operator connects there.
    pub fn owner(params: &ConnectParams) -> Result<Self, RpcError> {
        if params.role.as_deref().is_some_and(|role| role != "operator") {
            return Err(RpcError::invalid("invalid role"));
        }
        Ok(Self {
            method: AuthMethod::None,
            role: Role::Operator,
            scopes: params.known_scopes().unwrap_or_else(|| Scope::ALL.to_vec()),
            newcomer: None,
            device_id: None,
            user: None,
            shared_generation: None,
        })
    }
}

/// Everything that `auth` holds, without blank parts.
struct Credentials<'a> {
    shared: Presented<'a>,
    device: Option<&'a str>,
    setup: Option<&'a str>,
}

impl<'a> Credentials<'a> {
    fn of(auth: Option<&'a ConnectAuth>) -> Self {
        fn text(field: Option<&String>) -> Option<&str> {
            field.map(String::as_str).filter(|text| !text.trim().is_empty())
        }
        Self {
            shared: Presented {
                token: text(auth.and_then(|auth| auth.token.as_ref())),
                password: text(auth.and_then(|auth| auth.password.as_ref())),
            },
            device: text(auth.and_then(|auth| auth.device_token.as_ref())),
            setup: text(auth.and_then(|auth| auth.bootstrap_token.as_ref())),
        }
    }
}

/// The part of the way in that a device's own credential is.
#[derive(Default)]
struct DeviceWay {
    generation: Option<u32>,
    lacks_scopes: bool,
    setup_id: Option<String>,
}

impl Access {
    /// Decides about a `connect`.
    ///
    /// # Errors
    /// The answer to send before the connection is closed with 1008 and [`openclaw_protocol::connect::close_reason`].
    pub fn identify(&self, attempt: &Attempt<'_>, registry: &Registry) -> Result<Identified, RpcError> {
        let Attempt { peer, params, nonce, now, now_ms } = *attempt;
        let client = &params.client;
        let role = Role::parse(params.role.as_deref().unwrap_or("operator"))
            .ok_or_else(|| RpcError::invalid("invalid role"))?;
        if BROWSER_CLIENTS.contains(&client.id.as_str()) && peer.origin.is_none() {
            return Err(origin::refuse("origin missing or invalid"));
        }
        let rules = self.rules();
        origin::check(peer, &rules)?;
        let credentials = Credentials::of(params.auth.as_ref());
        let shared = self.judge_shared(peer, &credentials.shared, now);
        if let Err(AuthReason::ProxyAttribution) = shared {
            return Err(AuthReason::ProxyAttribution.refuse(client, false, false));
        }
        let mut scopes = match role {
            Role::Operator => params.known_scopes().unwrap_or_default(),
            Role::Node => Vec::new(),
        };
        let person = peer.user.as_ref().and_then(|user| user.as_ref().ok());
        let issuer = registry.generation_of(rules.shared.secret());
        if params.device.is_none() {
            let (method, keeps_scopes) =
                self.deviceless(attempt, role, shared, !credentials.shared.is_empty())?;
            if !keeps_scopes {
                scopes.clear();
            }
            self.add_identity_scopes(role, method, person, &mut scopes);
            return Ok(Identified {
                method,
                role,
                scopes,
                newcomer: None,
                device_id: None,
                user: person.cloned().filter(|_| method == AuthMethod::TrustedProxy),
                shared_generation: issuer.filter(|_| method.is_shared_secret()),
            });
        }
        let Some(device) = verify_device(params, nonce, now_ms)? else {
            return Err(RpcError::unavailable("connect failed"));
        };
        let (method, way) = match shared {
            Ok(method) => {
                let found = credentials
                    .setup
                    .and_then(|code| registry.find_setup(code, &device.id, role, &scopes, now_ms));
                match found {
                    // It came with something to pair by.
                    Some(id) => {
                        (AuthMethod::BootstrapToken, DeviceWay { setup_id: Some(id), ..DeviceWay::default() })
                    }
                    None => (method, DeviceWay::default()),
                }
            }
            Err(reason) => {
                let ask =
                    DeviceAsk { registry, device: &device, role, scopes: &scopes, issuer: issuer.as_deref() };
                self.device_way(attempt, &credentials, &ask, reason)?
            }
        };
        let locality = locality::of(peer, client, method);
        let mut identified = Identified {
            method,
            role,
            scopes: scopes.clone(),
            newcomer: None,
            device_id: Some(device.id.clone()),
            user: person.cloned().filter(|_| method == AuthMethod::TrustedProxy),
            shared_generation: issuer.clone().filter(|_| method.is_shared_secret()),
        };
        self.add_identity_scopes(role, method, person, &mut identified.scopes);
        let own_backend = deviceless::is_local_backend(peer, client, locality, method);
        if own_backend && role == Role::Operator && !way.lacks_scopes {
            return Ok(identified);
        }
        identified.newcomer = Some(Box::new(Newcomer {
            device_id: device.id,
            public_key: device.public_key,
            client: client.clone(),
            role,
            scopes,
            method,
            locality,
            address: peer.client.to_string(),
            origin: peer.origin.clone(),
            generation: way.generation,
            lacks_scopes: way.lacks_scopes,
            setup_id: way.setup_id,
            proxy_scopes: match &rules.shared {
                SharedSecret::Proxy(proxy, _) => proxy.auto_approve.clone(),
                _ => None,
            },
            issuer,
            auto_approve_local: rules.auto_approve_local,
        }));
        Ok(identified)
    }

    /// The way in of a device without the shared secret: its setup code, or its token. What else was wrong is counted
    /// only when this fails as well.
    fn device_way(
        &self,
        attempt: &Attempt<'_>,
        credentials: &Credentials<'_>,
        ask: &DeviceAsk<'_>,
        shared: AuthReason,
    ) -> Result<(AuthMethod, DeviceWay), RpcError> {
        let Attempt { peer, now, now_ms, .. } = *attempt;
        let DeviceAsk { registry, device, role, scopes, issuer } = *ask;
        let mut failed = None;
        if let Some(code) = credentials.setup {
            if let Some(setup_id) = registry.find_setup(code, &device.id, role, scopes, now_ms) {
                self.limiter.forget(Bucket::of(Guess::Setup, peer));
                let way = DeviceWay { setup_id: Some(setup_id), ..DeviceWay::default() };
                return Ok((AuthMethod::BootstrapToken, way));
            }
            failed = Some(self.count(Guess::Setup, AuthReason::SetupCodeInvalid, peer, now));
        }
        let candidate = credentials.device.or(credentials.shared.token);
        if let Some(candidate) = candidate {
            match registry.verify_token(&device.id, role, scopes, candidate, issuer) {
                Ok(generation) => {
                    self.limiter.forget(Bucket::of(Guess::Device, peer));
                    let way = DeviceWay { generation: Some(generation), ..DeviceWay::default() };
                    return Ok((AuthMethod::DeviceToken, way));
                }
                Err(TokenFault::Scope(generation)) => {
                    let way = DeviceWay {
                        generation: Some(generation),
                        lacks_scopes: true,
                        ..DeviceWay::default()
                    };
                    return Ok((AuthMethod::DeviceToken, way));
                }
                Err(_) if credentials.device.is_some() => {
                    failed = Some(self.count(Guess::Device, AuthReason::DeviceTokenMismatch, peer, now));
                }
                Err(_) => {}
            }
        }
        let shared = self.count(Guess::Shared, shared, peer, now);
        let retry = shared == AuthReason::TokenMismatch
            && credentials.shared.password.is_none()
            && credentials.shared.token.is_some()
            && credentials.device.is_none();
        let reason = failed.unwrap_or(shared);
        Err(reason.refuse(
            &attempt.params.client,
            peer.direct_local,
            retry && reason == AuthReason::TokenMismatch,
        ))
    }

    fn add_identity_scopes(
        &self,
        role: Role,
        method: AuthMethod,
        person: Option<&String>,
        scopes: &mut Vec<Scope>,
    ) {
        let rules = self.rules();
        if let (SharedSecret::Proxy(proxy, _), Some(person), Role::Operator, AuthMethod::TrustedProxy) =
            (&rules.shared, person, role, method)
        {
            for scope in proxy.scopes_of(person) {
                if !scopes.contains(scope) {
                    scopes.push(*scope);
                }
            }
        }
    }

    /// Whether a page that is connected may still be: the list of origins may have changed.
    #[must_use]
    pub fn still_allows(&self, peer: &Peer) -> bool {
        origin::check(peer, &self.rules()).is_ok()
    }
}

/// What a device asks for.
#[derive(Clone, Copy)]
struct DeviceAsk<'a> {
    registry: &'a Registry,
    device: &'a ProvenDevice,
    role: Role,
    scopes: &'a [Scope],
    issuer: Option<&'a str>,
}

/// Whether this is the command line itself.
fn is_cli(client: &ClientInfo) -> bool {
    client.id == "cli" && client.mode == "cli"
}

/// Whether it is somewhere else as far as pairing goes.
fn is_local(locality: Locality) -> bool {
    locality != Locality::Remote
}
