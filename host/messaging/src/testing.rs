//! Owns what the tests of this crate share: an account, a message, a sender that remembers, a runner that can be held.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use openclaw_store::{
    AccountKey, ChatKind, Conversation, InboundId, InboundRow, Message, QueueMode, Receipt, Route,
    SenderInfo, SenderKind, SessionWrite, Target,
};
use openclaw_text::Unit;
use tokio::sync::watch;

use crate::allow::{AllowList, Allowed};
use crate::authority::CommandRules;
use crate::channel::{Outbound, Outcome, Reaction, Revision, Sender};
use crate::queue::QueueRules;
use crate::replies::Replies;
use crate::runner::{TurnReply, TurnRequest, TurnRunner};
use crate::settings::{AccountSettings, ContextVisibility, Cut, DmScope, GroupScope, Policy, Words};

pub(crate) fn account() -> AccountKey {
    AccountKey::new("chat", "default")
}

pub(crate) fn settings() -> AccountSettings {
    AccountSettings {
        key: account(),
        enabled: true,
        policy: Policy::default(),
        words: Words {
            label: "Chat".to_owned(),
            sender_id_line: "Your Chat user id: {id}".to_owned(),
            group_drop: "skipping group message".to_owned(),
            thread_word: "topic".to_owned(),
        },
        text_limit: 4000,
        text_unit: Unit::Utf16,
        text_cut: Cut::Length,
        agent: "main".to_owned(),
        dm_scope: DmScope::Main,
        bindings: Vec::new(),
        group_scope: GroupScope::default(),
        links: BTreeMap::new(),
        mentions: BTreeMap::new(),
        history_limit: 50,
        context: ContextVisibility::default(),
        commands: CommandRules::default(),
        main: "main".to_owned(),
        global: false,
        dm_history_limit: 0,
        dm_history_limits: BTreeMap::new(),
        direct_instructions: BTreeMap::new(),
        debounce: Duration::ZERO,
        queue: QueueRules { mode: QueueMode::Followup, cap: 1_000, ..QueueRules::default() },
        typing: BTreeMap::new(),
        replies: Replies::default(),
    }
}

/// A message that waits for its turn.
pub(crate) fn row(id: i64, sender: &str, text: &str) -> InboundRow {
    let route = Route { agent: "main".to_owned(), session_key: "agent:main:main".to_owned() };
    let message = message(&id.to_string(), sender, text);
    InboundRow { id: InboundId(id), account: account(), message, received_at: 0, route: Some(route) }
}

/// An allowlist of these ids.
pub(crate) fn list(ids: &[&str]) -> AllowList {
    let entry = |id: &&str| match *id {
        "*" => Allowed::Anyone,
        id => Allowed::Sender(id.to_owned()),
    };
    ids.iter().map(entry).collect()
}

/// A direct message of `sender`, in a room of the same name.
pub(crate) fn message(id: &str, sender: &str, text: &str) -> Message {
    Message {
        id: id.to_owned(),
        conversation: Conversation {
            kind: ChatKind::Direct,
            space: None,
            room: sender.to_owned(),
            thread: None,
            title: None,
        },
        sender: SenderInfo {
            kind: SenderKind::Person,
            id: sender.to_owned(),
            username: Some("ada".to_owned()),
            display_name: Some("Ada".to_owned()),
            roles: Vec::new(),
        },
        text: text.to_owned(),
        sent_at_ms: 0,
        mentions_self: false,
        reply_to_self: false,
        addresses_others: false,
        edited: false,
        forwarded: false,
        quote: None,
        media: Vec::new(),
        album: None,
        reply_context: vec![7],
    }
}

/// What a sender that remembers was asked to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) room: String,
    pub(crate) text: String,
    pub(crate) key: String,
    pub(crate) reply_to: Option<String>,
}

/// Sends into memory. What it answers is scripted; without a script it answers with a receipt.
pub(crate) struct Memory {
    said: watch::Sender<Vec<Said>>,
    script: Mutex<VecDeque<Outcome>>,
    /// Rooms whose sends do not come back.
    stuck: Mutex<HashSet<String>>,
    pub(crate) typed: watch::Sender<usize>,
    /// What was asked to be edited: the message's id, and its new text.
    pub(crate) edited: watch::Sender<Vec<(String, String)>>,
    edit_script: Mutex<VecDeque<Outcome>>,
    /// Reactions, and those that they took the place of.
    pub(crate) reacted: watch::Sender<Vec<(Option<String>, Option<String>)>>,
}

impl Memory {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            said: watch::Sender::new(Vec::new()),
            script: Mutex::default(),
            stuck: Mutex::default(),
            typed: watch::Sender::new(0),
            edited: watch::Sender::new(Vec::new()),
            edit_script: Mutex::default(),
            reacted: watch::Sender::new(Vec::new()),
        })
    }

    pub(crate) fn answer_next(&self, outcomes: impl IntoIterator<Item = Outcome>) {
        self.script.lock().unwrap().extend(outcomes);
    }

    pub(crate) fn answer_edits(&self, outcomes: impl IntoIterator<Item = Outcome>) {
        self.edit_script.lock().unwrap().extend(outcomes);
    }

    /// Waits until so many edits have begun.
    pub(crate) async fn edits(&self, count: usize) -> Vec<(String, String)> {
        let mut edited = self.edited.subscribe();
        within(edited.wait_for(|edited| edited.len() >= count)).await.unwrap().clone()
    }

    pub(crate) fn stick(&self, room: &str) {
        self.stuck.lock().unwrap().insert(room.to_owned());
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.said.borrow().iter().map(|said| said.text.clone()).collect()
    }

    pub(crate) fn all(&self) -> Vec<Said> {
        self.said.borrow().clone()
    }

    /// Waits until so many sends have begun.
    pub(crate) async fn reaches(&self, count: usize) -> Vec<String> {
        let mut said = self.said.subscribe();
        within(said.wait_for(|said| said.len() >= count)).await.unwrap();
        self.texts()
    }
}

#[async_trait]
impl Sender for Memory {
    async fn send(&self, _: &AccountKey, outbound: Outbound) -> Outcome {
        let room = outbound.target.room.clone();
        let scripted = self.script.lock().unwrap().pop_front();
        let count = self.said.borrow().len();
        self.said.send_modify(|said| {
            said.push(Said {
                room: room.clone(),
                text: outbound.text,
                key: outbound.idempotency_key,
                reply_to: outbound.reply_to,
            });
        });
        let stuck = self.stuck.lock().unwrap().contains(&room);
        if stuck {
            std::future::pending::<()>().await;
        }
        scripted.unwrap_or(Outcome::Sent(Receipt { message_ids: vec![format!("v{count}")] }))
    }

    async fn typing(&self, _: &AccountKey, _: &Target) {
        self.typed.send_modify(|count| *count += 1);
    }

    fn can_edit(&self, _: &AccountKey) -> bool {
        true
    }

    async fn edit(&self, _: &AccountKey, revision: Revision) -> Outcome {
        let scripted = self.edit_script.lock().unwrap().pop_front();
        let message_ids = vec![revision.message_id.clone()];
        self.edited.send_modify(|edited| edited.push((revision.message_id, revision.text)));
        scripted.unwrap_or(Outcome::Sent(Receipt { message_ids }))
    }

    async fn react(&self, _: &AccountKey, reaction: Reaction) {
        self.reacted.send_modify(|reacted| reacted.push((reaction.emoji, reaction.instead_of)));
    }
}

/// Repeats what it hears. `panic` panics, `hang` never ends, `silent` says nothing, and `!` overtakes. What it has written so
/// far is what it heard.
#[derive(Default)]
pub(crate) struct Echo {
    /// Turns wait while this is true.
    held: watch::Sender<bool>,
    pub(crate) begun: watch::Sender<Vec<String>>,
    /// Whether those who said it might command.
    pub(crate) commanded: watch::Sender<Vec<bool>>,
    /// Sessions that turns were closed in, and whether they were stored.
    pub(crate) closed: watch::Sender<Vec<(String, bool)>>,
    /// Turns that were asked to end.
    pub(crate) stopped: watch::Sender<Vec<InboundId>>,
}

impl Echo {
    pub(crate) fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    pub(crate) async fn begins(&self, count: usize) -> Vec<String> {
        let mut begun = self.begun.subscribe();
        within(begun.wait_for(|begun| begun.len() >= count)).await.unwrap().clone()
    }
}

#[async_trait]
impl TurnRunner for Echo {
    async fn run(&self, turn: TurnRequest) -> TurnReply {
        let text = turn.message.text;
        turn.writing.add(&text);
        self.commanded.send_modify(|commanded| commanded.push(turn.authority.commands));
        self.begun.send_modify(|begun| begun.push(text.clone()));
        match text.as_str() {
            "hang" => std::future::pending().await,
            "silent" => return TurnReply::default(),
            "panic" => panic!("as asked"),
            "!" => {}
            _ => drop(self.held.subscribe().wait_for(|held| !held).await),
        }
        let (key, agent) = (turn.route.session_key, turn.route.agent);
        let session = SessionWrite { key, session_id: "s".into(), agent, entries: vec![] };
        TurnReply { text: Some(format!("echo: {text}")), session: Some(session), ..TurnReply::default() }
    }

    async fn closed(&self, _: InboundId, write: SessionWrite, stored: bool) {
        self.closed.send_modify(|closed| closed.push((write.key, stored)));
    }

    fn stop(&self, inbound: InboundId) {
        self.stopped.send_modify(|stopped| stopped.push(inbound));
    }

    fn overtakes(&self, message: &Message) -> bool {
        message.text == "!"
    }

    fn is_command(&self, message: &Message) -> bool {
        message.text.starts_with('/')
    }

    fn has_command(&self, message: &Message) -> bool {
        message.text.contains('/')
    }
}

/// Fails the test instead of hanging it.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("it takes too long")
}
