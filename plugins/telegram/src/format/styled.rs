//! Text with styles over ranges of it. Owns the keeping of ranges while text is cut; knows neither Markdown nor HTML.

/// What a range looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Bold,
    Italic,
    Underline,
    Strike,
    Spoiler,
    Code,
    /// A code block, with its language.
    Pre(Option<String>),
    /// A link and where it goes.
    Link(String),
    /// A quotation; whether it is shown folded.
    Quote(bool),
}

impl Style {
    /// Telegram shows nothing else inside these.
    pub(crate) const fn is_code(&self) -> bool {
        matches!(self, Self::Code | Self::Pre(_))
    }
}

/// A style and the bytes that it covers. Ranges are never empty, begin and end between characters, and may overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) style: Style,
    /// Of two spans over the same range the one that was opened first is the outer one.
    pub(crate) order: usize,
}

/// A text and its spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Styled {
    pub(crate) text: String,
    pub(crate) spans: Vec<Span>,
}

impl Styled {
    /// The part between two byte offsets, with the spans clipped to it.
    pub(crate) fn slice(&self, start: usize, end: usize) -> Self {
        let text = self.text.get(start..end).unwrap_or_default().to_owned();
        let clip = |span: &Span| {
            let (from, to) = (span.start.max(start), span.end.min(end));
            (from < to).then(|| Span { start: from - start, end: to - start, ..span.clone() })
        };
        Self { text, spans: self.spans.iter().filter_map(clip).collect() }
    }

    /// Cuts the text to its first `end` bytes.
    pub(crate) fn truncate(&mut self, end: usize) {
        *self = self.slice(0, end.min(self.text.len()));
    }
}
