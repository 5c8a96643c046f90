//! Changes inputs: as bytes, and, where they hold JSON, as values, so that an input stays readable and still says
//! something else.

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// No input grows beyond this many bytes.
const LONGEST: usize = 128 * 1024;
/// How many times a piece is repeated at most.
const MOST_REPEATED: usize = 2_000;

/// A changed copy of `input`. `other` is another input, to take pieces from.
pub(crate) fn mutate(input: &[u8], other: &[u8], words: &[&str], rng: &mut Rng) -> Vec<u8> {
    let mut changed = input.to_vec();
    for _ in 0..rng.usize(1..=4) {
        changed = match json_part(&changed).filter(|_| rng.u8(..) < 160) {
            Some((start, mut value)) => {
                change_value(&mut value, words, rng);
                [&changed[..start], value.to_string().as_bytes()].concat()
            }
            None => change_bytes(changed, other, words, rng),
        };
        changed.truncate(LONGEST);
    }
    changed
}

/// The JSON at the end of an input, and where it begins: some inputs have lines before it.
fn json_part(input: &[u8]) -> Option<(usize, Value)> {
    let text = std::str::from_utf8(input).ok()?;
    let start = text.find(['{', '['])?;
    serde_json::from_str(&text[start..]).ok().map(|value| (start, value))
}

fn change_bytes(mut input: Vec<u8>, other: &[u8], words: &[&str], rng: &mut Rng) -> Vec<u8> {
    let at = rng.usize(..=input.len());
    let to = rng.usize(at..=input.len().min(at + 64));
    match rng.u8(..8) {
        0 if at < input.len() => input[at] ^= 1 << rng.u8(..8),
        1 if at < input.len() => input[at] = rng.u8(..),
        2 => drop(input.drain(at..to)),
        3 => {
            let word = if words.is_empty() { "\u{0}" } else { words[rng.usize(..words.len())] };
            drop(input.splice(at..to, word.bytes()));
        }
        4 => {
            let from = rng.usize(..=other.len());
            drop(input.splice(at..to, other[from..].iter().copied()));
        }
        5 => {
            let piece = input[at..to].to_vec();
            let times = rng.usize(..MOST_REPEATED).min(LONGEST / piece.len().max(1));
            drop(input.splice(at..at, piece.repeat(times)));
        }
        6 => {
            let odd: &[&[u8]] =
                &[b"\0", b"\r\n", b"\xff", b"\xed\xa0\x80", b"\xe2\x80\xae", b"\x1b[2J", b"\"", b"\\u0000"];
            drop(input.splice(at..at, odd[rng.usize(..odd.len())].iter().copied()));
        }
        _ => input.truncate(at),
    }
    input
}

/// Changes one place of a value.
fn change_value(value: &mut Value, words: &[&str], rng: &mut Rng) {
    // Deeper with every second step, so that every place is reached.
    if rng.bool() {
        match value {
            Value::Array(items) if !items.is_empty() => {
                let at = rng.usize(..items.len());
                return change_value(&mut items[at], words, rng);
            }
            Value::Object(keys) if !keys.is_empty() => {
                let at = rng.usize(..keys.len());
                let inner = keys.values_mut().nth(at).expect("it has that many");
                return change_value(inner, words, rng);
            }
            _ => {}
        }
    }
    match value {
        Value::Array(items) if rng.bool() => match items.pop() {
            Some(last) if rng.bool() => items.extend(std::iter::repeat_n(last, rng.usize(..40))),
            _ => items.push(some_value(words, rng)),
        },
        Value::Object(keys) if rng.bool() => change_keys(keys, words, rng),
        other => *other = some_value(words, rng),
    }
}

fn change_keys(keys: &mut Map<String, Value>, words: &[&str], rng: &mut Rng) {
    let name = keys.keys().nth(rng.usize(..=keys.len())).cloned();
    match (name, rng.u8(..3)) {
        (Some(name), 0) => drop(keys.remove(&name)),
        (Some(name), 1) => {
            let value = keys.remove(&name).unwrap_or_default();
            keys.insert(some_word(words, rng), value);
        }
        _ => drop(keys.insert(some_word(words, rng), some_value(words, rng))),
    }
}

fn some_word(words: &[&str], rng: &mut Rng) -> String {
    match rng.u8(..4) {
        0 => String::new(),
        1 => "é\u{202e}\u{0}".repeat(rng.usize(..64)),
        _ if words.is_empty() => "x".to_owned(),
        _ => words[rng.usize(..words.len())].to_owned(),
    }
}

fn some_value(words: &[&str], rng: &mut Rng) -> Value {
    match rng.u8(..12) {
        0 => Value::Null,
        1 => json!(rng.bool()),
        2 => json!(0),
        3 => json!(-1),
        4 => json!(rng.u64(..)),
        5 => json!(i64::MIN),
        6 => json!(1.5e300),
        7 => json!([]),
        8 => json!({}),
        9 => (0..rng.usize(..100)).fold(json!(1), |inner, _| json!([inner])),
        10 => json!("x".repeat(rng.usize(..20_000))),
        _ => json!(some_word(words, rng)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides() {
        let changed = |seed| {
            let mut rng = Rng::with_seed(seed);
            (0..200)
                .map(|_| mutate(br#"{"a":[1,{"b":"c"}]}"#, b"other", &["word"], &mut rng))
                .collect::<Vec<_>>()
        };
        assert_eq!(changed(7), changed(7));
        assert_ne!(changed(7), changed(8));
        assert!(changed(7).iter().any(|input| json_part(input).is_some()));
        assert!(changed(7).iter().all(|input| input.len() <= LONGEST));
    }

    #[test]
    fn json_after_other_lines_is_found() {
        assert_eq!(json_part(b"host: a\n{\"b\":1}"), Some((8, json!({"b": 1}))));
        assert_eq!(json_part(b"host: a"), None);
    }
}
