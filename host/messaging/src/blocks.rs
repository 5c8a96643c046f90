//! Owns block streaming: an answer is sent in blocks while it is written. Each is a part of the outbox as the answer itself
//! would be, and is stored together with what the turn has said so far; so a turn that is begun anew after a kill goes on behind
//! what people have read.
//!
//! A block is sent only when something follows it: what was said of an answer is never all of it, and the end comes with the
//! end of the turn, in one transaction.

use std::sync::Arc;
use std::time::Duration;

use openclaw_failpoints::failpoint;
use openclaw_store::{ConversationKey, Draft, Said, Store, StoreError};
use openclaw_text::{Bounds, Break, OpenCode, Unit, length};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until};

use crate::accounts::{Accounts, draft};
use crate::answer::Aborting;
use crate::batch::Asked;
use crate::clock::now_ms;
use crate::outbox::Outbox;
use crate::replies::Author;
use crate::settings::{AccountSettings, Options};
use crate::stream::{Following, Known};
use crate::tags;
use crate::tasks::Tasks;

/// Blocks of one answer, and bytes of it that are sent in blocks; what is more comes at its end.
pub(crate) const BLOCKS: u32 = 200;
const BYTES: usize = 256 << 10;
/// The longest reply tag.
const TAG: usize = 300;

/// How an answer is cut into blocks (`agents.defaults.blockStreaming*`, `streaming.block`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRules {
    /// Nothing is sent before the answer is complete (`message_end`): then it is cut as blocks are.
    pub at_end: bool,
    /// A block is complete with so many characters.
    pub min_chars: usize,
    /// No block is longer.
    pub max_chars: usize,
    /// Where a block ends.
    pub prefer: Break,
    /// Complete blocks are sent when together they have so many characters, and no other has come for `idle`.
    pub gather_min: usize,
    /// Or as soon as they have so many; without a number as many as fit a message.
    pub gather_max: Option<usize>,
    /// See `gather_min`.
    pub idle: Duration,
}

impl Default for BlockRules {
    fn default() -> Self {
        Self {
            at_end: false,
            min_chars: 800,
            max_chars: 1_200,
            prefer: Break::Paragraph,
            gather_min: 800,
            gather_max: None,
            idle: Duration::from_secs(1),
        }
    }
}

impl BlockRules {
    /// Where blocks end if no message is longer than `limit`.
    fn bounds(self, limit: usize, unit: Unit) -> Bounds {
        let max = self.max_chars.clamp(1, limit.max(1));
        Bounds { min: self.min_chars.clamp(1, max), max, prefer: self.prefer, unit }
    }

    /// A text that is complete, in blocks.
    fn cut(self, text: &str, limit: usize, unit: Unit) -> Vec<String> {
        let bounds = self.bounds(limit, unit);
        let (mut code, mut rest, mut blocks) = (OpenCode::default(), text, Vec::new());
        while length(rest.trim_end(), unit) > bounds.max
            && blocks.len() < BLOCKS as usize
            && let Some((block, beyond)) =
                code.next_piece(rest, bounds).and_then(|taken| rest.split_at_checked(taken))
        {
            blocks.push(code.whole(block));
            (code, rest) = (code.after(block), beyond);
        }
        blocks.extend(openclaw_text::split(&code.whole(rest), limit, unit));
        blocks.retain(|block| !block.trim().is_empty());
        blocks
    }
}

/// What is cut out of a text that is being written.
#[derive(Debug)]
pub(crate) struct Cutter {
    rules: BlockRules,
    /// What a message holds.
    limit: usize,
    unit: Unit,
    /// What is open behind what was sent.
    code: OpenCode,
    /// Bytes of the text that were sent, and those that are complete.
    sent: usize,
    ready: usize,
    /// When complete blocks wait no longer for more.
    due: Option<Instant>,
}

/// A block that is to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// As it was written, with the white space behind it.
    pub(crate) raw: String,
    /// As a message.
    pub(crate) text: String,
}

impl Cutter {
    /// `before` is what was said of the answer in an earlier life.
    pub(crate) fn new(rules: BlockRules, limit: usize, unit: Unit, before: &str) -> Self {
        let code = OpenCode::default().after(before);
        Self { rules, limit, unit, code, sent: 0, ready: 0, due: None }
    }

    /// When to look again though nothing more was written.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The next block of `text`, which only ever grows. Ask until there is none.
    pub(crate) fn next(&mut self, text: &str, now: Instant) -> Option<Block> {
        if self.rules.at_end {
            return None;
        }
        let bounds = self.rules.bounds(self.limit, self.unit);
        let gather_max = self.rules.gather_max.unwrap_or(self.limit).clamp(1, self.limit.max(1));
        let gather_min = self.rules.gather_min.min(gather_max);
        loop {
            let gathered = text.get(self.sent..self.ready)?;
            let rest = text.get(self.ready..)?;
            let Some(taken) = self.code.after(gathered).next_piece(rest, bounds) else { break };
            let end = self.ready + before_tag(rest, taken);
            if self.ready > self.sent
                && length(text.get(self.sent..end)?.trim_end(), self.unit) > gather_max
                && let Some(block) = self.take(text)
            {
                return Some(block);
            }
            self.ready = end;
            self.due = Some(now + self.rules.idle);
            if length(text.get(self.sent..end)?.trim_end(), self.unit) >= gather_max
                && let Some(block) = self.take(text)
            {
                return Some(block);
            }
        }
        self.due.filter(|due| *due <= now)?;
        // What is too little waits for the next block, not for a time.
        self.due = None;
        let gathered = text.get(self.sent..self.ready)?;
        if length(gathered.trim_end(), self.unit) < gather_min {
            return None;
        }
        self.take(text)
    }

    /// Takes what is complete; `None` if nothing of it would be visible.
    fn take(&mut self, text: &str) -> Option<Block> {
        let raw = text.get(self.sent..self.ready)?;
        let whole = self.code.whole(raw);
        if tags::take(&whole, "").0.trim().is_empty() {
            return None;
        }
        let raw = raw.to_owned();
        (self.code, self.sent, self.due) = (self.code.after(&raw), self.ready, None);
        Some(Block { raw, text: whole })
    }
}

/// Not through a reply tag: before it, where something stands there.
fn before_tag(rest: &str, taken: usize) -> usize {
    let piece = rest.get(..taken).unwrap_or_default();
    match piece.rfind("[[") {
        Some(open)
            if open > 0 && taken - open < TAG && !piece.get(open..).unwrap_or_default().contains("]]") =>
        {
            open
        }
        Some(_) | None => taken,
    }
}

/// What is written of an answer behind what was said in an earlier life: the white space between them is there already.
pub(crate) fn behind<'a>(said: &str, text: &'a str) -> &'a str {
    match said.ends_with(char::is_whitespace) {
        true => text.trim_start(),
        false => text,
    }
}

/// What the blocks of one turn need.
pub(crate) struct Blocks {
    pub(crate) store: Store,
    pub(crate) accounts: Accounts,
    pub(crate) outbox: Outbox,
    pub(crate) tasks: Tasks,
    pub(crate) options: Options,
    pub(crate) asked: Asked,
    pub(crate) rules: BlockRules,
    pub(crate) known: Arc<Known>,
    /// What was said so far.
    pub(crate) said: Said,
}

impl Blocks {
    /// Follows what a turn writes.
    pub(crate) fn begin(self, settings: &AccountSettings, written: watch::Receiver<String>) -> Following {
        let (stop, stopped) = oneshot::channel();
        let cutter = Cutter::new(self.rules, settings.text_limit, settings.text_unit, &self.said.text);
        let task = Aborting(tokio::spawn(self.follow(cutter, written, stopped)));
        Following { stop, task }
    }

    async fn follow(
        mut self,
        mut cutter: Cutter,
        mut written: watch::Receiver<String>,
        mut stopped: oneshot::Receiver<()>,
    ) {
        let before = self.said.text.clone();
        loop {
            let due = cutter.due();
            tokio::select! {
                biased;
                _ = &mut stopped => return,
                changed = written.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
            loop {
                let block = cutter.next(behind(&before, &written.borrow_and_update()), Instant::now());
                let Some(block) = block else { break };
                if !self.say(block).await {
                    return;
                }
            }
        }
    }

    /// Stores a block, however long the disk refuses. Returns whether there may be more.
    async fn say(&mut self, block: Block) -> bool {
        let (id, asked) = (self.asked.rows.own, &self.asked);
        let said = Said {
            text: format!("{}{}", self.said.text, block.raw),
            blocks: self.said.blocks + 1,
            told: self.said.told.clone(),
        };
        if said.blocks > BLOCKS || said.text.len() > BYTES {
            return false;
        }
        let Some(settings) = self.accounts.get(&asked.account) else { return false };
        let author = self.known.author();
        let later = self.said.blocks > 0;
        let draft = part(&settings, asked, &block.text, author.as_ref(), later, None, &self.options);
        let Some(draft) = draft else { return false };
        for attempt in 1.. {
            match self.store.say(&asked.rows, &said, draft.clone(), now_ms()).await {
                Ok(()) => break,
                Err(error) if error.is_transient() => {
                    if !self.tasks.pause_for_store(&self.store, attempt).await {
                        return false;
                    }
                }
                Err(StoreError::Conflict(reason)) => {
                    tracing::warn!(code = "conflict", inbound = id.0, "a block is not said: {reason}");
                    return false;
                }
                Err(error) => {
                    tracing::error!(code = error.code(), inbound = id.0, "a block is not stored: {error}");
                    return false;
                }
            }
        }
        failpoint!("messaging.block-stored");
        self.outbox.wake(&ConversationKey { account: asked.account.clone(), target: asked.target.clone() });
        self.said = said;
        true
    }
}

/// A part of an answer as it goes out, with `rules` cut into blocks. `later`: something of the answer was sent before, and has
/// the prefix and what it quotes.
pub(crate) fn part(
    settings: &AccountSettings,
    asked: &Asked,
    text: &str,
    author: Option<&Author>,
    later: bool,
    rules: Option<BlockRules>,
    options: &Options,
) -> Option<Draft> {
    let (text, tagged) = tags::take(text, &asked.message_id);
    let named = tagged.is_some();
    let text = match later {
        true => text,
        false => settings.replies.prefixed(&asked.agent, author, text),
    };
    let (reply_to, reply_all) =
        settings.replies.answers(tagged, &asked.message_id, asked.rows.told_together());
    let reply_to = reply_to.filter(|_| !later || reply_all || named);
    let mut draft = draft(settings, asked.target.clone(), &text, Vec::new(), options)?;
    if let Some(rules) = rules {
        draft.parts = rules.cut(&text, settings.text_limit, settings.text_unit);
    }
    Some(Draft { reply_to, reply_all, reply_context: asked.reply_context.clone(), ..draft })
}

#[cfg(test)]
mod tests;
