//! What a changed key asks of a running gateway: nothing, a part to be renewed, or a restart. One table for the gateway
//! that applies a change and for the command line that announces it.

use crate::model::{Config, ReloadMode};
use crate::path::KeyPath;
use crate::unused::is_unused;

/// What a change asks for, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Whoever uses the value reads it anew each time.
    None,
    /// The gateway renews the part that uses it, for instance one account.
    Hot,
    /// Only the next start reads it.
    Restart,
}

impl Effect {
    /// The word of `config.schema.lookup`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hot => "hot",
            Self::Restart => "restart",
        }
    }
}

/// The longest matching prefix decides; what matches none needs a restart (openclaw-compat §5.8).
const RULES: &[(&[&str], Effect)] = &[
    (&["$schema"], Effect::None),
    (&["meta"], Effect::None),
    (&["wizard"], Effect::None),
    (&["logging"], Effect::None),
    (&["agents"], Effect::None),
    (&["bindings"], Effect::None),
    (&["messages"], Effect::None),
    (&["session"], Effect::None),
    (&["talk"], Effect::None),
    (&["skills"], Effect::None),
    (&["ui"], Effect::None),
    (&["update"], Effect::None),
    (&["gateway", "remote"], Effect::None),
    (&["gateway", "reload"], Effect::None),
    (&["env"], Effect::Hot),
    (&["secrets"], Effect::Hot),
    (&["hooks"], Effect::Hot),
    (&["cron"], Effect::Hot),
    (&["models"], Effect::Hot),
    (&["agents", "defaults"], Effect::Hot),
    (&["agents", "entries"], Effect::Hot),
    (&["channels"], Effect::Hot),
    (&["commands"], Effect::Hot),
    (&["accessGroups"], Effect::Hot),
    (&["plugins"], Effect::Hot),
    (&["tools"], Effect::Hot),
    (&["approvals"], Effect::Hot),
    (&["auth", "order"], Effect::Hot),
    (&["auth", "profiles"], Effect::Hot),
    (&["broadcast"], Effect::Hot),
    (&["gateway", "http", "endpoints"], Effect::Hot),
    (&["gateway", "controlUi", "allowedOrigins"], Effect::Hot),
    (&["gateway", "controlUi", "dangerouslyAllowHostHeaderOriginFallback"], Effect::Hot),
    (&["gateway", "allowRealIpFallback"], Effect::Hot),
    (&["gateway", "nodes", "pairing"], Effect::Hot),
    (&["gateway", "auth", "rateLimit"], Effect::Hot),
    (&["gateway", "auth", "allowTailscale"], Effect::Hot),
    (&["gateway", "auth", "identityScopes"], Effect::Hot),
    (&["gateway", "auth", "trustedProxy"], Effect::Hot),
    (&["gateway", "trustedProxies"], Effect::Hot),
    (&["gateway", "roles"], Effect::Hot),
    (&["secrets", "egressProxy"], Effect::Restart),
];

/// The shared secrets: hot while the way of proving oneself stays the same.
const SHARED_SECRETS: &[&[&str]] = &[&["gateway", "auth", "token"], &["gateway", "auth", "password"]];

/// Changed places by what they ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Read anew by whoever uses them.
    pub none: Vec<KeyPath>,
    /// To be applied now.
    pub hot: Vec<KeyPath>,
    /// Waiting for the next start.
    pub restart: Vec<KeyPath>,
}

impl Plan {
    /// Sorts the places that changed between two configurations, by the mode of the newer one.
    #[must_use]
    pub fn of(changed: &[KeyPath], before: &Config, after: &Config) -> Self {
        let same_auth = before.gateway.auth.effective_mode() == after.gateway.auth.effective_mode();
        let mut plan = Self::default();
        for path in changed {
            let effect = match (effect_with(path, same_auth), after.gateway.reload.mode) {
                // Nothing is applied: every change waits.
                (Effect::Hot, ReloadMode::Off | ReloadMode::Restart) => Effect::Restart,
                (effect, _) => effect,
            };
            match effect {
                Effect::None => plan.none.push(path.clone()),
                Effect::Hot => plan.hot.push(path.clone()),
                Effect::Restart => plan.restart.push(path.clone()),
            }
        }
        plan
    }

    /// The most that any of the places asks for.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match (self.restart.is_empty(), self.hot.is_empty()) {
            (false, _) => Effect::Restart,
            (true, false) => Effect::Hot,
            (true, true) => Effect::None,
        }
    }
}

/// What a change at `path` asks for while nothing else changes.
#[must_use]
pub fn effect(path: &KeyPath) -> Effect {
    effect_with(path, true)
}

fn effect_with(path: &KeyPath, same_auth: bool) -> Effect {
    let keys = path.keys();
    if is_unused(path) {
        return Effect::None;
    }
    if same_auth && SHARED_SECRETS.iter().any(|secret| keys.starts_with(secret)) {
        return Effect::Hot;
    }
    let rules = RULES.iter().filter(|(prefix, _)| keys.starts_with(prefix));
    rules.max_by_key(|(prefix, _)| prefix.len()).map_or(Effect::Restart, |(_, effect)| *effect)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_longest_rule_decides() {
        let check = |path: &str, expected: Effect| {
            assert_eq!(effect(&path.parse().unwrap()), expected, "{path}");
        };
        check("messages.responsePrefix", Effect::None);
        check("agents.x", Effect::None);
        check("agents.defaults.model.primary", Effect::Hot);
        check("channels.chat.accounts.a.token", Effect::Hot);
        check("gateway.port", Effect::Restart);
        check("gateway.auth.mode", Effect::Restart);
        check("gateway.auth.token", Effect::Hot);
        check("gateway.auth.rateLimit.maxAttempts", Effect::Hot);
        check("gateway.reload.mode", Effect::None);
        check("secrets.providers.x", Effect::Hot);
        check("discovery.mdns.mode", Effect::None);
        check("unheardOf", Effect::Restart);
    }

    #[test]
    fn a_secret_is_hot_only_while_the_mode_stays() {
        let config = |value| Config::from_value(&value);
        let paths = ["gateway.auth.password".parse().unwrap(), "channels.a".parse().unwrap()];
        let token = config(json!({"gateway": {"auth": {"token": "t"}}}));
        let password = config(json!({"gateway": {"auth": {"password": "p"}}}));
        let plan = Plan::of(&paths, &token, &password);
        assert_eq!((plan.restart.as_slice(), plan.hot.as_slice()), (&paths[..1], &paths[1..]));
        assert_eq!(plan.effect(), Effect::Restart);
        assert_eq!(Plan::of(&paths, &password, &password).effect(), Effect::Hot);
    }

    #[test]
    fn nothing_is_hot_where_nothing_is_applied() {
        let paths = ["channels.a".parse().unwrap(), "messages.x".parse().unwrap()];
        for (mode, expected) in [
            ("hybrid", Effect::Hot),
            ("hot", Effect::Hot),
            ("off", Effect::Restart),
            ("restart", Effect::Restart),
        ] {
            let config = Config::from_value(&json!({"gateway": {"reload": {"mode": mode}}}));
            assert_eq!(Plan::of(&paths, &config, &config).effect(), expected, "{mode}");
        }
    }
}
