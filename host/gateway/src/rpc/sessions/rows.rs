//! Which session a request means, and what is said about one in lists and events. Reads no transcript.

use std::cell::RefCell;
use std::collections::HashMap;

use openclaw_config::ModelChoice;
use openclaw_protocol::RpcError;
use openclaw_protocol::sessions::{SessionDefaults, SessionEntry, SessionRow};
use openclaw_store::{SessionRecord, StoreError};
use serde_json::json;

use crate::process::Gateway;

/// The session that a request means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rpc) struct Place {
    pub(in crate::rpc) key: String,
    pub(in crate::rpc) agent: String,
}

/// Reads a key: `main` is the agent's main session, keys are in lower case, and a key that names an agent is that agent's.
pub(in crate::rpc) fn place(gateway: &Gateway, key: &str, agent: Option<&str>) -> Result<Place, RpcError> {
    let agents = &gateway.settings.config().agents;
    let key = key.trim().to_lowercase();
    let given = agent.map(|agent| agent.trim().to_lowercase()).filter(|agent| !agent.is_empty());
    let named = agent_in(&key).map(str::to_owned);
    if let (Some(given), Some(named)) = (&given, &named)
        && given != named
    {
        return Err(RpcError::invalid(format!("agentId \"{given}\" does not match session key \"{key}\"")));
    }
    let agent = given.or(named).unwrap_or_else(|| agents.default_id().to_lowercase());
    if !agents.entries.iter().any(|known| known.id.to_lowercase() == agent) {
        return Err(RpcError::invalid(format!("unknown agent: {agent}")));
    }
    match key.as_str() {
        "" => Err(RpcError::invalid("key required")),
        "main" => Ok(Place { key: gateway.main_session_of(&agent), agent }),
        _ => Ok(Place { key, agent }),
    }
}

/// The agent that a key names.
pub(in crate::rpc) fn agent_in(key: &str) -> Option<&str> {
    key.strip_prefix("agent:")?.split(':').next().filter(|agent| !agent.is_empty())
}

/// When to come again while nothing can be stored.
const STORE_AGAIN_MS: u64 = 5_000;

/// Refuses what would have to be stored while nothing can be.
pub(in crate::rpc) fn storing(gateway: &Gateway) -> Result<(), RpcError> {
    gateway.store.refusal().map_or(Ok(()), |why| Err(refuse(why)))
}

/// What a store's failure is to a client.
pub(in crate::rpc) fn refuse(error: StoreError) -> RpcError {
    match error {
        StoreError::Conflict(text) => RpcError::invalid(text),
        error if error.is_transient() => {
            let details = json!({ "code": error.code() });
            RpcError::busy(error.to_string(), Some(STORE_AGAIN_MS)).with_details(details)
        }
        error => RpcError::unavailable(error.to_string()),
    }
}

/// The session, which must be there.
pub(in crate::rpc) async fn known(gateway: &Gateway, place: &Place) -> Result<SessionRecord, RpcError> {
    let found = gateway.store.session(&place.key).await.map_err(refuse)?;
    found.ok_or_else(|| RpcError::invalid(format!("session not found: {}", place.key)))
}

/// What is stored about a session.
pub(in crate::rpc) fn entry(record: &SessionRecord) -> SessionEntry {
    let SessionRecord { row, settings } = record;
    let chosen = settings.model.as_deref().and_then(|model| model.split_once('/'));
    SessionEntry {
        session_id: row.session_id.clone(),
        updated_at: time(row.updated_at),
        label: settings.label.clone(),
        display_name: settings.display_name.clone(),
        provider_override: chosen.map(|(provider, _)| provider.to_owned()),
        model_override: chosen.map(|(_, model)| model.to_owned()),
        thinking_level: settings.thinking.clone(),
        archived_at: settings.archived_at.map(time),
        pinned_at: settings.pinned_at.map(time),
        marked_unread_at: settings.unread_at.map(time),
        icon: settings.icon.clone(),
        color: settings.color.clone(),
        category: settings.category.clone(),
    }
}

pub(in crate::rpc) fn time(at: i64) -> u64 {
    u64::try_from(at).unwrap_or_default()
}

/// Runs that have not ended, by session.
pub(in crate::rpc) fn active(gateway: &Gateway) -> HashMap<String, Vec<String>> {
    let mut active: HashMap<String, Vec<String>> = HashMap::new();
    for run in gateway.runs.live() {
        active.entry(run.about.session_key.clone()).or_default().push(run.about.run_id.clone());
    }
    for run in gateway.agents.active() {
        let runs = active.entry(run.session_key).or_default();
        if !runs.contains(&run.run_id) {
            runs.push(run.run_id);
        }
    }
    active
}

/// Says what is known of sessions at one moment.
pub(in crate::rpc) struct Rows<'a> {
    gateway: &'a Gateway,
    active: HashMap<String, Vec<String>>,
    defaults: RefCell<HashMap<String, SessionDefaults>>,
}

impl<'a> Rows<'a> {
    pub(in crate::rpc) fn new(gateway: &'a Gateway) -> Self {
        Self { gateway, active: active(gateway), defaults: RefCell::default() }
    }

    pub(in crate::rpc) fn row(&self, record: &SessionRecord) -> SessionRow {
        let SessionRecord { row, settings } = record;
        let (kind, chat_type, channel) = kind(&row.key);
        let runs = self.active.get(&row.key).cloned().unwrap_or_default();
        let chosen = settings.model.as_deref().or(row.model.as_deref());
        let model = match chosen.and_then(|model| model.split_once('/')) {
            Some((provider, model)) => SessionDefaults {
                model_provider: Some(provider.to_owned()),
                model: Some(model.to_owned()),
                context_tokens: context_window(self.gateway, provider, model),
            },
            None => self.defaults(&row.agent),
        };
        // Without an answer there is no count.
        let counted = row.model.is_some();
        let total = row.usage.input_tokens.saturating_add(row.usage.output_tokens);
        SessionRow {
            key: row.key.clone(),
            session_id: row.session_id.clone(),
            kind: kind.to_owned(),
            chat_type: chat_type.map(str::to_owned),
            channel: channel.map(str::to_owned),
            agent_id: row.agent.clone(),
            is_main: row.key == self.gateway.main_session_of(&row.agent),
            created_at: time(row.created_at),
            updated_at: time(row.updated_at),
            label: settings.label.clone(),
            display_name: settings.display_name.clone(),
            icon: settings.icon.clone(),
            color: settings.color.clone(),
            category: settings.category.clone(),
            archived: settings.archived_at.is_some(),
            archived_at: settings.archived_at.map(time),
            pinned: settings.pinned_at.is_some(),
            pinned_at: settings.pinned_at.map(time),
            unread: settings.unread_at.is_some(),
            marked_unread_at: settings.unread_at.map(time),
            status: (!runs.is_empty()).then(|| "running".to_owned()),
            has_active_run: !runs.is_empty(),
            active_run_ids: runs,
            model_provider: model.model_provider,
            model: model.model,
            model_override_source: settings.model.as_ref().map(|_| "user".to_owned()),
            input_tokens: counted.then_some(row.usage.input_tokens),
            output_tokens: counted.then_some(row.usage.output_tokens),
            total_tokens: counted.then_some(total),
            total_tokens_fresh: counted,
            context_tokens: model.context_tokens,
            ..SessionRow::default()
        }
    }

    /// What counts for sessions of this agent.
    pub(in crate::rpc) fn defaults(&self, agent: &str) -> SessionDefaults {
        let mut known = self.defaults.borrow_mut();
        known.entry(agent.to_owned()).or_insert_with(|| defaults(self.gateway, agent)).clone()
    }
}

fn defaults(gateway: &Gateway, agent: &str) -> SessionDefaults {
    let config = gateway.settings.config();
    let agents = &config.agents;
    let choice = agents.get(agent).map_or_else(ModelChoice::default, |agent| agents.model_of(agent));
    let first = gateway.models.catalog().targets(&choice).ok().and_then(|targets| targets.into_iter().next());
    let first = first.map(|target| target.to_string());
    let Some((provider, model)) = first.as_deref().and_then(|first| first.split_once('/')) else {
        return SessionDefaults::default();
    };
    SessionDefaults {
        model_provider: Some(provider.to_owned()),
        model: Some(model.to_owned()),
        context_tokens: context_window(gateway, provider, model),
    }
}

fn context_window(gateway: &Gateway, provider: &str, model: &str) -> Option<u64> {
    let catalog = gateway.models.catalog();
    let provider = catalog.providers().iter().find(|known| known.id == provider)?;
    provider.models.iter().find(|known| known.id == model)?.context_window
}

/// What a key says: the kind, the type of chat, and the channel (openclaw-compat §6.6).
fn kind(key: &str) -> (&'static str, Option<&'static str>, Option<&str>) {
    match key {
        "global" => return ("global", None, None),
        "unknown" => return ("unknown", None, None),
        _ => {}
    }
    let rest = agent_in(key).and_then(|agent| key.get("agent:".len() + agent.len() + 1..)).unwrap_or(key);
    let parts: Vec<&str> = rest.split(':').collect();
    let marks = ["direct", "group", "channel", "slash"];
    // `main` and keys of the caller's own making name no conversation of a channel.
    let mark = parts.iter().take(3).position(|part| marks.contains(part));
    let mark = mark.filter(|mark| parts.len() > mark + 1);
    let Some(mark) = mark else { return ("direct", Some("direct"), None) };
    let channel = if mark > 0 { parts.first().copied() } else { None };
    match parts.get(mark) {
        Some(&"group") => ("group", Some("group"), channel),
        Some(&"channel") => ("group", Some("channel"), channel),
        _ => ("direct", Some("direct"), channel),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_what_its_session_is() {
        let check = |key, expected| assert_eq!(kind(key), expected, "{key}");
        check("agent:main:main", ("direct", Some("direct"), None));
        check("agent:main:direct:77", ("direct", Some("direct"), None));
        check("agent:main:chat:direct:77", ("direct", Some("direct"), Some("chat")));
        check("agent:main:chat:work:direct:77", ("direct", Some("direct"), Some("chat")));
        check("agent:main:chat:group:-5:topic:7", ("group", Some("group"), Some("chat")));
        check("agent:main:chat:channel:9", ("group", Some("channel"), Some("chat")));
        check("agent:main:explicit:group", ("direct", Some("direct"), None));
        check("my-own", ("direct", Some("direct"), None));
        check("global", ("global", None, None));
        check("unknown", ("unknown", None, None));
    }

    #[test]
    fn an_agent_is_read_from_a_key() {
        assert_eq!(agent_in("agent:main:main"), Some("main"));
        assert_eq!(agent_in("agent::x"), None);
        assert_eq!(agent_in("main"), None);
    }
}
