//! Floods of wrong credentials, a thousand a second, through the real binary: whoever guesses is locked out, and whoever
//! holds what nobody can guess gets in at once, from the same address too (decision 16).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use openclaw_e2e::device::Device;
use openclaw_e2e::http::{get, send_with};
use openclaw_e2e::ws::{CALM, Client, connect, connect_with, p99};
use openclaw_e2e::{GATEWAY_TOKEN, Home, eventually, model, model_only};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

const WRONG: &str = "a-wrong-token-that-nobody-may-read";
/// Attackers; each guesses every [`PAUSE`], which makes a thousand guesses a second.
const ATTACKERS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);
/// Every second guesses over the socket, where a wrong guess waits for its answer for a quarter of a second: four times
/// as many as one address has places for.
const BY_SOCKET: u32 = 2;
/// How often each honest client connects anew at least, and for how long.
const HONEST: usize = 100;
const LASTING: Duration = Duration::from_secs(3);

/// One flood at a time: what is measured is what one does.
static ALONE: Mutex<()> = Mutex::const_new(());

/// What the attackers were told.
#[derive(Default)]
struct Told {
    /// 401, or `AUTH_TOKEN_MISMATCH`: the guess was compared.
    wrong: AtomicUsize,
    /// 429, or `AUTH_RATE_LIMITED`.
    limited: AtomicUsize,
    /// Another attacker got the place before the answer.
    crowded_out: AtomicUsize,
}

impl Told {
    fn all(&self) -> usize {
        [&self.wrong, &self.limited, &self.crowded_out]
            .map(|count| count.load(Ordering::Relaxed))
            .iter()
            .sum()
    }
}

/// Attackers that guess until they are told to stop.
struct Flood {
    stop: Arc<AtomicBool>,
    told: Arc<Told>,
    attackers: JoinSet<()>,
    began: Instant,
}

impl Flood {
    /// Guesses over HTTP and over the socket, each on a new connection. `lines` are header lines of each guess.
    fn begin(port: u16, lines: fn(u32) -> String) -> Flood {
        let (stop, told) = (Arc::new(AtomicBool::new(false)), Arc::new(Told::default()));
        let mut attackers = JoinSet::new();
        for attacker in 0..ATTACKERS {
            let (stop, told) = (Arc::clone(&stop), Arc::clone(&told));
            attackers.spawn(async move {
                let mut pace = interval(PAUSE);
                pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
                let mut guesses = JoinSet::new();
                for round in 0.. {
                    pace.tick().await;
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let (told, lines) = (Arc::clone(&told), lines(round * ATTACKERS + attacker));
                    // The answer is not waited for: a flood does not slow down.
                    guesses.spawn(async move {
                        let Ok(stream) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                        let count = if attacker % BY_SOCKET == 0 {
                            by_socket(stream, &lines, &told).await
                        } else {
                            by_http(stream, &lines, &told).await
                        };
                        count.fetch_add(1, Ordering::Relaxed);
                    });
                    while guesses.try_join_next().is_some_and(|ended| ended.is_ok()) {}
                }
                while let Some(ended) = guesses.join_next().await {
                    ended.unwrap();
                }
            });
        }
        Flood { stop, told, attackers, began: Instant::now() }
    }

    /// Ends it, and checks that it was one.
    async fn end(mut self) -> Arc<Told> {
        let lasted = self.began.elapsed();
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.attackers.join_next().await {
            ended.unwrap();
        }
        let rate = self.told.all() as f64 / lasted.as_secs_f64();
        assert!(rate > 800.0, "only {rate:.0} guesses a second in {lasted:?}");
        self.told
    }
}

async fn by_http<'a>(mut stream: TcpStream, lines: &str, told: &'a Told) -> &'a AtomicUsize {
    let request = format!(
        "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n{lines}Authorization: Bearer {WRONG}\r\nConnection: close\r\n\r\n"
    );
    let mut answer = String::new();
    if stream.write_all(request.as_bytes()).await.is_err()
        || stream.read_to_string(&mut answer).await.is_err()
    {
        return &told.crowded_out;
    }
    match answer.get(9..12) {
        Some("401") => &told.wrong,
        Some("429") => {
            let wait = answer.lines().find_map(|line| line.strip_prefix("retry-after: ")).unwrap();
            assert!((1..=301).contains(&wait.parse::<u32>().unwrap()), "{answer}");
            &told.limited
        }
        None => &told.crowded_out,
        _ => panic!("{answer}"),
    }
}

async fn by_socket<'a>(stream: TcpStream, lines: &str, told: &'a Told) -> &'a AtomicUsize {
    let Ok(mut client) = Client::over(stream, lines).await else { return &told.crowded_out };
    match client.enter(&connect(WRONG)).await.expect_err("a wrong token was let in") {
        (1013, reason, _) => {
            assert_eq!(reason, "server busy");
            &told.crowded_out
        }
        (code, reason, error) => {
            let error = error.unwrap_or_else(|| panic!("no answer before {code} {reason}"));
            assert_eq!(code, 1008, "{reason}");
            match error["details"]["code"].as_str().unwrap() {
                "AUTH_TOKEN_MISMATCH" => &told.wrong,
                "AUTH_RATE_LIMITED" => {
                    assert!(error["retryAfterMs"].as_u64().is_some_and(|wait| wait > 0), "{error}");
                    &told.limited
                }
                _ => panic!("{error}"),
            }
        }
    }
}

/// A device that the gateway knows, and its token.
async fn paired(port: u16) -> (Device, String) {
    let device = Device::new(52);
    let mut client = Client::upgraded(port, None).await;
    let nonce = client.challenge().await;
    let hello = client.enter(&device.prove(connect(GATEWAY_TOKEN), &nonce)).await.unwrap();
    (device, hello["auth"]["deviceToken"].as_str().unwrap().to_owned())
}

/// Connects anew by the gateway's token over the socket and over HTTP, and by a device's token, over and over. Returns the
/// p99 of each.
async fn honest(port: u16, device: &Device, token: &str) -> [Duration; 3] {
    let url = format!("http://127.0.0.1:{port}/v1/models");
    let mut times = [const { Vec::new() }; 3];
    let until = Instant::now() + LASTING;
    while Instant::now() < until || times[0].len() < HONEST {
        let began = Instant::now();
        Client::connected(port).await;
        times[0].push(began.elapsed());
        let began = Instant::now();
        assert_eq!(get(&url, Some(GATEWAY_TOKEN)).await.unwrap().status, 200);
        times[1].push(began.elapsed());
        let began = Instant::now();
        let mut client = Client::upgraded(port, None).await;
        let nonce = client.challenge().await;
        let connect = connect_with(&json!({ "deviceToken": token }), &["operator.admin"]);
        client.enter(&device.prove(connect, &nonce)).await.unwrap();
        times[2].push(began.elapsed());
    }
    times.map(p99)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_the_token_connects_anew_through_a_flood_from_its_own_address() {
    let _alone = ALONE.lock().await;
    openclaw_e2e::raise_file_limit(4_096);
    let home = Home::new(model_only(&model().await));
    let _gateway = home.start().await;
    let (device, token) = paired(home.port()).await;
    let mut settled = Client::connected(home.port()).await;
    let flood = Flood::begin(home.port(), |_| String::new());
    eventually("the flood is in full spate", async || flood.told.all() > 500).await;
    let wrong = flood.told.wrong.load(Ordering::Relaxed);
    assert!((1..10).contains(&wrong), "{wrong} guesses of one address were compared");
    let times = honest(home.port(), &device, &token).await;
    let mut calm = Vec::new();
    for _ in 0..HONEST {
        calm.push(settled.round_trip().await);
    }
    let told = flood.end().await;
    let limited = told.limited.load(Ordering::Relaxed);
    assert!(limited > 500, "only {limited} guesses were refused for their number");
    let calm = p99(calm);
    println!("p99: token {:?}, HTTP {:?}, device {:?}, connected {calm:?}", times[0], times[1], times[2]);
    assert!(
        times.iter().chain([&calm]).all(|time| *time < CALM),
        "{times:?} {calm:?} beside {} guesses",
        told.all()
    );
    let files = home.files();
    let leaked = files.iter().find(|(_, bytes)| String::from_utf8_lossy(bytes).contains(WRONG));
    assert!(leaked.is_none(), "{:?}", leaked.map(|(path, _)| path));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_from_a_thousand_addresses_leaves_clients_alone() {
    let _alone = ALONE.lock().await;
    openclaw_e2e::raise_file_limit(4_096);
    let mut config = model_only(&model().await);
    config["gateway"]["trustedProxies"] = json!(["127.0.0.1"]);
    let home = Home::new(config);
    let _gateway = home.start().await;
    let (device, token) = paired(home.port()).await;
    // A proxy on this machine brings them.
    let flood = Flood::begin(home.port(), |guess| {
        let address = guess % 1_000;
        format!("X-Forwarded-For: 203.0.{}.{}\r\n", address / 250, address % 250 + 1)
    });
    let times = honest(home.port(), &device, &token).await;
    let told = flood.end().await;
    println!("p99: token {:?}, HTTP {:?}, device {:?}", times[0], times[1], times[2]);
    assert!(times.iter().all(|time| *time < CALM), "{times:?} beside {} guesses", told.all());
    // Nobody guessed often enough to be locked out, and nobody was held to what others did.
    let [wrong, limited] = [&told.wrong, &told.limited].map(|count| count.load(Ordering::Relaxed));
    assert!(wrong > 1_000 && limited * 10 < wrong, "{wrong} were compared, {limited} were not");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_locked_out_with_its_guesser_and_nobody_else() {
    let _alone = ALONE.lock().await;
    let password = "correct horse battery staple";
    let mut config = model_only(&model().await);
    config["gateway"]["auth"] = json!({ "mode": "password", "password": password });
    config["gateway"]["trustedProxies"] = json!(["127.0.0.1"]);
    let home = Home::new(config);
    let gateway = home.start().await;
    let port = home.port();
    let enter = async |auth: Value| {
        let mut client = Client::challenged(port).await;
        client.enter(&connect_with(&auth, &["operator.read"])).await
    };
    let device = Device::new(53);
    let mut client = Client::upgraded(port, None).await;
    let nonce = client.challenge().await;
    let first = device.prove(connect_with(&json!({ "password": password }), &["operator.read"]), &nonce);
    let hello = client.enter(&first).await.unwrap();
    let token = hello["auth"]["deviceToken"].as_str().unwrap();
    for guess in 1..10 {
        let (code, _, error) = enter(json!({ "password": format!("{WRONG}{guess}") })).await.unwrap_err();
        assert_eq!((code, &error.unwrap()["details"]["code"]), (1008, &json!("AUTH_PASSWORD_MISMATCH")));
    }
    // The tenth guess is one too many. Even the right one has to wait now, by either way in.
    let (_, _, error) = enter(json!({ "password": WRONG })).await.unwrap_err();
    assert_eq!(error.unwrap()["details"]["code"], "AUTH_RATE_LIMITED");
    let (code, reason, error) = enter(json!({ "password": password })).await.unwrap_err();
    let error = error.unwrap();
    assert_eq!((code, &error["details"]["code"]), (1008, &json!("AUTH_RATE_LIMITED")), "{reason}: {error}");
    assert!(error["retryAfterMs"].as_u64().is_some_and(|wait| wait > 290_000), "{error}");
    let bearer = format!("Bearer {password}");
    let url = format!("{}/v1/models", gateway.base());
    let limited = send_with(hyper::Method::GET, &url, &[("authorization", &bearer)], None).await.unwrap();
    assert_eq!(limited.status, 429, "{limited:?}");
    assert_eq!(limited.json()["error"]["type"], "rate_limited");
    assert!(limited.header("retry-after").unwrap().parse::<u32>().unwrap() > 290);
    // Somebody who comes from elsewhere, and a device with a token of its own, are not in this.
    let elsewhere = [("authorization", &*bearer), ("x-forwarded-for", "203.0.113.9")];
    assert_eq!(send_with(hyper::Method::GET, &url, &elsewhere, None).await.unwrap().status, 200);
    let mut client = Client::upgraded(port, None).await;
    let nonce = client.challenge().await;
    let own = connect_with(&json!({ "deviceToken": token }), &["operator.read"]);
    client.enter(&device.prove(own, &nonce)).await.unwrap();
}
