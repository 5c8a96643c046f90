//! Mentions in the text of a message: `<@id>` and `<@!id>`. Owns their reading; never decides whether one is needed.

use crate::api::User;

/// What a text says about whom it addresses.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Read {
    /// Mentions written as people see them, and without the bot's own at the begin, so that `@bot /new` is a command.
    pub(crate) text: String,
    pub(crate) of_bot: bool,
    /// Somebody else is mentioned by name.
    pub(crate) of_others: bool,
}

/// Reads `text`. `mentioned` are the people that Discord says are mentioned in it; a mention of anybody else stays as
/// it is.
pub(crate) fn read(text: &str, mentioned: &[User], bot: &str, bot_name: &str) -> Read {
    let mut read = Read { text: String::with_capacity(text.len()), of_bot: false, of_others: false };
    let mut rest = text;
    while let Some(at) = rest.find("<@") {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        read.text.push_str(before);
        let Some((id, behind)) = mention(from) else {
            read.text.push_str("<@");
            rest = from.get(2..).unwrap_or_default();
            continue;
        };
        if id == bot {
            read.of_bot = true;
            // At the begin it is an address and not a part of what is said.
            if read.text.trim().is_empty() {
                read.text.clear();
                rest = behind.trim_start();
                continue;
            }
        }
        let name = match mentioned.iter().find(|user| user.id == id) {
            Some(user) => {
                read.of_others |= id != bot;
                Some(user.username.as_str())
            }
            None => (id == bot).then_some(bot_name),
        };
        match name.filter(|name| !name.is_empty()) {
            Some(name) => {
                read.text.push('@');
                read.text.push_str(name);
            }
            None => read.text.push_str(from.get(..from.len() - behind.len()).unwrap_or_default()),
        }
        rest = behind;
    }
    read.text.push_str(rest);
    read
}

/// The id of a mention of a person at the begin of `text`, and what follows it.
fn mention(text: &str) -> Option<(&str, &str)> {
    let (inside, behind) = text.strip_prefix("<@")?.split_once('>')?;
    let id = inside.strip_prefix('!').unwrap_or(inside);
    crate::snowflake::is_id(id).then_some((id, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_become_words() {
        let ada = User { id: "7".into(), username: "ada".into(), ..User::default() };
        let mentioned = [ada, User { id: "1".into(), username: "claw".into(), ..User::default() }];
        let check = |text: &str, words: &str, of_bot, of_others| {
            let expected = Read { text: words.into(), of_bot, of_others };
            assert_eq!(read(text, &mentioned, "1", "claw"), expected, "{text}");
        };
        check("hello", "hello", false, false);
        check("<@1> /new", "/new", true, false);
        check(" <@!1>  hi <@7>", "hi @ada", true, true);
        check("ask <@1> please", "ask @claw please", true, false);
        check("<@7> and <@8> and <@&1>", "@ada and <@8> and <@&1>", false, true);
        // Discord does not say that it mentions anybody, as in a code block.
        check("<@8>", "<@8>", false, false);
        check("a <@ b <@1", "a <@ b <@1", false, false);
        check("<@é>", "<@é>", false, false);
        check("<@1>", "", true, false);
    }
}
