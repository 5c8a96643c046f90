//! Where a client is, for the question whether its device may pair unasked (openclaw-compat §2.2).

use openclaw_protocol::connect::ClientInfo;
use url::Url;

use crate::devices::Locality;
use crate::peer::{Peer, host_name, is_loopback_name, is_private, is_private_host};
use crate::shared::AuthMethod;

pub(super) fn of(peer: &Peer, client: &ClientInfo, method: AuthMethod) -> Locality {
    if peer.direct_local {
        return Locality::DirectLocal;
    }
    if !method.is_shared_secret() || peer.proxied {
        return Locality::Remote;
    }
    let host = peer.host.as_deref().unwrap_or_default();
    match &peer.origin {
        Some(origin) => {
            let page = Url::parse(origin).ok().and_then(|url| url.host_str().map(str::to_owned));
            let own_page = client.id == "openclaw-control-ui"
                && client.mode == "webchat"
                && is_private(peer.address)
                && is_loopback_name(&host_name(host))
                && page.is_some_and(|name| is_loopback_name(name.trim_matches(['[', ']'])));
            if own_page { Locality::BrowserContainerLocal } else { Locality::Remote }
        }
        None if peer.address.is_loopback() && is_private_host(host) => {
            if super::is_cli(client) {
                Locality::CliContainerLocal
            } else {
                Locality::SharedSecretLoopbackLocal
            }
        }
        None => Locality::Remote,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    #[test]
    fn the_classes_of_localities() {
        let check = |address: &str,
                     host: &str,
                     origin: Option<&str>,
                     client: (&str, &str),
                     method: AuthMethod,
                     expected: Locality| {
            let mut headers = HeaderMap::new();
            headers.insert("host", host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert("origin", origin.parse().unwrap());
            }
            let peer = Peer::new(address.parse().unwrap(), &headers);
            let client = ClientInfo { id: client.0.into(), mode: client.1.into(), ..ClientInfo::default() };
            assert_eq!(of(&peer, &client, method), expected, "{address} {host} {origin:?}");
        };
        let (cli, app, page) = (("cli", "cli"), ("openclaw-macos", "ui"), ("openclaw-control-ui", "webchat"));
        let token = AuthMethod::Token;
        check("127.0.0.1", "localhost:1", None, cli, AuthMethod::None, Locality::DirectLocal);
        check("127.0.0.1", "192.168.1.5:1", None, cli, token, Locality::CliContainerLocal);
        check("127.0.0.1", "192.168.1.5:1", None, app, token, Locality::SharedSecretLoopbackLocal);
        check("127.0.0.1", "192.168.1.5:1", None, app, AuthMethod::DeviceToken, Locality::Remote);
        check("127.0.0.1", "gateway.example", None, cli, token, Locality::Remote);
        check(
            "172.17.0.1",
            "localhost:1",
            Some("http://localhost:1"),
            page,
            token,
            Locality::BrowserContainerLocal,
        );
        check(
            "172.17.0.1",
            "localhost:1",
            Some("http://[::1]:1"),
            page,
            token,
            Locality::BrowserContainerLocal,
        );
        check("172.17.0.1", "localhost:1", Some("http://evil.example"), page, token, Locality::Remote);
        check("203.0.113.9", "localhost:1", Some("http://localhost:1"), page, token, Locality::Remote);
        check("172.17.0.1", "localhost:1", None, cli, token, Locality::Remote);
    }
}
