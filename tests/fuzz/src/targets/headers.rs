//! Header lines, as everything reads them that asks where a client is and what it holds.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue};
use openclaw_access::{Access, Proxies, Rules, SharedSecret, bearer};

use super::way;

/// The lines of a head, each `name: value`; what is none is left out.
pub(super) fn lines<'a>(lines: impl Iterator<Item = &'a [u8]>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.take(64) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    headers
}

/// Header lines of a request, each `name: value`, as everything reads them that asks where a client is.
pub(super) fn headers(input: &[u8]) -> u64 {
    let headers = lines(input.split(|&byte| byte == b'\n'));
    let mut rules = Rules::new(SharedSecret::Token(Some("a-token-that-no-input-holds".into())));
    rules.proxies = Proxies::new(&["192.0.2.7".to_owned(), "2001:db8::/32".to_owned()], true);
    rules.allowed_origins = vec!["https://ui.example".to_owned()];
    let access = Access::new(rules);
    let open = Access::new(Rules::new(SharedSecret::None));
    let mut ways = Vec::new();
    for address in
        [Ipv4Addr::LOCALHOST, Ipv4Addr::new(192, 0, 2, 7), Ipv4Addr::new(198, 51, 100, 1)].map(IpAddr::from)
    {
        let peer = access.peer(address, &headers);
        assert_eq!(peer.address, address);
        // Only the trusted proxy can speak for somebody else, and only a direct connection is local.
        assert!(peer.client == address || address == IpAddr::from([192, 0, 2, 7]), "{peer:?}");
        assert!(!peer.direct_local || address.is_loopback() && !peer.proxied, "{peer:?}");
        let refused = access.http(address, &headers, Instant::now()).expect_err("nobody has the token");
        let unasked = open.http(address, &headers, Instant::now());
        ways.push(format!(
            "{} {} {} {refused:?} {:?}",
            peer.direct_local,
            peer.proxied,
            peer.attributed,
            unasked.map(|caller| caller.scopes.len())
        ));
    }
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
    let token = authorization.and_then(bearer).map_or("no bearer", |_| "a bearer");
    way(&[&ways.join(" "), token])
}
