//! `gateway.*` without its HTTP endpoints, which are in `http`.

mod http;

use super::common::{ALLOW_DENY, ANY_NUMBER, COUNT, PORT, SOME, SWITCH, TEXTS};
use crate::shape::Shape::{self, Any, Bool, Either, Int, List, Map, Object, Open, Secret, Text, Word};
use crate::shape::{Field, key, legacy, required, unused};

pub(super) const GATEWAY: Shape = Object(&[
    key("port", PORT).about("The TCP port for everything that the gateway serves. Default: 18789."),
    key("mode", Word(&["local", "remote"]))
        .about("\"local\" lets the gateway start on this machine; \"remote\" means that it runs elsewhere."),
    key("bind", Word(&["auto", "lan", "loopback", "custom", "tailnet"]))
        .about("Which addresses to listen on. Default: loopback."),
    key("customBindHost", Text).about("The IPv4 address to listen on when bind is \"custom\"."),
    key("auth", Object(AUTH)).about("How clients prove themselves."),
    key("http", http::HTTP).about("The HTTP API."),
    key("controlUi", Object(CONTROL_UI)).about("The page in the browser."),
    key("remote", Object(REMOTE))
        .about("The gateway that clients on this machine use when mode is \"remote\"."),
    key("reload", RELOAD).about("What happens when the file changes while the gateway runs."),
    unused("publicOrigin", Text),
    unused("portals", PORTALS),
    unused("cliAgents", SWITCH),
    unused("terminal", TERMINAL),
    unused("roles", ROLES),
    key("trustedProxies", TEXTS)
        .about("Addresses or networks of the proxies that may say who a client is (X-Forwarded-For)."),
    key("allowRealIpFallback", Bool)
        .about("Whether such a proxy may say so in X-Real-IP instead. Default: no."),
    unused("tools", ALLOW_DENY),
    unused("tailscale", TAILSCALE),
    unused("tls", TLS),
    unused("push", PUSH),
    key("nodes", NODES).about("Devices that offer commands, and how devices pair."),
    legacy("token", "Found \"gateway.token\" in config. Use \"gateway.auth.token\" instead."),
    // Older spellings.
    unused("channelHealthCheckMinutes", ANY_NUMBER),
    unused("channelStaleEventThresholdMinutes", ANY_NUMBER),
    unused("channelMaxRestartsPerHour", ANY_NUMBER),
    unused("handshakeTimeoutMs", ANY_NUMBER),
]);

const AUTH: &[Field] = &[
    key("mode", Word(&["none", "token", "password", "trusted-proxy"]))
        .about("Which proof is asked for. Default: password if there is one, else token."),
    key("token", Secret).about("The shared token."),
    key("password", Secret).about("The shared password."),
    key(
        "rateLimit",
        Object(&[
            key("maxAttempts", Int(1, u32::MAX as i64))
                .about("Wrong guesses before an address is locked out."),
            key("windowMs", COUNT).about("Milliseconds in which wrong guesses count together."),
            key("lockoutMs", COUNT).about("Milliseconds that an address stays locked out."),
            key("exemptLoopback", Bool)
                .about("Whether programs on this machine are never locked out. Default: no."),
        ]),
    )
    .about("How often an address may guess."),
    unused("allowTailscale", Bool),
    key("identityScopes", Map(&SCOPES))
        .about("Scopes that a person whom the trusted proxy names has on each connection."),
    key("trustedProxy", TRUSTED_PROXY)
        .about("The proxy that authenticates people, for mode \"trusted-proxy\"."),
];

const SCOPES: Shape = List(&Word(&[
    "operator.admin",
    "operator.read",
    "operator.write",
    "operator.sessions.read",
    "operator.sessions.write",
    "operator.approvals",
    "operator.questions",
    "operator.pairing",
    "operator.talk",
    "operator.talk.secrets",
]));

const TRUSTED_PROXY: Shape = Object(&[
    required("userHeader", Text).about("The header that names the person."),
    key("requiredHeaders", TEXTS).about("Headers without which nobody is believed."),
    key("allowUsers", TEXTS).about("Who may come. Default: everybody whom the proxy lets through."),
    key("allowLoopback", Bool).about("Whether the proxy may run on this machine. Default: no."),
    unused("cloudflareAccessOidc", Map(&Text)),
    key(
        "deviceAutoApprove",
        Object(&[
            key("enabled", Bool).about("Default: no."),
            key("scopes", TEXTS)
                .about("The most that it gets. Default: read, write, approvals and questions."),
        ]),
    )
    .about("Whether the browser or app of such a person pairs without an approval."),
]);

const ROLES: Shape = Object(&[
    required("default", Text),
    required(
        "definitions",
        Map(&Object(&[
            required("sessions", Object(&[required("others", Word(&["none", "view", "suggest", "write"]))])),
            key("sandbox", Word(&["inherit", "required"])),
            required("agents", Either(&[Word(&["*"]), TEXTS])),
            required("scopes", SCOPES),
            key("accessPolicyPlugin", Text),
        ])),
    ),
]);

const CONTROL_UI: &[Field] = &[
    key("allowedOrigins", TEXTS).about("Origins of pages that may connect, exactly, or \"*\" for any."),
    unused("dangerouslyDisableDeviceAuth", Bool),
    unused("allowInsecureAuth", Bool),
    key("dangerouslyAllowHostHeaderOriginFallback", Bool)
        .about("Whether a page may connect whose origin is what the Host header says. Default: no."),
    unused("enabled", Bool),
    unused("basePath", Text),
    unused("experimental", Object(&[key("customPlugins", Bool)])),
    unused("root", Text),
    unused(
        "environment",
        Object(&[
            required("label", Text),
            required(
                "color",
                Word(&["teal", "amber", "purple", "coral", "pink", "blue", "green", "red", "gray"]),
            ),
        ]),
    ),
    unused("communityInvite", Bool),
    unused("github", Object(&[key("token", Secret)])),
    unused("sessionObserver", Bool),
    unused("embedSandbox", Word(&["strict", "scripts", "trusted"])),
    unused("allowExternalEmbedUrls", Bool),
    unused("automaticallyFetchFavicons", Bool),
];

const REMOTE: &[Field] = &[
    key("url", Text).about("Its address, ws:// or wss://."),
    key("token", Secret).about("Its token."),
    key("password", Secret).about("Its password."),
    unused("enabled", Bool),
    unused("transport", Word(&["ssh", "direct"])),
    unused("remotePort", PORT),
    unused("tlsFingerprint", Text),
    unused("sshTarget", Text),
    unused("sshIdentity", Text),
    unused("sshHostKeyPolicy", Word(&["strict", "openssh"])),
    unused("edgeAuth", Map(&Secret)),
];

const RELOAD: Shape = Object(&[
    key("mode", Word(&["hybrid", "off", "hot", "restart"]))
        .about("\"hybrid\" applies at once what can be applied, \"off\" applies nothing. Default: hybrid."),
    key("debounceMs", COUNT).about("Milliseconds of quiet before an edited file is read."),
]);

const PORTALS: Shape = Object(&[key("ingress", Object(&[required("domain", Text), required("port", PORT)]))]);

const TERMINAL: Shape =
    Object(&[key("enabled", Bool), key("shell", Text), key("detachedSessionTimeoutSeconds", COUNT)]);

const TAILSCALE: Shape = Object(&[
    key("mode", Word(&["off", "serve", "funnel"])),
    key("preserveFunnel", Bool),
    key("resetOnExit", Bool),
]);

const TLS: Shape = Open(
    &[
        key("enabled", Bool),
        key("autoGenerate", Bool),
        key("certPath", Text),
        key("keyPath", Text),
        key("caPath", Text),
    ],
    &Any,
);

const PUSH: Shape =
    Object(&[key("apns", Object(&[key("relay", Object(&[key("baseUrl", Text), key("timeoutMs", SOME)]))]))]);

const NODES: Shape = Object(&[
    unused("browser", Object(&[key("mode", Word(&["auto", "manual", "off"])), key("node", Text)])),
    key(
        "pairing",
        Object(&[
            key("autoApproveLocal", Bool)
                .about("Whether a device on this machine pairs without an approval. Default: yes."),
            unused("autoApproveCidrs", TEXTS),
            unused(
                "sshVerify",
                Either(&[
                    Bool,
                    Object(&[
                        key("user", Text),
                        key("identity", Text),
                        key("timeoutMs", SOME),
                        key("cidrs", TEXTS),
                    ]),
                ]),
            ),
        ]),
    ),
    unused("pluginTools", SWITCH),
    unused("allowSkills", Bool),
    unused("commands", ALLOW_DENY),
]);
