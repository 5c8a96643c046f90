//! Sends one message, with its files, in as many parts as Telegram needs. Owns what is visible so far, and with it the outcome.

use openclaw_sdk::channel::{Failure, File, Outbound, Outcome, Receipt};
use openclaw_sdk::host::Host;
use openclaw_sdk::protocol::partly_sent;

use crate::api::{LinkPreviewOptions, ReplyParameters, SendMessage, SentMessage};
use crate::call::call;
use crate::config::Config;
use crate::format::{self, MAX_TEXT, Part};
use crate::id;
use crate::inbound::GENERAL_TOPIC;
use crate::outcome::{Refusal, result};
use crate::target::{self, Destination};
use crate::upload::MAX_CAPTION;

/// The host waits 60 s; what is still open by then it treats as ambiguous itself.
pub(crate) const TIMEOUT_MS: u64 = 50_000;
/// The longest wait between two parts when Telegram asks for one: giving up would leave half a message.
const PATIENCE_MS: u64 = 30_000;

/// What becomes one message of Telegram's.
enum Step<'a> {
    Text(&'a Part),
    File(&'a File, Option<&'a Part>),
}

/// Sends `outbound` with `media`: short words stand under the first file, long ones follow the last.
pub(crate) async fn send<H: Host>(host: &H, outbound: &Outbound, media: &[File], config: &Config) -> Outcome {
    let destination = match target::parse(&outbound.target) {
        Ok(destination) => destination,
        Err(failure) => return Outcome::Permanent(failure),
    };
    if let Some(file) = media.iter().find(|file| file.size > config.media_max()) {
        let detail = format!("a file has {} bytes, and mediaMaxMb allows {}", file.size, config.media_max());
        return Outcome::Permanent(Failure::permanent("too_large", &detail));
    }
    let parts = format::parts(&outbound.text, config.tables(), MAX_TEXT);
    let captions = match media {
        [] => Vec::new(),
        _ => format::parts(&outbound.text, config.tables(), MAX_CAPTION),
    };
    let steps = steps(&parts, &captions, media);
    if steps.is_empty() {
        return Outcome::Permanent(Failure::permanent("empty", "nothing of the text would be visible"));
    }
    let mut reply_to = outbound.reply_to.as_deref().and_then(id::number_in);
    let mut message_ids = Vec::new();
    let mut patience = PATIENCE_MS;
    for step in &steps {
        let (key, silent) = (outbound.idempotency_key.as_str(), outbound.silent);
        let post = Post { key, destination: &destination, reply_to, silent, config };
        let mut sent = post.step(host, step).await;
        while let Err(Refusal::Limited { retry_after_ms: Some(wait), .. }) = &sent {
            if message_ids.is_empty() || *wait > patience {
                break;
            }
            patience -= *wait;
            host.sleep(*wait).await;
            sent = post.step(host, step).await;
        }
        match sent {
            Ok(message) => message_ids.push(message.message_id.to_string()),
            Err(refusal) if message_ids.is_empty() => return refusal.outcome(),
            Err(refusal) => {
                return partly_sent(&refusal.failure("sendMessage"), message_ids.len(), steps.len());
            }
        }
        // Only the first part is an answer.
        reply_to = None;
    }
    Outcome::Sent(Receipt { message_ids })
}

fn steps<'a>(parts: &'a [Part], captions: &'a [Part], media: &'a [File]) -> Vec<Step<'a>> {
    let caption = match captions {
        [only] => Some(only),
        _ => None,
    };
    let files = media.iter().enumerate();
    let files = files.map(|(index, file)| Step::File(file, caption.filter(|_| index == 0)));
    let texts = parts.iter().filter(|_| caption.is_none()).map(Step::Text);
    files.chain(texts).collect()
}

/// What all messages of one send have in common.
pub(crate) struct Post<'a> {
    pub(crate) key: &'a str,
    pub(crate) destination: &'a Destination,
    pub(crate) reply_to: Option<i64>,
    pub(crate) silent: bool,
    config: &'a Config,
}

impl Post<'_> {
    async fn step<H: Host>(&self, host: &H, step: &Step<'_>) -> Result<SentMessage, Refusal> {
        match step {
            Step::Text(part) => self.part(host, part).await,
            Step::File(file, caption) => self.file(host, file, *caption).await,
        }
    }

    /// Sends one part: as HTML, and without markup if Telegram refuses that.
    async fn part<H: Host>(&self, host: &H, part: &Part) -> Result<SentMessage, Refusal> {
        match self.text(host, &part.html, Some("HTML")).await {
            Err(Refusal::Markup { .. }) => self.text(host, &part.plain, None).await,
            sent => sent,
        }
    }

    async fn text<H: Host>(
        &self,
        host: &H,
        text: &str,
        parse_mode: Option<&'static str>,
    ) -> Result<SentMessage, Refusal> {
        let parameters = SendMessage {
            chat_id: &self.destination.chat,
            text,
            parse_mode,
            // Telegram does not find the general topic by its number.
            message_thread_id: self.destination.topic.filter(|topic| *topic != GENERAL_TOPIC),
            reply_parameters: self
                .reply_to
                .map(|message_id| ReplyParameters { message_id, allow_sending_without_reply: true }),
            link_preview_options: (!self.config.link_preview())
                .then_some(LinkPreviewOptions { is_disabled: true }),
            disable_notification: self.silent,
        };
        result(&call(host, "sendMessage", &parameters, TIMEOUT_MS).await)
    }
}

#[cfg(test)]
mod tests {
    use openclaw_sdk::channel::Target;
    use openclaw_sdk::http::ErrorKind;
    use openclaw_sdk_test::FakeHost;
    use serde_json::json;

    use super::*;
    use crate::script::Script;

    fn outbound(text: &str) -> Outbound {
        Outbound {
            idempotency_key: "k".into(),
            target: Target { room: "777001".into(), thread: None },
            text: text.into(),
            reply_to: None,
            reply_context: Vec::new(),
            silent: false,
        }
    }

    fn run(fake: &FakeHost, outbound: &Outbound) -> Outcome {
        fake.finish(send(fake, outbound, &[], &Config::default()))
    }

    #[test]
    fn a_short_message() {
        let fake = FakeHost::new().sent(5);
        let outcome = run(&fake, &outbound("hello <you>"));
        assert_eq!(outcome, Outcome::Sent(Receipt { message_ids: vec!["5".into()] }));
        let expected = json!({"chat_id": 777_001, "text": "hello &lt;you&gt;", "parse_mode": "HTML"});
        assert_eq!(fake.asked(), [("sendMessage".to_owned(), expected)]);
    }

    #[test]
    fn replies_silence_previews_and_topics() {
        let fake = FakeHost::new().sent(5).sent(6);
        let config = Config::parse(r#"{"linkPreview": false}"#).unwrap();
        let mut message = outbound(&"x".repeat(5000));
        message.reply_to = Some("7:777001:12:u3".into());
        message.silent = true;
        message.target = Target { room: "-1001".into(), thread: Some("9".into()) };
        assert!(matches!(fake.finish(send(&fake, &message, &[], &config)), Outcome::Sent(_)));
        let calls = fake.asked();
        assert_eq!(
            calls[0].1["reply_parameters"],
            json!({"message_id": 12, "allow_sending_without_reply": true})
        );
        assert_eq!(calls[0].1["link_preview_options"], json!({"is_disabled": true}));
        assert_eq!(calls[0].1["disable_notification"], json!(true));
        assert_eq!(calls[0].1["message_thread_id"], json!(9));
        assert_eq!(calls[0].1["text"].as_str().unwrap().len(), 4096);
        assert!(calls[1].1.get("reply_parameters").is_none(), "only the first part answers");
    }

    #[test]
    fn the_general_topic_is_not_named() {
        let fake = FakeHost::new().sent(5);
        let mut message = outbound("x");
        message.target = Target { room: "-1001".into(), thread: Some("1".into()) };
        run(&fake, &message);
        assert!(fake.asked()[0].1.get("message_thread_id").is_none());
    }

    /// Transcript `58-tg-send400parse`.
    #[test]
    fn refused_markup_is_sent_as_plain_text() {
        let fake = FakeHost::new().refuses(400, "Bad Request: can't parse entities: x", None).sent(5);
        assert!(matches!(run(&fake, &outbound("**bold** & `c<d`")), Outcome::Sent(_)));
        let calls = fake.asked();
        assert_eq!(calls[1].1, json!({"chat_id": 777_001, "text": "bold & c<d"}));
    }

    #[test]
    fn a_message_that_stops_midway_is_ambiguous() {
        let long = "x".repeat(5000);
        let fake = FakeHost::new().sent(5).refuses(403, "Forbidden: bot was blocked by the user", None);
        let Outcome::Ambiguous(failure) = run(&fake, &outbound(&long)) else { panic!() };
        assert!(failure.detail.starts_with("1 of 2 parts were sent, then: "), "{}", failure.detail);

        // Before anything is visible the host may try again; after that the guest waits itself.
        let limited = || FakeHost::new().refuses(429, "Too Many Requests: retry after 2", Some(2));
        let Outcome::Retryable(failure) = run(&limited(), &outbound(&long)) else { panic!() };
        assert_eq!(failure.retry_after_ms, Some(2_000));
        let fake = FakeHost::new().sent(5).refuses(429, "Too Many Requests: retry after 2", Some(2)).sent(6);
        assert_eq!(
            run(&fake, &outbound(&long)),
            Outcome::Sent(Receipt { message_ids: vec!["5".into(), "6".into()] })
        );
        assert_eq!(fake.slept(), [2_000]);
        let fake = FakeHost::new().sent(5).refuses(429, "Too Many Requests: retry after 99", Some(99));
        assert!(matches!(run(&fake, &outbound(&long)), Outcome::Ambiguous(_)));
    }

    #[test]
    fn a_cut_connection_is_ambiguous_and_none_is_retryable() {
        assert!(matches!(
            run(&FakeHost::new().fails(ErrorKind::Interrupted), &outbound("x")),
            Outcome::Ambiguous(_)
        ));
        assert!(matches!(
            run(&FakeHost::new().fails(ErrorKind::NotSent), &outbound("x")),
            Outcome::Retryable(_)
        ));
    }

    #[test]
    fn what_is_invisible_or_has_no_target_is_not_sent() {
        let fake = FakeHost::new();
        assert!(matches!(run(&fake, &outbound(" <b> ")), Outcome::Permanent(_)));
        let mut message = outbound("x");
        message.target.room = "nowhere".into();
        assert!(matches!(run(&fake, &message), Outcome::Permanent(_)));
        assert!(fake.asked().is_empty());
    }
}
