//! Styled text to Telegram's HTML (Bot API, "HTML style"). Owns tags and escaping.

use std::fmt::Write as _;

use super::styled::{Span, Style, Styled};

/// Renders with every tag closed. Spans that overlap are closed and opened again, because tags must nest.
pub(crate) fn render(styled: &Styled) -> String {
    let mut spans: Vec<&Span> = styled.spans.iter().collect();
    spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end), span.order));
    let mut edges: Vec<usize> = spans.iter().flat_map(|span| [span.start, span.end]).collect();
    edges.push(styled.text.len());
    edges.sort_unstable();
    edges.dedup();

    let mut html = String::with_capacity(styled.text.len() + spans.len() * 8);
    let mut open: Vec<&Span> = Vec::new();
    let mut upcoming = spans.into_iter().peekable();
    let mut at = 0;
    for edge in edges {
        escape(&mut html, styled.text.get(at..edge).unwrap_or_default(), false);
        at = edge;
        let mut reopen = Vec::new();
        while open.iter().any(|span| span.end <= at) {
            if let Some(span) = open.pop() {
                close(&mut html, &span.style);
                if span.end > at {
                    reopen.push(span);
                }
            }
        }
        while let Some(span) = reopen.pop().or_else(|| upcoming.next_if(|span| span.start <= at)) {
            begin(&mut html, &span.style);
            open.push(span);
        }
    }
    html
}

fn begin(html: &mut String, style: &Style) {
    match style {
        Style::Bold => html.push_str("<b>"),
        Style::Italic => html.push_str("<i>"),
        Style::Underline => html.push_str("<u>"),
        Style::Strike => html.push_str("<s>"),
        Style::Spoiler => html.push_str("<tg-spoiler>"),
        Style::Code => html.push_str("<code>"),
        Style::Pre(None) => html.push_str("<pre><code>"),
        Style::Pre(Some(language)) => attribute(html, "<pre><code class=\"language-", language),
        Style::Link(url) => attribute(html, "<a href=\"", url),
        Style::Quote(false) => html.push_str("<blockquote>"),
        Style::Quote(true) => html.push_str("<blockquote expandable>"),
    }
}

fn attribute(html: &mut String, begin: &str, value: &str) {
    html.push_str(begin);
    escape(html, value, true);
    html.push_str("\">");
}

fn close(html: &mut String, style: &Style) {
    html.push_str(match style {
        Style::Bold => "</b>",
        Style::Italic => "</i>",
        Style::Underline => "</u>",
        Style::Strike => "</s>",
        Style::Spoiler => "</tg-spoiler>",
        Style::Code => "</code>",
        Style::Pre(_) => "</code></pre>",
        Style::Link(_) => "</a>",
        Style::Quote(_) => "</blockquote>",
    });
}

fn escape(html: &mut String, text: &str, in_attribute: bool) {
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' if in_attribute => html.push_str("&quot;"),
            // Control characters mean nothing to a reader, and Telegram drops or refuses them.
            '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' => {}
            _ => {
                let _ = html.write_char(character);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_spans_are_nested() {
        let span = |start, end, style, order| Span { start, end, style, order };
        let styled = Styled {
            text: "abcdef".into(),
            spans: vec![span(0, 4, Style::Bold, 0), span(2, 6, Style::Italic, 1)],
        };
        assert_eq!(render(&styled), "<b>ab<i>cd</i></b><i>ef</i>");
        assert_eq!(render(&styled.slice(3, 5)), "<i><b>d</b>e</i>");
    }
}
