//! Owns what stands inside a message beside its text: directives such as `/think high`, and shortcuts such as `/status`. Each is a word
//! of its own outside of code, so that a path or an address is none; the text stays as it was written but for them. Pure.

use std::ops::Range;

use openclaw_models::Thinking;

use super::catalog;
use super::{Command, ModelAsk, QueueAsk, ThinkAsk};

/// Commands that are answered wherever they stand; their other spellings are text inside a message.
const SHORTCUTS: [&str; 4] = ["help", "commands", "status", "whoami"];

/// Commands in one message; what looks like a further one is text.
const MOST: usize = 16;

/// A message that holds commands beside its text, or several of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mixed {
    /// In their order: each is a `Think`, `Model` or `Queue` that decides something, or a shortcut.
    pub(crate) asks: Vec<Command>,
    /// What is left without them.
    pub(crate) text: String,
}

impl Mixed {
    /// Nothing is left.
    pub(crate) fn is_bare(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// Reads a message; `None` if it holds none. `is_model` says which words mean a model.
    pub(crate) fn read(text: &str, is_model: impl Fn(&str) -> bool) -> Option<Self> {
        if !text.contains('/') {
            return None;
        }
        let mut code = code(text).into_iter().peekable();
        let words = words(text);
        let (mut asks, mut taken) = (Vec::new(), Vec::new());
        let mut at = 0;
        while let Some(word) = words.get(at).filter(|_| asks.len() < MOST) {
            while code.next_if(|code| code.end <= word.start).is_some() {}
            let inside = code.peek().is_some_and(|code| code.contains(&word.start));
            let line = || line_from(text, &words, at);
            match (!inside).then(|| ask(&line(), &is_model)).flatten() {
                Some((ask, count)) => {
                    let end = words.get(at + count - 1).map_or(word.end, |last| last.end);
                    asks.push(ask);
                    taken.push(word.start..end);
                    at += count;
                }
                None => at += 1,
            }
        }
        (!asks.is_empty()).then(|| Self { asks, text: without(text, &taken) })
    }
}

/// What the first of these words asks for, and how many of them say so. They stand on one line.
fn ask(words: &[&str], is_model: &impl Fn(&str) -> bool) -> Option<(Command, usize)> {
    let (first, rest) = words.split_first()?;
    if !first.starts_with('/') {
        return None;
    }
    // `/think:high` is one word, `/think: high` two.
    let (spelling, joined) =
        first.split_once(':').map_or((*first, ""), |(spelling, joined)| (spelling, joined));
    let spelling = spelling.split_once('@').map_or(spelling, |(spelling, _)| spelling).to_ascii_lowercase();
    let info = catalog::find(&spelling)?;
    if SHORTCUTS.contains(&info.name) {
        let exact = spelling.get(1..) == Some(info.name) && !first.contains(':');
        return exact.then(|| Some((Command::shortcut(info.name)?, 1))).flatten();
    }
    let args: Vec<&str> =
        Some(joined).filter(|joined| !joined.is_empty()).into_iter().chain(rest.iter().copied()).collect();
    let own = 1 - usize::from(!joined.is_empty());
    let (command, count) = match info.name {
        "think" => (Command::Think(think(args.first()?)?), 1),
        "model" => model(&args, is_model)?,
        "queue" => queue(&args)?,
        _ => return None,
    };
    Some((command, own + count))
}

/// A level; what ends a phrase may follow it.
fn think(word: &str) -> Option<ThinkAsk> {
    match word.trim_end_matches([',', '.', ';', '!', '?']).to_ascii_lowercase().as_str() {
        "default" | "inherit" => Some(ThinkAsk::Default),
        word => word.parse::<Thinking>().ok().map(ThinkAsk::Set),
    }
}

/// One model between flags.
fn model(args: &[&str], is_model: &impl Fn(&str) -> bool) -> Option<(Command, usize)> {
    let is_flag = |word: &&str| ModelAsk::FLAGS.contains(word);
    let before = args.iter().take_while(|word| is_flag(word)).count();
    let named = args.get(before)?;
    if !named.eq_ignore_ascii_case("default") && !is_model(named) {
        return None;
    }
    let behind = args.iter().skip(before + 1).take_while(|word| is_flag(word)).count();
    let count = before + 1 + behind;
    Some((Command::Model(ModelAsk::parse(&args.get(..count)?.join(" "))), count))
}

/// As many words as make sense.
fn queue(args: &[&str]) -> Option<(Command, usize)> {
    let sensible = |count: &usize| {
        let words = args.get(..*count).unwrap_or_default().join(" ");
        QueueAsk::parse(&words).is_some()
    };
    let count = (1..=args.len()).take_while(sensible).last()?;
    let ask = QueueAsk::parse(&args.get(..count)?.join(" "))?;
    Some((Command::Queue(ask), count))
}

/// Where the words stand.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut begun = None;
    for (at, letter) in text.char_indices() {
        match (letter.is_whitespace(), begun) {
            (true, Some(start)) => {
                words.push(start..at);
                begun = None;
            }
            (false, None) => begun = Some(at),
            (true, None) | (false, Some(_)) => {}
        }
    }
    words.extend(begun.map(|start| start..text.len()));
    words
}

/// The words from this one to the end of its line, as far as anybody asks.
fn line_from<'a>(text: &'a str, words: &[Range<usize>], at: usize) -> Vec<&'a str> {
    /// A model with its flags is the longest thing that is said.
    const LONGEST: usize = 8;
    let mut line = Vec::new();
    let mut end = None;
    for word in words.iter().skip(at).take(LONGEST) {
        let gap = end.and_then(|end| text.get(end..word.start)).unwrap_or_default();
        if gap.contains('\n') {
            break;
        }
        line.extend(text.get(word.clone()));
        end = Some(word.end);
    }
    line
}

/// Where code stands: between fences, and between backticks on one line.
fn code(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let (mut at, mut fence): (usize, Option<(&str, usize)>) = (0, None);
    for line in text.split_inclusive('\n') {
        let range = at..at + line.len();
        at = range.end;
        let trimmed = line.trim();
        let mark = ["`", "~"].into_iter().find_map(|mark| {
            let bare = trimmed.trim_start_matches(mark);
            let run = trimmed.len() - bare.len();
            (run >= 3).then_some((mark, run, bare.is_empty()))
        });
        match (fence, mark) {
            (Some((open, length)), Some((mark, run, true))) if open == mark && run >= length => {
                spans.push(range);
                fence = None;
            }
            (Some(_), _) => spans.push(range),
            (None, Some((mark, run, _))) => {
                spans.push(range);
                fence = Some((mark, run));
            }
            (None, None) => spans.extend(inline_code(line, range.start)),
        }
    }
    spans
}

/// Pairs of runs of backticks of one length.
fn inline_code(line: &str, offset: usize) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (at, _) in line.match_indices('`') {
        match runs.last_mut() {
            Some(run) if run.end == at => run.end += 1,
            Some(_) | None => runs.push(at..at + 1),
        }
    }
    let mut spans = Vec::new();
    let mut next = 0;
    while let Some(open) = runs.get(next) {
        let close = runs.iter().enumerate().skip(next + 1).find(|(_, run)| run.len() == open.len());
        match close {
            Some((at, close)) => {
                spans.push(offset + open.start..offset + close.end);
                next = at + 1;
            }
            None => next += 1,
        }
    }
    spans
}

/// The text without these parts: with each goes one separator beside it, or its line if nothing else stands there.
fn without(text: &str, parts: &[Range<usize>]) -> String {
    let mut left = String::with_capacity(text.len());
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let range = start..start + line.len();
        start = range.end;
        let own: Vec<_> = parts.iter().filter(|part| range.contains(&part.start)).collect();
        if own.is_empty() {
            left.push_str(line);
            continue;
        }
        let (mut kept, mut at) = (String::with_capacity(line.len()), range.start);
        for part in own {
            kept.push_str(text.get(at..part.start).unwrap_or_default());
            at = part.end;
            // What only indents the line stays.
            if !kept.trim().is_empty() {
                kept.truncate(kept.strip_suffix([' ', '\t']).map_or(kept.len(), str::len));
            } else if text.get(at..).is_some_and(|rest| rest.starts_with([' ', '\t'])) {
                at += 1;
            }
        }
        kept.push_str(text.get(at..range.end).unwrap_or_default());
        if !kept.trim().is_empty() {
            left.push_str(&kept);
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use openclaw_store::{QueueChoice, QueueMode};

    use super::*;

    fn read(text: &str) -> Option<Mixed> {
        Mixed::read(text, |word| word.starts_with("p/") || word == "fast")
    }

    #[track_caller]
    fn check(text: &str, asks: &[Command], left: &str) {
        let mixed = read(text).unwrap_or_else(|| panic!("nothing is read in {text:?}"));
        assert_eq!((mixed.asks.as_slice(), mixed.text.as_str()), (asks, left), "{text:?}");
    }

    fn high() -> Command {
        Command::Think(ThinkAsk::Set(Thinking::High))
    }

    fn choose(model: &str) -> Command {
        Command::Model(ModelAsk::Choose(model.to_owned()))
    }

    #[test]
    fn directives_are_read_wherever_they_stand() {
        check("please /think high", &[high()], "please");
        check("/t high fix it", &[high()], "fix it");
        check("please /think high, then fix it", &[high()], "please then fix it");
        check("fix /think: high it", &[high()], "fix it");
        check("fix /THINK:High it", &[high()], "fix it");
        check("fix /think@the_bot high it", &[high()], "fix it");
        check("one /think default two", &[Command::Think(ThinkAsk::Default)], "one two");
        check("say hi /model p/m:free", &[choose("p/m:free")], "say hi");
        check("say /model fast -s hi", &[choose("fast")], "say hi");
        check("/model -g p/m hi", &[Command::Model(ModelAsk::Configure("p/m".to_owned()))], "hi");
        check("/model default hi", &[Command::Model(ModelAsk::Default)], "hi");
        let queue = QueueChoice { mode: Some(QueueMode::Collect), cap: Some(5), ..QueueChoice::default() };
        check("/queue collect cap:5 do it", &[Command::Queue(QueueAsk::Choose(queue))], "do it");
        check("/think high /model p/m both", &[high(), choose("p/m")], "both");
        check("/think high /model p/m", &[high(), choose("p/m")], "");
    }

    #[test]
    fn shortcuts_are_read_wherever_they_stand() {
        check("hello /status there", &[Command::Status], "hello there");
        check("/whoami and hello", &[Command::Whoami], "and hello");
        check("a\n/help\nb", &[Command::Help], "a\nb");
        check("/Commands /status", &[Command::Commands, Command::Status], "");
    }

    #[test]
    fn what_only_looks_like_one_is_text() {
        for text in [
            "look at /home/status",
            "see https://a.example/status now",
            "what does /status, mean",
            "(/status)",
            "the /id of it",
            "/status: please",
            "and/think high",
            "/think about it",
            "please /think",
            "what is a /model anyway",
            "/model unknown hi",
            "the /queue is long",
            "/new hello /stop",
            "```\n/think high\n```",
            "~~~sh\n/status\n/think high",
            "use `/think high` there",
            "``a ` /status `` b",
            "/think\nhigh",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        check("```\n/status\n```\n/status x", &[Command::Status], "```\n/status\n```\nx");
        check("it`s /status x", &[Command::Status], "it`s x");
    }

    #[test]
    fn a_long_message_is_read_in_one_go_and_holds_so_many_at_most() {
        let mixed = read(&"/status ".repeat(20)).unwrap();
        assert_eq!((mixed.asks.len(), mixed.text.matches("/status").count()), (MOST, 4));
        // Hundreds of thousands of words, and as many pieces of code.
        assert_eq!(read(&"`/status` ".repeat(25_000)), None);
        assert_eq!(read(&"`` ` /status` ` ".repeat(16_000)).map(|mixed| mixed.asks.len()), None);
    }

    #[test]
    fn the_text_stays_as_it_was_written() {
        check("a:\n    if x:\n        /think high y()\n", &[high()], "a:\n    if x:\n        y()\n");
        check("a  b /think high  c", &[high()], "a  b  c");
        check("a\r\n/think high\r\nb\r\n", &[high()], "a\r\nb\r\n");
        check("  /think high\na", &[high()], "a");
        check("/think high\n\n  a", &[high()], "\n  a");
        check("ä /think high ö /status ü", &[high(), Command::Status], "ä ö ü");
    }
}
