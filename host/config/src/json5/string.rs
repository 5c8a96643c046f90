//! Quoted text and unquoted keys.

use super::SyntaxError;
use super::parser::{Parser, is_key_part, is_key_start, is_line_end};

/// Reads the quoted text that begins here.
pub(super) fn read(parser: &mut Parser<'_>) -> Result<String, SyntaxError> {
    let start = parser.at;
    let Some(quote) = parser.bump() else { return Err(parser.error("expected a text")) };
    let mut text = String::new();
    loop {
        text.push_str(parser.take_while(|c| c != quote && !matches!(c, '\\' | '\n' | '\r')));
        let at = parser.at;
        match parser.bump() {
            None => return Err(parser.error_at(start, "this text is not closed")),
            Some(c) if c == quote => return Ok(text),
            Some('\\') => text.extend(escape(parser, at)?),
            Some('\n' | '\r') => {
                return Err(parser.error_at(at, "a line break inside a text (write \\n, or close it)"));
            }
            Some(c) => text.push(c),
        }
    }
}

/// Reads the unquoted key that begins here.
pub(super) fn read_key(parser: &mut Parser<'_>) -> Result<String, SyntaxError> {
    let mut key = String::new();
    loop {
        let at = parser.at;
        let c = match parser.peek() {
            Some('\\') => {
                parser.bump();
                if !parser.eat('u') {
                    return Err(parser.error_at(at, "an unquoted key may only have \\u escapes"));
                }
                unicode(parser, at)?
            }
            Some(c) if is_key_part(c) => {
                parser.bump();
                c
            }
            _ => return Ok(key),
        };
        let allowed = if key.is_empty() { is_key_start(c) } else { is_key_part(c) };
        if !allowed {
            return Err(
                parser.error_at(at, format!("`{}` cannot stand in an unquoted key", c.escape_default()))
            );
        }
        key.push(c);
    }
}

/// What the escape after the backslash at `start` means; nothing for a continued line.
fn escape(parser: &mut Parser<'_>, start: usize) -> Result<Option<char>, SyntaxError> {
    let Some(c) = parser.bump() else { return Ok(None) };
    Ok(Some(match c {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '0' if !parser.peek().is_some_and(|next| next.is_ascii_digit()) => '\0',
        '0'..='9' => return Err(parser.error_at(start, format!("\\{c} is not an escape"))),
        'x' => match char::from_u32(hex(parser, 2, start)?) {
            Some(c) => c,
            None => return Err(parser.error_at(start, "not an escape of a character")),
        },
        'u' => unicode(parser, start)?,
        '\r' => {
            parser.eat('\n');
            return Ok(None);
        }
        c if is_line_end(c) => return Ok(None),
        c => c,
    }))
}

/// The character of `\uXXXX`, or of a pair of them.
fn unicode(parser: &mut Parser<'_>, start: usize) -> Result<char, SyntaxError> {
    let lone = |parser: &Parser<'_>| parser.error_at(start, "half of a surrogate pair is not a character");
    let first = hex(parser, 4, start)?;
    if let Some(c) = char::from_u32(first) {
        return Ok(c);
    }
    if first > 0xDBFF || !(parser.eat('\\') && parser.eat('u')) {
        return Err(lone(parser));
    }
    let second = hex(parser, 4, start)?;
    if !(0xDC00..=0xDFFF).contains(&second) {
        return Err(lone(parser));
    }
    char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)).ok_or_else(|| lone(parser))
}

fn hex(parser: &mut Parser<'_>, digits: usize, start: usize) -> Result<u32, SyntaxError> {
    let mut value = 0;
    for _ in 0..digits {
        match parser.peek().and_then(|c| c.to_digit(16)) {
            Some(digit) => {
                value = value * 16 + digit;
                parser.bump();
            }
            None => {
                return Err(parser.error_at(start, format!("this escape needs {digits} hexadecimal digits")));
            }
        }
    }
    Ok(value)
}
