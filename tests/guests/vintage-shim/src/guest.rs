//! The component. Written against the generated bindings of 0.1.0.
#![allow(unsafe_code, reason = "generated: the exports of a component")]

use std::cell::Cell;

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::str_to_string,
    reason = "generated"
)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../../wit/0.1.0",
        inline: "
            package openclaw:vintage;
            world vintage {
                include openclaw:plugin/provider-plugin@0.1.0;
                include openclaw:plugin/with-embeddings@0.1.0;
            }
        ",
        world: "openclaw:vintage/vintage",
        generate_all,
    });
}

use bindings::exports::openclaw::plugin::embeddings::{
    self, EmbeddingsAnswer, EmbeddingsPost, EmbeddingsRequest,
};
use bindings::exports::openclaw::plugin::provider::{
    self, ChatRequest, Chunk, Content, Failure, FailureReason, FinishReason, HttpRequest, Method, Model,
};

struct Vintage;

bindings::export!(Vintage with_types_in bindings);

fn request(path: &str, body: String) -> HttpRequest {
    HttpRequest { method: Method::Post, path: path.to_owned(), headers: Vec::new(), body: body.into_bytes() }
}

struct Decoder {
    streamed: bool,
    pieces: Cell<u64>,
}

impl provider::Guest for Vintage {
    type Decoder = Decoder;

    fn prepare(asked: ChatRequest) -> Result<HttpRequest, Failure> {
        let mut body = asked.model;
        for message in asked.messages {
            if let Some(Content::Text(text)) = message.content {
                body.push('\n');
                body.push_str(&text);
            }
        }
        Ok(request("/ask", body))
    }

    fn classify(status: u16, _: Vec<(String, String)>, body: Vec<u8>) -> Failure {
        Failure {
            reason: if status == 429 { FailureReason::RateLimit } else { FailureReason::Unknown },
            code: status.to_string(),
            message: String::from_utf8_lossy(&body).into_owned(),
            retry_after_ms: None,
        }
    }

    fn prepare_models() -> HttpRequest {
        request("/models", String::new())
    }

    fn decode_models(body: Vec<u8>) -> Result<Vec<Model>, Failure> {
        Ok(vec![Model { id: String::from_utf8_lossy(&body).into_owned(), context_window: Some(7) }])
    }
}

impl provider::GuestDecoder for Decoder {
    fn new(streamed: bool, _: String) -> Self {
        Self { streamed, pieces: Cell::new(0) }
    }

    fn push(&self, bytes: Vec<u8>) -> Result<Vec<Chunk>, Failure> {
        self.pieces.set(self.pieces.get() + 1);
        Ok(vec![Chunk::Text(String::from_utf8_lossy(&bytes).into_owned())])
    }

    fn finish(&self) -> Result<Vec<Chunk>, Failure> {
        let text = format!("streamed: {}, pieces: {}", self.streamed, self.pieces.get());
        Ok(vec![Chunk::Reasoning(text), Chunk::Finish(FinishReason::Stop)])
    }
}

impl embeddings::Guest for Vintage {
    fn prepare_embeddings(request: EmbeddingsRequest) -> Result<EmbeddingsPost, String> {
        if request.dimensions.is_some() {
            return Err("one length only".to_owned());
        }
        Ok(EmbeddingsPost {
            path: "/vectors".to_owned(),
            headers: Vec::new(),
            body: request.input.concat().into_bytes(),
        })
    }

    fn decode_embeddings(body: Vec<u8>) -> Result<EmbeddingsAnswer, String> {
        Ok(EmbeddingsAnswer { vectors: vec![body.into_iter().map(f32::from).collect()], input_tokens: 3 })
    }
}
