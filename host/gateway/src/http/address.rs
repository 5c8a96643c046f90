//! What the `model` of a `/v1` request names: an agent, or a model of a provider (openclaw-compat §4.4). Knows the
//! syntax only; whether the name leads anywhere is somebody else's question.

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
}
