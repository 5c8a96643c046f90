//! Owns the splitting of Markdown into parts that a vendor accepts. Never renders, and knows of Markdown only the fenced
//! code block, because a block that is torn apart turns the rest of the message into code.

use crate::boundary::{cut, prefix};
use crate::fence::{Fence, state_after};
use crate::measure::{Unit, fits, length};

/// Splits `text` into parts of at most `limit`, counted in `unit`.
///
/// Parts end after a blank line, a newline, a sentence or a space where they can, and never inside a character cluster
/// that fits. White space at a break is dropped, every other character is kept in order. A code block that has to be
/// cut is closed at the end of a part and opened again, with its info string, in the next; where the limit is too small
/// for that, its lines are cut like any other text. No part is empty: white space alone gives no parts. A `limit` below
/// the size of one character is exceeded by that character.
#[must_use]
pub fn split(text: &str, limit: usize, unit: Unit) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text.trim_end();
    let mut open: Option<Fence> = None;
    while !rest.trim().is_empty() {
        let step = next_part(rest, open.as_ref(), limit, unit);
        let (piece, beyond) = rest.split_at_checked(step.taken).unwrap_or((rest, ""));
        rest = beyond;
        rest = match &step.open {
            Some(fence) => match after_closer(rest, fence) {
                // The block ends right here, and this part has closed it already.
                Some(beyond) => {
                    open = None;
                    beyond.trim_start_matches(['\n', '\r'])
                }
                None => {
                    open = step.open;
                    rest
                }
            },
            None => {
                open = None;
                // Indentation counts at the begin of a line, and nowhere else.
                let line = if piece.ends_with('\n') { rest } else { rest.trim_start_matches([' ', '\t']) };
                line.trim_start_matches(['\n', '\r'])
            }
        };
        if !step.part.trim().is_empty() {
            parts.push(step.part);
        }
    }
    parts
}

struct Step {
    part: String,
    /// Bytes of the rest that are in `part`.
    taken: usize,
    /// The fence that goes on in the next part.
    open: Option<Fence>,
}

fn next_part(rest: &str, open: Option<&Fence>, limit: usize, unit: Unit) -> Step {
    let Some(fence) = open else { return from_prose(rest, limit, unit) };
    let head = format!("{}\n", fence.opener);
    let room = limit.saturating_sub(length(&head, unit));
    if fits(rest, room, unit) {
        return Step { part: head + rest, taken: rest.len(), open: None };
    }
    match room_for_code(fence, limit, unit) {
        Some(room) => {
            let taken = cut(rest, room, unit);
            let piece = rest.get(..taken).unwrap_or(rest);
            match state_after(piece, open) {
                // Everything up to the cut is code of this block.
                (Some(still), None) => Step { part: head + &closed(piece, &still), taken, open: Some(still) },
                // The block ends in this part: what follows it is cut again, as prose.
                _ => {
                    let end = block_end(piece, fence);
                    Step { part: head + piece.get(..end).unwrap_or(piece).trim_end(), taken: end, open: None }
                }
            }
        }
        None => plain(rest, limit, unit),
    }
}

fn from_prose(rest: &str, limit: usize, unit: Unit) -> Step {
    if fits(rest, limit, unit) {
        return Step { part: rest.to_owned(), taken: rest.len(), open: None };
    }
    let taken = cut(rest, limit, unit);
    let (state, opened_at) = state_after(rest.get(..taken).unwrap_or(rest), None);
    let Some(fence) = state else { return plain(rest, limit, unit) };
    let opened_at = opened_at.unwrap_or(0);
    // Better a shorter part than a torn block, if the part is not too short.
    if opened_at > taken / 2 {
        let part = rest.get(..opened_at).unwrap_or_default().trim_end().to_owned();
        return Step { part, taken: opened_at, open: None };
    }
    let Some(_) = room_for_code(&fence, limit, unit) else { return plain(rest, limit, unit) };
    let room = limit.saturating_sub(length(&fence.closer(), unit) + 1);
    let taken = cut(rest, room, unit);
    let piece = rest.get(..taken).unwrap_or(rest);
    match state_after(piece, None) {
        (Some(still), Some(at)) if piece.len() > at + still.opener.len() => {
            Step { part: closed(piece, &still), taken, open: Some(still) }
        }
        // The shorter cut falls before the block, or into its first line: leave the block to the next part.
        (_, at) if opened_at > 0 => {
            let taken = at.unwrap_or(taken).min(opened_at);
            Step { part: rest.get(..taken).unwrap_or_default().trim_end().to_owned(), taken, open: None }
        }
        _ => plain(rest, limit, unit),
    }
}

/// Cuts without regard to code blocks.
fn plain(rest: &str, limit: usize, unit: Unit) -> Step {
    let mut taken = cut(rest, limit, unit);
    if rest.get(..taken).is_some_and(|piece| piece.trim().is_empty()) {
        taken = prefix(rest, limit, unit);
    }
    Step { part: rest.get(..taken).unwrap_or(rest).trim_end().to_owned(), taken, open: None }
}

/// What a part can hold of a block's code between its two fence lines; `None` if that is less than half of the part.
fn room_for_code(fence: &Fence, limit: usize, unit: Unit) -> Option<usize> {
    let lines = length(&fence.opener, unit) + length(&fence.closer(), unit) + 2;
    limit.checked_sub(lines).filter(|room| *room >= limit.div_ceil(2))
}

fn closed(piece: &str, fence: &Fence) -> String {
    format!("{}\n{}", piece.strip_suffix('\n').unwrap_or(piece), fence.closer())
}

/// What follows the closing line, if `rest` begins with it.
fn after_closer<'a>(rest: &'a str, fence: &Fence) -> Option<&'a str> {
    let (line, beyond) = rest.split_once('\n').unwrap_or((rest, ""));
    fence.is_closed_by(line.trim_end_matches('\r')).then_some(beyond)
}

/// The offset after the line of `piece` that closes `fence`.
fn block_end(piece: &str, fence: &Fence) -> usize {
    let mut at = 0;
    for line in piece.split_inclusive('\n') {
        at += line.len();
        if fence.is_closed_by(line.trim_end_matches(['\n', '\r'])) {
            return at;
        }
    }
    piece.len()
}
