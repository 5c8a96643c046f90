//! Owns what is left of a turn whose answer was sent in part before it ended: what is still to be said, and what its session
//! remembers: what people read, once. Pure.

use openclaw_store::{Entry, EntryRole, Said, SessionWrite};
use openclaw_text::OpenCode;

use crate::blocks::{BlockRules, behind};
use crate::clock::now_ms;
use crate::replies::Author;
use crate::runner::TurnReply;

/// What was said of an answer before its turn ended; nothing, where it was not sent in blocks.
#[derive(Default)]
pub(crate) struct SoFar {
    /// In earlier lives.
    pub(crate) before: String,
    /// In all.
    pub(crate) said: Said,
    /// What the session gets of the turn in any case.
    pub(crate) outset: Option<SessionWrite>,
    /// Which model wrote.
    pub(crate) author: Option<Author>,
    /// How the rest is cut.
    pub(crate) rules: Option<BlockRules>,
}

impl From<Said> for SoFar {
    fn from(said: Said) -> Self {
        Self { said, ..Self::default() }
    }
}

impl SoFar {
    /// Whether the turn can end with what was said.
    pub(crate) fn is_told(&self) -> bool {
        self.said.blocks > 0 && self.outset.is_some()
    }

    /// What is still to be said: what went wrong as a whole, of an answer what was not said.
    pub(crate) fn rest(&self, reply: &TurnReply) -> String {
        let rest = self.raw_rest(reply);
        match self.said.blocks {
            0 => rest.to_owned(),
            _ if reply.failed || rest.trim().is_empty() => rest.trim().to_owned(),
            _ => OpenCode::default().after(&self.said.text).whole(rest),
        }
    }

    /// What the session remembers.
    pub(crate) fn session(&self, reply: &TurnReply) -> Option<SessionWrite> {
        if self.said.blocks == 0 {
            return reply.session.clone();
        }
        let mut write = reply.session.clone().or_else(|| self.outset.clone())?;
        let answered =
            write.entries.last_mut().filter(|entry| entry.role == EntryRole::Assistant && !reply.failed);
        match answered {
            Some(entry) => entry.content = format!("{}{}", self.said.text, self.raw_rest(reply)),
            None => write.entries.push(Entry {
                role: EntryRole::Assistant,
                content: self.said.text.trim_end().to_owned(),
                model: self.author.as_ref().map(|author| format!("{}/{}", author.provider, author.model)),
                usage: None,
                at: now_ms(),
            }),
        }
        Some(write)
    }

    fn raw_rest<'a>(&self, reply: &'a TurnReply) -> &'a str {
        let text = reply.text.as_deref().unwrap_or_default();
        if reply.failed || self.said.blocks == 0 {
            return text;
        }
        let text = behind(&self.before, text);
        let now = self.said.text.get(self.before.len()..).unwrap_or_default();
        // All of it, unless the answer is not what was written on the way to it: then nothing is said twice, and nothing is lost.
        let same = text.chars().zip(now.chars()).take_while(|(one, other)| one == other);
        let same = same.map(|(sign, _)| sign.len_utf8()).sum();
        text.get(same..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn so_far(before: &str, said: &str) -> SoFar {
        let outset = SessionWrite {
            key: "k".into(),
            session_id: "s".into(),
            agent: "main".into(),
            entries: vec![entry(EntryRole::User, "hi")],
        };
        let said = Said { text: said.to_owned(), blocks: u32::from(!said.is_empty()), told: "hi".into() };
        SoFar { before: before.to_owned(), said, outset: Some(outset), ..SoFar::default() }
    }

    fn entry(role: EntryRole, text: &str) -> Entry {
        Entry { role, content: text.to_owned(), model: None, usage: None, at: 1 }
    }

    fn answer(so_far: &SoFar, text: &str) -> TurnReply {
        let mut session = so_far.outset.clone().unwrap();
        session.entries.push(entry(EntryRole::Assistant, text));
        TurnReply { text: Some(text.to_owned()), session: Some(session), ..TurnReply::default() }
    }

    fn told(write: Option<SessionWrite>) -> Vec<String> {
        write.unwrap().entries.into_iter().map(|entry| entry.content).collect()
    }

    #[test]
    fn what_is_left_is_what_was_not_said_and_the_session_has_all_of_it_once() {
        let check = |before: &str, said: &str, text: &str, rest: &str, whole: &str| {
            let so_far = so_far(before, said);
            let reply = answer(&so_far, text);
            assert_eq!(so_far.rest(&reply), rest, "{before:?} {said:?} {text:?}");
            assert_eq!(told(so_far.session(&reply)), ["hi", whole], "{before:?} {said:?} {text:?}");
        };
        check("", "", " one\n\ntwo", " one\n\ntwo", " one\n\ntwo");
        check("", "one\n\n", "one\n\ntwo", "two", "one\n\ntwo");
        // Begun anew behind what was said before, and one more block since.
        check("one\n\n", "one\n\ntwo ", " two three", "three", "one\n\ntwo three");
        check("hal", "hal", "f a word", "f a word", "half a word");
        check("```\na\n", "```\na\n", "b\n```", "```\nb\n```", "```\na\nb\n```");
        // Not what was written on the way: from where they differ.
        check("", "one two ", "one 2 three", "2 three", "one two 2 three");
    }

    #[test]
    fn a_turn_that_came_to_no_end_leaves_what_people_read() {
        let stopped = TurnReply::default();
        let so_far = so_far("", "one\n\n");
        assert!(so_far.is_told());
        assert_eq!(
            (so_far.rest(&stopped).as_str(), told(so_far.session(&stopped))),
            ("", vec!["hi".into(), "one".into()])
        );
        let failed = TurnReply { text: Some("it failed".into()), failed: true, ..TurnReply::default() };
        assert_eq!(
            (so_far.rest(&failed).as_str(), told(so_far.session(&failed))),
            ("it failed", vec!["hi".into(), "one".into()])
        );
        assert!(!SoFar::default().is_told());
        assert_eq!(SoFar::default().session(&failed), None);
    }
}
