//! Errors as the `/v1` routes answer them (compat §4.3): the provider's own words, with a status that lets a client do
//! the right thing.

use crate::error::{ModelError, ModelsError};
use crate::types::FailureReason;

use super::json::{raw, string};

/// An error as the `/v1` routes answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorBody {
    /// The HTTP status, where the answer has not begun yet.
    pub status: u16,
    /// `error.type`
    pub kind: &'static str,
    /// `error.message`
    pub message: String,
    /// `error.code`, where there is one.
    pub code: Option<String>,
    /// For the header `retry-after`, in seconds.
    pub retry_after: Option<u64>,
    /// The scope that the caller lacks: such a refusal has a shape of its own.
    pub missing_scope: Option<&'static str>,
}

impl ErrorBody {
    /// A refusal of the gateway's own.
    #[must_use]
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self {
            status: 400,
            kind: "invalid_request_error",
            message: message.into(),
            code: None,
            retry_after: None,
            missing_scope: None,
        }
    }

    /// 403: a caller that may not do this (compat §4.3).
    #[must_use]
    pub fn missing_scope(scope: &'static str) -> Self {
        Self {
            status: 403,
            kind: "forbidden",
            message: format!("missing scope: {scope}"),
            missing_scope: Some(scope),
            ..Self::invalid_request("")
        }
    }

    /// Appends `{"error":{…}}`.
    pub fn write(&self, out: &mut Vec<u8>) {
        if let Some(scope) = self.missing_scope {
            raw(out, "{\"ok\":false,\"error\":{\"type\":\"forbidden\",\"message\":");
            string(out, &self.message);
            raw(out, ",\"details\":{\"code\":\"MISSING_SCOPE\",\"missingScope\":");
            string(out, scope);
            raw(out, ",\"requiredScopes\":[");
            string(out, scope);
            raw(out, "]}}}");
            return;
        }
        raw(out, "{\"error\":{\"message\":");
        string(out, &self.message);
        raw(out, ",\"type\":\"");
        raw(out, self.kind);
        raw(out, "\"");
        if let Some(code) = &self.code {
            raw(out, ",\"code\":");
            string(out, code);
        }
        raw(out, "}}");
    }
}

impl From<&ModelError> for ErrorBody {
    /// The provider's own words, with a status that lets a client do the right thing.
    fn from(error: &ModelError) -> Self {
        let (status, kind) = match error.reason() {
            FailureReason::Auth => (401, "authentication_error"),
            FailureReason::Billing => (402, "insufficient_quota"),
            FailureReason::RateLimit => (429, "rate_limit_error"),
            FailureReason::Overloaded => (503, "overloaded_error"),
            FailureReason::Format | FailureReason::ContextOverflow => (400, "invalid_request_error"),
            FailureReason::ModelNotFound => (404, "invalid_request_error"),
            FailureReason::Timeout => (504, "api_error"),
            FailureReason::ServerError | FailureReason::EmptyResponse | FailureReason::Unknown => {
                (502, "api_error")
            }
        };
        let message = match error.hint() {
            Some(hint) if !error.is_long_context() => format!("{error}. {hint}"),
            _ => error.to_string(),
        };
        let code = Some(error.failure.code.clone()).filter(|code| !code.is_empty());
        let retry_after = error.failure.retry_after_ms.map(|ms| ms.div_ceil(1000));
        Self { status, kind, message, code, retry_after, missing_scope: None }
    }
}

impl From<&ModelsError> for ErrorBody {
    fn from(error: &ModelsError) -> Self {
        match error {
            ModelsError::Unresolved(why) => Self::invalid_request(why.to_string()),
            ModelsError::Failed(error) => error.into(),
            ModelsError::AllFailed(errors) => {
                let last = errors.last().map(Self::from);
                let (status, kind) =
                    last.as_ref().map_or((502, "api_error"), |last| (last.status, last.kind));
                let retry_after = errors.iter().filter_map(|error| Self::from(error).retry_after).min();
                Self {
                    status,
                    kind,
                    message: error.to_string(),
                    code: last.and_then(|last| last.code),
                    retry_after,
                    missing_scope: None,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_scope_has_its_own_shape() {
        let mut out = Vec::new();
        ErrorBody::missing_scope("operator.write").write(&mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"ok":false,"error":{"type":"forbidden","message":"missing scope: operator.write","details":"#,
                r#"{"code":"MISSING_SCOPE","missingScope":"operator.write","requiredScopes":["operator.write"]}}}"#
            )
        );
    }
}
