//! `[[websocket]]`: one endpoint to which the component may hold connections, and where the host puts secrets into what
//! goes out.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::{Fault, Manifest, Origin, fault, name_fault, range_fault};
use crate::grant::fixed_socket_problem;
use crate::host_pattern::HostPattern;
use crate::pointer::Pointer;
use crate::template::Template;

/// The largest frame that an endpoint may ask for, in bytes.
const LARGEST_FRAME: u64 = 16 * 1024 * 1024;
const DEFAULT_MAX_FRAME: u64 = 1024 * 1024;
/// The most connections that an endpoint may ask for.
const MOST_CONNECTIONS: u32 = 64;

/// `[[websocket]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Websocket {
    /// What the component calls it.
    pub name: String,
    /// `wss://host/path`, fixed or where a key of the section says. The path is where a connection goes that names none.
    pub url: Origin,
    /// Further hosts that the component may name, for vendors that hand out addresses. Secrets go there as well.
    #[serde(default)]
    pub hosts: Vec<HostPattern>,
    /// Set on the opening request; values may contain `{secret}`.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// Bytes of one message, either way.
    #[serde(default = "default_max_frame")]
    pub max_frame: u64,
    /// Connections at the same time, of one account.
    #[serde(default = "default_max_connections")]
    pub max_connections: u32,
    /// `[[websocket.inject]]`
    #[serde(default)]
    pub inject: Vec<Inject>,
}

/// `[[websocket.inject]]`: in text frames that go out, where the value at `when` equals `equals`, the host sets the value at
/// `set` to a secret. Nothing else of the frame changes.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Inject {
    /// A JSON pointer through objects.
    pub when: Pointer,
    /// A string, a whole number or a boolean.
    pub equals: Value,
    /// A JSON pointer through objects; the last key is added where it is missing, the objects before it are not.
    pub set: Pointer,
    /// The name of a `[[secret]]`.
    pub secret: String,
}

fn default_max_frame() -> u64 {
    DEFAULT_MAX_FRAME
}

fn default_max_connections() -> u32 {
    1
}

pub(super) fn first_fault(manifest: &Manifest) -> Option<Fault> {
    let mut names = BTreeSet::new();
    manifest.websockets.iter().enumerate().find_map(|(n, socket)| {
        let key = |field: &str| format!("websocket[{n}].{field}");
        if !names.insert(&socket.name) {
            return fault(key("name"), format!("\"{}\" occurs twice", socket.name), "rename one");
        }
        name_fault(key("name"), &socket.name)
            .or_else(|| place_fault(socket, &key))
            .or_else(|| {
                range_fault(
                    key("max-frame"),
                    socket.max_frame,
                    LARGEST_FRAME,
                    "state the largest message in bytes",
                )
            })
            .or_else(|| {
                let (value, most) = (u64::from(socket.max_connections), u64::from(MOST_CONNECTIONS));
                range_fault(key("max-connections"), value, most, "state how many are open at once")
            })
            .or_else(|| secret_fault(manifest, socket, n))
    })
}

fn place_fault(socket: &Websocket, key: &dyn Fn(&str) -> String) -> Option<Fault> {
    let (url, what) = socket.url.of_manifest();
    let what = what.replace("origin", "url");
    if let Some(problem) = url.and_then(fixed_socket_problem) {
        return fault(key(&what), problem.to_owned(), "write wss://host/path");
    }
    if !socket.hosts.is_empty() && url.is_none() {
        return fault(key("hosts"), "needs a url of the manifest's own".to_owned(), "add url.default");
    }
    let name = socket.headers.keys().find(|name| http::HeaderName::from_bytes(name.as_bytes()).is_err())?;
    fault(key("headers"), format!("\"{name}\" is not a header name"), "use a-z, 0-9 and -")
}

fn secret_fault(manifest: &Manifest, socket: &Websocket, n: usize) -> Option<Fault> {
    let headers = socket.headers.values().flat_map(Template::secret_names);
    let header = headers
        .map(|name| manifest.undeclared_secret(|| format!("websocket[{n}].headers"), name))
        .find_map(|fault| fault);
    header.or_else(|| {
        socket.inject.iter().enumerate().find_map(|(m, rule)| {
            let key = |field: &str| format!("websocket[{n}].inject[{m}].{field}");
            if !matches!(&rule.equals, Value::String(_) | Value::Bool(_)) && rule.equals.as_i64().is_none() {
                let problem = "is neither a string nor a whole number nor a boolean".to_owned();
                return fault(key("equals"), problem, "write the value that marks the frame");
            }
            if rule.set.overlaps(&rule.when) {
                let problem = "would change what \"when\" looks at".to_owned();
                return fault(key("set"), problem, "name a value of its own");
            }
            manifest.undeclared_secret(|| key("secret"), &rule.secret)
        })
    })
}
