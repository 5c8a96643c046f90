//! `/webhooks/<channel>/<account>/<path>`: where vendors call, for the `[[webhook]]` routes of a channel's manifest. The body's
//! bound holds before it is read, the recipe of the manifest before the component hears of anything. What a request means is
//! the component's business.
//!
//! Nobody is told which accounts there are: what is not served, and what was not sent by the vendor, gets a status and no word.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use openclaw_failpoints::failpoint;
use openclaw_messaging::AccountKey;
use openclaw_packages::{Incoming, Verdict};
use openclaw_runtime::guest::{WebhookMethod, WebhookRequest, WebhookResponse};
use tracing::{debug, warn};
use url::form_urlencoded;

use super::body;
use super::reply;
use crate::process::Gateway;

/// Most pairs, and most bytes, of a query and of the headers that a component is shown.
const PAIRS: usize = 64;
const BYTES: usize = 16 << 10;
/// The longest answer of a component.
const ANSWER: usize = 64 << 10;
/// When a vendor may come again that found nobody, in seconds.
const AGAIN: HeaderValue = HeaderValue::from_static("10");
/// What a component may say beside status and body.
const ANSWERED: [HeaderName; 2] = [CONTENT_TYPE, RETRY_AFTER];
/// Credentials of the gateway and of whoever calls. The route's own token is taken out by the instance.
const HIDDEN: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "x-openclaw-token"];

/// Serves one call of a vendor.
pub(super) async fn receive(
    State(gateway): State<Arc<Gateway>>,
    Path((channel, account, path)): Path<(String, String, String)>,
    request: Request,
) -> Response {
    let key = AccountKey::new(&channel, &account);
    let answered = answer(&gateway, &key, &format!("/{path}"), request).await;
    answered.unwrap_or_else(|status| reply::text(status, status.canonical_reason().unwrap_or_default()))
}

async fn answer(
    gateway: &Gateway,
    account: &AccountKey,
    path: &str,
    request: Request,
) -> Result<Response, StatusCode> {
    failpoint!("http.webhook");
    let Some(instance) = gateway.instances.get(account) else {
        let config = gateway.settings.config();
        let configured =
            config.channel(&account.channel).and_then(|channel| channel.account(&account.account));
        // A vendor tries again later what was not taken, and gives up what is not there.
        return match configured.is_some_and(|account| account.enabled) {
            true => Ok(later()),
            false => Err(StatusCode::NOT_FOUND),
        };
    };
    let route = instance.webhook_route(path).ok_or(StatusCode::NOT_FOUND)?;
    let (head, body) = request.into_parts();
    let method = method(&head.method).filter(|_| route.takes(head.method.as_str()));
    let method = method.ok_or(StatusCode::METHOD_NOT_ALLOWED)?;
    let query = query(&head)?;
    let headers = headers(&head.headers)?;
    let limit = usize::try_from(route.max_body).unwrap_or(usize::MAX);
    let body = body::read(&head.headers, body, limit).await.map_err(|why| match why {
        body::NoBody::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        body::NoBody::TooSlow => StatusCode::REQUEST_TIMEOUT,
        body::NoBody::Broken => StatusCode::BAD_REQUEST,
    })?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let incoming = Incoming { method: head.method.as_str(), query: &query, headers: &headers, body: &body };
    match route.verify(&incoming, now) {
        Ok(Verdict::Verified) => {}
        Ok(Verdict::Challenge(text)) => return Ok(reply::text(StatusCode::OK, text)),
        Err(why) => {
            debug!(%account, route = route.name, "a webhook request was refused: {why}");
            return Err(StatusCode::from_u16(why.status()).unwrap_or(StatusCode::UNAUTHORIZED));
        }
    }
    // What a component cannot admit, the vendor has to keep.
    if let Some(why) = gateway.store.refusal() {
        return Ok(reply::error(&reply::not_storing(why.code())));
    }
    let shown = headers.into_iter().filter(|(name, _)| !HIDDEN.contains(&name.as_str())).collect();
    let request =
        WebhookRequest { route: route.name.clone(), method, query, headers: shown, body: body.to_vec() };
    match instance.webhook(request).await {
        Ok(Some(response)) => Ok(respond(account, response)),
        Ok(None) => Err(StatusCode::NOT_FOUND),
        Err(failure) if failure.code == "deadline" => Err(StatusCode::GATEWAY_TIMEOUT),
        Err(_ended) => Ok(later()),
    }
}

fn later() -> Response {
    let mut response = reply::text(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
    response.headers_mut().insert(RETRY_AFTER, AGAIN);
    response
}

fn method(method: &Method) -> Option<WebhookMethod> {
    match *method {
        Method::GET => Some(WebhookMethod::Get),
        Method::POST => Some(WebhookMethod::Post),
        Method::PUT => Some(WebhookMethod::Put),
        _ => None,
    }
}

fn query(head: &Parts) -> Result<Vec<(String, String)>, StatusCode> {
    let text = head.uri.query().unwrap_or_default();
    if text.len() > BYTES {
        return Err(StatusCode::URI_TOO_LONG);
    }
    let pairs: Vec<_> = form_urlencoded::parse(text.as_bytes()).into_owned().take(PAIRS + 1).collect();
    if pairs.len() > PAIRS { Err(StatusCode::BAD_REQUEST) } else { Ok(pairs) }
}

/// The headers that are text, by their names in lower case.
fn headers(headers: &HeaderMap) -> Result<Vec<(String, String)>, StatusCode> {
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    let shown: Vec<_> = headers.iter().filter_map(text).collect();
    let bytes: usize = shown.iter().map(|(name, value)| name.len() + value.len()).sum();
    if shown.len() > PAIRS || bytes > BYTES {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    Ok(shown)
}

/// A component's answer within its bounds; one that breaks them is its own fault, not the vendor's.
fn respond(account: &AccountKey, response: WebhookResponse) -> Response {
    let status =
        StatusCode::from_u16(response.status).ok().filter(|status| (200..600).contains(&status.as_u16()));
    let Some(status) = status.filter(|_| response.body.len() <= ANSWER) else {
        warn!(%account, "the plugin's answer to a webhook has an impossible status or more than 64 KiB");
        return reply::text(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
    };
    let mut answer = Response::new(Body::from(response.body));
    *answer.status_mut() = status;
    for (name, value) in response.headers {
        let pair = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok());
        if let Some((name, value)) = pair.filter(|(name, _)| ANSWERED.contains(name)) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, headers: &[(&str, &str)], body: usize) -> Response {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let response = WebhookResponse { status, headers, body: vec![b'x'; body] };
        respond(&AccountKey::new("chat", "main"), response)
    }

    #[test]
    fn an_answer_keeps_its_bounds() {
        let check = |status: u16, body: usize, expected: u16| {
            assert_eq!(answered(status, &[], body).status().as_u16(), expected, "{status} {body}");
        };
        check(204, 0, 204);
        check(599, ANSWER, 599);
        check(199, 0, 500);
        check(600, 0, 500);
        check(200, ANSWER + 1, 500);
        let headers = [
            ("Content-Type", "a/b"),
            ("set-cookie", "x=y"),
            ("retry-after", "3"),
            ("location", "/"),
            ("\n", "x"),
        ];
        let kept = answered(200, &headers, 1);
        let kept: Vec<_> =
            kept.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(kept, [("content-type", "a/b"), ("retry-after", "3")]);
    }

    #[test]
    fn what_a_component_is_shown_is_bounded() {
        let head = |query: &str| {
            let request = http::Request::builder().uri(format!("/x?{query}")).body(()).unwrap();
            request.into_parts().0
        };
        assert_eq!(
            query(&head("a=1%202&b")),
            Ok(vec![("a".into(), "1 2".into()), ("b".into(), String::new())])
        );
        assert_eq!(query(&head(&"a&".repeat(65))), Err(StatusCode::BAD_REQUEST));
        assert_eq!(query(&head(&"a".repeat(BYTES + 1))), Err(StatusCode::URI_TOO_LONG));
        let mut many = HeaderMap::new();
        many.insert("x-odd", HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(headers(&many), Ok(Vec::new()));
        many.insert("x-long", HeaderValue::try_from("x".repeat(BYTES)).unwrap());
        assert_eq!(headers(&many), Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    }
}
