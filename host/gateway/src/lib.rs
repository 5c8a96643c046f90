//! The gateway process: listeners, HTTP, the WebSocket control plane, start-up, shutdown, and the wiring of the other
//! crates. It owns no policy of its own: who may do what is `access`, what a message may do is `messaging`, what a
//! model is asked is `models`.

mod error;
mod infer;
mod options;

pub use error::StartError;
pub use infer::{InferAnswer, InferError, InferRequest};
pub use options::GatewayOptions;

/// Runs the gateway until SIGINT or SIGTERM. Blocks the calling thread and builds its own tokio runtime, so it must be
/// called outside any.
///
/// # Errors
/// Every refusal before the port is open; the text is complete and carries its exit code.
pub fn run(options: GatewayOptions) -> Result<(), StartError> {
    drop(options);
    Err(StartError::Occupied("the gateway is not assembled in this build".to_owned()))
}

/// Asks one model one question without a running gateway.
///
/// # Errors
/// `Invalid` for what the caller has to change, `Provider` with the provider's own words.
pub async fn infer_local(request: InferRequest) -> Result<InferAnswer, InferError> {
    Err(InferError::Invalid(format!("no provider can be asked for {:?} in this build", request.model)))
}
