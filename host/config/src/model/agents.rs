//! `agents.*` and `session.*`

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::conversations::{GroupChat, Identity};
use super::maintenance::Maintenance;
use super::resets::{Reset, ResetByType, Resets};
use super::sending::SendRules;

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
    /// How hard models think.
    pub thinking_default: Option<String>,
    /// When it is shown that an answer is being written.
    pub typing_mode: Option<String>,
    /// How often it is shown again, in seconds.
    pub typing_interval_seconds: Option<u64>,
    /// Whether answers are sent in blocks while they are written: `on` or `off`.
    pub block_streaming_default: Option<String>,
    /// `text_end` or `message_end`.
    pub block_streaming_break: Option<String>,
    /// How long a block is and where it ends.
    pub block_streaming_chunk: BlockChunk,
    /// Which blocks are sent together.
    pub block_streaming_coalesce: BlockCoalesce,
    /// Characters of one workspace file in a prompt.
    pub bootstrap_max_chars: Option<usize>,
    /// Characters of all workspace files in a prompt.
    pub bootstrap_total_max_chars: Option<usize>,
    /// `memorySearch`, an older spelling of the root's `memory.search`.
    #[serde(deserialize_with = "memory_search")]
    pub memory_search: MemorySearch,
}

/// `agents.defaults.blockStreamingChunk`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct BlockChunk {
    /// No block is shorter.
    pub min_chars: Option<usize>,
    /// No block is longer.
    pub max_chars: Option<usize>,
    /// `paragraph`, `newline` or `sentence`.
    pub break_preference: Option<String>,
}

/// `agents.defaults.blockStreamingCoalesce`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct BlockCoalesce {
    /// With fewer characters they wait for more.
    pub min_chars: Option<usize>,
    /// With so many they are sent at once.
    pub max_chars: Option<usize>,
    /// How long they wait for more, in milliseconds.
    pub idle_ms: Option<u64>,
}

/// `memory.search`: as much of it as makes vectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemorySearch {
    /// The provider; `auto` is the same as nothing.
    pub provider: Option<String>,
    /// The provider's own id of the model, or `provider/model`.
    pub model: Option<String>,
    /// The length of the vectors.
    pub dimensions: Option<u32>,
}

impl MemorySearch {
    /// What fits; the older spellings are judged by nobody.
    pub(super) fn of(section: Option<&Value>) -> Self {
        let text = |key: &str| {
            let text = section?.get(key)?.as_str()?.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        let dimensions = section.and_then(|section| section.get("outputDimensionality")?.as_u64());
        Self {
            provider: text("provider").filter(|provider| provider != "auto"),
            model: text("model"),
            dimensions: dimensions.and_then(|number| u32::try_from(number).ok()),
        }
    }

    /// This, completed by `other`. A model belongs to the provider beside it.
    #[must_use]
    pub(super) fn or(self, other: &Self) -> Self {
        let (provider, model) = match (self.provider, self.model) {
            (None, None) => (other.provider.clone(), other.model.clone()),
            (provider, Some(model)) => (provider, Some(model)),
            (Some(provider), None) if other.provider.as_ref().is_none_or(|same| *same == provider) => {
                (Some(provider), other.model.clone())
            }
            (provider, None) => (provider, None),
        };
        Self { provider, model, dimensions: self.dimensions.or(other.dimensions) }
    }
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
    /// How hard its models think.
    pub thinking_default: Option<String>,
    /// When it is shown that its answer is being written.
    pub typing_mode: Option<String>,
    /// Characters of one of its workspace's files in a prompt.
    pub bootstrap_max_chars: Option<usize>,
    /// Characters of all its workspace's files in a prompt.
    pub bootstrap_total_max_chars: Option<usize>,
    /// `memory.search`, or the older `memorySearch`.
    #[serde(skip)]
    pub memory_search: MemorySearch,
    /// Who it is to people.
    #[serde(skip)]
    pub identity: Identity,
    /// Its own rules for groups.
    #[serde(skip)]
    pub group_chat: GroupChat,
}

impl Agent {
    fn read(section: &Value) -> Option<Self> {
        let mut agent = Self::deserialize(section).ok()?;
        let older = MemorySearch::of(section.get("memorySearch"));
        agent.memory_search = MemorySearch::of(section.pointer("/memory/search")).or(&older);
        agent.identity = Identity::of(section.get("identity"));
        agent.group_chat = GroupChat::of(section.get("groupChat"));
        Some(agent)
    }
}

/// `session.*`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Session {
    /// Which direct messages share a session.
    pub dm_scope: DmScope,
    /// Which session groups have.
    pub group_scope: GroupScope,
    /// People with several ids: a name, and `channel:id` of each.
    pub identity_links: BTreeMap<String, Vec<String>>,
    /// The last part of the main session's key, `main` unless it is written.
    pub main_key: Option<String>,
    /// Whether everything that is said in channels is one session.
    pub scope: SessionScope,
    /// When sessions begin anew.
    pub reset: Option<Reset>,
    /// The same for kinds of conversations.
    pub reset_by_type: ResetByType,
    /// The same for channels.
    pub reset_by_channel: BTreeMap<String, Reset>,
    /// Words that start a session anew, beside `/new` and `/reset`.
    pub reset_triggers: Vec<String>,
    /// An older spelling of `reset.idleMinutes`.
    pub idle_minutes: Option<u64>,
    /// Whether answers are sent.
    pub send_policy: SendRules,
    /// When sessions that nobody uses are put away.
    pub maintenance: Maintenance,
}

impl Session {
    /// When sessions begin anew.
    #[must_use]
    pub fn resets(&self) -> Resets {
        Resets {
            all: self.reset,
            by_type: self.reset_by_type,
            by_channel: self.reset_by_channel.clone(),
            idle_minutes: self.idle_minutes,
        }
    }

    /// The last part of the main session's key, in lower case.
    #[must_use]
    pub fn main(&self) -> String {
        let written = self.main_key.as_deref().map(str::trim).filter(|key| !key.is_empty());
        written.unwrap_or("main").to_lowercase()
    }

    /// The key of an agent's main session.
    #[must_use]
    pub fn main_key_of(&self, agent: &str) -> String {
        match self.scope {
            SessionScope::Global => "global".to_owned(),
            SessionScope::PerSender => format!("agent:{agent}:{}", self.main()).to_lowercase(),
        }
    }
}

/// `session.scope`
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum SessionScope {
    /// Each conversation has its session, as the other keys say.
    #[default]
    PerSender,
    /// All of them are the session `global`.
    Global,
}

impl SessionScope {
    /// The word of the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PerSender => "per-sender",
            Self::Global => "global",
        }
    }
}

/// `session.groupScope`
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum GroupScope {
    /// Each group has its own session.
    #[default]
    PerGroup,
    /// All of them the agent's main session.
    Main,
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
        let mut entries: Vec<Agent> =
            part("list").and_then(Value::as_array).into_iter().flatten().filter_map(Agent::read).collect();
        for (id, value) in part("entries").and_then(Value::as_object).into_iter().flatten() {
            let Some(mut agent) = Agent::read(value) else { continue };
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

/// The older spelling, whatever stands there.
fn memory_search<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MemorySearch, D::Error> {
    Ok(MemorySearch::of(Some(&Value::deserialize(deserializer)?)))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Config;

    #[test]
    fn the_nearest_section_says_who_makes_vectors() {
        let check = |document: Value, expected: (Option<&str>, Option<&str>, Option<u32>)| {
            let found = Config::from_value(&document).embedding_of("main");
            let found = (found.provider.as_deref(), found.model.as_deref(), found.dimensions);
            assert_eq!(found, expected, "{document}");
        };
        let search = |provider: &str, model: &str| json!({"provider": provider, "model": model});
        check(json!({}), (None, None, None));
        check(json!({"memory": {"search": search("auto", "m")}}), (None, Some("m"), None));
        let root = json!({"provider": "p", "model": "m", "outputDimensionality": 8});
        check(json!({"memory": {"search": root}}), (Some("p"), Some("m"), Some(8)));
        let older = json!({"agents": {"defaults": {"memorySearch": search("d", "e"), "timeoutSeconds": 1}}});
        check(older, (Some("d"), Some("e"), None));
        let own = json!({"id": "main", "memory": {"search": search("q", "n")}});
        check(
            json!({"memory": {"search": root}, "agents": {"list": [own]}}),
            (Some("q"), Some("n"), Some(8)),
        );
        let other = json!({"main": {"memorySearch": {"provider": "q"}}});
        check(json!({"memory": {"search": root}, "agents": {"entries": other}}), (Some("q"), None, Some(8)));
        let broken = json!({"agents": {"defaults": {"memorySearch": 5, "timeoutSeconds": 7}}});
        assert_eq!(Config::from_value(&broken).agents.defaults.timeout_seconds, Some(7));
    }
}
