//! Builds a styled text piece by piece. Owns the white space between blocks: whoever ends a block only says how far the
//! next one has to keep away, and nothing is written until the next one comes.

use super::styled::{Span, Style, Styled};

/// How far the next piece has to keep away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gap {
    None,
    /// On a line of its own.
    Line,
    /// After a blank line.
    Blank,
}

#[derive(Debug)]
pub(crate) struct Builder {
    styled: Styled,
    gap: Gap,
    open: Vec<Open>,
    order: usize,
    /// Where the `||` stands that may begin a spoiler.
    spoiler: Option<usize>,
}

#[derive(Debug)]
struct Open {
    style: Style,
    order: usize,
    /// Where its first character stands, once there is one.
    start: Option<usize>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self { styled: Styled::default(), gap: Gap::None, open: Vec::new(), order: 0, spoiler: None }
    }

    /// Keeps the next piece away. The widest of several gaps counts.
    pub(crate) fn gap(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    pub(crate) fn open(&mut self, style: Style) {
        self.open.push(Open { style, order: self.order, start: None });
        self.order += 1;
    }

    /// Closes the innermost open style that is equal in kind; `false` if there is none.
    pub(crate) fn close(&mut self, is_it: impl Fn(&Style) -> bool) -> bool {
        let Some(position) = self.open.iter().rposition(|open| is_it(&open.style)) else { return false };
        let open = self.open.remove(position);
        let end = self.styled.text.len();
        if let Some(start) = open.start.filter(|start| *start < end) {
            self.styled.spans.push(Span { start, end, style: open.style, order: open.order });
        }
        true
    }

    pub(crate) fn is_open(&self, is_it: impl Fn(&Style) -> bool) -> bool {
        self.open.iter().any(|open| is_it(&open.style))
    }

    /// The number of open styles, to come back to with [`Self::close_to`].
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Closes what was opened beyond `depth`: a raw tag that its block never closed.
    pub(crate) fn close_to(&mut self, depth: usize) {
        while self.open.len() > depth {
            self.close(|_| true);
        }
    }

    /// Appends text as it is.
    pub(crate) fn push(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.styled.text.is_empty() {
            self.gap = Gap::None;
        }
        let wanted = match self.gap {
            Gap::None => 0,
            Gap::Line => 1,
            Gap::Blank => 2,
        };
        let present = self.styled.text.bytes().rev().take_while(|byte| *byte == b'\n').count();
        for _ in present..wanted {
            self.styled.text.push('\n');
        }
        self.gap = Gap::None;
        let at = self.styled.text.len();
        for open in &mut self.open {
            open.start.get_or_insert(at);
        }
        self.styled.text.push_str(text);
    }

    /// Appends text with one style of its own.
    pub(crate) fn push_styled(&mut self, style: Style, text: &str) {
        self.open(style);
        self.push(text);
        self.close(|_| true);
    }

    /// A `||` in running text: the second of a pair makes what lies between a spoiler, a lonely one stays as it is.
    /// `next` is what follows in the same text.
    pub(crate) fn spoiler_mark(&mut self, next: Option<char>) {
        match self.spoiler {
            Some(at) if self.styled.text.get(at + 2..).is_some_and(closes_a_spoiler) => {
                self.remove(at, 2);
                let end = self.styled.text.len();
                self.styled.spans.push(Span { start: at, end, style: Style::Spoiler, order: self.order });
                self.order += 1;
                self.spoiler = None;
            }
            Some(_) => self.push("||"),
            None => {
                self.push("||");
                if next.is_some_and(|c| !c.is_whitespace()) {
                    self.spoiler = Some(self.styled.text.len() - 2);
                }
            }
        }
    }

    /// Ends a stretch of running text: a spoiler does not reach into the next block.
    pub(crate) fn end_inline(&mut self) {
        self.spoiler = None;
    }

    fn remove(&mut self, at: usize, count: usize) {
        if self.styled.text.get(at..at + count).is_some() {
            self.styled.text.replace_range(at..at + count, "");
        }
        let shift =
            |position: usize| if position > at { position.saturating_sub(count).max(at) } else { position };
        for span in &mut self.styled.spans {
            (span.start, span.end) = (shift(span.start), shift(span.end));
        }
        self.styled.spans.retain(|span| span.start < span.end);
        for open in &mut self.open {
            open.start = open.start.map(shift);
        }
    }

    /// The finished text, without white space at its end, except inside a code block.
    pub(crate) fn finish(mut self) -> Styled {
        self.close_to(0);
        let end = self.styled.text.len();
        let ends_in_code = self.styled.spans.iter().any(|span| span.end == end && span.style.is_code());
        if !ends_in_code {
            let trimmed = self.styled.text.trim_end().len();
            self.styled.truncate(trimmed);
        }
        self.styled
    }
}

fn closes_a_spoiler(between: &str) -> bool {
    between.chars().next_back().is_some_and(|last| !last.is_whitespace())
}
