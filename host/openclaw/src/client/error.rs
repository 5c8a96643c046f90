//! Why the gateway gave no answer. The texts are those that people search for.

use std::path::PathBuf;

use openclaw_protocol::RpcError;
use serde_json::{Value, json};

use super::{
    refusal,
    target::{Target, UrlSource},
};

/// Why the gateway gave no answer.
#[derive(Debug)]
pub(crate) enum ClientError {
    /// `--url` or its variable without a credential: the configured one belongs to another gateway.
    CredentialsRequired {
        /// The configuration file, for people.
        config: String,
    },
    /// The address cannot be used.
    Address(String),
    /// This device cannot prove itself: its key cannot be read or made.
    Identity {
        /// The key's file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Nobody listens there.
    Unreachable {
        /// Whom the command wanted to ask.
        target: Box<Target>,
        /// The system's short name for the reason, for instance `ECONNREFUSED`.
        code: String,
        /// The reason, for instance `connect ECONNREFUSED 127.0.0.1:18789`.
        reason: String,
    },
    /// The connection ended.
    Closed {
        /// Whom the command asked.
        target: Box<Target>,
        /// The close code; 1006 when there was no close frame.
        code: u16,
        /// The close reason.
        reason: String,
    },
    /// No answer in time.
    Timeout {
        /// Whom the command asked.
        target: Box<Target>,
        /// How long the command waited, in milliseconds.
        ms: u64,
    },
    /// The gateway refused the connection.
    Refused(RpcError),
    /// The gateway refused the request.
    Request(RpcError),
    /// Who answers cannot be trusted, or speaks no TLS.
    Tls {
        /// Whom the command wanted to ask.
        target: Box<Target>,
        /// What TLS said.
        reason: String,
    },
    /// Something answered that is not a gateway.
    NotAGateway {
        /// Whom the command asked.
        target: Box<Target>,
        /// What was odd.
        reason: String,
    },
}

impl std::fmt::Display for ClientError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CredentialsRequired { config } => write!(
                f,
                "gateway url override requires explicit credentials\n\
                 Fix: pass --token or --password with --url (or gatewayToken in tools).\n\
                 For the default local or SSH-tunneled Gateway, remove --url to use the configured target.\n\
                 Config: {config}"
            ),
            Self::Address(text) => f.write_str(text),
            Self::Unreachable { target, code, .. } => write!(
                f,
                "{}\nStart it with `openclaw gateway run` or check `openclaw gateway status`.\n{}",
                unreachable(target, code),
                target.details()
            ),
            Self::Closed { target, .. } | Self::Timeout { target, .. } | Self::NotAGateway { target, .. } => {
                write!(f, "{}\n{}", self.summary(), target.details())
            }
            Self::Tls { target, reason } => {
                let fix = if target.source == UrlSource::Local {
                    "what listens there does not show the certificate of this machine's gateway. See who it is: openclaw \
                     gateway status. After a change of gateway.tls or a renewed certificate: openclaw gateway restart"
                } else if reason.contains("certificate") || reason.contains("fingerprint") {
                    "for a certificate that the gateway made itself, compare its SHA-256 there and set it here: openclaw \
                     config set gateway.remote.tlsFingerprint <sha256>"
                } else {
                    "what listens there may speak no TLS; then use ws:// through an SSH tunnel"
                };
                write!(f, "{}\nFix: {fix}\n{}", self.summary(), target.details())
            }
            Self::Identity { .. } => f.write_str(&self.summary()),
            Self::Refused(error) => {
                f.write_str(&error.message)?;
                refusal::next_steps(error).iter().try_for_each(|line| write!(f, "\n{line}"))
            }
            Self::Request(error) => f.write_str(&error.message),
        }
    }
}

impl std::error::Error for ClientError {}

fn unreachable(target: &Target, code: &str) -> String {
    format!("Gateway not reachable at {} ({code}).", target.url)
}

impl ClientError {
    /// What happened, in one line.
    pub(crate) fn summary(&self) -> String {
        match self {
            Self::Unreachable { target, code, .. } => unreachable(target, code),
            Self::Closed { code: 1006, .. } => {
                "gateway closed (1006 abnormal closure (no close frame)): no close reason".to_owned()
            }
            Self::Closed { code, reason, .. } => {
                let reason = if reason.is_empty() { "no close reason" } else { reason };
                format!("gateway closed ({code}): {reason}")
            }
            Self::Timeout { ms, .. } => format!("gateway timeout after {ms}ms"),
            Self::Tls { reason, .. } => format!("no secure connection: {reason}"),
            Self::NotAGateway { reason, .. } => format!("what listens there is not a gateway: {reason}"),
            Self::CredentialsRequired { .. } => {
                "gateway url override requires explicit credentials".to_owned()
            }
            Self::Identity { path, reason } => format!(
                "the identity of this device cannot be used: {}: {reason}. Repair the file, or move it away and let \
                 the gateway approve a new one.",
                path.display()
            ),
            Self::Refused(error) | Self::Request(error) => error.message.clone(),
            Self::Address(_) => self.to_string(),
        }
    }

    /// The reason alone, for a probe that names the target itself.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Unreachable { reason, .. } => reason.clone(),
            _ => self.summary(),
        }
    }

    /// What stands above the error on stderr, whatever the output's form.
    pub(crate) fn log_line(&self) -> Option<String> {
        match self {
            Self::Refused(error) => {
                Some(format!("gateway connect failed: GatewayClientRequestError: {}", error.message))
            }
            _ => None,
        }
    }

    /// Whether the gateway may still let this client in by another way.
    pub(crate) fn is_about_the_way_in(&self) -> bool {
        match self {
            Self::Refused(error) => !matches!(error.detail_code(), Some("PROTOCOL_MISMATCH")),
            // The local socket belongs to this installation's gateway, whatever answers on its port.
            Self::Unreachable { .. }
            | Self::NotAGateway { .. }
            | Self::Tls { .. }
            | Self::Identity { .. } => true,
            Self::CredentialsRequired { .. }
            | Self::Address(_)
            | Self::Closed { .. }
            | Self::Timeout { .. }
            | Self::Request(_) => false,
        }
    }

    /// Whether the device token that was sent is of no use any more.
    pub(crate) fn is_stale_device_token(&self) -> bool {
        match self {
            Self::Refused(error) => error.detail_code() == Some("AUTH_DEVICE_TOKEN_MISMATCH"),
            Self::Closed { code: 1008, reason, .. } => reason.contains("device token mismatch"),
            _ => false,
        }
    }

    /// Code and reason of the close frame, where there was one.
    pub(crate) fn close(&self) -> Option<(u16, &str)> {
        match self {
            Self::Closed { code, reason, .. } => Some((*code, reason)),
            _ => None,
        }
    }

    /// Whether a gateway answered at all.
    pub(crate) fn gateway_answered(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Request(_))
    }

    /// The document of a failure with `--json`.
    pub(crate) fn to_json(&self) -> Value {
        let transport = |kind: &str, target: &Target, more: Value| {
            let mut error =
                json!({"type": "gateway_transport_error", "kind": kind, "message": self.summary()});
            if let (Some(error), Value::Object(more)) = (error.as_object_mut(), more) {
                error.extend(more);
            }
            json!({
                "ok": false,
                "error": error,
                "gateway": {"url": target.url, "urlSource": target.source.label()},
            })
        };
        match self {
            Self::CredentialsRequired { .. } | Self::Address(_) | Self::Identity { .. } => {
                json!({"ok": false, "error": {"type": "cli_error", "message": self.summary()}})
            }
            Self::Unreachable { target, reason, .. } => {
                transport("closed", target, json!({"reason": reason}))
            }
            Self::Closed { target, code, reason } => {
                transport("closed", target, json!({"code": code, "reason": reason}))
            }
            Self::Timeout { target, ms } => transport("timeout", target, json!({"timeoutMs": ms})),
            Self::Tls { target, reason } => transport("tls", target, json!({"reason": reason})),
            Self::NotAGateway { target, reason } => transport("protocol", target, json!({"reason": reason})),
            Self::Refused(error) | Self::Request(error) => {
                let mut document = json!({
                    "type": "gateway_request_error",
                    "code": error.code,
                    "message": error.message,
                    "retryable": error.retryable.unwrap_or(false),
                });
                if let (Some(document), Some(details)) = (document.as_object_mut(), &error.details) {
                    document.insert("details".to_owned(), details.clone());
                }
                json!({"ok": false, "error": document})
            }
        }
    }
}
