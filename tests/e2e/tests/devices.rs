//! Ways in from the command line: by the local socket when the shared secret is lost, by address only under its rules, and
//! as a device that somebody has to let in.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;

use openclaw_e2e::{GATEWAY_TOKEN, Home, Ran, SOON, TOKEN, config, eventually, fakes, model, model_only};
use openclaw_fakes::Talker;
use serde_json::{Value, json};

/// What is said when the port takes no credential and the local socket asks for none.
const NOTICE: &str = "Direct scope access failed; using local fallback.";

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

#[track_caller]
fn assert_has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no `{word}` in:\n{text}");
    }
}

fn refused(ran: Ran) -> Ran {
    assert_eq!(ran.code, 1, "{ran:?}");
    ran
}

/// An installation whose gateway keeps the secret of its start, whatever the file says later.
async fn steady() -> Home {
    let mut config = model_only(&model().await);
    config["gateway"]["reload"] = json!({"mode": "off"});
    Home::new(config)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_gets_in_when_the_secret_is_lost() {
    let home = steady().await;
    let gateway = home.start().await;
    let socket = home.state().join("gateway.sock");
    assert!(fs::symlink_metadata(&socket).unwrap().file_type().is_socket());
    assert_eq!(mode(&socket), 0o600);

    // With the right token nothing is said, and no identity is needed.
    let right = home.run(&["gateway", "call", "health"]).await.ok();
    assert!(!right.stderr.contains(NOTICE), "{right:?}");

    // Lost: the socket is the way in, without a word.
    home.run(&["config", "unset", "gateway.auth.token"]).await.ok();
    let lost = home.run(&["gateway", "call", "config.get"]).await.ok();
    assert_eq!(lost.stderr, "");
    home.run(&["status"]).await.ok();
    let presence = home.run(&["system", "presence", "--json"]).await.ok().json();
    assert!(presence.as_array().is_some_and(|entries| !entries.is_empty()), "{presence}");

    // Wrong: the port refuses, and one line says that the socket was taken instead.
    home.run(&["config", "set", "gateway.auth.token", "another-token-0123456789abcdef0123"]).await.ok();
    let wrong = home.run(&["gateway", "call", "health"]).await.ok();
    assert_eq!(wrong.stderr.lines().collect::<Vec<_>>(), [NOTICE]);
    let status = home.run(&["status"]).await.ok();
    assert_has(&status.stdout, &["Gateway auth warning", "gateway token mismatch"]);
    let doctor = home.run(&["doctor"]).await;
    assert_has(&doctor.stdout, &["The port does not take this machine's credential"]);
    assert!(!home.state().join("identity").exists(), "nothing of this needed a device");

    // A credential on the command line is taken at its word.
    let flagged = refused(home.run(&["gateway", "call", "health", "--token", "wrong"]).await);
    assert_has(
        &flagged.stderr,
        &["unauthorized: gateway token mismatch", "Fix: ", "openclaw gateway auth-token --show"],
    );
    let document = refused(home.run(&["gateway", "call", "health", "--token", "wrong", "--json"]).await);
    assert_eq!(document.json()["error"]["details"]["code"], "AUTH_TOKEN_MISMATCH");
    home.run(&["gateway", "call", "health", "--token", GATEWAY_TOKEN]).await.ok();
    // So does a look at the port.
    let probe = home.run(&["gateway", "status"]).await.ok();
    assert_has(&probe.stdout, &["RPC probe: failed", "gateway token mismatch"]);

    gateway.terminate().await;
    assert!(!socket.exists(), "the socket goes with its gateway");
}

/// Lets everybody into a folder and everything in it, as a careless person might.
fn open_to_all(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            open_to_all(&entry.path());
        } else {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o777)).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_of_another_user_is_turned_away_whatever_the_files_modes() {
    let home = steady().await;
    let _gateway = home.start().await;
    // The socket is the only way in that is left.
    home.run(&["config", "set", "gateway.auth.token", "another-token-0123456789abcdef0123"]).await.ok();
    home.run(&["gateway", "call", "health"]).await.ok();
    let turned_away = "a process of another user opened the local socket; turned away";
    assert!(!home.log().contains(turned_away));
    // Only root can become somebody else; for everybody else the file's mode has been checked above.
    if !rustix::process::geteuid().is_root() {
        assert_eq!(mode(&home.state().join("gateway.sock")), 0o600);
        return;
    }
    let program = home.state().join("openclaw");
    fs::copy(openclaw_e2e::binary(), &program).unwrap();
    open_to_all(home.state().parent().unwrap());
    let mut command = tokio::process::Command::new(&program);
    command.args(["gateway", "call", "health"]).env_clear().env("HOME", home.state().parent().unwrap());
    command
        .env("OPENCLAW_STATE_DIR", home.state())
        .stdin(std::process::Stdio::null())
        .uid(65_534)
        .gid(65_534);
    let output = tokio::time::timeout(SOON, command.output()).await.expect("it does not end").unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert_has(&told, &["gateway token mismatch"]);
    eventually("the log says it", async || home.log().contains(turned_away)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_a_dead_gateway_left_is_replaced() {
    let home = steady().await;
    home.start().await.kill().await;
    let socket = home.state().join("gateway.sock");
    assert!(socket.exists(), "kill -9 leaves it");
    let down = refused(home.run(&["gateway", "call", "health"]).await);
    assert_has(&down.stderr, &["Gateway not reachable at ws://127.0.0.1:", "openclaw gateway run"]);
    let _gateway = home.start().await;
    home.run(&["config", "unset", "gateway.auth.token"]).await.ok();
    home.run(&["gateway", "call", "health"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_asked_only_under_its_rules() {
    let home = steady().await;
    let _gateway = home.start().await;
    let url = format!("ws://127.0.0.1:{}", home.port());
    // The configured credential belongs to the configured gateway.
    let bare = refused(home.run(&["gateway", "health", "--url", &url]).await);
    assert_has(
        &bare.stderr,
        &["gateway url override requires explicit credentials", "pass --token or --password"],
    );
    home.run(&["gateway", "health", "--url", &url, "--token", GATEWAY_TOKEN]).await.ok();
    // Another gateway's address is no reason to take this one's socket.
    let wrong = refused(home.run(&["gateway", "health", "--url", &url, "--token", "wrong"]).await);
    assert_has(&wrong.stderr, &["gateway token mismatch"]);
    // A credential does not travel in the clear.
    let far = ["gateway", "health", "--url", "ws://gateway.example:1", "--token", "t"];
    let open = refused(home.run(&far).await);
    assert_has(
        &open.stderr,
        &["SECURITY ERROR: ws://gateway.example:1", "OPENCLAW_ALLOW_INSECURE_PRIVATE_WS=1"],
    );
    let mut allowed = home.command(&["gateway", "health", "--url", "ws://0.0.0.0:1", "--token", "t"]);
    let allowed = allowed.env("OPENCLAW_ALLOW_INSECURE_PRIVATE_WS", "1").output().await.unwrap();
    assert_has(&String::from_utf8_lossy(&allowed.stderr), &["ECONNREFUSED"]);
    // TLS to a port that speaks none.
    let secure = url.replace("ws://", "wss://");
    let tls = refused(home.run(&["gateway", "health", "--url", &secure, "--token", "t"]).await);
    assert_has(&tls.stderr, &["no secure connection", "may speak no TLS"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_elsewhere_has_an_identity_of_its_own() {
    let gateway_home = steady().await;
    let _gateway = gateway_home.start().await;
    let client = Home::new(json!({"gateway": {"mode": "remote",
        "remote": {"url": format!("ws://127.0.0.1:{}", gateway_home.port())}}}));
    let first = refused(client.run(&["gateway", "call", "health"]).await);
    let folder = client.state().join("identity");
    assert_eq!((mode(&folder), mode(&folder.join("device.json"))), (0o700, 0o600));
    let read = || fs::read_to_string(folder.join("device.json")).unwrap();
    let identity = read();
    let document: Value = serde_json::from_str(&identity).unwrap();
    assert_eq!(document["deviceId"].as_str().unwrap().len(), 64);
    let private = document["privateKeyPem"].as_str().unwrap().lines().nth(1).unwrap().to_owned();
    assert!(!first.stderr.contains(&private) && !gateway_home.log().contains(&private));
    refused(client.run(&["health"]).await);
    assert_eq!(read(), identity, "it is made once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_from_a_chat_is_approved_where_it_belongs() {
    let (telegram, model) = fakes().await;
    let home = Home::new(config(&telegram, &model));
    let _gateway = home.start().await;
    telegram.say(TOKEN, &Talker::private(777_001, "ada_l"), "hello bot");
    eventually("the sender is told a code", async || !telegram.messages(TOKEN).is_empty()).await;
    let list = home.run(&["pairing", "list", "--account", "default", "--json"]).await.ok().json();
    let code = list["requests"][0]["code"].as_str().unwrap().to_owned();
    let approved = home.run(&["devices", "approve", &code.to_lowercase()]).await.ok();
    assert_has(&approved.stderr, &["openclaw pairing approve <channel>"]);
    assert_has(&approved.stdout, &["Approved telegram sender 777001."]);
    let again = refused(home.run(&["pairing", "approve", &code]).await);
    assert_has(&again.stderr, &[&format!("No pending pairing request found for code \"{code}\".")]);
}
