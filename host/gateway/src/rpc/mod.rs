//! The control plane's methods: which there are, who may call each, and one module for each family. Never reads a
//! socket: a method gets its parameters and a client, and returns its answer.

mod agent;
mod channels;
mod config;
mod devices;
pub(crate) mod health;
mod limiter;
mod logs;
mod models;
mod outbound;
mod pairing;
mod plugins;
mod sessions;
mod status;

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use openclaw_protocol::agent::{AgentParams, AgentWaitParams};
use openclaw_protocol::channels::{
    ChannelsRestartParams, ChannelsStartParams, ChannelsStatusParams, ChannelsStopParams,
};
use openclaw_protocol::config::{
    ConfigApplyParams, ConfigGetParams, ConfigPatchParams, ConfigSchemaLookupParams, ConfigSchemaParams,
    ConfigSetParams,
};
use openclaw_protocol::connect::ConnectParams;
use openclaw_protocol::devices::{
    DevicePairApproveParams, DevicePairListParams, DevicePairRejectParams, DevicePairRemoveParams,
    DevicePairRenameParams, DevicePairSetupCodeParams, DeviceTokenRevokeParams, DeviceTokenRotateParams,
};
use openclaw_protocol::health::HealthParams;
use openclaw_protocol::logs::LogsTailParams;
use openclaw_protocol::models::ModelsListParams;
use openclaw_protocol::outbound::SendParams;
use openclaw_protocol::pairing::{PairingApproveParams, PairingListParams};
use openclaw_protocol::plugins::PluginsListParams;
use openclaw_protocol::status::{PresenceParams, StatusParams};
use openclaw_protocol::{Call, METHODS, Request, RpcError, Scope, decode};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use openclaw_access::devices::Role;

use crate::process::Gateway;
use crate::ws::Client;

/// What methods remember between calls.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    limiter: limiter::Limiter,
    schema: OnceLock<config::Built>,
}

/// Who calls, and with what.
pub(crate) struct Caller {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) client: Arc<Client>,
    /// The request's id: every answer carries it.
    pub(crate) id: String,
}

/// A result that is encoded already, so that a snapshot is encoded once for all who ask.
type Outcome = Result<Arc<RawValue>, RpcError>;

/// One response frame.
#[derive(Debug)]
pub(crate) struct Answer {
    id: String,
    outcome: Outcome,
}

impl Answer {
    pub(crate) fn ok(id: impl Into<String>, payload: &impl Serialize) -> Answer {
        Answer { id: id.into(), outcome: encode(payload) }
    }

    pub(crate) fn error(id: impl Into<String>, error: RpcError) -> Answer {
        Answer { id: id.into(), outcome: Err(error) }
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut frame = serializer.serialize_struct("Response", 4)?;
        frame.serialize_field("type", "res")?;
        frame.serialize_field("id", &self.id)?;
        frame.serialize_field("ok", &self.outcome.is_ok())?;
        match &self.outcome {
            Ok(payload) => frame.serialize_field("payload", &**payload)?,
            Err(error) => frame.serialize_field("error", error)?,
        }
        frame.end()
    }
}

fn encode(payload: &impl Serialize) -> Outcome {
    to_raw_value(payload).map(Arc::from).map_err(|error| {
        tracing::error!(%error, "an answer cannot be encoded");
        RpcError::unavailable("internal error")
    })
}

/// Runs one request to its (last) answer.
pub(crate) async fn answer(gateway: Arc<Gateway>, client: Arc<Client>, request: Request) -> Answer {
    let Request { id, method, params, .. } = request;
    let permitted = permit(&client, &method);
    let counted = permitted.and_then(|()| gateway.memory.limiter.count(&method, &client, Instant::now()));
    if let Err(error) = counted {
        tracing::info!(subsystem = "gateway/ws", conn = client.conn_id, "⇄ res ✗ {method} {error}");
        return Answer::error(id, error);
    }
    let caller = Caller { gateway, client, id: id.clone() };
    Answer { id, outcome: dispatch(&caller, &method, params).await }
}

/// Whether this client may call this method (openclaw-compat §2.13): a stranger to admin learns nothing about methods
/// that do not exist.
fn permit(client: &Client, method: &str) -> Result<(), RpcError> {
    if method == ConnectParams::METHOD {
        return Err(RpcError::connect_repeated());
    }
    if client.standing.role == Role::Node {
        // Nothing that this gateway has is for nodes yet.
        return Err(client.standing.unauthorized_role());
    }
    let known = METHODS.iter().find(|(name, _)| *name == method);
    let needed = known.map_or(Some(Scope::Admin), |(_, scope)| *scope);
    match needed {
        Some(scope) if !client.may(scope) => Err(RpcError::missing_scope(scope)),
        _ if known.is_none() => Err(RpcError::unknown_method(method)),
        _ => Ok(()),
    }
}

/// Decodes the parameters and encodes the answer of a typed method.
async fn call<C: Call>(
    params: Option<Value>,
    method: impl AsyncFnOnce(C) -> Result<C::Reply, RpcError>,
) -> Outcome {
    let reply = method(decode::<C>(params)?).await?;
    encode(&reply)
}

async fn dispatch(caller: &Caller, method: &str, params: Option<Value>) -> Outcome {
    let gateway = &caller.gateway;
    match method {
        HealthParams::METHOD => {
            let params = decode::<HealthParams>(params)?;
            Ok(if params.probe == Some(true) {
                health::probed(gateway).await
            } else {
                gateway.health().await
            })
        }
        StatusParams::METHOD => call(params, async |_: StatusParams| status::status(gateway).await).await,
        PresenceParams::METHOD => call(params, async |_: PresenceParams| Ok(gateway.hub.presence())).await,
        LogsTailParams::METHOD => call(params, async |query| logs::tail(gateway, query).await).await,
        ChannelsStatusParams::METHOD => {
            call(params, async |query| channels::status(gateway, query).await).await
        }
        ChannelsStartParams::METHOD => {
            call(params, async |which| channels::start(gateway, which).await).await
        }
        ChannelsStopParams::METHOD => call(params, async |which| channels::stop(gateway, which).await).await,
        ChannelsRestartParams::METHOD => {
            call(params, async |which| channels::restart(gateway, which).await).await
        }
        PairingListParams::METHOD => call(params, async |query| pairing::list(gateway, query).await).await,
        PairingApproveParams::METHOD => {
            call(params, async |which| pairing::approve(gateway, which).await).await
        }
        DevicePairListParams::METHOD => {
            call(params, async |_: DevicePairListParams| Ok(devices::list(caller))).await
        }
        DevicePairApproveParams::METHOD => {
            call(params, async |which| devices::approve(caller, which).await).await
        }
        DevicePairRejectParams::METHOD => {
            call(params, async |which| devices::reject(caller, which).await).await
        }
        DevicePairRemoveParams::METHOD => {
            call(params, async |which| devices::remove(caller, which).await).await
        }
        DevicePairRenameParams::METHOD => {
            call(params, async |which| devices::rename(caller, which).await).await
        }
        DevicePairSetupCodeParams::METHOD => {
            call(params, async |wanted| devices::setup_code(caller, wanted).await).await
        }
        DeviceTokenRotateParams::METHOD => {
            call(params, async |which| devices::rotate(caller, which).await).await
        }
        DeviceTokenRevokeParams::METHOD => {
            call(params, async |which| devices::revoke(caller, which).await).await
        }
        AgentParams::METHOD => call(params, async |turn| agent::run(caller, turn).await).await,
        AgentWaitParams::METHOD => call(params, async |which| agent::wait(gateway, which).await).await,
        ConfigGetParams::METHOD => call(params, async |_: ConfigGetParams| config::get(gateway).await).await,
        ConfigSetParams::METHOD => call(params, async |text| config::set(caller, text).await).await,
        ConfigPatchParams::METHOD => call(params, async |patch| config::patch(caller, patch).await).await,
        ConfigApplyParams::METHOD => call(params, async |text| config::apply(caller, text).await).await,
        ConfigSchemaParams::METHOD => {
            decode::<ConfigSchemaParams>(params)?;
            config::schema(gateway).await
        }
        ConfigSchemaLookupParams::METHOD => {
            call(params, async |which| config::lookup(gateway, which).await).await
        }
        ModelsListParams::METHOD => call(params, async |query| Ok(models::list(gateway, &query))).await,
        PluginsListParams::METHOD => {
            call(params, async |_: PluginsListParams| Ok(plugins::list(gateway))).await
        }
        SendParams::METHOD => call(params, async |message| outbound::send(gateway, message).await).await,
        // `permit` lets only methods of the table through.
        unknown => Err(RpcError::unknown_method(unknown)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::testing;
    use serde_json::json;

    #[test]
    fn scopes_are_judged_as_observed() {
        let check = |scopes: &[Scope], method: &str, expected: Result<(), &str>| {
            let (client, _queue) = testing::client("c", scopes);
            let found = permit(&client, method).map_err(|error| error.message);
            assert_eq!(found, expected.map_err(str::to_owned), "{method} {scopes:?}");
        };
        check(&[], "health", Ok(()));
        check(&[], "status", Err("missing scope: operator.read"));
        check(&[Scope::Read], "status", Ok(()));
        check(&[Scope::Read], "agent", Err("missing scope: operator.write"));
        for method in ["config.get", "config.schema", "config.schema.lookup"] {
            check(&[Scope::Read], method, Ok(()));
            check(&[], method, Err("missing scope: operator.read"));
        }
        for method in ["config.set", "config.patch", "config.apply"] {
            check(&[Scope::Write], method, Err("missing scope: operator.admin"));
            check(&[Scope::Admin], method, Ok(()));
        }
        check(&[Scope::Read], "nope.method", Err("missing scope: operator.admin"));
        check(&[Scope::Admin], "nope.method", Err("unknown method: nope.method"));
        check(&[Scope::Admin], "connect", Err("connect is only valid as the first request"));
    }

    #[test]
    fn an_answer_is_a_response_frame() {
        let check = |answer: Answer, expected: Value| {
            let text = serde_json::to_string(&answer).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
        };
        check(
            Answer::ok("r1", &json!({"a": 1})),
            json!({"type": "res", "id": "r1", "ok": true, "payload": {"a": 1}}),
        );
        check(
            Answer::error("r2", RpcError::unknown_method("x")),
            json!({"type": "res", "id": "r2", "ok": false,
                "error": {"code": "INVALID_REQUEST", "message": "unknown method: x"}}),
        );
    }
}
