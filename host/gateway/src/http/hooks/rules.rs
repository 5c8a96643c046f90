//! What `hooks.*` comes to once it is judged: where hooks are served, who may call, which agents and sessions they reach.
//! Texts are the original's, which callers know. Starts nothing.

use openclaw_access::SharedSecret;
use openclaw_config::{Config, HookMapping, HookMatch, SecretResolver};
use openclaw_hooks::{Named, is_templated};
use openclaw_secrets::Secret;
use uuid::Uuid;

/// Hooks as they are served.
#[derive(Debug)]
pub(crate) struct Rules {
    /// Begins with a slash and does not end with one.
    pub(super) path: String,
    pub(super) token: Secret,
    pub(super) mappings: Vec<HookMapping>,
    default_session_key: Option<String>,
    allow_request_session_key: bool,
    /// In lower case; none means that everything is allowed.
    prefixes: Vec<String>,
    /// `None`: all.
    agents: Option<Vec<String>>,
    known_agents: Vec<String>,
    default_agent: String,
}

impl Rules {
    /// Judges the section. `None`: hooks are off.
    ///
    /// # Errors
    /// Why they cannot be served.
    pub(crate) fn of(
        config: &Config,
        secrets: &SecretResolver<'_>,
        own: &SharedSecret,
    ) -> Result<Option<Rules>, String> {
        let hooks = &config.hooks;
        if !hooks.enabled {
            return Ok(None);
        }
        let token = match &hooks.token {
            Some(token) => token.resolve(secrets, "hooks.token").map_err(|error| error.to_string())?,
            None => None,
        };
        let token = token.filter(|token| !token.expose().trim().is_empty());
        let token = token.ok_or("hooks.enabled requires hooks.token")?;
        if own.is(token.expose()) {
            return Err(
                "hooks.token must differ from the gateway's own token or password: whoever may call a hook \
                        could do everything. Choose another one"
                    .to_owned(),
            );
        }
        let path = hooks.path.as_deref().map(str::trim).filter(|path| !path.is_empty()).unwrap_or("/hooks");
        let path = format!("/{}", path.trim_matches('/'));
        if path == "/" {
            return Err("hooks.path may not be '/'".to_owned());
        }
        let trimmed = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let prefixes: Vec<String> = hooks
            .allowed_session_key_prefixes
            .iter()
            .filter_map(trimmed)
            .map(|text| text.to_lowercase())
            .collect();
        let default_session_key = hooks.default_session_key.as_ref().and_then(trimmed);
        let rules = Rules {
            path,
            token,
            mappings: mappings(&hooks.mappings, &hooks.presets)?,
            allow_request_session_key: hooks.allow_request_session_key,
            agents: hooks.allowed_agent_ids.clone().filter(|ids| !ids.iter().any(|id| id.trim() == "*")),
            known_agents: config.agents.entries.iter().map(|agent| agent.id.clone()).collect(),
            default_agent: config.agents.default_id().to_owned(),
            default_session_key,
            prefixes,
        };
        match &rules.default_session_key {
            Some(key) if !rules.is_allowed_key(key) => {
                return Err("hooks.defaultSessionKey must match hooks.allowedSessionKeyPrefixes".to_owned());
            }
            None if !rules.is_allowed_key("hook:example") => {
                return Err("hooks.allowedSessionKeyPrefixes must include 'hook:' when hooks.defaultSessionKey is unset"
                    .to_owned());
            }
            _ => {}
        }
        let templated = |mapping: &HookMapping| mapping.session_key.as_deref().is_some_and(is_templated);
        if rules.prefixes.is_empty() && rules.mappings.iter().any(templated) {
            return Err(
                "hooks.allowedSessionKeyPrefixes is required when a hook mapping sessionKey uses templates, \
                        even if hooks.allowRequestSessionKey=true"
                    .to_owned(),
            );
        }
        Ok(Some(rules))
    }

    /// The agent that a request names, else the default one.
    pub(super) fn agent(&self, named: Option<&str>, by: Named) -> Result<String, String> {
        let id = named.map(str::to_lowercase);
        let known = |id: &String| *id == self.default_agent || self.known_agents.contains(id);
        let id = match (id, by) {
            (Some(id), _) if known(&id) => id,
            (Some(id), Named::Outside) => return Err(format!("unknown agentId \"{id}\"")),
            (Some(_), Named::Inside) | (None, _) => self.default_agent.clone(),
        };
        let allowed = self
            .agents
            .as_ref()
            .is_none_or(|ids| ids.iter().any(|other| other.trim().eq_ignore_ascii_case(&id)));
        if allowed { Ok(id) } else { Err("agentId is not allowed by hooks.allowedAgentIds".to_owned()) }
    }

    /// The session of a run: as named, else the default one, else one of its own.
    pub(super) fn run_session(&self, agent: &str, named: Option<&str>, by: Named) -> Result<String, String> {
        let key = match named {
            Some(key) => self.named(key, by)?,
            None => match &self.default_session_key {
                Some(key) => key.clone(),
                None => format!("hook:{}", Uuid::new_v4()),
            },
        };
        self.stored(agent, &key)
    }

    /// The session of this name that hears of an event.
    pub(super) fn wake_session(&self, agent: &str, named: &str, by: Named) -> Result<String, String> {
        self.stored(agent, &self.named(named, by)?)
    }

    /// Whether runs without a name of their own share a session.
    pub(super) fn has_default_session(&self) -> bool {
        self.default_session_key.is_some()
    }

    /// Whether keys are restricted at all.
    pub(super) fn restricts_keys(&self) -> bool {
        !self.prefixes.is_empty()
    }

    fn named(&self, key: &str, by: Named) -> Result<String, String> {
        if by == Named::Outside && !self.allow_request_session_key {
            return Err("sessionKey is disabled for externally supplied hook payload values; set \
                        hooks.allowRequestSessionKey=true to enable"
                .to_owned());
        }
        self.judged(key.trim().to_owned())
    }

    /// A key that names an agent gets the one that was chosen, and is judged again.
    fn stored(&self, agent: &str, key: &str) -> Result<String, String> {
        let key = key.to_lowercase();
        match key.strip_prefix("agent:").and_then(|rest| rest.split_once(':')) {
            Some((_, rest)) => self.judged(format!("agent:{agent}:{rest}")),
            None => Ok(format!("agent:{agent}:{key}")),
        }
    }

    fn judged(&self, key: String) -> Result<String, String> {
        if self.is_allowed_key(&key) {
            Ok(key)
        } else {
            Err(format!("sessionKey must start with one of: {}", self.prefixes.join(", ")))
        }
    }

    fn is_allowed_key(&self, key: &str) -> bool {
        let key = key.to_lowercase();
        self.prefixes.is_empty() || self.prefixes.iter().any(|prefix| key.starts_with(prefix))
    }
}

/// The file's mappings, then the presets'.
fn mappings(own: &[HookMapping], presets: &[String]) -> Result<Vec<HookMapping>, String> {
    let mut mappings = own.to_vec();
    for (number, mapping) in (1..).zip(&mut mappings) {
        mapping.id.get_or_insert_with(|| format!("mapping-{number}"));
        if mapping.transform.is_some() {
            return Err(format!(
                "hooks.mappings[{}].transform is JavaScript, which this gateway does not run: use messageTemplate or \
                 textTemplate instead",
                number - 1
            ));
        }
        let key = mapping.for_each.as_deref().unwrap_or_default();
        if key.contains(['.', '[', ']']) {
            return Err(format!("Hook mapping forEach must be a top-level payload key: {key}"));
        }
    }
    // A preset that nobody knows adds nothing, as with the original.
    if presets.iter().any(|preset| preset == "gmail") {
        mappings.push(HookMapping {
            id: Some("gmail".to_owned()),
            matches: HookMatch { path: Some("gmail".to_owned()), source: None },
            name: Some("Gmail".to_owned()),
            for_each: Some("messages".to_owned()),
            session_key: Some("hook:gmail:{{messages[0].id}}".to_owned()),
            message_template: Some(
                "New email from {{messages[0].from}}\nSubject: {{messages[0].subject}}\n{{messages[0].snippet}}\n\
                 {{messages[0].body}}"
                    .to_owned(),
            ),
            ..HookMapping::default()
        });
    }
    Ok(mappings)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;

    fn rules(hooks: Value) -> Result<Option<Rules>, String> {
        let mut document = json!({"agents": {"entries": {"main": {}, "ops": {}}}});
        document["hooks"] = hooks;
        let env = BTreeMap::<String, String>::new();
        let schemas = openclaw_config::PluginSchemas::default();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("openclaw.json");
        std::fs::write(&path, document.to_string()).unwrap();
        let loaded = openclaw_config::load(&openclaw_config::Basis::new(&path, &schemas, &env)).unwrap();
        let config = loaded.report.config.unwrap();
        let secrets = SecretResolver::new(&config, &env, Path::new("/"));
        Rules::of(&config, &secrets, &SharedSecret::Token(Some(Secret::from("own"))))
    }

    #[test]
    fn what_cannot_be_served_is_refused_with_the_known_texts() {
        let check = |hooks: Value, expected: &str| {
            let refused = rules(hooks.clone()).unwrap_err();
            assert!(refused.starts_with(expected), "{hooks}: {refused}");
        };
        assert!(rules(json!({"token": "t"})).unwrap().is_none());
        check(json!({"enabled": true}), "hooks.enabled requires hooks.token");
        check(json!({"enabled": true, "token": " "}), "hooks.enabled requires hooks.token");
        check(json!({"enabled": true, "token": "own"}), "hooks.token must differ");
        check(json!({"enabled": true, "token": "t", "path": "/"}), "hooks.path may not be '/'");
        let templated = json!({"enabled": true, "token": "t", "mappings": [{"sessionKey": "hook:{{id}}"}]});
        check(templated, "hooks.allowedSessionKeyPrefixes is required");
        check(
            json!({"enabled": true, "token": "t", "allowedSessionKeyPrefixes": ["x:"]}),
            "hooks.allowedSessionKeyPrefixes must include 'hook:'",
        );
        let script = json!({"enabled": true, "token": "t", "mappings": [{"transform": {"module": "a.js"}}]});
        check(script, "hooks.mappings[0].transform is JavaScript");
    }

    #[test]
    fn sessions_and_agents_follow_the_policy() {
        let rules = rules(json!({
            "enabled": true, "token": "t", "path": "in/", "allowRequestSessionKey": true,
            "allowedSessionKeyPrefixes": ["Hook:", "agent:ops:hook:"], "allowedAgentIds": ["OPS"],
        }));
        let rules = rules.unwrap().unwrap();
        assert_eq!(rules.path, "/in");
        let session = |named| rules.run_session("ops", named, Named::Outside);
        assert_eq!(session(Some("hook:A")).unwrap(), "agent:ops:hook:a");
        assert!(session(None).unwrap().starts_with("agent:ops:hook:"));
        let prefixes = "sessionKey must start with one of: hook:, agent:ops:hook:";
        assert_eq!(session(Some("main")).unwrap_err(), prefixes);
        assert_eq!(session(Some("agent:main:hook:a")).unwrap_err(), prefixes);
        assert_eq!(rules.wake_session("ops", "hook:b", Named::Outside).unwrap(), "agent:ops:hook:b");
        assert_eq!(rules.agent(Some("Ops"), Named::Outside).unwrap(), "ops");
        assert_eq!(rules.agent(Some("x"), Named::Outside).unwrap_err(), "unknown agentId \"x\"");
        let refused = "agentId is not allowed by hooks.allowedAgentIds";
        assert_eq!(rules.agent(Some("x"), Named::Inside).unwrap_err(), refused);
        assert_eq!(rules.agent(None, Named::Outside).unwrap_err(), refused);
    }

    #[test]
    fn a_request_names_no_session_unless_it_may() {
        let rules = rules(json!({"enabled": true, "token": "t"})).unwrap().unwrap();
        assert!(
            rules
                .run_session("main", Some("a"), Named::Outside)
                .unwrap_err()
                .contains("allowRequestSessionKey")
        );
        assert_eq!(rules.run_session("main", Some("a"), Named::Inside).unwrap(), "agent:main:a");
    }
}
