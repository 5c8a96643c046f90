//! Owns the words that stop a turn without a slash: people in a hurry do not look for the command. Each counts only as a whole
//! message (openclaw-compat §3.13.2).

/// In lower case, without the punctuation at their ends. French, German, Spanish, Portuguese, Chinese, Japanese, Hindi, Arabic and
/// Russian people stop it as well.
const WORDS: &[&str] = &[
    "stop",
    "esc",
    "abort",
    "exit",
    "interrupt",
    "detente",
    "deten",
    "detén",
    "arrete",
    "arrête",
    "停止",
    "停下来",
    "暂停",
    "やめて",
    "止めて",
    "रुको",
    "توقف",
    "стоп",
    "остановись",
    "останови",
    "остановить",
    "прекрати",
    "halt",
    "anhalten",
    "aufhören",
    "hoer auf",
    "stopp",
    "pare",
    "stop openclaw",
    "openclaw stop",
    "stop action",
    "stop current action",
    "stop run",
    "stop current run",
    "stop agent",
    "stop the agent",
    "stop don't do anything",
    "stop dont do anything",
    "stop doing anything",
    "do not do that",
    "please stop",
    "stop please",
    "wait",
    "stop do not do anything",
];
/// Longer messages are not looked at.
const LONGEST: usize = 64;

/// Whether a message is nothing but a wish to stop.
pub(super) fn is_stop_word(text: &str) -> bool {
    if text.len() > LONGEST {
        return false;
    }
    let text = text.to_lowercase().replace(['’', '`'], "'");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let bare = text.trim_end_matches(|letter: char| ".!?！？…,，。;；:：'\"”)]}".contains(letter)).trim();
    WORDS.contains(&bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_to_stop_is_a_whole_message() {
        let check = |text, expected| assert_eq!(is_stop_word(text), expected, "{text}");
        check("stop", true);
        check("STOP!!!", true);
        check("Please stop.", true);
        check("Stop don’t  do anything", true);
        check("(stop)", false);
        check("СТОП", true);
        check("停止！", true);
        check("stop the music", false);
        check("wait for me", false);
        check("", false);
        check("!", false);
        check(&"stop".repeat(100), false);
    }
}
