//! Owns what follows `/queue`: a mode, and options such as `debounce:0.5s cap:25 drop:old`.

use openclaw_store::{QueueChoice, QueueDrop, QueueMode};

/// The longest wait for more, in milliseconds.
const LONGEST_MS: f64 = 86_400_000.0;

/// What `/queue` is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueueAsk {
    /// Tell what holds.
    Show,
    /// Forget the session's own choice.
    Default,
    /// Choose for the session; what is not said stays as it was chosen before.
    Choose(QueueChoice),
}

impl QueueAsk {
    /// `None`: some word makes no sense.
    pub(super) fn parse(rest: &str) -> Option<Self> {
        let rest = rest.to_lowercase();
        match rest.as_str() {
            "" => return Some(Self::Show),
            "default" | "reset" => return Some(Self::Default),
            _ => {}
        }
        let mut choice = QueueChoice::default();
        for word in rest.split_whitespace() {
            match word.split_once(':') {
                None => choice.mode = Some(QueueMode::of(word)?),
                Some(("debounce", wait)) => choice.debounce_ms = Some(milliseconds(wait)?),
                Some(("cap", cap)) => choice.cap = Some(cap.parse().ok().filter(|cap| *cap > 0)?),
                Some(("drop", policy)) => choice.drop = Some(QueueDrop::of(policy)?),
                Some(_) => return None,
            }
        }
        Some(Self::Choose(choice))
    }
}

/// A time such as `500`, `500ms`, `0.5s` or `1m`.
fn milliseconds(text: &str) -> Option<u64> {
    let digits = text.find(|sign: char| !(sign.is_ascii_digit() || sign == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "" | "ms" => 1.0,
        "s" => 1_000.0,
        "m" => 60_000.0,
        "h" => 3_600_000.0,
        _ => return None,
    };
    let wait = number.parse::<f64>().ok()? * factor;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is within bounds")]
    (0.0..=LONGEST_MS).contains(&wait).then(|| wait.round() as u64)
}

/// As it is typed.
pub(crate) fn words(choice: QueueChoice) -> String {
    let QueueChoice { mode, debounce_ms, cap, drop } = choice;
    let words = [
        mode.map(|mode| mode.as_str().to_owned()),
        debounce_ms.map(|wait| format!("debounce:{wait}ms")),
        cap.map(|cap| format!("cap:{cap}")),
        drop.map(|policy| format!("drop:{}", policy.as_str())),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_and_options_are_read_in_any_order() {
        let check = |text, expected: Option<&str>| {
            let found = match QueueAsk::parse(text) {
                Some(QueueAsk::Choose(choice)) => Some(words(choice)),
                Some(QueueAsk::Show) => Some("show".to_owned()),
                Some(QueueAsk::Default) => Some("default".to_owned()),
                None => None,
            };
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("", Some("show"));
        check("Reset", Some("default"));
        check("collect", Some("collect"));
        check("cap:25 Collect debounce:0.5s drop:old", Some("collect debounce:500ms cap:25 drop:old"));
        check("debounce:250", Some("debounce:250ms"));
        check("debounce:1m", Some("debounce:60000ms"));
        check("later", None);
        check("cap:0", None);
        check("debounce:-1", None);
        check("debounce:99h", None);
        check("debounce:1.2.3", None);
        check("drop:all", None);
        check("size:3", None);
    }
}
