//! `gateway.http`

use super::super::common::{COUNT, SOME, TEXTS};
use crate::shape::Shape::{self, Bool, Either, Exactly, Object, Text};
use crate::shape::{Field, key, unused};

pub(super) const HTTP: Shape = Object(&[
    key(
        "endpoints",
        Object(&[
            key("chatCompletions", Object(CHAT_COMPLETIONS)).about("POST /v1/chat/completions"),
            key("responses", Object(RESPONSES)).about("POST /v1/responses"),
        ]),
    )
    .about("Endpoints that speak other programs' dialects."),
    key(
        "securityHeaders",
        Object(&[key("strictTransportSecurity", Either(&[Text, Exactly(false)]))
            .about("The value of Strict-Transport-Security on every answer; false for none.")]),
    )
    .about("Headers of every answer."),
]);

const ENABLED: Field = key("enabled", Bool)
    .about("Whether the endpoint answers. Default: true. With both off, the other /v1 routes are off too.");

const CHAT_COMPLETIONS: &[Field] =
    &[ENABLED, key("images", IMAGES), unused("maxUrlParts", COUNT), unused("maxBodyBytes", COUNT)];

const RESPONSES: &[Field] = &[
    ENABLED,
    unused("maxUrlParts", COUNT),
    unused("files", FILES),
    key("images", IMAGES),
    unused("maxBodyBytes", COUNT),
];

const IMAGES: Shape = Object(&[
    key("allowUrl", Bool)
        .about("Whether an agent's model may be sent the address of an image, which it then fetches. Default: false."),
    unused("urlAllowlist", TEXTS),
    unused("allowedMimes", TEXTS),
    unused("maxBytes", SOME),
    unused("maxRedirects", COUNT),
    unused("timeoutMs", SOME),
]);

const FILES: Shape = Object(&[
    key("allowUrl", Bool),
    key("urlAllowlist", TEXTS),
    key("allowedMimes", TEXTS),
    key("maxBytes", SOME),
    key("maxRedirects", COUNT),
    key("timeoutMs", SOME),
    key("maxChars", SOME),
    key("pdf", Object(&[key("maxPages", SOME), key("maxPixels", SOME), key("minTextChars", COUNT)])),
]);
