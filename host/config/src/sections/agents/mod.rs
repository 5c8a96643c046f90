//! `agents.*`

mod defaults;
mod entry;
mod sandbox;

pub(super) use defaults::SILENT_REPLY;

use super::common::{COUNT, PARAMS, SOME, TEXTS};
use super::models::RUNTIME;
use crate::shape::Shape::{self, Bool, Int, List, Map, Object, Text, Word};
use crate::shape::{key, unused};

pub(super) const AGENTS: Shape = Object(&[
    key("defaults", Object(defaults::DEFAULTS))
        .about("What holds for every agent that does not say otherwise."),
    key("entries", Map(&Object(entry::AGENT))).about("By id: the agents. Default: one agent, main."),
    key("list", List(&Object(entry::AGENT))).about("An older spelling of entries, with the id in each."),
    unused("ownership", Word(&["explicit"])),
]);

/// `models` of an agent or of all: settings by provider/model.
const MODEL_SETTINGS: Shape = Map(&Object(&[
    key("alias", Text).about("A short name that people may use instead."),
    key("params", PARAMS).about("Parameters for every request to this model."),
    unused("agentRuntime", RUNTIME),
    unused("pickerRuntimes", TEXTS),
    unused("codeMode", Bool),
    unused("streaming", Bool),
]));

/// Which models may be chosen.
const MODEL_POLICY: Shape = Object(&[key("allow", TEXTS)]);

const CONTEXT_INJECTION: Shape = Word(&["always", "continuation-skip", "never"]);
const VERBOSE: Shape = Word(&["off", "on", "full"]);
const TOOL_PROGRESS: Shape = Word(&["explain", "raw"]);
const REASONING: Shape = Word(&["off", "on", "stream"]);
const TYPING_MODE: Shape = Word(&["never", "instant", "thinking", "message"]);
const EXECUTION_CONTRACT: Shape = Word(&["default", "strict-agentic"]);
const EXPERIMENTAL: Shape = Object(&[key("localModelLean", Bool)]);

const CONTEXT_LIMITS: Shape =
    Object(&[key("memoryGetMaxChars", Int(1, 250_000)), key("postCompactionMaxChars", Int(1, 50_000))]);

const HUMAN_DELAY: Shape =
    Object(&[key("mode", Word(&["off", "natural", "custom"])), key("minMs", COUNT), key("maxMs", COUNT)]);

const HEARTBEAT: Shape = Object(&[
    key("every", Text),
    key("activeHours", Object(&[key("start", Text), key("end", Text), key("timezone", Text)])),
    key("model", Text),
    key("session", Text),
    key("target", Text),
    key("directPolicy", Word(&["allow", "block"])),
    key("to", Text),
    key("accountId", Text),
    key("prompt", Text),
    key("timeoutSeconds", SOME),
    key("lightContext", Bool),
    key("isolatedSession", Bool),
    key("agentId", Text),
    // An older spelling.
    key("ackMaxChars", COUNT),
]);
