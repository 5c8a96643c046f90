//! The codes that a refused client reads: `error.details.code` with what to do about it, and the codes of close frames.
//! Who is refused is decided elsewhere; `docs/protocol.md` is printed from these tables.

/// One value of `error.details.code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DetailCode {
    /// The code on the wire.
    pub code: &'static str,
    /// What happened.
    pub meaning: &'static str,
    /// `recommendedNextStep`, or what a person does where the answer has none.
    pub next_step: &'static str,
}

const fn detail(code: &'static str, meaning: &'static str, next_step: &'static str) -> DetailCode {
    DetailCode { code, meaning, next_step }
}

const CONFIGURATION: &str = "update_auth_configuration";
const CREDENTIALS: &str = "update_auth_credentials";
const REVIEW: &str = "review_auth_configuration";
const PROVE: &str = "sign this connection's challenge with the device's own key";

/// Every value of `error.details.code` that this gateway answers with (openclaw-compat §2.6).
pub const DETAIL_CODES: &[DetailCode] = &[
    detail("AUTH_TOKEN_MISSING", "no token was sent", CONFIGURATION),
    detail(
        "AUTH_TOKEN_MISMATCH",
        "the token is another one",
        "update_auth_credentials, or retry_with_device_token",
    ),
    detail("AUTH_TOKEN_NOT_CONFIGURED", "the gateway has no token to compare with", CONFIGURATION),
    detail("AUTH_PASSWORD_MISSING", "no password was sent", CONFIGURATION),
    detail("AUTH_PASSWORD_MISMATCH", "the password is another one", CREDENTIALS),
    detail("AUTH_PASSWORD_NOT_CONFIGURED", "the gateway has no password to compare with", CONFIGURATION),
    detail(
        "AUTH_DEVICE_TOKEN_MISMATCH",
        "the device's token is not, or no longer, this device's",
        CREDENTIALS,
    ),
    detail("AUTH_SCOPE_MISMATCH", "the device's token does not cover the scopes that were asked for", REVIEW),
    detail("AUTH_BOOTSTRAP_TOKEN_INVALID", "the setup code is unknown, over or used", REVIEW),
    detail("AUTH_RATE_LIMITED", "too many wrong guesses", "wait_then_retry"),
    detail("AUTH_IDENTITY_HEADER_REQUIRED", "the trusted proxy did not say who it is for", REVIEW),
    detail("AUTH_UNAUTHORIZED", "refused for another reason", REVIEW),
    detail("PROTOCOL_MISMATCH", "no version that both speak", "update the client or the gateway"),
    detail(
        "CONTROL_UI_ORIGIN_NOT_ALLOWED",
        "the page comes from elsewhere",
        "open it from the gateway's host, or name its origin at gateway.controlUi.allowedOrigins",
    ),
    detail(
        "CONTROL_UI_DEVICE_IDENTITY_REQUIRED",
        "a page without a device identity",
        "use HTTPS or localhost, where a browser can keep a key",
    ),
    detail("DEVICE_IDENTITY_REQUIRED", "a client without a device identity, from where one is needed", PROVE),
    detail("DEVICE_AUTH_DEVICE_ID_MISMATCH", "the device's id is not that of its key", PROVE),
    detail("DEVICE_AUTH_SIGNATURE_EXPIRED", "the proof is from another time", "set the clock"),
    detail("DEVICE_AUTH_NONCE_REQUIRED", "the proof has no nonce", PROVE),
    detail("DEVICE_AUTH_NONCE_MISMATCH", "the proof is for another connection", PROVE),
    detail("DEVICE_AUTH_SIGNATURE_INVALID", "the signature is not of the key, or of other words", PROVE),
    detail("DEVICE_AUTH_PUBLIC_KEY_INVALID", "no Ed25519 key", PROVE),
    detail(
        "PAIRING_REQUIRED",
        "the device, its role, its scopes or its description is not approved",
        "openclaw devices approve <requestId>",
    ),
    detail(
        "MISSING_SCOPE",
        "the connection lacks a scope that the method needs",
        "ask for it when connecting",
    ),
    detail("UNKNOWN_AGENT_ID", "no such agent", "name one of agents.entries, or none"),
];

/// One code of a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseCode {
    /// The code on the wire.
    pub code: u16,
    /// The texts beside it, which are cut after 120 bytes.
    pub reasons: &'static str,
    /// When.
    pub meaning: &'static str,
}

/// Every code that this gateway closes with (openclaw-compat §3.9).
pub const CLOSE_CODES: &[CloseCode] = &[
    CloseCode {
        code: 1000,
        reasons: "none",
        meaning: "the end; also a first frame that is not JSON, and silence",
    },
    CloseCode { code: 1002, reasons: "`protocol mismatch`", meaning: "no version that both speak" },
    CloseCode {
        code: 1008,
        reasons: "the message of the refusal, `invalid request frame`, `slow consumer`, `repeated unauthorized calls`",
        meaning: "refused, or broke a rule",
    },
    CloseCode {
        code: 1009,
        reasons: "`preauth payload too large`, `payload too large`",
        meaning: "a frame beyond the limit",
    },
    CloseCode { code: 1011, reasons: "`connect failed`", meaning: "a fault inside the gateway" },
    CloseCode { code: 1012, reasons: "`service restart`", meaning: "the gateway goes down, or starts anew" },
    CloseCode {
        code: 1013,
        reasons: "`server busy`",
        meaning: "too many connections; try again in a moment",
    },
    CloseCode {
        code: 4001,
        reasons: "`gateway auth changed`, `client invalidated: <reason>`, `gateway policy changed`",
        meaning: "what let the connection in does not hold any more",
    },
];
