//! What binds a method's name, scope, parameters and answer together.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    error::RpcError,
    scope::Scope,
    shape::{self, Field},
};

/// The parameters of one method.
pub trait Call: Serialize + DeserializeOwned {
    /// The method's name on the wire.
    const METHOD: &'static str;
    /// What a connection must hold to call it; `None` when every connection may.
    const SCOPE: Option<Scope>;
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
    let params = match params {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(params) => params,
    };
    let faults = shape::check(&params, C::SHAPE);
    if !faults.is_empty() {
        return Err(RpcError::invalid(format!("invalid {} params: {}", C::METHOD, faults.join("; "))));
    }
    serde_json::from_value(params)
        .map_err(|e| RpcError::invalid(format!("invalid {} params: {e}", C::METHOD)))
}

/// Lists methods from their parameter types.
macro_rules! methods {
    ($($params:ty),* $(,)?) => {
        /// The methods of this crate, each with the scope that it needs.
        pub const METHODS: &[(&str, Option<Scope>)] = &[$((<$params as Call>::METHOD, <$params as Call>::SCOPE)),*];
    };
}

methods!(
    crate::health::HealthParams,
    crate::status::StatusParams,
    crate::status::PresenceParams,
    crate::channels::ChannelsStatusParams,
    crate::channels::ChannelsStartParams,
    crate::channels::ChannelsStopParams,
    crate::channels::ChannelsRestartParams,
    crate::pairing::PairingListParams,
    crate::pairing::PairingApproveParams,
    crate::devices::DevicePairListParams,
    crate::devices::DevicePairApproveParams,
    crate::devices::DevicePairRejectParams,
    crate::devices::DevicePairRemoveParams,
    crate::devices::DevicePairRenameParams,
    crate::devices::DevicePairSetupCodeParams,
    crate::devices::DeviceTokenRotateParams,
    crate::devices::DeviceTokenRevokeParams,
    crate::logs::LogsTailParams,
    crate::agent::AgentParams,
    crate::agent::AgentWaitParams,
    crate::config::ConfigGetParams,
    crate::config::ConfigSetParams,
    crate::config::ConfigPatchParams,
    crate::config::ConfigApplyParams,
    crate::config::ConfigSchemaParams,
    crate::config::ConfigSchemaLookupParams,
    crate::models::ModelsListParams,
    crate::plugins::PluginsListParams,
    crate::outbound::SendParams,
);

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
        };
        assert_eq!(decode::<AgentParams>(Some(serde_json::to_value(&sent).unwrap())).unwrap(), sent);
    }

    #[test]
    fn every_method_has_one_entry() {
        let mut names: Vec<&str> = METHODS.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
