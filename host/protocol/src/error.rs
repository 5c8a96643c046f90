//! The error of a failed request, as it travels.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{method::Role, scope::Scope};

/// What kind of failure it is. The set is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// No account is linked. Kept for old clients.
    NotLinked,
    /// The device has to be approved first.
    NotPaired,
    /// A turn took too long. Kept for old clients.
    AgentTimeout,
    /// The request is wrong, or its credential was refused.
    InvalidRequest,
    /// The connection lacks a scope.
    Forbidden,
    /// There is no such approval.
    ApprovalNotFound,
    /// The gateway cannot do it now.
    Unavailable,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 7] = [
        Self::InvalidRequest,
        Self::Forbidden,
        Self::NotPaired,
        Self::Unavailable,
        Self::ApprovalNotFound,
        Self::NotLinked,
        Self::AgentTimeout,
    ];

    /// What it says, in one line.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::InvalidRequest => "the request is wrong, or its credential was refused",
            Self::Forbidden => "the connection lacks a scope",
            Self::NotPaired => "the device has to be approved first",
            Self::Unavailable => "the gateway cannot do it now; `retryable` says whether it may later",
            Self::ApprovalNotFound => "there is no such approval",
            Self::NotLinked => "no account is linked; kept for old clients",
            Self::AgentTimeout => "a turn took too long; kept for old clients",
        }
    }

    /// The code as it travels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotLinked => "NOT_LINKED",
            Self::NotPaired => "NOT_PAIRED",
            Self::AgentTimeout => "AGENT_TIMEOUT",
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::Forbidden => "FORBIDDEN",
            Self::ApprovalNotFound => "APPROVAL_NOT_FOUND",
            Self::Unavailable => "UNAVAILABLE",
        }
    }
}

const UNAUTHORIZED_ROLE: &str = "unauthorized role: ";

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RpcError {
    /// What kind of failure it is.
    pub code: ErrorCode,
    /// For people, and stable enough to search for.
    pub message: String,
    /// For programs; a `code` in it is more precise than the outer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
    /// Whether the same request may succeed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// When to try again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl std::fmt::Display for RpcError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RpcError {}

impl RpcError {
    /// An error without details.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: None, retryable: None, retry_after_ms: None }
    }

    /// The same error with details.
    #[must_use]
    pub fn with_details(self, details: Value) -> Self {
        Self { details: Some(details), ..self }
    }

    /// The request is wrong.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    /// The gateway cannot do it.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unavailable, message)
    }

    /// The gateway cannot do it now; the same request may succeed after `after_ms`.
    #[must_use]
    pub fn busy(message: impl Into<String>, after_ms: Option<u64>) -> Self {
        Self { retryable: Some(true), retry_after_ms: after_ms, ..Self::unavailable(message) }
    }

    /// There is no such method (frame `rpc-nope.method-bad`).
    #[must_use]
    pub fn unknown_method(method: &str) -> Self {
        Self::invalid(format!("unknown method: {method}"))
    }

    /// The connection lacks `scope` (frame `15-missing-scope`).
    #[must_use]
    pub fn missing_scope(scope: Scope) -> Self {
        let name = scope.as_str();
        Self::new(ErrorCode::Forbidden, format!("missing scope: {name}"))
            .with_details(json!({"code": "MISSING_SCOPE", "missingScope": name, "requiredScopes": [name]}))
    }

    /// The method is not for connections of this role.
    #[must_use]
    pub fn unauthorized_role(role: Role) -> Self {
        Self::invalid(format!("{UNAUTHORIZED_ROLE}{}", role.as_str()))
    }

    /// Whether it says that the method is not for connections of this role.
    #[must_use]
    pub fn is_unauthorized_role(&self) -> bool {
        self.code == ErrorCode::InvalidRequest && self.message.starts_with(UNAUTHORIZED_ROLE)
    }

    /// The first frame was something else than `connect` (frame `07-first-frame-not-connect`).
    #[must_use]
    pub fn handshake_expected() -> Self {
        Self::invalid("invalid handshake: first request must be connect")
    }

    /// A second `connect`.
    #[must_use]
    pub fn connect_repeated() -> Self {
        Self::invalid("connect is only valid as the first request")
    }

    /// The string at `details.code`, where there is one.
    #[must_use]
    pub fn detail_code(&self) -> Option<&str> {
        self.details.as_ref()?.get("code")?.as_str()
    }
}
