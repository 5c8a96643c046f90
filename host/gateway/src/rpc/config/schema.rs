//! `config.schema` and `config.schema.lookup`. The schema is built once: plugins come and go with the process alone.

use std::sync::Arc;

use openclaw_config::{KeyPath, Schema, effect};
use openclaw_protocol::RpcError;
use openclaw_protocol::config::{ConfigSchema, ConfigSchemaLookup, ConfigSchemaLookupParams};
use serde_json::{Value, json};

use super::blocking;
use crate::clock::now_ms;
use crate::process::Gateway;
use crate::rpc::pairing::rfc3339;
use crate::rpc::{Outcome, encode};

/// The schema, and the answer that has all of it.
#[derive(Debug)]
pub(in crate::rpc) struct Built {
    schema: Schema,
    answer: Outcome,
}

impl Built {
    /// The one of this gateway. The first call builds it, which takes a while.
    fn of(gateway: &Gateway) -> &Self {
        gateway.memory.schema.get_or_init(|| {
            let schema = Schema::of(&gateway.settings.schemas().channels);
            let answer = encode(&ConfigSchema {
                schema: schema.json().clone(),
                ui_hints: Value::Object(schema.hints()),
                version: crate::VERSION.to_owned(),
                generated_at: rfc3339(i64::try_from(now_ms()).unwrap_or(i64::MAX)),
            });
            Self { schema, answer }
        })
    }
}

/// `config.schema`
pub(in crate::rpc) async fn schema(gateway: &Arc<Gateway>) -> Outcome {
    blocking(gateway, |gateway| Built::of(gateway).answer.clone()).await
}

/// `config.schema.lookup`
pub(in crate::rpc) async fn lookup(
    gateway: &Arc<Gateway>,
    params: ConfigSchemaLookupParams,
) -> Result<ConfigSchemaLookup, RpcError> {
    let path = place(&params.path)?;
    blocking(gateway, move |gateway| found(&Built::of(gateway).schema, &path)).await
}

fn found(schema: &Schema, path: &KeyPath) -> Result<ConfigSchemaLookup, RpcError> {
    let found = schema.lookup(path);
    let found = found.ok_or_else(|| RpcError::invalid(format!("config schema path not found: {path}")))?;
    Ok(ConfigSchemaLookup {
        path: found.path,
        schema: found.schema,
        reload_kind: effect(path).as_str().to_owned(),
        hint: found.hint.map(|hint| json!(hint)),
        hint_path: found.hint_path,
        children: found.children.iter().map(|child| json!(child)).collect(),
    })
}

/// The path that is meant: `.` for the whole file, and `[]` for any entry of a list, as hints have it.
fn place(text: &str) -> Result<KeyPath, RpcError> {
    if text == "." || text == KeyPath::root().to_string() {
        return Ok(KeyPath::root());
    }
    let quoted = text.contains(['"', '\'']);
    let any = if quoted { text.to_owned() } else { text.replace("[]", ".*").replace("[*]", ".*") };
    any.parse().map_err(|_| RpcError::invalid(format!("config schema path is not valid: {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_tells_when_a_change_takes_effect() {
        let schema = Schema::of(&openclaw_config::ChannelSchemas::new());
        let at = |path: &str| found(&schema, &place(path)?);
        let port = at("gateway.port").unwrap();
        assert_eq!((port.reload_kind.as_str(), &port.schema["maximum"]), ("restart", &json!(65_535)));
        assert_eq!(at("logging.level").unwrap().reload_kind, "none");
        let input = at("models.providers.*.models[].id").unwrap();
        assert_eq!(input.hint_path.as_deref(), Some("models.providers.*.models[].id"));
        assert!(at(".").unwrap().children.iter().any(|child| child["key"] == "gateway"));
        let unknown = at("gateway.prot").unwrap_err();
        assert_eq!(unknown.message, "config schema path not found: gateway.prot");
        assert_eq!(at("a..b").unwrap_err().message, "config schema path is not valid: a..b");
    }
}
