//! Whether an account says truly that it can receive, and how soon it can again: a line on which nothing comes, a network that is
//! down, a process that stands still. The bars are T20, T24 and T25 of the design; where a time is shorter here than in life,
//! the vendor says so.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use openclaw_e2e::control::Connection;
use openclaw_e2e::{Gateway, Home, SOON, TOKEN, eventually, model_only};
use openclaw_fakes::{DiscordTalker, FakeDiscord, FakeOpenai, FakeTelegram, Link, Mode, Talker, Weather};
use serde_json::{Value, json};

const DISCORD_TOKEN: &str = "MTAwMA.liveness.T0ken";
/// What the vendor dictates here, in place of 41 s.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How soon an account is to be back after its network is (T24).
const BACK: Duration = Duration::from_secs(15);

/// One gateway with an account that polls and one with a socket, each behind a line of its own.
struct World {
    telegram: FakeTelegram,
    discord: FakeDiscord,
    model: FakeOpenai,
    to_telegram: Link,
    to_discord: Link,
    home: Home,
    gateway: Gateway,
    client: Connection,
}

impl World {
    async fn new() -> World {
        let telegram = FakeTelegram::start().await.unwrap();
        telegram.add_bot(TOKEN, "mock_claw_bot");
        let discord = FakeDiscord::start().await.unwrap();
        discord.add_bot(DISCORD_TOKEN, 1_000, "claw");
        discord.set_heartbeat(HEARTBEAT);
        let model = openclaw_e2e::model().await;
        let to_telegram = Link::to(&telegram.api_root()).await.unwrap();
        let to_discord = Link::to(&discord.api_root()).await.unwrap();
        let mut config = model_only(&model);
        // Each attempt is told; loudly only once a minute.
        config["logging"] = json!({ "level": "debug" });
        // Neither waits for the other's turn.
        config["session"] = json!({ "dmScope": "per-account-channel-peer" });
        config["channels"] = json!({
            "telegram": {
                "botToken": TOKEN, "apiRoot": to_telegram.root(), "dmPolicy": "open", "allowFrom": ["*"],
            },
            "discord": {
                "token": DISCORD_TOKEN, "apiRoot": to_discord.root(), "gatewayUrl": to_discord.socket_root(),
                "dmPolicy": "open", "allowFrom": ["*"],
            },
        });
        let home = Home::new(config);
        let gateway = home.start().await;
        let client = Connection::open(&home, &["operator.admin"]).await;
        let mut world = World { telegram, discord, model, to_telegram, to_discord, home, gateway, client };
        for channel in ["telegram", "discord"] {
            world.until(channel, SOON, |account| account["connected"] == true).await;
        }
        // Held open: what follows meets an account in the middle of its life.
        assert!(world.telegram.wait_for_poll(TOKEN, SOON).await);
        world
    }

    /// The facts of a channel's one account.
    async fn account(&mut self, channel: &str) -> Value {
        let status = self.client.call("channels.status", json!({})).await.unwrap();
        status["channelAccounts"][channel][0].clone()
    }

    /// Looks until `holds`; returns how long that took.
    async fn until(&mut self, channel: &str, within: Duration, holds: impl Fn(&Value) -> bool) -> Duration {
        let began = Instant::now();
        loop {
            let account = self.account(channel).await;
            if holds(&account) {
                return began.elapsed();
            }
            assert!(began.elapsed() < within, "not within {within:?}: {account:#}\n{}", self.home.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn set(&self, weather: Weather) {
        self.to_telegram.set(weather).await;
        self.to_discord.set(weather).await;
    }

    fn say(&self, text: &str) {
        self.telegram.say(TOKEN, &Talker::private(1, "ada"), text);
        self.discord.say(DISCORD_TOKEN, &DiscordTalker::private(7, "ada"), text);
    }

    fn answers(&self, text: &str) -> (usize, usize) {
        let polled = self.telegram.messages(TOKEN).iter().filter(|sent| sent.text.contains(text)).count();
        let has = |content: &Option<String>| content.as_ref().is_some_and(|content| content.contains(text));
        let pushed = self.discord.messages(DISCORD_TOKEN).iter().filter(|sent| has(&sent.content)).count();
        (polled, pushed)
    }

    /// Waits until both have answered; returns how long that took.
    async fn answered(&self, text: &str, within: Duration) -> Duration {
        let began = Instant::now();
        while self.answers(text) != (1, 1) {
            let (answers, log) = (self.answers(text), self.home.log());
            assert!(began.elapsed() < within, "{text}: {answers:?} within {within:?}\n{log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        began.elapsed()
    }

    /// Nobody gave up, nobody was started again, and nothing is in doubt.
    async fn is_unscathed(&mut self) {
        for channel in ["telegram", "discord"] {
            let account = self.account(channel).await;
            for way in ["transport", "inbound", "outbound"] {
                let at = account["evidence"][way]["at"].as_u64().unwrap_or_default();
                let well = ["live", "open"].contains(&account["evidence"][way]["state"].as_str().unwrap());
                assert!(well && (at == 0) == (account[name_of(way)].is_null()), "{way}: {account:#}");
            }
            assert_eq!(account["supervision"]["starts"], 1, "{account:#}");
            assert_eq!(account["supervision"]["crashes"], 0, "{account:#}");
            assert!(account.get("deadLetters").is_none(), "{account:#}");
        }
        assert!(self.gateway.pid() > 0, "the process that was started still runs");
    }
}

/// What the original calls the time of a fact.
fn name_of(way: &str) -> &str {
    match way {
        "transport" => "lastTransportActivityAt",
        "inbound" => "lastInboundAt",
        _ => "lastOutboundAt",
    }
}

fn age(account: &Value, now_ms: u64) -> u64 {
    now_ms.saturating_sub(account["lastTransportActivityAt"].as_u64().unwrap())
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// T20 for heartbeats: two of them unanswered, which are 82.5 s where Discord's interval is 41.25 s.
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_on_which_nothing_comes_is_noticed_by_its_heartbeats() {
    let mut world = World::new().await;
    world.to_discord.set(Weather::BlackHole).await;
    let asked = world.to_discord.tried();
    world.discord.say(DISCORD_TOKEN, &DiscordTalker::private(7, "ada"), "said into the void");
    let noticed = world.until("discord", SOON, |account| account["connected"] == false).await;
    assert!(noticed <= 2 * HEARTBEAT + Duration::from_millis(500), "noticed after {noticed:?}");
    // For as long as the hole is there nobody says that it is well, however often a connection is tried: each is made, and
    // stays silent for the 10 s that a handshake may take.
    let began = Instant::now();
    while world.to_discord.tried() < asked + 2 {
        let account = world.account("discord").await;
        assert_eq!(account["connected"], false, "{account:#}");
        assert!(
            age(&account, now_ms()) + 500 >= u64::try_from(began.elapsed().as_millis()).unwrap(),
            "{account:#}"
        );
        assert!(began.elapsed() < 2 * SOON, "{account:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let evidence = world.account("discord").await["evidence"].clone();
    assert_eq!(
        (&evidence["transport"]["state"], &evidence["inbound"]["state"]),
        (&json!("down"), &json!("closed"))
    );
    let shown = world.home.run(&["channels", "status"]).await.ok().stdout;
    let line = shown.lines().find(|line| line.starts_with("- Discord default")).unwrap();
    assert!(line.contains("disconnected") && !line.contains(", connected"), "{shown}");
    assert_eq!(world.account("telegram").await["connected"], true, "the other account is well");
    world.to_discord.set(Weather::Fair).await;
    let back = world.until("discord", BACK, |account| account["connected"] == true).await;
    eventually("what was said is answered", async || world.answers("said into the void").1 == 1).await;
    assert!(back <= BACK);
    assert!(!world.home.log().contains("over its limit"), "the socket that was given up is in nobody's way");
    assert_eq!(world.discord.identifies(DISCORD_TOKEN).len(), 1, "the session was resumed");
    world.is_unscathed().await;
}

/// T20 for polls: one poll of 30 s and 10 s more, which nobody can shorten.
#[tokio::test(flavor = "multi_thread")]
async fn a_poll_on_which_nothing_comes_is_noticed_ten_seconds_after_its_end() {
    let mut world = World::new().await;
    world.to_telegram.set(Weather::BlackHole).await;
    world.telegram.say(TOKEN, &Talker::private(1, "ada"), "said into the void");
    let bar = Duration::from_secs(40);
    let noticed =
        world.until("telegram", bar + Duration::from_millis(500), |account| account["connected"] == false);
    noticed.await;
    let account = world.account("telegram").await;
    assert!(account["lifecycle"] == "degraded" && age(&account, now_ms()) <= 42_000, "{account:#}");
    let tried = world.to_telegram.tried();
    let began = Instant::now();
    while world.to_telegram.tried() < tried + 1 {
        let account = world.account("telegram").await;
        assert!(account["connected"] == false && began.elapsed() < SOON, "{account:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(world.account("discord").await["connected"], true, "the other account is well");
    world.to_telegram.set(Weather::Fair).await;
    world.until("telegram", BACK, |account| account["connected"] == true).await;
    eventually("what was said is answered", async || world.answers("said into the void").0 == 1).await;
    world.is_unscathed().await;
}

/// T24: nobody listens, nobody answers, or a proxy does.
async fn is_ridden_through(weather: Weather) {
    let mut world = World::new().await;
    // Replies that are not written yet when the network goes: one that is being sent then would be in doubt.
    world.model.set_mode(Mode::Late { delay_ms: 4_000 });
    world.say("before");
    assert!(world.model.wait_for(2, SOON).await);
    world.set(weather).await;
    world.model.set_mode(Mode::Echo);
    for channel in ["telegram", "discord"] {
        world.until(channel, Duration::from_secs(45), |account| account["connected"] == false).await;
    }
    // Until the waits between the attempts have grown as long as they get: at 1, 2 and 4 s, and twice again.
    let is_attempt = |line: &&str| line.contains("network error") || line.contains("not reachable");
    let attempts = |world: &World| world.home.log().lines().filter(is_attempt).count();
    let grown = attempts(&world) + 10;
    let began = Instant::now();
    while attempts(&world) < grown && began.elapsed() < Duration::from_secs(40) {
        for channel in ["telegram", "discord"] {
            let account = world.account(channel).await;
            assert_eq!(account["connected"], false, "{account:#}");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    world.say("meanwhile");
    world.set(Weather::Fair).await;
    let back = world.answered("meanwhile", BACK).await;
    // What waited goes out by its own clock, which is no slower.
    let sent = world.answered("before", BACK.saturating_sub(back) + Duration::from_secs(1)).await;
    println!(
        "{weather:?}: answered {back:?} after the network came back, and what had waited {sent:?} later"
    );
    world.is_unscathed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_refuses_connections_is_waited_for() {
    is_ridden_through(Weather::Refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_wants_a_password_is_waited_for() {
    is_ridden_through(Weather::Proxy(407)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_wants_a_person_to_log_in_is_waited_for() {
    is_ridden_through(Weather::Proxy(401)).await;
}

/// T25: the process stands still, as on a machine that sleeps, until the vendors have given its connections up.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stood_still_goes_on() {
    let mut world = World::new().await;
    world.say("before");
    world.answered("before", SOON).await;
    world.gateway.signal("STOP").await;
    // The vendor of the socket hangs up on who does not beat, and keeps the session; the other one holds its poll.
    world.discord.cut(DISCORD_TOKEN);
    world.say("while it stood still");
    tokio::time::sleep(5 * HEARTBEAT).await;
    assert_eq!(world.answers("while it stood still"), (0, 0));
    world.gateway.signal("CONT").await;
    let began = Instant::now();
    world.answered("while it stood still", Duration::from_secs(30)).await;
    for channel in ["telegram", "discord"] {
        world.until(channel, Duration::from_secs(30), |account| account["connected"] == true).await;
    }
    assert_eq!(world.discord.identifies(DISCORD_TOKEN).len(), 1, "the session was resumed");
    world.say("after it");
    world.answered("after it", SOON).await;
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    world.is_unscathed().await;
}

/// The host's own bound, for a component that says it can receive and never looks again.
#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_does_not_notice_is_not_believed() {
    let mut config = model_only(&openclaw_e2e::model().await);
    let account = json!({ "token": "t", "root": "http://127.0.0.1:9", "mode": "echo" });
    config["channels"] = json!({ "echo": { "accounts": { "a": account } } });
    let home = Home::new(config);
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-plugins/echo");
    let folder = home.state().join("plugins/echo");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(built.join("component.wasm"), folder.join("component.wasm")).unwrap();
    let manifest = std::fs::read_to_string(built.join("plugin.toml")).unwrap();
    assert!(manifest.contains("[channel]\n"));
    let manifest = manifest.replacen("[channel]\n", "[channel]\nevidence-s = 2\n", 1);
    std::fs::write(folder.join("plugin.toml"), manifest).unwrap();
    let _gateway = home.start().await;
    let mut client = Connection::open(&home, &["operator.read"]).await;
    let mut facts = Value::Null;
    let mut was_connected = false;
    eventually("it is found deaf", async || {
        facts =
            client.call("channels.status", json!({})).await.unwrap()["channelAccounts"]["echo"][0].clone();
        was_connected |= facts["connected"] == true;
        facts["evidence"]["transport"]["state"] == "deaf"
    })
    .await;
    assert!(was_connected, "before that it was believed: {facts:#}");
    assert_eq!(
        (&facts["connected"], &facts["healthState"]),
        (&json!(false), &json!("stale-socket")),
        "{facts:#}"
    );
    eventually("the account says so", async || {
        facts =
            client.call("channels.status", json!({})).await.unwrap()["channelAccounts"]["echo"][0].clone();
        facts["lifecycle"] == "degraded"
    })
    .await;
    assert_eq!(facts["supervision"]["starts"], 1, "silence restarts nothing: {facts:#}");
    let shown = home.run(&["channels", "status"]).await.ok().stdout;
    assert!(shown.contains("disconnected") && shown.contains("transport:deaf"), "{shown}");
    assert!(shown.contains("nothing was heard from the vendor for 2 s"), "{shown}");
}
