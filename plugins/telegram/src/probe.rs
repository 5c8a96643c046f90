//! Asks Telegram who we are, and tells what an operator may want to know about it.

use openclaw_sdk::channel::{Failure, Identity};
use openclaw_sdk::host::Host;
use serde::Serialize;

use crate::api::{User, WebhookInfo};
use crate::call::call;
use crate::outcome::{Refusal, result};

/// Together below the 10 s that the host waits.
const GET_ME_TIMEOUT_MS: u64 = 6_000;
const WEBHOOK_TIMEOUT_MS: u64 = 3_000;

/// No parameters.
#[derive(Serialize)]
pub(crate) struct Nothing {}

/// `getMe`.
pub(crate) async fn get_me<H: Host>(host: &H, timeout_ms: u64) -> Result<User, Refusal> {
    result(&call(host, "getMe", &Nothing {}, timeout_ms).await)
}

/// Tests the token, now.
pub(crate) async fn probe<H: Host>(host: &H) -> Result<Identity, Failure> {
    let me = get_me(host, GET_ME_TIMEOUT_MS).await.map_err(|refusal| refusal.failure("getMe"))?;
    let answer = call(host, "getWebhookInfo", &Nothing {}, WEBHOOK_TIMEOUT_MS).await;
    // The token works whatever comes back here; what is not known is not told.
    let webhook = result::<WebhookInfo>(&answer).unwrap_or_default();
    let mut facts = Vec::new();
    let mut fact =
        |name: &str, value: Option<String>| facts.extend(value.map(|value| (name.to_owned(), value)));
    let yes_or_no = |flag: Option<bool>| flag.map(|flag| flag.to_string());
    fact("canJoinGroups", yes_or_no(me.can_join_groups));
    fact("canReadAllGroupMessages", yes_or_no(me.can_read_all_group_messages));
    fact("supportsInlineQueries", yes_or_no(me.supports_inline_queries));
    fact("hasTopicsEnabled", yes_or_no(me.has_topics_enabled));
    fact("webhookUrl", Some(webhook.url).filter(|url| !url.is_empty()));
    fact("pendingUpdates", webhook.pending_update_count.map(|count| count.to_string()));
    fact("webhookLastError", webhook.last_error_message);
    Ok(Identity { id: me.id.to_string(), display_name: me.name(), username: me.username, facts })
}

#[cfg(test)]
mod tests {
    use openclaw_sdk::channel::FailureKind;
    use openclaw_sdk::http::ErrorKind;
    use openclaw_sdk_test::FakeHost;
    use serde_json::json;

    use super::*;
    use crate::script::Script;

    fn me() -> serde_json::Value {
        json!({"id": 7, "is_bot": true, "first_name": "Claw", "username": "mock_claw_bot", "can_read_all_group_messages": false})
    }

    #[test]
    fn tells_who_we_are() {
        let fake = FakeHost::new().says(me()).says(json!({"url": "", "pending_update_count": 2}));
        let identity = fake.finish(probe(&fake)).unwrap();
        assert_eq!((identity.id.as_str(), identity.username.as_deref()), ("7", Some("mock_claw_bot")));
        let facts = [("canReadAllGroupMessages", "false"), ("pendingUpdates", "2")];
        assert_eq!(identity.facts, facts.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_revoked_token_is_told_from_a_bad_network() {
        let host = FakeHost::new().refuses(401, "Unauthorized", None);
        let refused = host.finish(probe(&host)).unwrap_err();
        assert_eq!(refused.kind, FailureKind::Unauthorised);
        let host = FakeHost::new().fails(ErrorKind::NotSent);
        let unreachable = host.finish(probe(&host)).unwrap_err();
        assert_eq!(unreachable.kind, FailureKind::Unavailable);
        let works = FakeHost::new().says(me()).fails(ErrorKind::Timeout);
        assert!(works.finish(probe(&works)).is_ok(), "the second question is a courtesy");
    }
}
