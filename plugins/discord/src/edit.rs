//! Replaces the text of a message of the bot's. It waits for no limit.

use openclaw_sdk::channel::{Failure, Outcome, Receipt, Revision};
use openclaw_sdk::host::Host;
use openclaw_sdk::http::Method;
use openclaw_text::{Unit, cut, length};

use crate::api::{AllowedMentions, EditMessage, Made};
use crate::config::Config;
use crate::rest::{Rest, Route};
use crate::send::{Dms, MAX_TEXT, SUPPRESS_EMBEDS, channel, id_in};
use crate::table;
use crate::target;

const TIMEOUT_MS: u64 = 15_000;

/// Shows `revision` in its message. A message cannot become two: the lines of one are not counted here.
pub(crate) async fn edit<H: Host>(
    host: &H,
    rest: &Rest,
    dms: &Dms,
    revision: &Revision,
    config: &Config,
) -> Outcome {
    let destination = match target::parse(&revision.target) {
        Ok(destination) => destination,
        Err(failure) => return Outcome::Permanent(failure),
    };
    let Some(message) = id_in(&revision.message_id) else {
        let detail = format!("`{}` is no message of Discord's", revision.message_id);
        return Outcome::Permanent(Failure::permanent("invalid_message", &detail));
    };
    // A table can be longer than its Markdown.
    let written = table::write(&revision.text, config.tables());
    let text: &str = if length(&written, Unit::Utf16) <= MAX_TEXT { &written } else { &revision.text };
    let text = text.get(..cut(text, MAX_TEXT, Unit::Utf16)).unwrap_or_default();
    if text.trim().is_empty() {
        return Outcome::Permanent(Failure::permanent("empty", "nothing of the text would be visible"));
    }
    let body = EditMessage {
        content: text,
        flags: if config.suppress_embeds() { SUPPRESS_EMBEDS } else { 0 },
        allowed_mentions: AllowedMentions::SAFE,
    };
    let edited = async {
        let channel = channel(host, rest, dms, destination).await?;
        let route = Route::on_two(Method::Patch, "/channels/{}/messages/{}", &channel, message);
        rest.post::<_, Made>(host, &route, &body, TIMEOUT_MS).await
    };
    match edited.await {
        Ok(made) => Outcome::Sent(Receipt { message_ids: vec![made.id] }),
        Err(refusal) => refusal.outcome_of("editing the message"),
    }
}

#[cfg(test)]
mod tests {
    use openclaw_sdk::channel::Target;
    use openclaw_sdk_test::FakeHost;
    use serde_json::json;

    use super::*;
    use crate::script::Script;

    fn run(fake: &FakeHost, text: &str) -> Outcome {
        let revision = Revision {
            target: Target { room: "42".into(), thread: None },
            message_id: "77".into(),
            text: text.into(),
            reply_context: Vec::new(),
        };
        fake.finish(edit(fake, &Rest::new(), &Dms::default(), &revision, &Config::default()))
    }

    #[test]
    fn a_message_shows_the_new_text() {
        let fake = FakeHost::new().says(json!({"id": "77"}));
        assert_eq!(run(&fake, "new @everyone"), Outcome::Sent(Receipt { message_ids: vec!["77".into()] }));
        let (path, body) = fake.asked().remove(0);
        assert_eq!(path, "PATCH /channels/42/messages/77");
        let mentions = json!({"parse": ["users"], "replied_user": true});
        assert_eq!(body, json!({"content": "new @everyone", "flags": 4, "allowed_mentions": mentions}));
    }

    #[test]
    fn one_that_is_gone_a_limit_and_silence() {
        let fake = FakeHost::new().refuses(404, 10_008, "Unknown Message");
        let Outcome::Permanent(failure) = run(&fake, "x") else { panic!() };
        assert_eq!(failure.code, "10008");
        let fake = FakeHost::new().limits(0.5);
        let Outcome::Retryable(failure) = run(&fake, "x") else { panic!() };
        assert_eq!((failure.retry_after_ms, fake.slept().len()), (Some(500), 0));
        let fake = FakeHost::new().answers(502, &[], "bad gateway");
        assert!(matches!(run(&fake, "x"), Outcome::Ambiguous(_)));
    }

    #[test]
    fn no_text_is_longer_than_a_message() {
        let fake = FakeHost::new().says(json!({"id": "77"}));
        assert!(matches!(run(&fake, &"x\n".repeat(1_500)), Outcome::Sent(_)));
        assert!(fake.asked()[0].1["content"].as_str().unwrap().len() <= MAX_TEXT);
        assert!(matches!(run(&FakeHost::new(), " "), Outcome::Permanent(_)));
    }
}
