//! Owns the turn of the messages that are told together: what the agent is told beside them, what people see meanwhile, and
//! the end: turn and reply are closed in one transaction. Never decides when a turn begins and never sends an answer.

use std::sync::Arc;
use std::time::Duration;

use openclaw_failpoints::{failpoint, hurried};
use openclaw_store::{
    AccountKey, ChatKind, ConversationKey, Draft, InboundId, InboundRow, Message, SessionWrite, Store,
    StoreError, TurnRows,
};
use tokio::sync::{Notify, watch};

use crate::accounts::{Accounts, draft};
use crate::authority::Authority;
use crate::batch::{Asked, Batch};
use crate::channel::Sender;
use crate::clock::now_ms;
use crate::heard;
use crate::lanes::Lanes;
use crate::outbox::Outbox;
use crate::policy;
use crate::reaction::Reactor;
use crate::runner::{Heard, TurnReply, TurnRequest, TurnRunner};
use crate::settings::{AccountSettings, ContextVisibility, Options};
use crate::stream::{Preview, Previewing, Writing};
use crate::tags;
use crate::tasks::Tasks;
use crate::typing::Typing;

/// Said when a turn takes too long.
const TIMED_OUT: &str = "⚠️ Request timed out before a response was generated. Please try again, or increase \
                         `agents.defaults.timeoutSeconds` in your config.";
/// Said when a turn panics.
const WENT_WRONG: &str = "⚠️ Something went wrong while processing your request. Please try again, or use /new to start \
                          a fresh session.";
/// How long a turn that is stopped for a newer message may take to end by itself.
const STOP_GRACE: Duration = Duration::from_millis(500);

/// What turns need of the rest of the crate.
pub(crate) struct Wiring {
    pub(crate) store: Store,
    pub(crate) runner: Arc<dyn TurnRunner>,
    pub(crate) sender: Arc<dyn Sender>,
    pub(crate) outbox: Outbox,
    pub(crate) accounts: Accounts,
    pub(crate) lanes: Lanes,
    pub(crate) reactor: Reactor,
    pub(crate) tasks: Tasks,
    pub(crate) options: Options,
}

/// How a turn came to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Its messages are closed, or nothing can be done about them.
    Over,
    /// A newer message stopped it: its messages are still owed.
    Interrupted,
}

impl Wiring {
    /// Whether whoever said this may give commands.
    fn may_command(&self, account: &AccountKey, message: &Message) -> bool {
        let settings = self.accounts.get(account);
        settings.is_some_and(|settings| settings.commands.may_command(&message.sender))
    }

    /// Whether the message is a command, and not only looks like one.
    pub(crate) fn is_command(&self, account: &AccountKey, message: &Message) -> bool {
        self.runner.is_command(message) && self.may_command(account, message)
    }

    /// Whether the message is one, or holds one.
    pub(crate) fn has_command(&self, account: &AccountKey, message: &Message) -> bool {
        self.runner.has_command(message) && self.may_command(account, message)
    }

    /// Whether the message must not wait for its session's turn.
    pub(crate) fn overtakes(&self, row: &InboundRow) -> bool {
        self.runner.overtakes(&row.message) && self.may_command(&row.account, &row.message)
    }

    /// What the sender may do beside talking, as things are now.
    async fn authority(&self, settings: Option<&Arc<AccountSettings>>, message: &Message) -> Authority {
        let Some(settings) = settings else { return Authority::default() };
        let rules = &settings.commands;
        // Only a command asks who the owner is.
        let approved = match self.runner.is_command(message) && !rules.owners_named {
            true => self.store.owner().await.unwrap_or_else(|error| {
                tracing::warn!(code = error.code(), "who is the owner cannot be read: {error}");
                None
            }),
            false => None,
        };
        rules.authority(&settings.key.channel, &message.sender, approved.as_deref())
    }

    /// Runs the turn and answers. A panic is answered too, so that its messages are not owed for ever.
    pub(crate) async fn answer_in_spite(&self, batch: Batch, stop: &Notify) -> End {
        let asked = batch.asked();
        match self.tasks.survive("a turn", self.answer(batch, asked.clone(), stop)).await {
            Some(end) => end,
            None => {
                self.tasks
                    .survive("the answer to a turn that panicked", self.finish(asked, said(WENT_WRONG)))
                    .await;
                End::Over
            }
        }
    }

    async fn answer(&self, batch: Batch, asked: Asked, stop: &Notify) -> End {
        failpoint!("messaging.lane");
        let Batch { row, route, first, .. } = batch;
        asked.rows.all().for_each(|id| self.reactor.working(id));
        let settings = self.accounts.get(&row.account);
        let (writing, written) = Writing::open();
        let typing = self.typing(&row, &asked, settings.as_deref(), &written);
        let heard = match settings.as_ref().map(|settings| settings.history_limit) {
            Some(limit) if limit > 0 && row.message.conversation.kind != ChatKind::Direct => {
                self.heard(&row, first, limit).await
            }
            Some(_) | None => Vec::new(),
        };
        // Whose words are which is not told any more once several messages are one text: none of them are commands.
        let authority = match asked.rows.told_together() {
            true => Authority::default(),
            false => self.authority(settings.as_ref(), &row.message).await,
        };
        let context = settings.as_ref().map(|settings| settings.context).unwrap_or_default();
        let direct = row.message.conversation.kind == ChatKind::Direct;
        let history_turns = settings
            .as_ref()
            .filter(|_| direct)
            .and_then(|settings| settings.dm_turns(&row.message.sender.id));
        let previewing =
            settings.as_ref().and_then(|settings| self.preview(&row, &asked, settings, &written));
        let request = TurnRequest {
            history_turns,
            inbound: row.id,
            account: row.account.clone(),
            channel_label: settings
                .as_ref()
                .map_or_else(String::new, |settings| settings.words.label.clone()),
            route,
            message: visible(row.message, context),
            received_at: row.received_at,
            heard,
            authority,
            writing,
        };
        let mut turn = std::pin::pin!(self.run(request));
        let reply = tokio::select! {
            reply = &mut turn => Some(reply),
            () = stop.notified() => {
                self.runner.stop(row.id);
                // It ends by itself, or is dropped: either way what it says is not sent.
                drop(tokio::time::timeout(STOP_GRACE, turn).await);
                None
            }
        };
        if let Some(previewing) = previewing {
            previewing.end().await;
        }
        let Some(reply) = reply else { return End::Interrupted };
        drop(typing);
        failpoint!("messaging.turned");
        self.finish(asked, reply).await;
        End::Over
    }

    /// Begins to show that an answer is being written, where that is wanted.
    fn typing(
        &self,
        row: &InboundRow,
        asked: &Asked,
        settings: Option<&AccountSettings>,
        written: &watch::Receiver<String>,
    ) -> Option<Aborting<()>> {
        let rules =
            settings.and_then(|settings| settings.typing.get(&asked.agent)).copied().unwrap_or_default();
        let named = settings.is_some_and(|settings| policy::names_agent(settings, &row.message));
        let typing = Typing {
            sender: Arc::clone(&self.sender),
            account: row.account.clone(),
            target: asked.target.clone(),
            every: rules.every.unwrap_or(self.options.typing_every),
        };
        typing.show(rules.mode_for(&row.message, named), written.clone())
    }

    /// Begins to show the answer while it is written, where that is wanted and possible.
    fn preview(
        &self,
        row: &InboundRow,
        asked: &Asked,
        settings: &AccountSettings,
        written: &watch::Receiver<String>,
    ) -> Option<Previewing> {
        let rules = settings.replies.preview.filter(|_| self.sender.can_edit(&row.account))?;
        if self.is_command(&row.account, &row.message) {
            return None;
        }
        let (reply_to, _) = settings.replies.answers(None, &asked.message_id, asked.rows.told_together());
        let direct = row.message.conversation.kind == ChatKind::Direct;
        let preview = Preview {
            store: self.store.clone(),
            sender: Arc::clone(&self.sender),
            tasks: self.tasks.clone(),
            rows: asked.rows.clone(),
            conversation: ConversationKey { account: asked.account.clone(), target: asked.target.clone() },
            rules,
            prefix: settings.replies.early_prefix(&asked.agent),
            reply_to,
            reply_context: asked.reply_context.clone(),
            limit: settings.text_limit,
            unit: settings.text_unit,
            after: hurried(self.options.preview_after),
            every: self.options.preview_every * if direct { 1 } else { 3 },
            deadline: self.options.send_deadline,
        };
        Some(preview.begin(written.clone()))
    }

    /// What was said in the group meanwhile. Without it the turn runs all the same.
    async fn heard(&self, row: &InboundRow, first: InboundId, limit: usize) -> Vec<Heard> {
        match self.store.heard(&row.account, &row.message.target(), first, row.id, limit).await {
            Ok(rows) => heard::told(rows.into_iter().map(|row| row.message)),
            Err(error) => {
                tracing::warn!(
                    code = error.code(),
                    inbound = row.id.0,
                    "what was heard is not told: {error}"
                );
                Vec::new()
            }
        }
    }

    /// Closes the turn with its reply.
    async fn finish(&self, asked: Asked, reply: TurnReply) {
        let Asked { mut rows, account, agent, target, message_id, reply_context } = asked;
        rows.ended.clone_from(&reply.withheld);
        let (id, together) = (rows.own, rows.told_together());
        let settings = self.accounts.get(&account);
        let (text, tagged) = tags::take(reply.text.as_deref().unwrap_or_default(), &message_id);
        if settings.is_none() {
            tracing::warn!(account = %account, inbound = id.0, "no reply: the account is not configured any more");
        }
        let draft = settings.and_then(|settings| {
            let text = settings.replies.prefixed(&agent, reply.author.as_ref(), text);
            let (reply_to, reply_all) = settings.replies.answers(tagged, &message_id, together);
            let draft = draft(&settings, target.clone(), &text, Vec::new(), &self.options)?;
            Some(Draft { reply_to, reply_all, reply_context, ..draft })
        });
        let replies = draft.is_some();
        let stored = self.close(rows.clone(), reply.session.clone(), draft).await;
        failpoint!("messaging.closed");
        rows.all().for_each(|id| self.reactor.ended(id, reply.failed));
        if stored && replies {
            self.outbox.wake(&ConversationKey { account, target });
        }
        if let Some(write) = reply.session {
            self.runner.closed(id, write, stored).await;
        }
    }

    /// Runs the turn in a task of its own, so that its panic or its silence is a reply too.
    async fn run(&self, request: TurnRequest) -> TurnReply {
        let (id, session) = (request.inbound, request.route.session_key.clone());
        let runner = Arc::clone(&self.runner);
        let mut turn = Aborting(tokio::spawn(async move {
            failpoint!("messaging.turn");
            runner.run(request).await
        }));
        let deadline = self.options.turn_deadline;
        match tokio::time::timeout(deadline, &mut turn.0).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(error)) => {
                tracing::error!(code = "panic", inbound = id.0, session, "a turn ended abnormally: {error}");
                said(WENT_WRONG)
            }
            Err(_) => {
                tracing::warn!(
                    code = "timeout",
                    inbound = id.0,
                    session,
                    "a turn was stopped after {deadline:?}"
                );
                said(TIMED_OUT)
            }
        }
    }

    /// Stores turn and reply, however long the disk refuses. Returns whether they are stored. When the end comes first, the
    /// ledger still owes the turn.
    async fn close(&self, rows: TurnRows, session: Option<SessionWrite>, draft: Option<Draft>) -> bool {
        let id = rows.own;
        for attempt in 1.. {
            match self.store.finish_turn(rows.clone(), session.clone(), draft.clone(), now_ms()).await {
                Ok(()) => return true,
                Err(error) if error.is_transient() => {
                    if !self.tasks.pause_for_store(&self.store, attempt).await {
                        return false;
                    }
                }
                Err(StoreError::Conflict(reason)) => {
                    tracing::warn!(code = "conflict", inbound = id.0, "a turn's reply is dropped: {reason}");
                    return false;
                }
                Err(error) => {
                    tracing::error!(code = error.code(), inbound = id.0, "a turn is not stored: {error}");
                    return false;
                }
            }
        }
        false
    }
}

/// The message with as much of others' words as the turn is to be told.
fn visible(mut message: Message, context: ContextVisibility) -> Message {
    if context == ContextVisibility::Allowlist && !message.reply_to_self {
        message.quote = None;
    }
    message
}

/// A reply of the gateway itself.
fn said(text: &str) -> TurnReply {
    TurnReply { text: Some(text.to_owned()), failed: true, ..TurnReply::default() }
}

/// A task that ends with its holder.
pub(crate) struct Aborting<T>(pub(crate) tokio::task::JoinHandle<T>);

impl<T> Drop for Aborting<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
