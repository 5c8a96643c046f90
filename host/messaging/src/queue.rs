//! Owns what waits in memory for its turn: which conversation of a session is next, which of its messages are told together
//! (`messages.queue`), and which are told in short or not at all because too many wait. Pure: it reads nothing, and whatever
//! it forgets is owed in the ledger.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use openclaw_store::{
    ConversationKey, InboundId, InboundRow, Message, QueueChoice, QueueDrop, QueueMode, Route,
};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::debounce::Held;

/// Bytes that one turn is told.
const TOLD_BYTES: usize = 256 << 10;
/// Conversations of a session whose last turn is remembered.
const SERVED: usize = 64;
/// `collect` waits no longer for more.
pub(crate) const LONGEST_QUIET: Duration = Duration::from_millis(7_500);

/// What becomes of messages that wait behind a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueRules {
    /// What they are told as.
    pub mode: QueueMode,
    /// How many of a conversation may wait; at least 1. A person's texts that came at once are one.
    pub cap: usize,
    /// What becomes of more.
    pub drop: QueueDrop,
    /// `collect` waits until nobody has written for so long.
    pub quiet: Duration,
}

impl Default for QueueRules {
    fn default() -> Self {
        Self {
            mode: QueueMode::default(),
            cap: 20,
            drop: QueueDrop::default(),
            quiet: Duration::from_millis(500),
        }
    }
}

impl QueueRules {
    /// The rules of a session about which this was decided.
    #[must_use]
    pub fn with(self, choice: QueueChoice) -> Self {
        Self {
            mode: choice.mode.unwrap_or(self.mode),
            cap: choice.cap.unwrap_or(self.cap).max(1),
            drop: choice.drop.unwrap_or(self.drop),
            quiet: choice.debounce_ms.map_or(self.quiet, Duration::from_millis),
        }
    }
}

/// What is never told together with anything else: another conversation, or another agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) conversation: ConversationKey,
    agent: String,
}

impl Place {
    pub(crate) fn of(row: &InboundRow, route: &Route) -> Self {
        let conversation = ConversationKey { account: row.account.clone(), target: row.message.target() };
        Self { conversation, agent: route.agent.clone() }
    }
}

/// Messages that are told together in any mode: one, or a person's texts that came at once.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    place: Place,
    rows: Vec<InboundRow>,
    /// It has to be a turn alone: a command, or what a turn was told that broke off.
    alone: bool,
    /// A turn of its conversation ran when it came.
    behind: bool,
    since: Instant,
}

/// What one turn closes.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Told in full, in their order; never empty.
    pub(crate) told: Vec<InboundRow>,
    /// Told in short.
    pub(crate) short: Vec<InboundRow>,
    /// Not told.
    pub(crate) dropped: Vec<InboundRow>,
    pub(crate) rules: QueueRules,
}

/// The turn that runs in a session.
pub(crate) struct Running {
    pub(crate) place: Place,
    pub(crate) ids: Vec<InboundId>,
    /// Stops it.
    pub(crate) stop: Arc<Notify>,
}

/// What waits in one session.
#[derive(Default)]
pub(crate) struct Line {
    units: VecDeque<Unit>,
    pub(crate) running: Option<Running>,
    /// The ledger has more than `units`; nothing is added here before that was read.
    pub(crate) owed: bool,
    /// Somebody holds a place in the lane for this line.
    pub(crate) ticket: bool,
    /// The conversations that had a turn, the latest last.
    served: Vec<Place>,
}

/// What is in memory of the ledger's open turns. Whoever reads the ledger to find more holds it meanwhile.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) lines: HashMap<String, Line>,
    /// Rows that are held, wait or run.
    pub(crate) known: HashSet<InboundId>,
    pub(crate) held: Held,
    /// Sessions with something to do that found no place in a lane.
    pub(crate) wanting: BTreeSet<String>,
    /// Messages of turns that broke off when people had read a part of the answer: each with all that are told with it again.
    pub(crate) begun: HashMap<InboundId, Arc<[InboundId]>>,
    /// Those of them that wait for the others, by the message whose turn it is.
    gathered: HashMap<InboundId, Vec<InboundRow>>,
}

impl Book {
    /// Messages that wait in lines, but for those for which a lane's place stands.
    pub(crate) fn waiting(&self) -> usize {
        let counted =
            |line: &Line| line.len().saturating_sub(usize::from(line.ticket && line.running.is_none()));
        self.lines.values().map(counted).sum()
    }

    /// All messages of a turn that broke off, when the last of them comes: they are told as they were, and nothing with them.
    /// `Err`: it is no such message.
    pub(crate) fn gather(&mut self, row: InboundRow) -> Result<Option<Vec<InboundRow>>, Box<InboundRow>> {
        let Some(all) = self.begun.get(&row.id).map(Arc::clone) else { return Err(Box::new(row)) };
        let Some(own) = all.last().copied() else { return Err(Box::new(row)) };
        let rows = self.gathered.entry(own).or_default();
        rows.retain(|known| known.id != row.id);
        rows.push(row);
        if rows.len() < all.len() {
            return Ok(None);
        }
        let mut rows = self.gathered.remove(&own).unwrap_or_default();
        rows.sort_by_key(|row| all.iter().position(|id| *id == row.id));
        Ok(Some(rows))
    }

    /// These are not in memory any more: they are closed, or owed in the ledger.
    pub(crate) fn forget(&mut self, ids: &[InboundId]) {
        for id in ids {
            self.known.remove(id);
        }
    }

    /// How many messages are in memory.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }
}

impl Line {
    pub(crate) fn len(&self) -> usize {
        self.units.iter().map(|unit| unit.rows.len()).sum()
    }

    /// Nothing waits and nothing runs.
    pub(crate) fn is_idle(&self) -> bool {
        self.units.is_empty() && !self.owed && self.running.is_none()
    }

    /// Whether there is a turn to run.
    pub(crate) fn has_work(&self) -> bool {
        !self.units.is_empty() || self.owed
    }

    pub(crate) fn push(&mut self, place: Place, rows: Vec<InboundRow>, alone: bool, now: Instant) {
        let behind = self.runs(&place);
        self.units.push_back(Unit { place, rows, alone, behind, since: now });
    }

    /// Whether a turn of this conversation runs.
    pub(crate) fn runs(&self, place: &Place) -> bool {
        self.running.as_ref().is_some_and(|running| running.place == *place)
    }

    /// Puts back what a turn was told that came to no end, in front of everything.
    pub(crate) fn put_back(
        &mut self,
        place: &Place,
        mut rows: Vec<InboundRow>,
        alone: impl Fn(&Message) -> bool,
        now: Instant,
    ) {
        rows.sort_by_key(|row| std::cmp::Reverse(row.id));
        for row in rows {
            let (place, alone, rows) = (place.clone(), alone(&row.message), vec![row]);
            self.units.push_front(Unit { place, rows, alone, behind: true, since: now });
        }
    }

    /// The conversation that waits and whose last turn is the longest ago; of several, the one that came first.
    pub(crate) fn next_place(&self) -> Option<Place> {
        let turn =
            |place: &Place| self.served.iter().position(|served| served == place).map_or(0, |at| at + 1);
        // `min_by_key` keeps the first of equals.
        self.units.iter().map(|unit| &unit.place).min_by_key(|place| turn(place)).cloned()
    }

    /// Whether what is next in this conversation depends on the rules.
    pub(crate) fn needs_rules(&self, place: &Place) -> bool {
        let mut units = self.units.iter().filter(|unit| unit.place == *place);
        units.next().is_some_and(|first| first.behind) || units.next().is_some()
    }

    /// How long to wait for more before the next turn of this conversation.
    pub(crate) fn quiet(&self, place: &Place, rules: &QueueRules, now: Instant) -> Option<Duration> {
        let units = || self.units.iter().filter(|unit| unit.place == *place);
        if rules.mode != QueueMode::Collect
            || units().next().is_none_or(|first| first.alone)
            || !units().any(|unit| unit.behind)
        {
            return None;
        }
        let last = units().map(|unit| unit.since).max()?;
        let quiet = rules.quiet.min(LONGEST_QUIET);
        quiet.checked_sub(now.saturating_duration_since(last)).filter(|left| !left.is_zero())
    }

    /// Takes all that waits in this conversation: it was told to stop.
    pub(crate) fn stop(&mut self, place: &Place) -> Vec<InboundRow> {
        let (gone, stay) = std::mem::take(&mut self.units)
            .into_iter()
            .partition::<Vec<_>, _>(|unit| unit.place == *place && !unit.alone);
        self.units = stay.into();
        gone.into_iter().flat_map(|unit| unit.rows).collect()
    }

    /// Takes what the next turn of this conversation closes.
    pub(crate) fn take(&mut self, place: &Place, rules: QueueRules) -> Option<Plan> {
        let (own, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.units)
            .into_iter()
            .enumerate()
            .partition(|(_, unit)| unit.place == *place);
        let waiting = own.iter().filter(|(_, unit)| !unit.alone).count();
        let mut plan = Plan { told: Vec::new(), short: Vec::new(), dropped: Vec::new(), rules };
        let mut own = VecDeque::from(own);
        let mut excess = waiting.saturating_sub(rules.cap.max(1));
        if rules.drop == QueueDrop::New {
            own = keep_oldest(own, &mut plan.dropped, excess);
            excess = 0;
        }
        let (mut bytes, mut full) = (0, false);
        let mut stay = Vec::new();
        while let Some((at, unit)) = own.pop_front() {
            let more = own.front().is_some_and(|(_, next)| !next.alone);
            if full || (unit.alone && !(plan.told.is_empty() && plan.short.is_empty())) {
                full = true;
                stay.push((at, unit));
                continue;
            }
            if unit.alone {
                plan.told = unit.rows;
                full = true;
                continue;
            }
            // The last text before a command is told in any case.
            if excess > 0 && more && plan.told.is_empty() {
                excess -= 1;
                match rules.drop {
                    QueueDrop::Summarize => plan.short.extend(unit.rows),
                    QueueDrop::Old | QueueDrop::New => plan.dropped.extend(unit.rows),
                }
                continue;
            }
            let size = unit.rows.iter().map(|row| row.message.text.len()).sum::<usize>();
            if !plan.told.is_empty() && bytes + size > TOLD_BYTES {
                full = true;
                stay.push((at, unit));
                continue;
            }
            bytes += size;
            plan.told.extend(unit.rows);
            full = rules.mode == QueueMode::Followup;
        }
        let mut rest: Vec<_> = others.into_iter().chain(stay).collect();
        rest.sort_by_key(|(at, _)| *at);
        self.units = rest.into_iter().map(|(_, unit)| unit).collect();
        if plan.told.is_empty() {
            return None;
        }
        self.served.retain(|served| served != place);
        self.served.push(place.clone());
        if self.served.len() > SERVED {
            self.served.remove(0);
        }
        Some(plan)
    }
}

/// Drops the newest `excess` units, and keeps commands and the oldest.
fn keep_oldest(
    mut own: VecDeque<(usize, Unit)>,
    dropped: &mut Vec<InboundRow>,
    mut excess: usize,
) -> VecDeque<(usize, Unit)> {
    let mut kept = VecDeque::new();
    while let Some((at, unit)) = own.pop_back() {
        if unit.alone || excess == 0 {
            kept.push_front((at, unit));
            continue;
        }
        excess -= 1;
        dropped.splice(0..0, unit.rows);
    }
    kept
}

/// Whether a message waits for more of its sender: a text that is no command.
pub(crate) fn is_joined(message: &Message) -> bool {
    message.media.is_empty() && !message.text.trim().is_empty()
}

#[cfg(test)]
mod tests;
