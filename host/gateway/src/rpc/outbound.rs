//! `send` and `message.action`: one message out, with or without a file, without an agent; `poll` says why there is none. The same key sends once, also when it comes from
//! many sides at once; beyond this process's memory the outbox knows the keys.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openclaw_messaging::{AccountKey, MediaFile, SendError, SendRequest, StoreError, Target};
use openclaw_packages::Limits;
use openclaw_protocol::outbound::{MessageActionParams, PollParams, SendParams, SendResult};
use openclaw_protocol::{Call as _, RpcError};
use openclaw_runtime::MediaDescription;
use serde_json::{Value, json};

use super::{Caller, Outcome, once};
use crate::accounts;
use crate::once::bound_elsewhere;
use crate::process::Gateway;
use crate::wiring;

/// What a client may send along that changes nothing for a text.
const HARMLESS: [&str; 3] = ["agentId", "sessionKey", "forceDocument"];

/// `send`
pub(super) async fn send(caller: &Caller, message: SendParams) -> Outcome {
    deliver(caller, SendParams::METHOD, message).await
}

/// `message.action`: the one thing that every channel here can do is to send a message.
pub(super) async fn action(caller: &Caller, asked: MessageActionParams) -> Outcome {
    let channel = channel(&caller.gateway, Some(&asked.channel), "unsupported channel")?;
    if asked.action != "send" {
        let action = asked.action;
        return Err(RpcError::invalid(format!("Channel {channel} does not support action {action}.")));
    }
    deliver(caller, MessageActionParams::METHOD, message(channel, asked)?).await
}

/// The message that an action sends.
fn message(channel: String, asked: MessageActionParams) -> Result<SendParams, RpcError> {
    let mut rest = asked.params;
    let mut text = |name: &str| match rest.remove(name) {
        Some(Value::String(text)) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(other) => {
            rest.insert(name.to_owned(), other);
            None
        }
        None => None,
    };
    let (target, to) = (text("target"), text("to"));
    let to = target.or(to).ok_or_else(|| RpcError::invalid("send requires a target: name it with `to`"))?;
    let (named, account) = (text("accountId"), asked.account_id.filter(|account| !account.is_empty()));
    if let (Some(named), Some(account)) = (&named, &account)
        && named != account
    {
        return Err(RpcError::invalid("message.action accountId does not match params.accountId"));
    }
    let (replies, thread_id) = (text("replyTo"), text("threadId"));
    let message = text("message");
    let (buffer, filename, content_type) = (text("buffer"), text("filename"), text("contentType"));
    let silent = rest.remove("silent").and_then(|silent| silent.as_bool());
    Ok(SendParams {
        to,
        message,
        channel: Some(channel),
        account_id: account.or(named),
        reply_to_id: replies.or(asked.reply.map(|reply| reply.reply_to_id)),
        thread_id,
        silent,
        buffer,
        filename,
        content_type,
        idempotency_key: asked.idempotency_key,
        rest,
    })
}

async fn deliver(caller: &Caller, method: &'static str, message: SendParams) -> Outcome {
    let gateway = &caller.gateway;
    judge(&message)?;
    let attachment = Attachment::of(&message)?;
    let channel = channel(gateway, message.channel.as_deref(), "unsupported channel")?;
    let account_id = message.account_id.as_deref().filter(|account| !account.is_empty());
    let account = accounts::resolve(gateway, &channel, account_id).map_err(RpcError::invalid)?;
    let thread = message.thread_id.filter(|thread| !thread.is_empty());
    let route = json!([account.to_string(), message.to, thread]).to_string();
    let key = message.idempotency_key.clone();
    let mut request = SendRequest {
        account,
        target: Target { room: message.to.clone(), thread },
        text: message.message.unwrap_or_default(),
        media: Vec::new(),
        reply_to: message.reply_to_id.filter(|id| !id.is_empty()),
        silent: message.silent == Some(true),
        idempotency_key: key.clone(),
    };
    let gateway = Arc::clone(gateway);
    once(caller, method, &route, &key, async move {
        if let Some(attachment) = attachment {
            request.media = vec![attachment.keep(&gateway, &request.account).await?];
        }
        let delivered = gateway.messaging.send(request).await.map_err(|error| refuse(&error))?;
        Ok(SendResult {
            run_id: message.idempotency_key,
            message_id: delivered.message_ids.into_iter().next().unwrap_or_default(),
            channel,
            chat_id: Some(message.to),
        })
    })
    .await
}

/// A file that goes with a message.
#[derive(Debug)]
struct Attachment {
    said: MediaDescription,
    bytes: Vec<u8>,
}

impl Attachment {
    /// What the parameters hold, read.
    fn of(message: &SendParams) -> Result<Option<Self>, RpcError> {
        let Some(buffer) = message.buffer.as_deref().filter(|buffer| !buffer.is_empty()) else {
            return Ok(None);
        };
        let url = buffer.strip_prefix("data:").and_then(|url| url.split_once(";base64,"));
        let (said, base64) = url.map_or((None, buffer), |(mime, base64)| (Some(mime), base64));
        let bytes = STANDARD
            .decode(base64)
            .map_err(|_| RpcError::invalid("send: buffer is no base64; encode the bytes of the file"))?;
        let mime = message.content_type.as_deref().filter(|mime| !mime.trim().is_empty()).or(said);
        let (mime, name) = (mime.unwrap_or_default().to_owned(), message.filename.clone());
        let said = MediaDescription { mime, name, size: Some(bytes.len() as u64) };
        Ok(Some(Self { said, bytes }))
    }

    /// Keeps it among the files of the account.
    async fn keep(self, gateway: &Gateway, account: &AccountKey) -> Result<MediaFile, RpcError> {
        let plugins = gateway.plugins.get();
        let manifest = plugins.channel(&account.channel).and_then(|found| found.manifest.as_ref());
        let quota = manifest.map_or_else(Limits::default, |manifest| manifest.limits).media_bytes;
        let kept = wiring::attach(&gateway.store, account, quota, self.said, &self.bytes).await;
        kept.map_err(|fault| RpcError::unavailable(format!("send: the file is not kept: {fault}")))
    }
}

/// `poll`: no channel here can ask one yet.
pub(super) fn poll(gateway: &Gateway, params: &PollParams) -> Result<SendResult, RpcError> {
    let channel = channel(gateway, params.channel.as_deref(), "unsupported poll channel")?;
    Err(RpcError::invalid(format!(
        "unsupported poll channel: {channel} (no channel of this gateway can ask polls yet; send the question as a message)"
    )))
}

/// Refuses what would not arrive.
fn judge(message: &SendParams) -> Result<(), RpcError> {
    let asked = |value: &Value| {
        !matches!(value, Value::Null | Value::Bool(false)) && *value != json!([]) && value != ""
    };
    let more = message.rest.iter().find(|(key, value)| asked(value) && !HARMLESS.contains(&key.as_str()));
    match more {
        None => Ok(()),
        Some((key, _)) => Err(RpcError::invalid(format!(
            "send: {key} is not supported by this gateway yet; send the text alone, or a file as buffer (base64), \
             filename and contentType"
        ))),
    }
}

/// The channel that is meant: the named one, or the only one.
fn channel(gateway: &Gateway, named: Option<&str>, unsupported: &str) -> Result<String, RpcError> {
    let config = gateway.settings.config();
    let named = named.map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty());
    match named {
        Some(name) if name == "webchat" => Err(RpcError::invalid(
            "unsupported channel: webchat (internal-only). Use `chat.send` for WebChat UI messages or choose a \
             deliverable channel.",
        )),
        Some(name) if config.channel(&name).is_none() => {
            Err(RpcError::invalid(format!("{unsupported}: {name}")))
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
        SendError::Store(StoreError::Conflict(_)) => bound_elsewhere(),
        SendError::Store(error) => super::sessions::rows::refuse(error.clone()),
        SendError::Failed { .. }
        | SendError::Ambiguous { .. }
        | SendError::Dropped { .. }
        | SendError::Waiting { .. } => RpcError::unavailable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_not_arrive_is_refused() {
        let refusal = |key: &str, value: Value| {
            let rest = serde_json::Map::from_iter([(key.to_owned(), value)]);
            judge(&SendParams { rest, ..SendParams::default() }).map_err(|error| error.message)
        };
        assert_eq!(refusal("mediaUrls", json!([])), Ok(()));
        assert_eq!(refusal("sessionKey", json!("agent:main:main")), Ok(()));
        let refused = refusal("mediaUrl", json!("http://x")).unwrap_err();
        assert!(refused.starts_with("send: mediaUrl is not supported by this gateway yet; "), "{refused}");
    }

    #[test]
    fn a_file_is_read_from_its_parameters() {
        let read = |buffer: &str, content_type: Option<&str>| {
            let (buffer, filename) = (Some(buffer.to_owned()), Some("a.png".to_owned()));
            let content_type = content_type.map(str::to_owned);
            Attachment::of(&SendParams { buffer, filename, content_type, ..SendParams::default() })
        };
        let attached = read("data:image/png;base64,aGVsbG8=", None).unwrap().unwrap();
        assert_eq!((attached.said.mime.as_str(), attached.bytes.as_slice()), ("image/png", &b"hello"[..]));
        assert_eq!((attached.said.name.as_deref(), attached.said.size), (Some("a.png"), Some(5)));
        assert_eq!(read("aGVsbG8=", Some("image/jpeg")).unwrap().unwrap().said.mime, "image/jpeg");
        assert!(read("", None).unwrap().is_none());
        assert!(read("not base64!", None).unwrap_err().message.contains("base64"));
    }
}
