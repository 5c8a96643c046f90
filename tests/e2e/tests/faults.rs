//! Bad input of every kind: each is named with its place and its fix, changes nothing on disk, and leaves the rest running.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use openclaw_e2e::http::post;
use openclaw_e2e::{GATEWAY_TOKEN, Home, KEY, SOON, TOKEN, eventually, fakes, open};
use openclaw_fakes::{FakeTelegram, Fault, Mode, Talker};
use serde_json::json;

async fn answered(telegram: &FakeTelegram, text: &str) {
    let found = telegram.wait_for(TOKEN, SOON, |sent| {
        sent.iter().any(|sent| sent.method == "sendMessage" && sent.text.contains(text)).then_some(())
    });
    assert!(found.await.is_some(), "no message with `{text}`: {:#?}", telegram.messages(TOKEN));
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_from_the_vendor_blocks_nothing() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let _gateway = home.start().await;
    assert!(telegram.wait_for_poll(TOKEN, SOON).await);
    telegram.fault(TOKEN, "getUpdates", Fault::Garbage, 1);
    telegram.fault(TOKEN, "getUpdates", Fault::Page(502), 1);
    telegram.fault(TOKEN, "getUpdates", Fault::Cut, 1);
    // Updates that are not what they should be, and one behind them that is.
    for update in [
        json!({ "message": "not a message" }),
        json!({ "message": { "message_id": "seven", "chat": 5 } }),
        json!({ "something_new": { "deep": [1, 2, 3] } }),
        json!({ "message": { "message_id": 1, "date": 1, "chat": { "id": 1, "type": "private" } } }),
    ] {
        telegram.inject(TOKEN, update);
    }
    telegram.say(TOKEN, &Talker::private(1, "somebody"), "behind the garbage");
    answered(&telegram, "behind the garbage").await;
    eventually("all updates were taken", async || telegram.unconfirmed(TOKEN) == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_answers_nonsense_is_named_and_the_next_turn_works() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let gateway = home.start().await;
    let url = format!("{}/v1/chat/completions", gateway.base());
    let chat = json!({ "model": "fake/echo", "messages": [{ "role": "user", "content": "hi" }] });
    for mode in [Mode::Garbage, Mode::Cut { after: 2 }, Mode::Reset, Mode::ErrorInStream] {
        model.set_mode(mode.clone());
        let mut chat = chat.clone();
        chat["stream"] = json!(matches!(mode, Mode::Cut { .. } | Mode::ErrorInStream));
        let answer = post(&url, Some(GATEWAY_TOKEN), &chat).await.unwrap();
        assert!(answer.body.contains("\"error\""), "{mode:?}: {answer:?}");
        assert!(!answer.body.contains(KEY), "{mode:?}: {answer:?}");
    }
    model.set_mode(Mode::Garbage);
    let ada = Talker::private(1, "somebody");
    telegram.say(TOKEN, &ada, "nonsense, please");
    answered(&telegram, "⚠️").await;
    model.set_mode(Mode::Echo);
    telegram.say(TOKEN, &ada, "and now sense");
    answered(&telegram, "and now sense").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_not_there_is_named() {
    let (telegram, model) = fakes().await;
    let mut config = open(&telegram, &model);
    config["models"]["providers"]["fake"]["baseUrl"] = json!("http://127.0.0.1:1/v1");
    let home = Home::new(config);
    let gateway = home.start().await;
    let chat = json!({ "model": "fake/echo", "messages": [{ "role": "user", "content": "hi" }] });
    let answer =
        post(&format!("{}/v1/chat/completions", gateway.base()), Some(GATEWAY_TOKEN), &chat).await.unwrap();
    assert!(answer.status >= 500, "{answer:?}");
    assert!(answer.body.contains("onnection refused"), "{answer:?}");
    let asked = home.run(&["infer", "model", "run", "--model", "fake/echo", "--prompt", "hi"]).await;
    assert_eq!(asked.code, 1);
    assert!(asked.stderr.contains("fake") && asked.stderr.contains("onnection refused"), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_does_not_load_disables_only_itself() {
    let (telegram, model) = fakes().await;
    let mut config = open(&telegram, &model);
    config["channels"]["broken"] = json!({ "enabled": true });
    let home = Home::new(config);
    let folder = home.state().join("plugins").join("broken");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("component.wasm"), b"\0asm this is no component").unwrap();
    std::fs::write(
        folder.join("plugin.toml"),
        r#"
            [plugin]
            id = "broken"
            kind = "channel"
            version = "1.0.0"
            wit = "openclaw:plugin@0.1.0"
            license = "MIT"
            label = "Broken"
            [channel]
            text-limit = 4000
            text-unit = "utf16"
            sender-id-line = "Your id: {id}"
            sender-id-label = "id"
            mode = "polling"
        "#,
    )
    .unwrap();
    let _gateway = home.start().await;
    eventually("the account is set aside", async || {
        home.run(&["channels", "status"]).await.stdout.contains("not a valid component")
    })
    .await;
    let channels = home.run(&["channels", "status"]).await.ok();
    assert!(
        channels.stdout.contains("Broken default") && channels.stdout.contains("cargo xtask build"),
        "{channels:?}"
    );
    telegram.say(TOKEN, &Talker::private(1, "somebody"), "the other one works");
    answered(&telegram, "the other one works").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_json5_is_shown_where_it_breaks() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let broken = "{\n  gateway: { mode: 'local',\n  models: [ }\n";
    std::fs::write(home.config_path(), broken).unwrap();
    for (command, code) in [
        (&["config", "validate"][..], 1),
        (&["gateway", "run"], 78),
        (&["config", "set", "gateway.port", "1"], 1),
    ] {
        let refused = home.run(command).await;
        assert_eq!(refused.code, code, "{command:?}: {refused:?}");
        let told = format!("{}{}", refused.stdout, refused.stderr);
        assert!(
            told.contains("line 3") || told.contains(":3:"),
            "{command:?} does not name the line: {refused:?}"
        );
    }
    assert_eq!(std::fs::read_to_string(home.config_path()).unwrap(), broken, "the file was not touched");
}
