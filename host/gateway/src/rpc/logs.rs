//! `logs.tail`: the end of the log file.

use openclaw_protocol::RpcError;
use openclaw_protocol::logs::{LogsTail, LogsTailParams};

use crate::logging::tail as read;
use crate::process::Gateway;

pub(super) async fn tail(gateway: &Gateway, query: LogsTailParams) -> Result<LogsTail, RpcError> {
    let path = gateway.log.path();
    let failed = |why: String| RpcError::unavailable(format!("log read failed: {why}"));
    match tokio::task::spawn_blocking(move || read(&path, &query)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(lost) => Err(failed(lost.to_string())),
    }
}
