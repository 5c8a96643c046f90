//! Which function answers which method: one arm a method. Decides nothing about who may call; that is over by now.

use openclaw_protocol::agent::{AgentParams, AgentWaitParams};
use openclaw_protocol::agents::{AgentIdentityParams, AgentsListParams};
use openclaw_protocol::channels::{
    ChannelsLogoutParams, ChannelsRestartParams, ChannelsStartParams, ChannelsStatusParams,
    ChannelsStopParams,
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
use openclaw_protocol::dead_letters::{
    DeadLetterDropParams, DeadLetterGetParams, DeadLetterRetryParams, DeadLettersListParams,
};
use openclaw_protocol::decisions::ChannelsWhyParams;
use openclaw_protocol::devices::{
    DevicePairApproveParams, DevicePairListParams, DevicePairRejectParams, DevicePairRemoveParams,
    DevicePairRenameParams, DevicePairSetupCodeParams, DeviceTokenRevokeParams, DeviceTokenRotateParams,
};
use openclaw_protocol::diagnostics::{LanesParams, StabilityParams};
use openclaw_protocol::health::HealthParams;
use openclaw_protocol::logs::LogsTailParams;
use openclaw_protocol::models::{ModelsAuthStatusParams, ModelsListParams};
use openclaw_protocol::outbound::{MessageActionParams, PollParams, SendParams};
use openclaw_protocol::pairing::{PairingApproveParams, PairingDismissParams, PairingListParams};
use openclaw_protocol::pairing_codes::{PairingApproveCodeParams, PairingCodesParams};
use openclaw_protocol::plugins::{
    PluginsInspectParams, PluginsListParams, PluginsReloadParams, PluginsSetEnabledParams,
    PluginsStatusParams,
};
use openclaw_protocol::restart::{RestartPreflightParams, RestartRequestParams};
use openclaw_protocol::sessions::{
    SessionsAbortParams, SessionsCleanupParams, SessionsCompactParams, SessionsCreateParams,
    SessionsDeleteParams, SessionsDescribeParams, SessionsGetParams, SessionsListParams,
    SessionsMessagesSubscribeParams, SessionsMessagesUnsubscribeParams, SessionsPatchParams,
    SessionsPreviewParams, SessionsResetParams, SessionsResolveParams, SessionsSearchParams,
    SessionsSendParams, SessionsSteerParams, SessionsSubscribeParams, SessionsUsageLogsParams,
    SessionsUsageParams, SessionsUsageTimeseriesParams,
};
use openclaw_protocol::status::{PresenceParams, StatusParams};
use openclaw_protocol::system::{
    HeartbeatsParams, IdentityParams, SecretsReloadParams, SystemEventParams, SystemInfoParams, WakeParams,
};
use openclaw_protocol::{Call, RpcError, Scope, decode};
use serde_json::Value;

use super::{
    Caller, Outcome, absent, agent, agents, channels, chat, commands, config, dead_letters, decisions,
    devices, diagnostics, encode, health, logs, models, outbound, pairing, plugins, restart, sessions,
    status, system, upkeep,
};

/// The answer of a method that this client may call.
pub(super) async fn dispatch(caller: &Caller, method: &str, params: Option<Value>) -> Outcome {
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
        ChannelsLogoutParams::METHOD => {
            call(params, async |which| channels::logout(caller, which).await).await
        }
        ChannelsWhyParams::METHOD => call(params, async |asked| decisions::why(gateway, asked).await).await,
        DeadLettersListParams::METHOD => {
            call(params, async |query| dead_letters::list(gateway, query).await).await
        }
        DeadLetterGetParams::METHOD => {
            call(params, async |which| dead_letters::get(gateway, which).await).await
        }
        DeadLetterRetryParams::METHOD => {
            call(params, async |which| dead_letters::retry(gateway, which).await).await
        }
        DeadLetterDropParams::METHOD => {
            call(params, async |which| dead_letters::drop_one(gateway, which).await).await
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
        MessageActionParams::METHOD => outbound::action(caller, decode(params)?).await,
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
        SessionsUsageTimeseriesParams::METHOD => {
            call(params, async |which| sessions::usage_of_one::timeseries(gateway, which).await).await
        }
        SessionsUsageLogsParams::METHOD => {
            call(params, async |which| sessions::usage_of_one::logs(gateway, which).await).await
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
        SessionsSteerParams::METHOD => {
            call(params, async |said| chat::session_steer(caller, said).await).await
        }
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
        SessionsCleanupParams::METHOD => {
            call(params, async |wanted| upkeep::cleanup(gateway, wanted).await).await
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
        PluginsReloadParams::METHOD => {
            call(params, async |which| plugins::reload(gateway, which).await).await
        }
        PluginsSetEnabledParams::METHOD => {
            call(params, async |wish| plugins::set_enabled(caller, wish).await).await
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
        HeartbeatsParams::METHOD => {
            call(params, async |wanted| system::set_heartbeats(gateway, &wanted)).await
        }
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

/// Decodes the parameters and encodes the answer of a typed method.
async fn call<C: Call>(
    params: Option<Value>,
    method: impl AsyncFnOnce(C) -> Result<C::Reply, RpcError>,
) -> Outcome {
    let reply = method(decode::<C>(params)?).await?;
    encode(&reply)
}
