//! Owns turns: history, prompt, model, reply. Never stores a channel's turn (messaging does, together with the reply) and
//! never orders turns of a session (messaging's lanes do).

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openclaw_config::{ModelChoice, ResetPolicy};
use openclaw_models::{
    Answer, ChatReply, ChatRequest, FailureReason, FinishReason, Models, ModelsError, ThinkingWish, Usage,
};
use openclaw_store::{Entry, EntryRole, SessionRow, SessionWrite, Store, StoreError};
use tokio::time::Instant;
use uuid::Uuid;

use crate::backend::Backend;
use crate::command::{self, Command};
use crate::events::SystemEvents;
use crate::history::{Histories, History};
use crate::obey::answered;
use crate::prompt::{self, Workspaces};
use crate::reset;
use crate::runs::{ActiveRun, Runs, Stop};
use crate::sessions::{Chosen, ForTurns};
use crate::settings::{AgentSettings, Settings};
use crate::tally::Tally;
use crate::{Turn, TurnError, TurnEvent, TurnRequest};

/// The word with which an agent chooses to stay silent.
const NO_REPLY: &str = "NO_REPLY";

/// Whether a text that is being written may still become silence: nothing of it is to be shown.
#[must_use]
pub fn may_be_silence(text: &str) -> bool {
    let text = text.trim();
    NO_REPLY.starts_with(text)
}

/// All agents. Cheap to clone.
#[derive(Clone)]
pub struct Agents {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) backend: Arc<dyn Backend>,
    settings: RwLock<Arc<Settings>>,
    pub(crate) histories: Histories,
    pub(crate) chosen: Chosen,
    workspaces: Workspaces,
    pub(crate) runs: Runs,
    pub(crate) events: SystemEvents,
    pub(crate) started: Instant,
    tally: Tally,
}

/// One turn on its way.
pub(crate) struct Running<'a> {
    pub(crate) inner: &'a Inner,
    pub(crate) settings: Arc<Settings>,
    pub(crate) agent: AgentSettings,
    pub(crate) request: TurnRequest,
    /// What was decided about the session.
    pub(crate) chosen: ForTurns,
    /// The session's transcript, once this turn has decided something about it.
    pub(crate) decided: Option<String>,
    /// Said before the model's answer: what commands in the message are told.
    pub(crate) first: String,
    pub(crate) run_id: String,
    pub(crate) began: Instant,
    pub(crate) deadline: Instant,
}

impl Agents {
    /// Agents that remember in `store` and ask `models`.
    pub fn new(store: Store, models: Models, settings: Settings) -> Self {
        Self::with_backend(store, Arc::new(models), settings)
    }

    pub(crate) fn with_backend(store: Store, backend: Arc<dyn Backend>, settings: Settings) -> Self {
        let inner = Inner {
            store,
            backend,
            settings: RwLock::new(Arc::new(settings)),
            histories: Histories::default(),
            chosen: Chosen::default(),
            workspaces: Workspaces::default(),
            runs: Runs::default(),
            events: SystemEvents::default(),
            started: Instant::now(),
            tally: Tally::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Replaces the settings; turns under way keep the old ones.
    pub fn set_settings(&self, settings: Settings) {
        *self.inner.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// The settings now.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.inner.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the next turn of a session is told beside the person's message.
    pub fn events(&self) -> &SystemEvents {
        &self.inner.events
    }

    /// Whether a message must not wait for the turn that runs in its session.
    pub fn overtakes(&self, message: &str) -> bool {
        Command::parse(message) == Some(Command::Stop)
    }

    /// Whether a message is a command of the chat.
    pub fn is_command(&self, message: &str) -> bool {
        Command::parse(message).is_some() || self.after_trigger(message).is_some()
    }

    /// Whether a message is a command of the chat, or holds one beside its text.
    pub fn has_command(&self, message: &str) -> bool {
        self.command(message).is_some()
    }

    /// Whether a message starts its session anew.
    pub fn resets(&self, message: &str) -> bool {
        match Command::parse(message) {
            Some(command) => matches!(command, Command::New(_)),
            None => self.after_trigger(message).is_some(),
        }
    }

    /// Reads a command, with the words that the configuration adds to `/new`.
    fn command(&self, message: &str) -> Option<Command> {
        match self.inner.read(message) {
            read @ (Some(Command::Mixed(_)) | None) => self.after_trigger(message).map(Command::New).or(read),
            whole => whole,
        }
    }

    fn after_trigger(&self, message: &str) -> Option<String> {
        reset::after_trigger(&self.settings().reset_triggers, message)
    }

    /// Runs one turn. The caller holds the session's lane, except for a message that overtakes, and stores the result:
    /// with [`Agents::commit`] or with the reply. Dropping the future stops the turn.
    ///
    /// # Errors
    /// [`TurnError`]; nothing of the turn is to be stored then.
    pub async fn run_turn(&self, mut request: TurnRequest) -> Result<Turn, TurnError> {
        let settings = self.settings();
        let agent = settings.agents.iter().find(|agent| agent.id == request.agent_id);
        let agent = agent.cloned().ok_or_else(|| TurnError::UnknownAgent(request.agent_id.clone()))?;
        let limit = request.timeout.unwrap_or(settings.timeout);
        let began = Instant::now();
        let run_id = request.run_id.take().unwrap_or_else(|| Uuid::new_v4().to_string());
        let command = (!request.plain).then(|| self.command(&request.message)).flatten();
        if command == Some(Command::Stop) {
            let stopped = self.abort(Stop::Session(&request.session_key));
            let reply = if stopped.is_empty() { command::IDLE } else { command::STOPPED };
            return Ok(answered(run_id, String::new(), reply.to_owned(), began));
        }
        let active = ActiveRun {
            run_id: run_id.clone(),
            session_key: request.session_key.clone(),
            started_at: now_ms(),
        };
        let registered = self.inner.runs.register(active);
        let closed = closed(request.sink.clone());
        let deadline = began + limit;
        let running = Running {
            inner: &self.inner,
            settings,
            agent,
            request,
            chosen: ForTurns::default(),
            decided: None,
            first: String::new(),
            run_id,
            began,
            deadline,
        };
        // All losers are dropped: the model's answer ends with its stream, and nothing was stored.
        let ended = tokio::select! {
            // In this order: the request to the model ends at the same moment, and its error would blame the provider.
            biased;
            () = tokio::time::sleep_until(deadline) => Err(TurnError::Timeout(limit)),
            () = registered.stopped() => Err(TurnError::Aborted),
            () = closed => Err(TurnError::Aborted),
            result = running.run(command) => result,
        };
        self.inner.tally.count(&ended);
        ended
    }

    /// How turns ended since the start: `ok`, `aborted`, `timeout` or `failed`, and how many.
    #[must_use]
    pub fn outcomes(&self) -> Vec<(&'static str, u64)> {
        self.inner.tally.list()
    }

    /// Stores a turn of HTTP or the command line: returns when it is queued, and the next turn of the session sees it.
    ///
    /// # Errors
    /// When the store is closed.
    pub async fn commit(&self, turn: &Turn) -> Result<(), StoreError> {
        let Some(write) = turn.write.clone() else { return Ok(()) };
        let now = now_ms();
        let history = turn.history.clone().unwrap_or_default();
        let created_at = history
            .session
            .as_ref()
            .filter(|known| known.session_id == write.session_id)
            .map_or(now, |known| known.created_at);
        let session = SessionRow {
            key: write.key.clone(),
            session_id: write.session_id.clone(),
            agent: write.agent.clone(),
            created_at,
            updated_at: now,
            model: None,
            usage: openclaw_store::Usage::default(),
        };
        let (key, history) = (write.key.clone(), history.append(session, &write.entries));
        self.inner.store.append_lazily(write, now).await?;
        self.inner.histories.put(&key, history);
        Ok(())
    }

    /// Stops turns and returns their runs; the turns end with [`TurnError::Aborted`].
    pub fn abort(&self, which: Stop<'_>) -> Vec<String> {
        self.inner.runs.stop(which)
    }

    /// The turns that run now, the oldest first.
    pub fn active(&self) -> Vec<ActiveRun> {
        self.inner.runs.list()
    }
}

impl Inner {
    /// Reads a command, wherever in a message.
    pub(crate) fn read(&self, message: &str) -> Option<Command> {
        Command::read(message, |word| self.backend.names_model(word))
    }
}

impl Running<'_> {
    async fn run(mut self, command: Option<Command>) -> Result<Turn, TurnError> {
        let history = match self.request.fresh {
            true => History::default(),
            false => {
                let key = &self.request.session_key;
                self.chosen = self.inner.chosen.of(&self.inner.store, key).await?;
                if self.request.model.is_none() {
                    self.request.model.clone_from(&self.chosen.model);
                }
                let history = self.inner.histories.take(&self.inner.store, key).await?;
                self.unless_expired(history).await?
            }
        };
        match command {
            Some(command) => self.obey(command, history).await,
            None => self.ask(history).await,
        }
    }

    /// The history, or none when the session is to begin anew: what was said so far is put away then, and stays.
    async fn unless_expired(&self, history: History) -> Result<History, StoreError> {
        let key = &self.request.session_key;
        let Some(known) = &history.session else { return Ok(history) };
        let kind = self.request.kind.unwrap_or_else(|| reset::kind_of(key));
        let channel = self.request.channel.as_ref().map(|channel| channel.channel.as_str());
        let policy = self.settings.resets.policy(kind, channel);
        let now = now_ms();
        // Without a policy nobody has to know how far clocks here are from UTC.
        if policy == ResetPolicy::default()
            || !reset::expired(policy, known.updated_at, now, reset::offset_at(now))
        {
            return Ok(history);
        }
        let away = self.inner.store.archive_transcript(key, &known.session_id, now).await?;
        let away = away.unwrap_or_default();
        tracing::info!(subsystem = "agent", session = key, away, "the session begins anew (session.reset)");
        Ok(History::default())
    }

    pub(crate) fn choice(&self) -> ModelChoice {
        match &self.request.model {
            Some(model) => ModelChoice { primary: Some(model.clone()), fallbacks: Vec::new() },
            None => self.agent.model.clone(),
        }
    }

    /// How hard to think: as the message says, the session, the agent, the model, or all.
    pub(crate) fn thinking(&self) -> ThinkingWish {
        let said = self.request.thinking.or(self.chosen.thinking).or(self.agent.thinking.said);
        ThinkingWish { said, ..self.agent.thinking }
    }

    pub(crate) async fn ask(mut self, history: History) -> Result<Turn, TurnError> {
        if !self.request.said.is_empty() {
            // It stands before what was said.
            self.first.clear();
        }
        let request = &self.request;
        let now = now_ms();
        let at = if request.received_at > 0 { request.received_at } else { now };
        let events = self.inner.events.lend(&request.session_key);
        let said = events.before(prompt::envelope(&request.message, request.channel.as_ref(), at));
        let files = self.inner.workspaces.files(&self.agent.workspace, self.agent.prompt).await;
        let system = prompt::system(&self.agent.identity, &files, request.channel.as_ref());
        let wish = self.thinking();
        let chat = ChatRequest {
            messages: prompt::messages(
                &system,
                request,
                history.summary.as_deref(),
                history.last_turns(request.history_turns),
                &said,
            ),
            tools: request.tools.clone(),
            tool_choice: request.tool_choice.clone(),
            stream: true,
            max_tokens: request.max_tokens,
            temperature: request.temperature,
            top_p: request.top_p,
            stop: request.stop.clone(),
            extra: request.extra.clone(),
            thinking: Some(wish),
            ..ChatRequest::default()
        };
        let sink = request.sink.as_ref();
        if let (Some(sink), false) = (sink, self.first.is_empty()) {
            // A closed sink ends the turn, where the turn waits for it.
            let _ = sink.send(TurnEvent::Text(self.before_answer())).await;
        }
        let session_id = match &history.session {
            Some(known) => known.session_id.clone(),
            None => Uuid::new_v4().to_string(),
        };
        let mut entries = Vec::with_capacity(2);
        if !said.is_empty() {
            let role = EntryRole::User;
            entries.push(Entry { role, content: said, model: None, usage: None, at });
        }
        if let Some(outset) = &request.outset {
            // A turn asks once.
            let _ = outset.set(self.write(session_id.clone(), entries.clone()));
        }
        let answer = match self.inner.backend.ask(chat, &self.choice(), self.deadline, sink).await {
            Ok(answer) => answer,
            Err(error) => self.nothing_more(&error).ok_or(error)?,
        };
        let reply = self.reply(&answer)?;
        events.told();
        let ChatReply { provider, model, answer, failed } = answer;
        let usage = answer.usage.unwrap_or_default();
        if !reply.is_empty() {
            entries.push(Entry {
                role: EntryRole::Assistant,
                content: reply.clone(),
                model: Some(format!("{provider}/{model}")),
                usage: Some(stored(usage)),
                at: now_ms(),
            });
        }
        let write = self.write(session_id.clone(), entries);
        let reply = match reply.is_empty() {
            true => self.first,
            false => self.before_answer() + &reply,
        };
        Ok(Turn {
            session_id,
            reply,
            command: false,
            restart: false,
            compacted: None,
            tool_calls: answer.tool_calls,
            write: Some(write),
            usage,
            provider,
            model,
            thinking: wish.said.unwrap_or(wish.usual),
            stop_reason: answer.finish.unwrap_or(FinishReason::Stop),
            duration: self.began.elapsed(),
            fallback_attempts: failed.len(),
            history: Some(history),
            run_id: self.run_id,
        })
    }

    /// A model that has nothing to say behind what was said has come to the end of its answer.
    fn nothing_more(&self, error: &ModelsError) -> Option<ChatReply> {
        let last = error.last().filter(|last| last.reason() == FailureReason::EmptyResponse)?;
        let (provider, model) = (last.provider.clone(), last.model.clone());
        let answer = Answer::default();
        (!self.request.said.is_empty()).then_some(ChatReply { provider, model, answer, failed: Vec::new() })
    }

    /// What stands before the model's words.
    fn before_answer(&self) -> String {
        if self.first.is_empty() { String::new() } else { format!("{}\n\n", self.first) }
    }

    /// What the person reads. Silence is a choice in a group; in a direct chat it is a failure, unless something was said.
    fn reply(&self, answer: &ChatReply) -> Result<String, TurnError> {
        let answer = &answer.answer;
        let text = if answer.text.trim().is_empty() { &answer.refusal } else { &answer.text };
        let silent = text.trim() == NO_REPLY;
        let direct = self.request.channel.as_ref().is_some_and(|channel| channel.direct);
        let said = !self.request.said.is_empty();
        if (silent && !direct) || (said && (silent || text.trim().is_empty())) {
            return Ok(String::new());
        }
        if silent || (text.trim().is_empty() && answer.tool_calls.is_empty()) {
            return Err(TurnError::Empty);
        }
        Ok(text.clone())
    }

    pub(crate) fn write(&self, session_id: String, entries: Vec<Entry>) -> SessionWrite {
        let (key, agent) = (self.request.session_key.clone(), self.agent.id.clone());
        SessionWrite { key, session_id, agent, entries }
    }
}

/// Returns when nobody listens any more; never without a sink.
async fn closed(sink: Option<tokio::sync::mpsc::Sender<crate::TurnEvent>>) {
    match sink {
        Some(sink) => sink.closed().await,
        None => std::future::pending().await,
    }
}

fn stored(usage: Usage) -> openclaw_store::Usage {
    openclaw_store::Usage {
        input_tokens: usage.input_tokens,
        output_tokens: usage.output_tokens,
        cached_tokens: usage.cached_tokens,
    }
}

pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
