//! A plain HTTP client for tests: one connection a request, everything read.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// What kept a request from being answered.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The `data:` lines of an event stream.
    pub fn events(&self) -> Vec<&str> {
        self.body.lines().filter_map(|line| line.strip_prefix("data: ")).collect()
    }
}

/// GET.
///
/// # Errors
/// When there is no answer.
pub async fn get(url: &str, token: Option<&str>) -> Result<Answer, Error> {
    send(Method::GET, url, token, None).await
}

/// POST of JSON.
///
/// # Errors
/// When there is no answer.
pub async fn post(url: &str, token: Option<&str>, body: &Value) -> Result<Answer, Error> {
    send(Method::POST, url, token, Some(body.to_string())).await
}

/// Any request; `body` is sent as JSON.
///
/// # Errors
/// When there is no answer.
pub async fn send(
    method: Method,
    url: &str,
    token: Option<&str>,
    body: Option<String>,
) -> Result<Answer, Error> {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<(&str, &str)> = bearer.iter().map(|value| ("authorization", value.as_str())).collect();
    send_with(method, url, &headers, body).await
}

/// Any request with headers of its own; `body` is sent as JSON.
///
/// # Errors
/// When there is no answer.
pub async fn send_with(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: Option<String>,
) -> Result<Answer, Error> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request.body(Full::new(Bytes::from(body.unwrap_or_default())))?).await?;
    let (head, body) = response.into_parts();
    let headers = head.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let headers = headers.collect();
    let body = String::from_utf8_lossy(&body.collect().await?.to_bytes()).into_owned();
    Ok(Answer { status: head.status.as_u16(), headers, body })
}
