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

/// Servers name the window in their own ways, some in several at once; OpenAI itself does not tell it.
#[derive(Deserialize)]
struct Entry {
    id: String,
    context_length: Option<u32>,
    context_window: Option<u32>,
    max_model_len: Option<u32>,
    max_context_length: Option<u32>,
    max_input_tokens: Option<u32>,
}

impl From<Entry> for Model {
    fn from(entry: Entry) -> Self {
        let context_window = entry
            .context_length
            .or(entry.context_window)
            .or(entry.max_model_len)
            .or(entry.max_context_length)
            .or(entry.max_input_tokens);
        Self { id: entry.id, context_window }
    }
}

pub(crate) fn decode(body: &[u8]) -> Result<Vec<Model>, Failure> {
    let list: List = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let (List::Wrapped { data: Some(entries) } | List::Bare(entries)) = list else { return Ok(Vec::new()) };
    Ok(entries.into_iter().map(Model::from).collect())
}
