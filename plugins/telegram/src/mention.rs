//! Whether a message names the bot. Owns the reading of entities, whose offsets count UTF-16 code units; never decides
//! whether a mention is needed.

use openclaw_text::mentions;

use crate::api::{Entity, User};

/// What the words of a message say about whom they address.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Addressed {
    /// The bot is named: `@bot`, `/command@bot`, or a link to its account.
    pub(crate) to_self: bool,
    /// Somebody else is named: `@other`, or a link to their account.
    pub(crate) to_others: bool,
    /// The message is a command for another bot (`/command@other`).
    pub(crate) to_other_bot: bool,
}

impl Addressed {
    fn names(&mut self, me: bool) {
        if me {
            self.to_self = true;
        } else {
            self.to_others = true;
        }
    }
}

/// Looks for the bot, and for others, in a text and its entities.
pub(crate) fn addressed(text: &str, entities: &[Entity], me: &User) -> Addressed {
    let name = me.username.as_deref().unwrap_or_default();
    let is_me = |found: &str| !name.is_empty() && found.eq_ignore_ascii_case(name);
    // Some clients send no entity for it.
    let mut addressed = Addressed { to_self: mentions(text, name), ..Addressed::default() };
    for entity in entities {
        let words = utf16_slice(text, entity.offset, entity.length).unwrap_or_default();
        match entity.kind.as_str() {
            "mention" => {
                if let Some(named) = words.strip_prefix('@').filter(|named| !named.is_empty()) {
                    addressed.names(is_me(named));
                }
            }
            "text_mention" => {
                if let Some(user) = &entity.user {
                    addressed.names(user.id == me.id);
                }
            }
            "bot_command" => match words.split_once('@') {
                Some((_, target)) if is_me(target) => addressed.to_self = true,
                Some(_) if entity.offset == 0 => addressed.to_other_bot = true,
                _ => {}
            },
            _ => {}
        }
    }
    addressed
}

/// Takes our own name off a leading command, so that `/new@our_bot` is the command `/new`.
pub(crate) fn without_own_name(text: &str, me: &User) -> String {
    let word_end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(word_end).unwrap_or((text, ""));
    match word.split_once('@') {
        Some((command, target))
            if command.starts_with('/')
                && me.username.as_deref().is_some_and(|name| target.eq_ignore_ascii_case(name)) =>
        {
            format!("{command}{rest}")
        }
        _ => text.to_owned(),
    }
}

/// The text between two UTF-16 offsets; `None` if they do not fall between characters of it.
fn utf16_slice(text: &str, offset: usize, length: usize) -> Option<&str> {
    let byte_at = |wanted: usize| {
        let mut units = 0;
        for (at, character) in text.char_indices() {
            if units == wanted {
                return Some(at);
            }
            units += character.len_utf16();
        }
        (units == wanted).then_some(text.len())
    };
    text.get(byte_at(offset)?..byte_at(offset.checked_add(length)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me() -> User {
        User { id: 7, username: Some("mock_claw_bot".into()), ..User::default() }
    }

    fn entity(kind: &str, offset: usize, length: usize) -> Entity {
        Entity { kind: kind.into(), offset, length, user: None }
    }

    #[test]
    fn finds_the_bot_and_nobody_else() {
        let check = |text: &str, entities: &[Entity], to_self, to_other_bot| {
            let found = addressed(text, entities, &me());
            assert_eq!((found.to_self, found.to_other_bot), (to_self, to_other_bot), "{text}");
        };
        check("@mock_claw_bot hi", &[entity("mention", 0, 14)], true, false);
        check("😀😀 @Mock_Claw_Bot", &[entity("mention", 5, 14)], true, false);
        check("hi @MOCK_CLAW_BOT!", &[], true, false);
        check("hi @mock_claw_bot2 x@mock_claw_bot", &[], false, false);
        check("@other hi", &[entity("mention", 0, 6)], false, false);
        check("/new@mock_claw_bot", &[entity("bot_command", 0, 18)], true, false);
        check("/new@other_bot", &[entity("bot_command", 0, 14)], false, true);
        check("try /new@other_bot", &[entity("bot_command", 4, 14)], false, false);
        check("/new", &[entity("bot_command", 0, 4)], false, false);
        // Offsets that point nowhere.
        check("😀", &[entity("mention", 1, 14), entity("bot_command", usize::MAX, 2)], false, false);
    }

    #[test]
    fn a_link_to_our_account_is_a_mention() {
        let linked =
            |id| Entity { user: Some(User { id, ..User::default() }), ..entity("text_mention", 0, 3) };
        assert!(addressed("Bot, hi", &[linked(7)], &me()).to_self);
        assert!(!addressed("Bob, hi", &[linked(8)], &me()).to_self);
        assert!(addressed("Bob, hi", &[linked(8)], &me()).to_others);
    }

    #[test]
    fn others_are_named_beside_the_bot_or_alone() {
        let check = |text: &str, entities: &[Entity], to_self, to_others| {
            let found = addressed(text, entities, &me());
            assert_eq!((found.to_self, found.to_others), (to_self, to_others), "{text}");
        };
        check("@other hi", &[entity("mention", 0, 6)], false, true);
        check("@mock_claw_bot hi", &[entity("mention", 0, 14)], true, false);
        check("@mock_claw_bot @other", &[entity("mention", 0, 14), entity("mention", 15, 6)], true, true);
        // No entity, and one that points nowhere: nobody is named.
        check("mail me@other", &[], false, false);
        check("😀", &[entity("mention", 1, 14)], false, false);
    }

    #[test]
    fn a_bot_without_a_name_is_never_named() {
        assert_eq!(addressed("@ hi /x@", &[entity("mention", 0, 1)], &User::default()), Addressed::default());
    }

    #[test]
    fn our_name_is_taken_off_a_command() {
        let check = |text: &str, expected: &str| assert_eq!(without_own_name(text, &me()), expected);
        check("/new@Mock_Claw_Bot now", "/new now");
        check("/new@other now", "/new@other now");
        check("hi /new@mock_claw_bot", "hi /new@mock_claw_bot");
        check("x@mock_claw_bot", "x@mock_claw_bot");
    }
}
