//! Owns the shapes of a turn: what is asked, what streams, what comes out, and how it can fail.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use openclaw_config::SessionKind;
use openclaw_models::{FinishReason, Message, ModelsError, Thinking, Tool, ToolCall, ToolChoice, Usage};
use openclaw_store::{SessionWrite, StoreError};
use tokio::sync::mpsc;

use crate::history::History;

/// Where a turn comes from, for the envelope and for commands. `None` in a request for HTTP and the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelContext {
    /// The channel's id in the configuration.
    pub channel: String,
    /// What people call the channel.
    pub label: String,
    /// The vendor's id of the sender.
    pub sender_id: String,
    /// The handle, without `@`.
    pub username: Option<String>,
    /// The name for people to read.
    pub display_name: Option<String>,
    /// A direct message, not a group.
    pub direct: bool,
    /// The account's allow list together with the senders approved by pairing, for `/whoami`.
    pub allow_from: Vec<String>,
    /// Text that the message answers or cites, with its author.
    pub quote: Option<(Option<String>, String)>,
    /// What was said in the group since the agent's last turn, to others: who and what, oldest first.
    pub heard: Vec<(String, String)>,
    /// The sender may give the owner's commands.
    pub owner: bool,
}

/// One turn.
#[derive(Debug, Default)]
pub struct TurnRequest {
    /// Names the run for `abort`; `None` lets the agent choose a UUID.
    pub run_id: Option<String>,
    /// Which agent, for instance `main`.
    pub agent_id: String,
    /// Which session; lower case.
    pub session_key: String,
    /// The session key was made for this turn: there is nothing to load.
    pub fresh: bool,
    /// What kind of conversation it is; `None`: what the key says.
    pub kind: Option<SessionKind>,
    /// How many turns of the session the model is told; `None` for all that fit.
    pub history_turns: Option<usize>,
    /// What the person said. Empty only with a `context` that ends in what is to be answered.
    pub message: String,
    /// Images that go with the message: `data:` or `https:` URLs. Not stored.
    pub images: Vec<String>,
    /// When it was said, in Unix milliseconds; 0 means now.
    pub received_at: i64,
    /// Where it came from.
    pub channel: Option<ChannelContext>,
    /// `<provider>/<model>`, instead of the configured one.
    pub model: Option<String>,
    /// How hard to think about this one, whatever is decided elsewhere.
    pub thinking: Option<Thinking>,
    /// Added after the agent's own system prompt.
    pub extra_system: Option<String>,
    /// Earlier messages that the caller brings along (the `/v1` dialect); they precede the turn and are not stored.
    pub context: Vec<Message>,
    /// Tools that the caller offers; calls come back in `Turn::tool_calls`.
    pub tools: Vec<Tool>,
    /// Which of them to call.
    pub tool_choice: Option<ToolChoice>,
    /// Upper bound of the answer's length in tokens.
    pub max_tokens: Option<u32>,
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// Parameters that the host does not read: name and JSON text.
    pub extra: Vec<(String, String)>,
    /// From the start of the turn; `None` takes `Settings::timeout`.
    pub timeout: Option<Duration>,
    /// Text that begins with `/` is text, not a command.
    pub plain: bool,
    /// What was said of the answer before the gateway was begun anew; the model goes on right behind it, and what it says is
    /// the rest. Empty for a new answer.
    pub said: String,
    /// Where the turn puts what its session gets of it in any case, as soon as a model is asked: what the person said.
    pub outset: Option<Arc<OnceLock<SessionWrite>>>,
    /// Receives what the model writes, as it is written. A full sink slows the turn, a closed one ends it.
    pub sink: Option<mpsc::Sender<TurnEvent>>,
}

/// A piece of a running turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TurnEvent {
    /// A model has begun to answer.
    Begun {
        /// The provider.
        provider: String,
        /// The provider's own id of the model.
        model: String,
        /// How hard it was asked to think.
        thinking: Thinking,
    },
    /// Text of the answer.
    Text(String),
    /// Text of the model's reasoning.
    Reasoning(String),
}

/// A finished turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// The run.
    pub run_id: String,
    /// The session's transcript.
    pub session_id: String,
    /// What the person reads; empty when the agent chose to stay silent.
    pub reply: String,
    /// The reply is a command's answer: no model was asked.
    pub command: bool,
    /// The gateway is to start anew once this is stored.
    pub restart: bool,
    /// The older part of the session is a summary now.
    pub compacted: Option<Compacted>,
    /// Calls of the caller's tools.
    pub tool_calls: Vec<ToolCall>,
    /// To be stored: with `Agents::commit`, or by messaging together with the reply. `None`: nothing changed.
    pub write: Option<SessionWrite>,
    /// What it used.
    pub usage: Usage,
    /// Which provider answered; empty for a command.
    pub provider: String,
    /// Which model answered; empty for a command.
    pub model: String,
    /// How hard it was asked to think; models that are not asked think as they like.
    pub thinking: Thinking,
    /// Why the model stopped.
    pub stop_reason: FinishReason,
    /// From the start of the turn.
    pub duration: Duration,
    /// Attempts that failed before the one that answered.
    pub fallback_attempts: usize,
    /// What the transcript held before, for the cache.
    pub(crate) history: Option<History>,
}

/// How large a session is to a model, in tokens, as far as can be said without the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// Before it was summarised.
    pub before: usize,
    /// After.
    pub after: usize,
}

/// Why a turn has no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TurnError {
    /// No model could be asked, or all that were failed.
    #[error(transparent)]
    Model(Box<ModelsError>),
    /// There is no such agent.
    #[error("there is no agent \"{0}\" (unknown_agent). Run `openclaw config get agents` to see the agents")]
    UnknownAgent(String),
    /// The model answered with nothing.
    #[error("the model answered with nothing (empty_response). Ask again, or choose another model")]
    Empty,
    /// It took longer than its deadline.
    #[error(
        "the turn took longer than {} s and was stopped (timeout). Raise agents.defaults.timeoutSeconds, or choose a \
         faster model",
        .0.as_secs()
    )]
    Timeout(Duration),
    /// Somebody stopped it, or nobody listens any more.
    #[error("the turn was stopped (aborted)")]
    Aborted,
    /// Commands in the message were answered; the rest failed.
    #[error("{source}")]
    After {
        /// What they were told.
        told: String,
        /// Why there is no more.
        source: Box<TurnError>,
    },
    /// The session could not be read, or nothing could be stored of the turn.
    #[error("the session cannot be read or written: {0}")]
    Store(#[from] StoreError),
}

impl TurnError {
    /// The same after what was told; a turn that was stopped says nothing.
    pub(crate) fn after(self, told: String) -> Self {
        match self {
            Self::Aborted => self,
            failed if told.is_empty() => failed,
            failed => Self::After { told, source: Box::new(failed) },
        }
    }

    /// What went wrong, whatever was told before.
    #[must_use]
    pub fn cause(&self) -> &Self {
        match self {
            Self::After { source, .. } => source.cause(),
            cause => cause,
        }
    }

    /// A stable code for searching and for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::After { source, .. } => source.code(),
            Self::Model(error) => error.code(),
            Self::UnknownAgent(_) => "unknown_agent",
            Self::Empty => "empty_response",
            Self::Timeout(_) => "timeout",
            Self::Aborted => "aborted",
            Self::Store(error) => error.code(),
        }
    }

    /// What a person in a chat reads. `None`: nothing is said, because it was stopped on purpose.
    pub fn user_text(&self) -> Option<String> {
        crate::texts::user_text(self)
    }
}

impl From<ModelsError> for TurnError {
    fn from(error: ModelsError) -> Self {
        Self::Model(Box::new(error))
    }
}
