//! Owns the recognition of fenced code blocks, line by line (CommonMark §4.5). Never cuts.

/// A code fence that is open at some point of a text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fence {
    /// The opening line, which is repeated where the block goes on in another part.
    pub(crate) opener: String,
    mark: char,
    run: usize,
    indent: String,
}

impl Fence {
    /// The line that ends the block.
    pub(crate) fn closer(&self) -> String {
        let mut line = self.indent.clone();
        line.extend(std::iter::repeat_n(self.mark, self.run));
        line
    }

    /// Whether `line` ends this block.
    pub(crate) fn is_closed_by(&self, line: &str) -> bool {
        marks(line)
            .is_some_and(|(_, mark, run, info)| mark == self.mark && run >= self.run && info.is_empty())
    }
}

/// The fence that is open after `text`, if `open` was open before it, and the offset of its opening line in `text`
/// (`None` if it was opened before).
pub(crate) fn state_after(text: &str, open: Option<&Fence>) -> (Option<Fence>, Option<usize>) {
    let mut state = open.cloned();
    let mut opened_at = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\n', '\r']);
        match &state {
            Some(fence) if fence.is_closed_by(bare) => (state, opened_at) = (None, None),
            Some(_) => {}
            None => {
                if let Some(fence) = opened_by(bare) {
                    (state, opened_at) = (Some(fence), Some(at));
                }
            }
        }
        at += line.len();
    }
    (state, opened_at)
}

fn opened_by(line: &str) -> Option<Fence> {
    let (indent, mark, run, info) = marks(line)?;
    // A back-tick fence with a back-tick in its info string is inline code.
    if mark == '`' && info.contains('`') {
        return None;
    }
    Some(Fence { opener: line.to_owned(), mark, run, indent: indent.to_owned() })
}

/// Indentation, mark, number of marks and the trimmed rest of a line that begins with at least three fence marks.
fn marks(line: &str) -> Option<(&str, char, usize, &str)> {
    let body = line.trim_start_matches(' ');
    let indent = line.get(..line.len() - body.len())?;
    if indent.len() > 3 {
        return None;
    }
    let mark = body.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let rest = body.trim_start_matches(mark);
    let run = body.len() - rest.len();
    (run >= 3).then_some((indent, mark, run, rest.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_opens_and_closes_a_block() {
        let check = |text: &str, opener: Option<&str>, at: Option<usize>| {
            let (fence, opened_at) = state_after(text, None);
            assert_eq!((fence.map(|f| f.opener).as_deref(), opened_at), (opener, at), "{text:?}");
        };
        check("plain", None, None);
        check("a\n```js\nx", Some("```js"), Some(2));
        check("```js\nx\n```\n", None, None);
        check("~~~\n```\n", Some("~~~"), Some(0));
        check("````\n```\n", Some("````"), Some(0));
        check("```a`b\n", None, None);
        check("    ```\n", None, None);
        check("  ```\r\nx", Some("  ```"), Some(0));
    }

    #[test]
    fn the_closer_closes() {
        for text in ["```js\n", "~~~~\n", "  ````x\n"] {
            let (fence, _) = state_after(text, None);
            let closer = fence.as_ref().map(Fence::closer).unwrap_or_default();
            assert!(fence.is_some_and(|f| f.is_closed_by(&closer)), "{text:?}");
        }
    }
}
