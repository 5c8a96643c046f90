//! Why a credential was refused, with the words and codes that clients know (openclaw-compat §2.6.1).

use std::time::Duration;

use openclaw_protocol::connect::ClientInfo;
use openclaw_protocol::{ErrorCode, RpcError};
use serde_json::json;

/// The closed set of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthReason {
    /// The client sent nothing.
    TokenMissing,
    /// The client sent something else.
    TokenMismatch,
    /// The gateway has no token to compare with.
    TokenMissingConfig,
    /// As `TokenMissing`, in password mode.
    PasswordMissing,
    /// As `TokenMismatch`, in password mode.
    PasswordMismatch,
    /// As `TokenMissingConfig`, in password mode.
    PasswordMissingConfig,
    /// Too many wrong guesses from this address; how long it stays so.
    RateLimited(Duration),
}

/// One row of the table.
struct Row {
    reason: &'static str,
    code: &'static str,
    message: String,
    next_step: &'static str,
}

impl AuthReason {
    /// The value of `details.authReason`.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::TokenMissing => "token_missing",
            Self::TokenMismatch => "token_mismatch",
            Self::TokenMissingConfig => "token_missing_config",
            Self::PasswordMissing => "password_missing",
            Self::PasswordMismatch => "password_mismatch",
            Self::PasswordMissingConfig => "password_missing_config",
            Self::RateLimited(_) => "rate_limited",
        }
    }

    /// Whether it counts towards the lockout.
    pub(crate) fn is_wrong_guess(self) -> bool {
        matches!(self, Self::TokenMismatch | Self::PasswordMismatch)
    }

    /// The refusal of a `connect`, worded for the client that sent it.
    #[must_use]
    pub(crate) fn refuse(self, client: &ClientInfo) -> RpcError {
        let row = self.row(&Hints::of(client));
        let error = RpcError::new(ErrorCode::InvalidRequest, format!("unauthorized: {}", row.message))
            .with_details(json!({
                "code": row.code,
                "authReason": row.reason,
                "canRetryWithDeviceToken": false,
                "recommendedNextStep": row.next_step,
            }));
        match self {
            Self::RateLimited(wait) => {
                let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                RpcError { retryable: Some(true), retry_after_ms: Some(wait), ..error }
            }
            _ => error,
        }
    }

    fn row(self, hints: &Hints) -> Row {
        let reason = self.as_str();
        let row = |code, message: String, next_step| Row { reason, code, message, next_step };
        match self {
            Self::TokenMissing => row(
                "AUTH_TOKEN_MISSING",
                format!("gateway token missing ({})", hints.token_missing),
                "update_auth_configuration",
            ),
            Self::TokenMismatch => row(
                "AUTH_TOKEN_MISMATCH",
                format!("gateway token mismatch ({})", hints.token_mismatch),
                "update_auth_credentials",
            ),
            Self::TokenMissingConfig => row(
                "AUTH_TOKEN_NOT_CONFIGURED",
                "gateway token not configured on gateway (set gateway.auth.token)".to_owned(),
                "update_auth_configuration",
            ),
            Self::PasswordMissing => row(
                "AUTH_PASSWORD_MISSING",
                format!("gateway password missing ({})", hints.password),
                "update_auth_configuration",
            ),
            Self::PasswordMismatch => row(
                "AUTH_PASSWORD_MISMATCH",
                format!("gateway password mismatch ({})", hints.password),
                "update_auth_credentials",
            ),
            Self::PasswordMissingConfig => row(
                "AUTH_PASSWORD_NOT_CONFIGURED",
                "gateway password not configured on gateway (set gateway.auth.password)".to_owned(),
                "update_auth_configuration",
            ),
            Self::RateLimited(_) => row(
                "AUTH_RATE_LIMITED",
                "too many failed authentication attempts (retry later)".to_owned(),
                "wait_then_retry",
            ),
        }
    }
}

/// What to tell the person in front of each kind of client.
struct Hints {
    token_missing: &'static str,
    token_mismatch: &'static str,
    password: &'static str,
}

impl Hints {
    fn of(client: &ClientInfo) -> Self {
        match client.id.as_str() {
            "cli" => Self {
                token_missing: "use this gateway's gateway.auth.token or pair the device",
                token_mismatch: "use this gateway's gateway.auth.token or pair the device",
                password: "use this gateway's gateway.auth.password",
            },
            "openclaw-control-ui" | "webchat-ui" | "webchat" => Self {
                token_missing: "paste in Control UI settings or openclaw doctor --generate-gateway-token; restart",
                token_mismatch: "open the dashboard URL and paste the token in Control UI settings",
                password: "enter the password in Control UI settings",
            },
            _ => Self {
                token_missing: "provide gateway auth token",
                token_mismatch: "provide gateway auth token",
                password: "provide gateway auth password",
            },
        }
    }
}
