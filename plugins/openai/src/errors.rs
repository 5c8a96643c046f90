//! Failures as the contract wants them: a reason, the provider's own code and words, each within its bound.

use openclaw_sdk::bounds::clip;
use openclaw_sdk::provider::{Failure, FailureReason};

pub(crate) fn failure(reason: FailureReason, code: &str, message: &str) -> Failure {
    Failure {
        reason,
        code: clip(code, 64).to_owned(),
        message: clip(message, 4096).to_owned(),
        retry_after_ms: None,
    }
}
