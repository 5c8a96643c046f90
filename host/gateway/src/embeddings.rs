//! Which model makes an agent's vectors: the caller's choice, or what the configuration says at `memory.search`.

use openclaw_config::Config;
use openclaw_models::{Catalog, Target, Unresolved};

/// Why there is no model. The text ends without a full stop, so that a caller can add a way of its own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoModel {
    /// Nobody says which.
    #[error("No model makes embeddings for agent '{0}': set memory.search.model to <provider>/<model>")]
    NotSet(String),
    /// The configuration names one that is not there.
    #[error("memory.search names a model that cannot be used: {0}")]
    Configured(Unresolved),
    /// The caller named one that is not there.
    #[error("{0}")]
    Named(Unresolved),
}

/// The model for `agent`. `provider` and `model` are the caller's choice; a model may name its provider itself.
pub(crate) fn target(
    config: &Config,
    catalog: &Catalog,
    agent: &str,
    provider: Option<&str>,
    model: Option<&str>,
) -> Result<Target, NoModel> {
    let own = config.embedding_of(agent);
    if let Some(model) = model {
        return catalog.embedding_target(provider.or(own.provider.as_deref()), model).map_err(NoModel::Named);
    }
    // The configured model belongs to the configured provider.
    let same = provider.is_none() || provider == own.provider.as_deref();
    match own.model.filter(|_| same) {
        Some(model) => catalog.embedding_target(own.provider.as_deref(), &model).map_err(NoModel::Configured),
        None => Err(NoModel::NotSet(agent.to_owned())),
    }
}
