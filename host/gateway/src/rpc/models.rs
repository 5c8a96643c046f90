//! `models.*`: the models that the running gateway can ask, and what it knows of their credentials. Asks no provider.

use std::collections::BTreeSet;

use openclaw_models::{Catalog, Cooldowns, FailureReason, Origin, Provider, ShimSource};
use openclaw_protocol::models::{
    KeySource, ModelEntry, ModelsAuthStatus, ModelsList, ModelsListParams, ProviderAuth, ProviderCapability,
};

use crate::clock::now_ms;
use crate::process::Gateway;

/// `models.list`
pub(super) fn list(gateway: &Gateway, query: &ModelsListParams) -> ModelsList {
    let catalog = gateway.models.catalog();
    let named = named(&catalog);
    let serves = |provider: &Provider| gateway.answering.shims.serves(&provider.api);
    let mut models = Vec::new();
    for provider in catalog.providers() {
        if query.provider.as_ref().is_some_and(|id| *id != provider.id) {
            continue;
        }
        let listed = provider.models.iter().map(|model| (model.id.clone(), Some(model)));
        // What is asked by default or after it belongs into the list although no section names it.
        let unlisted = named.iter().filter_map(|reference| {
            let (id, model) = reference.split_once('/')?;
            let new = id == provider.id && !provider.models.iter().any(|listed| listed.id == model);
            new.then(|| (model.to_owned(), None))
        });
        for (id, section) in listed.chain(unlisted) {
            let reference = format!("{}/{id}", provider.id);
            let by_section = provider.origin == Origin::Config && section.is_some();
            let wanted = match query.view.as_deref() {
                Some("configured") => by_section || named.contains(&reference),
                Some("provider-config") => by_section,
                _ => true,
            };
            if !wanted {
                continue;
            }
            let waiting = waiting(gateway.models.cooldowns(), &provider.id, &id);
            models.push(ModelEntry {
                name: section.and_then(|model| model.name.clone()).unwrap_or_else(|| id.clone()),
                provider: provider.id.clone(),
                alias: alias(&catalog, &reference),
                tags: tags(&catalog, &reference),
                available: Some(serves(provider) && waiting.is_none()),
                unavailable_reason: waiting.as_ref().map(|(reason, _)| (*reason).to_owned()),
                unavailable_until: waiting.map(|(_, until)| until),
                context_window: section.and_then(|model| model.context_window).filter(|&tokens| tokens > 0),
                input: vec!["text".to_owned()],
                id,
            });
        }
    }
    ModelsList { models }
}

/// What the configuration names for agents: the choice, what is tried after it, and what has a short name.
fn named(catalog: &Catalog) -> BTreeSet<String> {
    let choice = catalog.default_choice();
    let chosen = choice.primary.iter().chain(&choice.fallbacks).chain(catalog.aliases().values());
    chosen.cloned().collect()
}

fn alias(catalog: &Catalog, reference: &str) -> Option<String> {
    catalog.aliases().iter().find(|(_, meant)| *meant == reference).map(|(alias, _)| alias.clone())
}

fn tags(catalog: &Catalog, reference: &str) -> Vec<String> {
    let choice = catalog.default_choice();
    let default = choice.primary.as_deref() == Some(reference);
    let fallback = choice.fallbacks.iter().position(|fallback| fallback == reference);
    let default = default.then(|| "default".to_owned());
    default.into_iter().chain(fallback.map(|place| format!("fallback#{}", place + 1))).collect()
}

/// Why a model is not asked now, and until when.
fn waiting(cooldowns: &Cooldowns, provider: &str, model: &str) -> Option<(&'static str, u64)> {
    let entries = cooldowns.list();
    let (.., reason, left) = entries.into_iter().find(|(id, name, ..)| id == provider && name == model)?;
    let word = if reason == FailureReason::Auth { "auth-failed" } else { "cooldown" };
    Some((word, now_ms().saturating_add(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))))
}

/// `models.authStatus`
pub(super) fn auth_status(gateway: &Gateway) -> ModelsAuthStatus {
    let catalog = gateway.models.catalog();
    let lacking = gateway.lacking_secrets.get();
    let mut providers: Vec<ProviderAuth> =
        catalog.providers().iter().map(|provider| of_provider(provider)).collect();
    // A provider whose key is not found is not in the catalog.
    for owner in lacking.iter().filter(|owner| owner.owner_kind == "provider") {
        let id = owner.owner_id.to_ascii_lowercase();
        if !providers.iter().any(|known| known.provider == id) {
            providers.push(auth(&id, "missing", None));
        }
    }
    let provider_capabilities = providers
        .iter()
        .map(|auth| ProviderCapability { provider: auth.provider.clone(), ..ProviderCapability::default() })
        .collect();
    ModelsAuthStatus { ts: now_ms(), providers, provider_capabilities }
}

fn of_provider(provider: &Provider) -> ProviderAuth {
    let source = match &provider.origin {
        Origin::Environment(_) => Some("env"),
        Origin::Config => Some("config"),
        // These need no key that a person would know.
        Origin::Local | Origin::Demo => None,
    };
    let key = provider.key.as_ref().and(source).map(|source| KeySource { source: source.to_owned() });
    auth(&provider.id, "static", key)
}

fn auth(id: &str, status: &str, api_key: Option<KeySource>) -> ProviderAuth {
    ProviderAuth {
        provider: id.to_owned(),
        auth_provider: id.to_owned(),
        display_name: id.to_owned(),
        status: status.to_owned(),
        profiles: Vec::new(),
        api_key,
    }
}
