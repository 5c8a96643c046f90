//! A grant with the values of one account in it: where it leads and what the host adds. Made once when an account
//! starts; the component never sees it.

use std::fmt;

use openclaw_secrets::PATH_SEGMENT;
use percent_encoding::utf8_percent_encode;
use serde_json::Value;
use url::{Host, Url};

use crate::error::GrantError;
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
        let (url, operator_named) = origin_of(entry, section, fallback)?;
        let mut prefix = url.path().trim_end_matches('/').to_owned();
        prefix.push_str(&path_with_secrets(entry, secrets)?);
        let mut headers = Vec::new();
        for (name, template) in &entry.headers {
            if let Some(value) = header_with_secrets(template, secrets)? {
                headers.push((name.to_ascii_lowercase(), value));
            }
        }
        let methods = match entry.methods.as_slice() {
            [] => vec!["GET".to_owned(), "POST".to_owned()],
            methods => methods.to_vec(),
        };
        Ok(Self {
            name: entry.name.clone(),
            base: Base::of(&url),
            max_body: entry.max_body,
            max_response: entry.max_response,
            operator_named,
            methods,
            prefix,
            headers,
            single_flight: entry.single_flight.clone(),
        })
    }

    /// Whether at most one request to `path` may be on its way.
    #[must_use]
    pub fn is_single_flight(&self, path: &str) -> bool {
        self.single_flight.iter().any(|single| single == path)
    }
}

impl Base {
    fn of(url: &Url) -> Self {
        let host = match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => String::new(),
        };
        Self {
            scheme: url.scheme().to_owned(),
            host,
            // Both schemes that `parse_origin` lets through have a default port.
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

fn origin_of(entry: &Http, section: &Value, fallback: Option<&str>) -> Result<(Url, bool), GrantError> {
    let parse = |text: &str, key: &str| {
        parse_origin(text)
            .map_err(|problem| GrantError::Origin { key: key.to_owned(), problem: problem.to_owned() })
    };
    let configured = match &entry.origin {
        Origin::Fixed(origin) => return Ok((parse(origin, &entry.name)?, false)),
        Origin::Configured(configured) => configured,
    };
    match section.get(&configured.config) {
        Some(Value::String(text)) if !text.trim().is_empty() => {
            Ok((parse(text.trim(), &configured.config)?, true))
        }
        Some(Value::String(_) | Value::Null) | None => {
            let default = fallback.or(configured.default.as_deref()).ok_or_else(|| GrantError::NoOrigin {
                grant: entry.name.clone(),
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
    let url = Url::parse(text).map_err(|_| "it is not a URL")?;
    match () {
        () if !matches!(url.scheme(), "https" | "http") => Err("its scheme is neither https nor http"),
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

/// `None` when an optional secret has no value: the header is left out then.
fn header_with_secrets(template: &Template, secrets: &AccountSecrets) -> Result<Option<String>, GrantError> {
    let mut value = String::new();
    for piece in template.pieces() {
        match piece {
            Piece::Text(text) => value.push_str(text),
            Piece::Secret(name) => {
                let Some(secret) = secrets.get(name) else { return Ok(None) };
                if http::HeaderValue::from_str(secret.expose()).is_err() {
                    return Err(GrantError::SecretValue {
                        secret: name.clone(),
                        place: "header",
                        problem: "contains a line break or another control character",
                    });
                }
                value.push_str(secret.expose());
            }
        }
    }
    Ok(Some(value))
}

#[cfg(test)]
#[path = "grant_tests.rs"]
mod tests;
