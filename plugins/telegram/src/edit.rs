//! Replaces the text of a message of the bot's. Owns what counts as done: a message that shows the text already is.

use openclaw_sdk::channel::{Failure, Outcome, Receipt, Revision};
use openclaw_sdk::host::Host;
use openclaw_text::{Unit, cut};
use serde::de::IgnoredAny;

use crate::api::{EditMessageText, LinkPreviewOptions};
use crate::call::call;
use crate::config::Config;
use crate::format::{self, MAX_TEXT};
use crate::id;
use crate::outcome::{Refusal, result};
use crate::target::{self, Destination};

const TIMEOUT_MS: u64 = 15_000;

/// Shows `revision` in its message: as HTML, and as it is written where Telegram refuses that, or where it would not fit.
pub(crate) async fn edit<H: Host>(host: &H, revision: &Revision, config: &Config) -> Outcome {
    let destination = match target::parse(&revision.target) {
        Ok(destination) => destination,
        Err(failure) => return Outcome::Permanent(failure),
    };
    let Some(message_id) = id::number_in(&revision.message_id) else {
        let detail = format!("`{}` is no message of Telegram's", revision.message_id);
        return Outcome::Permanent(Failure::permanent("invalid_message", &detail));
    };
    let post = Post { destination: &destination, message_id, config };
    let parts = format::parts(&revision.text, config.tables(), MAX_TEXT);
    let edited = match parts.as_slice() {
        [] => return Outcome::Permanent(Failure::permanent("empty", "nothing of the text would be visible")),
        [part] => match post.show(host, &part.html, Some("HTML")).await {
            Err(Refusal::Markup { .. }) => post.show(host, &part.plain, None).await,
            edited => edited,
        },
        // A rendered table can be longer than its Markdown, and a message cannot become two.
        _ => {
            let end = cut(&revision.text, MAX_TEXT, Unit::Utf16);
            post.show(host, revision.text.get(..end).unwrap_or_default(), None).await
        }
    };
    match edited {
        Ok(()) => Outcome::Sent(Receipt { message_ids: vec![message_id.to_string()] }),
        Err(refusal) => refusal.outcome_of("editMessageText"),
    }
}

struct Post<'a> {
    destination: &'a Destination,
    message_id: i64,
    config: &'a Config,
}

impl Post<'_> {
    async fn show<H: Host>(
        &self,
        host: &H,
        text: &str,
        parse_mode: Option<&'static str>,
    ) -> Result<(), Refusal> {
        let parameters = EditMessageText {
            chat_id: &self.destination.chat,
            message_id: self.message_id,
            text,
            parse_mode,
            link_preview_options: (!self.config.link_preview())
                .then_some(LinkPreviewOptions { is_disabled: true }),
        };
        match result::<IgnoredAny>(&call(host, "editMessageText", &parameters, TIMEOUT_MS).await) {
            Err(Refusal::Refused { status: 400, description, .. }) if is_unchanged(&description) => Ok(()),
            edited => edited.map(|_| ()),
        }
    }
}

fn is_unchanged(description: &str) -> bool {
    description.to_ascii_lowercase().contains("message is not modified")
}

#[cfg(test)]
mod tests {
    use openclaw_sdk::channel::Target;
    use openclaw_sdk::http::ErrorKind;
    use openclaw_sdk_test::FakeHost;
    use serde_json::json;

    use super::*;
    use crate::script::Script;

    fn run(fake: &FakeHost, text: &str) -> Outcome {
        let revision = Revision {
            target: Target { room: "777001".into(), thread: Some("9".into()) },
            message_id: "5".into(),
            text: text.into(),
            reply_context: Vec::new(),
        };
        fake.finish(edit(fake, &revision, &Config::default()))
    }

    fn done() -> Outcome {
        Outcome::Sent(Receipt { message_ids: vec!["5".into()] })
    }

    #[test]
    fn a_message_shows_the_new_text() {
        let fake = FakeHost::new().sent(5);
        assert_eq!(run(&fake, "**new** <text>"), done());
        let expected = json!({
            "chat_id": 777_001, "message_id": 5, "text": "<b>new</b> &lt;text&gt;", "parse_mode": "HTML",
        });
        assert_eq!(fake.asked(), [("editMessageText".to_owned(), expected)]);
    }

    #[test]
    fn one_that_shows_it_already_is_done() {
        let words = "Bad Request: message is not modified: specified new message content and reply markup are exactly the same";
        assert_eq!(run(&FakeHost::new().refuses(400, words, None), "x"), done());
    }

    #[test]
    fn one_that_is_gone_is_never_there_again() {
        let fake = FakeHost::new().refuses(400, "Bad Request: message to edit not found", None);
        let Outcome::Permanent(failure) = run(&fake, "x") else { panic!() };
        assert!(failure.detail.contains("message to edit not found"), "{}", failure.detail);
    }

    #[test]
    fn a_limit_is_the_hosts_to_wait_for_and_silence_is_ambiguous() {
        let fake = FakeHost::new().refuses(429, "Too Many Requests: retry after 7", Some(7));
        let Outcome::Retryable(failure) = run(&fake, "x") else { panic!() };
        assert_eq!((failure.retry_after_ms, fake.slept().len()), (Some(7_000), 0));
        assert!(matches!(run(&FakeHost::new().fails(ErrorKind::Timeout), "x"), Outcome::Ambiguous(_)));
        assert!(matches!(run(&FakeHost::new().fails(ErrorKind::NotSent), "x"), Outcome::Retryable(_)));
    }

    #[test]
    fn refused_markup_and_what_would_not_fit_are_shown_as_written() {
        let fake = FakeHost::new().refuses(400, "Bad Request: can't parse entities: x", None).sent(5);
        assert_eq!(run(&fake, "**bold**"), done());
        assert_eq!(fake.asked()[1].1, json!({"chat_id": 777_001, "message_id": 5, "text": "bold"}));
        let fake = FakeHost::new().sent(5);
        assert_eq!(run(&fake, &"x".repeat(5_000)), done());
        assert_eq!(fake.asked()[0].1["text"].as_str().unwrap().len(), MAX_TEXT);
        assert!(fake.asked()[0].1.get("parse_mode").is_none());
    }

    #[test]
    fn what_is_no_message_is_not_edited() {
        assert!(matches!(run(&FakeHost::new(), " "), Outcome::Permanent(_)));
        let target = Target { room: "777001".into(), thread: None };
        let revision = Revision { target, message_id: "x".into(), text: "t".into(), reply_context: vec![] };
        let fake = FakeHost::new();
        let outcome = fake.finish(edit(&fake, &revision, &Config::default()));
        assert!(matches!(outcome, Outcome::Permanent(_)) && fake.asked().is_empty());
    }
}
