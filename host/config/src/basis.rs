//! What a text is judged by besides itself: where it lies, what the plugins say about their sections, and the
//! environment. Everybody who judges builds one, so that command line, start and reload cannot differ.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::env::Env;

/// What a text is judged by.
#[derive(Clone, Copy)]
pub struct Basis<'a> {
    /// The file that the text is, or shall become, the content of. What it includes is looked for beside it.
    pub config: &'a Path,
    /// What the plugins say about their sections.
    pub plugins: &'a PluginSchemas,
    /// For `${VAR}`.
    pub env: &'a dyn Env,
    /// Texts of included files that are not written yet.
    pub drafts: &'a BTreeMap<PathBuf, String>,
}

/// No drafts.
pub(crate) static NO_DRAFTS: BTreeMap<PathBuf, String> = BTreeMap::new();

impl<'a> Basis<'a> {
    /// A basis for what lies on disk.
    #[must_use]
    pub fn new(config: &'a Path, plugins: &'a PluginSchemas, env: &'a dyn Env) -> Self {
        Self { config, plugins, env, drafts: &NO_DRAFTS }
    }
}

/// What the plugins that are present say about their sections.
#[derive(Clone, Debug, Default)]
pub struct PluginSchemas {
    /// By channel id.
    pub channels: ChannelSchemas,
    /// The providers' shims.
    pub providers: Vec<ProviderSchema>,
}

/// The channels that are present, by id.
pub type ChannelSchemas = BTreeMap<String, ChannelSchema>;

/// What a channel's plugin says about its section.
#[derive(Clone, Debug)]
pub struct ChannelSchema {
    /// A JSON Schema for the section of one account, that is without `accounts` and `defaultAccount`. The host's own
    /// keys `enabled` and `name` need not be in it.
    pub schema: Arc<Value>,
    /// The keys of the section whose values are secrets.
    pub secrets: Vec<String>,
    /// Older spellings inside the section.
    pub moved: Vec<MovedKey>,
    /// Why no account of this channel can run, if none can.
    pub unusable: Option<String>,
}

/// What a provider's plugin says about `models.providers.<id>`.
#[derive(Clone, Debug)]
pub struct ProviderSchema {
    /// The values of `api` that the plugin serves.
    pub apis: Vec<String>,
    /// The ids that it serves without an `api`.
    pub known: Vec<String>,
    /// A JSON Schema for the section as far as the dialect is concerned.
    pub schema: Arc<Value>,
}

/// An older spelling inside a plugin's section. A `*` stands for any one step, the same in both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedKey {
    /// The steps to the old place.
    pub from: Vec<String>,
    /// The steps to the new one.
    pub to: Vec<String>,
    /// Only a value of this type is moved: `string`, `boolean`, `number`, `array` or `object`.
    pub when: Option<String>,
    /// What stands for an old value at the new place; a value that is not here stays as it is.
    pub values: BTreeMap<String, Value>,
}

#[cfg(test)]
pub(crate) mod testing {
    //! Plugins that are made up, for tests.

    use serde_json::json;

    use super::*;
    use crate::report::Report;

    /// A channel with this schema and these secret keys.
    pub(crate) fn channel(schema: Value, secrets: &[&str]) -> ChannelSchema {
        ChannelSchema {
            schema: Arc::new(schema),
            secrets: secrets.iter().map(|key| (*key).to_owned()).collect(),
            moved: Vec::new(),
            unusable: None,
        }
    }

    /// These channels, and a provider of the usual dialect.
    pub(crate) fn plugins<const N: usize>(channels: [(&str, ChannelSchema); N]) -> PluginSchemas {
        let shim = ProviderSchema {
            apis: vec![crate::DEFAULT_API.to_owned()],
            known: Vec::new(),
            schema: Arc::new(json!({"properties": {"region": {"enum": ["here"]}}})),
        };
        let channels = channels.into_iter().map(|(id, channel)| (id.to_owned(), channel)).collect();
        PluginSchemas { channels, providers: vec![shim] }
    }

    /// The verdict on a text with these plugins and an empty environment.
    pub(crate) fn judged(text: &str, plugins: &PluginSchemas) -> Report {
        let env: BTreeMap<String, String> = BTreeMap::new();
        crate::validate(text, &Basis::new(Path::new("openclaw.json"), plugins, &env))
    }
}
