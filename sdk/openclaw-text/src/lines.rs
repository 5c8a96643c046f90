//! Owns the splitting of a text that has too many lines for a vendor's taste. Like `split` it keeps a code block a code
//! block; unlike it, it never cuts a line.

use crate::fence::{Fence, state_after};

/// Splits `text` into parts of at most `limit` lines. A code block that has to be cut is closed at the end of a part and
/// opened again, with its info string, in the next. Blank lines at a break are dropped. A `limit` below three counts as
/// three: the two fences and one line between them.
#[must_use]
pub fn split_lines(text: &str, limit: usize) -> Vec<String> {
    let limit = limit.max(3);
    let mut parts = Vec::new();
    let mut part: Vec<&str> = Vec::new();
    let mut reopened: Option<String> = None;
    let mut open: Option<Fence> = None;
    for line in text.lines() {
        let (after, _) = state_after(line, open.as_ref());
        // What must fit behind this line: a closing fence, and a line of code where the block has only begun.
        let behind = match (&open, &after) {
            (None, Some(_)) => 2,
            (_, Some(_)) => 1,
            (_, None) => 0,
        };
        let used = part.len() + usize::from(reopened.is_some());
        if used > 0 && used + 1 + behind > limit {
            finish(&mut parts, &mut part, reopened.take(), open.as_ref());
            reopened = open.as_ref().map(|fence| fence.opener.clone());
        }
        if !(part.is_empty() && open.is_none() && line.trim().is_empty()) {
            part.push(line);
        }
        open = after;
    }
    // What the text leaves open stays open, as it was written.
    finish(&mut parts, &mut part, reopened, None);
    parts
}

fn finish(parts: &mut Vec<String>, part: &mut Vec<&str>, reopened: Option<String>, open: Option<&Fence>) {
    let lines = std::mem::take(part);
    if lines.is_empty() {
        return;
    }
    let mut lines: Vec<String> = reopened.into_iter().chain(lines.into_iter().map(str::to_owned)).collect();
    match open {
        Some(fence) => lines.push(fence.closer()),
        None => {
            while lines.last().is_some_and(|line| line.trim().is_empty()) {
                lines.pop();
            }
        }
    }
    if !lines.is_empty() {
        parts.push(lines.join("\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::split_lines;

    /// The original's own vector: a block of 25 lines and one line behind it, 17 lines a message.
    #[test]
    fn a_block_is_closed_and_opened_again() {
        let code = "a\n".repeat(25);
        let parts = split_lines(&format!("```js\n{code}```\nend"), 17);
        let expected =
            [format!("```js\n{}```", "a\n".repeat(15)), format!("```js\n{}```\nend", "a\n".repeat(10))];
        assert_eq!(parts, expected);
    }

    #[test]
    fn short_texts_stay_as_they_are() {
        for text in ["", "one", "a\n\nb", "```\nx\n```"] {
            let expected: Vec<&str> = (!text.is_empty()).then_some(text).into_iter().collect();
            assert_eq!(split_lines(text, 17), expected, "{text:?}");
        }
    }

    #[test]
    fn no_part_is_too_long_and_no_line_is_lost() {
        let text = "intro\n\n```rs\n1\n2\n3\n4\n5\n```\n\nmiddle\n~~~~\n6\n7\n~~~~\nlast\n";
        for limit in 0..12 {
            let parts = split_lines(text, limit);
            let all = parts.join("\n");
            for line in ["intro", "1", "2", "3", "4", "5", "middle", "6", "7", "last"] {
                assert_eq!(all.lines().filter(|found| *found == line).count(), 1, "{limit}: {line} in {all}");
            }
            for part in &parts {
                assert!(part.lines().count() <= limit.max(3), "{limit}: {part}");
                assert_eq!(part.matches("```").count() % 2, 0, "{limit}: {part}");
                assert_eq!(part.matches("~~~~").count() % 2, 0, "{limit}: {part}");
                assert!(!part.contains("```rs\n```"), "no empty block: {part}");
            }
        }
    }
}
