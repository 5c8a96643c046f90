//! One raw completion without a running gateway, for `openclaw infer model run --local`: configuration, the shim, one
//! request, one answer. No session, no system prompt, no agent; touches no durable state but the artifact cache.

use std::collections::BTreeMap;

use openclaw_config::{Basis, ModelChoice, Paths};
use openclaw_models::{ChatRequest, Message, ModelsError, Role};

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
    let plugins = Plugins::discover(&paths.state_dir);
    let schemas = plugins.schemas();
    let loaded = openclaw_config::load(&Basis::new(&paths.config, &schemas, &environment))
        .map_err(|error| invalid(error.to_string()))?;
    openclaw_config::start::validity_gate(&paths.config, &loaded.report)
        .map_err(|refusal| invalid(refusal.to_string()))?;
    let config = loaded.report.config.clone().unwrap_or_default();
    plugins.restrict(&config.plugins);
    let settings = Settings::new(paths.clone(), environment, schemas, loaded);
    let parts =
        ModelParts::new(&paths, &settings, &plugins).await.map_err(|error| invalid(error.to_string()))?;
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
