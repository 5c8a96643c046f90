//! Owns the messages that one turn answers: what the agent is told of them, where the answer goes, and how each ends in the
//! ledger. Pure.

use openclaw_store::{
    AccountKey, InboundId, InboundRow, MediaFile, Message, OtherRow, QueueDrop, QueueMode, Route, Target,
    TurnRows,
};

use openclaw_text::shortened;

use crate::queue::Plan;

/// Characters of a message that is told in short.
const SHORT: usize = 140;
/// How many are told in short; of the others only their number is.
const SHORTS: usize = 40;

/// The messages of one turn.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// What the agent is told: the newest message with the text of all.
    pub(crate) row: InboundRow,
    pub(crate) route: Route,
    /// The oldest of those that are told in full.
    pub(crate) first: InboundId,
    /// Those that end with it.
    others: Vec<OtherRow>,
}

/// What a turn's end needs of its messages.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) rows: TurnRows,
    pub(crate) account: AccountKey,
    pub(crate) agent: String,
    pub(crate) target: Target,
    pub(crate) message_id: String,
    pub(crate) reply_context: Vec<u8>,
}

impl Batch {
    /// One message.
    pub(crate) fn one(row: InboundRow, route: Route) -> Self {
        Self { first: row.id, row, route, others: Vec::new() }
    }

    /// What a plan says; `None` if it tells nothing.
    pub(crate) fn of(plan: Plan) -> Option<Self> {
        let Plan { mut told, short, dropped, rules } = plan;
        let mut row = told.pop()?;
        let route = row.route.clone()?;
        let cap = rules.cap;
        let with = match rules.mode {
            QueueMode::Interrupt => "told together with the message that interrupted its turn",
            QueueMode::Steer | QueueMode::Followup | QueueMode::Collect => {
                "told together with a later message"
            }
        };
        let other = |row: &InboundRow, dropped, how: String| OtherRow { id: row.id, dropped, how };
        let in_full = told.iter().map(|row| other(row, false, with.to_owned()));
        let in_short = short.iter().map(|row| {
            other(row, false, format!("told in short with a later message: more than {cap} waited"))
        });
        let word = if rules.drop == QueueDrop::New { "new" } else { "old" };
        let not = dropped.iter().map(|row| {
            other(row, true, format!("not told: more than {cap} waited, and messages.queue.drop is {word}"))
        });
        let others: Vec<_> = in_full.chain(in_short).chain(not).collect();
        let first = told.first().map_or(row.id, |first| first.id);
        if !(told.is_empty() && short.is_empty()) {
            row.message.text = text(&told, &row, &short, cap);
            row.message.media = media(&told, std::mem::take(&mut row.message.media));
            if row.message.quote.is_none() {
                row.message.quote = told.iter().rev().find_map(|row| row.message.quote.clone());
            }
        }
        Some(Self { row, route, first, others })
    }

    /// Ends these messages too, without telling them.
    pub(crate) fn and_drop(mut self, rows: &[InboundRow], how: &str) -> Self {
        let dropped = rows.iter().map(|row| OtherRow { id: row.id, dropped: true, how: how.to_owned() });
        self.others.extend(dropped);
        self
    }

    pub(crate) fn asked(&self) -> Asked {
        Asked {
            rows: TurnRows { own: self.row.id, ended: None, others: self.others.clone() },
            account: self.row.account.clone(),
            agent: self.route.agent.clone(),
            target: self.row.message.target(),
            message_id: self.row.message.id.clone(),
            reply_context: self.row.message.reply_context.clone(),
        }
    }
}

/// The texts, oldest first, a line each at least. Who said what is told when several have.
fn text(told: &[InboundRow], last: &InboundRow, short: &[InboundRow], cap: usize) -> String {
    let mut lines = Vec::new();
    if !short.is_empty() {
        lines.push(format!(
            "[{} earlier messages are told in short, because more than {cap} waited]",
            short.len()
        ));
        let left = short.len().saturating_sub(SHORTS);
        lines.extend(short.iter().skip(left).map(|row| format!("- {}", in_short(&row.message))));
        lines.push("[Current message - respond to this]".to_owned());
    }
    let several = told.iter().any(|row| row.message.sender.id != last.message.sender.id);
    for row in told.iter().chain([last]) {
        let text = &row.message.text;
        if several {
            lines.push(format!("{}: {text}", row.message.sender.shown()));
        } else if !text.is_empty() {
            lines.push(text.clone());
        }
    }
    lines.join("\n")
}

fn in_short(message: &Message) -> String {
    let words: Vec<_> = message.text.split_whitespace().collect();
    if words.is_empty() { "<media>".to_owned() } else { shortened(&words.join(" "), SHORT) }
}

/// The files of all, in their order.
fn media(told: &[InboundRow], last: Vec<MediaFile>) -> Vec<MediaFile> {
    told.iter().flat_map(|row| row.message.media.iter().cloned()).chain(last).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::QueueRules;
    use crate::testing;

    fn batch(told: &[(i64, &str, &str)], short: &[&str], dropped: &[i64], rules: QueueRules) -> Batch {
        let row = |(id, sender, text): &(i64, &str, &str)| testing::row(*id, sender, text);
        let plan = Plan {
            told: told.iter().map(row).collect(),
            short: short.iter().enumerate().map(|(id, text)| row(&(100 + id as i64, "u1", text))).collect(),
            dropped: dropped.iter().map(|id| row(&(*id, "u1", "gone"))).collect(),
            rules,
        };
        Batch::of(plan).unwrap()
    }

    #[test]
    fn one_message_stays_as_it_is() {
        let batch = batch(&[(1, "u1", "a\nb")], &[], &[], QueueRules::default());
        assert_eq!((batch.row.message.text.as_str(), batch.first), ("a\nb", InboundId(1)));
        assert_eq!(batch.asked().rows, TurnRows::from(InboundId(1)));
    }

    #[test]
    fn several_are_told_in_their_order_and_the_last_is_answered() {
        let batch = batch(&[(1, "u1", "a"), (2, "u1", "b")], &[], &[], QueueRules::default());
        assert_eq!(batch.row.message.text, "a\nb");
        let asked = batch.asked();
        assert_eq!(
            (asked.message_id.as_str(), batch.first, asked.rows.own),
            ("2", InboundId(1), InboundId(2))
        );
        assert_eq!((asked.rows.others[0].id, asked.rows.others[0].dropped), (InboundId(1), false));
    }

    #[test]
    fn who_said_what_is_told_when_several_have() {
        let mut told = vec![testing::row(1, "u1", "a"), testing::row(2, "u2", "b")];
        told[1].message.sender.display_name = Some("Bob".to_owned());
        let plan = Plan { told, short: vec![], dropped: vec![], rules: QueueRules::default() };
        assert_eq!(Batch::of(plan).unwrap().row.message.text, "Ada: a\nBob: b");
    }

    #[test]
    fn what_is_too_much_is_told_in_short_or_dropped_with_the_reason() {
        let long = "w".repeat(200);
        let rules = QueueRules { cap: 1, drop: QueueDrop::Old, ..QueueRules::default() };
        let batch = batch(&[(9, "u1", "now")], &["one  two", &long], &[3], rules);
        let text = batch.row.message.text.clone();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "[2 earlier messages are told in short, because more than 1 waited]");
        assert_eq!((lines[1], lines[2].chars().count()), ("- one two", 2 + SHORT));
        assert_eq!(lines[3..], ["[Current message - respond to this]", "now"]);
        let ends: Vec<_> =
            batch.asked().rows.others.into_iter().map(|other| (other.id.0, other.dropped)).collect();
        assert_eq!(ends, [(100, false), (101, false), (3, true)]);
        assert!(batch.others[2].how.contains("messages.queue.drop is old"), "{}", batch.others[2].how);
    }

    #[test]
    fn the_files_of_all_are_told() {
        let file = |handle| MediaFile { handle, mime: "image/png".to_owned(), name: None, size: 1 };
        let mut told = vec![testing::row(1, "u1", ""), testing::row(2, "u1", "what is it?")];
        told[0].message.media = vec![file(1)];
        told[1].message.media = vec![file(2)];
        let plan = Plan { told, short: vec![], dropped: vec![], rules: QueueRules::default() };
        let message = Batch::of(plan).unwrap().row.message;
        assert_eq!((message.text.as_str(), message.media), ("what is it?", vec![file(1), file(2)]));
    }
}
