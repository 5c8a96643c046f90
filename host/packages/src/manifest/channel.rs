//! `[channel]`: the words and limits of a chat vendor, and where its section keeps what the host's own policy needs.

use serde::Deserialize;

use super::{Fault, fault, is_word};

/// `[channel]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Channel {
    /// The longest text of one message, in `text-unit`.
    pub text_limit: u32,
    /// What `text-limit` counts.
    pub text_unit: TextUnit,
    /// The pairing text's line with the sender's id; `{id}` stands for the id.
    pub sender_id_line: String,
    /// What the vendor's sender id is called, for instance in tables.
    pub sender_id_label: String,
    /// How it receives, for instance `polling`.
    pub mode: Option<String>,
    /// While it can receive, it hears from its vendor at least so often, in seconds, and says so by `state(ready)`. Whoever has
    /// said so for longer than that no more is not shown as connected. None: its vendor may be silent for as long as it likes.
    pub evidence_s: Option<u32>,
    /// What to tell a person when the secret is missing.
    pub missing_secret: Option<String>,
    /// How the log words a group message that is not processed.
    #[serde(default = "default_group_drop")]
    pub group_drop: String,
    /// What a thread is called in session keys: `[a-z0-9-]`, at most 32 characters.
    #[serde(default = "default_thread_word")]
    pub thread_word: String,
    /// How long a text waits for more of its sender, in milliseconds, where the operator does not say; 0 for not at all.
    #[serde(default)]
    pub debounce_ms: u16,
    /// `[channel.policy]`
    #[serde(default)]
    pub policy: ChannelPolicyMap,
    /// `[channel.replies]`
    #[serde(default)]
    pub replies: ChannelReplyMap,
}

/// What a text limit counts.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum TextUnit {
    /// UTF-16 code units.
    Utf16,
    /// Unicode scalar values.
    Chars,
    /// Bytes of UTF-8.
    Bytes,
}

/// `[channel.policy]`: JSON pointers into the section, for the host's own policy.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ChannelPolicyMap {
    /// Who may write directly.
    pub dm_policy: Option<String>,
    /// Ids that may.
    pub allow_from: Option<String>,
    /// Which groups are served.
    pub group_policy: Option<String>,
    /// Ids that may write in groups.
    pub group_allow_from: Option<String>,
    /// A map from group id, or `*`, to its own rules.
    pub groups: Option<String>,
    /// In a group's rules, the key of the ids that may write there. None: `allowFrom`.
    pub group_senders: Option<String>,
    /// In a group's rules, the key of the roles whose holders may write there, beside the listed ids.
    pub group_roles: Option<String>,
    /// In a group's rules or narrower ones, the key of the switch that leaves alone what is said to others.
    pub group_ignore_others: Option<String>,
    /// In a group's rules or narrower ones, the key of the agent that answers there.
    pub group_agent: Option<String>,
    /// In a group's rules or narrower ones, and in those of a direct chat, the key of what the agent is told beside its own
    /// prompt there.
    pub instructions: Option<String>,
    /// In a group's rules, the key of a map from thread or room id, or `*`, to narrower rules.
    pub group_inner: Option<String>,
    /// Where a group has such a map, only what it lists is served.
    pub group_inner_listed: bool,
    /// The group policy `allowlist` is about groups: one has to be listed, and lets everybody in whom its own list does not
    /// keep out. Else it is about senders.
    pub group_listed: bool,
    /// Where patterns count as a mention: an object with `mode`, `allowIn` and `denyIn`.
    pub mention_patterns: Option<String>,
    /// Whether other bots are answered: a switch, or `mentions`.
    pub allow_bots: Option<String>,
    /// What two bots may exchange: an object with `enabled`, `maxEventsPerWindow`, `windowSeconds` and `cooldownSeconds`.
    pub bot_loop: Option<String>,
    /// What a turn is told of others' words: `all`, `allowlist` or `allowlist_quote`.
    pub context_visibility: Option<String>,
    /// How many messages of a group are told with the next one that names the agent.
    pub history_limit: Option<String>,
    /// The same where nobody says how many. None: 50.
    pub history_default: Option<u16>,
    /// How many turns of a direct chat a turn is told.
    pub dm_history_limit: Option<String>,
    /// A map from sender id to what holds for its direct chat alone: `historyLimit`.
    pub dms: Option<String>,
    /// A map from sender id, or `*`, to what holds for its direct chat: the key `instructions`.
    pub direct: Option<String>,
    /// The operator's own text limit.
    pub text_limit: Option<String>,
    /// Prefixes that people write before an id and that are not part of it.
    pub sender_prefixes: Vec<String>,
}

impl ChannelPolicyMap {
    /// Every pointer by its name in the manifest; `None` where the channel has no such key.
    #[must_use]
    pub fn pointers(&self) -> [(&'static str, &Option<String>); 14] {
        [
            ("dm-policy", &self.dm_policy),
            ("allow-from", &self.allow_from),
            ("group-policy", &self.group_policy),
            ("group-allow-from", &self.group_allow_from),
            ("groups", &self.groups),
            ("mention-patterns", &self.mention_patterns),
            ("allow-bots", &self.allow_bots),
            ("bot-loop", &self.bot_loop),
            ("context-visibility", &self.context_visibility),
            ("history-limit", &self.history_limit),
            ("dm-history-limit", &self.dm_history_limit),
            ("dms", &self.dms),
            ("direct", &self.direct),
            ("text-limit", &self.text_limit),
        ]
    }
}

/// `[channel.replies]`: JSON pointers into the section, for what the host makes of replies.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ChannelReplyMap {
    /// What stands before every reply.
    pub prefix: Option<String>,
    /// Which parts of a reply visibly answer the message.
    pub reply_to: Option<String>,
    /// Where a text that is too long is cut first: `length` or `newline`.
    pub chunk_mode: Option<String>,
    /// How an answer shows while it is written: an object with `mode` and `preview`. Only for a component that exports `edit`.
    pub streaming: Option<String>,
    /// The mode where nobody states one. None: off.
    pub streaming_default: Option<String>,
    /// Whether an answer is sent in blocks while it is written: an object with `enabled` and `coalesce`.
    pub blocks: Option<String>,
    /// Characters that blocks have together before they are sent, where nobody states a number.
    pub blocks_gather: Option<usize>,
    /// The reaction to a message that was accepted. Only for a component that exports `react`.
    pub ack_reaction: Option<String>,
    /// Which messages get it.
    pub ack_scope: Option<String>,
}

impl ChannelReplyMap {
    fn first_fault(&self) -> Option<Fault> {
        let pointers = [
            ("prefix", &self.prefix),
            ("reply-to", &self.reply_to),
            ("chunk-mode", &self.chunk_mode),
            ("streaming", &self.streaming),
            ("blocks", &self.blocks),
            ("ack-reaction", &self.ack_reaction),
            ("ack-scope", &self.ack_scope),
        ];
        if let Some(fault) = first_wrong_pointer("channel.replies", &pointers) {
            return Some(fault);
        }
        let mode = self.streaming_default.as_deref().unwrap_or("off");
        if ["off", "partial", "block", "progress"].contains(&mode) {
            return None;
        }
        let problem = format!("\"{mode}\" is no way to show an answer");
        fault("channel.replies.streaming-default", problem, "write off, partial, block or progress")
    }
}

fn first_wrong_pointer(table: &str, pointers: &[(&'static str, &Option<String>)]) -> Option<Fault> {
    let wrong = |pointer: &Option<String>| pointer.as_ref().is_some_and(|pointer| !pointer.starts_with('/'));
    let (name, _) = pointers.iter().find(|(_, pointer)| wrong(pointer))?;
    fault(format!("{table}.{name}"), "is not a JSON pointer".to_owned(), "write /key or /key/inner")
}

fn default_group_drop() -> String {
    "drop group message".to_owned()
}

fn default_thread_word() -> String {
    "thread".to_owned()
}

impl Channel {
    pub(super) fn first_fault(&self) -> Option<Fault> {
        if self.text_limit == 0 {
            return fault("channel.text-limit", "is 0".to_owned(), "state the vendor's limit");
        }
        if self.evidence_s == Some(0) {
            let fix = "state the longest time, in seconds, that a connection which lives is silent";
            return fault("channel.evidence-s", "is 0".to_owned(), fix);
        }
        let word = &self.thread_word;
        // It stands between the colons of a session key.
        if word.len() > 32 || !is_word(word) {
            let problem = format!("\"{word}\" cannot stand in a session key");
            return fault("channel.thread-word", problem, "use at most 32 of a-z, 0-9 and -");
        }
        first_wrong_pointer("channel.policy", &self.policy.pointers()).or_else(|| self.replies.first_fault())
    }
}
