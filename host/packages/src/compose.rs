//! From a guest's wishes to one request line. The rules are those of `http.request` in `wit/host.wit`; whatever the
//! guest says, scheme, host, port, prefix and the places of secrets are the grant's.

use std::fmt;

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
        check_path(path)?;
        let mut url = format!("{}{}", self.base.origin, self.prefix);
        url.extend(utf8_percent_encode(path, GUEST_PATH));
        let before_query = url.len();
        for (n, (name, value)) in query.iter().enumerate() {
            url.push(if n == 0 { '?' } else { '&' });
            url.extend(utf8_percent_encode(name, QUERY));
            url.push('=');
            url.extend(utf8_percent_encode(value, QUERY));
            if url.len() - before_query > LONGEST_TARGET {
                return Err(Denied::Query);
            }
        }
        let mut all = self.check_headers(headers)?;
        all.extend(self.headers.iter().cloned());
        Ok(Composed { url, headers: all })
    }

    fn check_headers(&self, headers: &[(String, String)]) -> Result<Vec<(String, String)>, Denied> {
        let size: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        if headers.len() > MOST_HEADERS || size > LONGEST_HEADERS {
            return Err(Denied::Headers);
        }
        let mut checked = Vec::with_capacity(headers.len() + self.headers.len());
        for (name, value) in headers {
            let denied = |problem| Denied::Header { name: name.clone(), problem };
            let lower = name.to_ascii_lowercase();
            if http::HeaderName::from_bytes(lower.as_bytes()).is_err() {
                return Err(denied("is not a header name"));
            }
            if HOST_HEADERS.contains(&lower.as_str()) || self.headers.iter().any(|(own, _)| *own == lower) {
                return Err(denied("is set by the host"));
            }
            if http::HeaderValue::from_str(value).is_err() {
                return Err(denied("has a value with a control character or a line break"));
            }
            checked.push((lower, value.clone()));
        }
        Ok(checked)
    }
}

/// The rules for a path below a grant. An encoded `.`, `/` or control character counts as the character itself: some
/// servers decode before they resolve.
fn check_path(path: &str) -> Result<(), Denied> {
    let deny = |problem| Err(Denied::Path(problem));
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
    Ok(())
}
