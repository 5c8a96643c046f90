//! What starts a turn without a person: `hooks` and `cron`.

use super::common::{COUNT, SOME, SSRF_POLICY, SWITCH, TEXT_MAP, TEXTS};
use crate::shape::Shape::{self, Any, Bool, Either, Exactly, List, Map, Object, Open, Secret, Text, Word};
use crate::shape::{key, required, unused};

pub(super) const HOOKS: Shape = Object(&[
    key("enabled", Bool).about("Whether hooks are served. Needs hooks.token. Default: false."),
    key("path", Text).about("Below which path. Default: /hooks."),
    key("token", Secret).about("What a caller has to present; not the gateway's own token."),
    key("defaultSessionKey", Text)
        .about("The session of runs for which nobody names one. Default: a new one for each."),
    key("allowRequestSessionKey", Bool).about("Whether a request may name its session. Default: false."),
    key("allowedSessionKeyPrefixes", TEXTS).about("How the key of a session has to begin."),
    key("allowedAgentIds", TEXTS).about("Which agents hooks may reach. Default: all."),
    key("presets", TEXTS).about("Built-in mappings that follow the file's own: \"gmail\"."),
    unused("transformsDir", Text),
    key("mappings", List(&MAPPING)).about("What becomes of other paths; the first that matches."),
    unused("gmail", MAIL),
    unused(
        "internal",
        Object(&[
            key("enabled", Bool),
            key("entries", Map(&Open(&[key("enabled", Bool), key("env", TEXT_MAP)], &Any))),
            key("load", Object(&[key("extraDirs", TEXTS)])),
        ]),
    ),
]);

const MAPPING: Shape = Object(&[
    key("id", Text).about("For the log."),
    key(
        "match",
        Open(
            &[
                key("path", Text).about("The path below hooks.path."),
                key("source", Text).about("The text \"source\" of the payload."),
            ],
            &Any,
        ),
    )
    .about("Which requests it is for. Default: all."),
    key("action", Word(&["wake", "agent"])).about("What it does. Default: agent."),
    key("wakeMode", Word(&["now", "next-heartbeat"])).about("When an event is to be heard. Default: now."),
    key("name", Text).about("What the run is called; a template."),
    key("agentId", Text).about("Which agent. Default: the default one."),
    key("sessionKey", Text).about("The session; a template."),
    key("sessionMode", Word(&["isolated", "persistent"]))
        .about("Whether each run begins anew or continues its session. Default: isolated."),
    key("messageTemplate", Text).about("What the agent is told; a template."),
    key("textTemplate", Text).about("The text of an event; a template."),
    key("forEach", Text).about("A list in the payload: one run for each of its items."),
    key("deliver", Bool).about("Whether the answer is delivered. Default: true."),
    key("allowUnsafeExternalContent", Bool)
        .about("Hands the content to the agent without marking it as untrusted. Default: false."),
    key("channel", Text).about("Where the answer goes: a channel."),
    key("to", Text).about("Where the answer goes: the recipient; a template."),
    key("model", Text).about("The model; a template."),
    key("thinking", Text).about("How hard the model thinks: a level, or a template for one."),
    key("timeoutSeconds", SOME).about("How long the turn may take."),
    key("transform", Object(&[required("module", Text), key("export", Text)]))
        .about("JavaScript of the original, which this gateway does not run: a mapping with it is refused."),
]);

const MAIL: Shape = Object(&[
    key("account", Text),
    key("label", Text),
    key("topic", Text),
    key("subscription", Text),
    key("pushToken", Secret),
    key("hookUrl", Text),
    key("includeBody", Bool),
    key("maxBytes", SOME),
    key("renewEveryMinutes", SOME),
    key("allowUnsafeExternalContent", Bool),
    key("serve", Object(&[key("bind", Text), key("port", SOME), key("path", Text)])),
    key(
        "tailscale",
        Object(&[key("mode", Word(&["off", "serve", "funnel"])), key("path", Text), key("target", Text)]),
    ),
    key("model", Text),
    key("thinking", Word(&["off", "minimal", "low", "medium", "high"])),
]);

pub(super) const CRON: Shape = Object(&[
    key("enabled", Bool),
    key("skipMissedJobs", Bool),
    key("triggers", SWITCH),
    key("webhookToken", Secret),
    key("webhookSsrfPolicy", SSRF_POLICY),
    key("sessionRetention", Either(&[Text, Exactly(false)])),
    key(
        "failureAlert",
        Object(&[
            key("enabled", Bool),
            key("after", SOME),
            key("cooldownMs", COUNT),
            key("includeSkipped", Bool),
            key("mode", Word(&["announce", "webhook"])),
            key("accountId", Text),
            key("channel", Text),
            key("to", Text),
        ]),
    ),
]);
