//! Owns how the replies of one account look: their prefix, and which message they quote (openclaw-compat §6.8). Never sends.

use std::collections::BTreeMap;

use crate::blocks::BlockRules;
use crate::reaction::Reactions;
use crate::stream::PreviewRules;

/// The prefix that stands for the agent's name.
const AUTO: &str = "auto";

/// What an operator says about the replies of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replies {
    /// Stands before every reply: a text with variables in braces, or `auto` for the agent's name in brackets. Empty for none.
    pub prefix: Option<String>,
    /// Which parts of a reply visibly answer the message.
    pub reply_to: ReplyTo,
    /// How an answer shows while it is written; `None` for not at all.
    pub preview: Option<PreviewRules>,
    /// How an answer is sent in blocks while it is written, where it has no preview; `None` for not at all.
    pub blocks: Option<BlockRules>,
    /// Which reactions tell that a message was accepted, and what becomes of it.
    pub reactions: Reactions,
    /// Who the agents are to people, by their ids in lower case.
    pub personas: BTreeMap<String, Persona>,
}

/// Who an agent is to people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Persona {
    /// What they call it.
    pub name: Option<String>,
    /// Its sign.
    pub emoji: Option<String>,
}

/// Which parts of a reply visibly answer the message (`replyToMode`). A tag in the reply names a message in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyTo {
    /// None.
    #[default]
    Off,
    /// The first.
    First,
    /// Every one.
    All,
    /// The first, where the turn answers several messages at once.
    Batched,
}

/// Which model wrote a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The provider.
    pub provider: String,
    /// The provider's own id of the model.
    pub model: String,
    /// How hard it was asked to think.
    pub thinking: String,
}

impl Replies {
    /// The text behind its prefix, unless it begins with it anyway.
    pub(crate) fn prefixed(&self, agent: &str, author: Option<&Author>, text: String) -> String {
        match self.prefix(agent, author) {
            Some(prefix) if !text.is_empty() && !text.starts_with(&prefix) => format!("{prefix} {text}"),
            Some(_) | None => text,
        }
    }

    /// The prefix of a text whose model is not known yet: none where it names the model.
    pub(crate) fn early_prefix(&self, agent: &str) -> Option<String> {
        let nobody = Author { provider: String::new(), model: String::new(), thinking: String::new() };
        let prefix = self.prefix(agent, None)?;
        (self.prefix(agent, Some(&nobody)).as_ref() == Some(&prefix)).then_some(prefix)
    }

    fn prefix(&self, agent: &str, author: Option<&Author>) -> Option<String> {
        let template = self.prefix.as_deref().filter(|template| !template.is_empty())?;
        let name = self.personas.get(agent).and_then(|persona| persona.name.as_deref());
        if template == AUTO {
            return name.map(|name| format!("[{name}]"));
        }
        let (mut filled, mut rest) = (String::with_capacity(template.len()), template);
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            match after.split_once('}').and_then(|(word, after)| Some((value(word, name, author)?, after))) {
                Some((value, after)) => {
                    filled.push_str(&value);
                    rest = after;
                }
                // What is no variable, or is not known, stays as it is written.
                None => {
                    filled.push('{');
                    rest = after;
                }
            }
        }
        filled.push_str(rest);
        Some(filled)
    }

    /// The message that the first part of a reply answers, and whether the other parts do too. `tagged` is what the reply
    /// itself asks for; `batch` says that the turn answers several messages.
    pub(crate) fn answers(
        &self,
        tagged: Option<String>,
        current: &str,
        batch: bool,
    ) -> (Option<String>, bool) {
        let wanted = match self.reply_to {
            ReplyTo::Off => false,
            ReplyTo::First | ReplyTo::All => true,
            ReplyTo::Batched => batch,
        };
        let reply_to = tagged.or_else(|| wanted.then(|| current.to_owned()));
        (reply_to, self.reply_to == ReplyTo::All)
    }
}

fn value(word: &str, name: Option<&str>, author: Option<&Author>) -> Option<String> {
    match word.to_lowercase().as_str() {
        "identity.name" | "identityname" => name.map(str::to_owned),
        "model" => author.map(|author| short(&author.model).to_owned()),
        "modelfull" => author.map(|Author { provider, model, .. }| format!("{provider}/{model}")),
        "provider" => author.map(|author| author.provider.clone()),
        "thinkinglevel" | "think" => author.map(|author| author.thinking.clone()),
        _ => None,
    }
}

/// A model's id without what stands before its last slash, the date and `-latest`.
fn short(model: &str) -> &str {
    let model = model.rsplit('/').next().unwrap_or(model);
    let dated = model
        .rsplit_once('-')
        .filter(|(_, date)| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()));
    let model = dated.map_or(model, |(model, _)| model);
    model.strip_suffix("-latest").unwrap_or(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replies(prefix: &str, name: Option<&str>) -> Replies {
        let persona = Persona { name: name.map(str::to_owned), emoji: None };
        let personas = [("main".to_owned(), persona)].into();
        Replies { prefix: Some(prefix.to_owned()), personas, ..Replies::default() }
    }

    #[test]
    fn a_prefix_is_filled_in_and_stands_once() {
        let author =
            Author { provider: "acme".into(), model: "wise-4-6-20260205".into(), thinking: "off".into() };
        let check = |prefix: &str, name, expected: &str| {
            let text = replies(prefix, name).prefixed("main", Some(&author), "hello".to_owned());
            assert_eq!(text, expected, "{prefix}");
        };
        check("auto", Some("Molty"), "[Molty] hello");
        check("auto", None, "hello");
        check("", Some("Molty"), "hello");
        check("[{Model}|{modelFull}]", None, "[wise-4-6|acme/wise-4-6-20260205] hello");
        check("{provider} {think} {thinkingLevel}:", None, "acme off off: hello");
        check("{identity.name}>", Some("Molty"), "Molty> hello");
        check("{identity.name} {other} {", None, "{identity.name} {other} { hello");
        check("hel", None, "hello");
        let silent = replies("auto", Some("Molty")).prefixed("main", None, String::new());
        assert_eq!(silent, "", "silence stays silence");
        assert_eq!(replies("{model}:", None).prefixed("main", None, "x".into()), "{model}: x");
    }

    #[test]
    fn before_the_model_is_known_a_prefix_that_names_it_is_left_out() {
        assert_eq!(replies("auto", Some("Molty")).early_prefix("main").as_deref(), Some("[Molty]"));
        assert_eq!(replies("{identity.name} on {model}", Some("Molty")).early_prefix("main"), None);
        assert_eq!(Replies::default().early_prefix("main"), None);
    }

    #[test]
    fn a_models_short_name() {
        let check = |model, expected| assert_eq!(short(model), expected);
        check("one/two-5.2", "two-5.2");
        check("two-5.2-latest", "two-5.2");
        check("wise-4-6-20260205", "wise-4-6");
        check("model-2026", "model-2026");
    }

    #[test]
    fn which_parts_answer() {
        let check = |reply_to, tagged: Option<&str>, batch, expected: (Option<&str>, bool)| {
            let replies = Replies { reply_to, ..Replies::default() };
            let found = replies.answers(tagged.map(str::to_owned), "m1", batch);
            assert_eq!((found.0.as_deref(), found.1), expected, "{reply_to:?}");
        };
        check(ReplyTo::Off, None, true, (None, false));
        check(ReplyTo::Off, Some("m7"), false, (Some("m7"), false));
        check(ReplyTo::First, None, false, (Some("m1"), false));
        check(ReplyTo::First, Some("m7"), false, (Some("m7"), false));
        check(ReplyTo::All, None, false, (Some("m1"), true));
        check(ReplyTo::Batched, None, false, (None, false));
        check(ReplyTo::Batched, None, true, (Some("m1"), false));
    }
}
