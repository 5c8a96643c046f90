//! A grant with the values of one account in it: where it leads and what the host adds. Made once when an account
//! starts; the component never sees it.

use std::collections::BTreeMap;
use std::fmt;

use openclaw_secrets::PATH_SEGMENT;
use percent_encoding::utf8_percent_encode;
use serde_json::Value;
use url::{Host, Url};

use crate::compose::Denied;
use crate::error::GrantError;
use crate::host_pattern::HostPattern;
use crate::manifest::{Http, Origin};
use crate::secret::AccountSecrets;
use crate::template::{Piece, Template};

/// One `[[http]]` entry of a manifest, resolved for one account. Use [`ResolvedGrant::compose`] to make a request.
#[derive(Clone)]
pub struct ResolvedGrant {
    /// What the component calls it.
    pub name: String,
    /// Where every request of this grant goes.
    pub base: Base,
    /// The most bytes of a request body.
    pub max_body: u64,
    /// The most bytes of an answer's body.
    pub max_response: u64,
    /// The operator's configuration named the address, so that it may lie on this machine or in a private network.
    /// Addresses from a manifest may not.
    pub operator_named: bool,
    /// Upper case.
    pub(crate) methods: Vec<String>,
    /// The path of the base and the prefix, with secrets in it: begins with `/` and does not end with one, or is empty.
    pub(crate) prefix: String,
    /// Names in lower case, values with secrets in them.
    pub(crate) headers: Vec<(String, String)>,
    /// Values with secrets in them.
    pub(crate) query: Vec<(String, String)>,
    /// Patterns as in the manifest; empty means all.
    pub(crate) paths: Vec<String>,
    hosts: Vec<HostPattern>,
    single_flight: Vec<String>,
}

/// Scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// `https` or `http`.
    pub scheme: String,
    /// A name or an address; an IPv6 address has no brackets.
    pub host: String,
    /// The port, the scheme's own where the address names none.
    pub port: u16,
    /// As it stands in the URL: `https://host` or `http://[::1]:8080`.
    pub(crate) origin: String,
}

impl fmt::Debug for ResolvedGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The prefix and the headers hold secrets.
        f.debug_struct("ResolvedGrant")
            .field("name", &self.name)
            .field("origin", &self.base.origin)
            .field("operator_named", &self.operator_named)
            .finish_non_exhaustive()
    }
}

impl ResolvedGrant {
    /// Puts an account's section and secrets into a grant. `fallback` is an address that the caller knows for a key
    /// that is not set, for instance that of a known provider; the manifest's own default comes after it.
    ///
    /// # Errors
    /// When there is no usable address, or a secret is missing or cannot stand where the manifest puts it.
    pub fn resolve(
        entry: &Http,
        section: &Value,
        fallback: Option<&str>,
        secrets: &AccountSecrets,
    ) -> Result<Self, GrantError> {
        let (url, operator_named) = origin_of(&entry.origin, &entry.name, section, fallback, parse_origin)?;
        let mut prefix = url.path().trim_end_matches('/').to_owned();
        prefix.push_str(&path_with_secrets(entry, secrets)?);
        let mut query = Vec::new();
        for (name, template) in &entry.query {
            // What goes into a query is encoded, so that any value can stand there.
            if let Some(value) = filled(template, secrets, |_| None)? {
                query.push((name.clone(), value));
            }
        }
        Ok(Self {
            name: entry.name.clone(),
            base: Base::of(&url),
            max_body: entry.max_body,
            max_response: entry.max_response,
            operator_named,
            methods: entry.allowed_methods(),
            prefix,
            headers: headers_with_secrets(&entry.headers, secrets)?,
            query,
            paths: entry.paths.clone(),
            hosts: entry.hosts.clone(),
            single_flight: entry.single_flight.clone(),
        })
    }

    /// The same grant at another host that the manifest allows, for a vendor that hands out addresses. `host` is a name
    /// without a port. An address that the operator named stands for all of them: it stays where it is.
    ///
    /// # Errors
    /// [`Denied::Host`] when the manifest does not allow the host.
    pub fn at_host(&self, host: &str) -> Result<Self, Denied> {
        let base = self.base.at_host(host, &self.hosts, self.operator_named, &self.name)?;
        Ok(Self { base, ..self.clone() })
    }

    /// Whether at most one request to `path` may be on its way.
    #[must_use]
    pub fn is_single_flight(&self, path: &str) -> bool {
        self.single_flight.iter().any(|single| single == path)
    }
}

impl Base {
    /// The same at another host, if it is this one or one of `hosts`.
    pub(crate) fn at_host(
        &self,
        host: &str,
        hosts: &[HostPattern],
        operator_named: bool,
        name: &str,
    ) -> Result<Self, Denied> {
        let own = host.eq_ignore_ascii_case(&self.host)
            || host.rsplit_once(':').is_some_and(|(host, port)| {
                host.eq_ignore_ascii_case(&self.host) && port.parse() == Ok(self.port)
            });
        if own {
            return Ok(self.clone());
        }
        if !hosts.iter().any(|pattern| pattern.allows(host)) {
            return Err(Denied::Host { name: name.to_owned(), host: host.chars().take(256).collect() });
        }
        if operator_named {
            return Ok(self.clone());
        }
        let host = host.to_ascii_lowercase();
        let port = if self.scheme == "https" || self.scheme == "wss" { 443 } else { 80 };
        Ok(Self { origin: format!("{}://{host}", self.scheme), scheme: self.scheme.clone(), host, port })
    }

    pub(crate) fn of(url: &Url) -> Self {
        let host = match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => String::new(),
        };
        Self {
            scheme: url.scheme().to_owned(),
            host,
            // All schemes that are let through have a default port.
            port: url.port_or_known_default().unwrap_or_default(),
            origin: url.origin().ascii_serialization(),
        }
    }
}

/// What keeps an address in a manifest from being a default, if anything.
pub(crate) fn fixed_origin_problem(origin: &str) -> Option<&'static str> {
    match parse_origin(origin) {
        Ok(url) if url.scheme() == "https" => None,
        Ok(_) => Some("is not https"),
        Err(problem) => Some(problem),
    }
}

/// The same for a websocket.
pub(crate) fn fixed_socket_problem(url: &str) -> Option<&'static str> {
    match parse_socket(url) {
        Ok(url) if url.scheme() == "wss" => None,
        Ok(_) => Some("is not wss"),
        Err(problem) => Some(problem),
    }
}

/// Where an entry called `name` leads, and whether the operator said so.
pub(crate) fn origin_of(
    origin: &Origin,
    name: &str,
    section: &Value,
    fallback: Option<&str>,
    parse_url: fn(&str) -> Result<Url, &'static str>,
) -> Result<(Url, bool), GrantError> {
    let parse = |text: &str, key: &str| {
        parse_url(text)
            .map_err(|problem| GrantError::Origin { key: key.to_owned(), problem: problem.to_owned() })
    };
    let configured = match origin {
        Origin::Fixed(origin) => return Ok((parse(origin, name)?, false)),
        Origin::Configured(configured) => configured,
    };
    match section.get(&configured.config) {
        Some(Value::String(text)) if !text.trim().is_empty() => {
            Ok((parse(text.trim(), &configured.config)?, true))
        }
        Some(Value::String(_) | Value::Null) | None => {
            let default = fallback.or(configured.default.as_deref()).ok_or_else(|| GrantError::NoOrigin {
                grant: name.to_owned(),
                key: configured.config.clone(),
            })?;
            Ok((parse(default, &configured.config)?, false))
        }
        Some(_) => Err(GrantError::Origin {
            key: configured.config.clone(),
            problem: "it is not a string".to_owned(),
        }),
    }
}

fn parse_origin(text: &str) -> Result<Url, &'static str> {
    match parse_url(text)? {
        url if matches!(url.scheme(), "https" | "http") => Ok(url),
        _ => Err("its scheme is neither https nor http"),
    }
}

pub(crate) fn parse_socket(text: &str) -> Result<Url, &'static str> {
    match parse_url(text)? {
        url if matches!(url.scheme(), "wss" | "ws") => Ok(url),
        _ => Err("its scheme is neither wss nor ws"),
    }
}

fn parse_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "it is not a URL")?;
    match () {
        () if url.host_str().is_none_or(str::is_empty) => Err("it has no host"),
        () if !url.username().is_empty() || url.password().is_some() => {
            Err("it holds a user name or password")
        }
        () if url.query().is_some() || url.fragment().is_some() => Err("it has a query or a fragment"),
        () => Ok(url),
    }
}

fn path_with_secrets(entry: &Http, secrets: &AccountSecrets) -> Result<String, GrantError> {
    let mut path = String::new();
    for piece in entry.path_prefix.pieces() {
        match piece {
            Piece::Text(text) => path.push_str(text),
            Piece::Secret(name) => {
                let secret = secrets.get(name).ok_or_else(|| GrantError::SecretMissing {
                    grant: entry.name.clone(),
                    secret: name.clone(),
                })?;
                let problem = path_secret_problem(secret.expose());
                if let Some(problem) = problem {
                    return Err(GrantError::SecretValue { secret: name.clone(), place: "path", problem });
                }
                path.extend(utf8_percent_encode(secret.expose(), PATH_SEGMENT));
            }
        }
    }
    // Text and secrets together may still make a segment that a server resolves.
    if path.split('/').any(|segment| segment == "." || segment == "..") {
        let secret = entry.path_prefix.secret_names().next().unwrap_or_default().to_owned();
        return Err(GrantError::SecretValue { secret, place: "path", problem: "makes a . or .. segment" });
    }
    Ok(path)
}

fn path_secret_problem(value: &str) -> Option<&'static str> {
    match () {
        () if value.is_empty() => Some("is empty"),
        () if value.contains(['/', '\\', '?', '#', '%']) => Some("contains /, \\, ?, # or %"),
        () if value.chars().any(|c| c.is_control() || c.is_whitespace()) => {
            Some("contains a blank or a control character")
        }
        () => None,
    }
}

/// Names in lower case. A header whose optional secret has no value is left out.
pub(crate) fn headers_with_secrets(
    headers: &BTreeMap<String, Template>,
    secrets: &AccountSecrets,
) -> Result<Vec<(String, String)>, GrantError> {
    let problem = |value: &str| {
        let fits = http::HeaderValue::from_str(value).is_ok();
        (!fits).then_some(("header", "contains a line break or another control character"))
    };
    let mut filled_in = Vec::with_capacity(headers.len());
    for (name, template) in headers {
        if let Some(value) = filled(template, secrets, problem)? {
            filled_in.push((name.to_ascii_lowercase(), value));
        }
    }
    Ok(filled_in)
}

/// `None` when an optional secret has no value. `problem` judges each value: the place and what is wrong there.
fn filled(
    template: &Template,
    secrets: &AccountSecrets,
    problem: impl Fn(&str) -> Option<(&'static str, &'static str)>,
) -> Result<Option<String>, GrantError> {
    let mut text = String::new();
    for piece in template.pieces() {
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Secret(name) => {
                let Some(secret) = secrets.get(name) else { return Ok(None) };
                if let Some((place, problem)) = problem(secret.expose()) {
                    return Err(GrantError::SecretValue { secret: name.clone(), place, problem });
                }
                text.push_str(secret.expose());
            }
        }
    }
    Ok(Some(text))
}

#[cfg(test)]
#[path = "grant_tests.rs"]
mod tests;
