//! The verdict: what the people saw, held against what the gateway has left.

use std::collections::{HashMap, HashSet};

use crate::clients::{FIRST, Told};
use crate::ledger::Left;
use crate::load::{PIECES, Piece};

/// How many kills' worth of examples are shown of one fault.
const EXAMPLES: usize = 10;

/// What came of all messages.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Messages that people wrote.
    pub(crate) said: u64,
    /// Messages that clients sent under a key.
    pub(crate) keyed: u64,
    /// Messages whose answer was seen, and those of clients that were.
    pub(crate) answered: u64,
    /// Neither seen nor flagged; of clients also what is said to be sent and was not seen.
    pub(crate) lost: u64,
    /// Two turns of one message reached the ledger or the transcript, or two messages of one key did.
    pub(crate) answered_twice: u64,
    /// One answer was seen twice.
    pub(crate) sent_twice: u64,
    /// Sends that are flagged, because nobody knows whether they arrived.
    pub(crate) flagged: u64,
    /// Those of them that did arrive.
    pub(crate) flagged_and_seen: u64,
    /// Flagged sends that were in flight at no kill.
    pub(crate) flagged_without_a_kill: u64,
    /// Blocks behind the first of their answers.
    pub(crate) blocks: u64,
    /// Examples, a line each.
    pub(crate) examples: Vec<String>,
}

impl Verdict {
    /// Whether everything is as it is promised.
    pub(crate) fn holds(&self) -> bool {
        self.said > 0 && self.lost + self.answered_twice + self.sent_twice + self.flagged_without_a_kill == 0
    }

    fn example(&mut self, text: String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(text);
        }
    }
}

/// What is known from outside.
#[derive(Default)]
pub(crate) struct Outside {
    /// How many messages people wrote.
    pub(crate) said: u64,
    /// How many clients came.
    pub(crate) keyed: u64,
    /// What they were told.
    pub(crate) told: HashMap<u64, Told>,
    /// How often people saw the answer to each message, or the message of a client.
    pub(crate) seen: HashMap<u64, u32>,
    /// How often people saw each block behind the first of an answer.
    pub(crate) pieces: HashMap<Piece, u32>,
    /// The sends that were in flight at some kill.
    pub(crate) in_flight: HashSet<i64>,
}

/// Judges.
pub(crate) fn judge(outside: &Outside, left: &Left) -> Verdict {
    let Outside { said, keyed, told: clients, seen, pieces, in_flight } = outside;
    let (said, keyed) = (*said, *keyed);
    let mut verdict = Verdict { said, keyed, ..Verdict::default() };
    let mut sends: HashMap<u64, Vec<(&str, i64)>> = HashMap::new();
    for send in &left.sends {
        for mark in &send.marks {
            sends.entry(*mark).or_default().push((&send.state, send.id));
        }
        if send.state == "ambiguous" {
            verdict.flagged += 1;
            if !in_flight.contains(&send.id) {
                verdict.flagged_without_a_kill += 1;
                verdict.example(format!(
                    "send {} is flagged, and no kill was the reason: {}",
                    send.id, send.error
                ));
            }
        }
    }
    for mark in (0..said).chain(FIRST..FIRST + keyed) {
        let seen = seen.get(&mark).copied().unwrap_or(0);
        let rows = sends.get(&mark).map(Vec::as_slice).unwrap_or_default();
        let (taken, told) = (left.taken.get(&mark).copied(), left.told.get(&mark).copied());
        let flagged = rows.iter().any(|(state, _)| *state == "ambiguous");
        verdict.answered += u64::from(seen > 0);
        verdict.flagged_and_seen += u64::from(flagged && seen > 0);
        let client = clients.get(&mark);
        let promised = client == Some(&Told::Sent);
        if seen == 0 && (promised || !flagged) {
            verdict.lost += 1;
            verdict.example(format!(
                "mark {mark} is lost: taken in {taken:?}, answered {told:?}, sends {rows:?}, its client {client:?}"
            ));
        }
        if rows.len() > 1 || told.is_some_and(|told| told > 1) || taken.is_some_and(|taken| taken > 1) {
            verdict.answered_twice += 1;
            verdict.example(format!(
                "mark {mark} is answered twice: taken in {taken:?}, answered {told:?}, sends {rows:?}"
            ));
        }
        if seen > 1 {
            verdict.sent_twice += 1;
            verdict.example(format!("the answer to mark {mark} was seen {seen} times: sends {rows:?}"));
        }
    }
    judge_blocks(&mut verdict, pieces, left);
    verdict
}

/// Blocks behind the first of an answer: an answer that has one has all of them, and each is seen once.
fn judge_blocks(verdict: &mut Verdict, pieces: &HashMap<Piece, u32>, left: &Left) {
    let mut blocks: HashMap<Piece, Vec<(&str, i64)>> = HashMap::new();
    for send in &left.sends {
        for piece in &send.pieces {
            blocks.entry(*piece).or_default().push((&send.state, send.id));
        }
    }
    verdict.blocks = u64::try_from(blocks.len()).unwrap_or(u64::MAX);
    for (piece, rows) in &blocks {
        let seen = pieces.get(piece).copied().unwrap_or(0);
        if rows.len() > 1 || seen > 1 {
            verdict.sent_twice += 1;
            verdict.example(format!("block {piece:?} was seen {seen} times: sends {rows:?}"));
        }
        if seen == 0 && !rows.iter().any(|(state, _)| *state == "ambiguous") {
            verdict.lost += 1;
            verdict.example(format!("block {piece:?} is lost: sends {rows:?}"));
        }
    }
    let answers: HashSet<u64> = blocks.keys().map(|(_, mark)| *mark).collect();
    for mark in answers {
        for which in PIECES.filter(|which| !blocks.contains_key(&(*which, mark))) {
            verdict.lost += 1;
            verdict.example(format!("block {which} of the answer to mark {mark} was never said"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::SendRow;

    fn send(id: i64, mark: u64, state: &str) -> SendRow {
        SendRow { id, marks: vec![mark], pieces: vec![], state: state.to_owned(), error: String::new() }
    }

    fn left(sends: Vec<SendRow>, marks: u64) -> Left {
        let once: HashMap<u64, u32> = (0..marks).map(|mark| (mark, 1)).collect();
        Left { sends, taken: once.clone(), told: once, open: 0 }
    }

    fn outside(said: u64, seen: &[(u64, u32)], in_flight: &[i64]) -> Outside {
        let (seen, in_flight) = (seen.iter().copied().collect(), in_flight.iter().copied().collect());
        Outside { said, seen, in_flight, ..Outside::default() }
    }

    #[test]
    fn an_answer_that_was_seen_once_or_is_flagged_holds() {
        let left = left(vec![send(1, 0, "sent"), send(2, 1, "ambiguous"), send(3, 2, "ambiguous")], 3);
        let verdict = judge(&outside(3, &[(0, 1), (1, 1)], &[2, 3]), &left);
        assert!(verdict.holds(), "{verdict:?}");
        assert_eq!((verdict.answered, verdict.flagged, verdict.flagged_and_seen), (2, 2, 1));
    }

    #[test]
    fn messages_may_share_an_answer_but_none_has_two() {
        let both = SendRow { marks: vec![0, 1], ..send(1, 0, "sent") };
        let shared = judge(&outside(2, &[(0, 1), (1, 1)], &[]), &left(vec![both], 2));
        assert!(shared.holds(), "{shared:?}");
        let both = SendRow { marks: vec![0, 1], ..send(1, 0, "sent") };
        let again = judge(&outside(2, &[(0, 1), (1, 2)], &[]), &left(vec![both, send(2, 1, "sent")], 2));
        assert_eq!((again.answered_twice, again.sent_twice), (1, 1), "{again:?}");
    }

    #[test]
    fn every_fault_is_found() {
        let seen = [(0, 1)];
        let lost = judge(&outside(2, &seen, &[]), &left(vec![send(1, 0, "sent"), send(2, 1, "failed")], 2));
        assert!(lost.lost == 1 && !lost.holds(), "{lost:?}");
        let twice = judge(&outside(1, &seen, &[]), &left(vec![send(1, 0, "sent"), send(2, 0, "pending")], 1));
        assert!(twice.answered_twice == 1 && !twice.holds(), "{twice:?}");
        let mut transcript = left(vec![send(1, 0, "sent")], 1);
        transcript.told.insert(0, 2);
        assert_eq!(judge(&outside(1, &seen, &[]), &transcript).answered_twice, 1);
        let sent = judge(&outside(1, &[(0, 2)], &[]), &left(vec![send(1, 0, "sent")], 1));
        assert!(sent.sent_twice == 1 && !sent.holds(), "{sent:?}");
        let flagged = judge(&outside(1, &seen, &[9]), &left(vec![send(1, 0, "ambiguous")], 1));
        assert!(flagged.flagged_without_a_kill == 1 && !flagged.holds(), "{flagged:?}");
        assert!(!judge(&Outside::default(), &Left::default()).holds(), "nothing was tried");
    }

    #[test]
    fn blocks_come_once_each_and_an_answer_has_all_of_them() {
        let block =
            |id, which, state| SendRow { marks: vec![], pieces: vec![(which, 0)], ..send(id, 0, state) };
        let judged = |blocks: Vec<SendRow>, seen: &[(Piece, u32)]| {
            let outside = Outside { pieces: seen.iter().copied().collect(), ..outside(1, &[(0, 1)], &[4]) };
            judge(&outside, &left([vec![send(1, 0, "sent")], blocks].concat(), 1))
        };
        let all = || vec![block(2, 2, "sent"), block(3, 3, "sent"), block(4, 4, "ambiguous")];
        let whole = judged(all(), &[((2, 0), 1), ((3, 0), 1)]);
        assert!(whole.holds() && whole.blocks == 3, "{whole:?}");
        assert_eq!(judged(all(), &[((2, 0), 1)]).lost, 1, "one was not seen");
        assert_eq!(judged(all(), &[((2, 0), 2), ((3, 0), 1)]).sent_twice, 1);
        assert_eq!(judged(vec![block(2, 2, "sent")], &[((2, 0), 1)]).lost, 2, "and two were never said");
        let again = [all(), vec![block(5, 2, "sent")]].concat();
        assert_eq!(judged(again, &[((2, 0), 1), ((3, 0), 1)]).sent_twice, 1);
    }

    #[test]
    fn what_a_client_was_told_has_to_be_true() {
        let judged = |told, seen: &[(u64, u32)], state| {
            let told = HashMap::from([(FIRST, told)]);
            let outside = Outside { keyed: 1, told, ..outside(1, seen, &[2]) };
            judge(&outside, &left(vec![send(1, 0, "sent"), send(2, FIRST, state)], 1))
        };
        assert!(judged(Told::Sent, &[(0, 1), (FIRST, 1)], "sent").holds());
        assert!(judged(Told::Flagged, &[(0, 1)], "ambiguous").holds());
        assert!(judged(Told::Waits, &[(0, 1), (FIRST, 1)], "sent").holds());
        assert_eq!(judged(Told::Sent, &[(0, 1)], "ambiguous").lost, 1, "it is said to be sent");
        assert_eq!(judged(Told::Waits, &[(0, 1)], "failed").lost, 1);
        assert_eq!(judged(Told::Sent, &[(0, 1), (FIRST, 2)], "sent").sent_twice, 1);
    }
}
