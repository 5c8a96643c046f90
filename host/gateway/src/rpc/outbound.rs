//! `send`: one message out, without an agent. Idempotency is the outbox's.

use std::sync::Arc;

use openclaw_messaging::{SendError, SendRequest, StoreError, Target};
use openclaw_protocol::RpcError;
use openclaw_protocol::outbound::{SendParams, SendResult};

use crate::accounts;
use crate::process::Gateway;

pub(super) async fn send(gateway: &Arc<Gateway>, message: SendParams) -> Result<SendResult, RpcError> {
    let channel = channel(gateway, message.channel)?;
    let account =
        accounts::resolve(gateway, &channel, message.account_id.as_deref()).map_err(RpcError::invalid)?;
    let request = SendRequest {
        account,
        target: Target { room: message.to.clone(), thread: message.thread_id },
        text: message.message.unwrap_or_default(),
        reply_to: message.reply_to_id,
        silent: false,
        idempotency_key: message.idempotency_key.clone(),
    };
    let delivered = gateway.messaging.send(request).await.map_err(|error| refuse(&error))?;
    Ok(SendResult {
        run_id: message.idempotency_key,
        message_id: delivered.message_ids.into_iter().next().unwrap_or_default(),
        channel,
        chat_id: Some(message.to),
    })
}

/// The channel that is meant: the named one, or the only one.
fn channel(gateway: &Gateway, named: Option<String>) -> Result<String, RpcError> {
    let config = gateway.settings.config();
    match named {
        Some(name) if name == "webchat" => Err(RpcError::invalid(
            "unsupported channel: webchat (internal-only). Use `chat.send` for WebChat UI messages or choose a \
             deliverable channel.",
        )),
        Some(name) if config.channel(&name).is_none() => {
            Err(RpcError::invalid(format!("unsupported channel: {name}")))
        }
        Some(name) => Ok(name),
        None => match config.channels.as_slice() {
            [only] => Ok(only.id.clone()),
            _ => Err(RpcError::invalid("channel required (name one with `channel`)")),
        },
    }
}

fn refuse(error: &SendError) -> RpcError {
    match error {
        SendError::Empty | SendError::UnknownAccount(_) => RpcError::invalid(error.to_string()),
        SendError::Store(StoreError::Conflict(_)) => {
            RpcError::invalid("idempotency key is already bound to a different message route")
        }
        SendError::Failed { .. }
        | SendError::Ambiguous { .. }
        | SendError::Waiting { .. }
        | SendError::Store(_) => RpcError::unavailable(error.to_string()),
    }
}
