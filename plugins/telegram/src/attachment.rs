//! A file that came with a message. Owns the way from Telegram to the gateway; the bytes never pass through here.

use openclaw_sdk::channel::File;
use openclaw_sdk::host::Host;
use openclaw_sdk::http::{Method, Request};
use openclaw_sdk::media::{self, Description, DownloadError, Downloaded};

use crate::api::{Attached, GetFile, Message, RemoteFile};
use crate::call::call;
use crate::outcome::{Refusal, result};

/// Bots are given files of at most 20 MB (Bot API, `getFile`).
const LARGEST: u64 = 20 << 20;
const TIMEOUT_MS: u64 = 30_000;
/// How often a file is asked for that Telegram does not have yet.
const TRIES: u32 = 3;
/// Telegram's words for that.
const NOT_YET: [&str; 2] = ["wrong file_id", "temporarily unavailable"];

/// A file as Telegram names it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Attachment {
    file_id: String,
    mime: String,
    name: Option<String>,
    size: Option<u64>,
}

/// The file that a message carries; Telegram sends each of an album by itself. Moving stickers are none: their emoji says
/// it all.
pub(crate) fn of(message: &Message) -> Option<Attachment> {
    let of = |attached: &Option<Attached>, mime: &str| {
        attached.as_ref().and_then(|attached| attachment(attached, mime))
    };
    // Telegram sorts the sizes of a photo; the largest that a bot may have is the best.
    let allowed = |photo: &&Attached| photo.file_size.is_none_or(|size| size <= LARGEST);
    let photo = message.photo.iter().flatten().rfind(allowed);
    photo
        .and_then(|photo| attachment(photo, "image/jpeg"))
        .or_else(|| of(&message.video, "video/mp4"))
        .or_else(|| of(&message.video_note, "video/mp4"))
        .or_else(|| of(&message.animation, "video/mp4"))
        .or_else(|| of(&message.audio, "audio/mpeg"))
        .or_else(|| of(&message.voice, "audio/ogg"))
        .or_else(|| of(&message.document, "application/octet-stream"))
        .or_else(|| {
            let sticker =
                message.sticker.as_ref().filter(|sticker| !sticker.is_animated && !sticker.is_video)?;
            attachment(&sticker.file, "image/webp")
        })
}

fn attachment(attached: &Attached, mime: &str) -> Option<Attachment> {
    let Attached { file_id, file_name, mime_type, file_size } = attached.clone();
    let mime = mime_type.unwrap_or_else(|| mime.to_owned());
    (!file_id.is_empty()).then_some(Attachment { file_id, mime, name: file_name, size: file_size })
}

/// Has the gateway keep the file, if it has at most `limit` bytes. The error says for people why not.
pub(crate) async fn fetch<H: Host>(host: &H, attachment: Attachment, limit: u64) -> Result<File, String> {
    let limit = limit.min(LARGEST);
    let check = |size: Option<u64>| match size {
        Some(size) if size > limit => Err(format!("it has {size} bytes, and at most {limit} are taken")),
        size => Ok(size),
    };
    check(attachment.size)?;
    let remote = remote(host, &attachment.file_id).await?;
    check(remote.file_size)?;
    let path = remote.file_path.ok_or("Telegram does not say where it is")?;
    let path = format!("/{}", path.trim_start_matches('/'));
    let name = attachment.name.or_else(|| path.rsplit('/').next().map(str::to_owned));
    // Telegram sends files without their type; the message has it.
    let description = Description { mime: attachment.mime, name, size: None };
    let mut tried = 0;
    loop {
        let request = Request::new("files", Method::Get, &path, TIMEOUT_MS);
        tried += 1;
        match host.download(request, description.clone()).await {
            Ok(Downloaded::File(file)) => return Ok(file),
            Ok(Downloaded::Refused(answer)) => {
                return Err(format!("Telegram answered with HTTP {}", answer.status));
            }
            Err(DownloadError::Media(media::Error::Unavailable(ms))) if tried < TRIES => host.sleep(ms).await,
            Err(DownloadError::Media(error)) => return Err(not_kept(&error)),
            Err(DownloadError::Http(error)) => return Err(error.detail),
        }
    }
}

async fn remote<H: Host>(host: &H, file_id: &str) -> Result<RemoteFile, String> {
    let mut tried = 0;
    loop {
        let answer = call(host, "getFile", &GetFile { file_id }, TIMEOUT_MS).await;
        tried += 1;
        match result::<RemoteFile>(&answer) {
            Ok(remote) => return Ok(remote),
            Err(Refusal::Refused { description, .. })
                if tried < TRIES && NOT_YET.iter().any(|words| description.contains(words)) =>
            {
                host.sleep(1_000 << (tried - 1)).await;
            }
            Err(refusal) => return Err(refusal.failure("getFile").detail),
        }
    }
}

fn not_kept(error: &media::Error) -> String {
    match error {
        media::Error::Invalid(why) => why.clone(),
        media::Error::Full => "there is no room for it".to_owned(),
        media::Error::Stalled => "it did not come".to_owned(),
        media::Error::Gone | media::Error::Unavailable(_) => "the gateway cannot keep it now".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use openclaw_sdk_test::FakeHost;
    use serde_json::{Value, json};

    use super::*;
    use crate::script::Script;

    fn found(extra: &Value) -> Option<Attachment> {
        let mut message = json!({"message_id": 1, "chat": {"id": 1, "type": "private"}, "date": 5});
        message.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        of(&serde_json::from_value(message).unwrap())
    }

    fn photo() -> Attachment {
        found(
            &json!({"photo": [{"file_id": "small", "file_size": 9}, {"file_id": "large", "file_size": 99}]}),
        )
        .unwrap()
    }

    #[test]
    fn what_a_message_carries() {
        let got = photo();
        assert_eq!((got.file_id.as_str(), got.mime.as_str(), got.size), ("large", "image/jpeg", Some(99)));
        let too_large =
            json!({"photo": [{"file_id": "small"}, {"file_id": "large", "file_size": 99_000_000}]});
        assert_eq!(found(&too_large).unwrap().file_id, "small");
        let document =
            json!({"document": {"file_id": "d", "file_name": "a.pdf", "mime_type": "application/pdf"}});
        let got = found(&document).unwrap();
        assert_eq!((got.mime.as_str(), got.name.as_deref()), ("application/pdf", Some("a.pdf")));
        assert_eq!(found(&json!({"voice": {"file_id": "v"}})).unwrap().mime, "audio/ogg");
        let animation = json!({"animation": {"file_id": "a"}, "document": {"file_id": "d"}});
        assert_eq!(found(&animation).unwrap().file_id, "a", "an animation comes as a document too");
        assert_eq!(found(&json!({"sticker": {"file_id": "s", "emoji": "x"}})).unwrap().mime, "image/webp");
        assert!(found(&json!({"sticker": {"file_id": "s", "is_animated": true}})).is_none());
        assert!(found(&json!({"text": "x", "document": {}})).is_none(), "an odd file is none");
    }

    #[test]
    fn the_gateway_keeps_what_telegram_has() {
        let fake = FakeHost::new()
            .refuses(400, "Bad Request: wrong file_id or the file is temporarily unavailable", None)
            .says(json!({"file_id": "large", "file_size": 3, "file_path": "photos/file_1.jpg"}))
            .answers(200, &[], "jpg");
        let file = fake.finish(fetch(&fake, photo(), 1_000)).unwrap();
        assert_eq!(
            (file.mime.as_str(), file.name.as_deref(), file.size),
            ("image/jpeg", Some("file_1.jpg"), 3)
        );
        assert_eq!(fake.files()[0].1, b"jpg");
        assert_eq!(fake.paths(), ["POST /getFile", "POST /getFile", "GET /photos/file_1.jpg"]);
        assert_eq!((fake.calls()[2].grant.as_str(), fake.slept()), ("files", vec![1_000]));
    }

    #[test]
    fn what_does_not_come_is_told() {
        let told = |fake: FakeHost, limit| fake.finish(fetch(&fake, photo(), limit)).unwrap_err();
        assert_eq!(told(FakeHost::new(), 98), "it has 99 bytes, and at most 98 are taken");
        let big = FakeHost::new().refuses(400, "Bad Request: file is too big", None);
        assert!(told(big, 100).contains("file is too big"));
        let path = json!({"file_id": "large", "file_path": "p"});
        assert_eq!(
            told(FakeHost::new().says(path.clone()).answers(404, &[], "x"), 100),
            "Telegram answered with HTTP 404"
        );
        let full = FakeHost::new().media_quota(2).says(path).answers(200, &[], "jpg");
        assert_eq!(told(full, 100), "there is no room for it");
        let never =
            (0..3).fold(FakeHost::new(), |fake, _| fake.refuses(400, "Bad Request: wrong file_id", None));
        assert!(told(never, 100).contains("wrong file_id"));
    }
}
