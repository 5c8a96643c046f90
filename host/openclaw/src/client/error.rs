//! Why the gateway gave no answer. The texts are those that people search for.

use openclaw_protocol::RpcError;
use serde_json::{Value, json};

use super::target::Target;

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
            Self::Refused(error) | Self::Request(error) => f.write_str(&error.message),
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
            Self::NotAGateway { reason, .. } => format!("what listens there is not a gateway: {reason}"),
            Self::CredentialsRequired { .. } => {
                "gateway url override requires explicit credentials".to_owned()
            }
            Self::Address(_) | Self::Refused(_) | Self::Request(_) => self.to_string(),
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
            Self::CredentialsRequired { .. } | Self::Address(_) => {
                json!({"ok": false, "error": {"type": "cli_error", "message": self.summary()}})
            }
            Self::Unreachable { target, reason, .. } => {
                transport("closed", target, json!({"reason": reason}))
            }
            Self::Closed { target, code, reason } => {
                transport("closed", target, json!({"code": code, "reason": reason}))
            }
            Self::Timeout { target, ms } => transport("timeout", target, json!({"timeoutMs": ms})),
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
