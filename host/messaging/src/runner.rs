//! Owns what `messaging` asks of agents: the `TurnRunner` trait. Never knows models or sessions' contents.

use async_trait::async_trait;
use openclaw_store::{AccountKey, InboundId, Message, Route, SessionWrite};

use crate::authority::Authority;
use crate::replies::Author;
use crate::stream::Writing;

/// One admitted message that wants an answer.
#[derive(Clone, Debug)]
pub struct TurnRequest {
    /// The ledger's number: the same after a restart.
    pub inbound: InboundId,
    /// Whose message it is.
    pub account: AccountKey,
    /// What people call the channel.
    pub channel_label: String,
    /// Which agent and which session.
    pub route: Route,
    /// What was said, where and by whom.
    pub message: Message,
    /// When it was admitted, in Unix milliseconds.
    pub received_at: i64,
    /// What was said in a group since its last turn, oldest first: to others than the agent.
    pub heard: Vec<Heard>,
    /// What the sender may do beside talking.
    pub authority: Authority,
    /// What the operator tells the agent about the place, beside its own prompt.
    pub instructions: Option<String>,
    /// How many turns of the session the agent is told; `None` for all that fit.
    pub history_turns: Option<usize>,
    /// Where to say what is written so far.
    pub writing: Writing,
    /// What was said of the answer before the gateway was begun anew: the answer goes on right behind it. Empty for a new one.
    pub said: String,
}

/// Something that was said in a group, but not to the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Who said it, for people to read.
    pub sender: String,
    /// What was said.
    pub text: String,
}

/// What a turn ended in. Messaging stores both in the transaction that closes the inbound message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TurnReply {
    /// Markdown for the person, without what was said before; nothing is sent when it is empty.
    pub text: Option<String>,
    /// What is appended to the session.
    pub session: Option<SessionWrite>,
    /// Which model wrote the text, if one did.
    pub author: Option<Author>,
    /// The text says what went wrong.
    pub failed: bool,
    /// Why there is no text although there was an answer: kept for `channels why`.
    pub withheld: Option<String>,
}

/// Runs turns. `gateway` implements it over agents.
#[async_trait]
pub trait TurnRunner: Send + Sync + 'static {
    /// Runs one turn. Messaging holds the session's lane meanwhile and drops the future at the turn deadline. A failure is
    /// a reply too: its text is what the person reads.
    async fn run(&self, turn: TurnRequest) -> TurnReply;

    /// The turn is closed in the ledger. Called once for each `run` that wrote into a session; `stored` says whether what it
    /// wrote is there now. Messaging holds the lane meanwhile, so that this is over soon.
    async fn closed(&self, inbound: InboundId, write: SessionWrite, stored: bool);

    /// Asks the turn of this message to end now: what it says is not heard any more.
    fn stop(&self, inbound: InboundId);

    /// Whether this message, said by somebody who may give commands, must not wait for the turn that runs in its session (a
    /// command that stops it). Such a turn runs beside the lane.
    fn overtakes(&self, message: &Message) -> bool;

    /// Whether this message is a command of the chat, which is meant for the agent wherever it is said. Asked only of those who
    /// may give commands.
    fn is_command(&self, message: &Message) -> bool;

    /// Whether this message is a command of the chat or holds one beside its text: it is a turn of its own then, so that nobody else's
    /// words are read as commands. Asked only of those who may give commands.
    fn has_command(&self, message: &Message) -> bool;
}
