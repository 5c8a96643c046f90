//! Owns what a person decides about what did not get through: once more, or never. Nothing here happens by itself.

use openclaw_store::{AccountKey, Buried, DeadId, OutboxState, Revived, Store, StoreError, Target};

use crate::activity::ActivityBoard;
use crate::clock::{millis, now_ms};
use crate::outbox::Outbox;
use crate::settings::Options;

/// A message that is on its way again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requeued {
    /// Who sends it.
    pub account: AccountKey,
    /// Where to.
    pub target: Target,
    /// How many of its parts wait to be sent.
    pub parts: u32,
    /// Until when they are tried.
    pub expires_at: i64,
}

/// Why nothing became of a decision about a dead letter. Nothing was changed then.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// It is not known (any more).
    #[error(
        "there is no dead letter {0} (any more). Run `openclaw channels dead-letters list` to see what there is"
    )]
    Gone(DeadId),
    /// It is no dead letter (any more).
    #[error(
        "{id} is no dead letter (any more): {}. Run `openclaw channels dead-letters list` to see what there is",
        told(*state)
    )]
    Not {
        /// Which one.
        id: DeadId,
        /// What became of it.
        state: OutboxState,
    },
    /// It may have arrived.
    #[error(
        "{id} is not sent again: {parts} part(s) of the message may have arrived and may then appear twice. Look in the \
         chat first; to send it all the same: openclaw channels dead-letters retry {id} --yes"
    )]
    Uncertain {
        /// Which one.
        id: DeadId,
        /// How many parts may have arrived.
        parts: u32,
    },
    /// It came in, and there is nothing to send.
    #[error(
        "{0} cannot be tried again: it came from the vendor, who takes it for delivered and does not send it a second time, \
         and the plugin could not read it. Ask the sender to write again, show it to the plugin's author (openclaw channels \
         dead-letters show {0}), and forget it with: openclaw channels dead-letters drop {0}"
    )]
    Unread(DeadId),
    /// What it carries is gone.
    #[error(
        "{0} cannot be sent again: a file that goes with it was removed to make room. Send the message anew, and forget this \
         one with: openclaw channels dead-letters drop {0}"
    )]
    FilesGone(DeadId),
    /// The ledger could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DeadLetterError {
    /// A stable code for searching and for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Gone(_) => "DEAD_LETTER_GONE",
            Self::Not { .. } => "DEAD_LETTER_OVER",
            Self::Uncertain { .. } => "DEAD_LETTER_UNCERTAIN",
            Self::Unread(_) => "DEAD_LETTER_UNREAD",
            Self::FilesGone(_) => "DEAD_LETTER_FILES_GONE",
            Self::Store(error) => error.code(),
        }
    }
}

fn told(state: OutboxState) -> &'static str {
    match state {
        OutboxState::Pending => "it waits to be sent",
        OutboxState::Sending => "it is being sent",
        OutboxState::Sent => "it was sent",
        OutboxState::Dropped => "it was dropped",
        OutboxState::Ambiguous | OutboxState::Failed => "it changed just now",
    }
}

/// Puts it back into the outbox with a new expiry, and wakes its conversation.
pub(crate) async fn retry(
    store: &Store,
    outbox: &Outbox,
    options: &Options,
    id: DeadId,
    twice: bool,
) -> Result<Requeued, DeadLetterError> {
    let DeadId::Send(row) = id else {
        let known = store.dead_letter(id).await?.is_some();
        return Err(if known { DeadLetterError::Unread(id) } else { DeadLetterError::Gone(id) });
    };
    let now = now_ms();
    let expires_at = now.saturating_add(millis(options.reply_expiry));
    match store.revive(row, twice, expires_at, now).await? {
        Revived::Gone => Err(DeadLetterError::Gone(id)),
        Revived::Not(state) => Err(DeadLetterError::Not { id, state }),
        Revived::Uncertain(parts) => Err(DeadLetterError::Uncertain { id, parts }),
        Revived::FilesGone => Err(DeadLetterError::FilesGone(id)),
        Revived::Queued { conversation, parts } => {
            outbox.wake(&conversation);
            tracing::info!(account = %conversation.account, dead_letter = %id, parts, "sending it again, as asked");
            Ok(Requeued { account: conversation.account, target: conversation.target, parts, expires_at })
        }
    }
}

/// Forgets it.
pub(crate) async fn drop_one(
    store: &Store,
    activity: &ActivityBoard,
    id: DeadId,
) -> Result<AccountKey, DeadLetterError> {
    match store.bury(id, now_ms()).await? {
        Buried::Gone => Err(DeadLetterError::Gone(id)),
        Buried::Not(state) => Err(DeadLetterError::Not { id, state }),
        Buried::Forgotten(account) => {
            if matches!(id, DeadId::Unread(_)) {
                activity.forgotten(&account);
            }
            tracing::info!(%account, dead_letter = %id, "dropped, as asked");
            Ok(account)
        }
    }
}
