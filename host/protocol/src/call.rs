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
