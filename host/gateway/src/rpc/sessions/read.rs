//! `sessions.list|preview|describe|get|resolve|search` and the subscriptions: what there is, and what was said. Changes nothing.

use openclaw_protocol::RpcError;
use openclaw_protocol::sessions::{
    Preview, PreviewItem, SessionDescription, SessionHit, SessionMessages, SessionResolved, SessionRow,
    SessionsDescribeParams, SessionsFound, SessionsGetParams, SessionsList, SessionsListParams,
    SessionsMessagesSubscribeParams, SessionsMessagesUnsubscribeParams, SessionsPreview,
    SessionsPreviewParams, SessionsResolveParams, SessionsSearchParams, Subscribed,
};
use openclaw_store::{Archived, EntryRole, NumberedEntry, SessionQuery, SessionRecord};
use openclaw_text::shortened;
use serde_json::{Value, json};

use super::rows::{Place, Rows, place, refuse, time};
use crate::clock::now_ms;
use crate::process::Gateway;
use crate::rpc::Caller;

/// Sessions in one list when the caller sets no limit, and the most that a limit may ask for.
const LISTED: usize = 1_000;
/// Sessions in one list that get a title or a preview, which cost a read each.
const DESCRIBED: usize = 100;
/// Sessions in one preview.
const PREVIEWED: usize = 64;
/// Messages of one session in a preview at most.
const PREVIEW_ITEMS: usize = 50;
/// Characters of a title that is made of what was said.
const TITLE_CHARS: usize = 60;
/// Characters of the preview of a message.
const PREVIEW_CHARS: usize = 240;
/// Messages of `sessions.get` when the caller sets no limit, and at most.
const MESSAGES: (usize, usize) = (200, 1_000);
/// Hits of a search when the caller sets no limit.
const HITS: u64 = 10;
/// Characters before and after a hit.
const AROUND: usize = 80;

pub(in crate::rpc) async fn list(
    gateway: &Gateway,
    params: SessionsListParams,
) -> Result<SessionsList, RpcError> {
    let agents = &gateway.settings.config().agents;
    let now = now_ms();
    let limit = params.limit.map(|limit| number(limit).min(LISTED));
    let offset = params.offset.unwrap_or_default();
    let minutes = params.active_minutes.map(|minutes| now.saturating_sub(minutes.saturating_mul(60_000)));
    let without = [("global", params.include_global), ("unknown", params.include_unknown)];
    let query = SessionQuery {
        agent: params.agent_id.as_deref().map(str::to_lowercase),
        since: minutes.map(|since| i64::try_from(since).unwrap_or(i64::MAX)),
        label: params.label,
        search: params.search.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
        archived: match params.archived {
            Some(Value::Bool(true)) => Archived::Only,
            Some(Value::String(_)) => Archived::With,
            _ => Archived::Without,
        },
        without: without
            .into_iter()
            .filter(|(_, included)| *included != Some(true))
            .map(|(key, _)| key.to_owned())
            .collect(),
        limit: limit.unwrap_or(LISTED),
        offset: number(offset),
    };
    // Nobody here has people, spawned sessions or boards: nothing fits.
    let nothing = [&params.spawned_by, &params.creator_id, &params.owner_id, &params.involving_profile_id]
        .into_iter()
        .any(Option::is_some);
    let (mut records, total) =
        if nothing { (Vec::new(), 0) } else { gateway.store.list_sessions(query).await.map_err(refuse)? };
    if params.configured_agents_only == Some(true) {
        records.retain(|record| agents.get(&record.row.agent).is_some());
    }
    let (mut sessions, defaults) = {
        let rows = Rows::new(gateway);
        let sessions: Vec<SessionRow> = records.iter().map(|record| rows.row(record)).collect();
        (sessions, rows.defaults(agents.default_id()))
    };
    let titles = params.include_derived_titles == Some(true);
    let last = params.include_last_message == Some(true);
    for (row, record) in sessions.iter_mut().zip(&records).take(DESCRIBED) {
        describe_more(gateway, row, record, titles, last).await?;
    }
    let next = offset.saturating_add(u64::try_from(records.len()).unwrap_or(u64::MAX));
    let has_more = next < total;
    Ok(SessionsList {
        ts: now,
        path: gateway.paths.database().display().to_string(),
        count: sessions.len(),
        total_count: total,
        limit_applied: (limit.is_some() || has_more)
            .then(|| u64::try_from(limit.unwrap_or(LISTED)).unwrap_or(u64::MAX)),
        next_offset: has_more.then_some(next),
        has_more,
        defaults,
        sessions,
    })
}

pub(in crate::rpc) async fn describe(
    gateway: &Gateway,
    params: SessionsDescribeParams,
) -> Result<SessionDescription, RpcError> {
    let place = place(gateway, &params.key, None)?;
    let Some(record) = gateway.store.session(&place.key).await.map_err(refuse)? else {
        return Ok(SessionDescription { session: None });
    };
    let mut row = Rows::new(gateway).row(&record);
    let (titles, last) =
        (params.include_derived_titles == Some(true), params.include_last_message == Some(true));
    describe_more(gateway, &mut row, &record, titles, last).await?;
    Ok(SessionDescription { session: Some(row) })
}

async fn describe_more(
    gateway: &Gateway,
    row: &mut SessionRow,
    record: &SessionRecord,
    titles: bool,
    last: bool,
) -> Result<(), RpcError> {
    if !titles && !last {
        return Ok(());
    }
    let (key, id) = (&record.row.key, &record.row.session_id);
    let newest = gateway.store.transcript(key, id, 1, 0).await.map_err(refuse)?;
    if last {
        row.last_message_preview =
            newest.entries.last().map(|known| shortened(&known.entry.content, PREVIEW_CHARS));
    }
    if titles && newest.total > 0 {
        let first = usize::try_from(newest.total - 1).unwrap_or(usize::MAX);
        let oldest = gateway.store.transcript(key, id, 1, first).await.map_err(refuse)?;
        row.derived_title = oldest.entries.first().map(|known| {
            let line = known.entry.content.lines().find(|line| !line.trim().is_empty());
            shortened(line.unwrap_or_default().trim(), TITLE_CHARS)
        });
    }
    Ok(())
}

pub(in crate::rpc) async fn preview(
    gateway: &Gateway,
    params: SessionsPreviewParams,
) -> Result<SessionsPreview, RpcError> {
    let limit = params.limit.map_or(12, number).min(PREVIEW_ITEMS);
    let chars = params.max_chars.map_or(PREVIEW_CHARS, number);
    let mut previews = Vec::new();
    for key in params.keys.into_iter().take(PREVIEWED) {
        let place = place(gateway, &key, None)?;
        let record = gateway.store.session(&place.key).await.map_err(refuse)?;
        let Some(record) = record else {
            previews.push(Preview { key, status: "missing".to_owned(), items: Vec::new() });
            continue;
        };
        let page =
            gateway.store.transcript(&place.key, &record.row.session_id, limit, 0).await.map_err(refuse)?;
        let items: Vec<PreviewItem> = page
            .entries
            .iter()
            .map(|known| PreviewItem {
                role: role(known.entry.role).to_owned(),
                text: shortened(&known.entry.content, chars),
            })
            .collect();
        let status = if items.is_empty() { "empty" } else { "ok" };
        previews.push(Preview { key, status: status.to_owned(), items });
    }
    Ok(SessionsPreview { ts: now_ms(), previews })
}

pub(in crate::rpc) async fn get(
    gateway: &Gateway,
    params: SessionsGetParams,
) -> Result<SessionMessages, RpcError> {
    let key = params.key.or(params.session_key).ok_or_else(|| RpcError::invalid("key required"))?;
    let place = place(gateway, &key, params.agent_id.as_deref())?;
    let Some(record) = gateway.store.session(&place.key).await.map_err(refuse)? else {
        return Ok(SessionMessages::default());
    };
    let limit = params.limit.map_or(MESSAGES.0, number).min(MESSAGES.1);
    let page =
        gateway.store.transcript(&place.key, &record.row.session_id, limit, 0).await.map_err(refuse)?;
    let messages = page.entries.iter().map(|known| message(known, None, usize::MAX)).collect();
    Ok(SessionMessages { messages })
}

pub(in crate::rpc) async fn resolve(
    gateway: &Gateway,
    params: SessionsResolveParams,
) -> Result<SessionResolved, RpcError> {
    let selectors = [&params.key, &params.session_id, &params.label];
    if selectors.iter().filter(|selector| selector.is_some()).count() != 1 {
        return Err(RpcError::invalid("Provide exactly one of key, sessionId, or label"));
    }
    let agent = params.agent_id.as_deref();
    let (found, what) = if let Some(key) = &params.key {
        let place = place(gateway, key, agent)?;
        (gateway.store.session(&place.key).await.map_err(refuse)?, key.clone())
    } else if let Some(id) = &params.session_id {
        let key = gateway.store.session_key(id).await.map_err(refuse)?;
        let record = match key {
            Some(key) => gateway.store.session(&key).await.map_err(refuse)?,
            None => None,
        };
        (
            record.filter(|record| agent.is_none_or(|agent| record.row.agent.eq_ignore_ascii_case(agent))),
            id.clone(),
        )
    } else {
        let label = params.label.unwrap_or_default();
        let query = SessionQuery {
            agent: agent.map(str::to_lowercase),
            label: Some(label.clone()),
            limit: 2,
            ..SessionQuery::default()
        };
        let (mut found, _) = gateway.store.list_sessions(query).await.map_err(refuse)?;
        if found.len() > 1 {
            let keys: Vec<&str> = found.iter().map(|record| record.row.key.as_str()).collect();
            let text = format!("Multiple sessions found with label: {label} ({})", keys.join(", "));
            return Err(RpcError::invalid(text));
        }
        (found.pop(), format!("with label: {label}"))
    };
    match found {
        Some(record) => {
            Ok(SessionResolved { ok: true, key: Some(record.row.key), agent_id: Some(record.row.agent) })
        }
        None if params.allow_missing == Some(true) => Ok(SessionResolved::default()),
        None => {
            let colon = if what.starts_with("with label") { "" } else { ":" };
            Err(RpcError::invalid(format!("No session found{colon} {what}")))
        }
    }
}

pub(in crate::rpc) async fn search(
    gateway: &Gateway,
    params: SessionsSearchParams,
) -> Result<SessionsFound, RpcError> {
    let query = params.query.trim().to_lowercase();
    if query.is_empty() {
        return Err(RpcError::invalid("query required"));
    }
    let keys = params.session_keys.unwrap_or_default();
    let keys = keys.iter().map(|key| place(gateway, key, None).map(|place| place.key));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let agent = params.agent_id.as_deref().map(str::to_lowercase);
    let limit = number(params.limit.unwrap_or(HITS));
    let mut found =
        gateway.store.search_transcripts(&query, agent.as_deref(), &keys, limit + 1).await.map_err(refuse)?;
    let truncated = found.len() > limit;
    found.truncate(limit);
    let results = found.into_iter().map(|hit| SessionHit {
        session_key: hit.session_key,
        session_id: hit.session_id,
        message_id: hit.id.to_string(),
        role: role(hit.entry.role).to_owned(),
        timestamp: time(hit.entry.at),
        snippet: snippet(&hit.entry.content, &query),
        score: u64::try_from(hit.entry.content.to_lowercase().matches(&query).count()).unwrap_or_default(),
    });
    Ok(SessionsFound { results: results.collect(), truncated: truncated.then_some(true) })
}

pub(in crate::rpc) fn subscribe(caller: &Caller) -> Subscribed {
    caller.client.subscriptions.follow_all();
    Subscribed { subscribed: true, key: None }
}

pub(in crate::rpc) fn follow(
    caller: &Caller,
    params: &SessionsMessagesSubscribeParams,
) -> Result<Subscribed, RpcError> {
    let Place { key, .. } = place(&caller.gateway, &params.key, params.agent_id.as_deref())?;
    if !caller.client.subscriptions.follow(&key) {
        return Err(RpcError::invalid(
            "too many sessions are followed on this connection; end another subscription first (sessions.messages.unsubscribe)",
        ));
    }
    Ok(Subscribed { subscribed: true, key: Some(key) })
}

pub(in crate::rpc) fn leave(
    caller: &Caller,
    params: &SessionsMessagesUnsubscribeParams,
) -> Result<Subscribed, RpcError> {
    let Place { key, .. } = place(&caller.gateway, &params.key, params.agent_id.as_deref())?;
    caller.client.subscriptions.leave(&key);
    Ok(Subscribed { subscribed: false, key: Some(key) })
}

/// An entry as a message of a transcript (frame `11-chat-send`), with at most `chars` characters of text.
pub(in crate::rpc) fn message(known: &NumberedEntry, run_id: Option<&str>, chars: usize) -> Value {
    let NumberedEntry { id, seq, entry } = known;
    let text = shortened(&entry.content, chars);
    let mut place = json!({"id": id.to_string(), "seq": seq, "recordTimestampMs": entry.at});
    if let (Some(run_id), Some(place)) = (run_id, place.as_object_mut()) {
        place.insert("runId".to_owned(), json!(run_id));
    }
    match entry.role {
        EntryRole::User => {
            json!({"role": "user", "content": text, "timestamp": entry.at, "__openclaw": place})
        }
        EntryRole::Assistant => {
            let mut message = json!({"role": "assistant", "content": [{"type": "text", "text": text}],
                "timestamp": entry.at, "__openclaw": place});
            let fields = message.as_object_mut();
            if let (Some(fields), Some((provider, model))) =
                (fields, entry.model.as_deref().and_then(|model| model.split_once('/')))
            {
                fields.insert("provider".to_owned(), json!(provider));
                fields.insert("model".to_owned(), json!(model));
                fields.extend(entry.usage.map(|usage| {
                    let total = usage.input_tokens.saturating_add(usage.output_tokens);
                    let usage = json!({"input": usage.input_tokens, "output": usage.output_tokens,
                        "cacheRead": usage.cached_tokens, "totalTokens": total});
                    ("usage".to_owned(), usage)
                }));
            }
            message
        }
    }
}

fn role(role: EntryRole) -> &'static str {
    match role {
        EntryRole::User => "user",
        EntryRole::Assistant => "assistant",
    }
}

/// What stands around the first place of `query` (in lower case), on one line.
fn snippet(text: &str, query: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let place = line.to_lowercase().find(query).unwrap_or_default();
    // Lower case may be longer than the text itself: counted in characters, and only roughly.
    let before = line.to_lowercase().get(..place).map_or(0, |before| before.chars().count());
    let from = before.saturating_sub(AROUND);
    let shown: String = line.chars().skip(from).take(query.chars().count() + 2 * AROUND).collect();
    let (head, tail) = (from > 0, line.chars().count() > from + shown.chars().count());
    format!("{}{shown}{}", if head { "…" } else { "" }, if tail { "…" } else { "" })
}

fn number(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_where_it_shows() {
        let text = format!("{} Needle {}", "x".repeat(200), "y".repeat(200));
        let found = snippet(&text, "needle");
        assert!(found.starts_with('…') && found.ends_with('…') && found.contains("Needle"), "{found}");
        assert_eq!(snippet("one\nneedle", "needle"), "one needle");
    }
}
