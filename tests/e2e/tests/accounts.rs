//! An account is set up and taken away by commands: its secrets are tried with the vendor before they are written.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::Path;

use openclaw_e2e::{Home, SOON, TOKEN, fakes, model_only};
use openclaw_fakes::Talker;
use serde_json::{Value, json};

fn written(home: &Home) -> Value {
    serde_json::from_str(&std::fs::read_to_string(home.config_path()).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_added_to_a_running_gateway_when_the_vendor_takes_its_token() {
    let (telegram, model) = fakes().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    let before = written(&home);
    let root = format!("apiRoot={}", telegram.api_root());
    let add = ["channels", "add", "--channel", "telegram", "--set", &root];

    let wrong = "1:wrong-token-of-nobody";
    let refused = home.run(&[&add[..], &["--token", wrong, "--json"]].concat()).await;
    assert_eq!((refused.code, refused.json()["error"]["code"].as_str()), (1, Some("CREDENTIAL_REFUSED")));
    assert!(!format!("{refused:?}").contains("wrong-token"), "{refused:?}");
    let nobody = home
        .run(&[
            "channels",
            "add",
            "--channel",
            "telegram",
            "--token",
            TOKEN,
            "--set",
            "apiRoot=http://127.0.0.1:9",
        ])
        .await;
    assert!(
        nobody.code == 1 && nobody.stderr.contains("--no-check") && !nobody.stderr.contains(TOKEN),
        "{nobody:?}"
    );
    let missing = home.run(&[&add[..], &["--json"]].concat()).await;
    assert_eq!(missing.json()["error"]["code"], json!("SECRET_MISSING"));
    assert_eq!(written(&home), before, "what is refused is not written");

    let open = ["--set", "dmPolicy=open", "--set", "allowFrom=[\"*\"]"];
    let added = home.run(&[&add[..], &open, &["--token", TOKEN]].concat()).await.ok();
    assert!(added.stdout.contains("Added Telegram account \"default\"."), "{added:?}");
    assert!(!added.stdout.contains(TOKEN) && !added.stderr.contains(TOKEN));
    telegram.say(TOKEN, &Talker::private(1, "ada"), "hello");
    let answered = telegram
        .wait_for(TOKEN, SOON, |sent| sent.iter().any(|sent| sent.text.contains("hello")).then_some(()));
    assert!(answered.await.is_some(), "the new account does not answer");

    // A second one beside it, and both go.
    telegram.add_bot("2:second-token", "second_bot");
    home.run(&[
        "channels",
        "add",
        "--channel",
        "telegram",
        "--account",
        "work",
        "--name",
        "Work",
        "--token",
        "2:second-token",
    ])
    .await
    .ok();
    let section = &written(&home)["channels"]["telegram"];
    assert_eq!(section["accounts"]["work"]["botToken"], json!("2:second-token"));
    assert!(telegram.wait_for_poll("2:second-token", SOON).await);
    assert!(telegram.wait_for_poll(TOKEN, SOON).await, "the first account goes on");
    let asked = home.run(&["channels", "remove", "--channel", "telegram", "--account", "work"]).await;
    assert!(asked.code == 1 && asked.stderr.contains("--yes"), "{asked:?}");
    home.run(&["channels", "remove", "--channel", "telegram", "--account", "work", "--yes"]).await.ok();
    assert_eq!(written(&home)["channels"]["telegram"]["accounts"]["work"]["enabled"], json!(false));
    home.run(&["channels", "remove", "--channel", "telegram", "--account", "work", "--delete", "--yes"])
        .await
        .ok();
    assert_eq!(written(&home)["channels"]["telegram"]["accounts"], json!({ "default": {} }));
    let unknown =
        home.run(&["channels", "remove", "--channel", "telegram", "--account", "nobody", "--json"]).await;
    assert_eq!(unknown.json()["error"]["code"], json!("ACCOUNT_UNKNOWN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_may_stay_in_a_file_or_in_the_environment() {
    let (telegram, model) = fakes().await;
    let root = format!("apiRoot={}", telegram.api_root());
    let add = ["channels", "add", "--channel", "telegram", "--set", &root];

    let home = Home::new(model_only(&model));
    let file = home.state().join("token.txt");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let file = file.display().to_string();
    home.run(&[&add[..], &["--token-file", &file]].concat()).await.ok();
    assert_eq!(written(&home)["channels"]["telegram"]["tokenFile"], json!(file));

    let home = Home::new(model_only(&model));
    let refused = home.run(&[&add[..], &["--use-env"]].concat()).await;
    assert!(refused.code == 1 && refused.stderr.contains("TELEGRAM_BOT_TOKEN is not set"), "{refused:?}");
    let mut command = home.command(&[&add[..], &["--use-env"]].concat());
    let done = command.env("TELEGRAM_BOT_TOKEN", TOKEN).output().await.unwrap();
    assert!(done.status.success(), "{done:?}");
    assert!(!std::fs::read_to_string(home.config_path()).unwrap().contains(TOKEN));
}

#[tokio::test]
async fn a_secret_that_nobody_has_to_choose_is_made_and_told_once() {
    let home = Home::new(json!({ "gateway": { "mode": "local" } }));
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-plugins/echo");
    let folder = home.state().join("plugins/echo");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(built.join("component.wasm"), folder.join("component.wasm")).unwrap();
    let manifest = std::fs::read_to_string(built.join("plugin.toml")).unwrap();
    let manifest =
        manifest.replacen("config = \"token\"", "config = \"token\"\nauto-generate = { bytes = 32 }", 1);
    std::fs::write(folder.join("plugin.toml"), manifest).unwrap();
    let root = ["--set", "root=http://127.0.0.1:9"];
    let added = home
        .run(&[&["channels", "add", "--channel", "echo", "--json"], &root[..]].concat())
        .await
        .ok()
        .json();
    let made = added["generated"]["token"].as_str().unwrap();
    assert!(made.len() == 64 && made.chars().all(|c| c.is_ascii_hexdigit()), "{added}");
    assert_eq!(written(&home)["channels"]["echo"]["token"], json!(made));
    // What is there stays.
    let again = home
        .run(&[&["channels", "add", "--channel", "echo", "--json"], &root[..]].concat())
        .await
        .ok()
        .json();
    assert_eq!(again["generated"], json!({}));
    assert_eq!(written(&home)["channels"]["echo"]["token"], json!(made));
    let unknown = home.run(&["channels", "add", "--channel", "nothing", "--json"]).await;
    assert_eq!(unknown.json()["error"]["code"], json!("CHANNEL_UNKNOWN"));
}
