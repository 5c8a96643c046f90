//! `plugin.toml`: its shape and the rules that its shape cannot express, one module a table. A manifest that parsed is
//! consistent: every template and every rule names a declared secret, every fixed address is encrypted.

mod channel;
mod http;
mod limits;
pub(crate) mod moved;
mod process;
mod provider;
mod secret;
mod webhook;
mod websocket;

use serde::Deserialize;
use serde_json::Value;

use crate::error::PackageError;

pub use channel::{Channel, ChannelPolicyMap, ChannelReplyMap, TextUnit};
pub use http::{ConfiguredOrigin, Http, Origin};
pub use limits::Limits;
pub use moved::{Moved, ValueType};
pub use process::{Process, ProcessOption};
pub use provider::{KnownProvider, LocalProvider, Provider};
pub use secret::{AutoGenerate, SecretEntry, Validation};
pub use webhook::{Challenge, Ed25519, Encoding, HmacSha256, PublicKey, SharedToken, Verify, Webhook};
pub use websocket::{Inject, Websocket};

/// The contracts that this host implements, oldest first.
pub const WIT_VERSIONS: &[&str] = &["openclaw:plugin@0.1.0", "openclaw:plugin@0.2.0"];

/// The most entries that a table may have. Real manifests have fewer than ten.
const MOST_ENTRIES: usize = 64;

/// A whole `plugin.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// `[plugin]`
    pub plugin: Plugin,
    /// `[config]`
    pub config: Option<ConfigEntry>,
    /// `[[secret]]`
    #[serde(default, rename = "secret")]
    pub secrets: Vec<SecretEntry>,
    /// `[[http]]`
    #[serde(default)]
    pub http: Vec<Http>,
    /// `[[websocket]]`
    #[serde(default, rename = "websocket")]
    pub websockets: Vec<Websocket>,
    /// `[[webhook]]`
    #[serde(default, rename = "webhook")]
    pub webhooks: Vec<Webhook>,
    /// `[[process]]`
    #[serde(default, rename = "process")]
    pub processes: Vec<Process>,
    /// `[limits]`
    #[serde(default)]
    pub limits: Limits,
    /// `[channel]`: present exactly when the kind is `channel`.
    pub channel: Option<Channel>,
    /// `[provider]`: present exactly when the kind is `provider`.
    pub provider: Option<Provider>,
}

/// `[plugin]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Plugin {
    /// `[a-z0-9-]`, at most 64 characters. For a channel also the key in `channels`.
    pub id: String,
    /// What it plugs into.
    pub kind: Kind,
    /// The plugin's own version: `1.2.3`, with `-suffix` or `+suffix` if need be.
    pub version: String,
    /// The contract it was built against; one of [`WIT_VERSIONS`].
    pub wit: String,
    /// An SPDX expression.
    pub license: String,
    /// For people.
    pub label: String,
}

impl Plugin {
    /// Whether a plugin may be called so.
    #[must_use]
    pub fn is_id(text: &str) -> bool {
        text.len() <= 64 && !text.starts_with('-') && is_word(text)
    }
}

/// What a plugin plugs into.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A chat vendor.
    Channel,
    /// A dialect of model APIs.
    Provider,
}

impl Kind {
    /// The word in the manifest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Provider => "provider",
        }
    }
}

/// `[config]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConfigEntry {
    /// The file with the JSON Schema of the plugin's section: a plain file name beside the manifest.
    pub schema: String,
    /// `[[config.moved]]`: older spellings of the section's keys.
    #[serde(default)]
    pub moved: Vec<Moved>,
}

impl Manifest {
    /// Reads and checks a manifest. `file` is how errors name it.
    ///
    /// # Errors
    /// [`PackageError::Syntax`] for wrong TOML and unknown keys, [`PackageError::Manifest`] for values that cannot work.
    pub fn parse(text: &str, file: &str) -> Result<Self, PackageError> {
        let manifest: Self = toml::from_str(text)
            .map_err(|error| PackageError::Syntax { file: file.to_owned(), detail: error.to_string() })?;
        match manifest.first_fault() {
            None => Ok(manifest),
            Some(Fault { key, problem, fix }) => {
                Err(PackageError::Manifest { file: file.to_owned(), key, problem, fix: fix.to_owned() })
            }
        }
    }

    /// The keys of the section whose values are secrets.
    pub fn secret_keys(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().filter_map(|secret| secret.config.as_deref())
    }

    /// Whether a key of the section holds a secret or names a file with one.
    #[must_use]
    pub fn is_secret_place(&self, key: &str) -> bool {
        let holds = |place: &Option<String>| place.as_deref() == Some(key);
        self.secrets.iter().any(|secret| holds(&secret.config) || holds(&secret.config_file))
    }

    /// The older spellings of the section's keys, in the order in which they are to be moved.
    #[must_use]
    pub fn moved(&self) -> &[Moved] {
        self.config.as_ref().map_or(&[], |config| &config.moved)
    }

    /// The section with the addresses that the environment names where the section itself names none. What the operator's
    /// environment says counts as what his configuration says.
    #[must_use]
    pub fn with_environment(&self, section: &Value, env: impl Fn(&str) -> Option<String>) -> Value {
        let mut section = section.clone();
        let pages = self.http.iter().map(|http| (&http.origin, false));
        let sockets = self.websockets.iter().map(|websocket| (&websocket.url, true));
        for (origin, socket) in pages.chain(sockets) {
            let Origin::Configured(ConfiguredOrigin { config, env: Some(name), .. }) = origin else {
                continue;
            };
            let named =
                section.get(config).and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
            if let (false, Some(value), Some(keys)) = (named, env(name), section.as_object_mut()) {
                // One variable may name both: a socket is at the same place, by its own scheme.
                let secured = value.strip_prefix("http").filter(|_| socket).map(|rest| format!("ws{rest}"));
                keys.insert(config.clone(), secured.unwrap_or(value).into());
            }
        }
        section
    }

    fn first_fault(&self) -> Option<Fault> {
        self.plugin_fault()
            .or_else(|| self.size_fault())
            .or_else(|| moved::first_fault(self.moved()))
            .or_else(|| secret::first_fault(self))
            .or_else(|| http::first_fault(self))
            .or_else(|| websocket::first_fault(self))
            .or_else(|| webhook::first_fault(self))
            .or_else(|| process::first_fault(&self.processes))
            .or_else(|| self.limits.first_fault())
            .or_else(|| self.kind_fault())
    }

    fn plugin_fault(&self) -> Option<Fault> {
        let Plugin { id, version, wit, license, label, .. } = &self.plugin;
        if !Plugin::is_id(id) {
            return fault("plugin.id", format!("\"{id}\" is not an id"), "use at most 64 of a-z, 0-9 and -");
        }
        if !is_version(version) {
            let problem = format!("\"{version}\" is not a version");
            return fault("plugin.version", problem, "write three numbers, as in 1.2.3 or 1.2.3-beta.1");
        }
        if !WIT_VERSIONS.contains(&wit.as_str()) {
            let own = WIT_VERSIONS.iter().map(|own| format!("\"{own}\"")).collect::<Vec<_>>().join(" or ");
            let problem = format!("\"{wit}\" is not a contract of this host, {own}");
            return fault("plugin.wit", problem, "build the plugin with the SDK of this host's version");
        }
        for (key, text) in [("plugin.license", license), ("plugin.label", label)] {
            if text.trim().is_empty() || text.len() > 256 || text.chars().any(char::is_control) {
                return fault(
                    key,
                    "is empty, longer than 256 bytes, or not plain text".to_owned(),
                    "write one short line",
                );
            }
        }
        let schema = self.config.as_ref().map(|config| config.schema.as_str());
        if schema.is_some_and(|name| name.contains(['/', '\\']) || name.starts_with('.')) {
            return fault(
                "config.schema",
                "is not a plain file name".to_owned(),
                "put the schema beside plugin.toml",
            );
        }
        None
    }

    fn size_fault(&self) -> Option<Fault> {
        let tables = [
            ("secret", self.secrets.len()),
            ("http", self.http.len()),
            ("websocket", self.websockets.len()),
            ("webhook", self.webhooks.len()),
            ("process", self.processes.len()),
        ];
        let (table, count) = tables.into_iter().find(|(_, count)| *count > MOST_ENTRIES)?;
        fault(
            table,
            format!("there are {count}, and at most {MOST_ENTRIES} may be"),
            "leave out what is not used",
        )
    }

    fn kind_fault(&self) -> Option<Fault> {
        let (has, table) = match self.plugin.kind {
            Kind::Channel => (self.channel.is_some() && self.provider.is_none(), "[channel]"),
            Kind::Provider => (self.provider.is_some() && self.channel.is_none(), "[provider]"),
        };
        if !has {
            let problem =
                format!("is \"{}\", which needs the table {table} and no other", self.plugin.kind.as_str());
            return fault("plugin.kind", problem, "add the table, or change the kind");
        }
        if self.plugin.kind == Kind::Provider {
            let tables = [
                ("websocket", self.websockets.is_empty()),
                ("webhook", self.webhooks.is_empty()),
                ("process", self.processes.is_empty()),
            ];
            if let Some((table, _)) = tables.iter().find(|(_, empty)| !empty) {
                let problem = "a provider is a pure function: it imports nothing".to_owned();
                return fault(*table, problem, "leave the table out");
            }
        }
        self.channel.as_ref().and_then(Channel::first_fault).or_else(|| self.provider.as_ref()?.first_fault())
    }

    /// A fault at `key` unless a `[[secret]]` has this name.
    fn undeclared_secret(&self, key: impl FnOnce() -> String, name: &str) -> Option<Fault> {
        if self.secrets.iter().any(|secret| secret.name == name) {
            return None;
        }
        fault(key(), format!("{{{name}}} is not a declared secret"), "add a [[secret]] with that name")
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The name of an entry: what the component calls it.
fn name_fault(key: String, name: &str) -> Option<Fault> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if !name.is_empty() && name.len() <= 64 && name.bytes().all(plain) {
        return None;
    }
    fault(key, format!("\"{name}\" is not a name"), "use at most 64 of A-Z, a-z, 0-9, - and _")
}

fn is_version(text: &str) -> bool {
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, suffix) = text.split_at(end);
    let number = |part: &str| !part.is_empty() && part.len() <= 9 && part.bytes().all(|b| b.is_ascii_digit());
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.');
    numbers.split('.').count() == 3
        && numbers.split('.').all(number)
        && suffix.len() != 1
        && text.len() <= 64
        && suffix.bytes().all(plain)
}

/// A fault at `key` unless `value` lies between 1 and `most`.
fn range_fault(key: String, value: u64, most: u64, fix: &'static str) -> Option<Fault> {
    if (1..=most).contains(&value) {
        return None;
    }
    fault(key, format!("{value} is not between 1 and {most}"), fix)
}

/// One thing that is wrong, before it is known which file it stands in.
pub(crate) struct Fault {
    key: String,
    problem: String,
    fix: &'static str,
}

// `Option` because every caller returns the first fault it finds.
#[allow(clippy::unnecessary_wraps)]
pub(crate) fn fault(key: impl Into<String>, problem: String, fix: &'static str) -> Option<Fault> {
    Some(Fault { key: key.into(), problem, fix })
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod table_tests;
