//! What binds a method's name, scope, parameters and answer together.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    error::RpcError,
    method::{Method, Permission},
    scope::Scope,
    shape::{self, Field},
};

/// The parameters of one method.
pub trait Call: Serialize + DeserializeOwned {
    /// The method's name on the wire.
    const METHOD: &'static str;
    /// What a connection must hold to call it; `None` when every connection may.
    const SCOPE: Option<Scope>;
    /// Who may call it, where a scope alone does not say so.
    const PERMISSION: Permission = Permission::of(Self::SCOPE);
    /// Whether `hello-ok` names it.
    const ADVERTISED: bool = true;
    /// Whether it counts against [`crate::method::WRITE_LIMIT`].
    const LIMITED: bool = false;
    /// One line for people.
    const PURPOSE: &'static str = "";
    /// Which keys the parameters may have.
    const SHAPE: &'static [Field];
    /// What a success answers.
    type Reply: Serialize + DeserializeOwned;
}

/// Checks and decodes the parameters of a request; missing parameters count as `{}`.
///
/// # Errors
/// `INVALID_REQUEST` with the text `invalid <method> params: <fault>; <fault>`.
pub fn decode<C: Call>(params: Option<Value>) -> Result<C, RpcError> {
    let params = check(C::METHOD, C::SHAPE, params)?;
    serde_json::from_value(params)
        .map_err(|e| RpcError::invalid(format!("invalid {} params: {e}", C::METHOD)))
}

/// Checks the parameters of a request without decoding them; missing parameters count as `{}`.
///
/// # Errors
/// As those of [`decode`].
pub fn check(method: &str, shape: &'static [Field], params: Option<Value>) -> Result<Value, RpcError> {
    let params = match params {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(params) => params,
    };
    let faults = shape::check(&params, shape);
    if faults.is_empty() {
        Ok(params)
    } else {
        Err(RpcError::invalid(format!("invalid {method} params: {}", faults.join("; "))))
    }
}

/// Hands the parameter type of each method that has one to `$each!`. The only list of them: the table of methods is made
/// of it, and so is whatever else concerns every method.
#[macro_export]
macro_rules! with_calls {
    ($each:ident) => {
        $each! {
            $crate::health::HealthParams,
            $crate::status::StatusParams,
            $crate::status::PresenceParams,
            $crate::channels::ChannelsStatusParams,
            $crate::channels::ChannelsStartParams,
            $crate::channels::ChannelsStopParams,
            $crate::channels::ChannelsRestartParams,
            $crate::channels::ChannelsLogoutParams,
            $crate::decisions::ChannelsWhyParams,
            $crate::dead_letters::DeadLettersListParams,
            $crate::dead_letters::DeadLetterGetParams,
            $crate::dead_letters::DeadLetterRetryParams,
            $crate::dead_letters::DeadLetterDropParams,
            $crate::pairing::PairingListParams,
            $crate::pairing::PairingApproveParams,
            $crate::pairing::PairingDismissParams,
            $crate::pairing_codes::PairingCodesParams,
            $crate::pairing_codes::PairingApproveCodeParams,
            $crate::devices::DevicePairListParams,
            $crate::devices::DevicePairApproveParams,
            $crate::devices::DevicePairRejectParams,
            $crate::devices::DevicePairRemoveParams,
            $crate::devices::DevicePairRenameParams,
            $crate::devices::DevicePairSetupCodeParams,
            $crate::devices::DeviceTokenRotateParams,
            $crate::devices::DeviceTokenRevokeParams,
            $crate::logs::LogsTailParams,
            $crate::agent::AgentParams,
            $crate::agent::AgentWaitParams,
            $crate::config::ConfigGetParams,
            $crate::config::ConfigSetParams,
            $crate::config::ConfigPatchParams,
            $crate::config::ConfigApplyParams,
            $crate::config::ConfigSchemaParams,
            $crate::config::ConfigSchemaLookupParams,
            $crate::models::ModelsListParams,
            $crate::models::ModelsAuthStatusParams,
            $crate::plugins::PluginsListParams,
            $crate::plugins::PluginsInspectParams,
            $crate::plugins::PluginsStatusParams,
            $crate::plugins::PluginsReloadParams,
            $crate::plugins::PluginsSetEnabledParams,
            $crate::commands::CommandsListParams,
            $crate::diagnostics::StabilityParams,
            $crate::diagnostics::LanesParams,
            $crate::system::SystemInfoParams,
            $crate::system::IdentityParams,
            $crate::system::SystemEventParams,
            $crate::system::WakeParams,
            $crate::system::HeartbeatsParams,
            $crate::system::SecretsReloadParams,
            $crate::outbound::SendParams,
            $crate::restart::RestartPreflightParams,
            $crate::restart::RestartRequestParams,
            $crate::outbound::PollParams,
            $crate::outbound::MessageActionParams,
            $crate::chat::ChatHistoryParams,
            $crate::chat::ChatStartupParams,
            $crate::chat::ChatMetadataParams,
            $crate::chat::ChatMessageGetParams,
            $crate::chat::ChatSendParams,
            $crate::chat::ChatAbortParams,
            $crate::chat::ChatInjectParams,
            $crate::agents::AgentsListParams,
            $crate::agents::AgentIdentityParams,
            $crate::sessions::SessionsListParams,
            $crate::sessions::SessionsPreviewParams,
            $crate::sessions::SessionsDescribeParams,
            $crate::sessions::SessionsGetParams,
            $crate::sessions::SessionsResolveParams,
            $crate::sessions::SessionsSearchParams,
            $crate::sessions::SessionsUsageParams,
            $crate::sessions::SessionsUsageTimeseriesParams,
            $crate::sessions::SessionsUsageLogsParams,
            $crate::sessions::SessionsSteerParams,
            $crate::sessions::SessionsSubscribeParams,
            $crate::sessions::SessionsMessagesSubscribeParams,
            $crate::sessions::SessionsMessagesUnsubscribeParams,
            $crate::sessions::SessionsCreateParams,
            $crate::sessions::SessionsSendParams,
            $crate::sessions::SessionsAbortParams,
            $crate::sessions::SessionsPatchParams,
            $crate::sessions::SessionsResetParams,
            $crate::sessions::SessionsDeleteParams,
            $crate::sessions::SessionsCompactParams,
            $crate::sessions::SessionsCleanupParams,
        }
    };
}

/// Makes rows of parameter types.
macro_rules! rows {
    ($($params:ty),* $(,)?) => {
        /// The rows of the methods that have a parameter type.
        pub(crate) const TYPED: &[Method] = &[$(Method::of::<$params>()),*];
    };
}

with_calls!(rows);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{agent::AgentParams, config::ConfigGetParams, logs::LogsTailParams};
    use serde_json::json;

    #[test]
    fn faults_name_the_method() {
        let error = decode::<ConfigGetParams>(Some(json!({"bogus": 1}))).unwrap_err();
        assert_eq!(error.message, "invalid config.get params: at root: unexpected property 'bogus'");
        let error = decode::<LogsTailParams>(Some(json!({"limit": "x", "cursor": -1}))).unwrap_err();
        assert_eq!(
            error.message,
            "invalid logs.tail params: at /cursor: must be >= 0; at /limit: must be integer"
        );
    }

    #[test]
    fn missing_parameters_count_as_none_given() {
        assert_eq!(decode::<LogsTailParams>(None).unwrap(), LogsTailParams::default());
    }

    #[test]
    fn what_a_client_encodes_is_what_the_gateway_accepts() {
        let sent = AgentParams {
            message: "hello".to_owned(),
            idempotency_key: "key".to_owned(),
            agent_id: Some("main".to_owned()),
            session_key: Some("agent:main:main".to_owned()),
            session_id: Some("id".to_owned()),
            to: Some("x".to_owned()),
            provider: Some("p".to_owned()),
            model: Some("m".to_owned()),
            timeout: Some(1),
            deliver: Some(false),
            channel: Some("c".to_owned()),
            account_id: Some("a".to_owned()),
            model_run: Some(true),
            ..AgentParams::default()
        };
        assert_eq!(decode::<AgentParams>(Some(serde_json::to_value(&sent).unwrap())).unwrap(), sent);
    }
}
