//! `/v1/models`: the agents, under the names that a chat request may use (openclaw-compat §4.5), and after them what can be
//! asked without an agent.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use openclaw_config::Config;
use openclaw_models::dialect::ErrorBody;
use openclaw_models::{Catalog, ShimSource};
use openclaw_protocol::Scope;
use serde_json::{Value, json};

use super::address::{Address, address};
use super::caller::caller;
use super::server::Origin;
use super::{reply, settle};
use crate::process::Gateway;

fn entry(id: &str, owner: &str) -> Value {
    json!({"id": id, "object": "model", "created": 0, "owned_by": owner, "permission": []})
}

/// The list, encoded once: it changes only with the configuration.
pub(crate) fn model_list(config: &Config, catalog: &Catalog, shims: &dyn ShimSource) -> Bytes {
    let agents = config.agents.entries.iter().map(|agent| format!("openclaw/{}", agent.id));
    let agents = ["openclaw".to_owned(), "openclaw/default".to_owned()].into_iter().chain(agents);
    let mut data: Vec<Value> = agents.map(|id| entry(&id, "openclaw")).collect();
    let models = models_of(catalog, shims);
    data.extend(models.map(|(provider, model)| entry(&format!("{provider}/{model}"), provider)));
    Bytes::from(json!({"object": "list", "data": data}).to_string())
}

/// Provider and id of each model that the configuration or a manifest names.
fn models_of<'a>(
    catalog: &'a Catalog,
    shims: &'a dyn ShimSource,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    catalog.providers().iter().filter(|provider| shims.serves(&provider.api)).flat_map(|provider| {
        let named = provider.models.iter().map(|model| model.id.as_str());
        let other = provider.default_model.as_deref();
        let other = other.filter(|id| provider.models.iter().all(|model| model.id != *id));
        named.chain(other).map(|model| (provider.id.as_str(), model))
    })
}

/// `GET /v1/models`
pub(super) async fn models(
    State(gateway): State<Arc<Gateway>>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
) -> Response {
    if !gateway.settings.config().gateway.http.endpoints.any() {
        return reply::not_found();
    }
    settle(
        caller(&gateway, origin, &headers, Scope::Read)
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
    if !gateway.settings.config().gateway.http.endpoints.any() {
        return reply::not_found();
    }
    settle(caller(&gateway, origin, &headers, Scope::Read).and_then(|_| find(&gateway, &id)))
}

fn find(gateway: &Gateway, id: &str) -> Result<Response, ErrorBody> {
    let owner = match address(id) {
        Address::DefaultAgent if !id.is_empty() => Some("openclaw"),
        Address::Agent(agent) => gateway.settings.config().agents.get(&agent).map(|_| "openclaw"),
        Address::Model(reference) => {
            let named =
                |(provider, model): &(&str, &str)| reference.split_once('/') == Some((*provider, *model));
            let catalog = gateway.models.catalog();
            let found = models_of(&catalog, &*gateway.answering.shims).find(named);
            return found
                .map(|(owner, _)| reply::json(StatusCode::OK, &entry(id, owner)))
                .ok_or_else(|| missing(id));
        }
        Address::DefaultAgent | Address::Invalid => {
            return Err(ErrorBody::invalid_request("Invalid model id."));
        }
    };
    owner.map(|owner| reply::json(StatusCode::OK, &entry(id, owner))).ok_or_else(|| missing(id))
}

fn missing(id: &str) -> ErrorBody {
    reply::missing(format!("Model '{id}' not found."))
}

#[cfg(test)]
mod tests {
    use openclaw_models::{BaseUrl, Model, Origin, Provider, Shim};

    use super::*;

    struct Present;

    impl ShimSource for Present {
        fn shim(&self, _: &Provider) -> Result<Box<dyn Shim>, String> {
            Err("none is needed".to_owned())
        }

        fn serves(&self, api: &str) -> bool {
            api == "known"
        }
    }

    #[test]
    fn the_list_names_agents_as_observed_and_then_models() {
        let list = |catalog: &Catalog| {
            let list = model_list(&Config::default(), catalog, &Present);
            String::from_utf8(list.to_vec()).unwrap()
        };
        let expected = concat!(
            r#"{"object":"list","data":[{"id":"openclaw","object":"model","created":0,"owned_by":"openclaw","permission":[]},"#,
            r#"{"id":"openclaw/default","object":"model","created":0,"owned_by":"openclaw","permission":[]},"#,
            r#"{"id":"openclaw/main","object":"model","created":0,"owned_by":"openclaw","permission":[]}]}"#,
        );
        let mut catalog = Catalog::default();
        assert_eq!(list(&catalog), expected);
        let add = |catalog: &mut Catalog, id: &str, api: &str, network| {
            let base = BaseUrl::parse("http://127.0.0.1:1").unwrap();
            let models = vec![Model { id: "a/b".to_owned(), ..Model::default() }];
            let default_model = Some("c".to_owned());
            let provider = Provider::new(id, api, base, network, Origin::Demo);
            catalog.add_demo(Provider { models, default_model, ..provider });
        };
        add(&mut catalog, "p", "known", openclaw_egress::Network::OperatorNamed);
        add(&mut catalog, "q", "unknown", openclaw_egress::Network::OperatorNamed);
        let more = concat!(
            r#",{"id":"p/a/b","object":"model","created":0,"owned_by":"p","permission":[]},"#,
            r#"{"id":"p/c","object":"model","created":0,"owned_by":"p","permission":[]}]}"#,
        );
        assert_eq!(list(&catalog), expected.strip_suffix("]}").unwrap().to_owned() + more);
    }
}
