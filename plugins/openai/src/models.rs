//! The list of models: `GET /models`.

use openclaw_sdk::provider::{Failure, HttpRequest, Method, Model};
use serde::Deserialize;

use crate::complete::unreadable;

pub(crate) fn prepare() -> HttpRequest {
    HttpRequest {
        method: Method::Get,
        path: "/models".into(),
        headers: vec![("accept".into(), "application/json".into())],
        body: Vec::new(),
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum List {
    Wrapped { data: Option<Vec<Entry>> },
    Bare(Vec<Entry>),
}

/// Servers name the window in their own ways; OpenAI itself does not tell it.
#[derive(Deserialize)]
struct Entry {
    id: String,
    #[serde(
        default,
        alias = "context_window",
        alias = "max_model_len",
        alias = "max_context_length",
        alias = "max_input_tokens"
    )]
    context_length: Option<u32>,
}

pub(crate) fn decode(body: &[u8]) -> Result<Vec<Model>, Failure> {
    let list: List = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let (List::Wrapped { data: Some(entries) } | List::Bare(entries)) = list else { return Ok(Vec::new()) };
    Ok(entries
        .into_iter()
        .map(|entry| Model { id: entry.id, context_window: entry.context_length })
        .collect())
}
