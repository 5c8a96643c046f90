//! The known keys of `openclaw.json` (openclaw-compat §5.2–§5.7). `unused` keys are known to the original and do
//! nothing here, so that a file written for it loads unchanged.

use crate::shape::{Field, Shape, key, legacy, required, unused};

const PORT: Shape = Shape::Int(1, 65_535);
const COUNT: Shape = Shape::Int(0, i64::MAX);
const TEXTS: Shape = Shape::List(&Shape::Text);

/// The whole file.
pub(crate) static ROOT: Shape = Shape::Object(&[
    unused("$schema"),
    unused("meta"),
    key("env", Shape::Object(&[key("shellEnv", SHELL_ENV), key("vars", Shape::Map(&Shape::Text))])),
    unused("wizard"),
    unused("diagnostics"),
    key("logging", LOGGING),
    unused("update"),
    unused("telemetry"),
    unused("browser"),
    unused("ui"),
    key("secrets", crate::secret_ref::SECTION),
    unused("auth"),
    unused("accessGroups"),
    unused("acp"),
    key("models", MODELS),
    unused("nodeHost"),
    key("agents", AGENTS),
    unused("worktreeRoot"),
    unused("worktreeAcceleration"),
    unused("tools"),
    unused("security"),
    unused("bindings"),
    unused("broadcast"),
    unused("attachments"),
    unused("messages"),
    unused("tts"),
    unused("commands"),
    unused("approvals"),
    key("session", SESSION),
    unused("cron"),
    unused("transcripts"),
    unused("hooks"),
    // Each section in it is judged by its channel's own schema.
    key("channels", Shape::Map(&Shape::Any)),
    unused("discovery"),
    unused("talk"),
    key("gateway", GATEWAY),
    unused("cloudWorkers"),
    unused("desktop"),
    unused("memory"),
    unused("mcp"),
    unused("skills"),
    key("plugins", PLUGINS),
    unused("surfaces"),
    unused("proxy"),
    legacy("agent", "\"agent\" is an old spelling and is not used. Use \"agents.defaults\" instead."),
    legacy(
        "identity",
        "\"identity\" is an old spelling and is not used. Use \"agents.entries.<id>.identity\" instead.",
    ),
    legacy(
        "routing",
        "\"routing\" is an old spelling and is not used. Use \"bindings\" and \"messages\" instead.",
    ),
    unused("web"),
    unused("audio"),
    unused("canvasHost"),
    unused("media"),
]);

const SHELL_ENV: Shape = Shape::Object(&[key("enabled", Shape::Bool), key("timeoutMs", COUNT)]);

const GATEWAY: Shape = Shape::Object(&[
    key("port", PORT),
    key("mode", Shape::Word(&["local", "remote"])),
    key("bind", Shape::Word(&["auto", "lan", "loopback", "custom", "tailnet"])),
    key("customBindHost", Shape::Text),
    key("auth", Shape::Object(GATEWAY_AUTH)),
    key("http", Shape::Object(GATEWAY_HTTP)),
    key("controlUi", Shape::Object(CONTROL_UI)),
    key("remote", Shape::Object(REMOTE)),
    unused("trustedProxies"),
    key(
        "reload",
        Shape::Object(&[
            key("mode", Shape::Word(&["hybrid", "off", "hot", "restart"])),
            unused("debounceMs"),
        ]),
    ),
    key(
        "tailscale",
        Shape::Object(&[
            key("mode", Shape::Word(&["off", "serve", "funnel"])),
            unused("preserveFunnel"),
            unused("resetOnExit"),
        ]),
    ),
    legacy("token", "Found \"gateway.token\" in config. Use \"gateway.auth.token\" instead."),
    unused("allowRealIpFallback"),
    unused("publicOrigin"),
    unused("portals"),
    unused("cliAgents"),
    unused("terminal"),
    unused("roles"),
    unused("tools"),
    unused("tls"),
    unused("push"),
    unused("nodes"),
    unused("channelHealthCheckMinutes"),
    unused("channelStaleEventThresholdMinutes"),
    unused("channelMaxRestartsPerHour"),
    unused("handshakeTimeoutMs"),
]);

const GATEWAY_AUTH: &[Field] = &[
    key("mode", Shape::Word(&["none", "token", "password", "trusted-proxy"])),
    key("token", Shape::Secret),
    key("password", Shape::Secret),
    key(
        "rateLimit",
        Shape::Object(&[
            key("maxAttempts", Shape::Int(1, u32::MAX as i64)),
            key("windowMs", COUNT),
            key("lockoutMs", COUNT),
            unused("exemptLoopback"),
        ]),
    ),
    unused("allowTailscale"),
    unused("identityScopes"),
    unused("trustedProxy"),
];

const ENDPOINT: &[Field] = &[
    key("enabled", Shape::Bool),
    unused("images"),
    unused("maxUrlParts"),
    unused("files"),
    unused("maxBodyBytes"),
];

const GATEWAY_HTTP: &[Field] = &[
    key(
        "endpoints",
        Shape::Object(&[
            key("chatCompletions", Shape::Object(ENDPOINT)),
            key("responses", Shape::Object(ENDPOINT)),
        ]),
    ),
    unused("securityHeaders"),
];

const CONTROL_UI: &[Field] = &[
    key("allowedOrigins", TEXTS),
    unused("dangerouslyDisableDeviceAuth"),
    unused("allowInsecureAuth"),
    unused("dangerouslyAllowHostHeaderOriginFallback"),
    unused("enabled"),
    unused("basePath"),
    unused("experimental"),
    unused("root"),
    unused("environment"),
    unused("communityInvite"),
    unused("github"),
    unused("sessionObserver"),
    unused("embedSandbox"),
    unused("allowExternalEmbedUrls"),
    unused("automaticallyFetchFavicons"),
];

const REMOTE: &[Field] = &[
    key("url", Shape::Text),
    key("token", Shape::Secret),
    key("password", Shape::Secret),
    unused("enabled"),
    unused("transport"),
    unused("remotePort"),
    unused("tlsFingerprint"),
    unused("sshTarget"),
    unused("sshIdentity"),
    unused("sshHostKeyPolicy"),
    unused("edgeAuth"),
];

const MODELS: Shape = Shape::Object(&[
    key("mode", Shape::Word(&["merge", "replace"])),
    key("providers", Shape::Map(&Shape::Object(PROVIDER))),
    unused("catalogRefresh"),
]);

const PROVIDER: &[Field] = &[
    key("baseUrl", Shape::Text),
    key("apiKey", Shape::Secret),
    key("api", Shape::Text),
    key("timeoutSeconds", COUNT),
    key("headers", Shape::Map(&Shape::Secret)),
    key(
        "request",
        Shape::Object(&[
            key("allowPrivateNetwork", Shape::Bool),
            key("headers", Shape::Map(&Shape::Secret)),
            unused("auth"),
            unused("proxy"),
            unused("tls"),
        ]),
    ),
    key("models", Shape::List(&Shape::Object(MODEL))),
    unused("auth"),
    unused("authHeader"),
    unused("maxTokens"),
    unused("region"),
    unused("injectNumCtxForOpenAICompat"),
    unused("params"),
    unused("agentRuntime"),
    unused("localService"),
];

const MODEL: &[Field] = &[
    required("id", Shape::Text),
    key("name", Shape::Text),
    key("api", Shape::Text),
    key("contextWindow", COUNT),
    key("maxTokens", COUNT),
    key("compat", COMPAT),
    key("params", Shape::Map(&Shape::Any)),
    key("headers", Shape::Map(&Shape::Secret)),
    unused("baseUrl"),
    unused("reasoning"),
    unused("input"),
    unused("cost"),
    unused("contextTokens"),
    unused("thinkingLevelMap"),
    unused("agentRuntime"),
    unused("mediaInput"),
    unused("metadataSource"),
];

/// Handed to the shim as it is; the ones that every shim must honour are checked here.
const COMPAT: Shape = Shape::Open(&[
    key("requiresStringContent", Shape::Bool),
    key("supportsTools", Shape::Bool),
    key("supportsUsageInStreaming", Shape::Bool),
]);

const MODEL_CHOICE: Shape =
    Shape::TextOr(&Shape::Object(&[key("primary", Shape::Text), key("fallbacks", TEXTS)]));

const AGENTS: Shape = Shape::Object(&[
    key("defaults", Shape::Object(AGENT_DEFAULTS)),
    key("entries", Shape::Map(&Shape::Object(AGENT))),
    key("list", Shape::List(&Shape::Object(AGENT))),
    unused("ownership"),
]);

const AGENT_DEFAULTS: &[Field] = &[
    key("model", MODEL_CHOICE),
    key(
        "models",
        Shape::Map(&Shape::Object(&[
            key("alias", Shape::Text),
            key("params", Shape::Map(&Shape::Any)),
            unused("agentRuntime"),
            unused("pickerRuntimes"),
            unused("codeMode"),
            unused("streaming"),
        ])),
    ),
    key("workspace", Shape::Text),
    key("timeoutSeconds", COUNT),
    unused("params"),
    unused("modelSelectionScope"),
    unused("utilityModel"),
    unused("decisionModel"),
    unused("imageModel"),
    unused("mediaModels"),
    unused("voiceModel"),
    unused("pdfModel"),
    unused("pdfMaxMb"),
    unused("pdfMaxPages"),
    unused("modelPolicy"),
    unused("cwd"),
    unused("skills"),
    unused("silentReply"),
    unused("repoRoot"),
    unused("skipBootstrap"),
    unused("skipOptionalBootstrapFiles"),
    unused("contextInjection"),
    unused("bootstrapMaxChars"),
    unused("bootstrapTotalMaxChars"),
    unused("experimental"),
    unused("userTimezone"),
    unused("startupContext"),
    unused("contextPruning"),
    unused("contextTokens"),
    unused("compaction"),
    unused("embeddedAgent"),
    unused("thinkingDefault"),
    unused("fastModeDefault"),
    unused("verboseDefault"),
    unused("toolProgressDetail"),
    unused("reasoningDefault"),
    unused("elevatedDefault"),
    unused("blockStreamingDefault"),
    unused("blockStreamingBreak"),
    unused("blockStreamingChunk"),
    unused("blockStreamingCoalesce"),
    unused("mediaMaxMb"),
    unused("imageMaxDimensionPx"),
    unused("imageQuality"),
    unused("typingIntervalSeconds"),
    unused("typingMode"),
    unused("systemAgent"),
    unused("authInheritance"),
    unused("sessionStore"),
    unused("maxConcurrent"),
    unused("subagents"),
    unused("contextLimits"),
    unused("humanDelay"),
    unused("heartbeat"),
    unused("sandbox"),
    unused("memorySearch"),
];

const AGENT: &[Field] = &[
    key("id", Shape::Text),
    key("default", Shape::Bool),
    key("name", Shape::Text),
    key("workspace", Shape::Text),
    key("model", MODEL_CHOICE),
    unused("description"),
    unused("cwd"),
    unused("agentDir"),
    unused("utilityModel"),
    unused("decisionModel"),
    unused("models"),
    unused("modelPolicy"),
    unused("thinkingDefault"),
    unused("verboseDefault"),
    unused("toolProgressDetail"),
    unused("reasoningDefault"),
    unused("fastModeDefault"),
    unused("contextInjection"),
    unused("bootstrapMaxChars"),
    unused("bootstrapTotalMaxChars"),
    unused("experimental"),
    unused("skills"),
    unused("subagents"),
    unused("embeddedAgent"),
    unused("params"),
    unused("runtime"),
    unused("memory"),
    unused("memorySearch"),
    unused("humanDelay"),
    unused("typingMode"),
    unused("tts"),
    unused("skillsLimits"),
    unused("contextLimits"),
    unused("heartbeat"),
    unused("identity"),
    unused("groupChat"),
    unused("sandbox"),
    unused("tools"),
];

const SESSION: Shape = Shape::Object(&[
    key("dmScope", Shape::Word(&["main", "per-peer", "per-channel-peer", "per-account-channel-peer"])),
    key("mainKey", Shape::Text),
    unused("scope"),
    unused("groupScope"),
    unused("notifyOnCreate"),
    unused("identityLinks"),
    unused("resetTriggers"),
    unused("reset"),
    unused("resetByType"),
    unused("resetByChannel"),
    unused("idleMinutes"),
    unused("store"),
    unused("sendPolicy"),
    unused("threadBindings"),
    unused("sharing"),
    unused("maintenance"),
]);

const LEVELS: Shape = Shape::Word(&["silent", "fatal", "error", "warn", "info", "debug", "trace"]);

const LOGGING: Shape = Shape::Object(&[
    key("level", LEVELS),
    key("file", Shape::Text),
    key("maxFileBytes", COUNT),
    key("consoleLevel", LEVELS),
    key("consoleStyle", Shape::Word(&["pretty", "compact", "json"])),
    unused("redactPatterns"),
    unused("redactSensitive"),
    unused("audit"),
]);

const PLUGINS: Shape = Shape::Object(&[
    key("enabled", Shape::Bool),
    key("allow", TEXTS),
    key("deny", TEXTS),
    key(
        "entries",
        Shape::Map(&Shape::Object(&[
            key("enabled", Shape::Bool),
            unused("hooks"),
            unused("config"),
            unused("llm"),
            unused("subagent"),
            unused("env"),
            unused("apiKey"),
        ])),
    ),
    unused("load"),
    unused("slots"),
    unused("installs"),
]);
