//! From a guest's wishes to one request line. The rules are those of `http.request` in `wit/host.wit`; whatever the
//! guest says, scheme, host, port, prefix and the places of secrets are the grant's.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use openclaw_secrets::PATH_SEGMENT;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::grant::ResolvedGrant;

/// As [`PATH_SEGMENT`], for a path that the guest has already encoded where it had to.
const GUEST_PATH: &AsciiSet = &PATH_SEGMENT.remove(b'/').remove(b'%');
/// Everything but RFC 3986 `unreserved`.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The longest path or query, in bytes.
const LONGEST_TARGET: usize = 16 * 1024;
/// The most headers, and the most bytes in all of them.
const MOST_HEADERS: usize = 64;
const LONGEST_HEADERS: usize = 16 * 1024;

/// Headers that are the host's alone: identity, hop-by-hop (RFC 9110 §7.6.1) and framing.
const HOST_HEADERS: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A request line with everything in it. Holds secrets: hand it to the HTTP client and to nobody else.
#[derive(Clone, PartialEq, Eq)]
pub struct Composed {
    /// Absolute.
    pub url: String,
    /// The guest's headers, then the grant's.
    pub headers: Vec<(String, String)>,
}

impl Composed {
    /// The headers as the HTTP client takes them, with the secrets in them.
    ///
    /// # Errors
    /// [`Denied::Header`] for one that cannot stand in a request. Its value stays out of the text: it may be a secret.
    pub fn header_map(&self) -> Result<HeaderMap, Denied> {
        let mut headers = HeaderMap::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            let parsed =
                HeaderName::try_from(name.as_str()).ok().zip(HeaderValue::try_from(value.as_str()).ok());
            let invalid = || Denied::Header { name: name.clone(), problem: "is not valid" };
            let (name, value) = parsed.ok_or_else(invalid)?;
            headers.append(name, value);
        }
        Ok(headers)
    }
}

impl fmt::Debug for Composed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Composed(***)")
    }
}

/// Why a request may not leave. Nothing in it comes from a secret, so that a guest may read it.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Denied {
    /// The grant does not list the method.
    #[error("the grant \"{grant}\" does not allow {method}")]
    Method {
        /// The grant's name.
        grant: String,
        /// What was asked for.
        method: String,
    },
    /// The path breaks a rule.
    #[error("the path {0}")]
    Path(&'static str),
    /// The grant does not list the path.
    #[error("the grant \"{grant}\" does not allow this path")]
    PathNotGranted {
        /// The grant's name.
        grant: String,
    },
    /// The manifest does not allow the host.
    #[error("\"{name}\" does not allow the host {host:?} (add it to its hosts in plugin.toml)")]
    Host {
        /// The name of the grant or of the endpoint.
        name: String,
        /// As the guest wrote it, cut at 256 characters.
        host: String,
    },
    /// The host sets a name of the query by itself.
    #[error("\"{0}\" in the query is set by the host")]
    QueryName(String),
    /// The query is too long.
    #[error("the query is longer than 16 KiB")]
    Query,
    /// A header breaks a rule.
    #[error("the header \"{name}\" {problem}")]
    Header {
        /// As the guest wrote it.
        name: String,
        /// Which rule.
        problem: &'static str,
    },
    /// There are too many headers, or they are too long.
    #[error("more than 64 headers or 16 KiB of them")]
    Headers,
}

impl ResolvedGrant {
    /// Makes the request line for a guest's request.
    ///
    /// # Errors
    /// [`Denied`] names the rule that the request breaks; nothing may be sent then.
    pub fn compose(
        &self,
        method: &str,
        path: &str,
        query: &[(String, String)],
        headers: &[(String, String)],
    ) -> Result<Composed, Denied> {
        if !self.methods.iter().any(|allowed| allowed == method) {
            return Err(Denied::Method { grant: self.name.clone(), method: method.to_owned() });
        }
        if let Some(problem) = path_problem(path) {
            return Err(Denied::Path(problem));
        }
        if !self.paths.is_empty() && !self.paths.iter().any(|granted| covers_path(granted, path)) {
            return Err(Denied::PathNotGranted { grant: self.name.clone() });
        }
        let mut url = format!("{}{}", self.base.origin, self.prefix);
        url.extend(utf8_percent_encode(path, GUEST_PATH));
        if let Some((own, _)) = query.iter().find(|(name, _)| self.query.iter().any(|(own, _)| own == name)) {
            return Err(Denied::QueryName(own.clone()));
        }
        push_query(&mut url, query.iter().chain(&self.query))?;
        let headers = check_headers(headers, &self.headers)?;
        Ok(Composed { url, headers })
    }
}

/// Writes a query behind a path.
pub(crate) fn push_query<'q>(
    url: &mut String,
    query: impl Iterator<Item = &'q (String, String)>,
) -> Result<(), Denied> {
    let before_query = url.len();
    for (n, (name, value)) in query.enumerate() {
        url.push(if n == 0 { '?' } else { '&' });
        url.extend(utf8_percent_encode(name, QUERY));
        url.push('=');
        url.extend(utf8_percent_encode(value, QUERY));
        if url.len() - before_query > LONGEST_TARGET {
            return Err(Denied::Query);
        }
    }
    Ok(())
}

/// The guest's headers in lower case, then those of the grant.
fn check_headers(
    headers: &[(String, String)],
    of_grant: &[(String, String)],
) -> Result<Vec<(String, String)>, Denied> {
    let size: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if headers.len() > MOST_HEADERS || size > LONGEST_HEADERS {
        return Err(Denied::Headers);
    }
    let mut checked = Vec::with_capacity(headers.len() + of_grant.len());
    for (name, value) in headers {
        let denied = |problem| Denied::Header { name: name.clone(), problem };
        let lower = name.to_ascii_lowercase();
        if http::HeaderName::from_bytes(lower.as_bytes()).is_err() {
            return Err(denied("is not a header name"));
        }
        if HOST_HEADERS.contains(&lower.as_str()) || of_grant.iter().any(|(own, _)| *own == lower) {
            return Err(denied("is set by the host"));
        }
        if http::HeaderValue::from_str(value).is_err() {
            return Err(denied("has a value with a control character or a line break"));
        }
        checked.push((lower, value.clone()));
    }
    checked.extend(of_grant.iter().cloned());
    Ok(checked)
}

/// Writes a guest's path, which [`path_problem`] has judged, encoded where it has to be.
pub(crate) fn push_path(url: &mut String, path: &str) {
    url.extend(utf8_percent_encode(path, GUEST_PATH));
}

/// Whether the pattern of a manifest, `/path` or `/path/*`, allows a path. Compared as a server would read them, so that
/// an encoded letter is no way around.
pub(crate) fn covers_path(granted: &str, path: &str) -> bool {
    let path: Vec<u8> = percent_decode_str(path).collect();
    match granted.strip_suffix('*') {
        Some(below) => path.starts_with(below.as_bytes()),
        None => path == granted.as_bytes(),
    }
}

/// The rules for a path below a grant. An encoded `.`, `/` or control character counts as the character itself: some
/// servers decode before they resolve.
pub(crate) fn path_problem(path: &str) -> Option<&'static str> {
    let deny = Some;
    if path.len() > LONGEST_TARGET {
        return deny("is longer than 16 KiB");
    }
    if !path.starts_with('/') {
        return deny("does not begin with /");
    }
    if path.contains(['?', '#', '\\']) {
        return deny("contains ?, # or \\");
    }
    let well_encoded = path
        .split('%')
        .skip(1)
        .all(|after| after.len() >= 2 && after.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()));
    if !well_encoded {
        return deny("contains a % that is not followed by two hexadecimal digits");
    }
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    if decoded.iter().any(u8::is_ascii_control) || path.chars().any(char::is_control) {
        return deny("contains a control character");
    }
    let dots = |segment: &[u8]| segment == b"." || segment == b"..";
    if decoded.split(|byte| matches!(byte, b'/' | b'\\')).any(dots) {
        return deny("contains a . or .. segment");
    }
    None
}
