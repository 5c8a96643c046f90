//! A steady stream of messages: whether the gateway keeps up with it, and whether its memory stays where it is.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use openclaw_e2e::{Home, SOON, fakes, open};
use openclaw_fakes::{FakeTelegram, Talker};
use serde_json::{Map, Value, json};

use crate::load::percentile_ms;
use crate::process::{cpu_seconds, resident_mb};
use crate::table::Table;

/// Messages in a second.
const RATE: u32 = 200;
/// Bots, each with an agent of its own. A vendor lets one bot answer some 25 times a second.
const BOTS: usize = 8;
/// People who write to each bot in turn, so that nobody is answered more than once in four seconds.
const PEOPLE: usize = 100;
/// Before the measured time: caches fill, transcripts reach the length that a prompt holds.
const WARM_UP: Duration = Duration::from_secs(15);
/// The measured time.
const MEASURED: Duration = Duration::from_secs(40);

pub(crate) async fn rows(table: &mut Table) {
    let (telegram, model) = fakes().await;
    let home = Home::new(config(open(&telegram, &model), &telegram));
    let gateway = home.start().await;
    for bot in 0..BOTS {
        assert!(telegram.wait_for_poll(&token(bot), SOON).await);
    }
    let mut people = 0;
    write(&telegram, &mut people, WARM_UP).await;
    (0..BOTS).for_each(|bot| drop(telegram.take_sent(&token(bot))));
    model.clear();
    let (memory, cpu) = (resident_mb(gateway.pid()), cpu_seconds(gateway.pid()));
    let began = Instant::now();
    let said = write(&telegram, &mut people, MEASURED).await;
    let (grown, used) = (resident_mb(gateway.pid()) - memory, cpu_seconds(gateway.pid()) - cpu);
    let taken = began.elapsed().as_secs_f64();
    let times = answers(&telegram, &said).await;
    let prefix = format!("{RATE} messages a second for {} s", MEASURED.as_secs());
    let share = times.len() as f64 / said.len() as f64 * 100.0;
    table.at_least(&format!("{prefix}: answered"), share, 100.0, "%");
    table.at_least(
        &format!("{prefix}: answered in a second"),
        times.len() as f64 / taken,
        f64::from(RATE) * 0.99,
        "messages",
    );
    table.note(&format!("{prefix}: from the message to its answer, p50"), percentile_ms(&times, 0.5), "ms");
    table.note(&format!("{prefix}: from the message to its answer, p99"), percentile_ms(&times, 0.99), "ms");
    table.at_most(&format!("{prefix}: memory grown meanwhile"), grown, 2.0, "MB");
    table.note(&format!("{prefix}: of one core"), used / taken * 100.0, "%");
}

/// Bots with an agent each, and every text a turn of its own.
fn config(mut config: Value, telegram: &FakeTelegram) -> Value {
    let mut accounts = Map::new();
    let mut agents = Map::new();
    for bot in 0..BOTS {
        telegram.add_bot(&token(bot), &format!("steady_{bot}_bot"));
        accounts.insert(name(bot), json!({ "botToken": token(bot) }));
        agents.insert(name(bot), json!({}));
    }
    let bind = |bot: usize| json!({ "agentId": name(bot), "match": { "channel": "telegram", "accountId": name(bot) } });
    config["bindings"] = (0..BOTS).map(bind).collect();
    config["agents"]["entries"] = agents.into();
    config["channels"]["telegram"]["accounts"] = accounts.into();
    config["channels"]["telegram"].as_object_mut().unwrap().remove("botToken");
    config["messages"] = json!({ "inbound": { "debounceMs": 0 } });
    config
}

fn name(bot: usize) -> String {
    format!("b{bot}")
}

fn token(bot: usize) -> String {
    format!("{}:steady-token", bot + 10)
}

/// Has people write at the rate, and tells which text was said when. What is late is not left out but said at once.
async fn write(telegram: &FakeTelegram, people: &mut usize, lasting: Duration) -> HashMap<String, Instant> {
    let began = Instant::now();
    let mut said = HashMap::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
    while began.elapsed() < lasting {
        ticks.tick().await;
        let (bot, person) = (*people % BOTS, *people / BOTS % PEOPLE);
        let text = format!("message {people} of the stream");
        *people += 1;
        let id = i64::try_from(1_000 + person).unwrap();
        telegram.say(&token(bot), &Talker::private(id, &format!("person_{person}")), &text);
        said.insert(text, Instant::now());
    }
    said
}

/// How long each answer took; those that do not come within a while are missing.
async fn answers(telegram: &FakeTelegram, said: &HashMap<String, Instant>) -> Vec<Duration> {
    let mut times = Vec::new();
    for bot in 0..BOTS {
        let wanted = said.keys().filter(|text| of(text) == bot).count();
        let token = token(bot);
        let all = telegram.wait_for(&token, SOON, |sent| {
            let answers = sent.iter().filter(|sent| sent.method == "sendMessage");
            (answers.count() >= wanted).then_some(())
        });
        // Who is missing then is not in the list.
        let _ = all.await;
        for sent in telegram.messages(&token) {
            let answered = said.iter().find(|(text, _)| sent.text.ends_with(text.as_str()));
            times.extend(answered.map(|(_, at)| sent.at.into_std().saturating_duration_since(*at)));
        }
    }
    times.sort_unstable();
    times
}

/// The bot to which a text was said.
fn of(text: &str) -> usize {
    text.split_whitespace().nth(1).and_then(|number| number.parse::<usize>().ok()).unwrap() % BOTS
}
