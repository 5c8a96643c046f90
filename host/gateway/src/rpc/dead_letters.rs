//! `channels.deadLetters.*`: what could not be sent or read. The rules are messaging's; whatever is shown is free of secrets.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use openclaw_messaging::{AccountKey, DeadLetterError, OutboxRow};
use openclaw_protocol::RpcError;
use openclaw_protocol::dead_letters::{
    DeadFile, DeadLetter, DeadLetterCounts, DeadLetterDetail, DeadLetterDropParams, DeadLetterDropped,
    DeadLetterGetParams, DeadLetterRetried, DeadLetterRetryParams, DeadLetters, DeadLettersListParams,
    DeadSend, DeadUnread, USUAL_LETTERS,
};
use openclaw_secrets::Scrubber;
use openclaw_store::{DeadCounts, DeadDetail, DeadId, DeadKind, DeadQuery, SetAside};
use openclaw_text::shortened;
use serde_json::json;

use crate::clock::now_ms;
use crate::process::Gateway;
use crate::rpc::sessions::rows;

/// Accounts whose dead letters are counted.
const ACCOUNTS: usize = 10_000;
/// Characters of a text in the list.
const BEGINNING: usize = 120;
/// Bytes of what could not be read that are shown.
const RAW: usize = 4_096;

/// `channels.deadLetters.list`
pub(super) async fn list(
    gateway: &Arc<Gateway>,
    query: DeadLettersListParams,
) -> Result<DeadLetters, RpcError> {
    let DeadLettersListParams { channel, account_id, limit } = query;
    let counts = gateway.store.dead_counts(ACCOUNTS).await.map_err(rows::refuse)?;
    let mut total = DeadCounts::default();
    for (account, counts) in counts {
        let wanted = channel.as_ref().is_none_or(|channel| *channel == account.channel)
            && account_id.as_ref().is_none_or(|name| *name == account.account);
        if wanted {
            total += counts;
        }
    }
    let query = DeadQuery { channel, account: account_id, limit: limit.unwrap_or(USUAL_LETTERS) };
    let found = gateway.store.dead_letters(&query).await.map_err(rows::refuse)?;
    let scrubber = scrubber(gateway);
    let letters = found.into_iter().map(|letter| {
        let (room, thread_id) = letter.target.map(|target| (target.room, target.thread)).unzip();
        DeadLetter {
            id: letter.id.to_string(),
            kind: letter.kind.as_str().to_owned(),
            channel: letter.account.channel,
            account_id: letter.account.account,
            room,
            thread_id: thread_id.flatten(),
            at: moment(letter.at),
            code: scrubber.scrub(&letter.code).into_owned(),
            // Scrubbed as a whole: of a secret that is cut, a half would remain.
            text: beginning(&scrubber.scrub(&letter.text)),
        }
    });
    Ok(DeadLetters {
        ts: now_ms(),
        letters: letters.collect(),
        counts: DeadLetterCounts {
            failed: total.failed,
            ambiguous: total.ambiguous,
            expired: total.expired,
            unread: total.unread,
        },
        total: total.total(),
    })
}

/// `channels.deadLetters.get`
pub(super) async fn get(
    gateway: &Arc<Gateway>,
    which: DeadLetterGetParams,
) -> Result<DeadLetterDetail, RpcError> {
    let id = id(&which.id)?;
    let found = gateway.store.dead_letter(id).await.map_err(rows::refuse)?;
    let scrubber = scrubber(gateway);
    match found {
        Some(DeadDetail::Send { kind, row, request_key, parts }) => {
            Ok(sent(id, kind, *row, request_key, parts, &scrubber))
        }
        Some(DeadDetail::Unread { account, what }) => Ok(unread(id, account, &what, &scrubber)),
        None => {
            let state = match id {
                DeadId::Send(row) => gateway.store.outbox_state(row).await,
                DeadId::Unread(_) => Ok(None),
            };
            let state = state.map_err(rows::refuse)?;
            Err(refuse(state.map_or(DeadLetterError::Gone(id), |state| DeadLetterError::Not { id, state })))
        }
    }
}

/// `channels.deadLetters.retry`
pub(super) async fn retry(
    gateway: &Arc<Gateway>,
    which: DeadLetterRetryParams,
) -> Result<DeadLetterRetried, RpcError> {
    let id = id(&which.id)?;
    let twice = which.twice == Some(true);
    let queued = gateway.messaging.retry_dead_letter(id, twice).await.map_err(refuse)?;
    Ok(DeadLetterRetried {
        id: id.to_string(),
        channel: queued.account.channel,
        account_id: queued.account.account,
        room: queued.target.room,
        queued: u64::from(queued.parts),
        expires_at: moment(queued.expires_at),
    })
}

/// `channels.deadLetters.drop`
pub(super) async fn drop_one(
    gateway: &Arc<Gateway>,
    which: DeadLetterDropParams,
) -> Result<DeadLetterDropped, RpcError> {
    let id = id(&which.id)?;
    let AccountKey { channel, account } = gateway.messaging.drop_dead_letter(id).await.map_err(refuse)?;
    Ok(DeadLetterDropped { id: id.to_string(), channel, account_id: account, dropped: true })
}

/// How many dead letters each account has; nothing when they cannot be counted now, which is logged.
pub(super) async fn counts(gateway: &Gateway) -> HashMap<AccountKey, DeadCounts> {
    match gateway.store.dead_counts(ACCOUNTS).await {
        Ok(counts) => counts.into_iter().collect(),
        Err(error) => {
            tracing::warn!(code = error.code(), "dead letters are not counted: {error}");
            HashMap::new()
        }
    }
}

fn sent(
    id: DeadId,
    kind: DeadKind,
    row: OutboxRow,
    request_key: Option<String>,
    parts: u32,
    scrubber: &Scrubber,
) -> DeadLetterDetail {
    let idempotency_key = row.idempotency_key();
    let fault = row.error.unwrap_or_else(|| openclaw_store::SendFault {
        code: "unknown".to_owned(),
        detail: "nothing is known of the reason".to_owned(),
    });
    let files = row.media.into_iter().map(|file| DeadFile {
        name: file.name.map(|name| scrubber.scrub(&name).into_owned()),
        mime: file.mime,
        size: file.size,
    });
    let advice = match kind {
        DeadKind::Ambiguous => format!(
            "It may have arrived: look in the chat first. Sent again, it may appear twice: openclaw channels dead-letters \
             retry {id} --yes"
        ),
        _ => format!(
            "Once the reason is gone, send it again: openclaw channels dead-letters retry {id}. To forget it: openclaw \
             channels dead-letters drop {id}"
        ),
    };
    DeadLetterDetail {
        letter: DeadLetter {
            id: id.to_string(),
            kind: kind.as_str().to_owned(),
            channel: row.account.channel,
            account_id: row.account.account,
            room: Some(row.target.room),
            thread_id: row.target.thread,
            at: moment(row.updated_at),
            code: scrubber.scrub(&fault.code).into_owned(),
            text: scrubber.scrub(&row.text).into_owned(),
        },
        detail: Some(scrubber.scrub(&fault.detail).into_owned()),
        advice,
        send: Some(DeadSend {
            idempotency_key,
            request_key,
            part: moment(row.part) + 1,
            parts: u64::from(parts),
            attempts: moment(row.attempts),
            created_at: moment(row.created_at),
            expires_at: moment(row.expires_at),
            reply_to_id: row.reply_to,
            silent: row.silent,
            files: files.collect(),
        }),
        unread: None,
    }
}

fn unread(id: DeadId, account: AccountKey, what: &SetAside, scrubber: &Scrubber) -> DeadLetterDetail {
    let text = String::from_utf8_lossy(&what.raw);
    let text = scrubber.scrub(&text);
    let end = text.floor_char_boundary(RAW);
    let reason = scrubber.scrub(&what.reason).into_owned();
    DeadLetterDetail {
        letter: DeadLetter {
            id: id.to_string(),
            kind: DeadKind::Unread.as_str().to_owned(),
            channel: account.channel,
            account_id: account.account,
            at: moment(what.at),
            code: reason.clone(),
            text: text.get(..end).unwrap_or_default().to_owned(),
            ..DeadLetter::default()
        },
        detail: Some(reason),
        advice: DeadLetterError::Unread(id).to_string(),
        send: None,
        unread: Some(DeadUnread {
            vendor_id: what.vendor_id.as_deref().map(|id| scrubber.scrub(id).into_owned()),
            bytes: what.raw.len() as u64,
        }),
    }
}

fn id(text: &str) -> Result<DeadId, RpcError> {
    text.parse::<DeadId>().map_err(|error| {
        RpcError::invalid(format!("{error}. Run `openclaw channels dead-letters list` to see the ids"))
            .with_details(json!({"code": "DEAD_LETTER_ID"}))
    })
}

fn refuse(error: DeadLetterError) -> RpcError {
    match error {
        DeadLetterError::Store(error) => rows::refuse(error),
        error => RpcError::invalid(error.to_string()).with_details(json!({"code": error.code()})),
    }
}

/// Knows every secret that was in force since the start.
fn scrubber(gateway: &Gateway) -> Scrubber {
    Scrubber::new(&*gateway.secrets.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The beginning of a text in one line.
fn beginning(text: &str) -> String {
    shortened(&text.split_whitespace().collect::<Vec<_>>().join(" "), BEGINNING)
}

/// What the ledger counts is never negative.
fn moment(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_one_line_of_bounded_length() {
        assert_eq!(beginning("  one\n\ttwo "), "one two");
        let long = "ä".repeat(BEGINNING + 1);
        assert_eq!(beginning(&long), format!("{}…", "ä".repeat(BEGINNING - 1)));
        assert_eq!(beginning(&"ä".repeat(BEGINNING)), "ä".repeat(BEGINNING));
    }

    #[test]
    fn a_wrong_id_is_told_with_its_code() {
        let error = id("17").unwrap_err();
        assert_eq!(error.detail_code(), Some("DEAD_LETTER_ID"));
        assert!(error.message.contains("send-17") && error.message.contains("dead-letters list"), "{error}");
    }
}
