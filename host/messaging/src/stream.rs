//! Owns the preview of an answer: one message that shows the text while it is written and that the answer takes the place
//! of. It is sent and edited beside the outbox, at a slow pace, and stops at the first sign of trouble: the answer itself
//! is a row of the outbox and waits for nothing here but a call that is under way.
//!
//! A preview never shows the end of what was written and says so by its last sign: if one is lost sight of (killed
//! between its send and its receipt), the answer comes as a message of its own and appears once all the same.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use openclaw_failpoints::failpoint;
use openclaw_store::{AccountKey, ConversationKey, PreviewBegin, SessionWrite, Store, TurnRows};
use openclaw_text::Unit;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

use crate::answer::Aborting;
use crate::channel::{Outbound, Outcome, Revision, Sender};
use crate::replies::Author;
use crate::tags;
use crate::tasks::Tasks;

/// What stands at the end of a preview.
const MORE: &str = " …";
/// Characters that are worth a first message, where the operator says nothing.
const ENOUGH: usize = 30;
/// The same for a preview that grows by blocks; also how much it grows by.
const BLOCK: usize = 200;
/// Lines of a first preview. A channel may split a message of many lines, and only one message can be replaced.
const LINES: usize = 10;
/// How soon to look again when there was nothing new to show.
const GLANCE: Duration = Duration::from_millis(250);
/// The longest that a vendor's wish to be left alone is heeded; longer waits end the preview of the turn.
const PATIENCE: Duration = Duration::from_secs(60);
/// Edits in a row that may fail, and edits of one preview in all.
const FAILURES: u32 = 3;
const EDITS: u32 = 200;
/// Bytes of a text that are followed: no preview shows more, and what is behind them is in no block.
const FOLLOWED: usize = 64 << 10;

/// How an answer shows while it is written (`streaming.mode` and `streaming.preview`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreviewRules {
    /// It grows by whole sentences and lines, and by no less than `min_chars`; else by words.
    pub blocks: bool,
    /// Characters before there is a message at all.
    pub min_chars: usize,
}

impl PreviewRules {
    /// With as many characters as are worth a message, where nobody says how many.
    #[must_use]
    pub fn new(blocks: bool, min_chars: Option<usize>) -> Self {
        let usual = if blocks { BLOCK } else { ENOUGH };
        Self { blocks, min_chars: min_chars.unwrap_or(usual).max(1) }
    }
}

/// Where a turn says what it has written so far, and of itself. Never waits; nobody may be listening.
#[derive(Clone, Debug, Default)]
pub struct Writing(Option<Arc<Written>>);

#[derive(Debug)]
struct Written {
    text: watch::Sender<String>,
    /// There is more text than is followed.
    full: AtomicBool,
    known: Arc<Known>,
}

/// What is known of a turn before it is over.
#[derive(Debug, Default)]
pub(crate) struct Known {
    author: OnceLock<Author>,
    outset: Arc<OnceLock<SessionWrite>>,
}

impl Known {
    /// Which model writes.
    pub(crate) fn author(&self) -> Option<Author> {
        self.author.get().cloned()
    }

    /// What the session gets of a turn that came to no end: all but what was said.
    pub(crate) fn outset(&self) -> Option<SessionWrite> {
        self.outset.get().cloned()
    }
}

impl Writing {
    /// With what is written so far, for whoever wants to follow it, and with what is known of the turn.
    pub(crate) fn open() -> (Self, watch::Receiver<String>, Arc<Known>) {
        let (text, written) = watch::channel(String::new());
        let known = Arc::<Known>::default();
        let all = Written { text, full: AtomicBool::new(false), known: Arc::clone(&known) };
        (Self(Some(Arc::new(all))), written, known)
    }

    /// Whether anybody listens.
    #[must_use]
    pub fn is_followed(&self) -> bool {
        self.0.is_some()
    }

    /// More text.
    pub fn add(&self, piece: &str) {
        let Some(written) = self.0.as_ref().filter(|written| !written.full.load(Ordering::Relaxed)) else {
            return;
        };
        written.text.send_if_modified(|text| {
            let fits = text.len() + piece.len() <= FOLLOWED;
            if fits {
                text.push_str(piece);
            } else {
                // Without this piece there is none behind it.
                written.full.store(true, Ordering::Relaxed);
            }
            fits
        });
    }

    /// Which model writes. Said once.
    pub fn by(&self, author: Author) {
        if let Some(written) = &self.0 {
            // The first one wrote the first word.
            let _ = written.known.author.set(author);
        }
    }

    /// Where to put what the session gets of the turn in any case: what the person said, without an answer.
    #[must_use]
    pub fn outset(&self) -> Option<Arc<OnceLock<SessionWrite>>> {
        self.0.as_ref().map(|written| Arc::clone(&written.known.outset))
    }
}

/// What the preview of one turn needs.
pub(crate) struct Preview {
    pub(crate) store: Store,
    pub(crate) sender: Arc<dyn Sender>,
    pub(crate) tasks: Tasks,
    /// What the turn answers.
    pub(crate) rows: TurnRows,
    pub(crate) conversation: ConversationKey,
    pub(crate) rules: PreviewRules,
    /// Stands before the text.
    pub(crate) prefix: Option<String>,
    pub(crate) reply_to: Option<String>,
    pub(crate) reply_context: Vec<u8>,
    /// The longest message of the channel.
    pub(crate) limit: usize,
    pub(crate) unit: Unit,
    /// From the first word to the first message.
    pub(crate) after: Duration,
    /// Between two edits.
    pub(crate) every: Duration,
    /// How long a call may take.
    pub(crate) deadline: Duration,
}

/// Whatever follows the writing of a turn: its preview, or its blocks. Dropping it breaks it off.
pub(crate) struct Following {
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) task: Aborting<()>,
}

impl Following {
    /// Nothing more is begun. Returns when nothing is under way: what comes next is not overtaken by it.
    pub(crate) async fn end(mut self) {
        // It may have ended by itself.
        let _ = self.stop.send(());
        if let Err(error) = (&mut self.task.0).await {
            tracing::error!(code = "panic", "following a turn ended abnormally: {error}");
        }
    }
}

/// What became of the first message.
enum First {
    /// It shows the view, and has this id.
    Shown(String),
    /// It was there before, whatever it shows.
    Known(String),
    /// Something else goes first.
    Later,
    Never,
}

impl Preview {
    /// Follows what a turn writes.
    pub(crate) fn begin(self, written: watch::Receiver<String>) -> Following {
        let (stop, stopped) = oneshot::channel();
        let task = Aborting(tokio::spawn(self.follow(written, stopped)));
        Following { stop, task }
    }

    async fn follow(self, mut text: watch::Receiver<String>, mut stopped: oneshot::Receiver<()>) {
        let mut message: Option<String> = None;
        let mut last = String::new();
        // When to look next; nothing was written before the first time.
        let (mut next, mut fresh) = (None, false);
        let (mut failures, mut edits) = (0, 0);
        loop {
            let due = next.filter(|_| fresh);
            tokio::select! {
                biased;
                _ = &mut stopped => return,
                changed = text.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    fresh = true;
                    next.get_or_insert_with(|| Instant::now() + self.after);
                    continue;
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
            fresh = false;
            let view = self.view(&text.borrow_and_update(), &last);
            let Some(view) = view else {
                next = Some(Instant::now() + GLANCE);
                continue;
            };
            let mut wait = self.every;
            match &message {
                None => match self.first(&view).await {
                    First::Shown(id) => {
                        message = Some(id);
                        last = view;
                    }
                    First::Known(id) => {
                        message = Some(id);
                        (wait, fresh) = (Duration::ZERO, true);
                    }
                    First::Later => fresh = true,
                    First::Never => return,
                },
                Some(id) => {
                    edits += 1;
                    match self.edit(id, &view).await {
                        Outcome::Sent(_) => {
                            failures = 0;
                            last = view;
                        }
                        Outcome::Retryable(failure) | Outcome::Ambiguous(failure) => {
                            failures += 1;
                            wait = wait.max(Duration::from_millis(failure.retry_after_ms.unwrap_or(0)));
                            fresh = true;
                        }
                        Outcome::Permanent(_) | Outcome::Unauthorised(_) | Outcome::NotRunning(_) => return,
                    }
                    if failures >= FAILURES || edits >= EDITS || wait > PATIENCE {
                        return;
                    }
                }
            }
            next = Some(Instant::now() + wait);
        }
    }

    /// What to show of a text; `None` when that is nothing new.
    fn view(&self, text: &str, last: &str) -> Option<String> {
        let (mut text, _) = tags::take(written(text, self.rules.blocks), "");
        // The beginning of a tag is no text.
        if let Some(open) =
            text.rfind("[[").filter(|open| !text.get(*open..).unwrap_or_default().contains("]]"))
        {
            text.truncate(open);
        }
        let text = text.trim();
        if text.chars().count() < self.rules.min_chars {
            return None;
        }
        let text = match last {
            "" => text.split_inclusive('\n').take(LINES).collect(),
            _ => text.to_owned(),
        };
        let text = match &self.prefix {
            Some(prefix) if !text.starts_with(prefix) => format!("{prefix} {text}"),
            Some(_) | None => text,
        };
        let room = self.limit.saturating_sub(MORE.len()).max(1);
        let shown = openclaw_text::split(&text, room, self.unit).into_iter().next()?;
        let view = format!("{}{MORE}", shown.trim_end());
        let growth = if self.rules.blocks && !last.is_empty() { self.rules.min_chars } else { 1 };
        (view != last && view.chars().count() >= last.chars().count() + growth).then_some(view)
    }

    /// Sends the first message, marked before and recorded after.
    async fn first(&self, view: &str) -> First {
        match self.store.begin_preview(&self.rows, &self.conversation).await {
            Ok(PreviewBegin::Begun) => {}
            Ok(PreviewBegin::Shown(message)) => return First::Known(message),
            Ok(PreviewBegin::Busy) => return First::Later,
            Ok(PreviewBegin::Never) => return First::Never,
            Err(error) => {
                tracing::warn!(
                    code = error.code(),
                    inbound = self.rows.own.0,
                    "no preview is shown: {error}"
                );
                return First::Never;
            }
        }
        failpoint!("messaging.preview-marked");
        let outbound = Outbound {
            idempotency_key: format!("preview-{}", self.rows.own.0),
            target: self.conversation.target.clone(),
            text: view.to_owned(),
            reply_to: self.reply_to.clone(),
            reply_context: self.reply_context.clone(),
            media: Vec::new(),
            silent: false,
        };
        let outcome = timeout(self.deadline, self.sender.send(self.account(), outbound)).await;
        failpoint!("messaging.preview-sent");
        match outcome {
            Ok(Outcome::Sent(receipt)) => {
                let mut ids = receipt.message_ids.into_iter();
                match (ids.next(), ids.next()) {
                    (Some(message), None) => self.record(Some(message)).await,
                    // It cannot be replaced as a whole: the answer comes beside it.
                    _ => First::Never,
                }
            }
            Ok(Outcome::Ambiguous(failure)) => {
                tracing::warn!(
                    account = %self.account(), code = failure.code, inbound = self.rows.own.0,
                    "a preview may or may not have arrived; the answer will be a message of its own: {}", failure.detail
                );
                First::Never
            }
            Err(_) => First::Never,
            // Nothing is visible. The answer has its own tries.
            Ok(
                Outcome::Retryable(_)
                | Outcome::Permanent(_)
                | Outcome::Unauthorised(_)
                | Outcome::NotRunning(_),
            ) => self.record(None).await,
        }
    }

    /// Stores how the first message ended, however long the disk refuses.
    async fn record(&self, message: Option<String>) -> First {
        for attempt in 1.. {
            match self.store.end_preview(self.rows.own, message.as_deref()).await {
                Ok(()) => break,
                Err(error) if error.is_transient() => {
                    if !self.tasks.pause_for_store(&self.store, attempt).await {
                        return First::Never;
                    }
                }
                Err(error) => {
                    tracing::error!(
                        code = error.code(),
                        inbound = self.rows.own.0,
                        "a preview is not stored: {error}"
                    );
                    return First::Never;
                }
            }
        }
        failpoint!("messaging.preview-recorded");
        message.map_or(First::Never, First::Shown)
    }

    async fn edit(&self, message: &str, view: &str) -> Outcome {
        let revision = Revision {
            target: self.conversation.target.clone(),
            message_id: message.to_owned(),
            text: view.to_owned(),
            reply_context: self.reply_context.clone(),
        };
        let edited = timeout(self.deadline, self.sender.edit(self.account(), revision)).await;
        edited.unwrap_or_else(|_| {
            Outcome::Permanent(crate::channel::Failure::new("timeout", "no outcome in time"))
        })
    }

    fn account(&self) -> &AccountKey {
        &self.conversation.account
    }
}

/// What may be shown of a text that may not be complete: never all of it. `blocks`: whole sentences and lines.
fn written(text: &str, blocks: bool) -> &str {
    let text = text.trim_end();
    let end = match blocks {
        true => {
            let mut ends = text.char_indices().rev().skip(1).filter(|(at, sign)| match sign {
                '\n' | '。' | '！' | '？' => true,
                '.' | '!' | '?' => {
                    let after = text.get(at + 1..).unwrap_or_default();
                    after.starts_with(char::is_whitespace)
                }
                _ => false,
            });
            ends.next().map_or(0, |(at, sign)| at + sign.len_utf8())
        }
        false => {
            let last = text.char_indices().next_back().map_or(0, |(at, _)| at);
            // Not every language sets spaces between its words.
            match text.rfind(char::is_whitespace) {
                Some(space) if text.len() - space <= 64 => space,
                Some(_) | None => last,
            }
        }
    };
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
