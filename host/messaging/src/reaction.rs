//! Owns the reactions that tell people what becomes of their message: that it was accepted, that it is being answered, that
//! it was. A courtesy: whatever goes wrong with it, no turn waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use openclaw_store::{AccountKey, ChatKind, InboundId, InboundRow, Target};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::channel::{Reaction, Sender};
use crate::policy;
use crate::settings::AccountSettings;
use crate::tasks::Tasks;

/// Shown where nobody chose one.
const EYES: &str = "👀";
/// The stages of a turn, in signs that vendors with a fixed set of them have as well.
const WORKING: &str = "🤔";
const DONE: &str = "👍";
const FAILED: &str = "😱";
/// Messages with reactions that are to be shown or may change, at once. Beyond it there are none.
const MOST: usize = 256;
/// Reactions under way at once: a component's calls are for messages in the first place.
const SLOTS: usize = 8;
/// How long the vendor may take for one, and how long the last one stays before it is taken away.
const DEADLINE: Duration = Duration::from_secs(15);
const HOLD: Duration = Duration::from_millis(1_500);

/// Which messages get a reaction when they are accepted (`ackReactionScope`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AckScope {
    /// In groups, those that name the agent.
    #[default]
    GroupMentions,
    /// In groups, all that become a turn.
    GroupAll,
    /// Direct ones.
    Direct,
    /// All that become a turn.
    All,
    /// None.
    Off,
}

/// What an operator says about reactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reactions {
    /// Instead of the agent's own sign; empty for none.
    pub ack: Option<String>,
    /// Which messages get it.
    pub scope: AckScope,
    /// It is taken away after the reply.
    pub remove: bool,
    /// It changes with the stages of the turn.
    pub status: bool,
}

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Reactor {
    sender: Arc<dyn Sender>,
    tasks: Tasks,
    slots: Arc<Semaphore>,
    open: Arc<Mutex<HashMap<InboundId, Open>>>,
}

/// A message whose reaction may still change.
struct Open {
    wanted: watch::Sender<Wanted>,
    remove: bool,
    status: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    emoji: Option<String>,
    /// After this one comes nothing but, perhaps, its end.
    last: bool,
    remove: bool,
}

impl Reactor {
    pub(crate) fn new(sender: Arc<dyn Sender>, tasks: Tasks) -> Self {
        Self { sender, tasks, slots: Arc::new(Semaphore::new(SLOTS)), open: Arc::default() }
    }

    /// A message was accepted.
    pub(crate) fn accepted(&self, row: &InboundRow, settings: &AccountSettings) {
        let Some(emoji) = ack(row, settings) else { return };
        let Reactions { remove, status, .. } = settings.replies.reactions;
        let mut open = self.lock();
        if open.len() >= MOST || open.contains_key(&row.id) || self.tasks.is_closing() {
            return;
        }
        let wanted = Wanted { emoji: Some(emoji), last: !(remove || status), remove: false };
        let (wanted, follower) = watch::channel(wanted);
        let (reactor, id) = (self.clone(), row.id);
        let message = Message {
            sender: Arc::clone(&self.sender),
            slots: Arc::clone(&self.slots),
            account: row.account.clone(),
            target: row.message.target(),
            id: row.message.id.clone(),
        };
        open.insert(id, Open { wanted, remove, status });
        drop(open);
        self.tasks.spawn(async move {
            // A turn that goes on after the restart has its reaction set anew.
            tokio::select! {
                _ = reactor.tasks.survive("a reaction", message.follow(follower)) => {}
                () = reactor.tasks.closing() => {}
            }
            reactor.lock().remove(&id);
        });
    }

    /// The turn of a message has begun.
    pub(crate) fn working(&self, id: InboundId) {
        if let Some(open) = self.lock().get(&id).filter(|open| open.status) {
            open.wanted.send_replace(Wanted { emoji: Some(WORKING.to_owned()), last: false, remove: false });
        }
    }

    /// The turn of a message is over.
    pub(crate) fn ended(&self, id: InboundId, failed: bool) {
        let mut all = self.lock();
        let Some(open) = all.get(&id).filter(|open| open.status || open.remove) else { return };
        let outcome = if failed { FAILED } else { DONE };
        let emoji = open.status.then(|| outcome.to_owned());
        open.wanted.send_replace(Wanted { emoji, last: true, remove: open.remove });
        all.remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<InboundId, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The message that people react to, and who does.
struct Message {
    sender: Arc<dyn Sender>,
    slots: Arc<Semaphore>,
    account: AccountKey,
    target: Target,
    id: String,
}

impl Message {
    /// Shows what is wanted, one after the other; what was overtaken is left out.
    async fn follow(self, mut wanted: watch::Receiver<Wanted>) {
        let mut shown: Option<String> = None;
        loop {
            let now = wanted.borrow_and_update().clone();
            if now.emoji != shown {
                self.show(now.emoji.clone(), shown.take()).await;
                shown = now.emoji;
            }
            if now.last {
                if now.remove && shown.is_some() {
                    tokio::time::sleep(HOLD).await;
                    self.show(None, shown).await;
                }
                return;
            }
            // Nobody will want another one: the gateway is shutting down.
            if wanted.changed().await.is_err() {
                return;
            }
        }
    }

    async fn show(&self, emoji: Option<String>, instead_of: Option<String>) {
        let (target, message_id) = (self.target.clone(), self.id.clone());
        let reaction = Reaction { target, message_id, emoji, instead_of };
        let showing = async {
            // It is never closed.
            let _slot = self.slots.acquire().await;
            self.sender.react(&self.account, reaction).await;
        };
        // Too late is as good as never.
        let _ = timeout(DEADLINE, showing).await;
    }
}

/// The reaction to a message that was accepted, if there is to be one.
fn ack(row: &InboundRow, settings: &AccountSettings) -> Option<String> {
    let Reactions { ack, scope, .. } = &settings.replies.reactions;
    let (message, agent) = (&row.message, row.route.as_ref().map(|route| route.agent.as_str())?);
    let direct = message.conversation.kind == ChatKind::Direct;
    let named = || policy::names_agent(settings, message);
    let wanted = match scope {
        AckScope::GroupMentions => !direct && named(),
        AckScope::GroupAll => !direct,
        AckScope::Direct => direct,
        AckScope::All => true,
        AckScope::Off => false,
    };
    let emoji = ack.as_deref().or_else(|| settings.replies.personas.get(agent)?.emoji.as_deref());
    let emoji = emoji.unwrap_or(EYES).trim();
    (wanted && !emoji.is_empty()).then(|| emoji.to_owned())
}

#[cfg(test)]
mod tests;
