//! What many plugins and many accounts cost: thirty installed packages of which five are used, and a hundred accounts of one
//! channel.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use openclaw_e2e::{GATEWAY_TOKEN, Home, SOON};
use openclaw_fakes::FakeTelegram;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::process::{proportional_mb, resident_mb};
use crate::table::Table;

/// How many packages are installed, and how many of them a section of the configuration uses.
const INSTALLED: usize = 30;
const ENABLED: usize = 5;
/// How often each start is measured; the median counts.
const STARTS: usize = 5;
/// How many accounts one channel has.
const ACCOUNTS: usize = 100;
/// Until what a start stirs up has settled.
const SETTLE: Duration = Duration::from_secs(3);

/// Adds the rows of an installation with many plugins.
pub(crate) async fn installed(table: &mut Table) {
    let telegram = FakeTelegram::start().await.unwrap();
    let home = Home::new(used(&telegram));
    let few = Installation { home: &home, telegram: &telegram };
    for number in 0..ENABLED {
        few.install(number).await;
    }
    // As a first start after an upgrade: no component is compiled.
    let cold = few.start().await;
    table.at_most("start to `/readyz`, 5 plugins installed and enabled, cold cache", cold, 3_000.0, "ms");
    let five = few.warm().await;
    for number in ENABLED..INSTALLED {
        few.install(number).await;
    }
    let thirty = few.warm().await;
    table.at_most("start to `/readyz`, 30 plugins installed, 5 enabled, warm cache", thirty, 130.0, "ms");
    table.note("the same with the 5 alone", five, "ms");
    let gateway = home.start().await;
    few.all_poll().await;
    table.note("resident memory with 30 installed, 5 enabled", resident_mb(gateway.pid()), "MB");
    gateway.kill().await;
}

/// Adds the row of a channel with many accounts.
pub(crate) async fn accounts(table: &mut Table) {
    let telegram = FakeTelegram::start().await.unwrap();
    let none = memory(&telegram, 0).await;
    let one = memory(&telegram, 1).await;
    let all = memory(&telegram, ACCOUNTS).await;
    table.at_most(
        "100 accounts of one channel, over a gateway with none: memory",
        all.0 - none.0,
        20.0,
        "MB",
    );
    table.note("of that, the first account and the component", one.0 - none.0, "MB");
    table.note(
        "the same as resident memory, which counts the component's image for each account",
        all.1 - none.1,
        "MB",
    );
}

/// Memory of a gateway with so many accounts, in a start that compiles nothing: with shared pages counted once, and for each
/// time that they are mapped.
async fn memory(telegram: &FakeTelegram, accounts: usize) -> (f64, f64) {
    let each =
        (0..accounts).map(|number| (format!("a{number}"), json!({ "botToken": bot(telegram, number) })));
    let each: Map<String, Value> = each.collect();
    let section = json!({ "telegram": { "apiRoot": telegram.api_root(), "accounts": each } });
    let channels = if accounts == 0 { json!({}) } else { section };
    let home = Home::new(config(&channels));
    let gateway = home.start().await;
    polled(telegram, 0..accounts).await;
    gateway.kill().await;
    let gateway = home.start().await;
    polled(telegram, 0..accounts).await;
    tokio::time::sleep(SETTLE).await;
    let memory = (proportional_mb(gateway.pid()), resident_mb(gateway.pid()));
    gateway.kill().await;
    memory
}

struct Installation<'a> {
    home: &'a Home,
    telegram: &'a FakeTelegram,
}

impl Installation<'_> {
    /// Installs the bundled channel once more, under another name.
    async fn install(&self, number: usize) {
        let folder = TempDir::new().unwrap();
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins/telegram");
        for name in ["config.schema.json", "component.wasm"] {
            fs::copy(built.join(name), folder.path().join(name)).unwrap();
        }
        let manifest = fs::read_to_string(built.join("plugin.toml")).unwrap();
        let id = format!("id = \"{}\"", name(number));
        fs::write(folder.path().join("plugin.toml"), manifest.replacen("id = \"telegram\"", &id, 1)).unwrap();
        let folder = folder.path().display().to_string();
        self.home.run(&["plugins", "install", &folder, "--allow-unsigned", "--yes"]).await.ok();
    }

    /// The median of a few starts, in milliseconds.
    async fn warm(&self) -> f64 {
        self.start().await;
        let mut times = Vec::new();
        for _ in 0..STARTS {
            times.push(self.start().await);
        }
        times.sort_by(f64::total_cmp);
        times[STARTS / 2]
    }

    /// One start to its end: what an account does first is waited for, so that nothing is still being compiled.
    async fn start(&self) -> f64 {
        let began = Instant::now();
        let gateway = self.home.start().await;
        let took = began.elapsed().as_secs_f64() * 1e3;
        self.all_poll().await;
        gateway.kill().await;
        took
    }

    async fn all_poll(&self) {
        polled(self.telegram, 0..ENABLED).await;
    }
}

/// A configuration that uses the first plugins, each for one account.
fn used(telegram: &FakeTelegram) -> Value {
    let section =
        |number| (name(number), json!({ "apiRoot": telegram.api_root(), "botToken": bot(telegram, number) }));
    config(&Value::Object((0..ENABLED).map(section).collect()))
}

fn config(channels: &Value) -> Value {
    json!({
        "gateway": { "mode": "local", "bind": "loopback", "auth": { "mode": "token", "token": GATEWAY_TOKEN } },
        "channels": channels,
    })
}

fn name(number: usize) -> String {
    format!("channel-{number}")
}

/// A bot of the fake, and its token.
fn bot(telegram: &FakeTelegram, number: usize) -> String {
    let token = token(number);
    telegram.add_bot(&token, &format!("bench_bot_{number}"));
    token
}

fn token(number: usize) -> String {
    format!("{}:bench-token", 1_000 + number)
}

async fn polled(telegram: &FakeTelegram, accounts: std::ops::Range<usize>) {
    for number in accounts {
        assert!(telegram.wait_for_poll(&token(number), SOON).await, "account {number} does not poll");
    }
}
