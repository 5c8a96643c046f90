//! A websocket endpoint with the values of one account in it: where it leads, what the host adds to the opening request and to
//! the frames that go out. Made once when an account starts; the component never sees it.

use std::fmt;

use serde_json::Value;

use crate::compose::{Composed, Denied, path_problem, push_path, push_query};
use crate::error::GrantError;
use crate::grant::{Base, headers_with_secrets, origin_of, parse_socket};
use crate::host_pattern::HostPattern;
use crate::inject::{FrameRefused, Injection, OutboundFrame, inject};
use crate::manifest::Websocket;
use crate::secret::AccountSecrets;

/// One `[[websocket]]` entry of a manifest, resolved for one account.
#[derive(Clone)]
pub struct ResolvedEndpoint {
    /// What the component calls it.
    pub name: String,
    /// Where a connection goes that names no host; scheme `wss` or `ws`.
    pub base: Base,
    /// The most bytes of one message, either way.
    pub max_frame: u64,
    /// The most connections at the same time.
    pub max_connections: u32,
    /// The operator's configuration named the address, so that it may lie on this machine or in a private network.
    pub operator_named: bool,
    /// Begins with `/`.
    path: String,
    hosts: Vec<HostPattern>,
    headers: Vec<(String, String)>,
    injections: Vec<Injection>,
}

impl fmt::Debug for ResolvedEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The headers and the injections hold secrets.
        f.debug_struct("ResolvedEndpoint")
            .field("name", &self.name)
            .field("origin", &self.base.origin)
            .field("operator_named", &self.operator_named)
            .finish_non_exhaustive()
    }
}

impl ResolvedEndpoint {
    /// Puts an account's section and secrets into an endpoint. A rule whose optional secret has no value is left out.
    ///
    /// # Errors
    /// When there is no usable address, or a secret cannot stand in a header.
    pub fn resolve(entry: &Websocket, section: &Value, secrets: &AccountSecrets) -> Result<Self, GrantError> {
        let (url, operator_named) = origin_of(&entry.url, &entry.name, section, None, parse_socket)?;
        let injections =
            entry.inject.iter().filter_map(|rule| Some(Injection::new(rule, secrets.get(&rule.secret)?)));
        Ok(Self {
            name: entry.name.clone(),
            base: Base::of(&url),
            max_frame: entry.max_frame,
            max_connections: entry.max_connections,
            operator_named,
            path: url.path().to_owned(),
            hosts: entry.hosts.clone(),
            headers: headers_with_secrets(&entry.headers, secrets)?,
            injections: injections.collect(),
        })
    }

    /// Makes the opening request: where to connect, its absolute URL, and the headers that the host adds. `host` is a name
    /// without a port that the manifest allows, `path` is absolute; without them the endpoint's own are used. An address
    /// that the operator named stands for all hosts.
    ///
    /// # Errors
    /// [`Denied`] names the rule that the wish breaks; nothing may be opened then.
    pub fn open(
        &self,
        host: Option<&str>,
        path: Option<&str>,
        query: &[(String, String)],
    ) -> Result<(Base, Composed), Denied> {
        let base = match host {
            Some(host) => self.base.at_host(host, &self.hosts, self.operator_named, &self.name)?,
            None => self.base.clone(),
        };
        let mut url = base.origin.clone();
        match path {
            Some(path) => {
                if let Some(problem) = path_problem(path) {
                    return Err(Denied::Path(problem));
                }
                push_path(&mut url, path);
            }
            None => url.push_str(&self.path),
        }
        push_query(&mut url, query.iter())?;
        Ok((base, Composed { url, headers: self.headers.clone() }))
    }

    /// A text frame as it goes out: with the secrets of this account in the places that the manifest names, and otherwise
    /// byte for byte as the component wrote it. Binary frames have no places.
    ///
    /// # Errors
    /// [`FrameRefused`] when a rule applies and its place cannot be told for sure; nothing may be sent then.
    pub fn outbound<'t>(&self, text: &'t str) -> Result<OutboundFrame<'t>, FrameRefused> {
        inject(text, &self.injections)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::manifest::Manifest;

    const MANIFEST: &str = r#"
[plugin]
id = "chat"
kind = "channel"
version = "1.0.0"
wit = "openclaw:plugin@0.2.0"
license = "MIT"
label = "Chat"
[channel]
text-limit = 10
text-unit = "chars"
sender-id-line = "id: {id}"
sender-id-label = "chatUserId"
[[secret]]
name = "token"
config = "token"
[[secret]]
name = "cookie"
config = "cookie"
optional = true
[[websocket]]
name = "gateway"
url = { config = "gatewayUrl", default = "wss://gateway.chat.example/v1" }
hosts = ["*.chat.example"]
headers = { x-cookie = "c={cookie}" }
[[websocket.inject]]
when = "/op"
equals = 2
set = "/d/token"
secret = "token"
"#;

    fn endpoint(section: &Value) -> ResolvedEndpoint {
        let manifest = Manifest::parse(MANIFEST, "plugin.toml").unwrap();
        let secrets = AccountSecrets::default().with("token", "s3cret");
        ResolvedEndpoint::resolve(&manifest.websockets[0], section, &secrets).unwrap()
    }

    #[test]
    fn a_connection_goes_where_the_manifest_allows() {
        let gateway = endpoint(&json!({}));
        let query = [("v".to_owned(), "a b".to_owned())];
        let url = |host: Option<&str>, path: Option<&str>| {
            gateway.open(host, path, &query).map(|(_, made)| made.url)
        };
        assert_eq!(url(None, None).unwrap(), "wss://gateway.chat.example/v1?v=a%20b");
        assert_eq!(url(Some("EU.chat.example"), Some("/")).unwrap(), "wss://eu.chat.example/?v=a%20b");
        let (base, made) = gateway.open(Some("eu.chat.example"), None, &[]).unwrap();
        assert_eq!((base.host.as_str(), base.port, made.headers.len()), ("eu.chat.example", 443, 0));
        for host in [
            "evil.org",
            "chat.example.evil.org",
            "eu.chat.example:8443",
            "u@eu.chat.example",
            "127.0.0.1",
            "",
        ] {
            assert!(matches!(gateway.open(Some(host), None, &[]), Err(Denied::Host { .. })), "{host}");
        }
        assert!(matches!(url(None, Some("/../x")), Err(Denied::Path(_))));
    }

    #[test]
    fn an_address_of_the_operator_stands_for_all_hosts() {
        let own = endpoint(&json!({"gatewayUrl": "ws://127.0.0.1:9/x"}));
        assert!(own.operator_named && !format!("{own:?}").contains("s3cret"));
        let url = |host: Option<&str>| own.open(host, None, &[]).map(|(_, made)| made.url);
        for host in [None, Some("eu.chat.example"), Some("127.0.0.1"), Some("127.0.0.1:9")] {
            assert_eq!(url(host).unwrap(), "ws://127.0.0.1:9/x", "{host:?}");
        }
        assert!(url(Some("127.0.0.1:10")).is_err() && url(Some("evil.org")).is_err());
        let sent = own.outbound(r#"{"op":2,"d":{"token":""}}"#).unwrap();
        assert_eq!(sent.into_text(), r#"{"op":2,"d":{"token":"s3cret"}}"#);
    }
}
