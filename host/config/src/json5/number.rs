//! Numbers. What does not fit a 64-bit integer or a finite double is an error, not a guess.

use serde_json::Number;

use super::SyntaxError;
use super::parser::Parser;

/// Reads the number that begins here.
pub(super) fn read(parser: &mut Parser<'_>) -> Result<Number, SyntaxError> {
    let start = parser.at;
    let negative = parser.peek() == Some('-');
    if matches!(parser.peek(), Some('+' | '-')) {
        parser.bump();
    }
    // A sign belongs to an exponent when it follows an `e`, which only decimal numbers have.
    let mut literal = String::new();
    while let Some(c) = parser.peek() {
        let hex = literal.starts_with("0x") || literal.starts_with("0X");
        let exponent = !hex && literal.ends_with(['e', 'E']);
        if c.is_alphanumeric() || matches!(c, '.' | '_' | '$') || (exponent && matches!(c, '+' | '-')) {
            literal.push(c);
            parser.bump();
        } else {
            break;
        }
    }
    value(&literal, negative).map_err(|problem| parser.error_at(start, problem))
}

fn value(literal: &str, negative: bool) -> Result<Number, String> {
    if matches!(literal, "Infinity" | "NaN") {
        return Err(format!("{literal} is not a value that can be configured"));
    }
    let sign = if negative { "-" } else { "" };
    if let Some(digits) = literal.strip_prefix("0x").or_else(|| literal.strip_prefix("0X")) {
        let magnitude = u64::from_str_radix(digits, 16)
            .ok()
            .filter(|_| !digits.starts_with('+'))
            .ok_or_else(|| format!("{sign}{literal} is not a hexadecimal number of at most 64 bits"))?;
        return if negative {
            // The magnitude of the least i64 is one more than that of the greatest.
            let value = 0_i64.checked_sub_unsigned(magnitude);
            value.map(Number::from).ok_or_else(|| format!("-{literal} is too large"))
        } else {
            Ok(Number::from(magnitude))
        };
    }
    if !is_decimal(literal) {
        return Err(format!("{sign}{literal} is not a number (text needs quotes)"));
    }
    let whole = literal.split(['.', 'e', 'E']).next().unwrap_or_default();
    if whole.len() > 1 && whole.starts_with('0') {
        return Err(format!("{sign}{literal} has a leading zero"));
    }
    let signed = format!("{sign}{literal}");
    if let Ok(integer) = literal.parse::<u64>()
        && !negative
    {
        return Ok(Number::from(integer));
    }
    match signed.parse::<i64>() {
        // Minus zero is a double.
        Ok(integer) if integer != 0 => return Ok(Number::from(integer)),
        _ => {}
    }
    signed.parse().ok().and_then(Number::from_f64).ok_or_else(|| format!("{signed} is too large"))
}

/// Digits with at most one dot among them, then perhaps an exponent.
fn is_decimal(literal: &str) -> bool {
    let (mantissa, exponent) = match literal.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (literal, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_ok = match mantissa.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction) && mantissa.len() > 1,
        None => digits(mantissa) && !mantissa.is_empty(),
    };
    let exponent_ok = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    mantissa_ok && exponent_ok
}
