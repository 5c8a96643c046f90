//! The process and its surroundings: `meta`, `wizard`, `logging`, `diagnostics`, `telemetry`, `update`, `discovery`,
//! `plugins` and `ui`.

use super::common::{COUNT, OPEN, SOME, SWITCH, TEXT_MAP, TEXTS};
use crate::shape::Shape::{self, Any, Bool, Exactly, Int, Map, Number, Object, Open, Secret, Text, Word};
use crate::shape::{Field, key, unused};

/// Written by programs.
pub(super) const META: Shape = Open(
    &[
        key("lastTouchedVersion", Text),
        key("lastTouchedAt", Text),
        key(
            "migrations",
            Object(&[
                key("modelPolicyAllowlist", Exactly(true)),
                key("utilityModelSeparation", Exactly(true)),
            ]),
        ),
    ],
    &Any,
);

pub(super) const WIZARD: Shape = Object(&[
    key("accessMode", Word(&["full", "guarded"])),
    key("appRecommendations", Bool),
    key("lastRunAt", Text),
    key("lastRunVersion", Text),
    key("lastRunCommit", Text),
    key("lastRunCommand", Text),
    key("lastRunMode", Word(&["local", "remote"])),
    key("securityAcknowledgedAt", Text),
]);

const LEVELS: Shape = Word(&["silent", "fatal", "error", "warn", "info", "debug", "trace"]);

pub(super) const LOGGING: Shape = Object(&[
    key("level", LEVELS).about("What the log file records. Default: info."),
    key("file", Text).about("The log file. Default: one for each day."),
    key("maxFileBytes", SOME).about("Size in bytes at which the log file is rotated."),
    key("consoleLevel", LEVELS).about("What the console shows."),
    unused("consoleStyle", Word(&["pretty", "compact", "json"])).about("How the console shows it."),
    unused("redactPatterns", TEXTS),
    unused(
        "audit",
        Object(&[
            key("enabled", Bool),
            key("executionIdentity", Bool),
            key("messages", Word(&["off", "direct", "all"])),
        ]),
    ),
    // An older key.
    unused("redactSensitive", Word(&["off", "tools"])),
]);

pub(super) const DIAGNOSTICS: Shape = Object(&[
    key("enabled", Bool),
    key("flags", TEXTS),
    key(
        "otel",
        Object(&[
            key("enabled", Bool),
            key("endpoint", Text),
            key("tracesEndpoint", Text),
            key("metricsEndpoint", Text),
            key("logsEndpoint", Text),
            key("protocol", Word(&["http/protobuf"])),
            key("headers", TEXT_MAP),
            key("serviceName", Text),
            key("metricNamePrefix", Text),
            key("traces", Bool),
            key("metrics", Bool),
            key("logs", Bool),
            key("logsExporter", Word(&["otlp", "stdout", "both"])),
            key("sampleRate", Number(0.0, 1.0)),
            key("flushIntervalMs", COUNT),
            key("captureContent", Bool),
        ]),
    ),
    key("cacheTrace", SWITCH),
]);

pub(super) const TELEMETRY: Shape = Object(&[key("enabled", Bool), key("consentedAt", Text)]);

pub(super) const UPDATE: Shape = Object(&[
    key("channel", Word(&["stable", "extended-stable", "beta", "dev"])),
    key("checkOnStart", Bool),
    key("auto", SWITCH),
]);

pub(super) const DISCOVERY: Shape = Object(&[
    key("wideArea", Object(&[key("domain", Text)])),
    key("mdns", Object(&[key("mode", Word(&["off", "minimal", "full"]))])),
]);

pub(super) const PLUGINS: Shape = Object(&[
    key("enabled", Bool).about("false turns every plugin off. Default: true."),
    key("allow", TEXTS).about("If there are any, only the plugins with these ids may run."),
    key("deny", TEXTS).about("Plugins with these ids never run."),
    key("entries", Map(&Object(PLUGIN))).about("Settings by plugin id."),
    unused("load", Object(&[key("paths", TEXTS)])),
    unused("slots", Object(&[key("memory", Text), key("contextEngine", Text)])),
    // An older key.
    unused("installs", OPEN),
]);

const PLUGIN: &[Field] = &[
    key("enabled", Bool).about("false turns this plugin off. Default: true."),
    unused(
        "hooks",
        Object(&[
            key("allowPromptInjection", Bool),
            key("allowConversationAccess", Bool),
            key("timeoutMs", HOOK_TIMEOUT),
            key("timeouts", Map(&HOOK_TIMEOUT)),
        ]),
    ),
    unused("config", OPEN),
    unused(
        "llm",
        Object(&[
            key("allowModelOverride", Bool),
            key("allowedModels", TEXTS),
            key("allowedCompletionModels", TEXTS),
            key("allowAuthProfileOverride", Bool),
            key("allowAgentIdOverride", Bool),
        ]),
    ),
    unused("subagent", Object(&[key("allowModelOverride", Bool), key("allowedModels", TEXTS)])),
    // Older keys.
    unused("env", TEXT_MAP),
    unused("apiKey", Secret),
];

const HOOK_TIMEOUT: Shape = Int(1, 600_000);

pub(super) const UI: Shape = Object(&[
    key("seamColor", Text),
    key(
        "prefs",
        Object(&[
            key("theme", Text),
            key("themeMode", Word(&["light", "dark", "system"])),
            key("accent", Text),
            key("locale", Text),
            key("chatShowThinking", Bool),
            key("chatShowToolCalls", Bool),
            key("chatPersistCommentary", Bool),
            key("chatSendShortcut", Word(&["enter", "modifier-enter"])),
            key("chatFollowUpMode", Word(&["steer", "queue"])),
            key("sidebarEntries", TEXTS),
        ]),
    ),
]);
