//! Where the gateway is killed, and in which order.

use std::time::Duration;

use fastrand::Rng;

/// Orders for one start of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kill {
    /// At this failpoint, when it is passed for the so-manieth time.
    Point(&'static str, u64),
    /// SIGKILL, so long after the start.
    Signal(Duration),
}

/// A failpoint on the way of a message, and up to how many passes a start lives.
type Point = (&'static str, u64);

/// All points, in the order in which a message passes them; those of a start come last.
pub(crate) const POINTS: &[Point] = &[
    // A message comes in.
    ("runtime.http", 60),
    ("runtime.answered", 60),
    ("runtime.body", 60),
    ("runtime.inbound", 100),
    ("messaging.admit", 100),
    ("messaging.admitted", 100),
    ("runtime.admitted", 100),
    ("messaging.decide", 100),
    ("messaging.decided", 100),
    ("messaging.queue", 100),
    // Its turn.
    ("messaging.lane", 100),
    ("messaging.typing", 100),
    ("messaging.turn", 100),
    ("models.ask", 100),
    ("models.answered", 100),
    ("models.stream", 100),
    ("messaging.block-stored", 5),
    ("messaging.preview-marked", 5),
    ("messaging.preview-sent", 5),
    ("messaging.preview-recorded", 5),
    ("messaging.turned", 100),
    ("messaging.closed", 100),
    // Its answer goes out.
    ("messaging.outbox", 200),
    ("messaging.claimed", 100),
    ("messaging.send", 100),
    ("runtime.call", 200),
    ("runtime.sent", 100),
    ("messaging.record", 100),
    ("messaging.recorded", 100),
    // What all of it stands on.
    ("store.read", 100),
    ("store.begin", 50),
    ("store.write", 400),
    ("store.wrote", 400),
    ("store.commit", 50),
    ("store.committed", 50),
    ("store.answered", 400),
    ("messaging.upkeep", 2),
    // The start, where what the last gateway left is taken up.
    ("store.opened", 1),
    ("store.flagged", 1),
    ("messaging.recover", 1),
    ("messaging.recovered", 1),
    ("supervisor.account", 10),
    ("supervisor.start", 10),
    ("runtime.instance", 10),
];

/// One SIGKILL for so many points.
const SIGNAL_EVERY: usize = 4;
/// A start lives at most so long until its SIGKILL.
const LONGEST_LIFE_MS: u64 = 1_200;

/// `count` kills: every point equally often and in a random order, and each fifth a SIGKILL at a random moment.
pub(crate) fn draw(rng: &mut Rng, count: usize) -> Vec<Kill> {
    let mut kills = Vec::with_capacity(count);
    while kills.len() < count {
        let mut deck: Vec<Kill> =
            POINTS.iter().map(|(name, most)| Kill::Point(name, rng.u64(1..=*most))).collect();
        let signals = POINTS.len() / SIGNAL_EVERY;
        deck.extend((0..signals).map(|_| Kill::Signal(Duration::from_millis(rng.u64(0..LONGEST_LIFE_MS)))));
        rng.shuffle(&mut deck);
        kills.extend(deck);
    }
    kills.truncate(count);
    kills
}

impl Kill {
    /// The name in the table.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Point(name, _) => name,
            Self::Signal(_) => SIGNAL,
        }
    }
}

/// The name of a SIGKILL in the table.
pub(crate) const SIGNAL: &str = "SIGKILL";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_a_failpoint_and_stands_here_once() {
        for (name, most) in POINTS {
            assert!(openclaw_failpoints::is_known(name) && *most > 0, "{name}");
        }
        let mut names: Vec<_> = POINTS.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 44);
        assert_eq!(names.len(), POINTS.len());
        let tried = |name: &&&str| POINTS.iter().any(|(point, _)| point == *name);
        assert!(openclaw_failpoints::DEATHS.iter().all(|name| tried(&name)), "each of them is killed at");
    }

    #[test]
    fn a_seed_draws_the_same_kills_and_no_point_falls_behind() {
        let deck = POINTS.len() + POINTS.len() / SIGNAL_EVERY;
        let kills = draw(&mut Rng::with_seed(7), deck * 3);
        assert_eq!(kills, draw(&mut Rng::with_seed(7), deck * 3));
        assert_ne!(kills, draw(&mut Rng::with_seed(8), deck * 3));
        for (name, _) in POINTS {
            assert_eq!(kills.iter().filter(|kill| kill.name() == *name).count(), 3, "{name}");
        }
        assert_eq!(draw(&mut Rng::with_seed(7), 5).len(), 5);
    }
}
