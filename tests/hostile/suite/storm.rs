//! T1: ten accounts of one plugin, fifty messages a second, and one of the ten traps on every one that it is given.

use std::time::{Duration, Instant};

use openclaw_e2e::control::Connection;
use openclaw_e2e::{Home, model, model_only};
use serde_json::{Map, json};

use crate::gateway::{install_guest, message, status, until};
use crate::neighbour::p99;
use crate::report::{Contained, Report, Verdict};

const NAME: &str = "t1-one-of-ten-traps";
const ACCOUNTS: usize = 10;
/// Between two messages of one account: all together fifty a second.
const PAUSE: Duration = Duration::from_millis(200);
/// What the p99 of the others may change by besides 5 %: two looks at one quiet machine differ by this much.
const NOISE: Duration = Duration::from_millis(20);

/// How long the storm lasts: 30 s, or as many as the variable says. The design's own bar is 600.
fn length() -> Duration {
    let seconds = std::env::var("OPENCLAW_HOSTILE_STORM_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(30))
}

pub(crate) async fn run(report: &mut Report) {
    if report.wants(NAME) {
        let verdict = play().await;
        // The other nine are its neighbours, and the verdict is about them.
        report.case(NAME, length() + Duration::from_secs(5), verdict, Ok("nine neighbours".into()));
    }
}

async fn play() -> Verdict {
    let model = model().await;
    let mut config = model_only(&model);
    let account = |number: usize| {
        let acts: &[&str] = if number == 0 { &["trap"] } else { &[] };
        let section = json!({ "token": "t1-token", "root": "http://127.0.0.1:9", "elsewhere": "http://127.0.0.1:9", "own": "http://127.0.0.1:9", "send": acts });
        (number.to_string(), section)
    };
    config["channels"] =
        json!({ "hostile": { "accounts": (0..ACCOUNTS).map(account).collect::<Map<_, _>>() } });
    let home = Home::new(config);
    install_guest(&home);
    let _gateway = home.start().await;
    let mut client = Connection::open(&home, &["operator.admin"]).await;
    for number in 0..ACCOUNTS {
        let up = until(Duration::from_secs(15), async || {
            status(&mut client, "hostile", &number.to_string()).await["lifecycle"] == "ready"
        });
        up.await.map_err(|why| format!("account {number} is not ready {why}"))?;
    }
    // The same load on the nine alone is what they are compared with.
    let calm = load(&home, 1, "calm", length() / 3).await?;
    let storm = load(&home, 0, "storm", length()).await?;
    let crashes = status(&mut client, "hostile", "0").await["supervision"]["crashes"].as_u64().unwrap_or(0);
    for number in 1..ACCOUNTS {
        let other = status(&mut client, "hostile", &number.to_string()).await;
        if other["supervision"]["starts"] != 1 || other["supervision"]["crashes"] != 0 {
            return Err(format!("another account was started anew: {other}"));
        }
    }
    let (before, during) = (p99(calm.clone()), p99(storm.clone()));
    let by =
        format!("{} messages, 0 lost, {crashes} crashes, p99 {before:.1?} then {during:.1?}", storm.len());
    if crashes == 0 {
        return Err(format!("it never crashed: {by}"));
    }
    if during > before + before / 20 + NOISE { Err(by) } else { Ok(Contained { by, took: length() }) }
}

/// Sends to the accounts from `first` on, and returns how long those of the healthy ones took.
async fn load(
    home: &Home,
    first: usize,
    label: &'static str,
    length: Duration,
) -> Result<Vec<Duration>, String> {
    let mut senders = Vec::new();
    for number in first..ACCOUNTS {
        let mut client = Connection::open(home, &["operator.admin"]).await;
        senders.push(tokio::spawn(async move {
            let began = Instant::now();
            let mut times = Vec::new();
            let mut due = tokio::time::interval(PAUSE);
            for round in 1_u64.. {
                due.tick().await;
                if began.elapsed() > length {
                    break;
                }
                let sent = Instant::now();
                let text = format!("{label} {round}");
                let answer = client
                    .call("send", message(&number.to_string(), &text, &format!("{label}-{number}-{round}")));
                let answer = answer.await;
                client.seen.clear();
                if number == 0 {
                    continue;
                }
                times.push(sent.elapsed());
                let answer = answer.map_err(|error| format!("account {number} lost {text}: {error}"))?;
                let id = answer["messageId"].as_str().unwrap_or_default();
                // What it says is how many it has heard, in both loads together.
                let heard = id.split(':').next().and_then(|heard| heard.parse::<u64>().ok());
                if !id.ends_with(&text) || heard.is_none_or(|heard| heard < round) {
                    return Err(format!("account {number} was asked {text} and said {id}"));
                }
            }
            Ok(times)
        }));
    }
    let mut all = Vec::new();
    for sender in senders {
        all.extend(sender.await.map_err(|lost| lost.to_string())??);
    }
    Ok(all)
}
