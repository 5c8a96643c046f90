//! What messages go through: `channels` (its shared parts), `bindings`, `broadcast`, `accessGroups`, `session`,
//! `messages`, `commands` and `approvals`.

use super::common::{
    AMOUNT, COUNT, DM_SCOPE, GROUP_SCOPE, IDS, OPEN, QUANTITY, SOME, SWITCH, TEXTS, UNMENTIONED,
};
use crate::shape::Shape::{self, Bool, Either, Exactly, Int, List, Map, Object, Open, Text, Word};
use crate::shape::{key, required, unused};

/// Each section in it is judged by its channel's own schema.
pub(super) const CHANNELS: Shape =
    Open(&[key("defaults", CHANNEL_DEFAULTS), unused("modelByChannel", Map(&Map(&Text)))], &OPEN);

const CHANNEL_DEFAULTS: Shape = Object(&[
    key("groupPolicy", Word(&["open", "disabled", "allowlist"]))
        .about("For channels without a policy of their own. Default: allowlist."),
    key("contextVisibility", Word(&["all", "allowlist", "allowlist_quote"])).about(
        "allowlist: passages that a message cites are not told, unless they are the bot's own. Default: all.",
    ),
    unused(
        "heartbeatVisibility",
        Object(&[key("showOk", Bool), key("showAlerts", Bool), key("useIndicator", Bool)]),
    ),
    key(
        "botLoopProtection",
        Object(&[
            key("enabled", Bool).about("Default: true."),
            key("maxEventsPerWindow", SOME)
                .about("Messages of both bots together in one window. Default: 20."),
            key("windowSeconds", SOME).about("Default: 60."),
            key("cooldownSeconds", SOME).about("How long the other bot is not answered then. Default: 60."),
        ]),
    )
    .about("What this bot and another one may exchange before it stops answering."),
    unused(
        "implicitMentions",
        Object(&[key("replyToBot", Bool), key("quotedBot", Bool), key("threadParticipation", Bool)]),
    ),
]);

pub(super) const BINDINGS: Shape = List(&Object(&[
    key("type", Word(&["route", "acp"])),
    required("agentId", Text),
    key("comment", Text),
    required(
        "match",
        Object(&[
            required("channel", Text),
            key("accountId", Text),
            key(
                "peer",
                Object(&[
                    // `dm` is an older spelling of `direct`.
                    required("kind", Word(&["direct", "group", "channel", "dm"])),
                    required("id", Text),
                ]),
            ),
            key("guildId", Text),
            key("teamId", Text),
            key("roles", TEXTS).about(
                "Holds for whoever has one of these roles there, where the vendor says who has which.",
            ),
        ]),
    ),
    key("session", Object(&[key("dmScope", DM_SCOPE), key("groupScope", GROUP_SCOPE)])),
    unused(
        "acp",
        Object(&[
            key("mode", Word(&["persistent", "oneshot"])),
            key("label", Text),
            key("cwd", Text),
            key("backend", Text),
        ]),
    ),
]));

pub(super) const BROADCAST: Shape = Open(
    &[key("strategy", Word(&["parallel", "sequential"]))],
    &Either(&[
        TEXTS,
        Object(&[
            required("agents", TEXTS),
            key("mentionGating", Bool),
            key("maxRounds", Int(1, 4)),
            key("maxTurns", Int(1, 32)),
        ]),
    ]),
);

/// The types are words of channels: which keys belong to which is theirs to judge.
pub(super) const ACCESS_GROUPS: Shape = Map(&Object(&[
    required("type", Text)
        .about("message.senders: the group's members are named here. Any other type lets nobody in."),
    unused("guildId", Text),
    unused("channelId", Text),
    unused("membership", Text),
    key("members", Map(&TEXTS)).about("Sender ids by channel; those under * hold for every channel."),
]));

pub(super) const SESSION: Shape = Object(&[
    key("dmScope", DM_SCOPE).about("Which direct messages share a session. Default: main."),
    key("mainKey", Text).about("The last part of the main session's key. Default: main."),
    key("scope", Word(&["per-sender", "global"]))
        .about("global: all that is said in channels is one session. Default: per-sender."),
    key("groupScope", GROUP_SCOPE).about("main: groups share the agent's main session. Default: per-group."),
    unused("notifyOnCreate", Bool),
    key("identityLinks", Map(&TEXTS)).about("People with several ids: a name, and channel:id of each."),
    key("resetTriggers", TEXTS).about("Words that start a session anew, beside /new and /reset."),
    key("reset", RESET).about("When sessions begin anew by themselves. Default: never."),
    key(
        "resetByType",
        Object(&[
            key("direct", RESET),
            key("group", RESET),
            key("thread", RESET),
            // An older spelling of `direct`.
            key("dm", RESET),
        ]),
    )
    .about("The same for direct messages, groups and threads."),
    key("resetByChannel", Map(&RESET)).about("The same for channels, before what is said about types."),
    unused("store", Text),
    key("sendPolicy", SEND_POLICY).about("Whether answers of sessions are sent. Default: they are."),
    unused(
        "threadBindings",
        Object(&[
            key("enabled", Bool),
            key("idleHours", AMOUNT),
            key("maxAgeHours", AMOUNT),
            key("spawnSessions", Bool),
            key("defaultSpawnContext", Word(&["isolated", "fork"])),
        ]),
    ),
    unused("sharing", Object(&[key("readOnly", Bool), key("suggest", Bool), key("drafts", Bool)])),
    key("maintenance", MAINTENANCE).about("When sessions that nobody uses are put away."),
    // An older spelling of `reset.idleMinutes`.
    key("idleMinutes", SOME),
]);

const RESET: Shape = Object(&[
    key("mode", Word(&["none", "daily", "idle"])),
    key("atHour", Int(0, 23)),
    key("idleMinutes", SOME),
]);

const ALLOW_OR_DENY: Shape = Word(&["allow", "deny"]);

const SEND_POLICY: Shape = Object(&[
    key("default", ALLOW_OR_DENY).about("Where no rule matches. Default: allow."),
    key(
        "rules",
        List(&Object(&[
            required("action", ALLOW_OR_DENY),
            key(
                "match",
                Object(&[
                    key("channel", Text),
                    // `dm` is an older spelling of `direct`.
                    key("chatType", Word(&["direct", "group", "channel", "dm"])),
                    key("keyPrefix", Text)
                        .about("How the session's key begins, with or without agent:<id>: before it."),
                    key("rawKeyPrefix", Text).about("How the session's whole key begins."),
                ]),
            ),
        ])),
    )
    .about("The first that matches and denies decides."),
]);

/// A [`QUANTITY`], or `false` for none.
const LIMIT: Shape = Either(&[QUANTITY, Exactly(false)]);

const MAINTENANCE: Shape = Object(&[
    key("mode", Word(&["enforce", "warn"]))
        .about("warn: nothing is done, the log says how many are due. Default: enforce."),
    unused("coldStorage", Object(&[key("enabled", Bool), key("afterDays", SOME)])),
    key("pruneAfter", QUANTITY).about(
        "Sessions that were not used for so long, such as 12h or 30d; a number counts days. Default: 30d.",
    ),
    unused("archiveDashboardAfter", LIMIT),
    key("maxEntries", SOME).about("Sessions of an agent that are not put away. Default: 5000."),
    key("preserveRecent", LIMIT)
        .about("What was used within this time is not put away because there are too many. Default: false."),
    unused("resetArchiveRetention", LIMIT),
    unused("maxDiskBytes", LIMIT),
    unused("highWaterBytes", QUANTITY),
]);

const VISIBLE_REPLIES: Shape = Either(&[Word(&["automatic", "message_tool"]), Bool]);
const RESPONSE_USAGE: Shape = Word(&["on", "off", "tokens", "full"]);
const QUEUE_MODE: Shape = Word(&["steer", "followup", "collect", "interrupt"]);

pub(super) const MESSAGES: Shape = Object(&[
    unused("visibleReplies", VISIBLE_REPLIES),
    key("responsePrefix", Text).about(
        "Stands before every reply: auto for the agent's name in brackets, or a text with {model}, {modelFull}, {provider}, \
         {thinkingLevel} and {identity.name}.",
    ),
    unused("usageTemplate", Either(&[Text, OPEN])),
    unused("responseUsage", Either(&[RESPONSE_USAGE, Map(&RESPONSE_USAGE)])),
    key(
        "groupChat",
        Object(&[
            key("mentionPatterns", TEXTS).about(
                "Regular expressions that name the agent. Default: from its identity's name and emoji.",
            ),
            key("historyLimit", COUNT).about(
                "Messages of a group that are told with the next one that names the agent. Default: 50.",
            ),
            unused("unmentionedInbound", UNMENTIONED),
            unused("visibleReplies", VISIBLE_REPLIES),
        ]),
    ),
    key(
        "queue",
        Object(&[
            key("mode", QUEUE_MODE)
                .about("What messages that come while a turn runs become. Default: steer."),
            key("byChannel", Map(&QUEUE_MODE)),
            // An older spelling.
            key("debounceMs", COUNT),
            key("debounceMsByChannel", Map(&COUNT)).about("How long collect waits for more. Default: 500."),
            key("cap", SOME).about("How many messages of a conversation may wait. Default: 20."),
            key("drop", Word(&["old", "new", "summarize"]))
                .about("What becomes of more: the oldest are told in short, or not; or the newest are not."),
        ]),
    )
    .about("What becomes of messages that wait behind a turn."),
    key(
        "inbound",
        Object(&[
            key("debounceMs", COUNT).about("How long a text waits for more of its sender. 0: not at all."),
            key("byChannel", Map(&COUNT)),
        ]),
    )
    .about("Texts that come at once are one turn."),
    key("ackReaction", Text).about(
        "The reaction to a message that was accepted; empty for none. Default: the agent's emoji, else 👀.",
    ),
    key("ackReactionScope", Word(&["group-mentions", "group-all", "direct", "all", "off", "none"]))
        .about("Which messages get it. Default: group-mentions."),
    key("statusReactions", SWITCH).about("The reaction changes with the stages of the turn."),
    // Older spellings.
    key("removeAckAfterReply", Bool).about("The reaction is taken away after the reply."),
    unused("messagePrefix", Text),
]);

const AUTO: Shape = Either(&[Bool, Word(&["auto"])]);

pub(super) const COMMANDS: Shape = Object(&[
    unused("native", AUTO),
    unused("nativeSkills", AUTO),
    unused("text", Bool),
    unused("bash", Bool),
    unused("bashForegroundMs", Int(0, 30_000)),
    unused("config", Bool),
    unused("mcp", Bool),
    unused("plugins", Bool),
    unused("debug", Bool),
    key("restart", Bool)
        .about("false: /restart, SIGUSR1 and SIGUSR2 do not restart the gateway. Default: true."),
    key("ownerAllowFrom", IDS).about(
        "Who may give the owner's commands, as channel:id. Default: the sender who was approved first.",
    ),
    key("allowFrom", Map(&IDS))
        .about("Who may give commands, by channel; * for the others. Default: everybody who is let in."),
]);

pub(super) const APPROVALS: Shape = Object(&[key("exec", APPROVAL), key("plugin", APPROVAL)]);

const APPROVAL: Shape = Object(&[
    key("enabled", Bool),
    key("mode", Word(&["session", "targets", "both"])),
    key("agentFilter", TEXTS),
    key("sessionFilter", TEXTS),
    key(
        "targets",
        List(&Object(&[
            required("channel", Text),
            required("to", Text),
            key("accountId", Text),
            key("threadId", QUANTITY),
        ])),
    ),
]);
