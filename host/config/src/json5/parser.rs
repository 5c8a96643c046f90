//! Structure: objects, arrays, blanks and comments.

use std::ops::Range;

use super::{Item, Kind, MAX_BYTES, MAX_DEPTH, Member, Node, Span, SyntaxError, number, position, string};

/// Reads one value that fills the whole text.
pub(crate) fn parse(text: &str) -> Result<Node, SyntaxError> {
    if text.len() > MAX_BYTES {
        let message = format!("the text has {} bytes; more than 8 MiB is never a configuration", text.len());
        return Err(SyntaxError::at("", 0, message));
    }
    let mut parser = Parser { text, at: 0 };
    parser.skip_blank()?;
    if parser.peek().is_none() {
        return Err(parser.error("the text is empty (expected a value, for instance {})"));
    }
    let root = parser.value(0)?;
    parser.skip_blank()?;
    match parser.peek() {
        None => Ok(root),
        Some(c) => Err(parser.error(format!("`{c}` after the end of the value"))),
    }
}

/// Reads a whole configuration. A text of blanks and comments is an empty one: an object without a place of its own at
/// the end of the text.
pub(crate) fn document(text: &str) -> Result<Node, SyntaxError> {
    let mut parser = Parser { text, at: 0 };
    if text.len() <= MAX_BYTES && parser.skip_blank().is_ok() && parser.peek().is_none() {
        return Ok(Node { span: parser.span_from(text.len()), kind: Kind::Object(Vec::new()) });
    }
    parse(text)
}

/// The comments in a part of the text that holds nothing but blanks, commas and comments.
pub(crate) fn comments(text: &str, gap: Range<usize>) -> Vec<Span> {
    let mut parser = Parser { text: text.get(..gap.end).unwrap_or_default(), at: gap.start };
    let mut found = Vec::new();
    loop {
        parser.take_while(|c| is_blank(c) || c == ',');
        match parser.comment() {
            Ok(Some(span)) => found.push(span),
            Ok(None) | Err(_) => return found,
        }
    }
}

pub(super) struct Parser<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
}

impl Parser<'_> {
    pub(super) fn peek(&self) -> Option<char> {
        let byte = *self.text.as_bytes().get(self.at)?;
        if byte.is_ascii() { Some(char::from(byte)) } else { self.text.get(self.at..)?.chars().next() }
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    pub(super) fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    /// What stands here as long as `wanted` holds.
    pub(super) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &str {
        let start = self.at;
        while self.peek().is_some_and(&wanted) {
            self.bump();
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    pub(super) fn error(&self, message: impl Into<String>) -> SyntaxError {
        self.error_at(self.at, message)
    }

    pub(super) fn error_at(&self, offset: usize, message: impl Into<String>) -> SyntaxError {
        SyntaxError::at(self.text, offset, message)
    }

    /// From `start` to here.
    fn span_from(&self, start: usize) -> Span {
        Span { start, end: self.at, file: 0 }
    }

    fn skip_blank(&mut self) -> Result<(), SyntaxError> {
        loop {
            self.take_while(is_blank);
            if self.comment()?.is_none() {
                return Ok(());
            }
        }
    }

    /// Reads the comment that begins here, if one does. The end of its line is not part of it.
    fn comment(&mut self) -> Result<Option<Span>, SyntaxError> {
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or_default();
        if rest.starts_with("//") {
            self.take_while(|c| !is_line_end(c));
        } else if rest.starts_with("/*") {
            match rest.get(2..).and_then(|inner| inner.find("*/")) {
                Some(end) => self.at += end + 4,
                None => return Err(self.error("this comment is not closed")),
            }
        } else {
            return Ok(None);
        }
        Ok(Some(self.span_from(start)))
    }

    fn value(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        let start = self.at;
        let kind = match self.peek() {
            Some('{' | '[') if depth >= MAX_DEPTH => return Err(self.error("nested deeper than 128 levels")),
            Some('{') => self.object(depth)?,
            Some('[') => self.array(depth)?,
            Some('"' | '\'') => Kind::String(string::read(self)?),
            Some(c) if c.is_ascii_digit() || matches!(c, '+' | '-' | '.') => {
                Kind::Number(number::read(self)?)
            }
            Some(c) if is_key_start(c) => self.word()?,
            Some(c) => return Err(self.error(format!("expected a value, found `{c}`"))),
            None => return Err(self.error("expected a value, found the end of the text")),
        };
        Ok(Node { span: self.span_from(start), kind })
    }

    fn word(&mut self) -> Result<Kind, SyntaxError> {
        let start = self.at;
        let word = self.take_while(is_key_part).to_owned();
        match word.as_str() {
            "null" => Ok(Kind::Null),
            "true" => Ok(Kind::Bool(true)),
            "false" => Ok(Kind::Bool(false)),
            "Infinity" | "NaN" => {
                Err(self.error_at(start, format!("{word} is not a value that can be configured")))
            }
            _ => Err(self.error_at(start, format!("expected a value, found `{word}` (text needs quotes)"))),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Kind, SyntaxError> {
        let open = self.at;
        self.bump();
        let mut members: Vec<Member> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        loop {
            self.skip_blank()?;
            if self.eat('}') {
                return Ok(Kind::Object(members));
            }
            let start = self.at;
            let key = self.key(open)?;
            let key_span = self.span_from(start);
            if !seen.insert(key.clone()) {
                return Err(self.error_at(start, format!("the key \"{key}\" occurs twice in this object")));
            }
            self.skip_blank()?;
            if !self.eat(':') {
                return Err(self.expected("`:` after the key", open, '{'));
            }
            self.skip_blank()?;
            let value = self.value(depth + 1)?;
            let comma = self.comma(open, '{', '}')?;
            members.push(Member { key, key_span, value, comma });
        }
    }

    fn array(&mut self, depth: usize) -> Result<Kind, SyntaxError> {
        let open = self.at;
        self.bump();
        let mut items = Vec::new();
        loop {
            self.skip_blank()?;
            if self.eat(']') {
                return Ok(Kind::Array(items));
            }
            if self.peek().is_none() {
                return Err(self.expected("a value or `]`", open, '['));
            }
            let value = self.value(depth + 1)?;
            let comma = self.comma(open, '[', ']')?;
            items.push(Item { value, comma });
        }
    }

    fn key(&mut self, open: usize) -> Result<String, SyntaxError> {
        match self.peek() {
            Some('"' | '\'') => string::read(self),
            Some(c) if is_key_start(c) || c == '\\' => string::read_key(self),
            Some(c) => Err(self.error(format!("expected a key or `}}`, found `{c}`"))),
            None => Err(self.expected("a key or `}`", open, '{')),
        }
    }

    /// Reads up to and including the comma after an element; none may be missing except before the end.
    fn comma(&mut self, open: usize, opening: char, closing: char) -> Result<Option<usize>, SyntaxError> {
        self.skip_blank()?;
        let at = self.at;
        if self.eat(',') {
            return Ok(Some(at));
        }
        if self.peek() == Some(closing) {
            return Ok(None);
        }
        Err(self.expected(&format!("`,` or `{closing}` after the value"), open, opening))
    }

    fn expected(&self, what: &str, open: usize, opening: char) -> SyntaxError {
        match self.peek() {
            Some(c) => self.error(format!("expected {what}, found `{c}`")),
            None => {
                let (line, column) = position(self.text, open);
                self.error(format!("expected {what}, found the end of the text: the `{opening}` at line {line}, column {column} is not closed"))
            }
        }
    }
}

/// JSON5 WhiteSpace and LineTerminator.
fn is_blank(c: char) -> bool {
    // NEL is blank for Unicode, but not for ECMAScript; the byte order mark the other way round.
    (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'
}

pub(super) fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// ECMAScript 5.1 IdentifierStart, without escapes.
pub(super) fn is_key_start(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '$' | '_')
}

/// ECMAScript 5.1 IdentifierPart, without escapes.
pub(super) fn is_key_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '$' | '_' | '\u{200c}' | '\u{200d}')
}
