//! A disk that is full, broken or read-only: what the gateway refuses then, what it serves all the same, and how it goes on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use openclaw_e2e::disk::FaultyDisk;
use openclaw_e2e::http::get;
use openclaw_e2e::{GATEWAY_TOKEN, Home, TOKEN, eventually, fakes, open};
use openclaw_fakes::Talker;
use serde_json::json;

const SECRET: Option<&str> = Some(GATEWAY_TOKEN);

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_the_disk_is_full_is_answered_when_it_has_room() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let disk = FaultyDisk::of(&home);
    let gateway = home.start_with(&disk.environment()).await;
    let ready = format!("{}/readyz", gateway.base());
    disk.fail("all", "ENOSPC", "");
    eventually("it says so", async || get(&ready, SECRET).await.unwrap().status == 503).await;
    let why = get(&ready, SECRET).await.unwrap().json();
    assert_eq!(why["failing"], json!(["store"]), "{why}");
    telegram.say(TOKEN, &Talker::private(1, "ada"), "while it is full");
    eventually("it is refused", async || home.log().contains("a message is not admitted")).await;
    assert_eq!(telegram.unconfirmed(TOKEN), 1, "the vendor keeps it");
    disk.mend();
    let answers =
        || telegram.messages(TOKEN).iter().filter(|sent| sent.text.contains("while it is full")).count();
    eventually("it is answered", async || answers() > 0).await;
    assert_eq!(answers(), 1);
    eventually("it is ready", async || get(&ready, SECRET).await.unwrap().status == 200).await;
}
