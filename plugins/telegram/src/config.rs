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
    /// In MB; absent means 100.
    media_max_mb: Option<f64>,
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

    /// Bytes of the largest file, either way.
    pub(crate) fn media_max(&self) -> u64 {
        // A negative or odd number becomes 0: nothing is taken then. The schema refuses those.
        (self.media_max_mb.unwrap_or(100.0) * f64::from(1 << 20)) as u64
    }

    pub(crate) fn tables(&self) -> Tables {
        self.markdown.tables
    }
}
