//! A model shim: pure functions between the gateway's requests and one HTTP dialect. It imports nothing, holds no key and
//! does no I/O; the gateway does the HTTP and adds the key.
//!
//! The dialect here is the smallest part of OpenAI's chat completions that makes a conversation: texts in, a streamed
//! text out. Replace `request` and `answer` by yours.

mod answer;
mod request;

use openclaw_sdk::bounds::clip;
use openclaw_sdk::provider::{ChatRequest, Failure, FailureReason, HttpRequest, Model, Provider};

pub use answer::Decoder;

/// The shim.
#[derive(Debug)]
pub struct Shim;

impl Provider for Shim {
    type Decoder = Decoder;

    fn prepare(request: ChatRequest) -> Result<HttpRequest, Failure> {
        request::prepare(&request)
    }

    fn classify(status: u16, headers: Vec<(String, String)>, body: Vec<u8>) -> Failure {
        answer::classify(status, &headers, &body)
    }

    fn prepare_models() -> HttpRequest {
        request::models()
    }

    fn decode_models(body: Vec<u8>) -> Result<Vec<Model>, Failure> {
        answer::models(&body)
    }
}

/// A failure with both texts cut to the bounds of the contract.
fn failure(reason: FailureReason, code: &str, message: &str) -> Failure {
    Failure {
        reason,
        code: clip(code, 64).to_owned(),
        message: clip(message, 4096).to_owned(),
        retry_after_ms: None,
    }
}

#[cfg(target_arch = "wasm32")]
openclaw_sdk::export_provider!(Shim);

#[cfg(test)]
mod tests;
