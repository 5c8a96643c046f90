//! What a request has to be before anybody asks what it wants: one host that is meant, a length that is clear, and no
//! page of another site that was led to this machine by a name of its own (DNS rebinding). Looks at no credential.

use axum::response::Response;
use http::header::{CONNECTION, HOST, ORIGIN};
use http::{HeaderValue, Method, Request, Version};
use openclaw_models::dialect::ErrorBody;

use super::reply;

/// Where a request came in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entrance {
    /// The listener's address is loopback: only this machine can be meant.
    pub(crate) loopback: bool,
    /// The head has a length beside a transfer coding.
    pub(crate) contradicts: bool,
}

/// The answer to a request that goes no further.
///
/// `allowed` are the origins of `gateway.controlUi.allowedOrigins`; they are asked for only when a page sent the request.
pub(crate) fn refuse<B>(
    request: &Request<B>,
    entrance: Entrance,
    allowed: impl FnOnce() -> Vec<String>,
) -> Option<Response> {
    if let Some(refused) = ambiguous(request, entrance) {
        return Some(refused);
    }
    let origin = request.headers().get(ORIGIN)?;
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !entrance.loopback || host.is_empty() || openclaw_access::is_loopback_host(host) {
        return None;
    }
    let written = origin.to_str().unwrap_or_default();
    let listed = |entry: &String| entry == "*" || entry.trim_end_matches('/').eq_ignore_ascii_case(written);
    (!allowed().iter().any(listed)).then(|| reply::error(&reply::foreign_origin()))
}

/// The answer to a request that another server could read otherwise.
pub(crate) fn ambiguous<B>(request: &Request<B>, entrance: Entrance) -> Option<Response> {
    if entrance.contradicts {
        return Some(bad("Content-Length and Transfer-Encoding contradict each other."));
    }
    if request.method() == Method::CONNECT {
        return Some(closing(reply::method_not_allowed("GET, HEAD, POST")));
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        (None, _) if request.version() < Version::HTTP_11 => Some(""),
        (None | Some(_), _) => None,
    };
    let Some(host) = host else {
        return Some(bad("The request needs exactly one Host header."));
    };
    // The absolute form names the host once more (RFC 9112 §3.2.2); two names are one too many.
    let other = |authority: &str| !authority.eq_ignore_ascii_case(host);
    let twice = request.uri().authority().is_some_and(|authority| other(authority.as_str()));
    twice.then(|| bad("The target and the Host header name different hosts."))
}

fn bad(message: &str) -> Response {
    closing(reply::error(&ErrorBody::invalid_request(message)))
}

/// Nothing else is read from this connection.
pub(crate) fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: Entrance = Entrance { loopback: true, contradicts: false };

    fn status(uri: &str, headers: &[(&'static str, &'static str)], entrance: Entrance) -> u16 {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let allowed = ["https://page.example".to_owned()];
        refuse(&request.body(()).unwrap(), entrance, || allowed.to_vec())
            .map_or(200, |response| response.status().as_u16())
    }

    #[test]
    fn a_request_means_one_host() {
        let check = |uri: &str, headers: &[_], expected: u16| {
            assert_eq!(status(uri, headers, LOCAL), expected, "{uri} {headers:?}");
        };
        check("/", &[("host", "127.0.0.1:1")], 200);
        check("/", &[], 400);
        check("/", &[("host", "a"), ("host", "b")], 400);
        check("http://a/x", &[("host", "A")], 200);
        check("http://a/x", &[("host", "b")], 400);
        let contradiction = Entrance { contradicts: true, ..LOCAL };
        assert_eq!(status("/", &[("host", "a")], contradiction), 400);
        let old = Request::builder().version(Version::HTTP_10).uri("/").body(()).unwrap();
        assert!(refuse(&old, LOCAL, Vec::new).is_none());
    }

    #[test]
    fn a_page_that_reached_loopback_by_a_foreign_name_is_refused() {
        let check = |host, origin, entrance, expected: u16| {
            let found = status("/", &[("host", host), ("origin", origin)], entrance);
            assert_eq!(found, expected, "{host} {origin}");
        };
        check("evil.example:18789", "http://evil.example:18789", LOCAL, 403);
        check("evil.example", "null", LOCAL, 403);
        check("page.example", "https://page.example", LOCAL, 200);
        check("localhost:18789", "http://localhost:18789", LOCAL, 200);
        check("[::1]:18789", "http://evil.example", LOCAL, 200);
        let lan = Entrance { loopback: false, ..LOCAL };
        check("gateway.example", "http://gateway.example", lan, 200);
    }
}
