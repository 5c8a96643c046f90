//! `[[http]]`: one place that the component may reach, and what the host adds on the way.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Fault, Manifest, fault, name_fault, range_fault};
use crate::compose::path_problem;
use crate::grant::fixed_origin_problem;
use crate::host_pattern::HostPattern;
use crate::template::Template;

/// The most that a grant may ask for in one request or answer, in bytes.
const LARGEST_TRANSFER: u64 = 256 * 1024 * 1024;
/// What a grant has when it says nothing, in bytes.
const DEFAULT_MAX_BODY: u64 = 1024 * 1024;
const DEFAULT_MAX_RESPONSE: u64 = 8 * 1024 * 1024;

/// `[[http]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Http {
    /// What the component calls it.
    pub name: String,
    /// Scheme, host and port.
    pub origin: Origin,
    /// Further hosts that the component may name, for vendors that hand out addresses. Secrets go there as well.
    #[serde(default)]
    pub hosts: Vec<HostPattern>,
    /// Set before every path; may contain `{secret}`.
    #[serde(default)]
    pub path_prefix: Template,
    /// The paths below the prefix that may be asked for: `/path` for itself, `/path/*` for what lies below. Empty
    /// means all.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Set on every request; values may contain `{secret}`.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// Set in the query of every request; values may contain `{secret}`.
    #[serde(default)]
    pub query: BTreeMap<String, Template>,
    /// Upper case. Empty means `GET` and `POST`.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Bytes of a request body.
    #[serde(default = "default_max_body")]
    pub max_body: u64,
    /// Bytes of an answer's body.
    #[serde(default = "default_max_response")]
    pub max_response: u64,
    /// Paths of which at most one request may be on its way.
    #[serde(default)]
    pub single_flight: Vec<String>,
}

/// Where a grant leads.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub enum Origin {
    /// Always there.
    Fixed(String),
    /// Where a key of the section says.
    Configured(ConfiguredOrigin),
}

impl Origin {
    /// The address that the manifest itself names, if it does, and the end of its key.
    pub(crate) fn of_manifest(&self) -> (Option<&str>, &'static str) {
        match self {
            Self::Fixed(origin) => (Some(origin), "origin"),
            Self::Configured(configured) => (configured.default.as_deref(), "origin.default"),
        }
    }
}

/// An origin that the operator may choose.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConfiguredOrigin {
    /// The key of the section.
    pub config: String,
    /// The environment variable that says it where the key is not set.
    pub env: Option<String>,
    /// Where neither is set.
    pub default: Option<String>,
}

impl Http {
    /// The methods that it allows.
    #[must_use]
    pub fn allowed_methods(&self) -> Vec<String> {
        match self.methods.as_slice() {
            [] => vec!["GET".to_owned(), "POST".to_owned()],
            methods => methods.to_vec(),
        }
    }
}

fn default_max_body() -> u64 {
    DEFAULT_MAX_BODY
}

fn default_max_response() -> u64 {
    DEFAULT_MAX_RESPONSE
}

pub(super) fn first_fault(manifest: &Manifest) -> Option<Fault> {
    let mut names = BTreeSet::new();
    manifest.http.iter().enumerate().find_map(|(n, http)| {
        let key = |field: &str| format!("http[{n}].{field}");
        if !names.insert(&http.name) {
            return fault(key("name"), format!("\"{}\" occurs twice", http.name), "rename one");
        }
        name_fault(key("name"), &http.name)
            .or_else(|| place_fault(http, &key))
            .or_else(|| secret_fault(manifest, http, &key))
            .or_else(|| request_fault(http, &key))
    })
}

fn place_fault(http: &Http, key: &dyn Fn(&str) -> String) -> Option<Fault> {
    let (origin, what) = http.origin.of_manifest();
    if let Some(problem) = origin.and_then(fixed_origin_problem) {
        return fault(key(what), problem.to_owned(), "write https://host");
    }
    if !http.hosts.is_empty() && origin.is_none() {
        let problem = "needs an origin of the manifest's own".to_owned();
        return fault(key("hosts"), problem, "add origin.default");
    }
    if let Some(problem) = http.path_prefix.path_problem() {
        return fault(key("path-prefix"), problem.to_owned(), "write /segment{secret}, without a final /");
    }
    http.paths.iter().find_map(|path| {
        let problem = path_problem(path.strip_suffix('*').unwrap_or(path)).or_else(|| {
            (path.ends_with('*') && !path.ends_with("/*")).then_some("has a * that is no whole segment")
        })?;
        fault(key("paths"), format!("\"{path}\" {problem}"), "write /path, or /path/* for all below it")
    })
}

fn secret_fault(manifest: &Manifest, http: &Http, key: &dyn Fn(&str) -> String) -> Option<Fault> {
    let templates = http.headers.values().chain([&http.path_prefix]);
    let path = templates.flat_map(Template::secret_names).map(|name| ("path-prefix/headers", name));
    let query = http.query.values().flat_map(Template::secret_names).map(|name| ("query", name));
    path.chain(query).find_map(|(field, name)| manifest.undeclared_secret(|| key(field), name))
}

fn request_fault(http: &Http, key: &dyn Fn(&str) -> String) -> Option<Fault> {
    for name in http.headers.keys() {
        if ::http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            return fault(key("headers"), format!("\"{name}\" is not a header name"), "use a-z, 0-9 and -");
        }
    }
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
    if let Some(method) = http.methods.iter().find(|method| !known.contains(&method.as_str())) {
        let problem = format!("\"{method}\" is not a method that a component can use");
        return fault(key("methods"), problem, "use GET, HEAD, POST, PUT, PATCH, DELETE");
    }
    for (field, value) in [("max-body", http.max_body), ("max-response", http.max_response)] {
        let fault = range_fault(key(field), value, LARGEST_TRANSFER, "state the largest transfer in bytes");
        if fault.is_some() {
            return fault;
        }
    }
    let path = http.single_flight.iter().find(|path| !path.starts_with('/'))?;
    fault(key("single-flight"), format!("\"{path}\" does not begin with /"), "write /path")
}
