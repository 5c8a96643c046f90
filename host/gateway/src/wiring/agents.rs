//! From the configuration to what agents are told: where each one's workspace is, who it is, what it asks, how long it may take.

use std::path::PathBuf;
use std::time::Duration;

use openclaw_agents::{AgentSettings, Identity, PromptLimits, Settings};
use openclaw_config::{Agent, Config, Paths};
use openclaw_models::{Thinking, ThinkingWish};

/// The deadline of a turn when `agents.defaults.timeoutSeconds` is not set (openclaw-compat §5.6).
const TURN_TIMEOUT: Duration = Duration::from_secs(600);
/// The longest deadline of a turn: beyond what the clock can express there is none.
const LONGEST_TURN: Duration = Duration::from_secs(365 * 24 * 3600);
/// Characters of workspace files in a prompt, whatever the configuration says.
const MOST_CHARS: usize = 1 << 20;

pub(super) fn turn_timeout(config: &Config) -> Duration {
    let set = config.agents.defaults.timeout_seconds.map(Duration::from_secs);
    set.map_or(TURN_TIMEOUT, |set| set.min(LONGEST_TURN))
}

/// The agents of the configuration, the default one first.
pub(crate) fn agent_settings(paths: &Paths, config: &Config) -> Settings {
    let default = config.agents.default_id();
    let mut entries: Vec<_> = config.agents.entries.iter().collect();
    entries.sort_by_key(|agent| agent.id != default);
    let agents = entries.into_iter().map(|agent| AgentSettings {
        id: agent.id.to_lowercase(),
        workspace: workspace(paths, config, agent),
        prompt: limits(config, agent),
        identity: Identity {
            name: agent.identity.name.clone(),
            emoji: agent.identity.emoji.clone(),
            theme: agent.identity.theme.clone(),
        },
        thinking: thinking(config, agent),
        model: config.agents.model_of(agent),
    });
    Settings {
        agents: agents.collect(),
        timeout: turn_timeout(config),
        resets: config.session.resets(),
        reset_triggers: config.session.reset_triggers.clone(),
        sending: config.session.send_policy.clone(),
        restarts: config.commands.restart != Some(false),
        version: crate::VERSION.to_owned(),
    }
}

/// Several agents share no workspace unless somebody says so: what one is told of a person is not for the others.
fn workspace(paths: &Paths, config: &Config, agent: &Agent) -> PathBuf {
    let place = |written: &Option<String>| written.as_deref().map(|path| paths.expand(path));
    let shared = place(&config.agents.defaults.workspace);
    if let Some(own) = place(&agent.workspace) {
        return own;
    }
    match (shared, config.agents.entries.len() > 1) {
        (Some(shared), true) => shared.join(&agent.id),
        (None, true) => paths.state_dir.join(format!("workspace-{}", agent.id)),
        (Some(shared), false) => shared,
        (None, false) => paths.workspace(),
    }
}

/// What is no level counts as nothing said: the report names it.
fn thinking(config: &Config, agent: &Agent) -> ThinkingWish {
    let level = |word: &Option<String>| word.as_deref().and_then(|word| word.parse().ok());
    ThinkingWish {
        said: level(&agent.thinking_default),
        usual: level(&config.agents.defaults.thinking_default).unwrap_or(Thinking::Medium),
    }
}

fn limits(config: &Config, agent: &Agent) -> PromptLimits {
    let defaults = &config.agents.defaults;
    let usual = PromptLimits::default();
    let file = agent.bootstrap_max_chars.or(defaults.bootstrap_max_chars);
    let total = agent.bootstrap_total_max_chars.or(defaults.bootstrap_total_max_chars);
    PromptLimits {
        file: file.unwrap_or(usual.file).min(MOST_CHARS),
        total: total.unwrap_or(usual.total).min(MOST_CHARS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths() -> Paths {
        let (home, state_dir) = (PathBuf::from("/home/a"), PathBuf::from("/home/a/.openclaw"));
        Paths { config: state_dir.join("openclaw.json"), state_dir, home, profile: None }
    }

    fn agent(id: &str, workspace: Option<&str>) -> Agent {
        Agent { id: id.to_owned(), workspace: workspace.map(str::to_owned), ..Agent::default() }
    }

    #[test]
    fn agents_share_a_workspace_only_when_somebody_says_so() {
        let paths = paths();
        let found = |shared: Option<&str>, entries: &[Agent]| {
            let mut config = Config::default();
            config.agents.defaults.workspace = shared.map(str::to_owned);
            config.agents.entries = entries.to_vec();
            let all = agent_settings(&paths, &config).agents;
            all.iter().map(|agent| agent.workspace.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(found(None, &[agent("main", None)]), ["/home/a/.openclaw/workspace"]);
        assert_eq!(found(Some("~/w"), &[agent("main", None)]), ["/home/a/w"]);
        let two = [agent("main", Some("~/w")), agent("other", None)];
        assert_eq!(found(None, &two), ["/home/a/w", "/home/a/.openclaw/workspace-other"]);
        assert_eq!(found(Some("~/w"), &two), ["/home/a/w", "/home/a/w/other"]);
    }

    #[test]
    fn an_agent_may_say_how_much_of_its_files_it_is_told() {
        let paths = paths();
        let mut config = Config::default();
        config.agents.defaults.bootstrap_total_max_chars = Some(7);
        config.agents.entries = vec![Agent { bootstrap_max_chars: Some(5), ..agent("main", None) }];
        let found = agent_settings(&paths, &config).agents.remove(0).prompt;
        assert_eq!(found, PromptLimits { file: 5, total: 7 });
    }
}
