//! The shapes of plain HTTP answers: the headers that every answer carries, and error bodies with their exact texts
//! (openclaw-compat §4.1 and §4.3). Decides nothing.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, STRICT_TRANSPORT_SECURITY};
use http::{HeaderName, HeaderValue, StatusCode};
use openclaw_models::dialect::{ErrorBody, Writer};
use serde::Serialize;

/// What stands on every answer, an upgrade's included.
const ALWAYS: [(HeaderName, HeaderValue); 3] = [
    (http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (http::header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), microphone=(self), geolocation=()"),
    ),
];

/// When to come again while nothing can be stored, in seconds.
pub(super) const STORE_AGAIN: u64 = 5;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");

/// Adds the headers that every answer carries. `transport` is the value of `Strict-Transport-Security`, if there is one.
pub(crate) fn complete(mut response: Response, transport: Option<&str>) -> Response {
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, value);
    }
    if let Some(value) = transport.and_then(|text| HeaderValue::from_str(text).ok()) {
        headers.insert(STRICT_TRANSPORT_SECURITY, value);
    }
    response
}

/// The same headers as lines of text.
pub(super) fn always() -> impl Iterator<Item = u8> {
    ALWAYS
        .into_iter()
        .flat_map(|(name, value)| [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat())
}

fn build(status: StatusCode, content_type: HeaderValue, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => json_bytes(status, Bytes::from(body)),
        // Our own types always serialise; a caller still deserves an answer if one day they do not.
        Err(_) => error(&internal()),
    }
}

/// A JSON answer that is already text.
pub(crate) fn json_bytes(status: StatusCode, body: Bytes) -> Response {
    build(status, JSON, Body::from(body))
}

/// A plain text answer.
pub(crate) fn text(status: StatusCode, body: impl Into<Body>) -> Response {
    build(status, TEXT, body.into())
}

/// The head of an event stream.
pub(crate) fn events(body: Body) -> Response {
    let mut response = build(StatusCode::OK, EVENTS, body);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// 404 for a path that nothing serves.
pub(crate) fn not_found() -> Response {
    text(StatusCode::NOT_FOUND, "Not Found")
}

/// 405 with the verbs that the path serves, for instance `GET, HEAD`.
pub(crate) fn method_not_allowed(allowed: &'static str) -> Response {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// 401.
pub(crate) fn unauthorized() -> ErrorBody {
    own(StatusCode::UNAUTHORIZED, "unauthorized", "Unauthorized")
}

/// 403: a page of another site.
pub(crate) fn foreign_origin() -> ErrorBody {
    own(StatusCode::FORBIDDEN, "forbidden", "origin not allowed")
}

/// 403: it came through a proxy that the operator has not named.
pub(crate) fn unattributed(message: &str) -> ErrorBody {
    own(StatusCode::FORBIDDEN, "proxy_attribution_required", message)
}

/// 404: a well-formed name of nothing.
pub(crate) fn missing(message: impl Into<String>) -> ErrorBody {
    own(StatusCode::NOT_FOUND, "invalid_request_error", message)
}

/// 408.
pub(crate) fn body_timeout() -> ErrorBody {
    own(StatusCode::REQUEST_TIMEOUT, "invalid_request_error", "Request body timeout")
}

/// 413.
pub(crate) fn too_large() -> ErrorBody {
    own(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", "Payload too large")
}

/// 429 after too many wrong secrets.
pub(crate) fn locked_out(retry_after: Duration) -> ErrorBody {
    let message = "Too many failed authentication attempts. Please try again later.";
    let seconds = retry_after.as_millis().div_ceil(1000);
    ErrorBody {
        retry_after: u64::try_from(seconds).ok(),
        ..own(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message)
    }
}

/// 500 that says nothing of the inside.
pub(crate) fn internal() -> ErrorBody {
    own(StatusCode::INTERNAL_SERVER_ERROR, "api_error", "internal error")
}

/// 502: the model's side broke its promise.
pub(crate) fn upstream(message: impl Into<String>) -> ErrorBody {
    own(StatusCode::BAD_GATEWAY, "api_error", message)
}

/// 504: the model's side took too long.
pub(crate) fn timed_out(message: impl Into<String>) -> ErrorBody {
    own(StatusCode::GATEWAY_TIMEOUT, "api_error", message)
}

/// 503: the gateway has too much to do.
pub(crate) fn busy(message: impl Into<String>) -> ErrorBody {
    own(StatusCode::SERVICE_UNAVAILABLE, "overloaded_error", message)
}

/// 503: what is asked for would have to be stored, and the disk does not take it. `code` is the store's, for instance
/// `disk_full`, and the type as well: one of the dialects shows that alone.
pub(crate) fn not_storing(code: &'static str) -> ErrorBody {
    let message = format!(
        "The gateway cannot store anything now ({code}). It goes on by itself as soon as its disk does; then send the request \
         again."
    );
    ErrorBody {
        code: Some(code.to_owned()),
        retry_after: Some(STORE_AGAIN),
        ..own(StatusCode::SERVICE_UNAVAILABLE, code, message)
    }
}

fn own(status: StatusCode, kind: &'static str, message: impl Into<String>) -> ErrorBody {
    ErrorBody { status: status.as_u16(), kind, ..ErrorBody::invalid_request(message) }
}

/// The answer that says `body`.
pub(crate) fn error(body: &ErrorBody) -> Response {
    let mut text = Vec::with_capacity(128);
    body.write(&mut text);
    with_status(body, text)
}

/// The answer to a request that failed before there was anything to say, in its own dialect.
pub(crate) fn refused(error: &ErrorBody, writer: &impl Writer) -> Response {
    let mut text = Vec::with_capacity(128);
    writer.refused(error, &mut text);
    with_status(error, text)
}

fn with_status(body: &ErrorBody, text: Vec<u8>) -> Response {
    let status = StatusCode::from_u16(body.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json_bytes(status, Bytes::from(text));
    if let Some(seconds) = body.retry_after {
        response.headers_mut().insert(http::header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_bodies_have_the_exact_texts() {
        let check = |body: ErrorBody, status: u16, expected: &str| {
            let mut text = Vec::new();
            body.write(&mut text);
            assert_eq!((body.status, std::str::from_utf8(&text).unwrap()), (status, expected));
        };
        check(unauthorized(), 401, r#"{"error":{"message":"Unauthorized","type":"unauthorized"}}"#);
        check(
            missing("Model 'x' not found."),
            404,
            r#"{"error":{"message":"Model 'x' not found.","type":"invalid_request_error"}}"#,
        );
        check(
            too_large(),
            413,
            r#"{"error":{"message":"Payload too large","type":"invalid_request_error"}}"#,
        );
        check(internal(), 500, r#"{"error":{"message":"internal error","type":"api_error"}}"#);
        assert_eq!(locked_out(Duration::from_millis(1001)).retry_after, Some(2));
    }

    #[test]
    fn every_answer_carries_the_security_headers() {
        let response = complete(method_not_allowed("GET, HEAD"), Some("max-age=31536000"));
        let header =
            |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("permissions-policy"), "camera=(), microphone=(self), geolocation=()");
        assert_eq!(header("allow"), "GET, HEAD");
        assert_eq!(header("strict-transport-security"), "max-age=31536000");
        let broken = complete(not_found(), Some("a\r\nset-cookie: b"));
        assert!(!broken.headers().contains_key(STRICT_TRANSPORT_SECURITY));
    }
}
