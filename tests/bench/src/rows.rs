//! The rows, in the order of the design's table.

use std::process::Stdio;
use std::time::{Duration, Instant};

use hyper::Method;
use openclaw_e2e::{GATEWAY_TOKEN, Gateway, Home, KEY, SOON, TOKEN, fakes, open};
use openclaw_fakes::{FakeOpenai, FakeTelegram, Talker};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::crowd;
use crate::load::{Hits, Shot, fire, percentile_ms};
use crate::plugins;
use crate::process::{cpu_seconds, resident_mb};
use crate::rpc::Rpc;
use crate::steady;
use crate::table::Table;

/// How long each load lasts.
const LOAD: Duration = Duration::from_secs(4);

/// Everything that stands around the gateway.
struct World {
    telegram: FakeTelegram,
    model: FakeOpenai,
    home: Home,
}

pub(crate) async fn all(table: &mut Table) {
    let world = World::new().await;
    if table.wants("start, memory, size") {
        start(table, &world).await;
    }
    if table.wants("30 plugins") {
        plugins::installed(table).await;
    }
    if table.wants("100 accounts") {
        plugins::accounts(table).await;
    }
    let gateway = world.home.start().await;
    // Before that, components may still be compiled.
    assert!(world.telegram.wait_for_poll(TOKEN, SOON).await);
    world.model.set_instant(true);
    if table.wants("raw route") {
        raw_route(table, &world, &gateway).await;
    }
    if table.wants("agent turn") {
        agent_turn(table, &world).await;
    }
    if table.wants("control plane") {
        control_plane(table, &world).await;
    }
    if table.wants("models list") {
        let (hits, cost) =
            measured(gateway.pid(), &world.shot(Method::GET, "/v1/models", String::new()), 16).await;
        table.note("`/v1/models`: CPU a request", cost, "µs");
        table.at_least("`/v1/models`, 16 connections", hits.per_second(), 30_000.0, "requests/s");
    }
    if table.wants("5,000 WebSocket clients") {
        crowd::rows(table).await;
    }
    world.model.set_instant(false);
    if table.wants("channel") {
        channel(table, &world).await;
    }
    if table.wants("steady stream") {
        steady::rows(table).await;
    }
    if table.wants("command line") {
        command_line(table, &world).await;
    }
    if table.wants("reload") {
        reload(table, &world).await;
    }
}

impl World {
    /// Five accounts, one model, everybody admitted.
    async fn new() -> Self {
        let (telegram, model) = fakes().await;
        let mut config = open(&telegram, &model);
        let mut accounts = serde_json::Map::new();
        accounts.insert("default".into(), json!({ "botToken": TOKEN }));
        for number in 2..=5 {
            let token = format!("{number}:bench-token");
            telegram.add_bot(&token, &format!("bench_bot_{number}"));
            accounts.insert(format!("a{number}"), json!({ "botToken": token }));
        }
        config["channels"]["telegram"]["accounts"] = accounts.into();
        // What a text waits for more of its sender is no cost of the way.
        config["messages"] = json!({ "inbound": { "debounceMs": 0 } });
        Self { telegram, model, home: Home::new(config) }
    }

    fn shot(&self, method: Method, path: &'static str, body: String) -> Shot {
        Shot {
            address: format!("127.0.0.1:{}", self.home.port()),
            method,
            path,
            token: Some(GATEWAY_TOKEN),
            body,
        }
    }

    fn chat(&self, model: &str, extra: &Value) -> Shot {
        self.shot(Method::POST, "/v1/chat/completions", request(model, extra))
    }
}

fn request(model: &str, extra: &Value) -> String {
    let mut body = json!({ "model": model, "messages": [
        { "role": "system", "content": "You are a helpful assistant." },
        { "role": "user", "content": "Say something short about gateways, please." },
    ] });
    body.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap_or_default());
    body.to_string()
}

async fn start(table: &mut Table, world: &World) {
    let begin = async || {
        let began = Instant::now();
        let gateway = world.home.start().await;
        (began.elapsed().as_secs_f64() * 1e3, gateway)
    };
    let (cold, gateway) = begin().await;
    // Ready is when messages can be stored; the channel's component is compiled behind that.
    assert!(world.telegram.wait_for_poll(TOKEN, SOON).await);
    gateway.kill().await;
    let mut warm = Vec::new();
    for _ in 0..5 {
        let (took, gateway) = begin().await;
        warm.push(took);
        gateway.kill().await;
    }
    warm.sort_by(f64::total_cmp);
    table.at_most("start to `/readyz`, 5 accounts, warm cache (median of 5)", warm[2], 130.0, "ms");
    table.at_most("the same, cold cache", cold, 3_000.0, "ms");
    let gateway = world.home.start().await;
    for account in ["default", "a2", "a3", "a4", "a5"] {
        let token =
            if account == "default" { TOKEN.to_owned() } else { format!("{}:bench-token", &account[1..]) };
        assert!(world.telegram.wait_for_poll(&token, SOON).await, "{account} does not poll");
    }
    let before = cpu_seconds(gateway.pid());
    tokio::time::sleep(Duration::from_secs(5)).await;
    table.at_most("idle resident memory, 5 accounts", resident_mb(gateway.pid()), 30.0, "MB");
    table.note("idle CPU", (cpu_seconds(gateway.pid()) - before) / 5.0 * 100.0, "% of a core");
    gateway.kill().await;
    let size = std::fs::metadata(openclaw_e2e::binary()).unwrap().len() as f64 / 1e6;
    table.at_most("binary with all bundled plugins", size, 25.0, "MB");
}

/// Fires at a process and says what each request cost it.
async fn measured(pid: u32, shot: &Shot, connections: usize) -> (Hits, f64) {
    fire(shot, connections, Duration::from_millis(500)).await;
    let before = cpu_seconds(pid);
    let hits = fire(shot, connections, LOAD).await;
    let cost = (cpu_seconds(pid) - before) * 1e6 / hits.count();
    (hits, cost)
}

async fn raw_route(table: &mut Table, world: &World, gateway: &Gateway) {
    let upstream = world.model.base_url();
    let upstream = upstream.trim_start_matches("http://").trim_end_matches("/v1");
    let mut bare = Command::new(std::env::current_exe().unwrap());
    let mut bare = bare.args(["proxy", upstream]).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let address = BufReader::new(bare.stdout.take().unwrap()).lines().next_line().await.unwrap().unwrap();
    let bare_pid = bare.id().unwrap();
    let bare_shot = |extra: &Value| Shot {
        address: address.clone(),
        method: Method::POST,
        path: "/v1/chat/completions",
        token: Some(KEY),
        body: request("echo", extra),
    };
    let direct = Shot { address: upstream.to_owned(), ..bare_shot(&json!({})) };

    let (_, bare_cost) = measured(bare_pid, &bare_shot(&json!({})), 8).await;
    let (_, cost) = measured(gateway.pid(), &world.chat("fake/echo", &json!({})), 8).await;
    table.at_most("raw `/v1/chat/completions`, 8 connections: CPU a request", cost, 80.0, "µs");
    table.note("a bare hyper proxy in the same run", bare_cost, "µs");
    table.at_most("ratio of the two", cost / bare_cost, 1.4, "×");
    let (hits, _) = measured(gateway.pid(), &world.chat("fake/echo", &json!({})), 64).await;
    table.note("raw route, 64 connections", hits.per_second(), "requests/s");
    let (bare_hits, _) = measured(bare_pid, &bare_shot(&json!({})), 64).await;
    table.note("the bare proxy, 64 connections", bare_hits.per_second(), "requests/s");
    let alone = fire(&direct, 1, LOAD).await.percentile_ms(0.5);
    let through = fire(&world.chat("fake/echo", &json!({})), 1, LOAD).await.percentile_ms(0.5);
    table.at_most("raw route: added p50, one connection", through - alone, 0.15, "ms");

    let streamed = json!({ "stream": true, "stream_options": { "include_usage": true } });
    let (_, cost) = measured(gateway.pid(), &world.chat("fake/echo", &streamed), 8).await;
    let (_, bare_cost) = measured(bare_pid, &bare_shot(&streamed), 8).await;
    table.at_most("raw route streamed, 19 chunks: CPU a stream", cost, 250.0, "µs");
    table.note("a bare hyper proxy, streamed", bare_cost, "µs");
}

async fn agent_turn(table: &mut Table, world: &World) {
    let upstream = world.model.base_url();
    let address = upstream.trim_start_matches("http://").trim_end_matches("/v1").to_owned();
    let direct = Shot {
        address,
        method: Method::POST,
        path: "/v1/chat/completions",
        token: Some(KEY),
        body: request("echo", &json!({})),
    };
    let alone = fire(&direct, 1, LOAD).await.percentile_ms(0.5);
    let through = fire(&world.chat("openclaw", &json!({})), 1, LOAD).await;
    table.at_most("agent turn: added p50, one connection", through.percentile_ms(0.5) - alone, 3.0, "ms");
    let hits = fire(&world.chat("openclaw", &json!({})), 16, LOAD).await;
    table.at_least("agent turns, 16 connections", hits.per_second(), 1_000.0, "turns/s");
}

async fn control_plane(table: &mut Table, world: &World) {
    let mut rpc = Rpc::connect(world.home.port(), GATEWAY_TOKEN).await;
    let mut times = Vec::new();
    for _ in 0..5_000 {
        let began = Instant::now();
        rpc.round_trip("health").await;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    table.at_most("WebSocket `health`: p50", percentile_ms(&times, 0.5), 0.1, "ms");
    table.at_most("WebSocket `health`: p99", percentile_ms(&times, 0.99), 1.0, "ms");
}

async fn channel(table: &mut Table, world: &World) {
    let mut rpc = Rpc::connect(world.home.port(), GATEWAY_TOKEN).await;
    let mut times = Vec::new();
    for number in 0..50 {
        assert!(world.telegram.wait_for_poll(TOKEN, SOON).await);
        let began = Instant::now();
        rpc.call("send", json!({
            "channel": "telegram", "to": "1", "message": format!("message {number}"), "idempotencyKey": format!("bench-{number}"),
        }))
        .await;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    table.at_most(
        "`send` while `run` waits in a long poll: slowest of 50",
        percentile_ms(&times, 1.0),
        100.0,
        "ms",
    );

    let mut times = Vec::new();
    for number in 0..200 {
        assert!(world.telegram.wait_for_poll(TOKEN, SOON).await);
        let heard = world.model.count();
        let began = Instant::now();
        world.telegram.say(TOKEN, &Talker::private(1, "somebody"), &format!("inbound {number}"));
        assert!(world.model.wait_for(heard + 1, SOON).await);
        times.push(began.elapsed());
        let answer = format!("inbound {number}");
        let answered = world.telegram.wait_for(TOKEN, SOON, |sent| {
            sent.iter()
                .rev()
                .any(|sent| sent.method == "sendMessage" && sent.text.ends_with(&answer))
                .then_some(())
        });
        assert!(answered.await.is_some());
    }
    times.sort_unstable();
    table.note("inbound message to model request: p50 of 200", percentile_ms(&times, 0.5), "ms");
    table.at_most("inbound message to model request: p99 of 200", percentile_ms(&times, 0.99), 5.0, "ms");

    let mut times = Vec::new();
    for _ in 0..20 {
        let began = Instant::now();
        rpc.call("channels.restart", json!({ "channel": "telegram", "accountId": "a2" })).await;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    table.at_most("restart of one account: slowest of 20", percentile_ms(&times, 1.0), 200.0, "ms");
}

async fn command_line(table: &mut Table, world: &World) {
    for command in [&["health"][..], &["status"], &["channels", "status"], &["config", "get", "gateway.mode"]]
    {
        let mut times = Vec::new();
        for _ in 0..11 {
            let began = Instant::now();
            world.home.run(command).await.ok();
            times.push(began.elapsed());
        }
        times.sort_unstable();
        table.at_most(
            &format!("`openclaw {}` (median of 11)", command.join(" ")),
            percentile_ms(&times, 0.5),
            50.0,
            "ms",
        );
    }
}

/// One key of a long file changes, again and again; the gateway says how long it took to put that in force.
async fn reload(table: &mut Table, world: &World) {
    let path = world.home.config_path();
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<String> =
        (0..1_950).map(|n| format!("    \"VARIABLE_{n}\": \"value number {n}\", // line {n}")).collect();
    let edited = |number: usize| {
        let section = format!("{{\n  \"env\": {{ \"vars\": {{\n{}\n  }} }},", lines.join("\n"));
        let prefix = format!("\n  \"commands\": {{ \"ownerAllowFrom\": [\"telegram:{number}\"] }},");
        text.replacen('{', &format!("{section}{prefix}"), 1)
    };
    assert!(edited(0).lines().count() >= 1_900);
    let applied = async || {
        let status = world.home.run(&["status", "--json"]).await.ok().json();
        (status["config"]["appliedHash"].clone(), status["config"]["lastReloadMs"].as_f64())
    };
    let mut times = Vec::new();
    for number in 0..11 {
        let (before, _) = applied().await;
        // As an editor saves: the new file gets the name of the old one.
        let new = path.with_extension("new");
        std::fs::write(&new, edited(number)).unwrap();
        std::fs::rename(&new, &path).unwrap();
        let deadline = Instant::now() + SOON;
        loop {
            assert!(Instant::now() < deadline, "the edit was never applied");
            match applied().await {
                (now, Some(took)) if now != before => {
                    times.push(took);
                    break;
                }
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
    // The first edit brings in the long part; the others change one key.
    times.remove(0);
    times.sort_by(f64::total_cmp);
    let what = "reload of a one-key edit in a 2,000-line file, after the debounce (median of 10)";
    table.at_most(what, times[5], 50.0, "ms");
    table.note("the same, slowest of 10", times[9], "ms");
}
