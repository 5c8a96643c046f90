//! `chat.history|startup|metadata` and `chat.message.get`: what a program for people shows when it opens a conversation.
//! Changes nothing.

use openclaw_protocol::RpcError;
use openclaw_protocol::chat::{ChatHistoryParams, ChatMessage, ChatMessageGetParams, ChatStartupParams};
use openclaw_protocol::models::ModelsListParams;
use openclaw_store::{NumberedEntry, Page, SessionRecord};
use serde_json::{Value, json};

use super::super::models;
use super::super::sessions::read::message;
use super::super::sessions::rows::{Place, Rows, place, refuse};
use crate::process::Gateway;

/// Messages in one page when the caller sets no limit.
const MESSAGES: u64 = 200;
/// Characters of one message when the caller sets no limit.
const CHARS: u64 = 100_000;
/// Characters of one message that is asked for alone.
const ALONE: u64 = 1_000_000;

pub(in crate::rpc) async fn history(gateway: &Gateway, params: ChatHistoryParams) -> Result<Value, RpcError> {
    if params.cursor.is_some() {
        // This gateway gives out no cursors: whatever it is, the client has to read anew.
        return Ok(json!({"kind": "reset"}));
    }
    let place = place(gateway, &params.session_key, params.agent_id.as_deref())?;
    let record = gateway.store.session(&place.key).await.map_err(refuse)?;
    if let Some(expected) = &params.session_id
        && record.as_ref().is_some_and(|record| record.row.session_id != *expected)
    {
        return Err(RpcError::invalid("sessionId does not belong to sessionKey"));
    }
    let limit = usize::try_from(params.limit.unwrap_or(MESSAGES)).unwrap_or(usize::MAX);
    let (page, offset) = match &record {
        Some(record) => page(gateway, &place, record, limit, &params).await?,
        None => (Page::default(), 0),
    };
    let chars = usize::try_from(params.max_chars.unwrap_or(CHARS)).unwrap_or(usize::MAX);
    let messages: Vec<Value> = page.entries.iter().map(|known| message(known, None, chars)).collect();
    let read = offset.saturating_add(u64::try_from(messages.len()).unwrap_or(u64::MAX));
    let more = read < page.total && !messages.is_empty();
    let (defaults, row) = {
        let rows = Rows::new(gateway);
        (rows.defaults(&place.agent), record.as_ref().map(|record| rows.row(record)))
    };
    let mut answer = json!({
        "sessionKey": params.session_key,
        "messages": messages,
        "pendingInputs": {"items": [], "total": 0},
        "offset": offset,
        "hasMore": more,
        "totalMessages": page.total,
        "defaults": defaults,
        "thinkingLevel": "off",
    });
    if let Some(fields) = answer.as_object_mut() {
        let live = gateway.runs.live();
        let running = live.iter().rev().find(|run| run.about.session_key == place.key);
        fields.extend(record.map(|record| ("sessionId".to_owned(), json!(record.row.session_id))));
        fields.extend(row.map(|row| ("sessionInfo".to_owned(), json!(row))));
        fields.extend(more.then(|| ("nextOffset".to_owned(), json!(read))));
        fields.extend(running.map(|run| {
            let about = &run.about;
            let run = json!({"runId": about.run_id, "text": about.written(), "startedAt": about.accepted_at});
            ("inFlightRun".to_owned(), run)
        }));
    }
    Ok(answer)
}

/// The page that is asked for, and how many newer messages it leaves out.
async fn page(
    gateway: &Gateway,
    place: &Place,
    record: &SessionRecord,
    limit: usize,
    params: &ChatHistoryParams,
) -> Result<(Page, u64), RpcError> {
    let (key, id) = (&place.key, &record.row.session_id);
    let mut offset = params.offset.unwrap_or_default();
    if let Some(wanted) = &params.message_id
        && let Some(found) = find(gateway, place, record, wanted).await?
    {
        let newest = gateway.store.transcript(key, id, 1, 0).await.map_err(refuse)?;
        let half = u64::try_from(limit / 2).unwrap_or_default();
        offset = newest.total.saturating_sub(found.seq).saturating_sub(half);
    }
    let page = gateway.store.transcript(key, id, limit, usize::try_from(offset).unwrap_or(usize::MAX)).await;
    Ok((page.map_err(refuse)?, offset))
}

async fn find(
    gateway: &Gateway,
    place: &Place,
    record: &SessionRecord,
    message_id: &str,
) -> Result<Option<NumberedEntry>, RpcError> {
    let Ok(id) = message_id.parse() else { return Ok(None) };
    gateway.store.transcript_entry(&place.key, &record.row.session_id, id).await.map_err(refuse)
}

pub(in crate::rpc) async fn startup(gateway: &Gateway, params: ChatStartupParams) -> Result<Value, RpcError> {
    let mut answer = history(gateway, params.0).await?;
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("metadata".to_owned(), metadata(gateway));
    }
    Ok(answer)
}

/// Which models and commands there are.
pub(in crate::rpc) fn metadata(gateway: &Gateway) -> Value {
    let models = models::list(gateway, &ModelsListParams::default()).models;
    let command = |name: &str, aliases: &[&str], description: &str, category: &str, arguments: bool| {
        json!({"name": name, "nativeName": name, "textAliases": aliases, "description": description,
            "category": category, "source": "native", "scope": "both", "acceptsArgs": arguments})
    };
    let commands = [
        command("help", &["/help"], "Show available commands.", "status", false),
        command("status", &["/status"], "Show what runs and what it used.", "status", false),
        command("whoami", &["/whoami", "/id"], "Show who you are here.", "status", false),
        command("stop", &["/stop"], "Stop the current run.", "session", false),
        command("reset", &["/reset"], "Start the session anew.", "session", true),
        command("new", &["/new"], "Start a new session.", "session", true),
    ];
    json!({"models": models, "commands": commands})
}

pub(in crate::rpc) async fn message_get(
    gateway: &Gateway,
    params: ChatMessageGetParams,
) -> Result<ChatMessage, RpcError> {
    let place = place(gateway, &params.session_key, params.agent_id.as_deref())?;
    let record = gateway.store.session(&place.key).await.map_err(refuse)?;
    let found = match record {
        Some(record) => find(gateway, &place, &record, &params.message_id).await?,
        None => None,
    };
    let chars = usize::try_from(params.max_chars.unwrap_or(ALONE)).unwrap_or(usize::MAX);
    Ok(match found {
        Some(found) => {
            ChatMessage { ok: true, message: Some(message(&found, None, chars)), unavailable_reason: None }
        }
        None => ChatMessage { ok: false, message: None, unavailable_reason: Some("not_found".to_owned()) },
    })
}
