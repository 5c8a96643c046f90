//! Owns the step from an admitted message to a decision: policy, pairing, routing. Runs after `admit` has returned, so that
//! the vendor is answered at the speed of the disk and not of the policy.
//!
//! Messages are decided together but queued in the order of their admission.

use std::sync::Arc;

use futures::future::join_all;
use openclaw_failpoints::failpoint;
use openclaw_store::{
    ChatKind, ConversationKey, InboundRow, NewPairing, PairingMeta, PairingOutcome, Route, SenderKind, Step,
    Store, StoreError, Target, Verdict,
};
use tokio::sync::mpsc;

use crate::accounts::{Accounts, draft};
use crate::album::Albums;
use crate::bot_loop::BotLoops;
use crate::clock::now_ms;
use crate::outbox::Outbox;
use crate::pairing;
use crate::policy::{self, Decision, Judged, Known};
use crate::routing;
use crate::settings::{AccountSettings, DmPolicy, Options};
use crate::tasks::Tasks;
use crate::turns::Turns;

/// Messages decided together.
const BATCH: usize = 64;
/// Codes tried before giving up; with 32^8 codes and a handful pending, a second is hardly ever needed.
const CODES: usize = 5;

pub(crate) struct Pipeline {
    pub(crate) store: Store,
    pub(crate) accounts: Accounts,
    pub(crate) outbox: Outbox,
    pub(crate) turns: Turns,
    pub(crate) tasks: Tasks,
    pub(crate) options: Options,
    pub(crate) loops: BotLoops,
    pub(crate) albums: Albums,
}

impl Pipeline {
    /// Decides what comes until the end begins.
    pub(crate) async fn run(self, mut admitted: mpsc::Receiver<InboundRow>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let count = tokio::select! {
                // `recv_many` is cancel safe: what it has not returned is still queued, and in the ledger anyway.
                count = admitted.recv_many(&mut batch, BATCH) => count,
                () = self.tasks.closing() => 0,
            };
            if count == 0 {
                return;
            }
            self.decide_all(std::mem::take(&mut batch)).await;
        }
    }

    /// Decides messages and queues those that become turns.
    pub(crate) async fn decide_all(&self, rows: Vec<InboundRow>) {
        rows.iter().filter(|row| row.message.album.is_some()).for_each(|row| self.note_album(row));
        let decided = join_all(rows.into_iter().map(|row| self.settle_in_spite(row))).await;
        for (row, session) in decided.into_iter().flatten() {
            if self.tasks.survive("queueing a turn", self.turns.queue(row)).await.is_none() {
                self.turns.owe(session).await;
            }
        }
    }

    /// Remembers the album of a piece that names the agent, before any of its pieces is decided.
    fn note_album(&self, row: &InboundRow) {
        let settings = self.accounts.get(&row.account);
        if settings.is_some_and(|settings| policy::names_agent(&settings, &row.message)) {
            self.albums.names(&row.account, &row.message);
        }
    }

    /// Decides one message, also when it panics once: nobody else looks at it before the next start. Returns it with its session
    /// if it becomes a turn.
    async fn settle_in_spite(&self, row: InboundRow) -> Option<(InboundRow, String)> {
        let what = "deciding about a message";
        let decided = match self.tasks.survive(what, self.settle(&row)).await {
            Some(decided) => decided,
            None => self.tasks.survive(what, self.settle(&row)).await.flatten(),
        };
        let route = decided?;
        let session = route.session_key.clone();
        Some((InboundRow { route: Some(route), ..row }, session))
    }

    /// Decides one message, however long the disk refuses. `None`: it becomes no turn, or the end came first.
    async fn settle(&self, row: &InboundRow) -> Option<Route> {
        for attempt in 1.. {
            match self.decide(row).await {
                Ok(route) => return route,
                Err(error) if error.is_transient() => {
                    if !self.tasks.pause_for_store(&self.store, attempt).await {
                        return None;
                    }
                }
                Err(error) => {
                    tracing::error!(
                        code = error.code(),
                        inbound = row.id.0,
                        "a message is not decided: {error}"
                    );
                    return None;
                }
            }
        }
        None
    }

    async fn decide(&self, row: &InboundRow) -> Result<Option<Route>, StoreError> {
        failpoint!("messaging.decide");
        let Some(settings) = self.accounts.get(&row.account) else {
            tracing::warn!(account = %row.account, inbound = row.id.0, "drop message (account not configured)");
            let reason = "the account is not configured";
            let step = Step { check: "account".to_owned(), passed: false, found: reason.to_owned() };
            self.close(row, Verdict::Drop, reason, vec![step], None).await?;
            return Ok(None);
        };
        let sender = &row.message.sender.id;
        let direct = row.message.conversation.kind == ChatKind::Direct;
        let approved = settings.policy.dm == DmPolicy::Pairing
            && direct
            && self.store.is_approved(&row.account, sender).await?;
        let command = self.turns.is_command(&row.account, &row.message);
        let route = routing::route(&settings, &row.message);
        let album_named = self.albums.is_named(&row.account, &row.message);
        let known = Known { agent: &route.agent, approved, command, album_named, activation: None };
        let mut judged = policy::decide(&settings, &row.message, known);
        // The store is asked only where its answer can change something, and that is not where a check before refused.
        if judged.activation_counts
            && let Some(activation) = self.store.session_settings(&route.session_key).await?.activation
        {
            judged = policy::decide(&settings, &row.message, Known { activation: Some(activation), ..known });
        }
        let judged = self.without_loops(&settings, row, judged);
        let Judged { decision, steps, .. } = judged;
        // A group is told later what was said since it was last answered.
        let place = (!direct && settings.history_limit > 0).then(|| row.message.target());
        match decision {
            Decision::Admit(reason) => {
                self.close(row, Verdict::Queue(route.clone()), reason, steps, place).await?;
                failpoint!("messaging.decided");
                Ok(Some(route))
            }
            Decision::Drop(refusal) => {
                if refusal.notable {
                    tracing::info!(
                        account = %row.account, sender, message_id = row.message.id, room = row.message.conversation.room,
                        title = row.message.conversation.title, reason = refusal.reason, "{}", refusal.line
                    );
                } else {
                    tracing::debug!(account = %row.account, sender, "{}", refusal.line);
                }
                let place = place.filter(|_| refusal.heard);
                self.close(row, Verdict::Drop, refusal.reason, steps, place).await?;
                Ok(None)
            }
            Decision::Pair => {
                self.pair(&settings, row, steps).await?;
                Ok(None)
            }
        }
    }

    /// The decision, unless it would be the next turn of two bots that answer each other.
    fn without_loops(&self, settings: &AccountSettings, row: &InboundRow, judged: Judged) -> Judged {
        let message = &row.message;
        let admitted = matches!(judged.decision, Decision::Admit(_));
        match settings.policy.bot_loop {
            Some(rules)
                if admitted
                    && message.sender.kind == SenderKind::Bot
                    && !self.loops.admits(&row.account, message, rules) =>
            {
                policy::end_bot_loop(settings, message, judged)
            }
            Some(_) | None => judged,
        }
    }

    async fn close(
        &self,
        row: &InboundRow,
        verdict: Verdict,
        reason: &str,
        steps: Vec<Step>,
        heard_in: Option<Target>,
    ) -> Result<(), StoreError> {
        let decision = openclaw_store::Decision { verdict, reason: reason.to_owned(), steps, heard_in };
        self.store.decide(row.id, decision, now_ms()).await
    }

    async fn pair(
        &self,
        settings: &Arc<AccountSettings>,
        row: &InboundRow,
        steps: Vec<Step>,
    ) -> Result<(), StoreError> {
        let (channel, sender) = (&settings.key.channel, &row.message.sender);
        for _ in 0..CODES {
            let code = pairing::code().map_err(|error| StoreError::Internal(Arc::new(error)))?;
            let text = pairing::reply(channel, &settings.words, &sender.id, &code);
            let drafted = draft(settings, row.message.target(), &text, Vec::new(), &self.options);
            let Some(mut reply) = drafted else { break };
            reply.reply_context.clone_from(&row.message.reply_context);
            let target = reply.target.clone();
            let meta = PairingMeta { username: sender.username.clone(), name: sender.display_name.clone() };
            let ask = NewPairing {
                inbound: row.id,
                sender: sender.id.clone(),
                meta,
                code,
                reply,
                steps: steps.clone(),
            };
            let outcome = self.store.request_pairing(ask, pairing::RULES, now_ms()).await?;
            let word = match outcome {
                PairingOutcome::CodeTaken => continue,
                PairingOutcome::Created => "created",
                PairingOutcome::Refreshed => "pending",
                PairingOutcome::Full => "ignored, too many are pending",
            };
            tracing::info!(
                account = %row.account, sender = sender.id, username = sender.username, name = sender.display_name,
                message_id = row.message.id, room = row.message.conversation.room,
                "{channel} pairing request sender={} ({word})", sender.id
            );
            if outcome == PairingOutcome::Created {
                self.outbox.wake(&ConversationKey { account: row.account.clone(), target });
            }
            return Ok(());
        }
        self.close(row, Verdict::Drop, "no pairing code could be made", steps, None).await
    }
}
