//! How a command gets in (openclaw-compat §3.7): what is presented first, the one more try with a stored device token, and
//! the local socket when nothing that could be presented works. Never reconnects by itself.

use std::sync::Once;
use std::time::Duration;

use openclaw_protocol::{RpcError, Scope};
use openclaw_secrets::Secret;
use serde_json::Value;

use super::connection::{Client, Mode, Presented};
use super::identity::{self, Identity};
use super::tokens::Tokens;
use super::{ClientError, Target, stream};

/// What people read when the port did not let the command in and the local socket did (openclaw-compat §7.7).
const FALLBACK_NOTICE: &str = "Direct scope access failed; using local fallback.";

/// A command may connect several times; it is said once.
static NOTICED: Once = Once::new();

/// The role of the command line.
pub(super) const ROLE: &str = "operator";

/// What a device asks for that a gateway does not know yet: one approval for every command, as the original asks.
const FIRST_SCOPES: [Scope; 6] =
    [Scope::Admin, Scope::Read, Scope::Write, Scope::Approvals, Scope::Questions, Scope::Pairing];

/// Gets in, or says why not. The caller bounds the time.
pub(super) async fn open(
    target: &Target,
    mode: Mode,
    scopes: &[Scope],
    patience: Duration,
) -> Result<Client, ClientError> {
    let way =
        WayIn { target, mode, scopes, patience, tokens: Tokens::new(&identity::folder(&target.state_dir)) };
    let stored = way.tokens.find(&target.key(), ROLE);
    let has_credential = target.token.is_some() || target.password.is_some() || stored.is_some();
    // A probe asks what the port says; it is not to get in by another way.
    let socket = target.socket.as_deref().filter(|_| mode == Mode::Cli);
    if let (Some(socket), false) = (socket, has_credential)
        && let Ok(opened) = stream::open_local(socket).await
    {
        return way.attempt(opened, &Presented::default(), None).await;
    }
    let refused = match way.direct(stored).await {
        Ok(client) => return Ok(client),
        Err(error) => error,
    };
    if let (Some(socket), true) = (socket, refused.is_about_the_way_in())
        && let Ok(opened) = stream::open_local(socket).await
        && let Ok(mut client) = way.attempt(opened, &Presented::default(), None).await
    {
        NOTICED.call_once(|| crate::output::note(FALLBACK_NOTICE));
        client.refused_elsewhere = Some(refused.summary());
        return Ok(client);
    }
    Err(refused)
}

struct WayIn<'a> {
    target: &'a Target,
    mode: Mode,
    scopes: &'a [Scope],
    patience: Duration,
    tokens: Tokens,
}

impl WayIn<'_> {
    /// By the target's address: once with what is configured, and once more with the stored device token where the
    /// gateway says that this may help.
    async fn direct(&self, stored: Option<Secret>) -> Result<Client, ClientError> {
        let target = self.target;
        let shared = target.token.is_some() || target.password.is_some();
        // On this machine a working secret is enough, as the original's command line shows.
        let proven = !shared || !target.is_loopback();
        let device_token = stored.clone().filter(|_| !shared);
        let first = Presented {
            token: target.token.clone().or_else(|| device_token.clone()),
            password: target.password.clone(),
            device_token,
            proven,
        };
        let opened = stream::open(target).await?;
        let error = match self.attempt(opened, &first, stored.as_ref()).await {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        let trusted = target.is_loopback() || target.pin.is_some();
        let (Some(stored), true, true) = (stored, trusted, may_retry(&error, &first)) else {
            return Err(error);
        };
        let second = Presented { device_token: Some(stored.clone()), proven: true, ..first };
        let opened = stream::open(target).await?;
        // When this fails too, the first refusal is the one that a person can do something about.
        self.attempt(opened, &second, Some(&stored)).await.map_err(|_| error)
    }

    async fn attempt(
        &self,
        opened: stream::Socket,
        presented: &Presented,
        stored: Option<&Secret>,
    ) -> Result<Client, ClientError> {
        let folder = identity::folder(&self.target.state_dir);
        let scopes = if presented.proven && stored.is_none() { &FIRST_SCOPES[..] } else { self.scopes };
        let mut device_id = None;
        let identity = || {
            let found = Identity::load_or_create(&folder).map_err(|error| ClientError::Identity {
                path: folder.join("device.json"),
                reason: error.to_string(),
            })?;
            device_id = Some(found.device_id.clone());
            Ok(found)
        };
        let opened =
            Client::handshake(opened, self.target, self.mode, scopes, self.patience, presented, identity);
        let outcome = opened.await;
        match &outcome {
            Ok(client) => {
                if let (Some(device_id), Some(token)) = (device_id, client.device_token()) {
                    self.keep(&device_id, token, client);
                }
            }
            Err(error) if presented.device_token.is_some() && error.is_stale_device_token() => {
                if let Err(error) = self.tokens.forget(&self.target.key(), ROLE) {
                    crate::output::note(&format!(
                        "The device token that the gateway refused cannot be removed: {error}"
                    ));
                }
            }
            Err(_) => {}
        }
        outcome
    }

    /// A token that cannot be kept is asked for again next time.
    fn keep(&self, device_id: &str, token: &str, client: &Client) {
        let scopes = client.hello.auth.scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
        if let Err(error) = self.tokens.keep(device_id, &self.target.key(), ROLE, token, scopes) {
            crate::output::note(&format!("The device token that the gateway gave cannot be kept: {error}"));
        }
    }
}

/// Keeps the new token when this device rotated its own: the stored one is of no use any more.
pub(crate) fn keep_rotated(target: &Target, answer: &Value) {
    let folder = identity::folder(&target.state_dir);
    let text = |key: &str| answer.get(key).and_then(Value::as_str);
    let (Some(device), Some(role), Some(token)) = (text("deviceId"), text("role"), text("token")) else {
        return;
    };
    let own = Identity::load(&folder).ok().flatten().is_some_and(|identity| identity.device_id == device);
    let scopes = answer.get("scopes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let scopes = scopes.iter().filter_map(|scope| scope.as_str().map(str::to_owned)).collect();
    if own && let Err(error) = Tokens::new(&folder).keep(device, &target.key(), role, token, scopes) {
        crate::output::note(&format!("The new token cannot be kept: {error}"));
    }
}

/// Whether another try with the device token may help. A first try without a proof could not be told so.
fn may_retry(error: &ClientError, first: &Presented) -> bool {
    let ClientError::Refused(refusal) = error else { return false };
    refusal.detail_code() == Some("AUTH_TOKEN_MISMATCH")
        && first.device_token.is_none()
        && (!first.proven || says_retry(refusal))
}

fn says_retry(refusal: &RpcError) -> bool {
    let detail = |key: &str| refusal.details.as_ref().and_then(|details| details.get(key));
    detail("canRetryWithDeviceToken").and_then(Value::as_bool) == Some(true)
        || detail("recommendedNextStep").and_then(Value::as_str) == Some("retry_with_device_token")
}

#[cfg(test)]
#[path = "way_in_tests.rs"]
mod tests;
