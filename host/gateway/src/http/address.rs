//! What the `model` of a `/v1` request names: an agent, or a model of a provider (openclaw-compat §4.4). Knows the
//! syntax, and which agents there are; whether a model exists is the catalog's question.

use http::HeaderMap;
use openclaw_config::Config;
use openclaw_models::dialect::ErrorBody;

/// The text for a model id that names nothing.
pub(super) const INVALID_MODEL: &str = "Invalid `model`. Use `openclaw` or `openclaw/<agentId>`.";

/// Who answers a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answerer<'a> {
    /// This agent, which exists.
    Agent(String),
    /// A model without an agent.
    Model(&'a str),
}

/// Who answers a request for `model`: the agent of the header `x-openclaw-agent-id`, else what `model` names.
pub(super) fn answerer<'a>(
    config: &Config,
    headers: &HeaderMap,
    model: &'a str,
) -> Result<Answerer<'a>, ErrorBody> {
    let named = match agent_header(headers)? {
        Some(agent) => Address::Agent(agent),
        None => address(model),
    };
    match named {
        Address::DefaultAgent => Ok(Answerer::Agent(config.agents.default_id().to_owned())),
        Address::Agent(id) if config.agents.get(&id).is_some() => Ok(Answerer::Agent(id)),
        Address::Agent(id) => Err(ErrorBody::invalid_request(format!("Unknown agent '{id}'."))),
        Address::Model(model) => Ok(Answerer::Model(model)),
        Address::Invalid => Err(ErrorBody::invalid_request(INVALID_MODEL)),
    }
}

/// The agent that a header names in place of `model`.
fn agent_header(headers: &HeaderMap) -> Result<Option<String>, ErrorBody> {
    let named = ["x-openclaw-agent-id", "x-openclaw-agent"].iter().find_map(|name| headers.get(*name));
    let Some(named) = named else { return Ok(None) };
    let id = named.to_str().unwrap_or_default().trim().to_ascii_lowercase();
    if is_agent_id(&id) {
        Ok(Some(id))
    } else {
        Err(ErrorBody::invalid_request(format!("Unknown agent '{id}'.")))
    }
}

/// What a model id names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address<'a> {
    /// The default agent.
    DefaultAgent,
    /// This agent, in lower case.
    Agent(String),
    /// `<provider>/<model>`.
    Model(&'a str),
    /// Nothing that could exist.
    Invalid,
}

/// Reads a model id. Agents are compared without regard to case; providers have the last word on their own ids.
pub(crate) fn address(model: &str) -> Address<'_> {
    let model = model.trim();
    let lower = model.to_ascii_lowercase();
    match lower.as_str() {
        "" | "openclaw" | "openclaw/default" | "openclaw:default" | "agent:default" => {
            return Address::DefaultAgent;
        }
        _ => {}
    }
    let agent = ["openclaw/", "openclaw:", "agent:"].iter().find_map(|prefix| lower.strip_prefix(prefix));
    match agent {
        Some(id) if is_agent_id(id) => Address::Agent(id.to_owned()),
        Some(_) => Address::Invalid,
        None => match model.split_once('/') {
            Some((provider, rest)) if !provider.is_empty() && !rest.is_empty() => Address::Model(model),
            _ => Address::Invalid,
        },
    }
}

/// `^[a-z0-9][a-z0-9_-]{0,63}$`
pub(crate) fn is_agent_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut bytes = id.bytes();
    id.len() <= 64
        && bytes.next().is_some_and(allowed)
        && bytes.all(|byte| allowed(byte) || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_ids_name_agents_or_models() {
        let check = |model: &str, expected: Address<'_>| assert_eq!(address(model), expected, "{model}");
        check("", Address::DefaultAgent);
        check("OpenClaw", Address::DefaultAgent);
        check("openclaw/default", Address::DefaultAgent);
        check("openclaw/Ops", Address::Agent("ops".into()));
        check("openclaw:ops", Address::Agent("ops".into()));
        check("agent:ops", Address::Agent("ops".into()));
        check("p/org/model:tag", Address::Model("p/org/model:tag"));
        for invalid in ["gpt-4o", "openclaw/", "openclaw/a b", "openclaw/-x", "/m", "p/"] {
            check(invalid, Address::Invalid);
        }
    }

    #[test]
    fn a_header_may_name_the_agent() {
        let check = |name: &'static str, value: &'static str, expected: Result<Option<&str>, &str>| {
            let mut headers = HeaderMap::new();
            headers.insert(name, http::HeaderValue::from_static(value));
            let found = agent_header(&headers).map_err(|error| error.message);
            assert_eq!(found, expected.map(|id| id.map(str::to_owned)).map_err(str::to_owned));
        };
        check("x-openclaw-agent-id", "Ops", Ok(Some("ops")));
        check("x-openclaw-agent", "ops", Ok(Some("ops")));
        check("x-other", "ops", Ok(None));
        check("x-openclaw-agent-id", "a/b", Err("Unknown agent 'a/b'."));
    }

    #[test]
    fn an_agent_has_to_exist() {
        let config = Config::default();
        let check = |model: &str, expected: Result<Answerer<'_>, &str>| {
            let found = answerer(&config, &HeaderMap::new(), model).map_err(|error| error.message);
            assert_eq!(
                found.as_ref().map_err(String::as_str),
                expected.as_ref().map_err(|text| *text),
                "{model}"
            );
        };
        check("openclaw", Ok(Answerer::Agent("main".to_owned())));
        check("agent:MAIN", Ok(Answerer::Agent("main".to_owned())));
        check("p/m", Ok(Answerer::Model("p/m")));
        check("openclaw/nobody", Err("Unknown agent 'nobody'."));
        check("gpt-4o", Err(INVALID_MODEL));
    }
}
