//! Ids of Discord: 64-bit numbers that travel as text and hold the time of their making. Owns the reading of both.

/// The first second of 2015, where Discord's clock begins, in Unix milliseconds.
const EPOCH_MS: u64 = 1_420_070_400_000;

/// Whether `text` is an id: 1 to 20 digits, and not zero.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() <= 20
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse::<u64>().is_ok_and(|id| id > 0)
}

/// When the thing with this id was made, in Unix milliseconds; 0 for what is no id.
pub(crate) fn made_at_ms(id: &str) -> u64 {
    id.parse::<u64>().map_or(0, |id| (id >> 22).saturating_add(EPOCH_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Discord's reference (`175928847299117063` was made on 2016-04-30 at 11:18:25.796 UTC).
    #[test]
    fn an_id_holds_its_time() {
        assert_eq!(made_at_ms("175928847299117063"), 1_462_015_105_796);
        assert_eq!(made_at_ms("x"), 0);
    }

    #[test]
    fn what_is_an_id() {
        for id in ["1", "175928847299117063"] {
            assert!(is_id(id), "{id}");
        }
        for no in ["", "0", "-1", "+1", "12a", "99999999999999999999", "175928847299117063175928847299117063"]
        {
            assert!(!is_id(no), "{no}");
        }
    }
}
