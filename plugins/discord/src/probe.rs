//! Asks Discord who we are, and tells what an operator may want to know about it: what the Developer Portal allows, and
//! whether the bot can do its work in the configured channels.

use openclaw_sdk::channel::{Failure, Identity};
use openclaw_sdk::host::Host;
use openclaw_sdk::http::Method;

use crate::api::{Application, User};
use crate::audit::{self, Server};
use crate::config::Config;
use crate::intents::{self, NO_CONTENT, NO_CONTENT_FIX};
use crate::outcome::Refusal;
use crate::rest::{Rest, Route};

/// Together below the 10 s that the host waits.
const ME_TIMEOUT_MS: u64 = 4_000;
const APPLICATION_TIMEOUT_MS: u64 = 2_000;
const CHANNELS_MS: u64 = 3_000;

/// Tests the token, now.
pub(crate) async fn probe<H: Host>(host: &H, rest: &Rest, config: &Config) -> Result<Identity, Failure> {
    let me: User = rest
        .get(host, &Route::fixed(Method::Get, "/users/@me"), ME_TIMEOUT_MS)
        .await
        .map_err(|refusal| refusal.failure("getMe"))?;
    let mut facts = Vec::new();
    let mut issues = Vec::new();
    let application = Route::fixed(Method::Get, "/applications/@me");
    // The token works whatever comes back here; what is not known is not told.
    if let Ok(application) = rest.get::<_, Application>(host, &application, APPLICATION_TIMEOUT_MS).await {
        facts.push(("applicationId".to_owned(), application.id));
        for (key, word) in intents::granted(application.flags) {
            facts.push((format!("intents.{key}"), word.to_owned()));
            if key == "messageContent" && word == "disabled" && config.intents.message_content() {
                issues.push(format!("{NO_CONTENT} {NO_CONTENT_FIX}"));
            }
        }
    }
    let (channels, unresolved) = config.channels();
    let until_us = host.monotonic_us().saturating_add(CHANNELS_MS * 1_000);
    let mut server = Server::default();
    for id in channels {
        if host.monotonic_us() >= until_us {
            break;
        }
        let (missing, why) = match audit::missing(host, rest, &me.id, &mut server, id).await {
            Ok(missing) if missing.is_empty() => continue,
            Ok(missing) => (missing.join(", "), String::new()),
            Err(Refusal::Refused { status, code, message }) => {
                ("ViewChannel, SendMessages".to_owned(), format!(": {message} (code={code} status={status})"))
            }
            // Of a channel that was not answered for, nothing is known.
            Err(_) => continue,
        };
        issues.push(format!(
            "Channel {id} permission check failed. missing {missing}{why}. Ensure the bot role can view + send in this channel (and that channel overrides don't deny it)."
        ));
    }
    if unresolved > 0 {
        issues.push(format!(
            "Some configured guild channels are not numeric IDs (unresolvedChannels={unresolved}). Permission audit can only check numeric channel IDs. Use numeric channel IDs as keys."
        ));
    }
    facts.extend(issues.into_iter().enumerate().map(|(n, issue)| (format!("issue.{}", n + 1), issue)));
    let username = Some(me.username.clone()).filter(|name| !name.is_empty());
    Ok(Identity { display_name: me.name(), id: me.id, username, facts })
}

#[cfg(test)]
mod tests {
    use openclaw_sdk::channel::FailureKind;
    use openclaw_sdk::http::ErrorKind;
    use openclaw_sdk_test::FakeHost;
    use serde_json::json;

    use super::*;
    use crate::script::Script;

    fn me(fake: FakeHost) -> FakeHost {
        fake.says(json!({"id": "1000", "username": "claw", "global_name": null, "bot": true}))
    }

    fn run(fake: &FakeHost, config: &str) -> Result<Identity, Failure> {
        fake.finish(probe(fake, &Rest::new(), &Config::parse(config).unwrap()))
    }

    fn fact<'a>(identity: &'a Identity, name: &str) -> Option<&'a str> {
        identity.facts.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn tells_who_we_are_and_what_is_allowed() {
        let fake = me(FakeHost::new()).says(json!({"id": "99", "name": "App", "flags": 1 << 19 | 1 << 12}));
        let identity = run(&fake, "{}").unwrap();
        assert_eq!((identity.id.as_str(), identity.username.as_deref()), ("1000", Some("claw")));
        let expected = [
            ("applicationId", "99"),
            ("intents.presence", "enabled"),
            ("intents.guildMembers", "disabled"),
            ("intents.messageContent", "limited"),
        ];
        assert_eq!(identity.facts, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(fake.paths(), ["GET /users/@me", "GET /applications/@me"]);
    }

    #[test]
    fn an_intent_that_is_off_is_an_issue_only_if_it_is_wanted() {
        let issue = |config| {
            let fake = me(FakeHost::new()).says(json!({"id": "99", "flags": 0}));
            fact(&run(&fake, config).unwrap(), "issue.1").map(str::to_owned)
        };
        assert!(issue("{}").unwrap().starts_with("Message Content Intent is disabled. Bot may not see"));
        assert_eq!(issue(r#"{"intents": {"messageContent": false}}"#), None);
    }

    #[test]
    fn configured_channels_are_looked_at() {
        let fake = me(FakeHost::new()).says(json!({"id": "99", "flags": 1 << 18})).says(json!({"id": "20"}));
        let fake = fake.refuses(403, 50_001, "Missing Access");
        let config = r#"{"guilds": {"10": {"channels": {"20": {}, "21": {}, "general": {}, "*": {}}}}}"#;
        let identity = run(&fake, config).unwrap();
        assert!(
            fact(&identity, "issue.1")
                .unwrap()
                .starts_with("Channel 21 permission check failed. missing ViewChannel")
        );
        assert!(fact(&identity, "issue.2").unwrap().contains("unresolvedChannels=1"));
        assert_eq!(fact(&identity, "issue.3"), None);
    }

    #[test]
    fn a_revoked_token_is_told_from_a_bad_network() {
        let refused = run(&FakeHost::new().refuses(401, 0, "401: Unauthorized"), "{}").unwrap_err();
        assert_eq!(refused.kind, FailureKind::Unauthorised);
        assert!(refused.detail.contains("getMe failed (401)"), "{}", refused.detail);
        let unreachable = run(&FakeHost::new().fails(ErrorKind::NotSent), "{}").unwrap_err();
        assert_eq!(unreachable.kind, FailureKind::Unavailable);
        assert!(run(&me(FakeHost::new()).fails(ErrorKind::Timeout), "{}").is_ok(), "the rest is a courtesy");
    }
}
