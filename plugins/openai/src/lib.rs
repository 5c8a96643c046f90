//! The model shim for the `openai-completions` dialect: chat completions as OpenAI defined them and many servers speak
//! them. Pure functions over bytes: it never opens a connection, holds no key and imports nothing.
//!
//! It is the hot path of the gateway. Requests are written straight from the borrowed records, answers are read into
//! typed structures, and no JSON tree is built except to read an error.

mod classify;
mod compat;
mod complete;
mod decoder;
mod embeddings;
mod errors;
mod messages;
mod models;
mod request;
mod retry;
mod sse;
mod wire;

use openclaw_sdk::provider::{
    ChatRequest, Embeddings, EmbeddingsAnswer, EmbeddingsPost, EmbeddingsRequest, Failure, HttpRequest,
    Model, Provider,
};

pub use decoder::Decoder;

/// The shim.
#[derive(Debug)]
pub struct OpenAi;

impl Provider for OpenAi {
    type Decoder = Decoder;

    fn prepare(request: ChatRequest) -> Result<HttpRequest, Failure> {
        request::prepare(&request)
    }

    fn classify(status: u16, headers: Vec<(String, String)>, body: Vec<u8>) -> Failure {
        classify::classify(status, &headers, &body)
    }

    fn prepare_models() -> HttpRequest {
        models::prepare()
    }

    fn decode_models(body: Vec<u8>) -> Result<Vec<Model>, Failure> {
        models::decode(&body)
    }
}

impl Embeddings for OpenAi {
    fn prepare_embeddings(request: EmbeddingsRequest) -> Result<EmbeddingsPost, String> {
        embeddings::prepare(&request)
    }

    fn decode_embeddings(body: Vec<u8>) -> Result<EmbeddingsAnswer, String> {
        embeddings::decode(&body)
    }
}

#[cfg(target_arch = "wasm32")]
openclaw_sdk::export_provider!(OpenAi);
#[cfg(target_arch = "wasm32")]
openclaw_sdk::export_embeddings!(OpenAi);
