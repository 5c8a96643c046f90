//! The account's configuration, as far as the guest acts on it. The host has validated it against
//! `config.schema.json`, and has kept what is the host's own: secrets, policy, limits.

use serde::Deserialize;

use crate::format::Tables;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Config {
    /// Absent means that links are previewed.
    link_preview: Option<bool>,
    markdown: Markdown,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Markdown {
    tables: Tables,
}

impl Config {
    pub(crate) fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    pub(crate) fn link_preview(&self) -> bool {
        self.link_preview != Some(false)
    }

    pub(crate) fn tables(&self) -> Tables {
        self.markdown.tables
    }
}
