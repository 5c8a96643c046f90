//! A call of the Bot API. Owns its shape; never decides what an answer means.

use openclaw_sdk::host::Host;
use openclaw_sdk::http::{Answer, Error, Method, Request};
use serde::Serialize;

/// The most that is read of an answer; the manifest grants as much.
const MAX_ANSWER: usize = 4 << 20;

/// Calls a method with `parameters`.
pub(crate) async fn call<H: Host>(
    host: &H,
    method: &str,
    parameters: &impl Serialize,
    timeout_ms: u64,
) -> Result<Answer, Error> {
    // These records hold nothing that JSON cannot say.
    let body = serde_json::to_vec(parameters).unwrap_or_else(|_| b"{}".to_vec());
    let request = Request::new("api", Method::Post, &format!("/{method}"), timeout_ms).json(body);
    host.http(request.limit(MAX_ANSWER)).await
}
