//! `agents.defaults`

use super::super::common::{
    AGENT_ID, ALLOW_DENY, COUNT, MODEL_CHOICE, OPEN, PARAMS, SOME, SWITCH, TEXTS, THINKING,
};
use super::sandbox::SANDBOX;
use super::{
    CONTEXT_INJECTION, CONTEXT_LIMITS, EXECUTION_CONTRACT, EXPERIMENTAL, HEARTBEAT, HUMAN_DELAY,
    MODEL_POLICY, MODEL_SETTINGS, REASONING, TOOL_PROGRESS, TYPING_MODE, VERBOSE,
};
use crate::shape::Shape::{self, Bool, Either, Int, List, Object, Positive, Text, Word};
use crate::shape::{Field, key, unused};

pub(super) const DEFAULTS: &[Field] = &[
    key("model", MODEL_CHOICE).about("Which model answers, as provider/model, and what is tried after it."),
    key("models", MODEL_SETTINGS).about("Settings by provider/model."),
    key("workspace", Text).about("The agents' working directory. Default: ~/.openclaw/workspace."),
    key("timeoutSeconds", COUNT).about("How long one turn may take, in seconds."),
    unused("params", PARAMS),
    unused("modelSelectionScope", Word(&["session", "agent", "global"])),
    unused("utilityModel", Text),
    unused("decisionModel", Text),
    unused("imageModel", MEDIA_MODEL),
    unused(
        "mediaModels",
        Object(&[key("image", MEDIA_MODEL), key("video", MEDIA_MODEL), key("music", MEDIA_MODEL)]),
    ),
    unused("voiceModel", MEDIA_MODEL),
    unused("pdfModel", MEDIA_MODEL),
    unused("pdfMaxMb", Positive),
    unused("pdfMaxPages", SOME),
    unused("modelPolicy", MODEL_POLICY),
    unused("cwd", Text),
    unused("skills", TEXTS),
    unused("silentReply", SILENT_REPLY),
    unused("repoRoot", Text),
    unused("skipBootstrap", Bool),
    unused("skipOptionalBootstrapFiles", List(&Word(&["SOUL.md", "USER.md", "HEARTBEAT.md", "IDENTITY.md"]))),
    unused("contextInjection", CONTEXT_INJECTION),
    key("bootstrapMaxChars", SOME).about("Characters of one workspace file in a prompt. Default: 20000."),
    key("bootstrapTotalMaxChars", SOME)
        .about("Characters of all workspace files in a prompt. Default: 60000."),
    unused("experimental", EXPERIMENTAL),
    unused("userTimezone", Text),
    unused("startupContext", STARTUP_CONTEXT),
    unused("contextPruning", CONTEXT_PRUNING),
    unused("contextTokens", SOME),
    unused("compaction", COMPACTION),
    unused("embeddedAgent", EMBEDDED_AGENT),
    key("thinkingDefault", THINKING)
        .about("How hard models think that can be told so (reasoning: true). Default: medium."),
    unused("fastModeDefault", Either(&[Bool, Word(&["auto"])])),
    unused("verboseDefault", VERBOSE),
    unused("toolProgressDetail", TOOL_PROGRESS),
    unused("reasoningDefault", REASONING),
    unused("elevatedDefault", Word(&["off", "on", "ask", "full"])),
    key("blockStreamingDefault", Word(&["off", "on"]))
        .about("Whether answers are sent in blocks while they are written, where a channel says nothing. Default: off."),
    key("blockStreamingBreak", Word(&["text_end", "message_end"])).about(
        "text_end: blocks are sent while the answer is written; message_end: when it is complete. Default: text_end.",
    ),
    key(
        "blockStreamingChunk",
        Object(&[
            key("minChars", SOME),
            key("maxChars", SOME),
            key("breakPreference", Word(&["paragraph", "newline", "sentence"])),
        ]),
    )
    .about("How long a block is and where it ends. Default: 800 to 1200 characters, at a paragraph."),
    key(
        "blockStreamingCoalesce",
        Object(&[key("minChars", SOME), key("maxChars", SOME), key("idleMs", COUNT)]),
    )
    .about("Blocks are sent together that come within idleMs of each other. Default: 1000."),
    unused("mediaMaxMb", Positive),
    unused("imageMaxDimensionPx", SOME),
    unused("imageQuality", Word(&["auto", "efficient", "balanced", "high"])),
    key("typingIntervalSeconds", SOME).about("How often typing is shown again. Default: 4."),
    key("typingMode", TYPING_MODE).about(
        "When typing is shown: instant, with the first text (message, thinking), never. Default: instant for whoever speaks to \
         the agent, else message.",
    ),
    unused("systemAgent", Object(AGENT_ID)),
    unused("authInheritance", Object(AGENT_ID)),
    unused("sessionStore", Object(AGENT_ID)),
    unused("maxConcurrent", SOME),
    unused("subagents", SUBAGENTS),
    unused("contextLimits", CONTEXT_LIMITS),
    unused("humanDelay", HUMAN_DELAY),
    unused("heartbeat", HEARTBEAT),
    unused("sandbox", SANDBOX),
    // An older spelling of the root's `memory.search`.
    key("memorySearch", OPEN),
];

const MEDIA_MODEL: Shape =
    Either(&[Text, Object(&[key("primary", Text), key("fallbacks", TEXTS), key("timeoutMs", SOME)])]);

const REPLY: Shape = Word(&["allow", "disallow"]);
/// Whether a reply may be left out.
pub(in crate::sections) const SILENT_REPLY: Shape = Object(&[key("group", REPLY), key("internal", REPLY)]);

const STARTUP_CONTEXT: Shape = Object(&[
    key("enabled", Bool),
    key("applyOn", List(&Word(&["new", "reset"]))),
    key("dailyMemoryDays", Int(1, 14)),
    key("maxFileBytes", Int(1, 65_536)),
    key("maxFileChars", Int(1, 10_000)),
    key("maxTotalChars", Int(1, 50_000)),
]);

const CONTEXT_PRUNING: Shape = Object(&[
    key("mode", Word(&["off", "cache-ttl"])),
    key("ttl", Text),
    key("tools", ALLOW_DENY),
    key("hardClear", Object(&[key("enabled", Bool), key("placeholder", Text)])),
]);

/// A number of bytes, or a size such as `"2mb"`.
const BYTES: Shape = Either(&[COUNT, Text]);

const COMPACTION: Shape = Object(&[
    key("enabled", Bool),
    key("mode", Word(&["default", "safeguard"])),
    key("provider", Text),
    key(
        "thinkingLevel",
        Word(&["off", "minimal", "low", "medium", "high", "xhigh", "adaptive", "max", "ultra", "inherit"]),
    ),
    key("keepRecentTokens", SOME),
    key("identifierPolicy", Word(&["strict", "off"])),
    key("recentTurnsPreserve", Int(0, 12)),
    key("qualityGuard", Object(&[key("enabled", Bool), key("maxRetries", COUNT)])),
    key("midTurnPrecheck", SWITCH),
    key("postIndexSync", Word(&["off", "async", "await"])),
    key("postCompactionSections", TEXTS),
    key("model", Text),
    key("timeoutSeconds", SOME),
    key(
        "memoryFlush",
        Object(&[
            key("enabled", Bool),
            key("model", Text),
            key("softThresholdTokens", COUNT),
            key("forceFlushTranscriptBytes", BYTES),
        ]),
    ),
    key("maxActiveTranscriptBytes", BYTES),
    key("notifyUser", Bool),
]);

const EMBEDDED_AGENT: Shape = Object(&[
    key("projectSettingsPolicy", Word(&["trusted", "sanitize", "ignore"])),
    key("executionContract", EXECUTION_CONTRACT),
    key(
        "cyberFailover",
        Object(&[key("mode", Word(&["auto", "off"])), key("model", Text), key("cooloffMs", SOME)]),
    ),
]);

const SUBAGENTS: Shape = Object(&[
    key("delegationMode", Word(&["suggest", "prefer"])),
    key("allowAgents", TEXTS),
    key("maxConcurrent", SOME),
    key("maxSpawnDepth", Int(1, 5)),
    key("maxChildrenPerAgent", Int(1, 20)),
    key("archiveAfterMinutes", COUNT),
    key("model", MODEL_CHOICE),
    key("thinking", Text),
    key("runTimeoutSeconds", COUNT),
    key("announceTimeoutMs", SOME),
    key("requireAgentId", Bool),
]);
