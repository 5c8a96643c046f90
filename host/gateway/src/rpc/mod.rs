//! The control plane's methods: which there are, who may call each, and one module for each family. Never reads a
//! socket: a method gets its parameters and a client, and returns its answer.

mod absent;
mod agent;
mod agents;
mod channels;
mod chat;
mod commands;
mod config;
mod devices;
mod diagnostics;
pub(crate) mod health;
mod limiter;
mod logs;
mod models;
mod outbound;
mod overview;
mod pairing;
mod plugins;
mod restart;
pub(crate) mod session_events;
mod sessions;
mod status;
mod system;

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use openclaw_protocol::agent::{AgentParams, AgentWaitParams};
use openclaw_protocol::agents::{AgentIdentityParams, AgentsListParams};
use openclaw_protocol::channels::{
    ChannelsRestartParams, ChannelsStartParams, ChannelsStatusParams, ChannelsStopParams,
};
use openclaw_protocol::chat::{
    ChatAbortParams, ChatHistoryParams, ChatInjectParams, ChatMessageGetParams, ChatMetadataParams,
    ChatSendParams, ChatStartupParams,
};
use openclaw_protocol::commands::CommandsListParams;
use openclaw_protocol::config::{
    ConfigApplyParams, ConfigGetParams, ConfigPatchParams, ConfigSchemaLookupParams, ConfigSchemaParams,
    ConfigSetParams,
};
use openclaw_protocol::connect::ConnectParams;
use openclaw_protocol::devices::{
    DevicePairApproveParams, DevicePairListParams, DevicePairRejectParams, DevicePairRemoveParams,
    DevicePairRenameParams, DevicePairSetupCodeParams, DeviceTokenRevokeParams, DeviceTokenRotateParams,
};
use openclaw_protocol::diagnostics::{LanesParams, StabilityParams};
use openclaw_protocol::health::HealthParams;
use openclaw_protocol::logs::LogsTailParams;
use openclaw_protocol::models::{ModelsAuthStatusParams, ModelsListParams};
use openclaw_protocol::outbound::{PollParams, SendParams};
use openclaw_protocol::pairing::{PairingApproveParams, PairingDismissParams, PairingListParams};
use openclaw_protocol::pairing_codes::{PairingApproveCodeParams, PairingCodesParams};
use openclaw_protocol::plugins::{PluginsInspectParams, PluginsListParams, PluginsStatusParams};
use openclaw_protocol::restart::{RestartPreflightParams, RestartRequestParams};
use openclaw_protocol::sessions::{
    SessionsAbortParams, SessionsCompactParams, SessionsCreateParams, SessionsDeleteParams,
    SessionsDescribeParams, SessionsGetParams, SessionsListParams, SessionsMessagesSubscribeParams,
    SessionsMessagesUnsubscribeParams, SessionsPatchParams, SessionsPreviewParams, SessionsResetParams,
    SessionsResolveParams, SessionsSearchParams, SessionsSendParams, SessionsSubscribeParams,
    SessionsUsageParams,
};
use openclaw_protocol::status::{PresenceParams, StatusParams};
use openclaw_protocol::system::{
    Identity, IdentityParams, SecretsReloadParams, SystemEventParams, SystemInfoParams, WakeParams,
};
use openclaw_protocol::{Call, Method, Permission, Request, RpcError, Scope, decode};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::OnceCell;

use crate::once::{Claim, Once, bound_elsewhere, busy};
use crate::process::Gateway;
use crate::ws::Client;

/// What methods remember between calls.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    limiter: limiter::Limiter,
    schema: OnceLock<config::Built>,
    answers: Once<Asked, Result<Arc<RawValue>, RpcError>>,
    identity: OnceCell<Identity>,
}

/// What an idempotency key stands for.
#[derive(Debug, PartialEq)]
struct Asked {
    method: &'static str,
    client: String,
    route: String,
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

    /// Whether the method was refused because it is not for this client's role.
    pub(crate) fn refuses_role(&self) -> bool {
        self.outcome.as_ref().is_err_and(RpcError::is_unauthorized_role)
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
    let counted = permitted.and_then(|row| gateway.memory.limiter.count(row, &client, Instant::now()));
    if let Err(error) = counted {
        tracing::info!(subsystem = "gateway/ws", conn = client.conn_id, "⇄ res ✗ {method} {error}");
        gateway.metrics.method(&method, false);
        return Answer::error(id, error);
    }
    let caller = Caller { gateway, client, id: id.clone() };
    let outcome = dispatch(&caller, &method, params).await;
    caller.gateway.metrics.method(&method, outcome.is_ok());
    Answer { id, outcome }
}

/// The method's row, if this client may call it (openclaw-compat §2.13): a stranger to admin learns nothing about
/// methods that do not exist.
fn permit(client: &Client, method: &str) -> Result<&'static Method, RpcError> {
    if method == ConnectParams::METHOD {
        return Err(RpcError::connect_repeated());
    }
    let known = Method::find(method);
    let permission = known.map_or(Permission::Scope(Scope::Admin), |method| method.permission);
    permission.check(client.standing.role, |scope| client.may(scope))?;
    known.ok_or_else(|| RpcError::unknown_method(method))
}

/// Decodes the parameters and encodes the answer of a typed method.
async fn call<C: Call>(
    params: Option<Value>,
    method: impl AsyncFnOnce(C) -> Result<C::Reply, RpcError>,
) -> Outcome {
    let reply = method(decode::<C>(params)?).await?;
    encode(&reply)
}

/// Does `work` once for an idempotency key, however often and from however many sides it is asked; all get its answer. A
/// failure is not kept: the same request may be made again. The work goes on when the client has gone.
async fn once<T: Serialize>(
    caller: &Caller,
    method: &'static str,
    route: &str,
    key: &str,
    work: impl Future<Output = Result<T, RpcError>> + Send + 'static,
) -> Outcome {
    let asked = Asked { method, client: caller.client.info.id.clone(), route: route.to_owned() };
    let slot = match caller.gateway.memory.answers.enter(key, asked) {
        Claim::First(slot) => slot,
        Claim::Again(slot) => {
            let lost = || Err(RpcError::unavailable("the first request with this key was lost; try again"));
            return slot.answer().await.unwrap_or_else(lost);
        }
        Claim::Other => return Err(bound_elsewhere()),
        Claim::Full => return Err(busy()),
    };
    let (gateway, key) = (Arc::clone(&caller.gateway), key.to_owned());
    let done = tokio::spawn(async move {
        let outcome = tokio::spawn(async move { encode(&work.await?) }).await.unwrap_or_else(|lost| {
            tracing::error!("{method} broke off: {lost}");
            Err(RpcError::unavailable("internal error"))
        });
        if outcome.is_err() {
            gateway.memory.answers.forget(&key);
        }
        slot.end(outcome.clone());
        outcome
    });
    done.await.unwrap_or_else(|_| Err(RpcError::unavailable("internal error")))
}

async fn dispatch(caller: &Caller, method: &str, params: Option<Value>) -> Outcome {
    let gateway = &caller.gateway;
    match method {
        HealthParams::METHOD => {
            let params = decode::<HealthParams>(params)?;
            Ok(if params.probe == Some(true) {
                health::probed(gateway, caller.client.may(Scope::Read)).await
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
            call(params, async |which| pairing::approve(caller, which).await).await
        }
        PairingDismissParams::METHOD => {
            call(params, async |which| pairing::dismiss(gateway, which).await).await
        }
        PairingCodesParams::METHOD => {
            call(params, async |query| pairing::codes::list(gateway, query).await).await
        }
        PairingApproveCodeParams::METHOD => {
            call(params, async |which| pairing::codes::approve(gateway, which).await).await
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
            call(params, async |wanted| devices::setup::code(caller, wanted).await).await
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
        SendParams::METHOD => outbound::send(caller, decode(params)?).await,
        PollParams::METHOD => call(params, async |poll| outbound::poll(gateway, &poll)).await,
        ChatHistoryParams::METHOD => {
            call(params, async |query| chat::history::history(gateway, query).await).await
        }
        ChatStartupParams::METHOD => {
            call(params, async |query| chat::history::startup(gateway, query).await).await
        }
        ChatMetadataParams::METHOD => {
            call(params, async |_: ChatMetadataParams| Ok(chat::history::metadata(gateway))).await
        }
        ChatMessageGetParams::METHOD => {
            call(params, async |which| chat::history::message_get(gateway, which).await).await
        }
        ChatSendParams::METHOD => call(params, async |said| chat::send(caller, said).await).await,
        ChatAbortParams::METHOD => call(params, async |which| chat::abort(gateway, which).await).await,
        ChatInjectParams::METHOD => call(params, async |said| chat::inject(gateway, said).await).await,
        AgentsListParams::METHOD => call(params, async |_: AgentsListParams| Ok(agents::list(gateway))).await,
        AgentIdentityParams::METHOD => call(params, async |which| agents::identity(gateway, &which)).await,
        SessionsListParams::METHOD => {
            call(params, async |query| sessions::read::list(gateway, query).await).await
        }
        SessionsPreviewParams::METHOD => {
            call(params, async |query| sessions::read::preview(gateway, query).await).await
        }
        SessionsDescribeParams::METHOD => {
            call(params, async |which| sessions::read::describe(gateway, which).await).await
        }
        SessionsGetParams::METHOD => {
            call(params, async |which| sessions::read::get(gateway, which).await).await
        }
        SessionsResolveParams::METHOD => {
            call(params, async |which| sessions::read::resolve(gateway, which).await).await
        }
        SessionsSearchParams::METHOD => {
            call(params, async |query| sessions::read::search(gateway, query).await).await
        }
        SessionsUsageParams::METHOD => {
            call(params, async |query| sessions::usage::usage(gateway, query).await).await
        }
        SessionsSubscribeParams::METHOD => {
            call(params, async |_: SessionsSubscribeParams| Ok(sessions::read::subscribe(caller))).await
        }
        SessionsMessagesSubscribeParams::METHOD => {
            call(params, async |which| sessions::read::follow(caller, &which)).await
        }
        SessionsMessagesUnsubscribeParams::METHOD => {
            call(params, async |which| sessions::read::leave(caller, &which)).await
        }
        SessionsCreateParams::METHOD => {
            call(params, async |new| sessions::change::create(caller, new).await).await
        }
        SessionsSendParams::METHOD => call(params, async |said| chat::session_send(caller, said).await).await,
        SessionsAbortParams::METHOD => {
            call(params, async |which| chat::session_abort(gateway, which).await).await
        }
        SessionsPatchParams::METHOD => {
            call(params, async |patch| sessions::change::patch(caller, patch).await).await
        }
        SessionsResetParams::METHOD => {
            call(params, async |which| sessions::change::reset(gateway, which).await).await
        }
        SessionsDeleteParams::METHOD => {
            call(params, async |which| sessions::change::delete(caller, which).await).await
        }
        SessionsCompactParams::METHOD => {
            call(params, async |which| sessions::change::compact(gateway, which).await).await
        }
        RestartPreflightParams::METHOD => {
            call(params, async |_: RestartPreflightParams| restart::preflight(gateway).await).await
        }
        RestartRequestParams::METHOD => {
            call(params, async |wish| restart::request(gateway, wish).await).await
        }
        PluginsInspectParams::METHOD => {
            call(params, async |which: PluginsInspectParams| plugins::inspect(gateway, &which.plugin_id))
                .await
        }
        PluginsStatusParams::METHOD => {
            call(params, async |_: PluginsStatusParams| Ok(plugins::status(gateway))).await
        }
        ModelsAuthStatusParams::METHOD => {
            call(params, async |_: ModelsAuthStatusParams| Ok(models::auth_status(gateway))).await
        }
        CommandsListParams::METHOD => call(params, async |query| Ok(commands::list(&query))).await,
        StabilityParams::METHOD => {
            call(params, async |_: StabilityParams| Ok(diagnostics::stability())).await
        }
        LanesParams::METHOD => call(params, async |_: LanesParams| Ok(diagnostics::lanes(gateway))).await,
        SystemInfoParams::METHOD => call(params, async |_: SystemInfoParams| Ok(system::info(gateway))).await,
        IdentityParams::METHOD => {
            call(params, async |_: IdentityParams| system::identity(gateway).await).await
        }
        SystemEventParams::METHOD => call(params, async |event| system::event(gateway, event).await).await,
        WakeParams::METHOD => call(params, async |told| system::wake(gateway, &told)).await,
        SecretsReloadParams::METHOD => {
            call(params, async |_: SecretsReloadParams| Ok(system::reload_secrets(gateway).await)).await
        }
        other => match absent::answer(gateway, other, params) {
            Some(nothing) => encode(&nothing?),
            // `permit` lets only methods of the table through.
            None => Err(RpcError::unknown_method(other)),
        },
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
            let found = permit(&client, method).map(|_| ()).map_err(|error| error.message);
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
