//! The verdict: what the people saw, held against what the gateway has left.

use std::collections::{HashMap, HashSet};

use crate::ledger::Left;

/// How many kills' worth of examples are shown of one fault.
const EXAMPLES: usize = 10;

/// What came of all messages.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Messages that people wrote.
    pub(crate) said: u64,
    /// Those whose answer was seen.
    pub(crate) answered: u64,
    /// Neither answered nor flagged.
    pub(crate) lost: u64,
    /// Two turns of one message reached the ledger or the transcript.
    pub(crate) answered_twice: u64,
    /// One answer was seen twice.
    pub(crate) sent_twice: u64,
    /// Sends that are flagged, because nobody knows whether they arrived.
    pub(crate) flagged: u64,
    /// Those of them that did arrive.
    pub(crate) flagged_and_seen: u64,
    /// Flagged sends that were in flight at no kill.
    pub(crate) flagged_without_a_kill: u64,
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

/// Judges. `seen`: how often people saw the answer to each message; `in_flight`: the sends that were in flight at some kill.
pub(crate) fn judge(said: u64, seen: &HashMap<u64, u32>, left: &Left, in_flight: &HashSet<i64>) -> Verdict {
    let mut verdict = Verdict { said, ..Verdict::default() };
    let mut sends: HashMap<u64, Vec<(&str, i64)>> = HashMap::new();
    for send in &left.sends {
        if let Some(mark) = send.mark {
            sends.entry(mark).or_default().push((&send.state, send.id));
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
    for mark in 0..said {
        let seen = seen.get(&mark).copied().unwrap_or(0);
        let rows = sends.get(&mark).map(Vec::as_slice).unwrap_or_default();
        let (taken, told) = (left.taken.get(&mark).copied(), left.told.get(&mark).copied());
        let flagged = rows.iter().any(|(state, _)| *state == "ambiguous");
        verdict.answered += u64::from(seen > 0);
        verdict.flagged_and_seen += u64::from(flagged && seen > 0);
        if seen == 0 && !flagged {
            verdict.lost += 1;
            verdict.example(format!(
                "mark {mark} is lost: taken in {taken:?}, answered {told:?}, sends {rows:?}"
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
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::SendRow;

    fn send(id: i64, mark: u64, state: &str) -> SendRow {
        SendRow { id, mark: Some(mark), state: state.to_owned(), error: String::new() }
    }

    fn left(sends: Vec<SendRow>, marks: u64) -> Left {
        let once: HashMap<u64, u32> = (0..marks).map(|mark| (mark, 1)).collect();
        Left { sends, taken: once.clone(), told: once, open: 0 }
    }

    #[test]
    fn an_answer_that_was_seen_once_or_is_flagged_holds() {
        let left = left(vec![send(1, 0, "sent"), send(2, 1, "ambiguous"), send(3, 2, "ambiguous")], 3);
        let verdict = judge(3, &HashMap::from([(0, 1), (1, 1)]), &left, &HashSet::from([2, 3]));
        assert!(verdict.holds(), "{verdict:?}");
        assert_eq!((verdict.answered, verdict.flagged, verdict.flagged_and_seen), (2, 2, 1));
    }

    #[test]
    fn every_fault_is_found() {
        let seen = HashMap::from([(0, 1)]);
        let lost = judge(2, &seen, &left(vec![send(1, 0, "sent"), send(2, 1, "failed")], 2), &HashSet::new());
        assert!(lost.lost == 1 && !lost.holds(), "{lost:?}");
        let twice =
            judge(1, &seen, &left(vec![send(1, 0, "sent"), send(2, 0, "pending")], 1), &HashSet::new());
        assert!(twice.answered_twice == 1 && !twice.holds(), "{twice:?}");
        let mut transcript = left(vec![send(1, 0, "sent")], 1);
        transcript.told.insert(0, 2);
        assert_eq!(judge(1, &seen, &transcript, &HashSet::new()).answered_twice, 1);
        let sent = judge(1, &HashMap::from([(0, 2)]), &left(vec![send(1, 0, "sent")], 1), &HashSet::new());
        assert!(sent.sent_twice == 1 && !sent.holds(), "{sent:?}");
        let flagged = judge(1, &seen, &left(vec![send(1, 0, "ambiguous")], 1), &HashSet::from([9]));
        assert!(flagged.flagged_without_a_kill == 1 && !flagged.holds(), "{flagged:?}");
        assert!(!judge(0, &HashMap::new(), &Left::default(), &HashSet::new()).holds(), "nothing was tried");
    }
}
