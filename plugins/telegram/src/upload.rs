//! Sends one file. Owns which method takes it; the host puts the bytes into the request.

use openclaw_sdk::channel::File;
use openclaw_sdk::host::Host;
use openclaw_sdk::http::{Method, Request};
use openclaw_sdk::multipart::Form;

use crate::api::SentMessage;
use crate::format::Part;
use crate::inbound::GENERAL_TOPIC;
use crate::outcome::{Refusal, result};
use crate::send::{Post, TIMEOUT_MS};

/// What a caption may hold after its entities are parsed (Bot API, `sendPhoto`), in UTF-16 code units.
pub(crate) const MAX_CAPTION: usize = 1024;
/// The largest photo (Bot API, `sendPhoto`).
const LARGEST_PHOTO: u64 = 10 << 20;
/// Telegram's words for a photo that it takes as a document alone.
const NO_PHOTO: [&str; 2] = ["PHOTO_INVALID_DIMENSIONS", "PHOTO_TOO_BIG"];

/// A method and the name of the field that its file stands in.
type Way = (&'static str, &'static str);

const DOCUMENT: Way = ("sendDocument", "document");

fn way(file: &File) -> Way {
    match file.mime.as_str() {
        "image/gif" => ("sendAnimation", "animation"),
        "image/jpeg" | "image/png" | "image/webp" if file.size <= LARGEST_PHOTO => ("sendPhoto", "photo"),
        "video/mp4" => ("sendVideo", "video"),
        "audio/mpeg" | "audio/mp4" | "audio/x-m4a" => ("sendAudio", "audio"),
        "audio/ogg" => ("sendVoice", "voice"),
        _ => DOCUMENT,
    }
}

impl Post<'_> {
    /// Sends a file with words under it: as HTML, and without markup if Telegram refuses that.
    pub(crate) async fn file<H: Host>(
        &self,
        host: &H,
        file: &File,
        caption: Option<&Part>,
    ) -> Result<SentMessage, Refusal> {
        let mut way = way(file);
        let html = caption.map(|part| (part.html.as_str(), true));
        let mut sent = self.upload(host, file, way, html).await;
        if let Err(Refusal::Refused { description, .. }) = &sent
            && NO_PHOTO.iter().any(|words| description.contains(words))
        {
            way = DOCUMENT;
            sent = self.upload(host, file, way, html).await;
        }
        match sent {
            Err(Refusal::Markup { .. }) => {
                let plain = caption.map(|part| (part.plain.as_str(), false));
                self.upload(host, file, way, plain).await
            }
            sent => sent,
        }
    }

    async fn upload<H: Host>(
        &self,
        host: &H,
        file: &File,
        (method, field): Way,
        caption: Option<(&str, bool)>,
    ) -> Result<SentMessage, Refusal> {
        let mut form = Form::new(&format!("{}{}", self.key, file.handle))
            .field("chat_id", &self.destination.chat.to_string());
        if let Some((text, html)) = caption {
            form = form.field("caption", text);
            if html {
                form = form.field("parse_mode", "HTML");
            }
        }
        if let Some(topic) = self.destination.topic.filter(|topic| *topic != GENERAL_TOPIC) {
            form = form.field("message_thread_id", &topic.to_string());
        }
        if let Some(message_id) = self.reply_to {
            let reply = format!(r#"{{"message_id":{message_id},"allow_sending_without_reply":true}}"#);
            form = form.field("reply_parameters", &reply);
        }
        if self.silent {
            form = form.field("disable_notification", "true");
        }
        let request = Request::new("uploads", Method::Post, &format!("/{method}"), TIMEOUT_MS);
        result(&host.http(request.form(form.file(field, file))).await)
    }
}

#[cfg(test)]
mod tests {
    use openclaw_sdk::channel::{Outbound, Outcome, Receipt};
    use openclaw_sdk_test::{FakeHost, outbound};

    use super::*;
    use crate::config::Config;
    use crate::script::Script;
    use crate::send::send;

    fn run(fake: &FakeHost, outbound: &Outbound, media: &[File]) -> Outcome {
        fake.finish(send(fake, outbound, media, &Config::default()))
    }

    fn bodies(fake: &FakeHost) -> Vec<String> {
        fake.calls().iter().map(|call| String::from_utf8_lossy(&call.body).into_owned()).collect()
    }

    #[test]
    fn a_photo_with_words_under_it() {
        let fake = FakeHost::new().sent(5);
        let photo = fake.has_file("image/png", "a.png", b"<the bytes>");
        let mut message = outbound("777001", "**look**");
        (message.silent, message.reply_to) = (true, Some("7:777001:12".into()));
        assert_eq!(run(&fake, &message, &[photo]), Outcome::Sent(Receipt { message_ids: vec!["5".into()] }));
        assert_eq!(fake.paths(), ["POST /sendPhoto"]);
        let body = bodies(&fake).remove(0);
        for part in [
            "name=\"chat_id\"\r\n\r\n777001\r\n",
            "name=\"caption\"\r\n\r\n<b>look</b>\r\n",
            "name=\"parse_mode\"\r\n\r\nHTML\r\n",
            "name=\"disable_notification\"\r\n\r\ntrue\r\n",
            "\"message_id\":12",
            "name=\"photo\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n<the bytes>\r\n",
        ] {
            assert!(body.contains(part), "{part} is not in {body}");
        }
    }

    #[test]
    fn long_words_follow_and_each_file_has_its_method() {
        let fake = FakeHost::new().sent(5).sent(6).sent(7);
        let files =
            [fake.has_file("application/pdf", "a.pdf", b"x"), fake.has_file("audio/ogg", "a.ogg", b"x")];
        let outcome = run(&fake, &outbound("777001", &"x".repeat(1025)), &files);
        assert!(matches!(outcome, Outcome::Sent(receipt) if receipt.message_ids.len() == 3));
        assert_eq!(fake.paths(), ["POST /sendDocument", "POST /sendVoice", "POST /sendMessage"]);
        assert!(!bodies(&fake)[0].contains("caption"));
    }

    #[test]
    fn a_file_alone_a_photo_that_is_none_and_refused_markup() {
        let fake = FakeHost::new()
            .refuses(400, "Bad Request: PHOTO_INVALID_DIMENSIONS", None)
            .refuses(400, "Bad Request: can't parse entities: x", None)
            .sent(5);
        let photo = fake.has_file("image/jpeg", "a.jpg", b"x");
        assert!(matches!(
            run(&fake, &outbound("777001", "**b**"), std::slice::from_ref(&photo)),
            Outcome::Sent(_)
        ));
        assert_eq!(fake.paths(), ["POST /sendPhoto", "POST /sendDocument", "POST /sendDocument"]);
        assert!(bodies(&fake)[2].contains("name=\"caption\"\r\n\r\nb\r\n"), "{}", bodies(&fake)[2]);
        let fake = FakeHost::new().sent(5);
        let photo = fake.has_file("image/jpeg", "a.jpg", b"x");
        assert!(matches!(run(&fake, &outbound("777001", ""), &[photo]), Outcome::Sent(_)));
    }
}
