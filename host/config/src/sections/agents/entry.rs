//! `agents.entries.<id>` and the older `agents.list[]`

use super::super::common::{COUNT, MODEL_CHOICE, OPEN, PARAMS, SOME, TEXTS, THINKING, UNMENTIONED};
use super::super::elsewhere::{MEMORY_SEARCH, TOOLS, TTS};
use super::sandbox::SANDBOX;
use super::{
    CONTEXT_INJECTION, CONTEXT_LIMITS, EXECUTION_CONTRACT, EXPERIMENTAL, HEARTBEAT, HUMAN_DELAY,
    MODEL_POLICY, MODEL_SETTINGS, REASONING, TOOL_PROGRESS, TYPING_MODE, VERBOSE,
};
use crate::shape::Shape::{self, Bool, Either, Object, Tagged, Text, Word};
use crate::shape::{Field, key, required, unused};

pub(super) const AGENT: &[Field] = &[
    key("id", Text).about("The agent's id, in the older list."),
    key("default", Bool).about("Answers where nothing else says which agent does."),
    key("name", Text).about("A name for people."),
    key("workspace", Text).about("Its own working directory."),
    key("model", MODEL_CHOICE).about("Its own choice of models."),
    unused("description", Text),
    unused("cwd", Text),
    unused("agentDir", Text),
    unused("utilityModel", Text),
    unused("decisionModel", Text),
    unused("models", MODEL_SETTINGS),
    unused("modelPolicy", MODEL_POLICY),
    key("thinkingDefault", THINKING).about("How hard its models think."),
    unused("verboseDefault", VERBOSE),
    unused("toolProgressDetail", TOOL_PROGRESS),
    unused("reasoningDefault", REASONING),
    unused("fastModeDefault", Either(&[Bool, Word(&["auto"])])),
    unused("contextInjection", CONTEXT_INJECTION),
    key("bootstrapMaxChars", SOME).about("Characters of one workspace file in a prompt. Default: 20000."),
    key("bootstrapTotalMaxChars", SOME)
        .about("Characters of all workspace files in a prompt. Default: 60000."),
    unused("experimental", EXPERIMENTAL),
    unused("skills", TEXTS),
    unused(
        "subagents",
        Object(&[
            key("delegationMode", Word(&["suggest", "prefer"])),
            key("allowAgents", TEXTS),
            key("model", MODEL_CHOICE),
            key("thinking", Text),
            key("requireAgentId", Bool),
        ]),
    ),
    unused("embeddedAgent", Object(&[key("executionContract", EXECUTION_CONTRACT)])),
    unused("params", PARAMS),
    unused("runtime", RUNTIME),
    key("memory", Object(&[key("search", MEMORY_SEARCH)]))
        .about("As the root's memory, for this agent alone."),
    unused("humanDelay", HUMAN_DELAY),
    key("typingMode", TYPING_MODE).about("When typing is shown for its answers."),
    unused("tts", TTS),
    unused("skillsLimits", Object(&[key("maxSkillsPromptChars", COUNT)])),
    unused("contextLimits", CONTEXT_LIMITS),
    unused("heartbeat", HEARTBEAT),
    key(
        "identity",
        Object(&[
            key("name", Text),
            key("theme", Text).about("How it speaks."),
            key("emoji", Text),
            unused("avatar", Text),
        ]),
    )
    .about("Who the agent is to people: its name and emoji name it in groups."),
    key(
        "groupChat",
        Object(&[
            key("mentionPatterns", TEXTS),
            key("historyLimit", COUNT),
            unused("unmentionedInbound", UNMENTIONED),
        ]),
    )
    .about("The agent's own messages.groupChat."),
    unused("sandbox", SANDBOX),
    unused("tools", TOOLS),
    // An older spelling of `memory.search`.
    key("memorySearch", OPEN),
];

const RUNTIME: Shape = Tagged(
    "type",
    &[
        &[required("type", Word(&["embedded"]))],
        &[
            required("type", Word(&["acp"])),
            key(
                "acp",
                Object(&[
                    key("agent", Text),
                    key("backend", Text),
                    key("mode", Word(&["persistent", "oneshot"])),
                    key("cwd", Text),
                ]),
            ),
        ],
    ],
);
