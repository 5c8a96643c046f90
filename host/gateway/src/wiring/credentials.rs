//! Where an account's credentials come from, and its section without them.

use openclaw_config::{Account, Channel, Env, SecretResolver, resolve_secret};
use openclaw_packages::{AccountSecrets, Manifest, SecretLookup};
use openclaw_secrets::Secret;
use serde_json::Value;

/// The account's section as the component sees it: without its secrets, and without the keys that are the host's own.
pub(super) fn without_secrets(manifest: &Manifest, section: &Value) -> String {
    let mut shown = section.clone();
    if let Some(shown) = shown.as_object_mut() {
        shown.retain(|key, _| !manifest.is_secret_place(key) && key != "enabled" && key != "name");
    }
    shown.to_string()
}

/// Where the secrets that an account cannot do without come from, told without reading them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential {
    /// The configuration holds or refers to it.
    Config,
    /// The configuration names a file.
    File,
    /// A variable of the environment.
    Environment,
    /// Nowhere.
    Missing,
    /// The channel needs none.
    NotNeeded,
}

impl Credential {
    /// The word in `tokenSource`.
    pub(crate) fn source(self) -> &'static str {
        match self {
            Credential::Config => "config",
            Credential::File => "tokenFile",
            Credential::Environment => "env",
            Credential::Missing | Credential::NotNeeded => "none",
        }
    }

    /// The word in `tokenStatus`.
    pub(crate) fn status(self) -> &'static str {
        match self {
            Credential::Config | Credential::File | Credential::Environment => "available",
            Credential::Missing => "missing",
            Credential::NotNeeded => "not-needed",
        }
    }
}

/// Finds where an account's secrets are. With several the last one counts, and one that is missing counts most.
pub(crate) fn credential(
    manifest: &Manifest,
    section: &Value,
    default_account: bool,
    env: &dyn Env,
) -> Credential {
    let set = |key: &Option<String>| {
        let value = key.as_ref().and_then(|key| section.get(key));
        value.is_some_and(|value| {
            !value.is_null() && value.as_str().is_none_or(|text| !text.trim().is_empty())
        })
    };
    let mut found = Credential::NotNeeded;
    for secret in manifest.secrets.iter().filter(|secret| !secret.optional) {
        let variable = secret.env.as_ref().filter(|_| default_account);
        found = match () {
            () if set(&secret.config_file) => Credential::File,
            () if set(&secret.config) => Credential::Config,
            () if variable.is_some_and(|name| env.non_blank(name).is_some()) => Credential::Environment,
            () => return Credential::Missing,
        };
    }
    found
}

/// The values of an account's secrets that can be read now, so that the log can be kept free of them.
pub(super) fn secrets(
    manifest: &Manifest,
    channel: &Channel,
    account: &Account,
    resolver: &SecretResolver<'_>,
) -> Vec<Secret> {
    let lookup = Lookup { secrets: resolver, place: format!("channels.{}", channel.id) };
    let default_account = channel.default_account == account.id;
    // An account whose secrets cannot be read has none to hide.
    let Ok(found) = AccountSecrets::collect(manifest, &account.section, default_account, &lookup) else {
        return Vec::new();
    };
    manifest.secrets.iter().filter_map(|secret| found.get(&secret.name).cloned()).collect()
}

/// Resolves the secrets of one account the way the configuration spells them.
pub(super) struct Lookup<'a> {
    pub(super) secrets: &'a SecretResolver<'a>,
    /// Where the account's section stands, for instance `channels.x`.
    pub(super) place: String,
}

impl SecretLookup for Lookup<'_> {
    fn config(&self, key: &str, value: &Value) -> Result<Option<Secret>, String> {
        let place = format!("{}.{key}", self.place);
        resolve_secret(value, self.secrets, &place).map_err(|error| error.to_string())
    }

    fn env(&self, name: &str) -> Option<Secret> {
        self.secrets.env().non_blank(name).map(|value| Secret::from(value.trim()))
    }
}
