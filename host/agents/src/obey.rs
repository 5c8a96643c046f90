//! Owns what chat commands do. Asks no model, except for what follows `/new` or stands beside directives (and `compact`). Never decides whether a sender may give commands:
//! a message of somebody who may not comes here as plain text.

use openclaw_config::SendPlace;
use openclaw_models::{FinishReason, Thinking};
use openclaw_store::{Activation, SessionSettings, StoreError};
use tokio::time::Instant;
use uuid::Uuid;

use crate::agents::{Running, now_ms};
use crate::command::{self, Command, Mixed, ModelAsk, QueueAsk, SendAsk, Status, ThinkAsk};
use crate::history::History;
use crate::{Turn, TurnError};

/// Characters of a session's name; the rest is cut off.
const NAME: usize = 120;
/// Models of one provider that are listed.
const LISTED: usize = 50;

impl Running<'_> {
    /// Does what the command says.
    pub(crate) async fn obey(mut self, command: Command, history: History) -> Result<Turn, TurnError> {
        if let Some(info) = command.owners()
            && !self.request.channel.as_ref().is_some_and(|channel| channel.owner)
        {
            let told = command::owners_only(info, self.request.channel.as_ref());
            return Ok(self.told(history, told));
        }
        match command {
            Command::New(first) if first.is_empty() => Ok(self.begin_anew(history)),
            Command::New(first) => match self.inner.read(&first) {
                Some(Command::Mixed(mixed)) if !mixed.is_bare() => {
                    self.mixed(mixed, History::default()).await
                }
                Some(_) | None => {
                    self.request.message = first;
                    self.ask(History::default()).await
                }
            },
            Command::Mixed(mixed) => self.mixed(mixed, history).await,
            Command::Restart => Ok(self.restart(history)),
            Command::Compact(instructions) => self.compact(instructions, history).await,
            simple => {
                let told = self.answer(simple, &history).await?;
                Ok(self.told(history, told))
            }
        }
    }

    /// Obeys the commands in a message, and goes on with what else it says.
    async fn mixed(mut self, mixed: Mixed, history: History) -> Result<Turn, TurnError> {
        let bare = mixed.is_bare();
        let mut told = Vec::with_capacity(mixed.asks.len());
        for ask in mixed.asks {
            match ask {
                // For this message alone.
                Command::Think(ThinkAsk::Set(level)) if !bare => self.request.thinking = Some(level),
                Command::Think(ThinkAsk::Default) if !bare => {
                    (self.request.thinking, self.chosen.thinking) = (None, None);
                }
                // One message does not wait in a manner of its own.
                Command::Queue(_) if !bare => told.push(command::QUEUE_ALONE.to_owned()),
                ask => told.push(self.answer(ask, &history).await?),
            }
        }
        let told = told.join("\n\n");
        if bare {
            return Ok(self.told(history, told));
        }
        self.request.message = mixed.text;
        self.first.clone_from(&told);
        self.ask(history).await.map_err(|error| error.after(told))
    }

    /// Does what a command says that begins no turn, and says what it is told.
    async fn answer(&mut self, command: Command, history: &History) -> Result<String, TurnError> {
        match command {
            Command::Name(Some(name)) => self.name(&name).await,
            Command::Name(None) => {
                let name = self.settings_now().await?.display_name;
                Ok(name.map_or_else(
                    || command::NO_NAME.to_owned(),
                    |name| format!("⚙️ This session is called “{name}”."),
                ))
            }
            Command::Model(ask) => self.model(ask).await,
            Command::Think(ask) => self.think(ask).await,
            Command::Queue(ask) => self.queue(ask).await,
            Command::Send(ask) => self.send(ask).await,
            Command::Activation(activation) => self.activation(activation).await,
            Command::Models(provider) => Ok(self.models(provider.as_deref())),
            Command::Help => Ok(command::help()),
            Command::Commands => Ok(command::list()),
            Command::Whoami => Ok(command::whoami(self.request.channel.as_ref())),
            Command::Status => Ok(self.status(history)),
            Command::Misspelt(info) => Ok(command::usage(info)),
            // It does not wait for its session, and is answered before the turn begins.
            Command::Stop => Ok(command::IDLE.to_owned()),
            // These begin a turn or end one: `obey` does them.
            Command::New(_) | Command::Mixed(_) | Command::Restart | Command::Compact(_) => Ok(String::new()),
        }
    }

    fn begin_anew(self, history: History) -> Turn {
        let write = self.write(Uuid::new_v4().to_string(), Vec::new());
        let session_id = write.session_id.clone();
        let turn = answered(self.run_id, session_id, command::NEW.to_owned(), self.began);
        Turn { write: Some(write), history: Some(history), ..turn }
    }

    /// The session is written to, so that whoever stores the answer is heard of before the restart begins.
    fn restart(self, history: History) -> Turn {
        if !self.settings.restarts {
            return self.told(history, command::NO_RESTART.to_owned());
        }
        let known = history.session.as_ref().map(|known| known.session_id.clone());
        let write = self.write(known.unwrap_or_else(|| Uuid::new_v4().to_string()), Vec::new());
        let session_id = write.session_id.clone();
        let turn = answered(self.run_id, session_id, command::RESTARTING.to_owned(), self.began);
        Turn { write: Some(write), history: Some(history), restart: true, ..turn }
    }

    async fn name(&mut self, name: &str) -> Result<String, TurnError> {
        let name: String = name.chars().take(NAME).collect();
        let told = format!("✅ Session named “{name}”.");
        self.decide(move |settings| settings.display_name = Some(name)).await?;
        Ok(told)
    }

    async fn think(&mut self, ask: ThinkAsk) -> Result<String, TurnError> {
        match ask {
            ThinkAsk::Show => {
                let wish = self.thinking();
                let level = wish.said.unwrap_or(wish.usual);
                let now = match self.chosen.thinking {
                    Some(_) => format!("{level} (chosen for this session)"),
                    None => format!("as configured ({level})"),
                };
                Ok(format!(
                    "🧠 Thinking: {now}\n\nChange it with /think <level>, go back with /think default. Models that are not \
                     configured as reasoning ones are told nothing."
                ))
            }
            ThinkAsk::Default => {
                self.decide(|settings| settings.thinking = None).await?;
                Ok("✅ Thinking of this session: as configured.".to_owned())
            }
            ThinkAsk::Set(level) => {
                self.decide(move |settings| settings.thinking = Some(level.to_string())).await?;
                Ok(format!("✅ Thinking of this session: {level}."))
            }
        }
    }

    async fn queue(&mut self, ask: QueueAsk) -> Result<String, TurnError> {
        match ask {
            QueueAsk::Show => {
                let chosen = self.settings_now().await?.queue.map(command::queue_words);
                let now = chosen.filter(|words| !words.is_empty()).map_or_else(
                    || "as configured (messages.queue)".to_owned(),
                    |words| format!("{words} (chosen for this session)"),
                );
                Ok(format!(
                    "🪢 Queue: {now}\n\nChange it with /queue <steer|followup|collect|interrupt>, go back with /queue default."
                ))
            }
            QueueAsk::Default => {
                self.decide(|settings| settings.queue = None).await?;
                Ok("✅ Queue of this session: as configured.".to_owned())
            }
            QueueAsk::Choose(choice) => {
                let choice = choice.or(self.settings_now().await?.queue.unwrap_or_default());
                self.decide(move |settings| settings.queue = Some(choice)).await?;
                Ok(format!("✅ Queue of this session: {}.", command::queue_words(choice)))
            }
        }
    }

    async fn send(&mut self, ask: SendAsk) -> Result<String, TurnError> {
        let decided = match ask {
            SendAsk::Show => {
                let channel = self.request.channel.as_ref();
                let known = SendPlace::of(
                    channel.map_or("", |channel| channel.channel.as_str()),
                    &self.request.session_key,
                );
                // A main session's key does not say that people write to it directly.
                let direct = channel.is_some_and(|channel| channel.direct).then_some("direct");
                let place = SendPlace { chat_type: direct.or(known.chat_type), ..known };
                let refusal = self.inner.withheld(&self.settings, place).await?;
                return Ok(command::send_now(self.chosen.sending, refusal));
            }
            SendAsk::Inherit => None,
            SendAsk::Set(sending) => Some(sending),
        };
        self.decide(move |settings| settings.sending = decided).await?;
        Ok(command::send_decided(decided))
    }

    async fn model(&mut self, ask: ModelAsk) -> Result<String, TurnError> {
        match ask {
            ModelAsk::Show => {
                let chosen =
                    if self.request.model.is_some() { "chosen for this session" } else { "as configured" };
                let first = self.inner.backend.first(&self.choice());
                Ok(first.map_or_else(|why| format!("⚠️ {why}"), |model| {
                    format!(
                        "🧠 Model: {model} ({chosen})\n\nChoose another with /model <provider/model>, go back with /model \
                         default. /models lists them."
                    )
                }))
            }
            ModelAsk::Default => {
                let configured = self.inner.backend.first(&self.agent.model);
                let configured = configured.unwrap_or_else(|why| format!("none ({why})"));
                self.decide(|settings| settings.model = None).await?;
                self.request.model = None;
                Ok(format!("✅ Model of this session: as configured, {configured}."))
            }
            ModelAsk::Configure(model) => Ok(format!(
                "⚙️ What all sessions ask is set by whoever runs this gateway:\n\n```\nopenclaw config set \
                 agents.defaults.model.primary {model}\n```\n\nFor this session alone: /model {model}"
            )),
            ModelAsk::Choose(reference) => match self.inner.backend.resolve(&reference) {
                Ok(model) => {
                    let told = format!("✅ Model of this session: {model}.");
                    self.request.model = Some(model.clone());
                    self.decide(move |settings| settings.model = Some(model)).await?;
                    Ok(told)
                }
                Err(why) => Ok(format!("⚠️ {why}")),
            },
        }
    }

    fn models(&self, provider: Option<&str>) -> String {
        let all = self.inner.backend.configured();
        let Some(wanted) = provider else {
            let lines = all.iter().map(|(id, models)| match models.len() {
                0 => id.clone(),
                1 => format!("{id} (1 model)"),
                count => format!("{id} ({count} models)"),
            });
            let lines = lines.collect::<Vec<_>>();
            return match lines.is_empty() {
                true => "⚠️ No provider is configured.".to_owned(),
                false => format!("🧠 Providers\n\n{}\n\nModels of one: /models <provider>", lines.join("\n")),
            };
        };
        let Some((id, models)) = all.iter().find(|(id, _)| id.eq_ignore_ascii_case(wanted)) else {
            return format!("⚠️ No provider “{wanted}” is configured. /models lists them.");
        };
        if models.is_empty() {
            return format!(
                "🧠 {id} names no models in the configuration. Choose one with /model {id}/<model>."
            );
        }
        let mut lines: Vec<_> = models.iter().take(LISTED).map(|model| format!("{id}/{model}")).collect();
        if models.len() > LISTED {
            lines.push(format!("… and {} more", models.len() - LISTED));
        }
        format!("🧠 Models of {id}\n\n{}\n\nChoose one with /model <provider/model>", lines.join("\n"))
    }

    async fn activation(&mut self, decided: Option<Activation>) -> Result<String, TurnError> {
        if self.request.channel.as_ref().is_none_or(|channel| channel.direct) {
            return Ok(command::NO_GROUP.to_owned());
        }
        match decided {
            Some(activation) => {
                self.decide(move |settings| settings.activation = Some(activation)).await?;
                Ok(command::activation_set(activation))
            }
            None => Ok(command::activation_now(self.settings_now().await?.activation)),
        }
    }

    fn status(&self, history: &History) -> String {
        let model = self.inner.backend.first(&self.choice());
        let status = Status {
            version: &self.settings.version,
            uptime: self.inner.started.elapsed(),
            model: model.unwrap_or_else(|error| format!("none ({error})")),
            thinking: self.thinking(),
            session_key: &self.request.session_key,
            session: history.session.as_ref(),
            // This one is among them.
            running: self.inner.runs.list().len().saturating_sub(1),
            now: now_ms(),
        };
        status.text()
    }

    async fn settings_now(&self) -> Result<SessionSettings, StoreError> {
        self.inner.store.session_settings(&self.request.session_key).await
    }

    /// Stores what was decided about the session. The same command again decides the same.
    async fn decide(
        &mut self,
        change: impl FnOnce(&mut SessionSettings) + Send + 'static,
    ) -> Result<(), StoreError> {
        let (key, agent) = (&self.request.session_key, &self.agent.id);
        let record = self.inner.patch_session(key, agent, Box::new(change)).await?;
        self.chosen = record.settings.into();
        self.decided = Some(record.row.session_id);
        Ok(())
    }

    /// The answer of a command that asked no model.
    pub(crate) fn told(self, history: History, told: String) -> Turn {
        if let Some(session_id) = self.decided {
            return answered(self.run_id, session_id, told, self.began);
        }
        let session_id = history.session.as_ref().map_or_else(String::new, |known| known.session_id.clone());
        // Nothing was changed: the next turn need not read it again.
        self.inner.histories.put(&self.request.session_key, history);
        answered(self.run_id, session_id, told, self.began)
    }
}

/// A turn that asked no model and wrote nothing.
pub(crate) fn answered(run_id: String, session_id: String, reply: String, began: Instant) -> Turn {
    Turn {
        run_id,
        session_id,
        reply,
        command: true,
        restart: false,
        compacted: None,
        tool_calls: Vec::new(),
        write: None,
        usage: openclaw_models::Usage::default(),
        provider: String::new(),
        model: String::new(),
        thinking: Thinking::Off,
        stop_reason: FinishReason::Stop,
        duration: began.elapsed(),
        fallback_attempts: 0,
        history: None,
    }
}
