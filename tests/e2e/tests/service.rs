//! The gateway as a service: what is written, what the service manager is asked, and what `gateway status` and
//! `gateway probe` say. The manager is a script that notes what it is asked, since tests run where none does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use openclaw_e2e::{GATEWAY_TOKEN, Home, Ran, SOON};
use serde_json::{Value, json};

/// Notes its arguments; `show` answers with a file, everything else succeeds.
const MANAGER: &str = r#"#!/bin/sh
echo "$(basename "$0") $*" >> "$MANAGER_DIR/asked"
case "$*" in
  *" show "*) cat "$MANAGER_DIR/state" ;;
  *Linger*) echo no ;;
esac
exit 0
"#;
const ABSENT: &str = "LoadState=not-found\nUnitFileState=\nActiveState=inactive\nSubState=dead\nMainPID=0\n";

struct Installation {
    home: Home,
    manager: PathBuf,
}

impl Installation {
    fn new(gateway: &Value) -> Self {
        let mut section = json!({"mode": "local", "auth": {"mode": "token", "token": GATEWAY_TOKEN}});
        section.as_object_mut().unwrap().extend(gateway.as_object().unwrap().clone());
        let home = Home::new(json!({ "gateway": section }));
        let manager = home.state().join("manager");
        fs::create_dir(&manager).unwrap();
        for program in ["systemctl", "loginctl"] {
            let file = manager.join(program);
            fs::write(&file, MANAGER).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let installation = Self { home, manager };
        installation.says(ABSENT);
        installation
    }

    /// What the manager knows of the unit from now on.
    fn says(&self, state: &str) {
        fs::write(self.manager.join("state"), state).unwrap();
    }

    /// What it was asked, without the questions about its state.
    fn asked(&self) -> Vec<String> {
        let asked = fs::read_to_string(self.manager.join("asked")).unwrap_or_default();
        let quiet = |line: &&str| !line.contains(" show") && !line.contains("Linger");
        asked.lines().filter(quiet).map(str::to_owned).collect()
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.home.command(arguments);
        let path = format!("{}:/usr/bin:/bin", self.manager.display());
        let ran = command.env("PATH", path).env("MANAGER_DIR", &self.manager).output();
        let output = tokio::time::timeout(SOON, ran).await.expect("it did not end").unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn unit(&self) -> PathBuf {
        self.home.state().parent().unwrap().join(".config/systemd/user/openclaw-gateway.service")
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_installed_shown_and_removed() {
    let installation = Installation::new(&json!({}));
    let port = installation.home.port();
    let installed = installation.run(&["gateway", "install"]).await.ok();
    assert!(installed.stdout.starts_with("Installed systemd service: "), "{installed:?}");
    assert!(installed.stdout.contains("loginctl enable-linger"), "{installed:?}");
    let unit = fs::read_to_string(installation.unit()).unwrap();
    assert!(unit.contains(&format!(" gateway --port {port}\n")), "{unit}");
    assert!(unit.contains("RestartPreventExitStatus=78\n"), "{unit}");
    assert!(!unit.contains(GATEWAY_TOKEN), "a unit holds no secret");
    let name = "openclaw-gateway.service";
    let expected = ["daemon-reload".to_owned(), format!("enable {name}"), format!("restart {name}")];
    let expected: Vec<String> = expected.iter().map(|asked| format!("systemctl --user {asked}")).collect();
    assert_eq!(installation.asked(), expected);

    installation.says(
        "LoadState=loaded\nUnitFileState=enabled\nActiveState=active\nSubState=running\nMainPID=4242\nExecMainStatus=0\n",
    );
    let again = installation.run(&["daemon", "install", "--json"]).await.ok().json();
    assert_eq!(again["result"], "already-installed");
    assert_eq!(
        again["service"],
        json!({"label": "systemd", "loaded": true, "loadedText": "enabled", "notLoadedText": "disabled"})
    );
    let status = installation.run(&["gateway", "status"]).await.ok();
    for expected in [
        "Service: systemd (enabled)".to_owned(),
        format!(" gateway --port {port}\nService file: ~/.config/systemd/user/openclaw-gateway.service"),
        format!("Service env: OPENCLAW_GATEWAY_PORT={port}"),
        "Config (service): ~/state/openclaw.json".to_owned(),
        format!("port={port} (service args)"),
        "Runtime: running (pid 4242, state active, sub running, last exit 0)".to_owned(),
        format!("Gateway port {port} is not listening (service appears running)."),
        "Logs: journalctl --user -u openclaw-gateway.service -n 200 --no-pager".to_owned(),
    ] {
        assert!(status.stdout.contains(&expected), "{expected}: {}", status.stdout);
    }
    let document = installation.run(&["gateway", "status", "--json"]).await.ok().json();
    assert_eq!(document["service"]["runtime"]["pid"], 4242);
    assert_eq!(document["service"]["configAudit"], json!({"ok": true, "issues": []}));
    assert_eq!(document["config"]["daemon"]["valid"], true);
    assert_eq!(document["rpc"]["connectFailure"]["kind"], "unreachable");

    for (arguments, asked) in [
        (["gateway", "stop"], "systemctl --user stop openclaw-gateway.service"),
        (["gateway", "restart"], "systemctl --user restart openclaw-gateway.service"),
        (["gateway", "uninstall"], "systemctl --user disable --now openclaw-gateway.service"),
    ] {
        installation.run(&arguments).await.ok();
        assert!(
            installation.asked().contains(&asked.to_owned()),
            "{arguments:?}: {:?}",
            installation.asked()
        );
    }
    assert!(!installation.unit().exists());
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn what_would_not_start_is_not_installed() {
    let check = async |gateway: Value, arguments: &[&str], expected: &str| {
        let installation = Installation::new(&gateway);
        let arguments: Vec<&str> = ["gateway", "install"].iter().chain(arguments).copied().collect();
        let refused = installation.run(&arguments).await;
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.stderr.contains(expected), "{expected}: {refused:?}");
        assert!(!installation.unit().exists() && installation.asked().is_empty());
    };
    check(json!({}), &["--token", "secret"], "A service definition holds no secret").await;
    let both = json!({"auth": {"token": GATEWAY_TOKEN, "password": "also-a-password"}});
    check(both, &[], "are both configured, but gateway.auth.mode is unset").await;
    let reference =
        json!({"auth": {"token": {"source": "env", "provider": "default", "id": "NOT_SET_ANYWHERE"}}});
    check(reference, &[], "The service could not start").await;
    check(json!({"mode": "remote"}), &[], "set gateway.mode=local").await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_unit_of_older_times_is_shown_with_its_faults() {
    let installation = Installation::new(&json!({}));
    let folder = installation.unit().parent().unwrap().to_owned();
    fs::create_dir_all(&folder).unwrap();
    let old = "[Service]\nExecStart=/nowhere/openclaw gateway --port 1\nEnvironment=OPENCLAW_GATEWAY_TOKEN=old-secret-token\n\
               Environment=OPENCLAW_STATE_DIR=/elsewhere\n";
    fs::write(installation.unit(), old).unwrap();
    fs::write(folder.join("moltbot.service"), "[Service]\nExecStart=/usr/bin/moltbot gateway\n").unwrap();
    let status = installation.run(&["gateway", "status", "--deep"]).await.ok();
    for expected in [
        "Service config looks out of date or non-standard.",
        "Service config issue: Restart=always is missing or differs",
        "Service config issue: Gateway service port does not match current gateway config.",
        "Service config issue: Gateway service embeds OPENCLAW_GATEWAY_TOKEN",
        "Config (service): /elsewhere/openclaw.json (missing)",
        "Root cause: CLI and service are using different config paths",
        "Other gateway-like services detected (best effort):\n- moltbot.service (user, ",
        "Cleanup hint: systemctl --user disable --now moltbot.service",
        "Recommendation: run a single gateway per machine for most setups.",
    ] {
        assert!(status.stdout.contains(expected), "{expected}: {}", status.stdout);
    }
    let doctor = installation.run(&["doctor", "--non-interactive"]).await;
    let drift = "Gateway service port does not match current gateway config.";
    assert!(format!("{}{}", doctor.stdout, doctor.stderr).contains(drift), "{doctor:?}");
    let document = installation.run(&["gateway", "status", "--json", "--deep"]).await.ok();
    assert!(!document.stdout.contains("old-secret-token"));
    let document = document.json();
    assert_eq!(document["config"]["mismatch"], true);
    assert_eq!(document["extraServices"][0]["label"], "moltbot.service");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_without_a_service_is_stopped_by_its_lock() {
    let installation = Installation::new(&json!({}));
    let home = &installation.home;
    let nothing = home.run(&["gateway", "stop"]).await.ok();
    assert!(nothing.stdout.starts_with("Gateway service not loaded.\nStart with: "), "{nothing:?}");
    let gateway = home.start().await;
    let status = home.run(&["gateway", "status", "--no-probe"]).await.ok();
    let running = format!("Runtime: running (pid {}, foreground)", gateway.pid());
    assert!(status.stdout.contains(&running) && !status.stdout.contains("probe:"), "{status:?}");
    let started = home.run(&["gateway", "start"]).await.ok();
    assert_eq!(started.stdout, format!("Gateway already running (pid {}).\n", gateway.pid()));
    let stopped = home.run(&["gateway", "stop", "--json"]).await.ok().json();
    assert_eq!(stopped["message"], format!("Stopped the gateway (pid {}).", gateway.pid()));
    assert_eq!(gateway.ended().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_probe_says_who_can_be_reached() {
    let installation = Installation::new(&json!({}));
    let home = &installation.home;
    let nobody = home.run(&["gateway", "probe"]).await;
    assert_eq!(nobody.code, 1);
    assert!(
        nobody
            .stdout
            .starts_with("Gateway Status\nReachable: no\nCapability: unknown\nProbe budget: 3000ms\n")
    );
    assert!(nobody.stdout.contains("Connect: failed - connect ECONNREFUSED"), "{nobody:?}");
    let required = home.run(&["gateway", "status", "--require-rpc"]).await;
    assert_eq!(required.code, 1);
    assert!(required.stdout.contains("RPC probe: failed\nRead probe: failed\n"), "{required:?}");
    let _gateway = home.start().await;
    let reached = home.run(&["gateway", "probe"]).await.ok();
    let line = "Capability: read-only · Read probe: ok";
    assert!(reached.stdout.contains("Reachable: yes") && reached.stdout.contains(line), "{reached:?}");
    let document = home.run(&["gateway", "probe", "--json"]).await.ok().json();
    assert_eq!(
        (document["ok"].as_bool(), document["primaryTargetId"].as_str()),
        (Some(true), Some("localLoopback"))
    );
    assert_eq!(document["targets"][0]["connect"]["rpcOk"], true);
    let required = home.run(&["gateway", "status", "--require-rpc"]).await.ok();
    assert!(required.stdout.contains("RPC probe: ok\nRead probe: ok\n"), "{required:?}");
    let wrong = home.run(&["gateway", "status", "--token", "wrong", "--json"]).await.ok().json();
    assert_eq!(
        (wrong["rpc"]["ok"].as_bool(), wrong["rpc"]["connectFailure"]["kind"].as_str()),
        (Some(false), Some("auth-rejected"))
    );
    assert_eq!(wrong["rpc"]["gatewayReached"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_shown_to_persons_only() {
    let installation = Installation::new(&json!({}));
    let home = &installation.home;
    for arguments in [&["gateway", "auth-token"][..], &["gateway", "auth-token", "--show"]] {
        let refused = home.run(arguments).await;
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(!format!("{refused:?}").contains(GATEWAY_TOKEN));
    }
}
