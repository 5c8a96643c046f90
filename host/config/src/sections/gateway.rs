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
    unused("trustedProxies", TEXTS),
    unused("allowRealIpFallback", Bool),
    key("tools", ALLOW_DENY)
        .about("Tools that POST /tools/invoke refuses besides its own list, and those taken off that list."),
    unused("tailscale", TAILSCALE),
    key("tls", TLS).about("TLS on the gateway's port."),
    unused("push", PUSH),
    unused("nodes", NODES),
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
            unused("exemptLoopback", Bool),
        ]),
    )
    .about("How often an address may guess."),
    unused("allowTailscale", Bool),
    unused("identityScopes", Map(&SCOPES)),
    unused("trustedProxy", TRUSTED_PROXY),
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
    required("userHeader", Text),
    key("requiredHeaders", TEXTS),
    key("allowUsers", TEXTS),
    key("allowLoopback", Bool),
    key("cloudflareAccessOidc", Map(&Text)),
    key("deviceAutoApprove", Object(&[key("enabled", Bool), key("scopes", TEXTS)])),
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
    unused("dangerouslyAllowHostHeaderOriginFallback", Bool),
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
        key("enabled", Bool).about("Whether the port speaks TLS, and only that. Default: false."),
        key("autoGenerate", Bool)
            .about("Whether the gateway makes a certificate where there is none. Default: true."),
        key("certPath", Text)
            .about("The certificate in PEM. Default: gateway/tls/gateway-cert.pem in the state directory."),
        key("keyPath", Text)
            .about("Its key in PEM. Default: gateway/tls/gateway-key.pem in the state directory."),
        key("caPath", Text).about("More certificates in PEM that are shown after the gateway's own."),
    ],
    &Any,
);

const PUSH: Shape =
    Object(&[key("apns", Object(&[key("relay", Object(&[key("baseUrl", Text), key("timeoutMs", SOME)]))]))]);

const NODES: Shape = Object(&[
    key("browser", Object(&[key("mode", Word(&["auto", "manual", "off"])), key("node", Text)])),
    key(
        "pairing",
        Object(&[
            key("autoApproveLocal", Bool),
            key("autoApproveCidrs", TEXTS),
            key(
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
    key("pluginTools", SWITCH),
    key("allowSkills", Bool),
    key("commands", ALLOW_DENY),
]);
