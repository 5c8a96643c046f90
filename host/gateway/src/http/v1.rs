//! `/v1/models`: the agents, under the names that a chat request may use (openclaw-compat §4.5).

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use openclaw_models::dialect::ErrorBody;
use serde_json::{Value, json};

use super::address::{Address, address};
use super::server::Origin;
use super::{authorize, reply, settle};
use crate::process::Gateway;

fn entry(id: &str) -> Value {
    json!({"id": id, "object": "model", "created": 0, "owned_by": "openclaw", "permission": []})
}

/// The list, encoded once: the agents change only with the configuration.
pub(crate) fn model_list<'a>(agents: impl Iterator<Item = &'a str>) -> Bytes {
    let fixed = ["openclaw", "openclaw/default"].map(entry);
    let data: Vec<Value> =
        fixed.into_iter().chain(agents.map(|id| entry(&format!("openclaw/{id}")))).collect();
    Bytes::from(json!({"object": "list", "data": data}).to_string())
}

/// `GET /v1/models`
pub(super) async fn models(
    State(gateway): State<Arc<Gateway>>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
) -> Response {
    settle(
        authorize(&gateway, origin, &headers)
            .map(|_| reply::json_bytes(StatusCode::OK, gateway.model_list.get().as_ref().clone())),
    )
}

/// `GET /v1/models/{id}`; the id may hold slashes, encoded or not.
pub(super) async fn model(
    State(gateway): State<Arc<Gateway>>,
    Extension(origin): Extension<Origin>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    settle(authorize(&gateway, origin, &headers).and_then(|_| find(&gateway, &id)))
}

fn find(gateway: &Gateway, id: &str) -> Result<Response, ErrorBody> {
    let known = match address(id) {
        Address::DefaultAgent => !id.is_empty(),
        Address::Agent(agent) => gateway.settings.config().agents.get(&agent).is_some(),
        Address::Model(_) | Address::Invalid => return Err(ErrorBody::invalid_request("Invalid model id.")),
    };
    if known {
        Ok(reply::json(StatusCode::OK, &entry(id)))
    } else {
        Err(reply::missing(format!("Model '{id}' not found.")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_names_agents_as_observed() {
        let list = model_list(["main"].into_iter());
        let expected = concat!(
            r#"{"object":"list","data":[{"id":"openclaw","object":"model","created":0,"owned_by":"openclaw","permission":[]},"#,
            r#"{"id":"openclaw/default","object":"model","created":0,"owned_by":"openclaw","permission":[]},"#,
            r#"{"id":"openclaw/main","object":"model","created":0,"owned_by":"openclaw","permission":[]}]}"#,
        );
        assert_eq!(list, expected);
    }
}
