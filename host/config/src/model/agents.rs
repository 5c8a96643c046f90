//! `agents.*` and `session.*`

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// The agent that exists when the file names none.
const IMPLICIT_AGENT: &str = "main";

/// `agents.*`
#[derive(Clone, Debug)]
pub struct Agents {
    /// `agents.defaults`
    pub defaults: AgentDefaults,
    /// `agents.entries`, or the older `agents.list`; never empty: without either there is the agent `main`.
    pub entries: Vec<Agent>,
}

/// `agents.defaults`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AgentDefaults {
    /// Which models answer.
    #[serde(deserialize_with = "model_choice")]
    pub model: Option<ModelChoice>,
    /// By `provider/model`. In older files also the list of what may be chosen.
    pub models: BTreeMap<String, ModelEntry>,
    /// The agents' working directory; may begin with `~`.
    pub workspace: Option<String>,
    /// How long a turn may take, in seconds.
    pub timeout_seconds: Option<u64>,
}

/// A model and what to try after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelChoice {
    /// `provider/model`
    pub primary: Option<String>,
    /// Tried in this order.
    pub fallbacks: Vec<String>,
}

/// `agents.defaults.models.<provider/model>`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ModelEntry {
    /// A short name that people may use instead.
    pub alias: Option<String>,
    /// Parameters for every request to this model.
    pub params: Option<Map<String, Value>>,
}

/// `agents.entries.<id>`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Agent {
    /// The key in the map, or `id` in the older list.
    pub id: String,
    /// Answers where no binding names an agent.
    pub default: bool,
    /// For people.
    pub name: Option<String>,
    /// Its own working directory.
    pub workspace: Option<String>,
    /// Its own choice of models.
    #[serde(deserialize_with = "model_choice")]
    pub model: Option<ModelChoice>,
}

/// `session.*`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Session {
    /// Which direct messages share a session.
    pub dm_scope: DmScope,
}

/// `session.dmScope`
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum DmScope {
    /// All direct messages share the main session.
    #[default]
    Main,
    /// One for each person.
    PerPeer,
    /// One for each channel and person.
    PerChannelPeer,
    /// One for each account, channel and person.
    PerAccountChannelPeer,
}

impl Default for Agents {
    fn default() -> Self {
        Self::from_section(None)
    }
}

impl Agents {
    pub(super) fn from_section(section: Option<&Value>) -> Self {
        let part = |key: &str| section.and_then(|section| section.get(key));
        let defaults =
            part("defaults").and_then(|value| AgentDefaults::deserialize(value).ok()).unwrap_or_default();
        let mut entries: Vec<Agent> = part("list")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|value| Agent::deserialize(value).ok())
            .collect();
        for (id, value) in part("entries").and_then(Value::as_object).into_iter().flatten() {
            let Ok(mut agent) = Agent::deserialize(value) else { continue };
            agent.id.clone_from(id);
            // The map is the newer spelling: it wins over an entry of the list with the same id.
            entries.retain(|other| other.id != agent.id);
            entries.push(agent);
        }
        if entries.is_empty() {
            entries.push(Agent { id: IMPLICIT_AGENT.to_owned(), default: true, ..Agent::default() });
        }
        Self { defaults, entries }
    }

    /// The id of the agent that answers where nothing else is said: the one marked `default`, else the first.
    #[must_use]
    pub fn default_id(&self) -> &str {
        self.entries
            .iter()
            .find(|agent| agent.default)
            .or_else(|| self.entries.first())
            .map_or(IMPLICIT_AGENT, |agent| agent.id.as_str())
    }

    /// The agent with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Agent> {
        self.entries.iter().find(|agent| agent.id == id)
    }

    /// What `agent` asks first and then: its own choice, else that of `agents.defaults`.
    #[must_use]
    pub fn model_of(&self, agent: &Agent) -> ModelChoice {
        let defaults = self.defaults.model.clone().unwrap_or_default();
        match &agent.model {
            Some(own) => ModelChoice {
                primary: own.primary.clone().or(defaults.primary),
                fallbacks: own.fallbacks.clone(),
            },
            None => defaults,
        }
    }
}

/// `"provider/model"` or `{primary, fallbacks}`.
fn model_choice<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ModelChoice>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Spelling {
        Bare(String),
        Full {
            primary: Option<String>,
            #[serde(default)]
            fallbacks: Vec<String>,
        },
    }
    Ok(Option::<Spelling>::deserialize(deserializer)?.map(|spelling| match spelling {
        Spelling::Bare(primary) => ModelChoice { primary: Some(primary), fallbacks: Vec::new() },
        Spelling::Full { primary, fallbacks } => ModelChoice { primary, fallbacks },
    }))
}
