//! `plugin.toml`: its shape and the rules that its shape cannot express. A manifest that parsed is consistent: every
//! template names a declared secret, every fixed address is `https`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::PackageError;
use crate::moved::{self, Moved};
use crate::template::Template;

/// The contract that this host implements.
pub const WIT_VERSION: &str = "openclaw:plugin@0.2.0";
/// The older contract that it goes on to serve.
const OLDER_WIT_VERSION: &str = "openclaw:plugin@0.1.0";

/// The most that a grant may ask for in one request or answer, in bytes.
const LARGEST_TRANSFER: u64 = 256 * 1024 * 1024;
/// What a grant has when it says nothing, in bytes.
const DEFAULT_MAX_BODY: u64 = 1024 * 1024;
const DEFAULT_MAX_RESPONSE: u64 = 8 * 1024 * 1024;

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
    /// The plugin's own version.
    pub version: String,
    /// The contract it was built against: [`WIT_VERSION`], or the one before it.
    pub wit: String,
    /// An SPDX expression.
    pub license: String,
    /// For people.
    pub label: String,
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

/// `[[secret]]`: one secret that an account of the plugin needs, and where it may stand. A file beats the
/// configuration, which beats the environment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecretEntry {
    /// What templates call it.
    pub name: String,
    /// What to ask a person for.
    pub prompt: Option<String>,
    /// Where a person gets it.
    pub help_url: Option<String>,
    /// The key of the section that holds the value.
    pub config: Option<String>,
    /// The key of the section that names a file with the value.
    pub config_file: Option<String>,
    /// The environment variable that holds the value for the default account.
    pub env: Option<String>,
    /// An account may do without it: a header that needs it is then left out.
    #[serde(default)]
    pub optional: bool,
}

/// `[[http]]`: one place that the component may reach, and what the host adds on the way.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Http {
    /// What the component calls it.
    pub name: String,
    /// Scheme, host and port.
    pub origin: Origin,
    /// Set before every path; may contain `{secret}`.
    #[serde(default)]
    pub path_prefix: Template,
    /// Set on every request; values may contain `{secret}`.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// Upper case. Empty means `GET` and `POST`.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Bytes of a request body.
    #[serde(default = "default_max_body")]
    pub max_body: u64,
    /// Bytes of an answer's body.
    #[serde(default = "default_max_response")]
    pub max_response: u64,
    /// Paths of which at most one request may be on its way.
    #[serde(default)]
    pub single_flight: Vec<String>,
}

/// Where a grant leads.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Origin {
    /// Always there.
    Fixed(String),
    /// Where a key of the section says.
    Configured(ConfiguredOrigin),
}

/// An origin that the operator may choose.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConfiguredOrigin {
    /// The key of the section.
    pub config: String,
    /// Where the key is not set.
    pub default: Option<String>,
}

/// `[channel]`: the words and limits of a chat vendor.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Channel {
    /// The longest text of one message, in `text-unit`.
    pub text_limit: u32,
    /// What `text-limit` counts.
    pub text_unit: TextUnit,
    /// The pairing text's line with the sender's id; `{id}` stands for the id.
    pub sender_id_line: String,
    /// What the vendor's sender id is called, for instance in tables.
    pub sender_id_label: String,
    /// How it receives, for instance `polling`.
    pub mode: Option<String>,
    /// What to tell a person when the secret is missing.
    pub missing_secret: Option<String>,
    /// How the log words a group message that is not processed.
    #[serde(default = "default_group_drop")]
    pub group_drop: String,
    /// What a thread is called in session keys: `[a-z0-9-]`, at most 32 characters.
    #[serde(default = "default_thread_word")]
    pub thread_word: String,
    /// `[channel.policy]`
    #[serde(default)]
    pub policy: ChannelPolicyMap,
}

/// What a text limit counts.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum TextUnit {
    /// UTF-16 code units.
    Utf16,
    /// Unicode scalar values.
    Chars,
    /// Bytes of UTF-8.
    Bytes,
}

/// `[channel.policy]`: JSON pointers into the section, for the host's own policy.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ChannelPolicyMap {
    /// Who may write directly.
    pub dm_policy: Option<String>,
    /// Ids that may.
    pub allow_from: Option<String>,
    /// Which groups are served.
    pub group_policy: Option<String>,
    /// Ids that may write in groups.
    pub group_allow_from: Option<String>,
    /// A map from group id, or `*`, to its own rules.
    pub groups: Option<String>,
    /// The operator's own text limit.
    pub text_limit: Option<String>,
    /// Prefixes that people write before an id and that are not part of it.
    pub sender_prefixes: Vec<String>,
}

/// `[provider]`: which dialects the shim speaks and who is known to speak them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Provider {
    /// Values of `models.providers.<id>.api` that this shim serves.
    pub api: Vec<String>,
    /// `[[provider.known]]`, most preferred first.
    #[serde(default)]
    pub known: Vec<KnownProvider>,
    /// `[[provider.local]]`, most preferred first.
    #[serde(default)]
    pub local: Vec<LocalProvider>,
}

/// `[[provider.known]]`: a provider that needs no more than a key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KnownProvider {
    /// The provider id.
    pub id: String,
    /// Where it answers.
    pub base_url: String,
    /// Variables that may hold the key, most preferred first.
    #[serde(default)]
    pub env: Vec<String>,
    /// The model to use when none is chosen.
    pub default_model: Option<String>,
    /// Flags for the shim, below those that the operator sets for a model: keys as in `compat` of the configuration.
    #[serde(default)]
    pub compat: Map<String, Value>,
    /// For people.
    pub label: Option<String>,
}

/// `[[provider.local]]`: a server that may be running on this machine and needs no key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LocalProvider {
    /// The provider id.
    pub id: String,
    /// Where it answers.
    pub base_url: String,
    /// For people.
    pub label: Option<String>,
}

fn default_group_drop() -> String {
    "drop group message".to_owned()
}

fn default_thread_word() -> String {
    "thread".to_owned()
}

fn default_max_body() -> u64 {
    DEFAULT_MAX_BODY
}

fn default_max_response() -> u64 {
    DEFAULT_MAX_RESPONSE
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

    /// The older spellings of the section's keys, in the order in which they are to be moved.
    #[must_use]
    pub fn moved(&self) -> &[Moved] {
        self.config.as_ref().map_or(&[], |config| &config.moved)
    }

    fn first_fault(&self) -> Option<Fault> {
        self.plugin_fault()
            .or_else(|| moved::first_fault(self.moved()))
            .or_else(|| self.secret_fault())
            .or_else(|| self.http_fault())
            .or_else(|| self.kind_fault())
    }

    fn plugin_fault(&self) -> Option<Fault> {
        let id = &self.plugin.id;
        if id.len() > 64 || id.starts_with('-') || !is_word(id) {
            return fault("plugin.id", format!("\"{id}\" is not an id"), "use at most 64 of a-z, 0-9 and -");
        }
        if self.plugin.wit != WIT_VERSION && self.plugin.wit != OLDER_WIT_VERSION {
            let problem =
                format!("\"{}\" is not the contract of this host, \"{WIT_VERSION}\"", self.plugin.wit);
            return fault("plugin.wit", problem, "build the plugin with the SDK of this host's version");
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

    fn secret_fault(&self) -> Option<Fault> {
        let mut names = BTreeSet::new();
        for (n, secret) in self.secrets.iter().enumerate() {
            if !names.insert(&secret.name) {
                return fault(
                    format!("secret[{n}].name"),
                    format!("\"{}\" occurs twice", secret.name),
                    "rename one",
                );
            }
            if secret.config.is_none() && secret.config_file.is_none() && secret.env.is_none() {
                let problem = "has no place to come from".to_owned();
                return fault(format!("secret[{n}]"), problem, "add config, config-file or env");
            }
        }
        None
    }

    fn http_fault(&self) -> Option<Fault> {
        let mut names = BTreeSet::new();
        for (n, http) in self.http.iter().enumerate() {
            let key = |field: &str| format!("http[{n}].{field}");
            if !names.insert(&http.name) {
                return fault(key("name"), format!("\"{}\" occurs twice", http.name), "rename one");
            }
            let (origin, what) = match &http.origin {
                Origin::Fixed(origin) => (Some(origin), "origin"),
                Origin::Configured(configured) => (configured.default.as_ref(), "origin.default"),
            };
            if let Some(problem) = origin.and_then(|origin| crate::grant::fixed_origin_problem(origin)) {
                return fault(key(what), problem.to_owned(), "write https://host");
            }
            if let Some(problem) = http.path_prefix.path_problem() {
                return fault(
                    key("path-prefix"),
                    problem.to_owned(),
                    "write /segment{secret}, without a final /",
                );
            }
            let templates = http.headers.values().chain([&http.path_prefix]);
            for name in templates.flat_map(Template::secret_names) {
                if !self.secrets.iter().any(|secret| secret.name == name) {
                    let problem = format!("{{{name}}} is not a declared secret");
                    return fault(key("path-prefix/headers"), problem, "add a [[secret]] with that name");
                }
            }
            for name in http.headers.keys() {
                if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
                    return fault(
                        key("headers"),
                        format!("\"{name}\" is not a header name"),
                        "use a-z, 0-9 and -",
                    );
                }
            }
            let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
            if let Some(method) = http.methods.iter().find(|method| !known.contains(&method.as_str())) {
                let problem = format!("\"{method}\" is not a method that a component can use");
                return fault(key("methods"), problem, "use GET, HEAD, POST, PUT, PATCH, DELETE");
            }
            for (field, value) in [("max-body", http.max_body), ("max-response", http.max_response)] {
                if value == 0 || value > LARGEST_TRANSFER {
                    let problem = format!("{value} is not between 1 and {LARGEST_TRANSFER}");
                    return fault(key(field), problem, "state the largest transfer in bytes");
                }
            }
            if let Some(path) = http.single_flight.iter().find(|path| !path.starts_with('/')) {
                return fault(
                    key("single-flight"),
                    format!("\"{path}\" does not begin with /"),
                    "write /path",
                );
            }
        }
        None
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
        if let Some(channel) = &self.channel {
            if channel.text_limit == 0 {
                return fault("channel.text-limit", "is 0".to_owned(), "state the vendor's limit");
            }
            let word = &channel.thread_word;
            // It stands between the colons of a session key.
            if word.len() > 32 || !is_word(word) {
                let problem = format!("\"{word}\" cannot stand in a session key");
                return fault("channel.thread-word", problem, "use at most 32 of a-z, 0-9 and -");
            }
            let policy = &channel.policy;
            let pointers = [
                ("dm-policy", &policy.dm_policy),
                ("allow-from", &policy.allow_from),
                ("group-policy", &policy.group_policy),
                ("group-allow-from", &policy.group_allow_from),
                ("groups", &policy.groups),
                ("text-limit", &policy.text_limit),
            ];
            for (name, pointer) in pointers {
                if pointer.as_ref().is_some_and(|pointer| !pointer.starts_with('/')) {
                    let key = format!("channel.policy.{name}");
                    return fault(key, "is not a JSON pointer".to_owned(), "write /key or /key/inner");
                }
            }
        }
        if let Some(provider) = &self.provider {
            if provider.api.is_empty() {
                return fault(
                    "provider.api",
                    "is empty".to_owned(),
                    "name the dialects that the shim speaks",
                );
            }
            for (n, known) in provider.known.iter().enumerate() {
                if let Some(problem) = crate::grant::fixed_origin_problem(&known.base_url) {
                    return fault(
                        format!("provider.known[{n}].base-url"),
                        problem.to_owned(),
                        "write https://host/path",
                    );
                }
            }
        }
        None
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
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
#[path = "manifest_tests.rs"]
mod tests;
