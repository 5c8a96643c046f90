//! What waits, and what the next turn is told of it.

use openclaw_store::SenderKind;

use super::*;
use crate::testing;

struct Bench {
    line: Line,
    now: Instant,
    next: i64,
}

impl Bench {
    fn new() -> Self {
        Self { line: Line::default(), now: Instant::now(), next: 1 }
    }

    fn place(sender: &str) -> Place {
        let row = testing::row(1, sender, "x");
        Place::of(&row, &row.route.clone().unwrap())
    }

    /// Each text is a message of this person; one that begins with `/` stands alone.
    fn say(&mut self, sender: &str, texts: &[&str]) {
        for text in texts {
            let row = testing::row(self.next, sender, text);
            assert_eq!(row.message.sender.kind, SenderKind::Person);
            self.next += 1;
            self.line.push(Self::place(sender), vec![row], text.starts_with('/'), self.now);
        }
    }

    /// What the next turn is told, in full, in short and not.
    fn turn(&mut self, rules: QueueRules) -> [String; 3] {
        let place = self.line.next_place().expect("something waits");
        let plan = self.line.take(&place, rules).expect("something is told");
        [plan.told, plan.short, plan.dropped]
            .map(|rows| rows.into_iter().map(|row| row.message.text).collect::<Vec<_>>().join(" "))
    }
}

fn rules(mode: QueueMode, cap: usize, drop: QueueDrop) -> QueueRules {
    QueueRules { mode, cap, drop, quiet: Duration::from_millis(500) }
}

fn told(text: &str) -> [String; 3] {
    [text.to_owned(), String::new(), String::new()]
}

#[test]
fn followup_tells_each_and_the_other_modes_all_at_once() {
    for (mode, expected) in [
        (QueueMode::Followup, vec!["a", "b", "c"]),
        (QueueMode::Steer, vec!["a b c"]),
        (QueueMode::Collect, vec!["a b c"]),
        (QueueMode::Interrupt, vec!["a b c"]),
    ] {
        let mut bench = Bench::new();
        bench.say("u1", &["a", "b", "c"]);
        for text in expected {
            assert_eq!(bench.turn(rules(mode, 20, QueueDrop::Summarize)), told(text), "{mode:?}");
        }
        assert!(!bench.line.has_work(), "{mode:?}");
    }
}

#[test]
fn texts_that_came_at_once_stay_together() {
    let mut bench = Bench::new();
    let rows = vec![testing::row(1, "u1", "a"), testing::row(2, "u1", "b")];
    bench.line.push(Bench::place("u1"), rows, false, bench.now);
    bench.next = 3;
    bench.say("u1", &["c"]);
    let followup = rules(QueueMode::Followup, 20, QueueDrop::Summarize);
    assert_eq!(bench.turn(followup), told("a b"));
    assert_eq!(bench.turn(followup), told("c"));
}

#[test]
fn a_command_is_told_alone_and_in_its_place() {
    let mut bench = Bench::new();
    bench.say("u1", &["a", "b", "/new", "c", "d"]);
    let steer = rules(QueueMode::Steer, 20, QueueDrop::Summarize);
    for expected in ["a b", "/new", "c d"] {
        assert_eq!(bench.turn(steer), told(expected));
    }
    assert!(!bench.line.has_work());
}

#[test]
fn conversations_are_never_mixed_and_take_turns() {
    let mut bench = Bench::new();
    let many: Vec<_> = (0..200).map(|number| format!("n{number}")).collect();
    bench.say("noisy", &many.iter().map(String::as_str).collect::<Vec<_>>());
    bench.say("b", &["b1", "b2"]);
    bench.say("c", &["c1"]);
    let followup = rules(QueueMode::Followup, 1_000, QueueDrop::Summarize);
    let turns: Vec<_> = (0..6).map(|_| bench.turn(followup)[0].clone()).collect();
    assert_eq!(turns, ["n0", "b1", "c1", "n1", "b2", "n2"]);
    let steer = rules(QueueMode::Steer, 1_000, QueueDrop::Summarize);
    bench.say("b", &["b3"]);
    assert_eq!(bench.turn(steer), told("b3"));
    assert!(bench.turn(steer)[0].starts_with("n3 n4 "));
    assert!(!bench.line.has_work());
}

#[test]
fn what_is_too_much_is_told_in_short_or_not_at_all() {
    let check = |mode, drop, expected: [&str; 3]| {
        let mut bench = Bench::new();
        bench.say("u1", &["a", "b", "c", "d", "e"]);
        assert_eq!(bench.turn(rules(mode, 2, drop)), expected.map(str::to_owned), "{mode:?} {drop:?}");
        bench.line.len()
    };
    assert_eq!(check(QueueMode::Steer, QueueDrop::Summarize, ["d e", "a b c", ""]), 0);
    assert_eq!(check(QueueMode::Steer, QueueDrop::Old, ["d e", "", "a b c"]), 0);
    assert_eq!(check(QueueMode::Steer, QueueDrop::New, ["a b", "", "c d e"]), 0);
    assert_eq!(check(QueueMode::Followup, QueueDrop::Summarize, ["d", "a b c", ""]), 1);
    assert_eq!(check(QueueMode::Followup, QueueDrop::Old, ["d", "", "a b c"]), 1);
    assert_eq!(check(QueueMode::Followup, QueueDrop::New, ["a", "", "c d e"]), 1);
}

#[test]
fn commands_are_never_too_much() {
    let steer = |drop| rules(QueueMode::Steer, 1, drop);
    let mut bench = Bench::new();
    bench.say("u1", &["/a", "b", "/c", "d", "e"]);
    assert_eq!(bench.turn(steer(QueueDrop::Old)), told("/a"));
    assert_eq!(bench.turn(steer(QueueDrop::Old)), told("b"), "the last text before a command is told");
    assert_eq!(bench.turn(steer(QueueDrop::Old)), told("/c"));
    assert_eq!(bench.turn(steer(QueueDrop::Old)), ["e".to_owned(), String::new(), "d".to_owned()]);
    bench.say("u1", &["f", "/g", "h"]);
    assert_eq!(bench.turn(steer(QueueDrop::New)), ["f".to_owned(), String::new(), "h".to_owned()]);
    assert_eq!(bench.turn(steer(QueueDrop::New)), told("/g"));
    assert!(!bench.line.has_work());
}

#[test]
fn a_turn_is_told_no_more_than_it_can_hold() {
    let mut bench = Bench::new();
    let long = "x".repeat(TOLD_BYTES / 2);
    bench.say("u1", &[&long, &long, "more"]);
    let steer = rules(QueueMode::Steer, 20, QueueDrop::Summarize);
    assert_eq!(bench.turn(steer)[0].len(), 2 * long.len() + 1);
    assert_eq!(bench.turn(steer), told("more"));
}

#[test]
fn collect_waits_for_quiet_only_behind_a_turn() {
    let mut bench = Bench::new();
    let place = Bench::place("u1");
    let collect = rules(QueueMode::Collect, 20, QueueDrop::Summarize);
    bench.say("u1", &["a"]);
    assert_eq!(bench.line.quiet(&place, &collect, bench.now), None, "nothing ran when it came");
    assert!(!bench.line.needs_rules(&place));
    bench.turn(collect);
    let stop = Arc::new(Notify::new());
    bench.line.running = Some(Running { place: place.clone(), ids: vec![], stop });
    bench.say("u1", &["b"]);
    assert!(bench.line.needs_rules(&place));
    let at = |ms| bench.now + Duration::from_millis(ms);
    assert_eq!(bench.line.quiet(&place, &collect, at(200)), Some(Duration::from_millis(300)));
    assert_eq!(bench.line.quiet(&place, &collect, at(500)), None);
    let steer = rules(QueueMode::Steer, 20, QueueDrop::Summarize);
    assert_eq!(bench.line.quiet(&place, &steer, at(0)), None);
}

#[test]
fn what_came_to_no_end_is_told_again_and_first() {
    let mut bench = Bench::new();
    bench.say("u1", &["a", "b"]);
    let place = Bench::place("u1");
    let followup = rules(QueueMode::Followup, 20, QueueDrop::Summarize);
    let plan = bench.line.take(&place, followup).unwrap();
    bench.line.put_back(&place, plan.told, |_| false, bench.now);
    assert_eq!(bench.turn(rules(QueueMode::Interrupt, 20, QueueDrop::Summarize)), told("a b"));
}

#[test]
fn what_was_decided_about_a_session_counts() {
    let choice = QueueChoice { mode: Some(QueueMode::Collect), cap: Some(0), ..QueueChoice::default() };
    let expected = QueueRules { mode: QueueMode::Collect, cap: 1, ..QueueRules::default() };
    assert_eq!(QueueRules::default().with(choice), expected);
}
