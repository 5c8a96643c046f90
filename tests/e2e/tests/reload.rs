//! The configuration beside a running gateway: what an edit does, what a bad one does not, and what is found at a start.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use openclaw_e2e::{GATEWAY_TOKEN, Home, TOKEN, eventually, fakes, http, model, model_only, open};
use serde_json::{Value, json};

/// What a person would search the log for.
const RESTORED: &str = "Config auto-restored from last-known-good";

fn read(home: &Home) -> String {
    std::fs::read_to_string(home.config_path()).unwrap()
}

fn write(home: &Home, text: &str) {
    std::fs::write(home.config_path(), text).unwrap();
}

/// The file with one more line, as a person's editor saves it: a comment that only the text knows.
fn commented(home: &Home) -> String {
    let text = read(home).replacen('{', "{\n  // a person's own words", 1);
    write(home, &text);
    text
}

fn rejected(home: &Home) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(home.state())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains(".rejected."))
        .collect();
    found.sort();
    found
}

async fn config_status(home: &Home) -> Value {
    home.run(&["status", "--json"]).await.ok().json()["config"].clone()
}

async fn says(home: &Home, words: &str) {
    eventually(words, async || home.log().contains(words)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_in_force_within_a_second_and_nothing_else_is_touched() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    let text = read(&home).replace("\"fake/echo\"", "\"fake/other\"");
    let saved = Instant::now();
    write(&home, &text);
    says(&home, "config hot reload applied (agents.defaults.model.primary)").await;
    assert!(saved.elapsed() < Duration::from_secs(1), "{:?}", saved.elapsed());
    assert_eq!(read(&home), text);
    let status = home.run(&["status", "--json"]).await.ok().json();
    assert_eq!(status["model"]["reference"], "fake/other");
    assert!(status["config"]["lastReloadMs"].as_f64().unwrap() < 50.0, "{}", status["config"]);
    assert!(rejected(&home).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_account_that_changed_is_renewed() {
    let (telegram, model) = fakes().await;
    const OTHER: &str = "778000:BBf4keT0kenOfASecondBot_1234567890ab";
    telegram.add_bot(OTHER, "second_bot");
    let mut config = open(&telegram, &model);
    let section = config["channels"]["telegram"].as_object_mut().unwrap();
    section.remove("botToken");
    section.insert("accounts".to_owned(), json!({"a": {"botToken": TOKEN}, "b": {"botToken": OTHER}}));
    let home = Home::new(config);
    let _gateway = home.start().await;
    let accounts = async || {
        let status = home.run(&["channels", "status", "--json"]).await.ok().json();
        let accounts = status["channelAccounts"]["telegram"].as_array().unwrap().clone();
        accounts
            .iter()
            .map(|account| (account["accountId"].as_str().unwrap().to_owned(), account.clone()))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let ready = |account: &Value| account["lifecycle"] == "ready";
    eventually("both ready", async || accounts().await.values().all(ready)).await;
    let before = accounts().await;
    let mut document: Value = serde_json::from_str(&read(&home)).unwrap();
    document["channels"]["telegram"]["accounts"]["a"]["linkPreview"] = json!(false);
    document["channels"]["telegram"]["accounts"]["c"] = json!({"botToken": OTHER, "enabled": false});
    write(&home, &serde_json::to_string_pretty(&document).unwrap());
    says(&home, "config hot reload applied (channels.telegram.accounts.a.linkPreview").await;
    eventually("a is ready again", async || ready(&accounts().await["a"])).await;
    let after = accounts().await;
    assert_ne!(after["a"]["lastStartAt"], before["a"]["lastStartAt"]);
    assert_eq!(after["b"]["lastStartAt"], before["b"]["lastStartAt"], "the other one goes on");
    assert_eq!(after["c"]["lifecycle"], "disabled");
    // A fault in the section takes out its owner and nobody else.
    document["channels"]["telegram"]["dmPolcy"] = json!("open");
    write(&home, &serde_json::to_string_pretty(&document).unwrap());
    eventually("telegram is out", async || {
        config_status(&home).await["disabled"][0]["section"] == "channels.telegram"
    })
    .await;
    let shown = home.run(&["status"]).await.ok();
    assert!(shown.stdout.contains("channels.telegram is disabled: channels.telegram: Unrecognized key: \"dmPolcy\" (did you mean \"dmPolicy\"?)"), "{}", shown.stdout);
    assert!(rejected(&home).is_empty(), "it is not undone");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_restart_says_so_until_it_is_undone() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    let text = commented(&home);
    let other = text.replace(&format!("\"port\": {}", home.port()), "\"port\": 1");
    assert_ne!(other, text);
    write(&home, &other);
    says(&home, "config change requires gateway restart (gateway.port)").await;
    // The command line finds the gateway where it is.
    assert_eq!(config_status(&home).await["pendingRestart"], json!(["gateway.port"]));
    let shown = home.run(&["status"]).await.ok();
    assert!(shown.stdout.contains("restart the gateway to apply: gateway.port"), "{}", shown.stdout);
    write(&home, &text);
    eventually("nothing waits", async || config_status(&home).await["pendingRestart"] == json!([])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_edit_is_set_aside_and_undone() {
    let model = model().await;
    let mut config = model_only(&model);
    config["gateway"]["reload"] = json!({"mode": "hybrid"});
    let home = Home::new(config);
    let gateway = home.start().await;
    let good = commented(&home);
    eventually("the good one is kept", async || {
        std::fs::read_to_string(home.state().join("openclaw.json.last-good")).is_ok_and(|kept| kept == good)
    })
    .await;
    let small = "{gateway: {mode: 'local', auth: {token: 'x'}}}".to_owned();
    let cases: [(Vec<u8>, &str); 5] = [
        (b"{ \"gateway\": {".to_vec(), "invalid-config"),
        (good.replace("\"reload\"", "\"relaod\"").into_bytes(), "invalid-config"),
        (good.replace("\"mode\": \"local\",", "").into_bytes(), "gateway-mode-removed"),
        (small.into_bytes(), "size-drop:"),
        (b"\xff\x00binary".to_vec(), "unreadable-config"),
    ];
    for (n, (bad, reason)) in cases.into_iter().enumerate() {
        assert_ne!(bad, good.as_bytes(), "{reason}");
        std::fs::write(home.config_path(), &bad).unwrap();
        eventually("the file is back", async || {
            let now = std::fs::read(home.config_path()).unwrap_or_default();
            now == good.as_bytes() && rejected(&home).len() == n + 1
        })
        .await;
        let kept = rejected(&home).into_iter().any(|path| std::fs::read(path).unwrap() == bad);
        assert!(kept, "the refused text is kept for inspection ({reason})");
        eventually("status tells", async || {
            let edit = config_status(&home).await["rejected"].clone();
            edit["restored"] == true && edit["reason"].as_str().unwrap_or_default().contains(reason)
        })
        .await;
    }
    says(&home, RESTORED).await;
    let shown = home.run(&["status"]).await.ok();
    assert!(shown.stdout.contains(RESTORED), "{}", shown.stdout);
    // A program that goes on writing it is not fought for ever, and changes nothing either.
    write(&home, "{ \"gateway\": {");
    says(&home, "another program keeps writing").await;
    let answer = http::get(&format!("{}/v1/models", gateway.base()), Some(GATEWAY_TOKEN)).await.unwrap();
    assert_eq!(answer.status, 200, "nothing of it was ever in force");
    // A person who mends the file is heard at once.
    write(&home, &good);
    eventually("all is well", async || config_status(&home).await["rejected"].is_null()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_editor_that_is_still_writing_is_waited_for() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    let whole = read(&home).replace("\"fake/echo\"", "\"fake/slow-save\"");
    // The first half stands there for less than the file has to stay the same.
    for end in (whole.len() / 2..whole.len()).step_by(40).chain([whole.len()]) {
        write(&home, &whole[..end]);
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    says(&home, "config hot reload applied (agents.defaults.model.primary)").await;
    assert!(rejected(&home).is_empty() && !home.log().contains("skipped"), "{}", home.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_replacing_the_file_is_noticed() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let text = read(&home);
    let with = |name: &str| text.replace("\"fake/echo\"", &format!("\"fake/{name}\""));
    // As a cluster mounts it: the file is a link into a folder that is a link, which is swapped.
    for version in ["v1", "v2"] {
        std::fs::create_dir(home.state().join(version)).unwrap();
        std::fs::write(home.state().join(version).join("openclaw.json"), with(version)).unwrap();
    }
    let link = |target: &str, name: &str| {
        let fresh = home.state().join(format!("{name}.new"));
        std::os::unix::fs::symlink(target, &fresh).unwrap();
        std::fs::rename(fresh, home.state().join(name)).unwrap();
    };
    link("v1", "data");
    link("data/openclaw.json", "openclaw.json");
    let _gateway = home.start().await;
    let answers = async |name: &str| {
        eventually(name, async || {
            let status = home.run(&["status", "--json"]).await.ok().json();
            status["model"]["reference"] == format!("fake/{name}")
        })
        .await;
    };
    answers("v1").await;
    link("v2", "data");
    answers("v2").await;
    // A rename over it, as most editors save.
    let draft = home.state().join("draft");
    std::fs::write(&draft, with("renamed")).unwrap();
    std::fs::rename(&draft, home.state().join("v2/openclaw.json")).unwrap();
    answers("renamed").await;
    // A command, which is another process too.
    home.run(&["config", "set", "agents.defaults.model.primary", "fake/command"]).await.ok();
    answers("command").await;
    assert!(home.config_path().is_symlink(), "the link stays one");
    // Gone for a moment.
    let kept = read(&home);
    std::fs::remove_file(home.state().join("v2/openclaw.json")).unwrap();
    says(&home, "config reload skipped (config file not found)").await;
    std::fs::write(home.state().join("v2/openclaw.json"), kept.replace("fake/command", "fake/back")).unwrap();
    answers("back").await;
    assert!(rejected(&home).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn included_files_are_part_of_it() {
    let model = model().await;
    let mut config = model_only(&model);
    let agents = config["agents"].take();
    config["agents"] = json!({"$include": "./agents.json5"});
    let home = Home::new(config);
    let included = home.state().join("agents.json5");
    let good = "{ /* mine */ defaults: { model: { primary: 'fake/included' } } }";
    assert_eq!(agents["defaults"]["model"]["primary"], "fake/echo");
    std::fs::write(&included, good).unwrap();
    let _gateway = home.start().await;
    std::fs::write(&included, good.replace("included", "changed")).unwrap();
    says(&home, "config hot reload applied (agents.defaults.model.primary)").await;
    home.run(&["config", "set", "agents.defaults.timeoutSeconds", "700"]).await.ok();
    let written = std::fs::read_to_string(&included).unwrap();
    assert!(written.contains("/* mine */") && written.contains("timeoutSeconds"), "{written}");
    says(&home, "config hot reload applied (agents.defaults.timeoutSeconds)").await;
    std::fs::write(&included, "{ defaults: { worksapce: 1 } }").unwrap();
    eventually("it is back", async || std::fs::read_to_string(&included).unwrap() == written).await;
    assert_eq!(rejected(&home).len(), 1);
    assert!(
        home.log()
            .contains(r#"agents.defaults: Unrecognized key: \"worksapce\" (did you mean \"workspace\"?)"#)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_applied_where_nothing_shall_be() {
    for mode in ["off", "restart"] {
        let model = model().await;
        let mut config = model_only(&model);
        config["gateway"]["reload"] = json!({"mode": mode});
        let home = Home::new(config);
        let _gateway = home.start().await;
        let text = read(&home).replace("\"fake/echo\"", "\"fake/later\"");
        write(&home, &text);
        eventually("it waits", async || {
            config_status(&home).await["pendingRestart"] == json!(["agents.defaults.model.primary"])
        })
        .await;
        let status = home.run(&["status", "--json"]).await.ok().json();
        assert_eq!(status["model"]["reference"], "fake/echo", "{mode}");
        let reminded = home.log().contains("config change requires gateway restart");
        assert_eq!(reminded, mode == "restart");
        // The file is guarded all the same.
        write(&home, "{");
        eventually("it is back", async || read(&home) == text).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_token_may_change_while_the_gateway_runs() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let fresh = "another-gateway-token-0123456789abcdef";
    write(&home, &read(&home).replace(GATEWAY_TOKEN, fresh));
    let url = format!("{}/v1/models", gateway.base());
    let status = async |token: &str| http::get(&url, Some(token)).await.unwrap().status;
    eventually("the new one counts", async || status(fresh).await == 200).await;
    assert_eq!(status(GATEWAY_TOKEN).await, 401);
    home.run(&["health"]).await.ok();
    assert!(!home.log().contains(fresh) && !home.log().contains(GATEWAY_TOKEN));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_puts_back_what_it_refuses() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let good = commented(&home);
    assert_eq!(home.start().await.terminate().await, 0);
    let cases: [(&[u8], &str); 3] = [
        (b"{ \"gateway\": {", "invalid-config"),
        (b"{}", "gateway-mode-removed"),
        (b"\xff\xfe", "unreadable-config"),
    ];
    for (n, (bad, reason)) in cases.into_iter().enumerate() {
        std::fs::write(home.config_path(), bad).unwrap();
        let validate = home.run(&["config", "validate"]).await;
        let gateway = home.start().await;
        assert_eq!(read(&home), good, "{reason}");
        assert_eq!(rejected(&home).len(), n + 1);
        let edit = config_status(&home).await["rejected"].clone();
        assert!(edit["reason"].as_str().unwrap().contains(reason), "{edit}");
        assert_eq!(validate.code, 1, "a command says the same: {validate:?}");
        gateway.terminate().await;
    }
    says(&home, RESTORED).await;
    // A file that is gone may be gone on purpose: that is for a person to say, who is told how.
    std::fs::remove_file(home.config_path()).unwrap();
    let refused = home.run(&["gateway", "run"]).await;
    assert_eq!(refused.code, 78, "{refused:?}");
    assert!(refused.stderr.contains("openclaw doctor --fix puts it back"), "{refused:?}");
    let fixed = home.run(&["doctor", "--fix"]).await.ok();
    assert!(fixed.stdout.contains(RESTORED) && read(&home) == good, "{fixed:?}");
    // Without a copy there is nothing to put back: the start is refused, and says why.
    std::fs::remove_file(home.state().join("openclaw.json.last-good")).unwrap();
    write(&home, "{ \"gateway\": { \"mode\": \"local\", \"prot\": 1 } }");
    let refused = home.run(&["gateway", "run"]).await;
    assert_eq!(refused.code, 78, "{refused:?}");
    assert!(refused.stderr.contains("Unrecognized key: \"prot\" (did you mean \"port\"?)"), "{refused:?}");
}
