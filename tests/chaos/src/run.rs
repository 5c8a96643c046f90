//! One run: a gateway under load that is killed again and again, and started again at once.

use std::collections::HashSet;
use std::io::{IsTerminal, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use fastrand::Rng;
use openclaw_e2e::{Home, SOON, binary_with_failpoints, model, model_only};
use serde_json::json;
use tokio::process::Child;

use crate::clients::Clients;
use crate::ledger::{Ledger, UnderWay};
use crate::load::Load;
use crate::oracle::{Outside, Verdict, judge};
use crate::points::{Kill, draw};
use crate::vendors::{IN_BLOCKS, Vendors};

/// What the gateway reads its orders from.
const VARIABLE: &str = "OPENCLAW_FAILPOINTS";
/// A point that is not passed for so long gets a SIGKILL in its place, and is counted as missed.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the last gateway has to bring everything to an end.
const CALM: Duration = Duration::from_secs(180);

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) kills: usize,
    pub(crate) seed: u64,
    /// Messages a second.
    pub(crate) rate: u64,
}

/// One kill, and what it met.
pub(crate) struct Killed {
    pub(crate) kill: Kill,
    /// The gateway died where it was to die.
    pub(crate) passed: bool,
    /// Messages that wait in the gateway at this moment for a decision, a turn or their answer's send.
    pub(crate) waiting: u64,
    /// Sends in flight, by their ids.
    pub(crate) in_flight: Vec<i64>,
    /// Updates that the vendor delivered again until the next kill.
    pub(crate) redelivered: u64,
    /// Of those in flight, how many are flagged in the end.
    pub(crate) flagged: u64,
}

/// What a run found.
pub(crate) struct Found {
    pub(crate) killed: Vec<Killed>,
    pub(crate) verdict: Verdict,
    /// For how long messages came in.
    pub(crate) under_load: Duration,
    /// For how long the people waited, because too much was unanswered.
    pub(crate) waited: Duration,
    /// How often clients asked for what they sent under a key.
    pub(crate) attempts: u64,
    /// What went wrong beside the messages, a line each.
    pub(crate) trouble: Vec<String>,
    /// Where the installation is, which is kept when something does not hold.
    pub(crate) kept: Option<PathBuf>,
}

/// Runs.
pub(crate) async fn run(asked: Asked) -> Found {
    let mut rng = Rng::with_seed(asked.seed);
    let kills = draw(&mut rng, asked.kills);
    let (vendors, model) = (Vendors::start().await, model().await);
    let mut config = model_only(&model);
    config["session"] = json!({ "dmScope": "per-account-channel-peer" });
    config["channels"] = vendors.channels();
    // A gateway lives for a quarter of a second here: with the window that people have, it would do little but wait for more text.
    config["messages"] = json!({ "inbound": { "byChannel": { "telegram": 30 } } });
    // One account answers word by word, so that what it writes shows before it is complete, and one in blocks.
    let models = config["models"]["providers"]["fake"]["models"].as_array_mut().unwrap();
    models.extend(["mock-words", "mock-recite"].map(|id| json!({ "id": id, "name": id })));
    config["agents"]["entries"] = json!({
        "main": { "default": true }, "slow": { "model": "fake/mock-words" }, "blocks": { "model": "fake/mock-recite" },
    });
    config["agents"]["defaults"]["blockStreamingChunk"] = json!({ "minChars": 1, "maxChars": 4_000 });
    let bound = |agent: &str, account: &str| json!({ "agentId": agent, "match": { "channel": "telegram", "accountId": account } });
    config["bindings"] = json!([bound("slow", "bot0"), bound("blocks", IN_BLOCKS)]);
    let home = Home::new(config);
    let ledger = Ledger::in_state(&home.state());
    let load = Load::new(vendors, model);
    tokio::spawn(load.clone().watch());
    let mut trouble = Vec::new();
    // The first gateway compiles the components, and begins the sessions that those after it go on with: a vendor with a
    // websocket keeps nothing for somebody whom it has not met.
    let first = home.launch(home.command_of(&binary_with_failpoints(), &["gateway", "run"])).await;
    load.vendors().wait_for_sessions(SOON).await;
    if !load.greet(SOON).await {
        trouble.push("the first gateway did not answer everybody".to_owned());
    }
    first.kill().await;

    let begun = Instant::now();
    let talking = tokio::spawn(load.clone().talk(rng.fork(), asked.rate));
    let clients = Clients::of(home.port());
    let coming = tokio::spawn(clients.clone().come(rng.fork()));
    let mut killed = Vec::new();
    let mut known = HashSet::new();
    for (number, kill) in kills.into_iter().enumerate() {
        let redelivered = load.vendors().redelivered();
        let (status, passed) = live(&home, kill).await;
        if !killed_by_us(status) {
            trouble.push(format!("before its kill at {} the gateway ended by itself: {status}", kill.name()));
            trouble.extend(last_lines(&home));
            break;
        }
        let UnderWay { waiting, mut in_flight, .. } = ledger.under_way();
        load.killed(waiting);
        in_flight.retain(|id| known.insert(*id));
        if let Some(Killed { redelivered: again, .. }) = killed.last_mut() {
            *again = load.vendors().redelivered() - redelivered;
        }
        killed.push(Killed { kill, passed, waiting, in_flight, redelivered: 0, flagged: 0 });
        progress(number + 1, asked.kills, &load, waiting);
    }
    load.hush();
    clients.hush();
    talking.await.unwrap();
    coming.await.unwrap();
    let under_load = begun.elapsed();

    let redelivered = load.vendors().redelivered();
    let gateway = home.launch(home.command_of(&binary_with_failpoints(), &["gateway", "run"])).await;
    let deadline = Instant::now() + CALM;
    let untold = || clients.begun() - u64::try_from(clients.told().len()).unwrap_or(0);
    let rest = || {
        let UnderWay { taken, waiting, in_flight } = ledger.under_way();
        load.said().saturating_sub(taken) + waiting + u64::try_from(in_flight.len()).unwrap_or(0)
    };
    while load.vendors().unconfirmed() > 0 || untold() > 0 || rest() > 0 {
        if Instant::now() > deadline {
            trouble.push(format!(
                "after {} s of calm the vendor holds {} messages, {} clients have no answer and {} messages wait",
                CALM.as_secs(),
                load.vendors().unconfirmed(),
                untold(),
                rest()
            ));
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let code = gateway.terminate().await;
    if code != 0 {
        trouble.push(format!("the last gateway ended with {code}"));
        trouble.extend(last_lines(&home));
    }
    if let Some(last) = killed.last_mut() {
        last.redelivered = load.vendors().redelivered() - redelivered;
    }
    let left = ledger.left();
    let outside = Outside {
        said: load.said(),
        keyed: clients.begun(),
        told: clients.told(),
        seen: load.seen(),
        pieces: load.pieces(),
        in_flight: known,
    };
    let verdict = judge(&outside, &left);
    let flagged: HashSet<i64> =
        left.sends.iter().filter(|send| send.state == "ambiguous").map(|send| send.id).collect();
    for kill in &mut killed {
        let of_this = kill.in_flight.iter().filter(|id| flagged.contains(id)).count();
        kill.flagged = u64::try_from(of_this).unwrap_or(u64::MAX);
    }
    if left.open > 0 {
        trouble.push(format!("{} messages still wait for a decision or their turn", left.open));
    }
    let unmarked = load.unmarked();
    if let Some(first) = unmarked.first() {
        trouble.push(format!("{} answers repeat no message, for instance {first:?}", unmarked.len()));
    }
    let found = Found {
        killed,
        verdict,
        under_load,
        waited: load.waited(),
        attempts: clients.attempts(),
        trouble,
        kept: None,
    };
    if found.holds() {
        return found;
    }
    let kept = Some(home.state());
    // Somebody will want to look: the folder outlives this program.
    std::mem::forget(home);
    Found { kept, ..found }
}

/// Starts a gateway and sees to its death. Returns how it ended, and whether it died where it was to die.
async fn live(home: &Home, kill: Kill) -> (ExitStatus, bool) {
    let mut child = start(home, kill);
    match kill {
        Kill::Point(..) => match tokio::time::timeout(PATIENCE, child.wait()).await {
            Ok(ended) => (ended.unwrap(), true),
            Err(_) => (stop(&mut child).await, false),
        },
        Kill::Signal(after) => match tokio::time::timeout(after, child.wait()).await {
            Ok(ended) => (ended.unwrap(), false),
            Err(_) => (stop(&mut child).await, true),
        },
    }
}

fn start(home: &Home, kill: Kill) -> Child {
    let mut command = home.command_of(&binary_with_failpoints(), &["gateway", "run"]);
    if let Kill::Point(name, pass) = kill {
        command.env(VARIABLE, format!("hurry;{name}=abort@{pass}"));
    }
    let console = std::fs::File::create(home.state().join("console.log")).unwrap();
    command.stdout(console.try_clone().unwrap()).stderr(console);
    command.spawn().unwrap()
}

/// SIGKILL.
async fn stop(child: &mut Child) -> ExitStatus {
    // Too late: it died of itself, which its status says.
    drop(child.start_kill());
    child.wait().await.unwrap()
}

fn killed_by_us(status: ExitStatus) -> bool {
    const SIGABRT: i32 = 6;
    const SIGKILL: i32 = 9;
    matches!(status.signal(), Some(SIGABRT | SIGKILL))
}

/// The last lines that the gateway printed.
fn last_lines(home: &Home) -> Vec<String> {
    let console = std::fs::read_to_string(home.state().join("console.log")).unwrap_or_default();
    let mut lines: Vec<String> = console.lines().rev().take(5).map(|line| format!("  {line}")).collect();
    lines.reverse();
    lines
}

/// Where a person watches: how far it is.
fn progress(number: usize, of: usize, load: &Load, waiting: u64) {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() {
        let end = if number == of { "\n" } else { "" };
        let said = load.said();
        // Where nobody reads it, nobody misses it.
        drop(write!(terminal, "\rkill {number} of {of}, {said} messages, {waiting} waiting   {end}"));
    }
}
