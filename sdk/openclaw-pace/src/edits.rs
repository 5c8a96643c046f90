//! The edits of one message while its text grows. A vendor takes few of them, so the newest stands for those that it
//! overtakes, at most one goes out in an interval, and the last one always does. Owns what waits; it never sends.

/// The edits of one message. `T` is what an edit shows.
#[derive(Debug)]
pub struct Edits<T> {
    every_us: u64,
    not_before_us: u64,
    waiting: Option<T>,
    /// What the vendor shows, or is being asked to show.
    shown: Option<T>,
    under_way: bool,
}

impl<T: Clone + PartialEq> Edits<T> {
    /// At least `every_ms` milliseconds lie between the begins of two edits.
    #[must_use]
    pub const fn new(every_ms: u64) -> Self {
        let every_us = every_ms.saturating_mul(1_000);
        Self { every_us, not_before_us: 0, waiting: None, shown: None, under_way: false }
    }

    /// The message is to show this. Forgets what waits; what is shown already is no edit.
    pub fn put(&mut self, edit: T) {
        self.waiting = (self.shown.as_ref() != Some(&edit)).then_some(edit);
    }

    /// How many milliseconds from `now_us` on to call [`Edits::take`]; none while nothing waits, or one is under way.
    #[must_use]
    pub fn wait_ms(&self, now_us: u64) -> Option<u64> {
        let may = self.waiting.is_some() && !self.under_way;
        may.then(|| self.not_before_us.saturating_sub(now_us).div_ceil(1_000))
    }

    /// The edit to be sent at `now_us`, if one may be. It is under way until [`Edits::sent`] or [`Edits::refused`].
    pub fn take(&mut self, now_us: u64) -> Option<T> {
        if self.wait_ms(now_us) != Some(0) {
            return None;
        }
        let edit = self.waiting.take()?;
        self.under_way = true;
        self.not_before_us = now_us.saturating_add(self.every_us);
        self.shown = Some(edit.clone());
        Some(edit)
    }

    /// The edit that was under way is shown.
    pub const fn sent(&mut self) {
        self.under_way = false;
    }

    /// The edit that was under way is not shown, and nothing is to be tried before `wait_ms` have passed. It waits again,
    /// unless a newer one does.
    pub fn refused(&mut self, wait_ms: u64, now_us: u64) {
        self.under_way = false;
        self.not_before_us = self.not_before_us.max(now_us.saturating_add(wait_ms.saturating_mul(1_000)));
        let edit = self.shown.take();
        if self.waiting.is_none() {
            self.waiting = edit;
        }
    }

    /// Whether everything that was put is shown.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.waiting.is_none() && !self.under_way
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000;

    /// A text that grows by a word every 100 ms for 2 s, at a vendor that takes 30 ms for an edit and refuses those that begin
    /// at `refused`, with a wait of 700 ms.
    fn play(refused: &[u64]) -> Vec<(u64, String)> {
        let mut edits = Edits::new(500);
        let (mut text, mut shown) = (String::new(), Vec::new());
        let mut under_way: Option<(u64, String)> = None;
        for ms in 0..6_000 {
            if ms < 2_000 && ms % 100 == 0 {
                text.push_str("x ");
                edits.put(text.clone());
            }
            if let Some((begun, edit)) = under_way.take_if(|(begun, _)| *begun + 30 == ms) {
                if refused.contains(&begun) {
                    edits.refused(700, ms * MS);
                } else {
                    edits.sent();
                    shown.push((begun, edit));
                }
            }
            if edits.wait_ms(ms * MS) == Some(0) {
                under_way = Some((ms, edits.take(ms * MS).unwrap()));
            }
        }
        assert!(edits.is_settled());
        assert_eq!(shown.last().map(|(_, edit)| edit.as_str()), Some(text.as_str()), "the last one is shown");
        shown
    }

    #[test]
    fn one_edit_in_an_interval_and_always_the_last() {
        let times: Vec<u64> = play(&[]).iter().map(|(begun, _)| *begun).collect();
        assert_eq!(times, [0, 500, 1_000, 1_500, 2_000]);
    }

    #[test]
    fn a_refused_edit_waits_and_gives_way_to_a_newer_one() {
        let shown = play(&[500, 2_230]);
        let times: Vec<u64> = shown.iter().map(|(begun, _)| *begun).collect();
        assert_eq!(times, [0, 1_230, 1_730, 2_960]);
        assert_eq!(shown[1].1.len(), 2 * 13, "what came meanwhile stands for it");
    }

    #[test]
    fn what_is_shown_is_no_edit() {
        let mut edits = Edits::new(10);
        edits.put("a");
        assert_eq!(edits.take(0), Some("a"));
        edits.put("b");
        assert_eq!((edits.wait_ms(50 * MS), edits.take(50 * MS)), (None, None), "one is under way");
        edits.put("a");
        edits.sent();
        assert!(edits.is_settled());
        edits.put("c");
        assert_eq!(edits.wait_ms(MS), Some(9));
        assert_eq!(edits.take(MS), None);
        assert_eq!(edits.take(10 * MS), Some("c"));
    }
}
