//! What a connection may do, and why there is none: the words of `gateway status` and `gateway probe`.

use openclaw_protocol::Scope;

use crate::client::ClientError;

/// The widest thing that a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capability {
    Admin,
    Write,
    Read,
    /// Let in, and nothing more.
    Connected,
    /// This device waits for its approval.
    PairingPending,
    Unknown,
}

impl Capability {
    /// By the scopes of the connection.
    pub(super) fn of(scopes: &[Scope]) -> Self {
        let holds = |scope: Scope| scopes.contains(&scope);
        if holds(Scope::Admin) {
            Self::Admin
        } else if holds(Scope::Write) {
            Self::Write
        } else if holds(Scope::Read) {
            Self::Read
        } else {
            Self::Connected
        }
    }

    /// For people.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Admin => "admin-capable",
            Self::Write => "write-capable",
            Self::Read => "read-only",
            Self::Connected => "connected-no-operator-scope",
            Self::PairingPending => "pairing-pending",
            Self::Unknown => "unknown",
        }
    }

    /// For programs.
    pub(super) fn word(self) -> String {
        self.words().replace('-', "_")
    }
}

/// The code of a refusal.
pub(super) fn detail_code(error: &ClientError) -> Option<&str> {
    match error {
        ClientError::Refused(error) | ClientError::Request(error) => error.detail_code(),
        _ => None,
    }
}

/// The kind of a failure, for programs.
pub(super) fn failure_kind(error: &ClientError) -> &'static str {
    match (error, detail_code(error)) {
        (ClientError::Refused(_), Some("PAIRING_REQUIRED")) => "pairing-required",
        (ClientError::Refused(_), Some("DEVICE_IDENTITY_REQUIRED")) => "device-identity-required",
        (ClientError::Refused(_), Some("AUTH_RATE_LIMITED")) => "rate-limited",
        (_, Some("AUTH_SCOPE_MISMATCH")) => "scope-mismatch",
        (ClientError::Refused(_), Some(code)) if code.starts_with("AUTH_") => "auth-rejected",
        (ClientError::Request(_), Some("MISSING_SCOPE")) => "scope-mismatch",
        (ClientError::Refused(_) | ClientError::Request(_), _) => "gateway-rejected",
        _ => "unreachable",
    }
}

/// What to do about a failed probe.
pub(super) fn remedy(error: &ClientError) -> Option<&'static str> {
    match failure_kind(error) {
        "pairing-required" => Some(
            "Fix: this device waits for approval. On the gateway's machine: openclaw devices list, then openclaw \
             devices approve <id>.",
        ),
        "auth-rejected" | "device-identity-required" => Some(
            "Fix: this command reads gateway.auth.token of the configuration above; a gateway that was started with \
             --token or another configuration needs --token here too.",
        ),
        "scope-mismatch" => Some("Fix: approve more scopes for this device: openclaw devices list."),
        "rate-limited" => Some("Fix: too many wrong credentials; wait a minute and try again."),
        "unreachable" => Some("Fix: start it with `openclaw gateway`, or see openclaw doctor."),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openclaw_protocol::RpcError;
    use serde_json::json;

    #[test]
    fn the_widest_scope_names_the_capability() {
        let check = |scopes: &[Scope], expected: &str| assert_eq!(Capability::of(scopes).words(), expected);
        check(&[Scope::Read, Scope::Admin], "admin-capable");
        check(&[Scope::Write, Scope::Read], "write-capable");
        check(&[Scope::Read], "read-only");
        check(&[], "connected-no-operator-scope");
        assert_eq!(Capability::Connected.word(), "connected_no_operator_scope");
    }

    #[test]
    fn a_refusal_is_told_from_silence() {
        let refused =
            |code: &str| ClientError::Refused(RpcError::invalid("x").with_details(json!({"code": code})));
        let check = |error: ClientError, expected: &str| assert_eq!(failure_kind(&error), expected);
        check(refused("AUTH_TOKEN_MISMATCH"), "auth-rejected");
        check(refused("AUTH_RATE_LIMITED"), "rate-limited");
        check(refused("AUTH_SCOPE_MISMATCH"), "scope-mismatch");
        check(refused("PAIRING_REQUIRED"), "pairing-required");
        check(refused("PROTOCOL_MISMATCH"), "gateway-rejected");
        check(ClientError::Address("x".to_owned()), "unreachable");
    }
}
