//! Plugins through the real binary: from a folder to a signed package, into an installation, and out of it again. What is
//! unsigned, changed, widened or somebody else's is refused, and what was there stays.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "plugins/servers.rs"]
mod servers;

use std::path::{Path, PathBuf};

use openclaw_e2e::{Home, Ran};
use serde_json::{Value, json};

const HTTP: &str = r#"
[[http]]
name = "more"
origin = "https://more.example"
methods = ["GET"]
"#;

/// An author's place: a folder with the echo guest, and a key.
struct Author {
    home: Home,
    dir: tempfile::TempDir,
}

impl Author {
    fn new() -> Self {
        Self { home: home(), dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// Writes the folder as version `version`, with `more` in its manifest.
    fn write(&self, version: &str, more: &str) -> String {
        let folder = self.dir.path().join("chat");
        std::fs::create_dir_all(&folder).unwrap();
        let echo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-plugins/echo");
        let manifest = std::fs::read_to_string(echo.join("plugin.toml"))
            .unwrap_or_else(|_| panic!("the echo guest is not built: run `cargo xtask test`"));
        let manifest = manifest.replace("\"0.1.0\"", &format!("\"{version}\""));
        let (head, channel) = manifest.split_once("[channel]").unwrap();
        std::fs::write(folder.join("plugin.toml"), format!("{head}{more}\n[channel]{channel}")).unwrap();
        std::fs::copy(echo.join("component.wasm"), folder.join("component.wasm")).unwrap();
        folder.display().to_string()
    }

    /// Packs and signs; makes the key the first time.
    async fn package(&self, version: &str, more: &str, key: &str) -> String {
        let (folder, file, key) =
            (self.write(version, more), self.path(&format!("chat-{version}.wasm")), self.path(key));
        self.home.run(&["plugins", "pack", &folder, "--out", &file]).await.ok();
        let mut sign = vec!["plugins", "sign", &file, "--key", &key];
        if !Path::new(&key).exists() {
            sign.push("--new-key");
        }
        self.home.run(&sign).await.ok();
        file
    }
}

fn home() -> Home {
    Home::new(
        json!({ "gateway": { "mode": "local", "auth": { "mode": "token", "token": openclaw_e2e::GATEWAY_TOKEN } } }),
    )
}

fn code(ran: &Ran) -> String {
    assert_eq!(ran.code, 1, "{ran:?}");
    ran.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
}

async fn listed(home: &Home, id: &str) -> Option<Value> {
    let list = home.run(&["plugins", "list", "--json"]).await.ok().json();
    list["plugins"].as_array().unwrap().iter().find(|plugin| plugin["id"] == id).cloned()
}

fn files(home: &Home) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = home.files();
    files.retain(|(path, _)| path.parent().is_some_and(|folder| folder.ends_with("plugins")));
    files.sort();
    files
}

#[tokio::test]
async fn a_plugin_goes_from_a_folder_to_a_signed_installation_and_out_again() {
    let author = Author::new();
    let home = &author.home;
    let file = author.package("1.0.0", "", "publisher.key").await;
    let key = std::fs::read_to_string(author.path("publisher.key")).unwrap();
    let verified = home.run(&["plugins", "verify", &file, "--json"]).await.ok().json();
    assert_eq!((&verified["signed"], &verified["id"]), (&json!(true), &json!("echo")));
    let publisher = verified["publisher"].as_str().unwrap().to_owned();

    // Nobody is here to say yes.
    let refused = home.run(&["plugins", "install", &file, "--json"]).await;
    assert_eq!(code(&refused), "CONFIRMATION_REQUIRED");
    let reach: Vec<String> =
        refused.json()["reach"].as_array().unwrap().iter().map(|one| one["text"].to_string()).collect();
    assert!(reach.iter().any(|text| text.contains("plugs in as a channel")), "{reach:?}");
    assert!(listed(home, "echo").await.is_none());

    let installed = home.run(&["plugins", "install", &file, "--yes"]).await.ok();
    assert!(installed.stdout.contains("Installed echo 1.0.0."), "{installed:?}");
    assert!(
        installed.stderr.contains("who is new here") && installed.stderr.contains("- plugs in as a channel"),
        "{installed:?}"
    );
    let entry = listed(home, "echo").await.unwrap();
    assert_eq!((&entry["trust"], &entry["origin"]), (&json!("signed"), &json!("installed")));
    assert_eq!(
        (entry["publisher"].as_str(), entry["source"].as_str()),
        (Some(publisher.as_str()), Some(file.as_str()))
    );
    let inspected = home.run(&["plugins", "inspect", "echo"]).await.ok().stdout;
    assert!(
        inspected.contains(&publisher) && inspected.contains("has the gateway send the secret \"token\""),
        "{inspected}"
    );

    // The same again is no change; a version with the same reach needs no yes.
    let same = home.run(&["plugins", "update", "echo", "--json"]).await.ok().json();
    assert_eq!(same["plugins"][0]["changed"], json!(false));
    let next = author.package("1.0.1", "", "publisher.key").await;
    let updated = home.run(&["plugins", "update", "echo", "--from", &next]).await.ok();
    assert!(updated.stdout.contains("Updated echo from 1.0.0 to 1.0.1."), "{updated:?}");

    for (word, enabled) in [("disable", false), ("enable", true)] {
        home.run(&["plugins", word, "echo"]).await.ok();
        assert_eq!(listed(home, "echo").await.unwrap()["enabled"], json!(enabled));
    }
    let doctor = home.run(&["plugins", "doctor", "--json"]).await.ok().json();
    assert_eq!(
        (&doctor["ok"], &doctor["checked"], &doctor["findings"]),
        (&json!(true), &json!(1), &json!([]))
    );

    // A source that is gone leaves what was there.
    std::fs::remove_file(&next).unwrap();
    let gone = home.run(&["plugins", "update", "--all", "--json"]).await;
    assert_eq!((gone.code, &gone.json()["failed"][0]["id"]), (1, &json!("echo")));
    assert_eq!(listed(home, "echo").await.unwrap()["version"], json!("1.0.1"));

    home.run(&["plugins", "uninstall", "echo", "--yes"]).await.ok();
    assert!(listed(home, "echo").await.is_none());
    assert_eq!(code(&home.run(&["plugins", "uninstall", "echo", "--yes", "--json"]).await), "PLUGIN_UNKNOWN");
    // The secret key was never copied anywhere.
    let secret = key.trim().rsplit(':').next().unwrap().as_bytes().to_vec();
    assert!(
        !home.files().iter().any(|(_, bytes)| bytes.windows(secret.len()).any(|window| window == secret))
    );
}

/// T74.
#[tokio::test]
async fn an_update_that_widens_its_reach_needs_a_yes() {
    let author = Author::new();
    let home = &author.home;
    let file = author.package("1.0.0", "", "publisher.key").await;
    home.run(&["plugins", "install", &file, "--yes"]).await.ok();
    let before = files(home);
    let wider = author.package("1.1.0", HTTP, "publisher.key").await;
    let commands: [&[&str]; 2] = [
        &["plugins", "update", "echo", "--from", &wider, "--json"],
        &["plugins", "install", &wider, "--json"],
    ];
    for command in commands {
        let refused = home.run(command).await;
        assert_eq!(code(&refused), "CONFIRMATION_REQUIRED");
        let document = refused.json();
        let widened: Vec<&str> =
            document["widened"].as_array().unwrap().iter().filter_map(|one| one["text"].as_str()).collect();
        assert_eq!(widened[0], "sends GET requests to https://more.example/*");
        assert!(widened.iter().all(|text| text.contains("more")), "{widened:?}");
        assert_eq!(files(home), before);
    }
    let asked = home.run(&["plugins", "update", "echo", "--from", &wider]).await;
    assert!(asked.code == 1 && asked.stderr.contains("NEW: beyond what it may do now"), "{asked:?}");
    home.run(&["plugins", "update", "echo", "--from", &wider, "--yes"]).await.ok();
    assert_eq!(listed(home, "echo").await.unwrap()["version"], json!("1.1.0"));
}

/// T70.
#[tokio::test]
async fn what_is_unsigned_somebody_elses_or_older_is_refused() {
    let author = Author::new();
    let home = &author.home;
    let folder = author.write("1.0.0", "");
    let refused = home.run(&["plugins", "install", &folder, "--yes", "--json"]).await;
    assert_eq!(code(&refused), "PLUGIN_UNSIGNED");
    assert!(files(home).iter().all(|(path, _)| path.ends_with(".changing")));

    // Accepted, it is called unsigned wherever it is shown.
    home.run(&["plugins", "install", &folder, "--yes", "--allow-unsigned"]).await.ok();
    assert_eq!(listed(home, "echo").await.unwrap()["trust"], json!("unsigned"));
    let places: [&[&str]; 5] = [
        &["plugins", "list"],
        &["plugins", "inspect", "echo"],
        &["status"],
        &["doctor"],
        &["plugins", "doctor"],
    ];
    for place in places {
        let shown = home.run(place).await.stdout.to_lowercase();
        assert!(shown.contains("unsigned") || shown.contains("not signed"), "{place:?}: {shown}");
    }
    home.run(&["plugins", "uninstall", "echo", "--yes"]).await.ok();

    let signed = author.package("1.2.0", "", "publisher.key").await;
    home.run(&["plugins", "install", &signed, "--yes"]).await.ok();
    let before = files(home);
    let other = author.package("1.3.0", "", "other.key").await;
    let refused = home.run(&["plugins", "update", "echo", "--from", &other, "--yes", "--json"]).await;
    assert_eq!(code(&refused), "PLUGIN_OTHER_PUBLISHER");
    let older = author.package("1.1.0", "", "publisher.key").await;
    let refused = home.run(&["plugins", "install", &older, "--yes", "--json"]).await;
    assert_eq!(code(&refused), "PLUGIN_DOWNGRADE");
    let mut changed = std::fs::read(author.package("1.4.0", "", "publisher.key").await).unwrap();
    let half = changed.len() / 2;
    changed[half] ^= 1;
    std::fs::write(author.path("changed.wasm"), &changed).unwrap();
    let refused = home.run(&["plugins", "install", &author.path("changed.wasm"), "--yes", "--json"]).await;
    assert!(["PLUGIN_SIGNATURE_INVALID", "PLUGIN_DAMAGED"].contains(&code(&refused).as_str()), "{refused:?}");
    assert_eq!(files(home), before);
}

#[tokio::test]
async fn a_file_that_was_changed_is_quarantined() {
    let author = Author::new();
    let file = author.package("1.0.0", "", "publisher.key").await;
    author.home.run(&["plugins", "install", &file, "--yes"]).await.ok();
    let config = json!({
        "gateway": { "mode": "local", "auth": { "mode": "token", "token": openclaw_e2e::GATEWAY_TOKEN }, "port": author.home.port() },
        "channels": { "echo": { "token": "t", "root": "http://127.0.0.1:9" } },
    });
    std::fs::write(author.home.config_path(), config.to_string()).unwrap();
    let installed = author.home.state().join("plugins").join("echo.wasm");
    let mut bytes = std::fs::read(&installed).unwrap();
    let half = bytes.len() / 2;
    bytes[half] ^= 1;
    std::fs::write(&installed, bytes).unwrap();
    let doctor = author.home.run(&["plugins", "doctor", "--json"]).await;
    assert_eq!((doctor.code, &doctor.json()["findings"][0]["code"]), (1, &json!("PLUGIN_TAMPERED")));

    let gateway = author.home.start().await;
    openclaw_e2e::eventually("the account is quarantined", async || {
        let status = author.home.run(&["channels", "status", "--json"]).await;
        status.stdout.contains("quarantined") && status.stdout.contains("was changed since it was installed")
    })
    .await;
    let entry = listed(&author.home, "echo").await.unwrap();
    assert_eq!(entry["status"], json!("error"));
    assert_eq!(gateway.terminate().await, 0);
}

#[tokio::test]
async fn a_package_comes_over_https() {
    let author = Author::new();
    let file = author.package("1.0.0", "", "publisher.key").await;
    let server = servers::Https::start(std::fs::read(&file).unwrap()).await;
    let trusting = |arguments: &[&str]| {
        let mut command = author.home.command(arguments);
        command.env("SSL_CERT_FILE", server.authority());
        command
    };
    let url = server.url("/chat.wasm");
    let refused = author.home.run(&["plugins", "install", &url, "--yes", "--json"]).await;
    assert_eq!(code(&refused), "PLUGIN_DOWNLOAD_FAILED", "an unknown authority");
    let missing =
        trusting(&["plugins", "install", &server.url("/missing"), "--yes", "--json"]).output().await.unwrap();
    assert!(String::from_utf8_lossy(&missing.stdout).contains("404"), "{missing:?}");
    let cut =
        trusting(&["plugins", "install", &server.url("/cut"), "--yes", "--json"]).output().await.unwrap();
    assert_eq!(cut.status.code(), Some(1), "{cut:?}");
    assert!(listed(&author.home, "echo").await.is_none());
    let installed = trusting(&["plugins", "install", &url, "--yes"]).output().await.unwrap();
    assert!(installed.status.success(), "{installed:?}");
    assert!(!String::from_utf8_lossy(&installed.stderr).contains("Downloading"), "a bar without a terminal");
    assert_eq!(listed(&author.home, "echo").await.unwrap()["source"], json!(url));
    let insecure =
        author.home.run(&["plugins", "install", "http://127.0.0.1:1/x.wasm", "--yes", "--json"]).await;
    assert_eq!(code(&insecure), "PLUGIN_SOURCE_INSECURE");
}

#[tokio::test]
async fn a_package_comes_from_a_registry() {
    let author = Author::new();
    let file = author.package("1.0.0", "", "publisher.key").await;
    let registry = servers::Registry::start().await;
    let source =
        registry.push("plugins/echo", "latest", "application/wasm", std::fs::read(&file).unwrap()).await;
    author.home.run(&["plugins", "install", &source, "--yes"]).await.ok();
    let entry = listed(&author.home, "echo").await.unwrap();
    assert_eq!((&entry["source"], &entry["trust"]), (&json!(source), &json!("signed")));
    let next = author.package("1.0.1", "", "publisher.key").await;
    registry.push("plugins/echo", "latest", "application/wasm", std::fs::read(&next).unwrap()).await;
    let updated = author.home.run(&["plugins", "update", "--all", "--json"]).await.ok().json();
    assert_eq!(updated["plugins"][0]["version"], json!("1.0.1"));
    let other = registry.push("plugins/text", "1", "text/plain", b"hello".to_vec()).await;
    let refused = author.home.run(&["plugins", "install", &other, "--yes", "--json"]).await;
    assert_eq!(code(&refused), "PLUGIN_REGISTRY_FAILED");
    let missing = author.home.run(&["plugins", "verify", &source.replace("latest", "none"), "--json"]).await;
    assert_eq!(code(&missing), "PLUGIN_REGISTRY_FAILED");
}
