//! Texts as vectors: `POST /embeddings`. Owns its request and reads its answer; numbers and base64 are both taken, because
//! servers of this dialect send what they like best.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openclaw_sdk::bounds::clip;
use openclaw_sdk::provider::{EmbeddingsAnswer, EmbeddingsPost, EmbeddingsRequest};
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::classify::in_answer;

/// Parameters that are written here: a second copy in `extra` would make the JSON ambiguous. The encoding is left to the
/// server, as it concerns the caller of the gateway alone.
const OWN: [&str; 4] = ["model", "input", "dimensions", "encoding_format"];
/// The longest vector of the contract.
const MAX_LENGTH: usize = 65_536;

pub(crate) fn prepare(request: &EmbeddingsRequest) -> Result<EmbeddingsPost, String> {
    let body = serde_json::to_vec(&Body(request)).map_err(|error| said(&error.to_string()))?;
    Ok(EmbeddingsPost {
        path: "/embeddings".into(),
        headers: vec![
            ("content-type".into(), "application/json".into()),
            ("accept".into(), "application/json".into()),
        ],
        body,
    })
}

pub(crate) fn decode(body: &[u8]) -> Result<EmbeddingsAnswer, String> {
    let answer: Answer<'_> = serde_json::from_slice(body)
        .map_err(|error| said(&format!("the provider's answer is not understood: {error}")))?;
    if let Some(error) = answer.error.filter(|raw| raw.get() != "null") {
        return Err(in_answer(error.get()).message);
    }
    let mut entries = answer.data.unwrap_or_default();
    // Without numbers the order of the answer is the order of the texts: the sort is stable.
    entries.sort_by_key(|entry| entry.index.unwrap_or_default());
    let usage = answer.usage.unwrap_or_default();
    Ok(EmbeddingsAnswer {
        vectors: entries.into_iter().map(|entry| entry.embedding.0).collect(),
        input_tokens: usage.prompt_tokens.or(usage.total_tokens).unwrap_or_default(),
    })
}

fn said(text: &str) -> String {
    clip(text, 4096).to_owned()
}

struct Body<'a>(&'a EmbeddingsRequest);

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let request = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("model", &request.model)?;
        map.serialize_entry("input", &request.input)?;
        if let Some(dimensions) = request.dimensions {
            map.serialize_entry("dimensions", &dimensions)?;
        }
        for (name, json) in &request.extra {
            if !OWN.contains(&name.as_str()) {
                let raw: &RawValue = serde_json::from_str(json).map_err(|error| {
                    serde::ser::Error::custom(format_args!("`{name}` is not JSON: {error}"))
                })?;
                map.serialize_entry(name, raw)?;
            }
        }
        map.end()
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    data: Option<Vec<Entry>>,
    usage: Option<Usage>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry {
    index: Option<u32>,
    embedding: Vector,
}

#[derive(Default, Deserialize)]
struct Usage {
    prompt_tokens: Option<u64>,
    total_tokens: Option<u64>,
}

/// A list of numbers, or little-endian `f32`s in base64.
struct Vector(Vec<f32>);

impl<'de> Deserialize<'de> for Vector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Vector;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`embedding` to be numbers or base64")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Vector, E> {
                let bytes = STANDARD.decode(text).map_err(E::custom)?;
                let (numbers, rest) = bytes.as_chunks::<4>();
                if !rest.is_empty() || numbers.len() > MAX_LENGTH {
                    return Err(E::invalid_length(bytes.len(), &self));
                }
                Ok(Vector(numbers.iter().map(|number| f32::from_le_bytes(*number)).collect()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vector, A::Error> {
                let mut numbers = Vec::new();
                while let Some(number) = seq.next_element::<f32>()? {
                    if numbers.len() == MAX_LENGTH {
                        return Err(de::Error::invalid_length(numbers.len(), &self));
                    }
                    numbers.push(number);
                }
                Ok(Vector(numbers))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
