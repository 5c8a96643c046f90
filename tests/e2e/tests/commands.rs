//! The command line as a person types it: the ladder of the guide, onboarding, refusals with their texts and codes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::process::Stdio;

use openclaw_e2e::{Home, eventually, model, model_only};
use openclaw_fakes::Mode;
use serde_json::{Value, json};

fn assert_has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no `{word}` in:\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_gets_an_answer_with_two_commands() {
    let home = Home::empty();
    let onboard = ["onboard", "--mode", "local", "--non-interactive", "--accept-risk"];
    home.run(&onboard).await.ok();
    let written: Value = serde_json::from_str(&std::fs::read_to_string(home.config_path()).unwrap()).unwrap();
    assert_eq!(written["gateway"]["mode"], "local");
    assert!(written["gateway"]["auth"]["token"].as_str().unwrap().len() >= 32);
    // A second run changes nothing.
    home.run(&onboard).await.ok();
    let again: Value = serde_json::from_str(&std::fs::read_to_string(home.config_path()).unwrap()).unwrap();
    assert_eq!(again["gateway"], written["gateway"]);
    home.run(&["config", "set", "gateway.port", &home.port().to_string()]).await.ok();

    let _gateway = home.start().await;
    let answer = home.run(&["agent", "--message", "hello"]).await.ok();
    assert_has(&answer.stdout.to_lowercase(), &["demo"]);
    let status = home.run(&["status"]).await.ok();
    assert_has(&status.stdout.to_lowercase(), &["openclaw status", "demo"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ladder_of_the_guide_works_as_written() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let status = home.run(&["status"]).await.ok();
    assert_has(&status.stdout, &["OpenClaw status", "reachable", "fake/echo", "Next steps:"]);
    let gateway_status = home.run(&["gateway", "status"]).await.ok();
    let running = format!("Runtime: running (pid {}", gateway.pid());
    assert_has(
        &gateway_status.stdout,
        &[&running, "RPC probe: ok", "Connectivity probe: ok", "Gateway: bind=loopback"],
    );
    let logs = home.run(&["logs"]).await.ok();
    assert_has(&logs.stdout, &["Log file: ", "listening on ws://127.0.0.1:"]);
    let doctor = home.run(&["doctor"]).await.ok();
    assert_has(&doctor.stdout, &["Doctor complete."]);
    let channels = home.run(&["channels", "status", "--probe"]).await.ok();
    assert_has(&channels.stdout, &["Gateway reachable.", "no configured chat channels"]);
    for command in [
        &["status", "--json"][..],
        &["gateway", "status", "--json"],
        &["doctor", "--json"],
        &["channels", "status", "--json"],
        &["plugins", "list", "--json"],
        &["models", "list", "--json"],
        &["health", "--json"],
        &["config", "get", "gateway", "--json"],
    ] {
        home.run(command).await.ok().json();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn following_the_log_shows_what_happens_next() {
    use tokio::io::{AsyncBufReadExt, BufReader};
    let model = model().await;
    let home = Home::new(model_only(&model));
    let _gateway = home.start().await;
    let mut follow = home.command(&["logs", "--follow", "--json", "--interval", "50"]);
    let mut child = follow.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    assert_eq!(first["type"], "meta");
    model.set_mode(Mode::Unauthorized);
    home.run(&["agent", "--message", "hello"]).await;
    let seen = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["message"].as_str().is_some_and(|message| message.contains("Incorrect API key")) {
                return true;
            }
        }
        false
    };
    assert!(tokio::time::timeout(openclaw_e2e::SOON, seen).await.expect("the line never came"));
}

#[tokio::test(flavor = "multi_thread")]
async fn infer_needs_no_gateway_and_shows_the_providers_words() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let plain = home.run(&["infer", "model", "run", "--model", "fake/echo", "--prompt", "hi"]).await.ok();
    assert_has(
        &plain.stdout,
        &["model.run via local", "provider: fake", "model: echo", "outputs: 1", "echo: hi"],
    );
    let json = home
        .run(&["infer", "model", "run", "--model", "fake/echo", "--prompt", "hi", "--json"])
        .await
        .ok()
        .json();
    assert_eq!(json["outputs"][0]["text"], "echo: hi");
    assert_eq!((&json["transport"], &json["ok"]), (&json!("local"), &json!(true)));
    model.set_mode(Mode::Unauthorized);
    let refused = home.run(&["infer", "model", "run", "--model", "fake/echo", "--prompt", "hi"]).await;
    assert_eq!(refused.code, 1);
    assert_has(&refused.stderr, &["No text output returned for provider \"fake\" model \"echo\": 401 "]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_must_be_refused_is_refused_with_its_text_and_code() {
    let model = model().await;
    let mut no_mode = model_only(&model);
    no_mode["gateway"].as_object_mut().unwrap().remove("mode");
    let mut remote = model_only(&model);
    remote["gateway"]["mode"] = json!("remote");
    let mut exposed = model_only(&model);
    exposed["gateway"]["bind"] = json!("lan");
    exposed["gateway"]["auth"] = json!({ "mode": "none" });
    let mut unknown = model_only(&model);
    unknown["gateway"]["bogus"] = json!(1);
    for (config, code, words) in [
        (no_mode, 78, &["Gateway start blocked: ", "set gateway.mode=local"][..]),
        (remote, 78, &["Gateway start blocked: set gateway.mode=local (current: remote)"]),
        (exposed, 78, &["Refusing to bind gateway to lan without auth.", "Set gateway.auth.token/password"]),
        (unknown, 78, &["Unrecognized key: \"bogus\""]),
    ] {
        let home = Home::new(config);
        let before = std::fs::read(home.config_path()).unwrap();
        let refused = home.run(&["gateway", "run"]).await;
        assert_eq!(refused.code, code, "{refused:?}");
        assert_has(&refused.stderr, words);
        assert_eq!(std::fs::read(home.config_path()).unwrap(), before, "a refused start changes nothing");
    }
    let missing = Home::empty().run(&["gateway", "run"]).await;
    assert_eq!(missing.code, 78);
    assert_has(&missing.stderr, &["Missing config."]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_names_who_has_it() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let mut other = model_only(&model);
    other["gateway"]["port"] = json!(home.port());
    let second = Home::new(other);
    let began = std::time::Instant::now();
    let refused = second.run(&["gateway", "run", "--port", &home.port().to_string()]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(began.elapsed().as_secs() < 10);
    let pid = format!("pid {}", gateway.pid());
    assert_has(&refused.stderr, &["another gateway instance is already listening on ws://127.0.0.1:", &pid]);
    // The same installation twice is told apart.
    let twice = home.run(&["gateway", "run", "--port", "0"]).await;
    assert_ne!(twice.code, 0, "{twice:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_disables_only_its_owner() {
    let model = model().await;
    let mut config = model_only(&model);
    config["channels"]["telegram"] = json!({ "dmPolicy": "pairing" });
    let home = Home::new(config);
    let _gateway = home.start().await;
    let channels = home.run(&["channels", "status"]).await.ok();
    assert_has(&channels.stdout, &["Telegram default", "Telegram bot token missing"]);
    let answer = home.run(&["agent", "--message", "still here"]).await.ok();
    assert_has(&answer.stdout, &["still here"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn configuration_is_read_set_and_checked_in_place() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let text = std::fs::read_to_string(home.config_path()).unwrap();
    std::fs::write(home.config_path(), text.replacen('{', "{\n  // kept by every edit", 1)).unwrap();
    assert_has(&home.run(&["config", "validate"]).await.ok().stdout, &["Config valid: "]);
    assert_eq!(home.run(&["config", "get", "gateway.mode"]).await.ok().stdout.trim(), "local");
    let secret = home.run(&["config", "get", "gateway.auth.token"]).await.ok();
    assert_eq!(secret.stdout.trim(), "__OPENCLAW_REDACTED__");
    let path = "models.providers.fake.models[0].compat.requiresStringContent";
    home.run(&["config", "set", path, "true"]).await.ok();
    assert_eq!(home.run(&["config", "get", path]).await.ok().stdout.trim(), "true");
    let origins = r#"["http://your-host:18789"]"#;
    home.run(&["config", "set", "gateway.controlUi.allowedOrigins", origins]).await.ok();
    let written = std::fs::read_to_string(home.config_path()).unwrap();
    assert_has(&written, &["// kept by every edit", "http://your-host:18789"]);
    for (arguments, text) in [
        (
            ["config", "set", "gateway.port", "abc"],
            "Config validation failed: gateway.port: Invalid input: expected number, received string",
        ),
        (
            ["config", "set", "gateway.bogusKey", "1"],
            "Config validation failed: gateway: Unrecognized key: \"bogusKey\"",
        ),
    ] {
        let refused = home.run(&arguments).await;
        assert_eq!(refused.code, 1);
        assert_has(&refused.stderr, &[text]);
    }
    let unknown = home.run(&["config", "get", "nope.nope"]).await;
    assert_eq!(unknown.code, 1);
    assert_has(&unknown.stderr, &["Unknown config path: nope.nope."]);
    assert_eq!(std::fs::read_to_string(home.config_path()).unwrap(), written);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_gateway_commands_say_so_and_what_to_do() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let status = home.run(&["gateway", "status"]).await.ok();
    assert_has(&format!("{}{}", status.stdout, status.stderr), &["RPC probe: failed", "Runtime: stopped"]);
    let channels = home.run(&["channels", "status"]).await.ok();
    assert_has(&channels.stdout, &["Gateway not reachable; showing config-only status."]);
    let health = home.run(&["health"]).await;
    assert_eq!(health.code, 1);
    assert_has(&health.stderr, &["openclaw gateway"]);
    let unknown = home.run(&["frobnicate"]).await;
    assert_eq!(unknown.code, 1);
    assert_has(&unknown.stderr, &["error: unknown command 'frobnicate'"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_told_and_sigterm_ends_cleanly() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let url = format!("ws://127.0.0.1:{}", home.port());
    let bare = home.run(&["gateway", "health", "--url", &url]).await;
    assert_eq!(bare.code, 1);
    assert_has(&bare.stderr, &["gateway url override requires explicit credentials"]);
    let wrong = home.run(&["gateway", "health", "--url", &url, "--token", "wrong"]).await;
    assert_eq!(wrong.code, 1);
    assert_has(&wrong.stderr, &["unauthorized: gateway token mismatch"]);
    let call = home.run(&["gateway", "call", "health", "--url", &url, "--token", "wrong", "--json"]).await;
    assert_eq!(call.json()["error"]["details"]["code"], "AUTH_TOKEN_MISMATCH");
    eventually("the refusal is in the log", async || home.log().contains("token_mismatch")).await;
    assert_eq!(gateway.terminate().await, 0);
}

/// As behind `2>&1 | head`: what nobody hears any more ends no command.
#[tokio::test]
async fn a_closed_standard_error_is_no_crash() {
    let home = Home::empty();
    for arguments in [&["nonsense"][..], &["plugins", "list"], &["plugins", "uninstall", "nobody"]] {
        let mut child = home.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stderr.take());
        let code = child.wait().await.unwrap().code();
        assert!(matches!(code, Some(0 | 1)), "{arguments:?}: {code:?}");
    }
}
