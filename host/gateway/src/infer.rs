//! One raw request without a running gateway, for `openclaw infer`: configuration, the shim, one question and its answer,
//! or texts and their vectors. No session, no system prompt, no agent; touches no durable state but the artifact cache.

use std::collections::BTreeMap;

use openclaw_config::{Basis, Config, ModelChoice, Paths};
use openclaw_models::{ChatRequest, EmbeddingsRequest, Message, ModelsError, Role};

use crate::embeddings::{self, NoModel};
use crate::settings::Settings;
use crate::wiring::{ModelParts, Plugins};

/// What to ask and where the configuration is.
#[derive(Debug)]
pub struct InferRequest {
    /// Where everything lies.
    pub paths: Paths,
    /// A snapshot of the process environment.
    pub environment: BTreeMap<String, String>,
    /// `<provider>/<model>`; `None` means what an agent would use.
    pub model: Option<String>,
    /// The user message.
    pub prompt: String,
}

/// The answer of one model.
#[derive(Debug)]
pub struct InferAnswer {
    /// The id of the provider that answered.
    pub provider: String,
    /// The provider's own model id.
    pub model: String,
    /// The whole answer; never empty.
    pub text: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum InferError {
    /// The request or the configuration has to change; the text says what.
    #[error("{0}")]
    Invalid(String),
    /// The provider refused or could not be reached; its own words are kept.
    #[error("{0}")]
    Provider(String),
}

/// What to turn into vectors and where the configuration is.
#[derive(Debug)]
pub struct EmbedRequest {
    /// Where everything lies.
    pub paths: Paths,
    /// A snapshot of the process environment.
    pub environment: BTreeMap<String, String>,
    /// Whose configuration counts; `None` means the default agent.
    pub agent: Option<String>,
    /// Whose model; `None` means the configured one.
    pub provider: Option<String>,
    /// `<provider>/<model>`, or the provider's own id; `None` means the configured one.
    pub model: Option<String>,
    /// 1 to 128 texts, none of them empty.
    pub texts: Vec<String>,
}

/// The vectors of one model.
#[derive(Debug)]
pub struct EmbedAnswer {
    /// The id of the provider that answered.
    pub provider: String,
    /// The provider's own model id.
    pub model: String,
    /// One for each text, in their order.
    pub vectors: Vec<Vec<f32>>,
}

/// Texts of one request.
const MAX_TEXTS: usize = 128;

/// Turns texts into vectors without a running gateway.
///
/// # Errors
/// As [`infer_local`].
pub async fn embed_local(request: EmbedRequest) -> Result<EmbedAnswer, InferError> {
    let EmbedRequest { paths, environment, agent, provider, model, texts } = request;
    let invalid = InferError::Invalid;
    if texts.is_empty() || texts.iter().any(|text| text.trim().is_empty()) {
        return Err(invalid("--text cannot be empty or whitespace-only.".to_owned()));
    }
    if texts.len() > MAX_TEXTS {
        return Err(invalid(format!("Too many inputs (max {MAX_TEXTS}).")));
    }
    let Parts { config, models, .. } = Parts::new(paths, environment).await?;
    let agent = agent.unwrap_or_else(|| config.agents.default_id().to_owned());
    if config.agents.get(&agent).is_none() {
        return Err(invalid(format!("Unknown agent '{agent}'.")));
    }
    let models = models.models;
    let target =
        embeddings::target(&config, &models.catalog(), &agent, provider.as_deref(), model.as_deref());
    let target = target.map_err(|error| match error {
        NoModel::NotSet(_) => invalid(format!("{error}, or pass --model")),
        NoModel::Configured(_) | NoModel::Named(_) => invalid(error.to_string()),
    })?;
    let dimensions = config.embedding_of(&agent).dimensions;
    let request = EmbeddingsRequest { input: texts, dimensions, ..EmbeddingsRequest::default() };
    let answer =
        models.embed(request, &target).await.map_err(|error| InferError::Provider(error.to_string()))?;
    Ok(EmbedAnswer { provider: target.provider.id.clone(), model: target.model, vectors: answer.vectors })
}

/// What it takes to ask a model from here.
struct Parts {
    config: Config,
    settings: Settings,
    plugins: Plugins,
    models: ModelParts,
}

impl Parts {
    async fn new(paths: Paths, environment: BTreeMap<String, String>) -> Result<Self, InferError> {
        let invalid = |text: String| InferError::Invalid(text);
        let plugins = Plugins::discover(&paths.state_dir);
        let schemas = plugins.schemas();
        let loaded = openclaw_config::load(&Basis::new(&paths.config, &schemas, &environment))
            .map_err(|error| invalid(error.to_string()))?;
        openclaw_config::start::validity_gate(&paths.config, &loaded.report)
            .map_err(|refusal| invalid(refusal.to_string()))?;
        let config = loaded.report.config.clone().unwrap_or_default();
        plugins.restrict(&config.plugins);
        let settings = Settings::new(paths.clone(), environment, schemas, loaded);
        let models = ModelParts::new(&paths, &settings, &plugins).await;
        let models = models.map_err(|error| invalid(error.to_string()))?;
        Ok(Self { config, settings, plugins, models })
    }
}

/// Asks one model one question without a running gateway.
///
/// # Errors
/// `Invalid` for what the caller has to change, `Provider` with the provider's own words.
pub async fn infer_local(request: InferRequest) -> Result<InferAnswer, InferError> {
    let InferRequest { paths, environment, model, prompt } = request;
    if prompt.trim().is_empty() {
        return Err(InferError::Invalid("--prompt cannot be empty or whitespace-only.".to_owned()));
    }
    let invalid = |text: String| InferError::Invalid(text);
    let Parts { settings, plugins, models: parts, .. } = Parts::new(paths, environment).await?;
    let model = match model {
        Some(model) => model,
        None => parts.choose(&settings, &plugins).await.reference,
    };
    let choice = ModelChoice { primary: Some(model), fallbacks: Vec::new() };
    let targets =
        parts.models.catalog().targets(&choice).map_err(|unresolved| invalid(unresolved.to_string()))?;
    let question =
        ChatRequest { messages: vec![Message::text(Role::User, prompt)], ..ChatRequest::default() };
    let reply = parts.models.chat(question, &targets, None, &mut |_| ()).await;
    let reply = reply.map_err(|error| match error {
        ModelsError::Unresolved(_) => InferError::Invalid(error.to_string()),
        ModelsError::Failed(_) | ModelsError::AllFailed(_) => InferError::Provider(error.to_string()),
    })?;
    let said = if reply.answer.text.is_empty() { reply.answer.refusal } else { reply.answer.text };
    if said.trim().is_empty() {
        return Err(InferError::Provider(format!(
            "No text output returned for provider \"{}\" model \"{}\".",
            reply.provider, reply.model
        )));
    }
    Ok(InferAnswer { provider: reply.provider, model: reply.model, text: said })
}
