//! Sections of parts that this gateway does not have. Their first keys are typed; what is below, and what an older
//! version had beside them, is accepted as it is.

use super::agents::SILENT_REPLY;
use super::common::{AMOUNT, OPEN, SOME, SWITCH, TEXT_MAP, TEXTS, THINKING};
use crate::shape::Shape::{self, Any, Bool, Either, Int, List, Map, Object, Open, Text, Word};
use crate::shape::{Field, key, required, unused};

/// A section with these first keys, and others.
const fn loose(fields: &'static [Field]) -> Shape {
    Open(fields, &Any)
}

pub(super) const TOOLS: Shape = loose(&[
    key("profile", Word(&["minimal", "coding", "messaging", "full"])),
    key("allow", TEXTS),
    key("alsoAllow", TEXTS),
    key("deny", TEXTS),
    key("byProvider", Map(&OPEN)),
    key("toolsBySender", Map(&OPEN)),
    key("web", OPEN),
    key("github", OPEN),
    key("media", OPEN),
    key("links", OPEN),
    key("sessions", OPEN),
    key("loopDetection", OPEN),
    key("toolSearch", Either(&[Bool, OPEN])),
    key("codeMode", Either(&[Bool, Word(&["auto"]), OPEN])),
    key("swarm", Either(&[Bool, OPEN])),
    key("message", OPEN),
    key("agentToAgent", OPEN),
    key("elevated", OPEN),
    key("exec", OPEN),
    key("fs", OPEN),
    key("subagents", OPEN),
    key("sandbox", OPEN),
    key("sessions_spawn", OPEN),
    key("updatePlan", Bool),
]);

pub(super) const BROWSER: Shape = loose(&[
    key("enabled", Bool),
    key("allowSystemProfileImport", Bool),
    key("evaluateEnabled", Bool),
    key("cdpUrl", Text),
    key("executablePath", Text),
    key("headless", Bool),
    key("noSandbox", Bool),
    key("attachOnly", Bool),
    key("defaultProfile", Text),
    key("snapshotDefaults", OPEN),
    key("ssrfPolicy", OPEN),
    key("profiles", Map(&OPEN)),
    key("extraArgs", TEXTS),
    key("tabCleanup", SWITCH),
    key("extensionRelay", OPEN),
]);

pub(super) const ACP: Shape = loose(&[
    key("enabled", Bool),
    key("dispatch", OPEN),
    key("backend", Text),
    key("fallbacks", TEXTS),
    key("defaultAgent", Text),
    key("allowedAgents", TEXTS),
    key("stream", OPEN),
    key("runtime", OPEN),
]);

pub(super) const NODE_HOST: Shape = loose(&[
    key("autoUpdate", SWITCH),
    key("agentRuns", OPEN),
    key("workerRuns", OPEN),
    key("browserProxy", OPEN),
    key("mcp", OPEN),
    key("skills", OPEN),
]);

pub(super) const SECURITY: Shape = loose(&[key("audit", OPEN), key("installPolicy", OPEN)]);

pub(super) const ATTACHMENTS: Shape = loose(&[key("ttlHours", Int(1, 168))]);

pub(super) const TTS: Shape = loose(&[
    key("auto", Word(&["off", "always", "inbound", "tagged"])),
    key("enabled", Bool),
    key("mode", Word(&["final", "all"])),
    key("provider", Text),
    key("persona", Text),
    key("personas", Map(&OPEN)),
    key("summaryModel", Text),
    key("modelOverrides", OPEN),
    key("providers", Map(&OPEN)),
    key("maxTextLength", SOME),
    key("timeoutMs", Int(1_000, 120_000)),
    key("prefsPath", Text),
]);

pub(super) const TRANSCRIPTS: Shape = loose(&[key("enabled", Bool), key("autoStart", List(&OPEN))]);

pub(super) const TALK: Shape = loose(&[
    key("agentId", Text),
    key("provider", Text),
    key("providers", Map(&OPEN)),
    key("realtime", OPEN),
    key("consultThinkingLevel", THINKING),
    key("consultFastMode", Bool),
    key("speechLocale", Text),
    key("interruptOnSpeech", Bool),
    key("silenceTimeoutMs", SOME),
]);

pub(super) const CLOUD_WORKERS: Shape = loose(&[
    key("desktop", Bool),
    key("preparedPool", OPEN),
    key("projectProfiles", TEXT_MAP),
    key("profiles", Map(&OPEN)),
]);

pub(super) const DESKTOP: Shape = loose(&[key("host", OPEN)]);

pub(super) const MEMORY: Shape = loose(&[
    unused("citations", Word(&["auto", "on", "off"])),
    key("search", MEMORY_SEARCH).about("Which model makes vectors, for POST /v1/embeddings."),
]);

pub(super) const MEMORY_SEARCH: Shape = loose(&[
    unused("enabled", Bool),
    unused("rememberAcrossConversations", Bool),
    unused("sources", TEXTS),
    unused("extraPaths", List(&Either(&[Text, Object(&[required("path", Text), key("pattern", Text)])]))),
    unused("multimodal", OPEN),
    unused("experimental", OPEN),
    key("provider", Text).about("The provider of the model."),
    unused("remote", OPEN),
    unused("fallback", Text),
    key("model", Text).about("The provider's own id of the model, or provider/model."),
    unused("inputType", Text),
    unused("queryInputType", Text),
    unused("documentInputType", Text),
    key("outputDimensionality", SOME).about("The length of the vectors."),
    unused("local", OPEN),
    unused("store", OPEN),
    unused("query", OPEN),
    unused("cache", OPEN),
]);

pub(super) const MCP: Shape =
    loose(&[key("sessionIdleTtlMs", AMOUNT), key("servers", Map(&OPEN)), key("apps", OPEN)]);

pub(super) const SKILLS: Shape = loose(&[
    key("allowBundled", TEXTS),
    key("load", OPEN),
    key("install", OPEN),
    key("limits", OPEN),
    key("workshop", OPEN),
    key("entries", Map(&OPEN)),
]);

pub(super) const SURFACES: Shape = Map(&loose(&[key("silentReply", SILENT_REPLY)]));

pub(super) const PROXY: Shape = loose(&[
    key("enabled", Bool),
    key("proxyUrl", Text),
    key("tls", OPEN),
    key("loopbackMode", Word(&["gateway-only", "proxy", "block"])),
]);
