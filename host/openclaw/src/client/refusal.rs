//! What to type after a refusal. The gateway says what is wrong (`details.code`, openclaw-compat §2.6.1); here stands the
//! command that puts it right.

use openclaw_protocol::RpcError;
use serde_json::Value;

/// The lines below the gateway's own message. None for a refusal that explains itself.
pub(super) fn next_steps(error: &RpcError) -> Vec<String> {
    let Some(code) = error.detail_code() else { return Vec::new() };
    if code == "PAIRING_REQUIRED" {
        return pairing(error);
    }
    let step = match code {
        "AUTH_TOKEN_MISSING" | "DEVICE_IDENTITY_REQUIRED" | "AUTH_REQUIRED" => {
            "pass --token <token>; to see it, on the gateway's machine: openclaw gateway auth-token --show"
        }
        "AUTH_TOKEN_MISMATCH" => {
            "compare with the gateway's own, on its machine: openclaw gateway auth-token --show (a gateway that was \
             started with --token or another configuration has another one)"
        }
        "AUTH_PASSWORD_MISSING" => "pass --password <password>, the gateway's gateway.auth.password",
        "AUTH_PASSWORD_MISMATCH" => {
            "pass --password with the gateway's gateway.auth.password; to choose a new one, on its machine: openclaw \
             config set gateway.auth.password <password>"
        }
        "AUTH_TOKEN_NOT_CONFIGURED" => {
            "on the gateway's machine: openclaw config set gateway.auth.token <token>, then restart the gateway"
        }
        "AUTH_PASSWORD_NOT_CONFIGURED" => {
            "on the gateway's machine: openclaw config set gateway.auth.password <password>, then restart the gateway"
        }
        "AUTH_DEVICE_TOKEN_MISMATCH" => {
            "the stored device token was dropped; type the command again, and if it is refused: openclaw devices list \
             on the gateway's machine"
        }
        "AUTH_SCOPE_MISMATCH" => {
            "on the gateway's machine: openclaw devices list, then openclaw devices approve <requestId>"
        }
        "AUTH_RATE_LIMITED" => return vec![rate_limited(error)],
        "AUTH_BOOTSTRAP_TOKEN_INVALID" => "openclaw devices list on the gateway's machine",
        "DEVICE_AUTH_SIGNATURE_EXPIRED" => "set this machine's clock, or the gateway's: date",
        "DEVICE_AUTH_DEVICE_ID_MISMATCH"
        | "DEVICE_AUTH_SIGNATURE_INVALID"
        | "DEVICE_AUTH_PUBLIC_KEY_INVALID"
        | "DEVICE_AUTH_INVALID" => {
            "move identity/device.json in this machine's state directory away; a new one is made and has to be approved: \
             openclaw devices list"
        }
        "CONTROL_UI_ORIGIN_NOT_ALLOWED" => {
            "on the gateway's machine: openclaw config set gateway.controlUi.allowedOrigins '[\"<origin>\"]'"
        }
        "PROTOCOL_MISMATCH" => "use the same version here and there; to compare: openclaw --version",
        _ => "openclaw gateway status, and openclaw logs on the gateway's machine",
    };
    vec![format!("Fix: {step}")]
}

fn rate_limited(error: &RpcError) -> String {
    match error.retry_after_ms {
        Some(ms) => format!("Fix: wait {} s, then type the command again", ms.div_ceil(1_000)),
        None => "Fix: wait a few minutes, then type the command again".to_owned(),
    }
}

/// The block of openclaw-compat §7.2.1: what is asked for, and how somebody else answers it.
fn pairing(error: &RpcError) -> Vec<String> {
    let detail = |key: &str| error.details.as_ref()?.get(key)?.as_str().filter(|text| !text.is_empty());
    let title = match detail("reason") {
        Some("role-upgrade") => "Gateway role upgrade approval required.",
        Some("scope-upgrade") => "Gateway scope upgrade approval required.",
        Some("metadata-upgrade") => "Gateway device refresh approval required.",
        _ => "Gateway pairing approval required.",
    };
    let mut lines = vec![title.to_owned()];
    if let Some(scopes) =
        error.details.as_ref().and_then(|details| details.get("requestedScopes")?.as_array())
    {
        let scopes: Vec<&str> = scopes.iter().filter_map(Value::as_str).collect();
        lines.push(format!("Requested: {}", scopes.join(", ")));
    }
    // An id is typed into a shell: only what cannot do harm there is shown.
    match detail("requestId").filter(|id| is_request_id(id)) {
        Some(id) => lines.push(format!("Recovery: openclaw devices approve {id}")),
        None => lines.push("Recovery: openclaw devices approve --latest".to_owned()),
    }
    lines.push("Inspect: openclaw devices list".to_owned());
    lines.push("(both on the gateway's machine, or on a device that may approve others)".to_owned());
    lines
}

/// `^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$`
fn is_request_id(id: &str) -> bool {
    id.len() <= 128
        && id.starts_with(|first: char| first.is_ascii_alphanumeric())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn steps(details: Value) -> String {
        next_steps(&RpcError::invalid("no").with_details(details)).join("\n")
    }

    #[test]
    fn a_pairing_request_can_be_typed_as_it_is_shown() {
        let text = steps(json!({"code": "PAIRING_REQUIRED", "reason": "scope-upgrade", "requestId": "ab-1",
            "requestedScopes": ["operator.read", "operator.admin"]}));
        let expected = "Gateway scope upgrade approval required.\nRequested: operator.read, operator.admin\n\
            Recovery: openclaw devices approve ab-1\nInspect: openclaw devices list\n";
        assert!(text.starts_with(expected), "{text}");
        let hostile = steps(json!({"code": "PAIRING_REQUIRED", "requestId": "x; rm -rf /"}));
        assert!(hostile.contains("devices approve --latest") && !hostile.contains("rm -rf"), "{hostile}");
    }

    #[test]
    fn every_refusal_of_a_credential_names_a_next_step() {
        for code in
            ["AUTH_TOKEN_MISSING", "AUTH_TOKEN_MISMATCH", "AUTH_PASSWORD_MISMATCH", "AUTH_SOMETHING_NEW"]
        {
            assert!(steps(json!({"code": code})).starts_with("Fix: "), "{code}");
        }
        let error = RpcError { retry_after_ms: Some(2_500), ..RpcError::invalid("no") };
        let error = error.with_details(json!({"code": "AUTH_RATE_LIMITED"}));
        assert_eq!(next_steps(&error), ["Fix: wait 3 s, then type the command again"]);
        assert!(next_steps(&RpcError::invalid("invalid role")).is_empty());
    }
}
