//! The account's configuration, as far as the guest acts on it. The host has validated it against
//! `config.schema.json`, and has kept what is the host's own: secrets, policy, limits.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::intents::Intents;
use crate::snowflake;

/// As the original has it: a taller message hides what stands above it.
const LINES: usize = 17;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Config {
    pub(crate) intents: Intents,
    suppress_embeds: Option<bool>,
    max_lines_per_message: Option<usize>,
    markdown: Markdown,
    guilds: BTreeMap<String, Guild>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Markdown {
    tables: Tables,
}

/// How tables are shown, which Discord does not have.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tables {
    /// As they were written.
    Off,
    /// A heading a row, and a bullet for each of its other cells.
    Bullets,
    /// Aligned, as a code block.
    #[default]
    #[serde(alias = "block")]
    Code,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Guild {
    channels: BTreeMap<String, IgnoredAny>,
}

impl Config {
    pub(crate) fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// Whether links are shown without a preview.
    pub(crate) fn suppress_embeds(&self) -> bool {
        self.suppress_embeds != Some(false)
    }

    pub(crate) fn tables(&self) -> Tables {
        self.markdown.tables
    }

    pub(crate) fn max_lines(&self) -> usize {
        self.max_lines_per_message.unwrap_or(LINES)
    }

    /// The channels of `guilds` that are named by id, and how many are named otherwise.
    pub(crate) fn channels(&self) -> (Vec<&str>, usize) {
        let named = self.guilds.values().flat_map(|guild| guild.channels.keys());
        let (ids, others): (Vec<&str>, Vec<&str>) =
            named.map(String::as_str).filter(|name| *name != "*").partition(|name| snowflake::is_id(name));
        (ids, others.len())
    }
}
