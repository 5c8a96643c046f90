//! Owns when a session begins anew by itself: which policy holds for a turn, and whether it has expired. Pure; the clock and
//! the time zone are the caller's.

use openclaw_config::{ResetPolicy, SessionKind};
use time::{Duration, OffsetDateTime, Time, UtcOffset};

/// What a session's key says about its kind, where the turn does not say it.
pub(crate) fn kind_of(key: &str) -> SessionKind {
    let parts: Vec<&str> = key.split(':').collect();
    let has = |words: &[&str]| parts.iter().any(|part| words.contains(part));
    if has(&["thread", "topic"]) {
        SessionKind::Thread
    } else if has(&["group", "channel"]) {
        SessionKind::Group
    } else {
        SessionKind::Direct
    }
}

/// Whether a session that was used last at `used` has expired at `now` (Unix milliseconds), where clocks are `offset` from UTC.
pub(crate) fn expired(policy: ResetPolicy, used: i64, now: i64, offset: UtcOffset) -> bool {
    let idle = policy.idle_minutes.is_some_and(|minutes| {
        let wait = i64::try_from(minutes).unwrap_or(i64::MAX).saturating_mul(60_000);
        now.saturating_sub(used) >= wait
    });
    let daily = policy.at_hour.and_then(|hour| latest(hour, now, offset)).is_some_and(|at| used < at);
    idle || daily
}

/// The latest moment at which it was this hour.
fn latest(hour: u8, now: i64, offset: UtcOffset) -> Option<i64> {
    let local = OffsetDateTime::from_unix_timestamp(now.div_euclid(1_000)).ok()?.to_offset(offset);
    let today = local.replace_time(Time::from_hms(hour, 0, 0).ok()?);
    let at = if today > local { today.checked_sub(Duration::DAY)? } else { today };
    at.unix_timestamp().checked_mul(1_000)
}

/// How far clocks here are from UTC at this moment.
pub(crate) fn offset_at(now: i64) -> UtcOffset {
    let moment = OffsetDateTime::from_unix_timestamp(now.div_euclid(1_000)).ok();
    moment.and_then(|moment| UtcOffset::local_offset_at(moment).ok()).unwrap_or(UtcOffset::UTC)
}

/// What follows one of the words that start a session anew; `None` if the message does not begin with one.
pub(crate) fn after_trigger(triggers: &[String], message: &str) -> Option<String> {
    let message = message.trim();
    let rest = |trigger: &String| {
        let trigger = trigger.trim();
        let head = message.get(..trigger.len()).filter(|_| !trigger.is_empty())?;
        let rest = message.get(trigger.len()..)?;
        let ends = rest.is_empty() || rest.starts_with(char::is_whitespace);
        (ends && head.eq_ignore_ascii_case(trigger)).then(|| rest.trim().to_owned())
    };
    triggers.iter().find_map(rest)
}

#[cfg(test)]
mod tests {
    use time::macros::{datetime, offset};

    use super::*;

    fn ms(moment: OffsetDateTime) -> i64 {
        moment.unix_timestamp() * 1_000
    }

    #[test]
    fn a_day_ends_at_its_hour_of_the_local_clock() {
        let policy = ResetPolicy { at_hour: Some(4), idle_minutes: None };
        let here = offset!(+2);
        let check = |used: OffsetDateTime, now: OffsetDateTime, expected| {
            assert_eq!(expired(policy, ms(used), ms(now), here), expected, "{used} {now}");
        };
        check(datetime!(2026-03-02 03:59 +2), datetime!(2026-03-02 04:00 +2), true);
        check(datetime!(2026-03-02 04:00 +2), datetime!(2026-03-02 23:59 +2), false);
        check(datetime!(2026-03-01 05:00 +2), datetime!(2026-03-02 03:59 +2), false);
        check(datetime!(2026-03-01 03:00 +2), datetime!(2026-03-02 03:59 +2), true);
        check(datetime!(2026-01-01 12:00 +2), datetime!(2026-03-02 12:00 +2), true);
        // The hour is the local one: at 03:00 UTC it is five here.
        check(datetime!(2026-03-02 01:30 UTC), datetime!(2026-03-02 03:00 UTC), true);
        assert!(!expired(
            policy,
            ms(datetime!(2026-03-02 01:30 UTC)),
            ms(datetime!(2026-03-02 03:00 UTC)),
            offset!(+0)
        ));
    }

    #[test]
    fn whichever_comes_first_ends_it_and_nothing_does_without_a_policy() {
        let minute = 60_000;
        let idle = ResetPolicy { at_hour: None, idle_minutes: Some(30) };
        assert!(!expired(idle, 0, 30 * minute - 1, UtcOffset::UTC));
        assert!(expired(idle, 0, 30 * minute, UtcOffset::UTC));
        let both = ResetPolicy { at_hour: Some(1), idle_minutes: Some(600) };
        assert!(expired(both, 0, 60 * minute, UtcOffset::UTC), "the hour came first");
        assert!(
            expired(ResetPolicy { at_hour: Some(23), ..both }, 0, 600 * minute, UtcOffset::UTC),
            "the wait did"
        );
        assert!(!expired(ResetPolicy::default(), 0, i64::MAX / 2, UtcOffset::UTC));
        assert!(!expired(idle, 10 * minute, 0, UtcOffset::UTC), "a clock that was set back ends nothing");
    }

    #[test]
    fn a_key_says_what_kind_its_session_is() {
        for (key, kind) in [
            ("agent:main:main", SessionKind::Direct),
            ("agent:main:chat:direct:7", SessionKind::Direct),
            ("agent:main:chat:group:-5", SessionKind::Group),
            ("agent:main:chat:channel:c", SessionKind::Group),
            ("agent:main:chat:group:-5:topic:3", SessionKind::Thread),
            ("agent:main:chat:channel:c:thread:9", SessionKind::Thread),
        ] {
            assert_eq!(kind_of(key), kind, "{key}");
        }
    }

    #[test]
    fn a_trigger_is_a_whole_word_at_the_beginning() {
        let triggers = ["fresh".to_owned(), String::new()];
        assert_eq!(after_trigger(&triggers, " FRESH  start please"), Some("start please".to_owned()));
        assert_eq!(after_trigger(&triggers, "fresh"), Some(String::new()));
        assert_eq!(after_trigger(&triggers, "freshly made"), None);
        assert_eq!(after_trigger(&triggers, "so fresh"), None);
        assert_eq!(after_trigger(&triggers, "é"), None);
    }
}
