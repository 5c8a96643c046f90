//! Owns the decision whether a message becomes a turn, and the account of how it came about. Pure: it sees an account's policy,
//! a message and what the host knows beside it. Never asks a model.
//!
//! Everything that is not allowed is dropped: an unknown group, an empty list and a missing section all fail closed.

use openclaw_store::{Activation, ChatKind, Message, SenderKind, Step};

use crate::allow::{AllowList, Allowed};
use crate::routing;
use crate::settings::{AccountSettings, Bots, DmPolicy, GroupPolicy, GroupRule};

/// What becomes of a message, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) decision: Decision,
    /// The checks, in their order; the last one decided.
    pub(crate) steps: Vec<Step>,
    /// It came as far as the question whether the agent has to be named: what the owner decided about that in the session counts.
    pub(crate) activation_counts: bool,
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It becomes a turn. The text is the reason, for the ledger.
    Admit(&'static str),
    /// Its sender is unknown and may ask for access.
    Pair,
    /// It is not processed.
    Drop(Refusal),
}

/// Why a message is not processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// For the ledger: short and stable.
    pub(crate) reason: &'static str,
    /// For the log: the words that operators search for.
    pub(crate) line: String,
    /// Worth an operator's eye. What the bot itself said, and the like, is not.
    pub(crate) notable: bool,
    /// It was allowed, but not said to the agent: it is told of it when somebody names it.
    pub(crate) heard: bool,
}

impl Refusal {
    fn new(reason: &'static str, line: String) -> Self {
        Self { reason, line, notable: true, heard: false }
    }
}

/// What the host knows beside the message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known<'a> {
    /// Who would answer, and so who has to be named; lower case.
    pub(crate) agent: &'a str,
    /// Pairing let the sender in. Counts only where it could have happened: in direct messages under `pairing`. Under
    /// `allowlist` and `open` an operator sees all who are let in by looking at `allowFrom`.
    pub(crate) approved: bool,
    /// The text is a command, and the sender may give commands.
    pub(crate) command: bool,
    /// Another piece of its album names the agent.
    pub(crate) album_named: bool,
    /// What the owner decided in the session that the message would belong to.
    pub(crate) activation: Option<Activation>,
}

/// Judges a message.
pub(crate) fn decide(settings: &AccountSettings, message: &Message, known: Known<'_>) -> Judged {
    let mut trail = Trail::default();
    let decision = judge(settings, message, known, &mut trail).unwrap_or_else(|stop| stop);
    trail.judged(decision)
}

/// The checks so far.
#[derive(Default)]
struct Trail {
    steps: Vec<Step>,
    activation_counts: bool,
}

impl Trail {
    fn pass(&mut self, check: &str, found: impl Into<String>) {
        self.steps.push(Step { check: check.to_owned(), passed: true, found: found.into() });
    }

    fn stop(&mut self, check: &str, found: impl Into<String>) {
        self.steps.push(Step { check: check.to_owned(), passed: false, found: found.into() });
    }

    /// Refuses the message at this check, which found its reason.
    fn refuse(&mut self, check: &str, reason: &'static str, line: String) -> Decision {
        self.end(check, reason, Refusal::new(reason, line))
    }

    fn end(&mut self, check: &str, found: impl Into<String>, refusal: Refusal) -> Decision {
        self.stop(check, found);
        Decision::Drop(refusal)
    }

    /// What is dropped a thousand times a day and surprises nobody.
    fn pass_over(&mut self, check: &str, reason: &'static str, line: String) -> Decision {
        self.end(check, reason, Refusal { notable: false, ..Refusal::new(reason, line) })
    }

    fn judged(self, decision: Decision) -> Judged {
        Judged { decision, steps: self.steps, activation_counts: self.activation_counts }
    }
}

/// `Err` is a decision on the way.
fn judge(
    settings: &AccountSettings,
    message: &Message,
    known: Known<'_>,
    trail: &mut Trail,
) -> Result<Decision, Decision> {
    let channel = &settings.key.channel;
    if !settings.enabled {
        let line = format!("{channel}: drop message (account disabled)");
        return Err(trail.refuse("account", "the account is disabled", line));
    }
    trail.pass("account", "enabled");
    match message.sender.kind {
        SenderKind::Myself => {
            let line = format!("{channel}: drop own message");
            return Err(trail.pass_over("sender", "the bot's own message", line));
        }
        SenderKind::Bot => bot(settings, message, trail)?,
        SenderKind::Person => trail.pass("sender", "a person"),
        SenderKind::Anonymous => trail.pass("sender", "the vendor hides who it is"),
    }
    if message.edited {
        // Its first version was answered already, or will be.
        let line = format!("{channel}: drop edit of an earlier message");
        return Err(trail.pass_over("edited", "an edit", line));
    }
    match message.conversation.kind {
        ChatKind::Direct => Ok(direct(settings, message, known, trail)),
        ChatKind::Group | ChatKind::Channel => group(settings, message, known, trail),
    }
}

/// Whether another bot is answered at all.
fn bot(settings: &AccountSettings, message: &Message, trail: &mut Trail) -> Result<(), Decision> {
    let named = message.mentions_self || message.reply_to_self;
    let (drop, reason) = match settings.policy.bots {
        Bots::Never => ("sender is a bot", "another bot"),
        Bots::Mentions if !named => {
            ("sender is a bot that mentions nobody", "another bot that did not name the bot")
        }
        Bots::Mentions | Bots::Always => {
            trail.pass("sender", "another bot, as allowBots says");
            return Ok(());
        }
    };
    let line = format!("{}: drop message ({drop})", settings.key.channel);
    Err(trail.refuse("sender", reason, line))
}

/// Takes a decision back: two bots have talked to each other for long enough.
pub(crate) fn end_bot_loop(settings: &AccountSettings, message: &Message, judged: Judged) -> Judged {
    let mut trail = Trail { steps: judged.steps, activation_counts: judged.activation_counts };
    let (channel, bot, room) = (&settings.key.channel, &message.sender.id, &message.conversation.room);
    let line = format!("{channel}: drop message (bot loop protection, sender={bot}, room={room})");
    let decision = trail.refuse("botLoopProtection", "a loop of two bots", line);
    trail.judged(decision)
}

fn direct(settings: &AccountSettings, message: &Message, known: Known<'_>, trail: &mut Trail) -> Decision {
    let (channel, policy) = (&settings.key.channel, settings.policy.dm);
    let word = policy.as_str();
    if policy == DmPolicy::Disabled {
        let line = format!("{channel}: drop dm (dmPolicy: disabled)");
        return trail.refuse("dmPolicy", "direct messages are disabled", line);
    }
    trail.pass("dmPolicy", word);
    if let Some(entry) = settings.policy.allow_from.admits(&message.sender.id) {
        trail.pass("allowFrom", by(entry));
        return Decision::Admit("allowFrom");
    }
    match policy {
        DmPolicy::Pairing => {
            trail.pass("allowFrom", "the sender is not in it");
            if known.approved {
                trail.pass("pairing", "the sender was approved");
                return Decision::Admit("pairing");
            }
            if message.sender.kind == SenderKind::Bot {
                let line = format!(
                    "Blocked unauthorized {channel} sender {} (dmPolicy={word}, a bot is not paired)",
                    message.sender.id
                );
                return trail.refuse("pairing", "a bot that is not in allowFrom", line);
            }
            trail.stop("pairing", "the sender was not approved");
            Decision::Pair
        }
        DmPolicy::Allowlist | DmPolicy::Open | DmPolicy::Disabled => {
            let line = format!(
                "Blocked unauthorized {channel} sender {} (dmPolicy={word}, not in allowFrom)",
                message.sender.id
            );
            trail.refuse("allowFrom", "the sender is not in allowFrom", line)
        }
    }
}

fn group(
    settings: &AccountSettings,
    message: &Message,
    known: Known<'_>,
    trail: &mut Trail,
) -> Result<Decision, Decision> {
    let place = Place::of(settings, message);
    let policy = place.first(|rule| rule.policy).unwrap_or(settings.policy.group);
    let word = policy.as_str();
    let (room, drop) = (&message.conversation.room, &settings.words.group_drop);
    let line = |detail: String| format!("{}: {drop} ({detail}, room={room})", settings.key.channel);
    if policy == GroupPolicy::Disabled {
        return Err(trail.refuse(
            "groupPolicy",
            "groups are disabled",
            line("groupPolicy: disabled".to_owned()),
        ));
    }
    trail.pass("groupPolicy", word);
    let unlisted = || line(format!("groupPolicy: {word}, not in allowlist"));
    let listed = settings.policy.group_listed && policy == GroupPolicy::Allowlist;
    match &place.rule {
        None if listed && settings.policy.groups.is_empty() => {
            let line = line(format!("groupPolicy: {word}, no channel allowlist"));
            return Err(trail.refuse("groups", "no group is listed", line));
        }
        _ if place.closed => {
            return Err(trail.refuse("groups", "the group is not listed", unlisted()));
        }
        Some((key, rule)) if rule.enabled == Some(false) => {
            trail.pass("groups", format!("the entry \"{key}\""));
            return Err(trail.refuse("enabled", "the group is not listed", unlisted()));
        }
        Some((key, _)) => trail.pass("groups", format!("the entry \"{key}\"")),
        None => trail.pass("groups", "no group is listed, so that none has to be"),
    }
    match &place.inner {
        Some((key, rule)) if rule.enabled == Some(false) => {
            trail.pass("inside the group", format!("the entry \"{key}\""));
            return Err(trail.refuse("enabled", "the group is not listed", unlisted()));
        }
        Some((key, _)) => trail.pass("inside the group", format!("the entry \"{key}\"")),
        None => {}
    }
    let sender = &message.sender;
    let any = || Some("any sender".to_owned());
    let admits = |list: &AllowList| list.admits(&sender.id).map(by);
    let roles = place.first(|rule| rule.roles.as_ref());
    let (name, by_id) = match (place.list(), &settings.policy.group_allow_from) {
        (Some(own), _) => ("the group's own list", admits(own)),
        (None, _) if roles.is_some() => ("the group's roles", None),
        (None, _) if policy == GroupPolicy::Open => ("groupPolicy open", any()),
        (None, _) if listed => ("the group is listed", any()),
        (None, Some(list)) => ("groupAllowFrom", admits(list)),
        (None, None) => ("allowFrom", admits(&settings.policy.allow_from)),
    };
    let by_role = || {
        let role = roles?.iter().find(|role| sender.roles.contains(role))?;
        Some(format!("the role {role} lets the sender in"))
    };
    match by_id.or_else(by_role) {
        Some(how) => trail.pass("group senders", format!("{name}: {how}")),
        None => {
            let detail = format!("groupPolicy: {word}, sender {} blocked: not in allowlist", sender.id);
            let refusal = Refusal::new("the sender is not in the group's allowlist", line(detail));
            return Err(trail.end("group senders", format!("{name}: the sender is not in it"), refusal));
        }
    }
    let configured = place
        .first(|rule| rule.require_mention)
        .or_else(|| settings.policy.groups.get("*").and_then(|rule| rule.require_mention));
    trail.activation_counts = true;
    let required = match known.activation {
        Some(activation) => {
            trail.pass("activation", format!("/activation {} in this session", activation.as_str()));
            activation == Activation::Mention
        }
        None => configured.unwrap_or(true),
    };
    let mention = mention(settings, message, known);
    // It may be told later: it was allowed.
    let heard =
        |reason, detail: &str| Refusal { heard: true, ..Refusal::new(reason, line(detail.to_owned())) };
    match (required, &mention) {
        (false, _) => trail.pass("requireMention", "not required here"),
        (true, Some(how)) => trail.pass("requireMention", how.as_str()),
        (true, None) => {
            let refusal = heard("the bot was not named", "mention required");
            return Err(trail.end("requireMention", "nobody named the agent", refusal));
        }
    }
    if place.first(|rule| rule.ignore_others) == Some(true) {
        match (message.addresses_others, mention) {
            (false, _) => trail.pass("ignoreOtherMentions", "nobody else is addressed"),
            (true, Some(how)) => trail.pass("ignoreOtherMentions", how),
            (true, None) => {
                let refusal =
                    heard("it was said to somebody else", "ignoreOtherMentions: said to somebody else");
                return Err(trail.end(
                    "ignoreOtherMentions",
                    "it addresses others, and not the agent",
                    refusal,
                ));
            }
        }
    }
    Ok(Decision::Admit("group"))
}

/// Whether the message is said to the agent, and not only where it listens.
pub(crate) fn names_agent(settings: &AccountSettings, message: &Message) -> bool {
    let agent = routing::agent(settings, message);
    mention(settings, message, Known { agent, ..Known::default() }).is_some()
}

/// How the agent was named, if it was.
fn mention(settings: &AccountSettings, message: &Message, known: Known<'_>) -> Option<String> {
    if message.mentions_self {
        return Some("the message mentions the bot".to_owned());
    }
    if message.reply_to_self {
        return Some("it answers one of the bot's messages".to_owned());
    }
    if known.album_named {
        return Some("another piece of its album names the agent".to_owned());
    }
    if known.command {
        return Some("it is a command of somebody who may give it".to_owned());
    }
    let mentions = settings.mentions.get(known.agent)?;
    let pattern = mentions.named_by(&message.text, &message.conversation.room)?;
    Some(format!("the text matches the pattern {pattern:?}"))
}

fn by(entry: &Allowed) -> String {
    match entry {
        Allowed::Anyone => "\"*\" lets everybody in".to_owned(),
        entry => format!("\"{entry}\" lets the sender in"),
    }
}

/// The agent that the rules of a group name for the place where a message was said.
pub(crate) fn agent_there<'a>(settings: &'a AccountSettings, message: &'a Message) -> Option<&'a str> {
    if message.conversation.kind == ChatKind::Direct {
        return None;
    }
    Place::of(settings, message).first(|rule| rule.agent.as_deref())
}

/// What the operator tells the agent about the place where a message was said: of a group, and behind it of what is inside.
pub(crate) fn instructions_there(settings: &AccountSettings, message: &Message) -> Option<String> {
    let told = if message.conversation.kind == ChatKind::Direct {
        let direct = &settings.direct_instructions;
        direct.get(&message.sender.id).or_else(|| direct.get("*")).cloned()?
    } else {
        let Place { inner, rule, .. } = Place::of(settings, message);
        let told = [rule, inner].into_iter().flatten().filter_map(|(_, rule)| rule.instructions.as_deref());
        told.filter(|told| !told.is_empty()).collect::<Vec<_>>().join("\n\n")
    };
    Some(told).filter(|told| !told.is_empty())
}

/// The rules for the place where a message was said, from narrow to wide.
struct Place<'a> {
    /// Of the thread, or of the room inside its space.
    inner: Option<(&'a str, &'a GroupRule)>,
    /// Of the room, of its space, or of all.
    rule: Option<(&'a str, &'a GroupRule)>,
    /// Rules exist, and none holds for it.
    closed: bool,
}

impl<'a> Place<'a> {
    fn of(settings: &'a AccountSettings, message: &'a Message) -> Self {
        let (groups, conversation) = (&settings.policy.groups, &message.conversation);
        let entry = |key: &'a str| groups.get(key).map(|rule| (key, rule));
        let rule = entry(&conversation.room)
            .or_else(|| entry(conversation.space.as_ref()?))
            .or_else(|| groups.get("*").map(|rule| ("*", rule)));
        let Some((_, outer)) = rule else {
            return Self { inner: None, rule: None, closed: !groups.is_empty() };
        };
        let entry = |key: &'a str| outer.inner.get(key).map(|rule| (key, rule));
        let thread = conversation.thread.as_deref();
        let inner = thread
            .and_then(entry)
            .or_else(|| entry(&conversation.room))
            .or_else(|| outer.inner.get("*").map(|rule| ("*", rule)));
        let closed = inner.is_none() && outer.inner_listed && !outer.inner.is_empty();
        Self { inner, rule, closed }
    }

    /// The narrowest rule that says something.
    fn first<T>(&self, what: impl Fn(&'a GroupRule) -> Option<T>) -> Option<T> {
        [self.inner, self.rule].into_iter().flatten().find_map(|(_, rule)| what(rule))
    }

    fn list(&self) -> Option<&'a AllowList> {
        self.first(|rule| rule.allow_from.as_ref())
    }
}

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests;
