//! Owns sending on request (`send`): one message for one idempotency key, however often and however concurrently it is asked
//! for, and the receipt for all who asked. Sending itself is the outbox's.

use std::time::Duration;

use openclaw_store::{
    AccountKey, ConversationKey, MediaFile, OutboxRow, OutboxState, Store, StoreError, Target,
};
use tokio::time::Instant;

use crate::accounts::{Accounts, draft};
use crate::clock::now_ms;
use crate::outbox::Outbox;
use crate::settings::Options;

/// A message that somebody wants sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendRequest {
    /// Who sends it.
    pub account: AccountKey,
    /// Where to.
    pub target: Target,
    /// Markdown of any length; split to the channel's limit. May be empty where there are files.
    pub text: String,
    /// Files of the account that go with it.
    pub media: Vec<MediaFile>,
    /// The vendor's id of the message to answer.
    pub reply_to: Option<String>,
    /// Deliver without a sound.
    pub silent: bool,
    /// The same key twice is one message.
    pub idempotency_key: String,
}

/// A message that the vendor has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The vendor's ids of what is visible now, in order.
    pub message_ids: Vec<String>,
}

/// Why there is no receipt.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SendError {
    /// The account is unknown or disabled.
    #[error(
        "no account {0} is configured and enabled (unknown_account). Run `openclaw channels status` to see the accounts"
    )]
    UnknownAccount(AccountKey),
    /// There is nothing to send.
    #[error("the message is empty (empty)")]
    Empty,
    /// The vendor refused it, or all attempts failed.
    #[error("{account} did not send the message ({code}): {detail}")]
    Failed {
        /// Who should have sent it.
        account: AccountKey,
        /// The vendor's code or a stable word.
        code: String,
        /// For people.
        detail: String,
    },
    /// It may or may not have arrived.
    #[error("{account} may or may not have sent the message, and it is not sent again ({code}): {detail}")]
    Ambiguous {
        /// Who sent it, perhaps.
        account: AccountKey,
        /// The vendor's code or a stable word.
        code: String,
        /// For people.
        detail: String,
    },
    /// It was not sent, or perhaps it was, and a person has decided to leave it at that.
    #[error(
        "{account} does not send this message: it was dropped from the dead letters (dropped), where it was for \
         {reason}. Send it with another idempotency key"
    )]
    Dropped {
        /// Who should have sent it.
        account: AccountKey,
        /// Why it was a dead letter.
        reason: String,
    },
    /// It waits in the outbox and goes out as soon as the account can.
    #[error(
        "{account} has not sent the message yet ({code}): {detail}. It waits in the outbox and goes out when the account is \
         ready; run `openclaw channels status --probe`"
    )]
    Waiting {
        /// Who will send it.
        account: AccountKey,
        /// Why it waits.
        code: String,
        /// For people.
        detail: String,
    },
    /// It could not be stored, or the idempotency key was used for another message (`Conflict`).
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SendError {
    /// A stable code for searching and for machines.
    pub fn code(&self) -> &str {
        match self {
            Self::UnknownAccount(_) => "unknown_account",
            Self::Empty => "empty",
            Self::Dropped { .. } => "dropped",
            Self::Failed { code, .. } | Self::Ambiguous { code, .. } | Self::Waiting { code, .. } => code,
            Self::Store(error) => error.code(),
        }
    }
}

/// Stores the message and waits for its end, at most `Options::send_wait`.
pub(crate) async fn send(
    store: &Store,
    accounts: &Accounts,
    outbox: &Outbox,
    options: &Options,
    request: SendRequest,
) -> Result<Delivered, SendError> {
    let settings = accounts
        .get(&request.account)
        .filter(|settings| settings.enabled)
        .ok_or_else(|| SendError::UnknownAccount(request.account.clone()))?;
    let mut draft = draft(&settings, request.target.clone(), &request.text, request.media, options)
        .ok_or(SendError::Empty)?;
    draft.request_key = Some(request.idempotency_key);
    draft.reply_to = request.reply_to;
    draft.silent = request.silent;
    // Before the draft is stored, so that its end is not missed.
    let mut ended = outbox.listen();
    let batch = store.enqueue(&draft, now_ms()).await?.batch;
    outbox.wake(&ConversationKey { account: request.account.clone(), target: request.target });
    let deadline = Instant::now() + options.send_wait;
    loop {
        let rows = store.batch(&batch).await?;
        if rows.iter().all(|row| row.state.is_final()) || outbox.is_parked(&request.account) {
            return verdict(request.account, &rows);
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, ended.recv()).await {
                Ok(Ok(name)) if *name != *batch => {}
                // Ours, or we fell behind: look.
                Ok(_) => break,
                Err(_) if left == Duration::ZERO => return verdict(request.account, &rows),
                Err(_) => break,
            }
        }
    }
}

/// The worst of the parts decides.
fn verdict(account: AccountKey, rows: &[OutboxRow]) -> Result<Delivered, SendError> {
    let fault = |row: &OutboxRow| {
        row.error.clone().map_or_else(
            || ("waiting".to_owned(), "the send has not ended".to_owned()),
            |fault| (fault.code, fault.detail),
        )
    };
    let worst = |state| rows.iter().find(|row| row.state == state).map(fault);
    if let Some((code, detail)) = worst(OutboxState::Failed) {
        return Err(SendError::Failed { account, code, detail });
    }
    if let Some((code, detail)) = worst(OutboxState::Ambiguous) {
        return Err(SendError::Ambiguous { account, code, detail });
    }
    if let Some((reason, _)) = worst(OutboxState::Dropped) {
        return Err(SendError::Dropped { account, reason });
    }
    if let Some((code, detail)) = worst(OutboxState::Pending).or_else(|| worst(OutboxState::Sending)) {
        return Err(SendError::Waiting { account, code, detail });
    }
    let receipts = rows.iter().filter_map(|row| row.receipt.as_ref());
    Ok(Delivered { message_ids: receipts.flat_map(|receipt| receipt.message_ids.clone()).collect() })
}
