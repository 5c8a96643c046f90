//! Which web pages may talk to the gateway (openclaw-compat §2.8). Only browsers send `Origin`.

use std::net::IpAddr;

use openclaw_protocol::RpcError;
use serde_json::json;
use url::{Host, Url};

use crate::peer::{Peer, host_name, is_loopback_name};

/// Whether the peer's `Origin`, if it sent one, may use the gateway.
///
/// # Errors
/// The refusal of the `connect`.
pub(crate) fn check(peer: &Peer, allowed: &[String]) -> Result<(), RpcError> {
    match &peer.origin {
        None => Ok(()),
        Some(origin) => match judge(origin, peer, allowed) {
            Ok(()) => Ok(()),
            Err(reason) => Err(refuse(reason)),
        },
    }
}

/// The refusal of a page, or of a client that can only be a page and sent no origin.
pub(crate) fn refuse(reason: &str) -> RpcError {
    RpcError::invalid(
        "origin not allowed (open the Control UI from the gateway host or allow it in \
         gateway.controlUi.allowedOrigins)",
    )
    .with_details(json!({"code": "CONTROL_UI_ORIGIN_NOT_ALLOWED", "reason": reason}))
}

fn judge(origin: &str, peer: &Peer, allowed: &[String]) -> Result<(), &'static str> {
    let url = parse(origin).ok_or("origin missing or invalid")?;
    let written = url.origin().ascii_serialization();
    let listed = |entry: &String| entry == "*" || entry.trim_end_matches('/').eq_ignore_ascii_case(&written);
    if allowed.iter().any(listed) {
        return Ok(());
    }
    let name = match url.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        Some(host) => host.to_string(),
        None => return Err("origin missing or invalid"),
    };
    let same_host = peer.host.as_deref().is_some_and(|host| {
        let port = host.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        host_name(host) == name && port.or(url.port_or_known_default()) == url.port_or_known_default()
    });
    let loopback = is_loopback_name(&name);
    if loopback && peer.direct_local {
        return Ok(());
    }
    let private =
        name.parse::<IpAddr>().is_ok_and(is_private) || name.ends_with(".local") || name.ends_with(".ts.net");
    if same_host && private && !loopback { Ok(()) } else { Err("origin not allowed") }
}

/// `scheme://host[:port]` and nothing more.
fn parse(origin: &str) -> Option<Url> {
    let url = Url::parse(origin).ok()?;
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    (bare && url.host().is_some() && url.path() == "/" && !origin.ends_with('/')).then_some(url)
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(origin: &str, host: &str, local: bool, allowed: &[&str], expected: Result<(), &str>) {
        let peer = Peer {
            address: "127.0.0.1".parse().unwrap(),
            direct_local: local,
            origin: Some(origin.to_owned()),
            host: Some(host.to_owned()),
        };
        let allowed: Vec<String> = allowed.iter().map(|entry| (*entry).to_owned()).collect();
        assert_eq!(judge(origin, &peer, &allowed), expected, "{origin} at {host}");
    }

    #[test]
    fn follows_the_list_then_private_hosts_then_loopback() {
        let no = Err("origin not allowed");
        let bad = Err("origin missing or invalid");
        check("http://your-host:18789", "your-host:18789", false, &["http://your-host:18789"], Ok(()));
        check("HTTP://Your-Host:18789", "x", false, &["http://your-host:18789"], Ok(()));
        check("https://any.example", "x", false, &["*"], Ok(()));
        check("http://your-host:1", "your-host:18789", false, &["http://your-host:18789"], no);
        check("http://192.168.1.5:18789", "192.168.1.5:18789", false, &[], Ok(()));
        check("http://box.local:18789", "box.local:18789", false, &[], Ok(()));
        check("http://box.local:1", "box.local:18789", false, &[], no);
        check("http://192.168.1.6:18789", "192.168.1.5:18789", false, &[], no);
        check("http://public.example", "public.example", false, &[], no);
        check("http://localhost:5173", "127.0.0.1:18789", true, &[], Ok(()));
        check("http://localhost:5173", "127.0.0.1:18789", false, &[], no);
        check("http://evil.example", "127.0.0.1:18789", true, &[], no);
        for origin in ["null", "", "http://a/b", "http://u@a", "file:///x", "http://a/"] {
            check(origin, "a", true, &["http://a"], bad);
        }
    }
}
