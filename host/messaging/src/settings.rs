//! Owns what `messaging` must be told about an account: policy, words, limits, routing. Never reads configuration or
//! manifests itself; `gateway` maps them.

use std::collections::BTreeMap;
use std::time::Duration;

use openclaw_store::{AccountKey, ChatKind};
use openclaw_text::Unit;

use crate::allow::AllowList;
use crate::authority::CommandRules;
use crate::bot_loop::BotLoopRules;
use crate::mention::Mentions;
use crate::queue::QueueRules;
use crate::replies::Replies;
use crate::typing::TypingRules;

/// Who may write to the bot directly (`dmPolicy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DmPolicy {
    /// Unknown senders get a pairing code.
    #[default]
    Pairing,
    /// Only `allow_from` and approved senders.
    Allowlist,
    /// Everybody, if `allow_from` holds `*`; otherwise only those it lists.
    Open,
    /// Nobody.
    Disabled,
}

impl DmPolicy {
    /// The word of the configuration, also for logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pairing => "pairing",
            Self::Allowlist => "allowlist",
            Self::Open => "open",
            Self::Disabled => "disabled",
        }
    }
}

/// Who may write to the bot in groups and rooms (`groupPolicy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupPolicy {
    /// Only listed groups and listed senders.
    #[default]
    Allowlist,
    /// Every sender, in listed groups if any group is listed.
    Open,
    /// Nobody.
    Disabled,
}

impl GroupPolicy {
    /// The word of the configuration, also for logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowlist => "allowlist",
            Self::Open => "open",
            Self::Disabled => "disabled",
        }
    }
}

/// One entry of the map of groups: its presence lists the group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupRule {
    /// Whether the bot must be named. `None` means yes.
    pub require_mention: Option<bool>,
    /// Whether what is said to others, and not to the agent, is left alone. `None` means no.
    pub ignore_others: Option<bool>,
    /// Who may write there; `None` falls back to the account's list.
    pub allow_from: Option<AllowList>,
    /// Who may write there beside them: whoever has one of these roles. Where they are stated alone, nobody else may.
    pub roles: Option<Vec<String>>,
    /// Instead of the account's own group policy.
    pub policy: Option<GroupPolicy>,
    /// `false` shuts this group out.
    pub enabled: Option<bool>,
    /// The agent that answers there, lower case, whatever bindings say.
    pub agent: Option<String>,
    /// What the agent is told there beside its own prompt.
    pub instructions: Option<String>,
    /// Narrower rules inside it, by thread or room id; `*` stands for all others. What one leaves unsaid is this rule's.
    pub inner: BTreeMap<String, GroupRule>,
    /// Where there are inner rules, only what they list is served.
    pub inner_listed: bool,
}

/// The admission policy of one account, in neutral terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// For direct messages.
    pub dm: DmPolicy,
    /// Who may write directly.
    pub allow_from: AllowList,
    /// For everything else.
    pub group: GroupPolicy,
    /// Senders in groups; `None` falls back to `allow_from`, an empty list admits nobody.
    pub group_allow_from: Option<AllowList>,
    /// Listed rooms or spaces by id; `*` stands for all others. Empty: no group is listed, and none has to be.
    pub groups: BTreeMap<String, GroupRule>,
    /// Under `allowlist` a group has to be listed, and lets everybody in whom its own list does not keep out. Else `allowlist`
    /// is about senders.
    pub group_listed: bool,
    /// Other bots.
    pub bots: Bots,
    /// What a pair of bots may exchange; `None`: as much as they like.
    pub bot_loop: Option<BotLoopRules>,
}

/// Whether other bots are answered (`allowBots`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bots {
    /// None is.
    #[default]
    Never,
    /// Those that mention this one, or answer it.
    Mentions,
    /// As people are.
    Always,
}

/// What a turn is told of others' words beside the message itself (`contextVisibility`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContextVisibility {
    /// What the message brings along.
    #[default]
    All,
    /// Words of those who are let in. Whose words a passage are is not known, so that only the bot's own are told.
    Allowlist,
}

/// Which session direct messages share (`session.dmScope`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DmScope {
    /// All of them the agent's main session.
    #[default]
    Main,
    /// One for each person.
    PerPeer,
    /// One for each person and channel.
    PerChannelPeer,
    /// One for each person, channel and account.
    PerAccountChannelPeer,
}

/// Which session groups have (`session.groupScope`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupScope {
    /// Each its own.
    #[default]
    PerGroup,
    /// All of them the agent's main session.
    Main,
}

/// Which agent answers where (one entry of `bindings`). Everything that is stated has to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// Lower case.
    pub agent: String,
    /// One conversation, or all of a kind.
    pub peer: Option<Peer>,
    /// The vendor's server or workspace.
    pub space: Option<String>,
    /// Whoever has one of these roles there; empty: anybody.
    pub roles: Vec<String>,
    /// It stands for every account of the channel, and so is less specific than one for this account.
    pub any_account: bool,
    /// Instead of the account's own.
    pub dm_scope: Option<DmScope>,
    /// Instead of the account's own.
    pub group_scope: Option<GroupScope>,
}

/// A conversation, or all of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// What kind of conversation.
    pub kind: ChatKind,
    /// A person's id, a room's or a thread's, or `*`. Compared case-insensitively.
    pub id: String,
}

/// Where a text that is too long for one message is cut first (`streaming.chunkMode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cut {
    /// Where a part is full, at the break that a reader minds least there.
    #[default]
    Length,
    /// Between two paragraphs; only one that is too long by itself is cut as `Length` says.
    Paragraph,
}

/// How the channel's manifest words things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// What people call the channel.
    pub label: String,
    /// The pairing text's line with the sender's id; `{id}` stands for the id.
    pub sender_id_line: String,
    /// How the log words a group message that is not processed, for instance `skipping group message`.
    pub group_drop: String,
    /// What a thread is called in session keys: `thread` or `topic`.
    pub thread_word: String,
}

/// Everything about one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSettings {
    /// Which account.
    pub key: AccountKey,
    /// `false`: its messages are dropped and the reason is stored.
    pub enabled: bool,
    /// Who is let in.
    pub policy: Policy,
    /// How things are said.
    pub words: Words,
    /// The longest text that the channel takes in one message.
    pub text_limit: usize,
    /// What `text_limit` counts.
    pub text_unit: Unit,
    /// Where a text that is longer is cut first.
    pub text_cut: Cut,
    /// Which agent answers where no binding says otherwise; lower case.
    pub agent: String,
    /// Which agent answers where, in the order of the configuration.
    pub bindings: Vec<Binding>,
    /// Which session direct messages share.
    pub dm_scope: DmScope,
    /// Which session groups have.
    pub group_scope: GroupScope,
    /// The last part of an agent's main session's key (`session.mainKey`).
    pub main: String,
    /// Everything is the session `global` (`session.scope`).
    pub global: bool,
    /// Senders of this channel that are one person with others, by id in lower case, and the name of that person.
    pub links: BTreeMap<String, String>,
    /// What names an agent beside the vendor's own mention, by the agent's id.
    pub mentions: BTreeMap<String, Mentions>,
    /// How many messages of a group that named nobody are told with the next one that does; 0 for none.
    pub history_limit: usize,
    /// What a turn is told of others' words.
    pub context: ContextVisibility,
    /// Who may give commands.
    pub commands: CommandRules,
    /// How many turns of its session a direct message's turn is told; 0 for all that fit.
    pub dm_history_limit: usize,
    /// The same by sender id.
    pub dm_history_limits: BTreeMap<String, usize>,
    /// What the agent is told beside its own prompt in a direct chat, by sender id; `*` stands for all others.
    pub direct_instructions: BTreeMap<String, String>,
    /// How long a text waits for more of its sender; none waits when it is zero.
    pub debounce: Duration,
    /// What becomes of messages that wait behind a turn.
    pub queue: QueueRules,
    /// When it is shown that an answer is being written, by the agent's id.
    pub typing: BTreeMap<String, TypingRules>,
    /// How replies look, and what is shown before them.
    pub replies: Replies,
}

impl AccountSettings {
    /// The person behind a sender's id: under this name their messages share a session.
    pub(crate) fn person<'a>(&'a self, sender: &'a str) -> &'a str {
        self.links.get(&sender.to_lowercase()).map_or(sender, String::as_str)
    }

    /// How many turns of its session the turn of a direct message is told; `None` for all that fit.
    pub(crate) fn dm_turns(&self, sender: &str) -> Option<usize> {
        let own = self.dm_history_limits.get(sender).copied();
        Some(own.unwrap_or(self.dm_history_limit)).filter(|turns| *turns > 0)
    }
}

/// Limits and times. `Options::default()` is what the gateway runs with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Turns and calls that run or wait in one session. Further messages wait in the ledger.
    pub lane_depth: usize,
    /// Turns and calls that run or wait in all sessions together.
    pub lanes_total: usize,
    /// Turns and calls that run at once.
    pub running: usize,
    /// The longest that one turn may take from its start.
    pub turn_deadline: Duration,
    /// How often typing is shown while a turn runs.
    pub typing_every: Duration,
    /// From the first word of an answer to its preview. What is complete by then needs none.
    pub preview_after: Duration,
    /// The least time between two edits of a preview in a direct chat; in groups three times as long.
    pub preview_every: Duration,
    /// Sends in flight at once, over all conversations.
    pub sends: usize,
    /// How long a send may take before it counts as ambiguous.
    pub send_deadline: Duration,
    /// Attempts of one part. Only sends of which the vendor has surely seen nothing are repeated, so the number can be
    /// high: with the waits below, the default outlives an outage of half an hour.
    pub send_attempts: i64,
    /// The first wait between attempts; doubled each time.
    pub retry_min: Duration,
    /// The longest wait between attempts, unless the vendor asks for more.
    pub retry_max: Duration,
    /// A reply that could not be sent for so long is not sent any more.
    pub reply_expiry: Duration,
    /// How long a caller of `Messaging::send` waits for the receipt.
    pub send_wait: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lane_depth: 64,
            lanes_total: 4096,
            running: 256,
            turn_deadline: Duration::from_secs(600),
            typing_every: Duration::from_secs(4),
            preview_after: Duration::from_millis(700),
            preview_every: Duration::from_secs(1),
            sends: 64,
            send_deadline: Duration::from_secs(60),
            send_attempts: 180,
            retry_min: Duration::from_millis(400),
            retry_max: Duration::from_secs(10),
            reply_expiry: Duration::from_secs(24 * 3600),
            send_wait: Duration::from_secs(30),
        }
    }
}
