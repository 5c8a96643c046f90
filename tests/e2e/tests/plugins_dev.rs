//! `plugins dev` while an author works: what he changes is built and taken into use, what does not build replaces nothing, and a change ends
//! the build that is under way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs::{File, read_to_string, write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use openclaw_e2e::{GATEWAY_TOKEN, Home};
use serde_json::{Value, json};

/// A build, beside others on two cores.
const PATIENCE: Duration = Duration::from_secs(300);

/// A new provider in `target/guide-dev`: it has no accounts and no vendor. It is always the same folder, and it shares its target folder with
/// the guide, so that the libraries are compiled once.
async fn written(home: &Home) -> PathBuf {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target").canonicalize().unwrap();
    let (place, libraries) = (target.join("guide-dev"), target.join("guide/target"));
    std::fs::create_dir_all(&libraries).unwrap();
    if place.exists() {
        std::fs::remove_dir_all(&place).unwrap();
    }
    let folder = place.display().to_string();
    home.run(&["plugins", "new", "quick-models", "--kind", "provider", "--dir", &folder]).await.ok();
    std::os::unix::fs::symlink(libraries, place.join("target")).unwrap();
    place
}

/// Waits until the output has `text` behind what was seen before, and returns where that ends.
async fn seen(output: &Path, from: usize, text: &str) -> usize {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let all = read_to_string(output).unwrap();
        if let Some(at) = all[from..].find(text) {
            return from + at + text.len();
        }
        assert!(Instant::now() < deadline, "`{text}` did not come:\n{all}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn digest(home: &Home) -> Value {
    let listed = home.run(&["plugins", "list", "--json"]).await.ok().json();
    let plugins = listed["plugins"].as_array().unwrap();
    let entry = plugins.iter().find(|plugin| plugin["id"] == "quick-models").expect("it is there");
    assert_eq!((&entry["trust"], &entry["status"]), (&json!("folder"), &json!("loaded")), "{entry}");
    entry["digest"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_taken_into_use_and_faults_replace_nothing() {
    let home = Home::new(json!({
        "gateway": { "mode": "local", "auth": { "mode": "token", "token": GATEWAY_TOKEN } },
    }));
    let folder = written(&home).await;
    let shown = folder.display().to_string();
    let dev = |output: &Path| {
        let mut command = home.command(&["plugins", "dev", &shown]);
        let output = File::create(output).unwrap();
        for name in ["CARGO_HOME", "RUSTUP_HOME", "HOME"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command.env("CARGO_NET_OFFLINE", "true").stdout(output.try_clone().unwrap()).stderr(output);
        command.spawn().unwrap()
    };
    // Without a gateway there is nobody to load it, and nothing is built for that.
    let output = home.state().join("dev.log");
    let alone = dev(&output).wait().await.unwrap();
    let text = read_to_string(&output).unwrap();
    assert!(alone.code() == Some(1) && !text.contains("Compiling"), "{text}");

    let gateway = home.start().await;
    let mut child = dev(&output);
    let at = seen(&output, 0, "after the compiler)").await;
    let first = digest(&home).await;

    let source = folder.join("src/lib.rs");
    let good = read_to_string(&source).unwrap();
    write(&source, format!("{good}\nthis does not compile")).unwrap();
    let at = seen(&output, at, "PLUGIN_BUILD_FAILED").await;
    assert_eq!(digest(&home).await, first, "what does not build replaces nothing");

    // The second change comes while the first one is compiled; only what came of the second is taken into use.
    let other = |n: usize| {
        format!(
            "{good}\n/// Makes another component.\n#[unsafe(no_mangle)]\npub extern \"C\" fn another() -> usize {{ {n} }}\n"
        )
    };
    write(&source, other(1)).unwrap();
    let at = seen(&output, at, "Compiling quick-models").await;
    write(&source, good.replace("//!", "//! Changed.\n//!")).unwrap();
    let at = seen(&output, at, "after the compiler)").await;
    write(
        folder.join("plugin.toml"),
        read_to_string(folder.join("plugin.toml"))
            .unwrap()
            .replace("version = \"0.1.0\"", "version = \"0.2.0\""),
    )
    .unwrap();
    seen(&output, at, "quick-models: replaced").await;
    let text = read_to_string(&output).unwrap();
    let ended = text.matches("after the compiler)").count();
    assert!(
        text.matches("Compiling quick-models").count() > ended,
        "a build was not ended by the next change:\n{text}"
    );

    let pid = child.id().unwrap().to_string();
    tokio::process::Command::new("kill").args(["-INT", &pid]).status().await.unwrap();
    assert!(child.wait().await.unwrap().success());
    let text = read_to_string(&output).unwrap();
    assert!(text.contains("openclaw plugins uninstall quick-models"), "{text}");
    println!("{text}");
    home.run(&["plugins", "uninstall", "quick-models", "--yes"]).await.ok();
    assert!(folder.join("plugin.toml").exists(), "the sources stay");
    assert_eq!(gateway.terminate().await, 0);
}
