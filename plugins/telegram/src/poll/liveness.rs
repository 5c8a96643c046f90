//! How soon a dead connection is noticed, that silence is none, and how soon the account is back: with the real constants, in
//! virtual time, against a network that the test switches.

use std::cell::Cell;
use std::rc::Rc;

use openclaw_sdk_test::{Asked, Downtime, FakeHost, Network, Reply, Vendor};
use serde_json::{Value, json};

use super::*;

const SECOND: u64 = 1_000;
const DAY: u64 = 24 * 3600 * SECOND;

/// A Telegram behind a network that is down between two moments.
#[derive(Clone)]
struct Line {
    down: Downtime,
    /// The network is up then, but somebody else polls with the same token.
    rival: bool,
    /// When the last call was answered.
    answered: Rc<Cell<u64>>,
}

impl Line {
    fn new(network: Network, from: u64, until: u64) -> Self {
        Self { down: Downtime { network, from, until }, rival: false, answered: Rc::default() }
    }

    /// The poll was under way when the network went.
    fn swallows(&self, now_ms: u64, held: u64) -> bool {
        let Downtime { network, from, .. } = self.down;
        network == Network::BlackHole && now_ms < from && now_ms + held >= from
    }
}

impl Vendor for Line {
    fn http(&mut self, request: &Asked, now_ms: u64) -> Reply {
        let asked: Value = serde_json::from_slice(&request.body).unwrap();
        let held = asked["timeout"].as_u64().unwrap_or_default() * SECOND;
        if let Some(trouble) = self.down.at(now_ms).http() {
            return trouble;
        }
        if self.rival && self.down.holds(now_ms) {
            return match request.path.as_str() {
                "/getUpdates" => {
                    let description = "Conflict: terminated by other getUpdates request";
                    let refusal = json!({"ok": false, "error_code": 409, "description": description});
                    // The vendor lets the earlier poll hang for a while.
                    Reply::answer(409, refusal.to_string()).after(3 * SECOND)
                }
                _ => Reply::answer(200, json!({"ok": true, "result": true}).to_string()),
            };
        }
        if self.swallows(now_ms, held) {
            return Reply::Never;
        }
        self.answered.set(now_ms + held);
        let result = match request.path.as_str() {
            "/getMe" => json!({"id": 7, "is_bot": true, "username": "mock_claw_bot"}),
            "/getUpdates" => json!([]),
            _ => json!(true),
        };
        Reply::answer(200, json!({"ok": true, "result": result}).to_string()).after(held)
    }
}

fn received(fake: &FakeHost, ms: u64) -> Option<Result<(), Failure>> {
    fake.run_for(ms, run(fake, None, 0, 1 << 20))
}

fn is_ready(fake: &FakeHost) -> bool {
    fake.states().last() == Some(&Connection::Ready)
}

#[test]
fn a_connection_over_which_nothing_comes_is_given_up_one_poll_and_ten_seconds_after_it_began() {
    let line = Line::new(Network::BlackHole, 100 * SECOND, 1_000 * SECOND);
    for seed in 0..50 {
        let fake = FakeHost::with_vendor(line.clone()).seed(seed);
        let receiving = run(&fake, None, 0, 1 << 20);
        let deaf = || fake.elapsed_ms() > 90 * SECOND && !is_ready(&fake);
        assert!(fake.run_until(300 * SECOND, deaf, receiving).is_none());
        let (noticed, heard) = (fake.elapsed_ms(), line.answered.get());
        assert!(
            !is_ready(&fake) && noticed - heard <= 40 * SECOND,
            "last heard at {heard}, noticed at {noticed}"
        );
    }
}

#[test]
fn a_day_of_silence_is_no_trouble() {
    let fake = FakeHost::with_vendor(Line::new(Network::Up, DAY * 2, DAY * 2));
    assert!(received(&fake, DAY).is_none(), "the account goes on");
    assert!(is_ready(&fake));
    assert!(!fake.states().iter().any(|state| matches!(state, Connection::Degraded(_))), "nothing is wrong");
    assert_eq!(fake.calls().iter().filter(|call| call.path == "/getMe").count(), 1, "it began once");
    let polls = fake.calls().iter().filter(|call| call.path == "/getUpdates").count();
    assert!((2_800..3_000).contains(&polls), "{polls} polls of half a minute");
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
                let fake = FakeHost::with_vendor(Line::new(broken, from, until)).seed(seed);
                let receiving = run(&fake, None, 0, 1 << 20);
                let back = fake.run_until(
                    until + 100 * SECOND,
                    || fake.elapsed_ms() >= until && is_ready(&fake),
                    receiving,
                );
                assert!(back.is_none(), "{broken:?}: the account is not given up: {back:?}");
                let took = fake.elapsed_ms() - until;
                assert!(is_ready(&fake) && took <= 15 * SECOND, "{broken:?}, down from {from}: {took} ms");
            }
        }
    }
}

/// T22. That one poll at most is under way follows from the loop: it asks again when it was answered.
#[test]
fn a_rival_that_leaves_is_noticed_within_forty_seconds() {
    for seed in 0..50 {
        let until = 95 * SECOND + 300 * SECOND + seed * 777;
        let line = Line { rival: true, ..Line::new(Network::Up, 95 * SECOND, until) };
        let fake = FakeHost::with_vendor(line).seed(seed);
        let receiving = run(&fake, None, 0, 1 << 20);
        let back =
            fake.run_until(until + 100 * SECOND, || fake.elapsed_ms() >= until && is_ready(&fake), receiving);
        assert!(back.is_none(), "the account is not given up: {back:?}");
        let took = fake.elapsed_ms() - until;
        assert!(is_ready(&fake) && took <= 40 * SECOND, "{took} ms");
        assert!(fake.messages().iter().any(|line| line.starts_with("Telegram getUpdates conflict: ")));
    }
}
