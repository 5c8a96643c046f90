//! Why a credential was refused, with the words and codes that clients know (openclaw-compat §2.6.1).

use std::time::Duration;

use openclaw_protocol::connect::ClientInfo;
use openclaw_protocol::{ErrorCode, RpcError};
use serde_json::json;

use crate::trusted_proxy::ProxyFault;

/// What to do about a proxy that nobody has named.
pub(crate) const PROXY_GUIDANCE: &str = "the request came through a proxy that gateway.trustedProxies does not name. \
     Add the proxy's address there, and let it replace the X-Forwarded-For header of the client";

/// The closed set of reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The device's token is not, or no longer, this device's.
    DeviceTokenMismatch,
    /// The device's token does not cover the scopes that the client asks for.
    ScopeMismatch,
    /// The setup code is unknown, over, or another device's.
    SetupCodeInvalid,
    /// Too many wrong guesses; how long it stays so.
    RateLimited(Duration),
    /// The request came through a proxy that the operator has not named.
    ProxyAttribution,
    /// The trusted proxy was not believed.
    Proxy(ProxyFault),
}

/// One row of the table.
struct Row {
    code: &'static str,
    /// What follows `unauthorized: `; empty when nothing does.
    message: String,
    next_step: &'static str,
}

impl AuthReason {
    /// The value of `details.authReason`.
    #[must_use]
    pub(crate) fn word(&self) -> String {
        let word = match self {
            Self::TokenMissing => "token_missing",
            Self::TokenMismatch => "token_mismatch",
            Self::TokenMissingConfig => "token_missing_config",
            Self::PasswordMissing => "password_missing",
            Self::PasswordMismatch => "password_mismatch",
            Self::PasswordMissingConfig => "password_missing_config",
            Self::DeviceTokenMismatch => "device_token_mismatch",
            Self::ScopeMismatch => "scope_mismatch",
            Self::SetupCodeInvalid => "bootstrap_token_invalid",
            Self::RateLimited(_) => "rate_limited",
            Self::ProxyAttribution => "proxy_attribution_required",
            Self::Proxy(fault) => return fault.reason(),
        };
        word.to_owned()
    }

    /// Whether it counts towards the lockout: something was presented, and it was wrong.
    pub(crate) fn is_wrong_guess(&self) -> bool {
        matches!(
            self,
            Self::TokenMismatch | Self::PasswordMismatch | Self::DeviceTokenMismatch | Self::SetupCodeInvalid
        )
    }

    /// The refusal of a `connect`, worded for the client that sent it.
    #[must_use]
    pub(crate) fn refuse(&self, client: &ClientInfo, local: bool, retry_with_device_token: bool) -> RpcError {
        let row = self.row(&Hints::of(client, local));
        let next_step = if retry_with_device_token { "retry_with_device_token" } else { row.next_step };
        let message = if row.message.is_empty() {
            "unauthorized".to_owned()
        } else {
            format!("unauthorized: {}", row.message)
        };
        let error = RpcError::new(ErrorCode::InvalidRequest, message).with_details(json!({
            "code": row.code,
            "authReason": self.word(),
            "canRetryWithDeviceToken": retry_with_device_token,
            "recommendedNextStep": next_step,
        }));
        match self {
            Self::RateLimited(wait) => {
                let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                RpcError { retryable: Some(true), retry_after_ms: Some(wait), ..error }
            }
            _ => error,
        }
    }

    fn row(&self, hints: &Hints) -> Row {
        let row = |code, message: &str, next_step| Row { code, message: message.to_owned(), next_step };
        let configuration = "update_auth_configuration";
        let credentials = "update_auth_credentials";
        let review = "review_auth_configuration";
        match self {
            Self::TokenMissing => row(
                "AUTH_TOKEN_MISSING",
                &format!("gateway token missing ({})", hints.token_missing),
                configuration,
            ),
            Self::TokenMismatch => row(
                "AUTH_TOKEN_MISMATCH",
                &format!("gateway token mismatch ({})", hints.token_mismatch),
                credentials,
            ),
            Self::TokenMissingConfig => row(
                "AUTH_TOKEN_NOT_CONFIGURED",
                "gateway token not configured on gateway (set gateway.auth.token)",
                configuration,
            ),
            Self::PasswordMissing => row(
                "AUTH_PASSWORD_MISSING",
                &format!("gateway password missing ({})", hints.password),
                configuration,
            ),
            Self::PasswordMismatch => row(
                "AUTH_PASSWORD_MISMATCH",
                &format!("gateway password mismatch ({})", hints.password),
                credentials,
            ),
            Self::PasswordMissingConfig => row(
                "AUTH_PASSWORD_NOT_CONFIGURED",
                "gateway password not configured on gateway (set gateway.auth.password)",
                configuration,
            ),
            Self::DeviceTokenMismatch => row(
                "AUTH_DEVICE_TOKEN_MISMATCH",
                "device token mismatch (rotate/reissue device token)",
                credentials,
            ),
            Self::ScopeMismatch => row(
                "AUTH_SCOPE_MISMATCH",
                "device token scope mismatch (re-pair or approve scope upgrade)",
                review,
            ),
            Self::SetupCodeInvalid => row(
                "AUTH_BOOTSTRAP_TOKEN_INVALID",
                "setup code invalid, expired, revoked, or already used (create a new code; review `openclaw devices \
                 list`)",
                review,
            ),
            Self::RateLimited(_) => row(
                "AUTH_RATE_LIMITED",
                "too many failed authentication attempts (retry later)",
                "wait_then_retry",
            ),
            Self::ProxyAttribution => row("AUTH_UNAUTHORIZED", PROXY_GUIDANCE, review),
            Self::Proxy(ProxyFault::MissingHeader(_)) => row("AUTH_IDENTITY_HEADER_REQUIRED", "", review),
            Self::Proxy(_) => row("AUTH_UNAUTHORIZED", "", review),
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
    fn of(client: &ClientInfo, local: bool) -> Self {
        match client.id.as_str() {
            "cli" if local => Self {
                token_missing: "use this gateway's gateway.auth.token or pair the device",
                token_mismatch: "use this gateway's gateway.auth.token or pair the device",
                password: "use this gateway's gateway.auth.password",
            },
            "cli" => Self {
                token_missing: "set gateway.remote.token to match gateway.auth.token",
                token_mismatch: "set gateway.remote.token to match gateway.auth.token",
                password: "set gateway.remote.password to match gateway.auth.password",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_row() {
        let check = |reason: AuthReason, code: &str, word: &str, message: &str, step: &str| {
            let client = ClientInfo { id: "test".into(), ..ClientInfo::default() };
            let error = reason.refuse(&client, true, false);
            let details = error.details.unwrap();
            assert_eq!((details["code"].as_str(), details["authReason"].as_str()), (Some(code), Some(word)));
            assert_eq!(error.message, message);
            assert_eq!(details["recommendedNextStep"], step, "{code}");
        };
        let (configuration, credentials, review) =
            ("update_auth_configuration", "update_auth_credentials", "review_auth_configuration");
        check(
            AuthReason::TokenMissing,
            "AUTH_TOKEN_MISSING",
            "token_missing",
            "unauthorized: gateway token missing (provide gateway auth token)",
            configuration,
        );
        check(
            AuthReason::TokenMismatch,
            "AUTH_TOKEN_MISMATCH",
            "token_mismatch",
            "unauthorized: gateway token mismatch (provide gateway auth token)",
            credentials,
        );
        check(
            AuthReason::TokenMissingConfig,
            "AUTH_TOKEN_NOT_CONFIGURED",
            "token_missing_config",
            "unauthorized: gateway token not configured on gateway (set gateway.auth.token)",
            configuration,
        );
        check(
            AuthReason::PasswordMissing,
            "AUTH_PASSWORD_MISSING",
            "password_missing",
            "unauthorized: gateway password missing (provide gateway auth password)",
            configuration,
        );
        check(
            AuthReason::PasswordMismatch,
            "AUTH_PASSWORD_MISMATCH",
            "password_mismatch",
            "unauthorized: gateway password mismatch (provide gateway auth password)",
            credentials,
        );
        check(
            AuthReason::PasswordMissingConfig,
            "AUTH_PASSWORD_NOT_CONFIGURED",
            "password_missing_config",
            "unauthorized: gateway password not configured on gateway (set gateway.auth.password)",
            configuration,
        );
        check(
            AuthReason::DeviceTokenMismatch,
            "AUTH_DEVICE_TOKEN_MISMATCH",
            "device_token_mismatch",
            "unauthorized: device token mismatch (rotate/reissue device token)",
            credentials,
        );
        check(
            AuthReason::ScopeMismatch,
            "AUTH_SCOPE_MISMATCH",
            "scope_mismatch",
            "unauthorized: device token scope mismatch (re-pair or approve scope upgrade)",
            review,
        );
        check(
            AuthReason::SetupCodeInvalid,
            "AUTH_BOOTSTRAP_TOKEN_INVALID",
            "bootstrap_token_invalid",
            "unauthorized: setup code invalid, expired, revoked, or already used (create a new code; review `openclaw \
             devices list`)",
            review,
        );
        check(
            AuthReason::RateLimited(Duration::from_secs(1)),
            "AUTH_RATE_LIMITED",
            "rate_limited",
            "unauthorized: too many failed authentication attempts (retry later)",
            "wait_then_retry",
        );
        check(
            AuthReason::Proxy(ProxyFault::MissingHeader("x-user".into())),
            "AUTH_IDENTITY_HEADER_REQUIRED",
            "trusted_proxy_missing_header_x-user",
            "unauthorized",
            review,
        );
        check(
            AuthReason::Proxy(ProxyFault::UserMissing),
            "AUTH_UNAUTHORIZED",
            "trusted_proxy_user_missing",
            "unauthorized",
            review,
        );
        check(
            AuthReason::ProxyAttribution,
            "AUTH_UNAUTHORIZED",
            "proxy_attribution_required",
            &format!("unauthorized: {PROXY_GUIDANCE}"),
            review,
        );
    }

    #[test]
    fn the_hint_is_for_the_one_who_reads_it() {
        let check = |id: &str, local: bool, expected: [&str; 3]| {
            let client = ClientInfo { id: id.into(), ..ClientInfo::default() };
            let reasons = [AuthReason::TokenMissing, AuthReason::TokenMismatch, AuthReason::PasswordMissing];
            for (reason, hint) in reasons.into_iter().zip(expected) {
                let message = reason.refuse(&client, local, false).message;
                assert!(message.ends_with(&format!("({hint})")), "{message}");
            }
        };
        let own = "use this gateway's gateway.auth.token or pair the device";
        check("cli", true, [own, own, "use this gateway's gateway.auth.password"]);
        let remote = "set gateway.remote.token to match gateway.auth.token";
        check("cli", false, [remote, remote, "set gateway.remote.password to match gateway.auth.password"]);
        for page in ["openclaw-control-ui", "webchat"] {
            check(
                page,
                true,
                [
                    "paste in Control UI settings or openclaw doctor --generate-gateway-token; restart",
                    "open the dashboard URL and paste the token in Control UI settings",
                    "enter the password in Control UI settings",
                ],
            );
        }
        let other = "provide gateway auth token";
        check("openclaw-ios", false, [other, other, "provide gateway auth password"]);
    }
}
