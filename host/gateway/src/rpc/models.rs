//! `models.list`: the models that the running gateway can ask.

use openclaw_models::{Provider, ShimSource};
use openclaw_protocol::models::{ModelEntry, ModelsList, ModelsListParams};

use crate::process::Gateway;

pub(super) fn list(gateway: &Gateway, query: &ModelsListParams) -> ModelsList {
    let catalog = gateway.models.catalog();
    let chosen = catalog.default_choice().primary.as_deref().and_then(|primary| primary.split_once('/'));
    let wanted = |provider: &Provider| query.provider.as_ref().is_none_or(|id| *id == provider.id);
    let mut models = Vec::new();
    for provider in catalog.providers().iter().filter(|provider| wanted(provider)) {
        let available = Some(gateway.answering.shims.serves(&provider.api));
        models.extend(provider.models.iter().map(|model| ModelEntry {
            id: model.id.clone(),
            name: model.name.clone().unwrap_or_else(|| model.id.clone()),
            provider: provider.id.clone(),
            available,
            context_window: model.context_window,
            input: vec!["text".to_owned()],
        }));
        // What is asked by default belongs into the list although no section names it.
        let unlisted = chosen.filter(|(id, model)| {
            *id == provider.id && !provider.models.iter().any(|listed| listed.id == *model)
        });
        models.extend(unlisted.map(|(_, model)| ModelEntry {
            id: model.to_owned(),
            name: model.to_owned(),
            provider: provider.id.clone(),
            available,
            context_window: None,
            input: vec!["text".to_owned()],
        }));
    }
    ModelsList { models }
}
