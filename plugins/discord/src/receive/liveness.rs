//! How soon a dead connection is noticed, that silence is none, and how soon the account is back: with the vendor's real
//! interval, in virtual time, against a network that the test switches.

use std::cell::Cell;
use std::rc::Rc;

use openclaw_sdk::sockets::{Opening, Payload};
use openclaw_sdk_test::{Act, Asked, Downtime, FakeHost, Network, Opened, Reply, Vendor};
use serde_json::{Value, json};

use super::*;

const SECOND: u64 = 1_000;
const DAY: u64 = 24 * 3600 * SECOND;
const INTERVAL: u64 = 41_250;
/// How long the gateway tries to open a socket.
const OPEN: u64 = 10_000;

/// A Discord behind a network that is down between two moments.
#[derive(Clone)]
struct Line {
    down: Downtime,
    /// Until when nothing comes of a socket that is being opened.
    opening: Rc<Cell<u64>>,
    /// When something was last heard.
    heard: Rc<Cell<u64>>,
    sockets: Rc<Cell<usize>>,
}

impl Line {
    fn new(network: Network, from: u64, until: u64) -> Self {
        let down = Downtime { network, from, until };
        Self { down, opening: Rc::default(), heard: Rc::default(), sockets: Rc::default() }
    }
}

impl Vendor for Line {
    fn http(&mut self, _: &Asked, now_ms: u64) -> Reply {
        let url = json!({"url": "wss://gateway.discord.gg",
            "session_start_limit": {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1}});
        self.down.at(now_ms).http().unwrap_or_else(|| Reply::answer(200, url.to_string()))
    }

    fn open(&mut self, _: u32, _: &Opening, now_ms: u64) -> Opened {
        let hello = json!({"op": 10, "d": {"heartbeat_interval": INTERVAL}}).to_string();
        let network = self.down.at(now_ms);
        if network == Network::BlackHole {
            // Part of the bar, and added there.
            self.opening.set(now_ms + OPEN);
        }
        network.open().unwrap_or_else(|| {
            self.heard.set(now_ms);
            self.sockets.set(self.sockets.get() + 1);
            Opened::Socket(vec![Act::Text(hello)])
        })
    }

    fn frame(&mut self, _: u32, payload: &Payload, now_ms: u64) -> Vec<Act> {
        let Payload::Text(text) = payload else { panic!("{payload:?}") };
        let frame: Value = serde_json::from_str(text).unwrap();
        if self.down.at(now_ms) != Network::Up {
            return Vec::new();
        }
        self.heard.set(now_ms);
        let user = json!({"id": "1000", "username": "claw", "bot": true});
        let ready =
            json!({"session_id": "abc", "resume_gateway_url": "wss://us-east1.discord.gg", "user": user});
        let answer = match frame["op"].as_u64() {
            Some(1) => json!({"op": 11}),
            Some(2) => json!({"op": 0, "s": 1, "t": "READY", "d": ready}),
            Some(6) => json!({"op": 0, "s": 2, "t": "RESUMED", "d": {}}),
            op => panic!("opcode {op:?}"),
        };
        vec![Act::Text(answer.to_string())]
    }
}

/// Runs until `reached`; panics when the account ends.
fn run_until(fake: &FakeHost, ms: u64, reached: impl Fn() -> bool) {
    let (rest, config) = (Rest::new(), Config::default());
    let ended = fake.run_until(ms, reached, run(fake, &rest, &config, None, 0));
    assert!(ended.is_none(), "the account is not given up: {ended:?}");
}

fn is_ready(fake: &FakeHost) -> bool {
    fake.states().last() == Some(&Connection::Ready)
}

#[test]
fn a_socket_over_which_nothing_comes_is_given_up_within_ninety_seconds() {
    for seed in 0..100 {
        let from = 200 * SECOND + seed * 413;
        let line = Line::new(Network::BlackHole, from, DAY);
        let fake = FakeHost::with_vendor(line.clone()).seed(seed);
        run_until(&fake, from + 200 * SECOND, || fake.elapsed_ms() >= from && !is_ready(&fake));
        let (noticed, heard) = (fake.elapsed_ms(), line.heard.get());
        assert!(
            !is_ready(&fake) && noticed - heard <= 90 * SECOND,
            "last heard at {heard}, noticed at {noticed}"
        );
        assert_eq!(fake.closed(), [(1, 4000)], "with a code that keeps the session");
    }
}

#[test]
fn a_day_of_silence_is_no_trouble() {
    let line = Line::new(Network::Up, DAY * 2, DAY * 2);
    let fake = FakeHost::with_vendor(line.clone());
    run_until(&fake, DAY, || false);
    assert!(is_ready(&fake));
    assert!(!fake.states().iter().any(|state| matches!(state, Connection::Degraded(_))), "nothing is wrong");
    assert_eq!(line.sockets.get(), 1, "one connection for the whole day");
    let beats = fake.frames().len();
    assert!((2_090..2_100).contains(&beats), "{beats} heartbeats");
}

#[test]
fn a_network_that_comes_back_is_noticed_within_fifteen_seconds() {
    for broken in
        [Network::BlackHole, Network::Refused, Network::Page(407), Network::Page(502), Network::Page(401)]
    {
        // From the begin, and in the middle of a life.
        for from in [0, 95 * SECOND] {
            for seed in 0..20 {
                let until = from + 600 * SECOND + seed * 777;
                let line = Line::new(broken, from, until);
                let fake = FakeHost::with_vendor(line.clone()).seed(seed);
                run_until(&fake, until + 100 * SECOND, || fake.elapsed_ms() >= until && is_ready(&fake));
                // An attempt that was under way when the network came back may have to end first.
                let under_way = line.opening.get().saturating_sub(until);
                let took = fake.elapsed_ms() - until + under_way;
                assert!(is_ready(&fake) && took <= 15 * SECOND, "{broken:?}, down from {from}: {took} ms");
            }
        }
    }
}
