//! Which web pages may talk to the gateway (openclaw-compat §2.8). Only browsers send `Origin`.

use std::net::IpAddr;

use openclaw_protocol::RpcError;
use serde_json::json;
use url::{Host, Url};

use crate::Rules;
use crate::peer::{Peer, host_name, is_loopback_name, is_private};

/// Whether the peer's `Origin`, if it sent one, may use the gateway.
///
/// # Errors
/// The refusal of the `connect`.
pub(crate) fn check(peer: &Peer, rules: &Rules) -> Result<(), RpcError> {
    let Some(origin) = &peer.origin else { return Ok(()) };
    judge(origin, peer, &rules.allowed_origins, rules.host_header_fallback).map_err(refuse)
}

/// The refusal of a page, or of a client that can only be a page and sent no origin.
pub(crate) fn refuse(reason: &str) -> RpcError {
    RpcError::invalid(
        "origin not allowed (open the Control UI from the gateway host or allow it in \
         gateway.controlUi.allowedOrigins)",
    )
    .with_details(json!({"code": "CONTROL_UI_ORIGIN_NOT_ALLOWED", "reason": reason}))
}

fn judge(origin: &str, peer: &Peer, allowed: &[String], fallback: bool) -> Result<(), &'static str> {
    let url = parse(origin).ok_or("origin missing or invalid")?;
    let written = url.origin().ascii_serialization();
    let listed = |entry: &String| {
        let entry = entry.trim();
        entry == "*" || entry.trim_end_matches('/').eq_ignore_ascii_case(&written)
    };
    if allowed.iter().any(listed) {
        return Ok(());
    }
    let name = match url.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        Some(host) => host.to_string(),
        None => return Err("origin missing or invalid"),
    };
    let same_host = peer.host.as_deref().is_some_and(|host| {
        let usual = if url.scheme() == "https" { 443 } else { 80 };
        host_name(host) == name && url.port_or_known_default() == Some(port_of(host).unwrap_or(usual))
    });
    let loopback = is_loopback_name(&name);
    // Nobody else can serve a page under these names: neither by a name server's answer that changes (DNS
    // rebinding) nor from another network.
    let own = loopback
        || name.parse::<IpAddr>().is_ok_and(is_private)
        || name.ends_with(".local")
        || name.ends_with(".ts.net");
    let accepted = (same_host && (fallback || own)) || (loopback && peer.direct_local);
    if accepted { Ok(()) } else { Err("origin not allowed") }
}

/// The port of a `Host` header, if it names one.
fn port_of(host: &str) -> Option<u16> {
    let after_name = host.rsplit_once(']').map_or(host, |(_, rest)| rest);
    after_name.rsplit_once(':').and_then(|(_, port)| port.parse().ok())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// One row: a page of this origin, at this `Host`, by a client on this machine or not.
    fn check(origin: &str, host: &str, local: bool, allowed: &[&str], expected: Result<(), &str>) {
        let peer = peer(origin, host, local);
        let allowed: Vec<String> = allowed.iter().map(|entry| (*entry).to_owned()).collect();
        assert_eq!(judge(origin, &peer, &allowed, false), expected, "{origin} at {host}");
    }

    fn peer(origin: &str, host: &str, local: bool) -> Peer {
        let mut peer = Peer::new("127.0.0.1".parse().unwrap(), &http::HeaderMap::new());
        peer.direct_local = local;
        peer.origin = Some(origin.to_owned());
        peer.host = Some(host.to_owned());
        peer
    }

    const NO: Result<(), &str> = Err("origin not allowed");

    #[test]
    fn the_list_is_exact() {
        check("http://your-host:18789", "your-host:18789", false, &["http://your-host:18789"], Ok(()));
        check("HTTP://Your-Host:18789", "x", false, &["http://your-host:18789"], Ok(()));
        check("https://ui.example", "x", false, &[" https://UI.example/ "], Ok(()));
        check("https://any.example", "x", false, &["*"], Ok(()));
        check("http://your-host:1", "your-host:18789", false, &["http://your-host:18789"], NO);
        check("http://ui.example", "x", false, &["https://ui.example"], NO);
        check("https://ui.example.evil.example", "x", false, &["https://ui.example"], NO);
    }

    #[test]
    fn a_page_that_the_gateway_itself_served_in_a_private_network() {
        // A LAN address, by either scheme.
        check("http://192.168.1.5:18789", "192.168.1.5:18789", false, &[], Ok(()));
        check("https://192.168.1.5", "192.168.1.5", false, &[], Ok(()));
        check("https://192.168.1.5", "192.168.1.5:443", false, &[], Ok(()));
        check("http://192.168.1.5", "192.168.1.5:443", false, &[], NO);
        check("http://[fd12::5]:18789", "[fd12::5]:18789", false, &[], Ok(()));
        check("http://[fd12::5]", "[fd12::5]", false, &[], Ok(()));
        check("http://[2001:db8::5]:18789", "[2001:db8::5]:18789", false, &[], NO);
        check("http://box.local:18789", "box.local:18789", false, &[], Ok(()));
        check("https://box.tail1234.ts.net", "box.tail1234.ts.net", false, &[], Ok(()));
        // Another port, another machine, a public name.
        check("http://box.local:1", "box.local:18789", false, &[], NO);
        check("http://192.168.1.6:18789", "192.168.1.5:18789", false, &[], NO);
        check("http://public.example", "public.example", false, &[], NO);
        check("http://evil-ts.net", "evil-ts.net", false, &[], NO);
        check("http://8.8.8.8", "8.8.8.8", false, &[], NO);
        // A container's port that is published on this machine: the peer is the bridge, the page is the gateway's own.
        check("http://localhost:18789", "localhost:18789", false, &[], Ok(()));
        check("http://127.0.0.1:18789", "127.0.0.1:18789", false, &[], Ok(()));
    }

    #[test]
    fn a_page_on_this_machine() {
        check("http://localhost:5173", "127.0.0.1:18789", true, &[], Ok(()));
        check("http://[::1]:5173", "[::1]:18789", true, &[], Ok(()));
        check("http://localhost:5173", "127.0.0.1:18789", false, &[], NO);
    }

    #[test]
    fn a_page_of_another_site_is_refused_wherever_the_browser_is() {
        for local in [true, false] {
            // From another site straight to the gateway, and by a name that was made to lead here.
            check("http://evil.example", "127.0.0.1:18789", local, &[], NO);
            check("https://evil.example", "localhost:18789", local, &[], NO);
            check("http://rebound.evil.example:18789", "rebound.evil.example:18789", local, &[], NO);
            check("http://localhost.evil.example", "localhost.evil.example", local, &[], NO);
            check("http://127.0.0.1.nip.example", "127.0.0.1.nip.example", local, &[], NO);
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_even_where_all_are_allowed() {
        for origin in [
            "null",
            "",
            " ",
            "http://a/b",
            "http://u@a",
            "http://u:p@a",
            "file:///x",
            "http://a/",
            "http://a?q",
            "a",
        ] {
            check(origin, "a", true, &["http://a", "*"], Err("origin missing or invalid"));
        }
    }

    #[test]
    fn the_host_header_counts_only_where_the_operator_says_so() {
        let page = peer("https://ui.example", "ui.example", false);
        assert!(judge("https://ui.example", &page, &[], true).is_ok());
        assert_eq!(judge("https://ui.example", &page, &[], false), NO);
        assert_eq!(judge("https://other.example", &page, &[], true), NO);
        assert_eq!(judge("https://ui.example:8443", &page, &[], true), NO);
    }
}
