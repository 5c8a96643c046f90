//! `device.pair.setupCode`: what a person types or scans into a new device, so that it gets in without being asked about.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use openclaw_access::devices::SetupProfile;
use openclaw_protocol::RpcError;
use openclaw_protocol::devices::{DevicePairSetupCode, DevicePairSetupCodeParams};
use openclaw_secrets::Secret;
use url::{Host, Url};
use uuid::Uuid;

use super::unwritten;
use crate::clock::now_ms;
use crate::process::Gateway;
use crate::rpc::Caller;

/// The source of an address that the gateway listens on.
const BOUND: &str = "gateway.bind";
/// The source of an address that the operator configured.
const REMOTE: &str = "gateway.remote.url";

/// `device.pair.setupCode`
pub(in crate::rpc) async fn code(
    caller: &Caller,
    wanted: DevicePairSetupCodeParams,
) -> Result<DevicePairSetupCode, RpcError> {
    let gateway = &caller.gateway;
    let (gateway_url, url_source) = address(gateway, &wanted)?;
    let profile = match wanted.bootstrap_profile.as_deref() {
        Some("node") => SetupProfile::Node,
        Some(_) => SetupProfile::Limited,
        None => SetupProfile::Full,
    };
    // Who listens on the way could administer the gateway.
    let access_downgraded = profile == SetupProfile::Full && !is_confidential(&gateway_url);
    let profile = if access_downgraded { SetupProfile::Limited } else { profile };
    let setup_id = Uuid::new_v4().to_string();
    // Two random UUIDs: 244 bits.
    let code = Secret::from(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()));
    let (id, kept) = (setup_id.clone(), code.clone());
    let opened = gateway.devices.change(move |registry| registry.open_setup(profile, &id, &kept, now_ms()));
    let opened = opened.await.map_err(|error| unwritten(&error))?;
    let mut payload = serde_json::json!({
        "url": gateway_url, "bootstrapToken": code.expose(), "expiresAtMs": opened.result
    });
    let pin = pin(gateway, &gateway_url, url_source);
    if let (Some(pin), Some(payload)) = (pin, payload.as_object_mut()) {
        payload.insert("tlsFingerprint".to_owned(), pin.into());
    }
    let auth = if gateway.auth_mode == "password" { "password" } else { "token" };
    Ok(DevicePairSetupCode {
        setup_id,
        setup_code: openclaw_access::devices::encode_setup(&payload),
        gateway_url,
        auth: auth.to_owned(),
        url_source: url_source.to_owned(),
        access: profile.as_str().to_owned(),
        access_downgraded,
        expires_at_ms: opened.result,
    })
}

/// Whether nobody on the way hears what is said to this address.
fn is_confidential(url: &str) -> bool {
    let host = Url::parse(url).ok().and_then(|url| url.host().map(|host| host.to_owned()));
    url.starts_with("wss://")
        || match host {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

/// The certificate that the device will be shown, in lower-case hexadecimal: nobody else vouches for one that the gateway
/// made itself.
fn pin(gateway: &Gateway, url: &str, source: &str) -> Option<String> {
    let shown = match source {
        BOUND => gateway.tls.as_ref()?.fingerprint(),
        REMOTE if url.starts_with("wss://") => {
            gateway.settings.config().gateway.remote.tls_fingerprint.clone()?
        }
        _ => return None,
    };
    let shown = shown.trim().to_ascii_lowercase().replace("sha256:", "").replace(':', "");
    (shown.len() == 64).then_some(shown)
}

/// Where a new device reaches this gateway, and where that comes from.
fn address(
    gateway: &Gateway,
    wanted: &DevicePairSetupCodeParams,
) -> Result<(String, &'static str), RpcError> {
    if let Some(url) = &wanted.public_url {
        let known = ["ws://", "wss://"].iter().any(|scheme| url.starts_with(scheme));
        let url = known.then(|| url.clone()).ok_or_else(|| {
            RpcError::invalid(
                "publicUrl must begin with ws:// or wss:// (for instance wss://gateway.example)",
            )
        })?;
        return Ok((url, "request.publicUrl"));
    }
    let remote = gateway.settings.config().gateway.remote.url.clone();
    if wanted.prefer_remote_url == Some(true) {
        let missing = || RpcError::invalid("gateway.remote.url is not configured");
        return Ok((remote.ok_or_else(missing)?, REMOTE));
    }
    let listening = &gateway.listening;
    let own = listening.iter().find(|socket| !socket.ip().is_loopback() && !socket.ip().is_unspecified());
    let Some(socket) = own.or(listening.first()).copied() else {
        return Err(RpcError::unavailable("the gateway listens nowhere"));
    };
    let scheme = if gateway.tls.is_some() { "wss" } else { "ws" };
    if !socket.ip().is_unspecified() {
        return Ok((format!("{scheme}://{socket}"), BOUND));
    }
    let Some(outward) = outward_address() else {
        return Err(RpcError::invalid(
            "the gateway listens on every address of this machine: say by which one the device reaches it (publicUrl)",
        ));
    };
    Ok((format!("{scheme}://{}", SocketAddr::new(outward, socket.port())), BOUND))
}

/// The address by which this machine would reach another network. Nothing is sent: a datagram socket only picks its
/// own side.
fn outward_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address of the documentation (RFC 5737).
    socket.connect((Ipv4Addr::new(203, 0, 113, 1), 9)).ok()?;
    socket.local_addr().ok().map(|own| own.ip()).filter(|own| !own.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_hears_is_confidential() {
        let check = |url: &str, expected: bool| assert_eq!(is_confidential(url), expected, "{url}");
        check("wss://gateway.example", true);
        check("ws://127.0.0.1:18789", true);
        check("ws://[::1]:18789", true);
        check("ws://localhost:1", true);
        check("ws://192.168.1.5:18789", false);
        check("ws://localhost.evil.example:1", false);
        check("ws://", false);
    }
}
