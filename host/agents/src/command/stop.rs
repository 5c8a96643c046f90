//! Owns the words that stop a turn without a slash: people in a hurry do not look for the command. Each counts only as a whole
//! message.

/// In lower case, without the punctuation at their ends.
const WORDS: &[&str] = &[
    "stop",
    "stop action",
    "stop current action",
    "stop run",
    "stop current run",
    "stop agent",
    "stop the agent",
    "stop openclaw",
    "openclaw stop",
    "stop don't do anything",
    "stop do not do anything",
    "stop doing anything",
    "do not do that",
    "please stop",
    "stop please",
    "abort",
    "esc",
    "wait",
    "exit",
    "interrupt",
    "halt",
    // French, German, Spanish, Chinese, Japanese, Hindi, Arabic, Russian.
    "arrête",
    "arrete",
    "stopp",
    "aufhören",
    "anhalten",
    "detente",
    "deténte",
    "停止",
    "停下",
    "やめて",
    "止めて",
    "रुको",
    "توقف",
    "стоп",
    "остановись",
];
/// Longer messages are not looked at.
const LONGEST: usize = 64;

/// Whether a message is nothing but a wish to stop.
pub(super) fn is_stop_word(text: &str) -> bool {
    if text.len() > LONGEST {
        return false;
    }
    let bare = text.trim_end_matches(['.', '!', '?', '…', ',', '。', '！', '？']).trim();
    let bare = bare.replace('’', "'").to_lowercase();
    WORDS.contains(&bare.as_str())
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
        check("Stop don’t do anything", true);
        check("СТОП", true);
        check("停止！", true);
        check("stop the music", false);
        check("wait for me", false);
        check("", false);
        check("!", false);
        check(&"stop".repeat(100), false);
    }
}
