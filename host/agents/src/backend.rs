//! Owns what a turn asks of models, as a trait, so that turns can be tested without HTTP. Never chooses a model.

use async_trait::async_trait;
use openclaw_config::ModelChoice;
use openclaw_models::{
    Answer, ChatReply, ChatRequest, Chunk, Models, ModelsError, Opened, Provider, Thinking,
};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::TurnEvent;

/// Asks models.
#[async_trait]
pub(crate) trait Backend: Send + Sync + 'static {
    /// Asks the models of `choice` in turn and waits for the whole answer; `sink` gets its text as it arrives.
    async fn ask(
        &self,
        request: ChatRequest,
        choice: &ModelChoice,
        deadline: Instant,
        sink: Option<&mpsc::Sender<TurnEvent>>,
    ) -> Result<ChatReply, ModelsError>;

    /// `<provider>/<model>` that `choice` would ask first, or why there is none.
    fn first(&self, choice: &ModelChoice) -> Result<String, String>;

    /// `<provider>/<model>` that a reference means, or why it means none.
    fn resolve(&self, reference: &str) -> Result<String, String>;

    /// Whether a word in a message means a model.
    fn names_model(&self, word: &str) -> bool;

    /// Every provider, and the models that the configuration names of it.
    fn configured(&self) -> Vec<(String, Vec<String>)>;
}

#[async_trait]
impl Backend for Models {
    async fn ask(
        &self,
        request: ChatRequest,
        choice: &ModelChoice,
        deadline: Instant,
        sink: Option<&mpsc::Sender<TurnEvent>>,
    ) -> Result<ChatReply, ModelsError> {
        let targets = self.catalog().targets(choice)?;
        let thinking = request.thinking.map_or(Thinking::Off, |wish| wish.said.unwrap_or(wish.usual));
        let Opened { mut stream, failed } = self.open_any(request, &targets, Some(deadline)).await?;
        if let Some(sink) = sink {
            let (provider, model) = (stream.provider().to_owned(), stream.model().to_owned());
            // A closed sink ends the turn, where the turn waits for it.
            let _ = sink.send(TurnEvent::Begun { provider, model, thinking }).await;
        }
        let mut answer = Answer::default();
        while let Some(chunks) = stream.next().await.map_err(ModelsError::Failed)? {
            for chunk in chunks {
                if let (Some(sink), Some(event)) = (sink, event(&chunk)) {
                    // A closed sink ends the turn, where the turn waits for it.
                    let _ = sink.send(event).await;
                }
                answer.absorb(chunk);
            }
        }
        let (provider, model) = (stream.provider().to_owned(), stream.model().to_owned());
        Ok(ChatReply { provider, model, answer, failed })
    }

    fn first(&self, choice: &ModelChoice) -> Result<String, String> {
        let targets = self.catalog().targets(choice).map_err(|why| why.to_string())?;
        targets.first().map(ToString::to_string).ok_or_else(|| "no model is configured".to_owned())
    }

    fn resolve(&self, reference: &str) -> Result<String, String> {
        let target = self.catalog().resolve(reference);
        target.map(|target| target.to_string()).map_err(|why| why.to_string())
    }

    fn names_model(&self, word: &str) -> bool {
        self.catalog().names(word)
    }

    fn configured(&self) -> Vec<(String, Vec<String>)> {
        let catalog = self.catalog();
        let models = |provider: &Provider| provider.models.iter().map(|model| model.id.clone()).collect();
        catalog.providers().iter().map(|provider| (provider.id.clone(), models(provider))).collect()
    }
}

fn event(chunk: &Chunk) -> Option<TurnEvent> {
    match chunk {
        Chunk::Text(text) | Chunk::Refusal(text) => Some(TurnEvent::Text(text.clone())),
        Chunk::Reasoning(text) => Some(TurnEvent::Reasoning(text.clone())),
        Chunk::ToolCall(_) | Chunk::Usage(_) | Chunk::Finish(_) => None,
    }
}
