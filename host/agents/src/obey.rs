//! Owns what chat commands do. Asks no model, except for what follows `/new`. Never decides whether a sender may give commands:
//! a message of somebody who may not comes here as plain text.

use openclaw_models::{FinishReason, Thinking};
use openclaw_store::{Activation, QueueChoice, SessionSettings, StoreError};
use tokio::time::Instant;
use uuid::Uuid;

use crate::agents::{Running, now_ms};
use crate::command::{self, Command, ModelAsk, QueueAsk, Status, ThinkAsk};
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
            return Ok(self.unchanged(history, told));
        }
        let told = match command {
            Command::New(first) if first.is_empty() => return Ok(self.begin_anew(history)),
            Command::New(first) => {
                self.request.message = first;
                return self.ask(History::default()).await;
            }
            Command::Name(name) => match name {
                Some(name) => return self.name(&name).await,
                None => self.settings_now().await?.display_name.map_or_else(
                    || command::NO_NAME.to_owned(),
                    |name| format!("⚙️ This session is called “{name}”."),
                ),
            },
            Command::Model(ask) => return self.model(ask, history).await,
            Command::Think(ask) => return self.think(ask, history).await,
            Command::Queue(ask) => return self.queue(ask, history).await,
            Command::Models(provider) => self.models(provider.as_deref()),
            Command::Activation(activation) => return self.activation(activation, history).await,
            Command::Help => command::help(),
            Command::Commands => command::list(),
            Command::Whoami => command::whoami(self.request.channel.as_ref()),
            Command::Status => self.status(&history),
            Command::Misspelt(info) => command::usage(info),
            // It does not wait for its session, and is answered before the turn begins.
            Command::Stop => command::IDLE.to_owned(),
        };
        Ok(self.unchanged(history, told))
    }

    fn begin_anew(self, history: History) -> Turn {
        let write = self.write(Uuid::new_v4().to_string(), Vec::new());
        let session_id = write.session_id.clone();
        let turn = answered(self.run_id, session_id, command::NEW.to_owned(), self.began);
        Turn { write: Some(write), history: Some(history), ..turn }
    }

    async fn name(self, name: &str) -> Result<Turn, TurnError> {
        let name: String = name.chars().take(NAME).collect();
        let told = format!("✅ Session named “{name}”.");
        self.decided(told, move |settings| settings.display_name = Some(name)).await
    }

    async fn think(mut self, ask: ThinkAsk, history: History) -> Result<Turn, TurnError> {
        match ask {
            ThinkAsk::Show => {
                let wish = self.thinking();
                let level = wish.said.unwrap_or(wish.usual);
                let now = match self.chosen.thinking {
                    Some(_) => format!("{level} (chosen for this session)"),
                    None => format!("as configured ({level})"),
                };
                let told = format!(
                    "🧠 Thinking: {now}\n\nChange it with /think <level>, go back with /think default. Models that are not \
                     configured as reasoning ones are told nothing."
                );
                Ok(self.unchanged(history, told))
            }
            ThinkAsk::Default => {
                let told = "✅ Thinking of this session: as configured.".to_owned();
                self.decided(told, |settings| settings.thinking = None).await
            }
            ThinkAsk::Set(level) => {
                let told = format!("✅ Thinking of this session: {level}.");
                self.decided(told, move |settings| settings.thinking = Some(level.to_string())).await
            }
            ThinkAsk::Once(level, message) => {
                self.request.thinking = Some(level);
                self.request.message = message;
                self.ask(history).await
            }
        }
    }

    async fn queue(self, ask: QueueAsk, history: History) -> Result<Turn, TurnError> {
        match ask {
            QueueAsk::Show => {
                let chosen = self.settings_now().await?.queue.map(command::queue_words);
                let now = chosen.filter(|words| !words.is_empty()).map_or_else(
                    || "as configured (messages.queue)".to_owned(),
                    |words| format!("{words} (chosen for this session)"),
                );
                let told = format!(
                    "🪢 Queue: {now}\n\nChange it with /queue <steer|followup|collect|interrupt>, go back with /queue default."
                );
                Ok(self.unchanged(history, told))
            }
            QueueAsk::Default => {
                let told = "✅ Queue of this session: as configured.".to_owned();
                self.decided(told, |settings| settings.queue = None).await
            }
            QueueAsk::Choose(choice) => {
                let before = self.settings_now().await?.queue.unwrap_or_default();
                let choice = QueueChoice {
                    mode: choice.mode.or(before.mode),
                    debounce_ms: choice.debounce_ms.or(before.debounce_ms),
                    cap: choice.cap.or(before.cap),
                    drop: choice.drop.or(before.drop),
                };
                let told = format!("✅ Queue of this session: {}.", command::queue_words(choice));
                self.decided(told, move |settings| settings.queue = Some(choice)).await
            }
        }
    }

    async fn model(self, ask: ModelAsk, history: History) -> Result<Turn, TurnError> {
        match ask {
            ModelAsk::Show => {
                let chosen =
                    if self.request.model.is_some() { "chosen for this session" } else { "as configured" };
                let first = self.inner.backend.first(&self.choice());
                let told = first.map_or_else(|why| format!("⚠️ {why}"), |model| {
                    format!(
                        "🧠 Model: {model} ({chosen})\n\nChoose another with /model <provider/model>, go back with /model \
                         default. /models lists them."
                    )
                });
                Ok(self.unchanged(history, told))
            }
            ModelAsk::Default => {
                let configured = self.inner.backend.first(&self.agent.model);
                let configured = configured.unwrap_or_else(|why| format!("none ({why})"));
                let told = format!("✅ Model of this session: as configured, {configured}.");
                self.decided(told, |settings| settings.model = None).await
            }
            ModelAsk::Configure(model) => {
                let told = format!(
                    "⚙️ What all sessions ask is set by whoever runs this gateway:\n\n```\nopenclaw config set \
                     agents.defaults.model.primary {model}\n```\n\nFor this session alone: /model {model}"
                );
                Ok(self.unchanged(history, told))
            }
            ModelAsk::Choose(reference) => match self.inner.backend.resolve(&reference) {
                Ok(model) => {
                    let told = format!("✅ Model of this session: {model}.");
                    self.decided(told, move |settings| settings.model = Some(model)).await
                }
                Err(why) => Ok(self.unchanged(history, format!("⚠️ {why}"))),
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

    async fn activation(self, decided: Option<Activation>, history: History) -> Result<Turn, TurnError> {
        if self.request.channel.as_ref().is_none_or(|channel| channel.direct) {
            return Ok(self.unchanged(history, command::NO_GROUP.to_owned()));
        }
        match decided {
            Some(activation) => {
                let told = command::activation_set(activation);
                self.decided(told, move |settings| settings.activation = Some(activation)).await
            }
            None => {
                let told = command::activation_now(self.settings_now().await?.activation);
                Ok(self.unchanged(history, told))
            }
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

    /// Stores what was decided about the session, and then says so. The same command again decides the same.
    async fn decided(
        self,
        told: String,
        change: impl FnOnce(&mut SessionSettings) + Send + 'static,
    ) -> Result<Turn, TurnError> {
        let (key, agent) = (&self.request.session_key, &self.agent.id);
        let record = self.inner.patch_session(key, agent, Box::new(change)).await?;
        Ok(answered(self.run_id, record.row.session_id, told, self.began))
    }

    /// The answer of a command that changed nothing.
    fn unchanged(self, history: History, told: String) -> Turn {
        let session_id = history.session.as_ref().map_or_else(String::new, |known| known.session_id.clone());
        // The next turn need not read it again.
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
