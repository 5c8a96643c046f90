//! Markdown to styled text. Owns what each construct looks like on Telegram; parsing is `pulldown-cmark`'s.

use pulldown_cmark::{CodeBlockKind, CowStr, Event, LinkType, Options, Parser, Tag, TagEnd, TextMergeStream};

use super::builder::{Builder, Gap};
use super::linkify::{self, Piece};
use super::raw_html;
use super::styled::{Style, Styled};
use super::table::{Table, Tables};

/// Reads Markdown as a model writes it: CommonMark with strike-through, tables, `||spoilers||` and Telegram's own tags.
pub(crate) fn read(markdown: &str, tables: Tables) -> Styled {
    let mut options = Options::ENABLE_STRIKETHROUGH;
    if tables != Tables::Off {
        options |= Options::ENABLE_TABLES;
    }
    let mut reader = Reader {
        out: Builder::new(),
        tables,
        lists: Vec::new(),
        table: None,
        links: Vec::new(),
        images: 0,
        quotes: 0,
        depth: 0,
    };
    for event in TextMergeStream::new(Parser::new_ext(markdown, options)) {
        reader.event(event);
    }
    reader.out.finish()
}

struct Reader {
    out: Builder,
    tables: Tables,
    /// The number of the next item of each open list; `None` for bullets.
    lists: Vec<Option<u64>>,
    table: Option<Table>,
    links: Vec<Link>,
    images: usize,
    quotes: usize,
    /// Styles that were open when the running text began.
    depth: usize,
}

enum Link {
    Styled,
    /// Telegram would not follow it: it is shown as it was written, up to this text.
    Literal(String),
}

impl Reader {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.text(&text),
            Event::Code(code) => self.code(&code),
            Event::InlineHtml(html) | Event::Html(html) => self.html(&html),
            Event::SoftBreak | Event::HardBreak => self.plain("\n"),
            Event::Rule => {
                self.out.gap(Gap::Blank);
                self.out.push("───");
                self.out.gap(Gap::Blank);
            }
            // Extensions that are not enabled.
            Event::FootnoteReference(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.plain(&text)
            }
            Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph => self.begin_inline(),
            Tag::Heading { .. } | Tag::HtmlBlock => {
                self.out.gap(Gap::Blank);
                self.begin_inline();
            }
            Tag::BlockQuote(_) => {
                self.out.gap(Gap::Blank);
                self.quotes += 1;
                // Telegram has no quotation inside a quotation.
                if self.quotes == 1 {
                    self.out.open(Style::Quote(false));
                }
            }
            Tag::CodeBlock(kind) => {
                self.out.gap(if self.lists.is_empty() { Gap::Blank } else { Gap::Line });
                self.out.open(Style::Pre(language(&kind)));
            }
            Tag::List(first) => {
                self.out.gap(if self.lists.is_empty() { Gap::Blank } else { Gap::Line });
                self.lists.push(first);
            }
            Tag::Item => self.item(),
            Tag::Table(_) => self.table = Some(Table::default()),
            Tag::TableHead | Tag::TableRow => {
                if let Some(table) = &mut self.table {
                    table.begin_row();
                }
            }
            Tag::TableCell => {
                if let Some(table) = &mut self.table {
                    table.begin_cell();
                }
            }
            Tag::Emphasis => self.open(Style::Italic),
            Tag::Strong => self.open(Style::Bold),
            Tag::Strikethrough => self.open(Style::Strike),
            Tag::Link { link_type, dest_url, .. } => self.link(link_type, &dest_url),
            Tag::Image { .. } => self.images += 1,
            // Extensions that are not enabled.
            Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::HtmlBlock => {
                self.end_inline();
                self.out.gap(Gap::Blank);
            }
            TagEnd::BlockQuote(_) => {
                self.quotes = self.quotes.saturating_sub(1);
                if self.quotes == 0 {
                    self.out.close(|style| matches!(style, Style::Quote(_)));
                }
                self.out.gap(Gap::Blank);
            }
            TagEnd::CodeBlock => {
                self.out.close(|style| matches!(style, Style::Pre(_)));
                self.out.gap(if self.lists.is_empty() { Gap::Blank } else { Gap::Line });
            }
            TagEnd::List(_) => {
                self.lists.pop();
                self.out.gap(if self.lists.is_empty() { Gap::Blank } else { Gap::Line });
            }
            TagEnd::Item => {
                self.end_inline();
                self.out.gap(Gap::Line);
            }
            TagEnd::Table => {
                if let Some(table) = self.table.take() {
                    self.out.gap(Gap::Blank);
                    table.write(self.tables, &mut self.out);
                    self.out.gap(Gap::Blank);
                }
            }
            TagEnd::Emphasis => self.close(&Style::Italic),
            TagEnd::Strong => self.close(&Style::Bold),
            TagEnd::Strikethrough => self.close(&Style::Strike),
            TagEnd::Link => match self.links.pop() {
                Some(Link::Literal(rest)) => self.plain(&rest),
                Some(Link::Styled) => {
                    self.out.close(|style| matches!(style, Style::Link(_)));
                }
                None => {}
            },
            TagEnd::Image => self.images = self.images.saturating_sub(1),
            TagEnd::TableHead
            | TagEnd::TableRow
            | TagEnd::TableCell
            | TagEnd::FootnoteDefinition
            | TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::MetadataBlock(_) => {}
        }
    }

    fn item(&mut self) {
        self.out.gap(Gap::Line);
        let indent = "  ".repeat(self.lists.len().saturating_sub(1));
        let marker = match self.lists.last_mut() {
            Some(Some(number)) => {
                let marker = format!("{indent}{number}. ");
                *number += 1;
                marker
            }
            _ => format!("{indent}• "),
        };
        self.out.push(&marker);
        self.begin_inline();
    }

    fn begin_inline(&mut self) {
        self.depth = self.out.depth();
    }

    fn end_inline(&mut self) {
        self.out.end_inline();
        self.out.close_to(self.depth.min(self.out.depth()));
    }

    fn link(&mut self, kind: LinkType, url: &str) {
        if self.table.is_some() {
            self.links.push(Link::Literal(String::new()));
        } else if linkify::is_followed(url) {
            self.out.open(Style::Link(url.to_owned()));
            self.links.push(Link::Styled);
        } else if kind == LinkType::Email {
            self.out.open(Style::Link(format!("mailto:{url}")));
            self.links.push(Link::Styled);
        } else if kind == LinkType::Autolink {
            self.out.push("<");
            self.links.push(Link::Literal(">".into()));
        } else {
            self.out.push("[");
            self.links.push(Link::Literal(format!("]({url})")));
        }
    }

    fn open(&mut self, style: Style) {
        if self.table.is_none() {
            self.out.open(style);
        }
    }

    fn close(&mut self, style: &Style) {
        if self.table.is_none() {
            self.out.close(|open| open == style);
        }
    }

    /// Text in which nothing is looked for.
    fn plain(&mut self, text: &str) {
        match &mut self.table {
            Some(table) => table.push(text),
            None => self.out.push(text),
        }
    }

    fn code(&mut self, code: &str) {
        match &mut self.table {
            Some(table) => table.push(code),
            None => self.out.push_styled(Style::Code, code),
        }
    }

    fn html(&mut self, html: &str) {
        match &mut self.table {
            Some(table) => table.push(html),
            None => raw_html::write(html, &mut self.out),
        }
    }

    fn text(&mut self, text: &str) {
        if self.table.is_some() || self.out.is_open(Style::is_code) {
            return self.plain(text);
        }
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("||") {
            self.words(before);
            self.out.spoiler_mark(after.chars().next());
            rest = after;
        }
        self.words(rest);
    }

    fn words(&mut self, text: &str) {
        if !self.links.is_empty() || self.images > 0 {
            return self.out.push(text);
        }
        for piece in linkify::pieces(text) {
            match piece {
                Piece::Plain(text) => self.out.push(text),
                Piece::File(name) => self.out.push_styled(Style::Code, name),
                Piece::Link { text, url } => self.out.push_styled(Style::Link(url), text),
            }
        }
    }
}

fn language(kind: &CodeBlockKind<'_>) -> Option<String> {
    let info: &CowStr<'_> = match kind {
        CodeBlockKind::Fenced(info) => info,
        CodeBlockKind::Indented => return None,
    };
    info.split([' ', ',', '{']).next().filter(|word| !word.is_empty()).map(str::to_owned)
}
