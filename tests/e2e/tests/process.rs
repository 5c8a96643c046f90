//! The process of the gateway: where it listens, who else may not, what a signal does, how it restarts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use openclaw_e2e::http::{get, post};
use openclaw_e2e::{GATEWAY_TOKEN, Gateway, Home, SOON, binary, eventually, model, model_only};
use openclaw_fakes::Mode;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

/// A gateway without a model, with this `gateway` section beside the usual one.
fn configured(gateway: &Value) -> Home {
    let mut section = json!({"mode": "local", "bind": "loopback",
        "auth": {"mode": "token", "token": GATEWAY_TOKEN}});
    section.as_object_mut().unwrap().extend(gateway.as_object().unwrap().clone());
    Home::new(json!({ "gateway": section }))
}

async fn listening(home: &Home) -> Vec<String> {
    let status = home.run(&["gateway", "call", "status"]).await.ok().json();
    let addresses = status["listening"].as_array().unwrap().iter();
    addresses.map(|at| at.as_str().unwrap().rsplit_once(':').unwrap().0.to_owned()).collect()
}

async fn uptime(gateway: &Gateway) -> u64 {
    let answer = get(&format!("{}/startupz", gateway.base()), None).await.unwrap();
    answer.json()["uptimeMs"].as_u64().unwrap()
}

/// Waits until the gateway has begun anew.
async fn restarted(gateway: &Gateway, boot: &str, home: &Home) {
    eventually("it serves again", async || boot_id(home).await.is_some_and(|now| now != boot)).await;
    assert!(gateway.pid() > 0);
}

/// New with each start.
async fn boot_id(home: &Home) -> Option<String> {
    let status = home.run(&["gateway", "status", "--json"]).await.json();
    status["rpc"]["server"]["bootId"].as_str().map(str::to_owned)
}

fn edit(home: &Home, change: impl FnOnce(&mut Value)) {
    let mut config: Value =
        serde_json::from_str(&std::fs::read_to_string(home.config_path()).unwrap()).unwrap();
    change(&mut config);
    std::fs::write(home.config_path(), config.to_string()).unwrap();
}

/// A client of the control plane that waits for the end.
async fn client(home: &Home) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", home.port())).await.unwrap();
    let mut socket = client_async(format!("ws://127.0.0.1:{}/", home.port()), stream).await.unwrap().0;
    let who = json!({"id": "cli", "version": "1", "platform": "linux", "mode": "cli"});
    let params = json!({"minProtocol": 4, "maxProtocol": 4, "client": who, "role": "operator",
        "scopes": ["operator.read"], "auth": {"token": GATEWAY_TOKEN}});
    let connect = json!({"type": "req", "id": "1", "method": "connect", "params": params});
    socket.send(Message::text(connect.to_string())).await.unwrap();
    loop {
        let Message::Text(text) = socket.next().await.unwrap().unwrap() else { continue };
        let frame: Value = serde_json::from_str(&text).unwrap();
        if frame["type"] == "res" {
            assert_eq!(frame["ok"], true, "{frame}");
            return socket;
        }
    }
}

/// The `shutdown` event, and the close that follows.
async fn farewell(mut socket: WebSocketStream<TcpStream>) -> (Value, u16, String) {
    let heard = async {
        let mut shutdown = Value::Null;
        loop {
            match socket.next().await.unwrap().unwrap() {
                Message::Text(text) => {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    if frame["event"] == "shutdown" {
                        shutdown = frame["payload"].clone();
                    }
                }
                Message::Close(Some(close)) => {
                    return (shutdown, close.code.into(), close.reason.to_string());
                }
                _ => {}
            }
        }
    };
    tokio::time::timeout(SOON, heard).await.expect("no farewell")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bind_mode_has_its_addresses() {
    let check = async |gateway: Value, expected: &[&str]| {
        let home = configured(&gateway);
        let running = home.start().await;
        let mut found = listening(&home).await;
        // Not every machine has the newer protocol.
        found.retain(|at| at != "[::1]");
        assert_eq!(found, expected, "{gateway}");
        assert_eq!(running.terminate().await, 0);
    };
    check(json!({"bind": "loopback"}), &["127.0.0.1"]).await;
    check(json!({"bind": "lan"}), &["0.0.0.0"]).await;
    check(json!({"bind": "custom", "customBindHost": "127.0.0.2"}), &["127.0.0.2", "127.0.0.1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_not_this_machines_are_refused() {
    let check = async |gateway: Value, arguments: &[&str], expected: &str| {
        let home = configured(&gateway);
        let arguments: Vec<&str> = ["gateway", "run"].iter().chain(arguments).copied().collect();
        let refused = home.run(&arguments).await;
        assert_eq!(refused.code, 78, "{gateway} {refused:?}");
        assert!(refused.stderr.contains(expected), "{gateway} {refused:?}");
    };
    check(
        json!({"bind": "custom", "customBindHost": "192.0.2.1"}),
        &[],
        "gateway bind=custom requested 192.0.2.1 but resolved 127.0.0.1; refusing fallback",
    )
    .await;
    check(json!({"bind": "custom"}), &[], "gateway.bind=custom requires gateway.customBindHost").await;
    check(json!({}), &["--bind", "lan", "--auth", "none"], "Refusing to bind gateway to lan without auth.")
        .await;
    let both = json!({"auth": {"token": GATEWAY_TOKEN, "password": "also-a-password"}});
    check(
        both,
        &[],
        "gateway.auth.token and gateway.auth.password are both configured, but gateway.auth.mode",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_gateway_is_told_who_the_first_is() {
    let home = configured(&json!({}));
    let first = home.start().await;
    let begun = Instant::now();
    let refused = home.run(&["gateway", "run"]).await;
    let took = begun.elapsed();
    assert_eq!(refused.code, 1, "{refused:?}");
    for expected in [
        format!("gateway already running (pid {})", first.pid()),
        "another gateway instance is already listening on ws://127.0.0.1:".to_owned(),
        format!("Port {} is already in use.\n- pid {} ", home.port(), first.pid()),
        "Gateway already running locally. Stop it (openclaw gateway stop) or use a different port."
            .to_owned(),
        format!("A gateway answers there: OpenClaw {}", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(refused.stderr.contains(&expected), "{expected}: {refused:?}");
    }
    // T44 asks for a second; the machine of a test may be busy.
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_was_left_behind_keeps_nobody_out() {
    let home = configured(&json!({}));
    // The number belongs to somebody: the test.
    let left = json!({"pid": std::process::id(), "port": 1, "phase": "running", "createdAt": 1});
    std::fs::write(home.state().join("gateway.lock"), left.to_string()).unwrap();
    let killed = home.start().await;
    killed.kill().await;
    let gateway = home.start().await;
    assert_eq!(gateway.terminate().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_told_with_its_owner() {
    let home = configured(&json!({}));
    let _taken = TcpListener::bind(("127.0.0.1", home.port())).unwrap();
    let begun = Instant::now();
    let refused = home.run(&["gateway", "run"]).await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(refused.code, 1);
    for expected in [
        format!(
            "Gateway failed to start: another gateway instance is already listening on ws://127.0.0.1:{}",
            home.port()
        ),
        "If the gateway is supervised, stop it with: openclaw gateway stop".to_owned(),
        format!("Port {} is already in use.\n- pid {} ", home.port(), std::process::id()),
    ] {
        assert!(refused.stderr.contains(&expected), "{expected}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn force_ends_whoever_has_the_port() {
    let first = configured(&json!({}));
    let loser = first.start().await;
    let second = configured(&json!({}));
    let port = first.port().to_string();
    let mut command = second.command(&["gateway", "run", "--force", "--port", &port]);
    let mut winner = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let pid = loser.pid();
    assert_eq!(loser.ended().await, 0, "it was asked, not killed");
    eventually("the second one serves there", async || {
        let call = ["gateway", "call", "status", "--port", &port];
        let answer = second.run(&call).await;
        answer.code == 0 && answer.json()["pid"].as_u64() == winner.id().map(u64::from)
    })
    .await;
    assert!(second.log().contains(&format!("force: ending pid {pid} ")), "{}", second.log());
    winner.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_what_is_in_flight_and_says_farewell() {
    let model = model().await;
    model.set_mode(Mode::Late { delay_ms: 700 });
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let socket = client(&home).await;
    let url = format!("{}/v1/chat/completions", gateway.base());
    let asked = tokio::spawn(async move {
        let body = json!({"model": "openclaw", "messages": [{"role": "user", "content": "hello"}]});
        post(&url, Some(GATEWAY_TOKEN), &body).await.unwrap()
    });
    assert!(model.wait_for(1, SOON).await, "the request has reached the model");
    let begun = Instant::now();
    gateway.signal("TERM").await;
    let (shutdown, code, reason) = farewell(socket).await;
    assert_eq!(shutdown, json!({"reason": "gateway stopping"}));
    assert_eq!((code, reason.as_str()), (1012, "service restart"));
    let answer = asked.await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(gateway.ended().await, 0);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    drop(TcpListener::bind(("127.0.0.1", home.port())).expect("the port is free"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_forces_the_end() {
    let model = model().await;
    model.set_mode(Mode::Hang);
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let url = format!("{}/v1/chat/completions", gateway.base());
    let asked = tokio::spawn(async move {
        let body = json!({"model": "openclaw", "messages": [{"role": "user", "content": "hello"}]});
        post(&url, Some(GATEWAY_TOKEN), &body).await.map(|answer| answer.status)
    });
    assert!(model.wait_for(1, SOON).await);
    gateway.signal("TERM").await;
    eventually("it drains", async || home.log().contains("SIGTERM: shutting down")).await;
    gateway.signal("TERM").await;
    let begun = Instant::now();
    assert_eq!(gateway.ended().await, 143);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert!(asked.await.unwrap().is_err(), "it was cut off");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_waits_is_given_up_at_a_signal() {
    let home = configured(&json!({}));
    // A gateway that drains and does not come to its end.
    let lock = std::fs::File::create(home.state().join("gateway.lock")).unwrap();
    lock.lock().unwrap();
    let note = json!({"pid": std::process::id(), "port": 1, "phase": "draining", "createdAt": 1});
    std::fs::write(home.state().join("gateway.lock"), note.to_string()).unwrap();
    let mut command = home.command(&["gateway", "run"]);
    let mut waiting = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("it waits", async || home.log().contains("loading configuration")).await;
    let pid = waiting.id().unwrap().to_string();
    tokio::process::Command::new("kill").args(["-TERM", &pid]).status().await.unwrap();
    let begun = Instant::now();
    let ended = tokio::time::timeout(SOON, waiting.wait()).await.expect("it goes on waiting").unwrap();
    assert_eq!(ended.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_process_and_refuses_nobody() {
    let home = configured(&json!({}));
    let gateway = home.start().await;
    let (pid, boot) = (gateway.pid(), boot_id(&home).await.unwrap());
    let socket = client(&home).await;
    let base = gateway.base().to_owned();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let hammer = tokio::spawn(async move {
        let mut answers = 0;
        while !*stopped.borrow() {
            let answer = get(&format!("{base}/healthz"), None).await;
            assert_eq!(answer.expect("a connection was refused").status, 200);
            answers += 1;
        }
        answers
    });
    gateway.signal("USR2").await;
    let (shutdown, code, reason) = farewell(socket).await;
    assert_eq!(shutdown, json!({"reason": "gateway restarting", "restartExpectedMs": 1500}));
    assert_eq!((code, reason.as_str()), (1012, "service restart"));
    restarted(&gateway, &boot, &home).await;
    // The older signal wishes the same.
    let boot = boot_id(&home).await.unwrap();
    gateway.signal("USR1").await;
    restarted(&gateway, &boot, &home).await;
    stop.send_replace(true);
    assert!(hammer.await.unwrap() > 2);
    assert_eq!(gateway.pid(), pid);
    let status = home.run(&["gateway", "status"]).await.ok();
    assert!(status.stdout.contains(&format!("Runtime: running (pid {pid}, foreground)")), "{status:?}");
    assert_eq!(gateway.terminate().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_applies_what_waited_for_one() {
    let home = configured(&json!({}));
    let other = Home::empty();
    let gateway = home.start().await;
    edit(&home, |config| config["gateway"]["port"] = json!(other.port()));
    eventually("the edit waits", async || {
        let status = home.run(&["gateway", "call", "status"]).await.ok().json();
        status["config"]["pendingRestart"] == json!(["gateway.port"])
    })
    .await;
    let restart = home.run(&["gateway", "restart", "--json"]).await.ok().json();
    assert_eq!((restart["ok"].as_bool(), restart["result"].as_str()), (Some(true), Some("restarted")));
    let status = home.run(&["gateway", "call", "status"]).await.ok().json();
    assert_eq!(status["pid"], gateway.pid());
    assert_eq!(status["listening"][0], format!("127.0.0.1:{}", other.port()));
    assert_eq!(status["config"]["pendingRestart"], json!([]));
    drop(TcpListener::bind(("127.0.0.1", home.port())).expect("the old port is free"));
    let audit = std::fs::read_to_string(home.state().join("logs/gateway-restart.log")).unwrap();
    assert!(audit.contains("\"result\":\"restarted\""), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_would_fail_is_refused_and_nothing_ends() {
    let home = configured(&json!({}));
    let gateway = home.start().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    edit(&home, |config| config["gateway"]["port"] = json!(port));
    eventually("the edit waits", async || home.log().contains("requires gateway restart (gateway.port)"))
        .await;
    let boot = boot_id(&home).await;
    let refused = home.run(&["gateway", "restart"]).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("The gateway goes on as it is"), "{refused:?}");
    assert!(refused.stderr.contains(&format!("Port {port} is already in use.")), "{refused:?}");
    assert_eq!(boot_id(&home).await, boot);
    assert_eq!(gateway.terminate().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_restarts_only_where_the_configuration_lets_it() {
    let home = configured(&json!({}));
    edit(&home, |config| config["commands"] = json!({"restart": false}));
    let gateway = home.start().await;
    let before = uptime(&gateway).await;
    gateway.signal("USR2").await;
    let said = "SIGUSR2 restart ignored (not authorized; commands.restart=false)";
    eventually("it says so", async || home.log().contains(said)).await;
    assert!(uptime(&gateway).await >= before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passed_socket_is_what_it_listens_on() {
    let home = configured(&json!({}));
    let passed = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = passed.local_addr().unwrap().port();
    // The shell does what a service manager does: descriptor 3, and its own number, which the program keeps.
    let script = "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" gateway run";
    let own = home.command(&[]);
    let mut command = tokio::process::Command::new("sh");
    command.env_clear();
    command.envs(own.as_std().get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.args(["-c", script]).arg(binary()).stdin(Stdio::from(OwnedFd::from(passed)));
    command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let mut gateway = command.spawn().unwrap();
    let base = format!("http://127.0.0.1:{port}");
    eventually("it serves there", async || get(&format!("{base}/readyz"), None).await.is_ok()).await;
    assert!(get(&format!("http://127.0.0.1:{}/readyz", home.port()), None).await.is_err());
    let status = home.run(&["gateway", "call", "status"]).await.ok().json();
    assert_eq!(status["listening"], json!([format!("127.0.0.1:{port}")]));
    let restart = home.run(&["gateway", "restart"]).await;
    assert_eq!(restart.code, 0, "{restart:?}");
    assert_eq!(get(&format!("{base}/healthz"), None).await.unwrap().status, 200, "also after a restart");
    gateway.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_manager_is_told() {
    let home = configured(&json!({}));
    let path = home.state().join("notify.sock");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(SOON)).unwrap();
    let heard = move || {
        let mut text = [0; 512];
        let length = manager.recv(&mut text).expect("nothing was said");
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    let mut command = home.command(&["gateway", "run"]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "60000000");
    let gateway = home.launch(command).await;
    assert!(heard().starts_with("READY=1\n"));
    assert_eq!(heard(), "WATCHDOG=1");
    gateway.signal("USR2").await;
    assert!(heard().starts_with("RELOADING=1\n"));
    assert!(heard().starts_with("READY=1\n"));
    assert_eq!(heard(), "WATCHDOG=1");
    gateway.signal("TERM").await;
    assert!(heard().starts_with("STOPPING=1\n"));
    assert_eq!(gateway.ended().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_made_up_is_printed_on_terminals_only() {
    let home = Home::new(json!({"gateway": {"mode": "local", "bind": "loopback"}}));
    let gateway = home.start().await;
    let refused = get(&format!("{}/v1/models", gateway.base()), None).await.unwrap();
    assert_eq!(refused.status, 401, "nobody gets in without it");
    eventually("it says so", async || home.log().contains("one was made up for this run")).await;
    eventually("the console says so", async || home.console().contains("(shown on a terminal only)")).await;
    let is_hex = |word: &str| word.len() == 48 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    for text in [home.log(), home.console()] {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric());
        assert_eq!(words.filter(|word| is_hex(word)).count(), 0, "{text}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn as_many_files_as_the_process_may_open_are_open_to_it() {
    let home = configured(&json!({}));
    let gateway = home.start().await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", gateway.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let columns: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(columns[3], columns[4], "{line}");
}
