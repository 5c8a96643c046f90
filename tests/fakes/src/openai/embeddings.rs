//! Vectors: <https://platform.openai.com/docs/api-reference/embeddings/create>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Response;
use serde_json::{Value, json};

use super::mode::Mode;
use super::render;
use crate::server::{self, Reply};

/// The length of a vector when nobody asks for another.
const DIMENSIONS: usize = 8;

/// The vector of a text: the same every time, another for another text.
#[must_use]
pub fn embedding(text: &str, dimensions: usize) -> Vec<f32> {
    let seed = text.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let number = |index: usize| (f64::from(seed % 1000) + index as f64 * 0.5).sin();
    #[expect(clippy::cast_possible_truncation, reason = "a sine fits")]
    (0..dimensions).map(|index| number(index) as f32).collect()
}

pub(super) fn answer(mode: &Mode, request: &Value) -> Response<Reply> {
    match mode {
        Mode::Echo | Mode::Late { .. } => server::json(200, &list(request)),
        Mode::Empty => {
            server::json(200, &json!({"object": "list", "data": [], "usage": {"prompt_tokens": 1}}))
        }
        Mode::Garbage => {
            server::reply(200, "application/json", "<html><body>Welcome to nginx!</body></html>")
        }
        Mode::ErrorInStream => {
            let error = json!({"message": "The engine is currently overloaded", "type": "overloaded_error"});
            server::json(200, &json!({"error": error}))
        }
        mode => render::refusal(mode),
    }
}

fn list(request: &Value) -> Value {
    let texts: Vec<&str> = match request.get("input") {
        Some(Value::Array(texts)) => texts.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => vec![text],
        _ => Vec::new(),
    };
    let dimensions =
        request.get("dimensions").and_then(Value::as_u64).map_or(DIMENSIONS, |number| number as usize);
    let packed = request.get("encoding_format") == Some(&json!("base64"));
    let entries: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = embedding(text, dimensions);
            let embedding = if packed {
                let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                json!(STANDARD.encode(bytes))
            } else {
                json!(vector)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let tokens: usize = texts.iter().map(|text| text.split_whitespace().count()).sum();
    json!({
        "object": "list", "data": entries, "model": request.get("model"),
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    })
}
