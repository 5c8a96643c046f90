//! Which secrets the configuration and the environment hold, and which of them are not found: for the log, which has to
//! keep them out, and for `status`, which tells what is lacking. Values go nowhere else from here.

use openclaw_config::{Config, Env, SecretError, resolve_secret};
use openclaw_protocol::status::DegradedSecretOwner;
use openclaw_secrets::Secret;
use serde_json::Value;

use super::{Plugins, credentials, may_wait};
use crate::settings::Settings;

/// What became of the secrets that the configuration and the environment hold for models and channels.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    /// Every value, for the log.
    pub(crate) values: Vec<Secret>,
    /// What lacks a value that the configuration refers to.
    pub(crate) lacking: Vec<DegradedSecretOwner>,
}

/// Looks every secret up.
pub(crate) fn secrets(settings: &Settings, plugins: &Plugins) -> Secrets {
    let config = settings.config();
    may_wait(&config, || secrets_of(&config, settings, plugins))
}

fn secrets_of(config: &Config, settings: &Settings, plugins: &Plugins) -> Secrets {
    let resolver = settings.secrets(config);
    let env = resolver.env();
    let known = plugins.provider_manifests().filter_map(|manifest| manifest.provider.as_ref());
    let variables = known.flat_map(|provider| &provider.known).flat_map(|known| &known.env);
    let values = variables.filter_map(|name| env.non_blank(name)).map(|key| Secret::from(key.trim()));
    let mut secrets = Secrets { values: values.collect(), lacking: Vec::new() };
    let hooks = config.hooks.token.as_ref();
    secrets.values.extend(hooks.and_then(|token| token.resolve(&resolver, "hooks.token").ok().flatten()));
    for provider in &config.models.providers {
        let section = format!("models.providers.{}", provider.id);
        let key = provider.api_key.iter().map(|input| (format!("{section}.apiKey"), input));
        let headers =
            provider.headers.iter().map(|(name, input)| (format!("{section}.headers.{name}"), input));
        for (place, input) in key.chain(headers) {
            match input.resolve(&resolver, &place) {
                Ok(value) => secrets.values.extend(value),
                Err(why) => secrets.lacking.push(lacking("provider", provider.id.clone(), place, &why)),
            }
        }
    }
    for channel in &config.channels {
        let Some(manifest) = plugins.channel(&channel.id).and_then(|found| found.manifest.as_ref()) else {
            continue;
        };
        for account in &channel.accounts {
            secrets.values.extend(credentials::secrets(manifest, channel, account, &resolver));
            for key in manifest.secret_keys().filter(|_| account.enabled) {
                let place = format!("channels.{}.{key}", channel.id);
                let value = account.section.get(key).unwrap_or(&Value::Null);
                if let Err(why) = resolve_secret(value, &resolver, &place) {
                    let owner = format!("{}:{}", channel.id, account.id);
                    secrets.lacking.push(lacking("account", owner, place, &why));
                }
            }
        }
    }
    secrets
}

fn lacking(kind: &str, owner: String, place: String, why: &SecretError) -> DegradedSecretOwner {
    DegradedSecretOwner {
        owner_kind: kind.to_owned(),
        owner_id: owner,
        state: "unavailable".to_owned(),
        degradation_state: "cold".to_owned(),
        paths: vec![place],
        reason: why.to_string(),
    }
}
