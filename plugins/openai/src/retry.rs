//! When a provider wants to be asked again. Reads headers and words; it has no clock, so a date counts from the
//! answer's own `date` header.

/// The wait that the answer asks for, in milliseconds.
pub(crate) fn after_ms(headers: &[(String, String)], message: &str) -> Option<u64> {
    let header =
        |name: &str| headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim());
    header("retry-after-ms")
        .and_then(millis)
        .or_else(|| {
            header("retry-after").and_then(|value| seconds(value).or_else(|| until(value, header("date")?)))
        })
        .or_else(|| in_words(message))
}

fn millis(value: &str) -> Option<u64> {
    whole(value.parse::<f64>().ok()?)
}

fn seconds(value: &str) -> Option<u64> {
    whole(value.parse::<f64>().ok()? * 1000.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be in range just before"
)]
fn whole(ms: f64) -> Option<u64> {
    (ms.is_finite() && (0.0..=1e12).contains(&ms)).then(|| ms.ceil() as u64)
}

/// From one HTTP date to another.
fn until(then: &str, now: &str) -> Option<u64> {
    Some(date(then)?.saturating_sub(date(now)?) * 1000)
}

/// Unix seconds of an IMF-fixdate (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
fn date(text: &str) -> Option<u64> {
    let mut words = text.split_whitespace().skip(1);
    let day: u64 = words.next()?.parse().ok()?;
    let name = words.next()?;
    let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        .iter()
        .position(|known| *known == name)? as u64
        + 1;
    let year: u64 = words.next()?.parse().ok().filter(|year| (1970..10_000).contains(year))?;
    let mut clock = words.next()?.splitn(3, ':').map(str::parse::<u64>);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    if words.next()? != "GMT" || day > 31 || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Days since the epoch by the civil calendar, with the year beginning in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    Some((days.checked_sub(719_468)?) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// `Please try again in 1.2s`, `… in 20ms`, `… in 1m30s`, `retry after 7 seconds`.
fn in_words(message: &str) -> Option<u64> {
    let lower = message.to_ascii_lowercase();
    let rest = ["try again in ", "retry in ", "retry after "]
        .iter()
        .find_map(|phrase| lower.split_once(phrase).map(|(_, rest)| rest))?;
    let mut total = 0.0;
    let mut rest = rest;
    while let Some((number, after)) = leading_number(rest) {
        let after = after.trim_start();
        let (scale, tail) = ["ms", "millis", "h", "m", "s"]
            .iter()
            .zip([1.0, 1.0, 3_600_000.0, 60_000.0, 1000.0])
            .find_map(|(unit, scale)| after.strip_prefix(unit).map(|tail| (scale, tail)))?;
        total += number * scale;
        // The rest of a unit's name, such as `econds`.
        rest = tail.trim_start_matches(|c: char| c.is_ascii_alphabetic()).trim_start();
    }
    (total > 0.0).then(|| whole(total)).flatten()
}

fn leading_number(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.trim_end_matches('.').parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_headers() {
        let check = |headers: &[(&str, &str)], expected| {
            let headers: Vec<_> = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            assert_eq!(after_ms(&headers, ""), expected, "{headers:?}");
        };
        check(&[], None);
        check(&[("Retry-After", "7")], Some(7_000));
        check(&[("retry-after", "0.5")], Some(500));
        check(&[("retry-after", "7"), ("retry-after-ms", "120")], Some(120));
        check(&[("retry-after", "-3")], None);
        check(&[("retry-after", "soon")], None);
        check(
            &[("Date", "Sun, 22 Nov 2026 13:00:00 GMT"), ("retry-after", "Sun, 22 Nov 2026 13:01:30 GMT")],
            Some(90_000),
        );
        check(
            &[("Date", "Sun, 22 Nov 2026 13:00:00 GMT"), ("retry-after", "Sun, 22 Nov 2026 12:00:00 GMT")],
            Some(0),
        );
        check(&[("retry-after", "Sun, 22 Nov 2026 13:01:30 GMT")], None);
    }

    #[test]
    fn knows_the_calendar() {
        assert_eq!(date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(date("Thu, 29 Feb 2024 12:00:00 GMT"), Some(1_709_208_000));
        assert_eq!(date("yesterday"), None);
    }

    #[test]
    fn reads_words() {
        let check = |text, expected| assert_eq!(after_ms(&[], text), expected, "{text}");
        check("Rate limit reached. Please try again in 1.2s. Visit …", Some(1_200));
        check("Please try again in 20ms.", Some(20));
        check("try again in 6m0s", Some(360_000));
        check("try again in 1h2m3.5s.", Some(3_723_500));
        check("retry after 7 seconds", Some(7_000));
        check("Please try again in a moment", None);
        check("try again in 5 bananas", None);
    }
}
