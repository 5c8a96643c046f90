//! `models.*`

use super::common::{ANY_NUMBER, COUNT, PARAMS, SOME, TEXT_MAP, TEXTS};
use crate::shape::Shape::{
    self, Any, Bool, Either, List, Map, Null, Object, Open, Positive, Secret, Tagged, Text, Word,
};
use crate::shape::{Field, key, required, unused};

pub(super) const MODELS: Shape = Object(&[
    unused("mode", Word(&["merge", "replace"])),
    key("providers", Map(&Object(PROVIDER)))
        .about("By id: where models are asked, and with which credential."),
    unused("catalogRefresh", Object(&[key("enabled", Bool), key("url", Text)])),
]);

const PROVIDER: &[Field] = &[
    key("baseUrl", Text).about("Where the provider answers. Default: what its plugin says."),
    key("apiKey", Secret).about("The credential."),
    key("api", Text).about("The dialect that it speaks. Default: openai-completions."),
    key("timeoutSeconds", SOME).about("How long one request may take, in seconds."),
    key("headers", Map(&Secret)).about("Further headers for every request."),
    unused("request", REQUEST).about("How requests are sent."),
    key("models", List(&Object(MODEL))).about("The models that it offers."),
    unused("auth", Word(&["api-key", "aws-sdk", "oauth", "token"])),
    unused("authHeader", Bool),
    unused("maxTokens", Positive),
    unused("region", Text),
    unused("injectNumCtxForOpenAICompat", Bool),
    unused("params", PARAMS),
    unused("agentRuntime", RUNTIME),
    unused("localService", LOCAL_SERVICE),
];

const REQUEST: Shape = Object(&[
    unused("allowPrivateNetwork", Bool).about(
        "Lets redirects and look-ups lead to private addresses. The host of baseUrl is always allowed.",
    ),
    unused("headers", Map(&Secret)),
    unused(
        "auth",
        Tagged(
            "mode",
            &[
                &[required("mode", Word(&["provider-default"]))],
                &[required("mode", Word(&["authorization-bearer"])), required("token", Secret)],
                &[
                    required("mode", Word(&["header"])),
                    required("headerName", Text),
                    required("value", Secret),
                    key("prefix", Text),
                ],
            ],
        ),
    ),
    unused(
        "proxy",
        Tagged(
            "mode",
            &[
                &[required("mode", Word(&["env-proxy"])), key("tls", TLS)],
                &[required("mode", Word(&["explicit-proxy"])), required("url", Text), key("tls", TLS)],
            ],
        ),
    ),
    unused("tls", TLS),
]);

const TLS: Shape = Object(&[
    key("ca", Secret),
    key("cert", Secret),
    key("key", Secret),
    key("passphrase", Secret),
    key("serverName", Text),
    key("insecureSkipVerify", Bool),
]);

/// The program that answers in a model's place.
pub(super) const RUNTIME: Shape = Object(&[key("id", Text)]);

const LOCAL_SERVICE: Shape = Object(&[
    required("command", Text),
    key("args", TEXTS),
    key("cwd", Text),
    key("env", TEXT_MAP),
    key("healthUrl", Text),
    key("readyTimeoutMs", SOME),
    key("idleStopMs", COUNT),
]);

const MODEL: &[Field] = &[
    required("id", Text).about("The provider's own id of the model."),
    key("name", Text).about("A name for people."),
    key("api", Text).about("The dialect for this model, where it is another than the provider's."),
    key("contextWindow", SOME).about("Tokens that fit into one request."),
    key("maxTokens", SOME).about("Tokens of one answer."),
    key("input", List(&Word(&["text", "image", "video", "audio"])))
        .about("What the model takes. Pictures are left out of a request where image is not in it; unset, they are sent."),
    key("compat", COMPAT).about("What the model can do, for the plugin that speaks its dialect."),
    key("params", PARAMS).about("Further parameters for every request."),
    unused("headers", Map(&Secret)),
    unused("baseUrl", Text),
    key("reasoning", Bool).about("The model thinks, and is told how hard. Default: false."),
    unused("cost", COST),
    unused("contextTokens", SOME),
    key("thinkingLevelMap", THINKING_LEVELS).about("The provider's own words for the levels of thinking."),
    unused("agentRuntime", RUNTIME),
    unused("mediaInput", MEDIA_INPUT),
    unused("metadataSource", Word(&["models-add"])),
];

/// Handed to the shim as it is; the ones that every shim must honour are checked here.
const COMPAT: Shape = Open(
    &[
        key("requiresStringContent", Bool).about("Messages must be plain text, not lists of parts."),
        key("supportsTools", Bool).about("Whether the model can be offered tools."),
        key("supportsUsageInStreaming", Bool).about("Whether a streamed answer can report its usage."),
    ],
    &Any,
);

const COST: Shape = Object(&[
    key("input", ANY_NUMBER),
    key("output", ANY_NUMBER),
    key("cacheRead", ANY_NUMBER),
    key("cacheWrite", ANY_NUMBER),
    key(
        "tieredPricing",
        List(&Object(&[
            required("input", ANY_NUMBER),
            required("output", ANY_NUMBER),
            required("cacheRead", ANY_NUMBER),
            required("cacheWrite", ANY_NUMBER),
            required("range", List(&ANY_NUMBER)),
        ])),
    ),
]);

/// The provider's word for a level, or that there is none.
const LEVEL: Shape = Either(&[Text, Null]);

const THINKING_LEVELS: Shape = Object(&[
    key("off", LEVEL),
    key("minimal", LEVEL),
    key("low", LEVEL),
    key("medium", LEVEL),
    key("high", LEVEL),
    key("xhigh", LEVEL),
    key("max", LEVEL),
]);

const MEDIA_INPUT: Shape = Object(&[key(
    "image",
    Object(&[
        key("maxBytes", SOME),
        key("maxPixels", SOME),
        key("maxSidePx", SOME),
        key("preferredSidePx", SOME),
        key("tokenMode", Word(&["tile", "detail", "provider"])),
    ]),
)]);
