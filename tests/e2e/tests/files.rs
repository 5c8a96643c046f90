//! Files on the way of a message: what a person sends reaches the model, and what an operator sends reaches the person.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::PathBuf;

use openclaw_e2e::{Home, KEY, SOON, TOKEN, eventually, fakes, open};
use openclaw_fakes::{FakeTelegram, Sent, Talker};
use serde_json::json;

/// A picture of one pixel.
const PIXEL: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\nIDATx\x9cc\0\x01\0\0\x05\0\x01\r\n-\xb4\0\0\0\0IEND\xaeB`\x82";

async fn shown(telegram: &FakeTelegram, method: &str) -> Sent {
    let found =
        telegram.wait_for(TOKEN, SOON, |sent| sent.iter().find(|sent| sent.method == method).cloned()).await;
    found.unwrap_or_else(|| panic!("no {method}: {:#?}", telegram.sent(TOKEN)))
}

fn kept(home: &Home) -> Vec<PathBuf> {
    let folder = home.state().join("state").join("media");
    std::fs::read_dir(folder)
        .map_or_else(|_| Vec::new(), |files| files.map(|file| file.unwrap().path()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_reaches_the_model_and_one_that_does_not_come_is_told() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let _gateway = home.start().await;
    let ada = Talker::private(777_001, "ada_l");
    telegram.show(TOKEN, &ada, "photos/file_1.png", PIXEL, "what is this?");
    assert!(model.wait_for(1, SOON).await);
    let content = model.chats()[0].body["messages"].as_array().unwrap().last().unwrap()["content"].clone();
    assert!(content[0]["text"].as_str().unwrap().ends_with("what is this?\n<media:image>"), "{content}");
    let url = content[1]["image_url"]["url"].as_str().unwrap();
    assert!(url.starts_with("data:image/jpeg;base64,iVBORw0KGgo"), "{url}");
    eventually("the answer", async || !telegram.messages(TOKEN).is_empty()).await;
    let files = kept(&home);
    assert_eq!(files.len(), 1);
    assert_eq!(std::fs::read(&files[0]).unwrap(), PIXEL);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&files[0]), mode(files[0].parent().unwrap())), (0o600, 0o700));
    }

    telegram.show(TOKEN, &ada, "photos/file_2.png", PIXEL, "and this?");
    telegram.lose(TOKEN, "photos/file_2.png");
    assert!(model.wait_for(2, SOON).await);
    let message = model.chats()[1].body["messages"].as_array().unwrap().last().unwrap()["content"].clone();
    let text = message.as_str().unwrap();
    assert!(
        text.contains("and this?\n<media:image>\n[media unavailable: ") && text.contains("wrong file_id"),
        "{text}"
    );
    assert!(!text.contains(TOKEN) && !home.log().contains(TOKEN) && !home.log().contains(KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_photos_of_an_album_are_one_question() {
    let (telegram, model) = fakes().await;
    let mut config = open(&telegram, &model);
    config["channels"]["telegram"]["groupPolicy"] = json!("open");
    let home = Home::new(config);
    let _gateway = home.start().await;
    let ada = Talker::in_group(-1001, "Family", 777_001, "ada_l");
    let photos = ["photos/1.png", "photos/2.png", "photos/3.png"];
    telegram.show_album(TOKEN, &ada, &photos, PIXEL, "@mock_claw_bot which one?");
    eventually("the answer", async || !telegram.messages(TOKEN).is_empty()).await;
    assert_eq!(model.chats().len(), 1);
    let content = model.chats()[0].body["messages"].as_array().unwrap().last().unwrap()["content"].clone();
    let text = content[0]["text"].as_str().unwrap();
    assert!(text.ends_with("which one?\n<media:image>\n<media:image>\n<media:image>"), "{text}");
    assert_eq!(content.as_array().unwrap().len(), 4, "the words and three pictures: {content}");
    let why = home.run(&["channels", "why", "--json"]).await.ok().stdout;
    assert!(why.contains("another piece of its album names the agent"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sends_a_file() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let _gateway = home.start().await;
    assert!(telegram.wait_for_poll(TOKEN, SOON).await);
    let picture = home.state().join("pixel.png");
    std::fs::write(&picture, PIXEL).unwrap();
    let path = picture.to_str().unwrap();
    let sent = home
        .run(&["message", "send", "--target", "777001", "--media", path, "--message", "**look**", "--json"])
        .await
        .ok()
        .json();
    assert_eq!(sent["payload"]["ok"], json!(true));
    let photo = shown(&telegram, "sendPhoto").await;
    assert_eq!((photo.chat_id.as_str(), photo.text.as_str()), ("777001", "look"));
    let file = photo.file.unwrap();
    assert_eq!(
        (file.name.as_str(), file.mime.as_str(), file.bytes.as_slice()),
        ("pixel.png", "image/png", PIXEL)
    );
    assert_eq!(sent["messageId"], json!(photo.message_id.to_string()));

    let report = home.state().join("report.pdf");
    std::fs::write(&report, vec![7; 300_000]).unwrap();
    home.run(&["message", "send", "--target", "777001", "--media", report.to_str().unwrap()]).await.ok();
    let document = shown(&telegram, "sendDocument").await;
    let file = document.file.unwrap();
    assert_eq!(
        (file.mime.as_str(), file.bytes.len(), document.text.as_str()),
        ("application/pdf", 300_000, "")
    );

    let missing = home.run(&["message", "send", "--target", "777001", "--media", "no-such-file"]).await;
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("no-such-file cannot be read"), "{}", missing.stderr);
    let nothing = home.run(&["message", "send", "--target", "777001"]).await;
    assert!(nothing.stderr.contains("--message"), "{}", nothing.stderr);
}
