//! What starts a turn without a person: `hooks` and `cron`.

use super::common::{COUNT, SOME, SSRF_POLICY, SWITCH, TEXT_MAP, TEXTS};
use crate::shape::Shape::{self, Any, Bool, Either, Exactly, List, Map, Object, Open, Secret, Text, Word};
use crate::shape::{key, required};

pub(super) const HOOKS: Shape = Object(&[
    key("enabled", Bool),
    key("path", Text),
    key("token", Secret),
    key("defaultSessionKey", Text),
    key("allowRequestSessionKey", Bool),
    key("allowedSessionKeyPrefixes", TEXTS),
    key("allowedAgentIds", TEXTS),
    key("presets", TEXTS),
    key("transformsDir", Text),
    key("mappings", List(&MAPPING)),
    key("gmail", MAIL),
    key(
        "internal",
        Object(&[
            key("enabled", Bool),
            key("entries", Map(&Open(&[key("enabled", Bool), key("env", TEXT_MAP)], &Any))),
            key("load", Object(&[key("extraDirs", TEXTS)])),
        ]),
    ),
]);

const MAPPING: Shape = Object(&[
    key("id", Text),
    key("match", Open(&[key("path", Text), key("source", Text)], &Any)),
    key("action", Word(&["wake", "agent"])),
    key("wakeMode", Word(&["now", "next-heartbeat"])),
    key("name", Text),
    key("agentId", Text),
    key("sessionKey", Text),
    key("sessionMode", Word(&["isolated", "persistent"])),
    key("messageTemplate", Text),
    key("textTemplate", Text),
    key("forEach", Text),
    key("deliver", Bool),
    key("allowUnsafeExternalContent", Bool),
    key("channel", Text),
    key("to", Text),
    key("model", Text),
    key("thinking", Text),
    key("timeoutSeconds", SOME),
    key("transform", Object(&[required("module", Text), key("export", Text)])),
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
