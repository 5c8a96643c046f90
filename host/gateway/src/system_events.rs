//! Tells sessions what happened to the gateway: a line that their next turn reads in front of the message. The queue itself
//! is `openclaw-agents`'s; this names the sessions. Starts no turn.

pub(crate) use openclaw_agents::SystemEvents;

use crate::process::Gateway;
use crate::reload::Rejection;

/// What the events about the gateway itself are about, so that one of a kind waits.
const CONTROL: &str = "gateway.control";

impl Gateway {
    /// The queues of system events, by session key.
    pub(crate) fn system_events(&self) -> &SystemEvents {
        self.agents.events()
    }

    /// The main session of the default agent.
    pub(crate) fn main_session(&self) -> String {
        let config = self.settings.config();
        config.session.main_key_of(config.agents.default_id())
    }

    /// The main session of an agent.
    pub(crate) fn main_session_of(&self, agent: &str) -> String {
        self.settings.config().session.main_key_of(agent)
    }
}

/// Tells the main session that the configuration file was put back.
pub(crate) fn configuration_restored(gateway: &Gateway, rejection: &Rejection) {
    let text = restored(&gateway.paths.config.display().to_string(), rejection);
    gateway.system_events().push(&gateway.main_session(), &text, Some(CONTROL));
}

/// Tells of what the start has put back.
pub(crate) fn started(gateway: &Gateway) {
    let rejection = gateway.reload.lock().rejected.clone();
    if let Some(rejection) = rejection.filter(|rejection| rejection.restored) {
        configuration_restored(gateway, &rejection);
    }
}

fn restored(file: &str, rejection: &Rejection) -> String {
    let mut text = format!(
        "An edit of {file} was refused ({}) and the last good configuration was put back.",
        rejection.reason
    );
    if let Some(details) = &rejection.details {
        text.push_str(&format!(" What was wrong: {details}."));
    }
    for saved in &rejection.saved {
        text.push_str(&format!(" The refused text is kept at {}.", saved.display()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_session_reads_what_was_undone_and_where_it_is_kept() {
        let rejection = Rejection {
            at: 1,
            reason: "invalid-config".to_owned(),
            details: Some("gateway.port: must be integer".to_owned()),
            saved: vec!["/s/openclaw.json.rejected".into()],
            restored: true,
        };
        assert_eq!(
            restored("/s/openclaw.json", &rejection),
            "An edit of /s/openclaw.json was refused (invalid-config) and the last good configuration was put back. What \
             was wrong: gateway.port: must be integer. The refused text is kept at /s/openclaw.json.rejected."
        );
    }
}
