//! Owns what a turn in a group is told of what was said there to others: bounded, the newest kept.

use openclaw_store::Message;

use crate::runner::Heard;

/// Bytes of one message, and of all together.
const ONE: usize = 2 << 10;
const ALL: usize = 32 << 10;

/// The messages as a turn is told them, oldest first.
pub(crate) fn told(messages: impl DoubleEndedIterator<Item = Message>) -> Vec<Heard> {
    let (mut told, mut left) = (Vec::new(), ALL);
    for message in messages.rev() {
        let text = message.text.trim();
        let (text, _) = text.split_at(text.floor_char_boundary(ONE));
        let text = if text.is_empty() && !message.media.is_empty() { "<media>" } else { text };
        if text.is_empty() {
            continue;
        }
        let Some(rest) = left.checked_sub(text.len()) else { break };
        left = rest;
        let sender = message.sender.shown().to_owned();
        told.push(Heard { sender, text: text.to_owned() });
    }
    told.reverse();
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_newest_are_told_in_their_order_and_within_bounds() {
        let said = |text: &str| testing::message("1", "u1", text);
        let told = told([said("a"), said("  "), said("b")].into_iter());
        let texts: Vec<_> = told.iter().map(|heard| (heard.sender.as_str(), heard.text.as_str())).collect();
        assert_eq!(texts, [("Ada", "a"), ("Ada", "b")]);
        let long = "é".repeat(ONE);
        let told = super::told((0..100).map(|_| said(&long)));
        assert_eq!((told.len(), told[0].text.len()), (ALL / ONE, ONE));
    }
}
