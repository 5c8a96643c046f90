//! What reads the input of strangers, and what must hold for whatever they send.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue};
use openclaw_access::{Access, Proxies, Rules, SharedSecret, bearer, verify_device};
use openclaw_models::dialect::ChatBody;
use openclaw_protocol::connect::{ConnectParams, close_reason};
use openclaw_protocol::{
    Call, Frame, RpcError, agent, channels, config, decode, health, logs, models, outbound, pairing,
    pairing_codes, plugins, status,
};
use serde_json::Value;

use crate::Target;

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "frames", read: frames, words: FRAME_WORDS },
    Target { name: "connect", read: connect, words: CONNECT_WORDS },
    Target { name: "headers", read: headers, words: HEADER_WORDS },
    Target { name: "chat", read: chat, words: CHAT_WORDS },
    Target { name: "config", read: configuration, words: CONFIG_WORDS },
];

const FRAME_WORDS: &[&str] = &[
    "type",
    "req",
    "res",
    "event",
    "id",
    "method",
    "params",
    "ok",
    "payload",
    "error",
    "seq",
    "stateVersion",
    "traceparent",
    "expectedProfileId",
    "code",
    "INVALID_REQUEST",
    "message",
    "idempotencyKey",
    "sessionKey",
    "limit",
    "cursor",
    "raw",
    "baseHash",
    "path",
    "channel",
    "accountId",
    "probe",
    "timeoutMs",
];

const CONNECT_WORDS: &[&str] = &[
    "minProtocol",
    "maxProtocol",
    "client",
    "id",
    "version",
    "platform",
    "mode",
    "cli",
    "probe",
    "node",
    "role",
    "operator",
    "scopes",
    "operator.admin",
    "caps",
    "device",
    "publicKey",
    "signature",
    "signedAt",
    "nonce",
    "auth",
    "token",
    "password",
    "deviceToken",
    "bootstrapToken",
    "permissions",
    "commands",
    "locale",
    "userAgent",
];

const HEADER_WORDS: &[&str] = &[
    "origin: ",
    "host: ",
    "x-forwarded-for: ",
    "x-real-ip: ",
    "forwarded: for=",
    "authorization: Bearer ",
    "127.0.0.1",
    "[::1]",
    "::ffff:127.0.0.1",
    "localhost",
    "null",
    "http://",
    "https://",
    ", ",
    "10.0.0.1",
    "\n",
    "x-openclaw-scopes: operator.read",
];

const CHAT_WORDS: &[&str] = &[
    "model",
    "messages",
    "role",
    "user",
    "system",
    "assistant",
    "tool",
    "content",
    "type",
    "text",
    "image_url",
    "url",
    "data:image/png;base64,",
    "tools",
    "function",
    "name",
    "parameters",
    "tool_calls",
    "tool_call_id",
    "tool_choice",
    "stream",
    "stream_options",
    "include_usage",
    "max_tokens",
    "temperature",
    "stop",
    "logit_bias",
    "response_format",
];

const CONFIG_WORDS: &[&str] = &[
    "//",
    "/*",
    "*/",
    "'",
    "\\u",
    "0x",
    "Infinity",
    "NaN",
    "+",
    ".5",
    "\u{2028}",
    "\\\n",
    ",",
    "{",
    "[",
    "__proto__",
];

/// A number for what makes a way: texts without what they quote from the input.
fn way(parts: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for part in parts {
        let words = part.split(['\'', '"', '`', '/']).step_by(2).flat_map(str::chars);
        words.filter(char::is_ascii_lowercase).take(60).collect::<String>().hash(&mut hasher);
    }
    hasher.finish()
}

/// Decodes parameters, and checks that what was understood is encoded as something that is understood the same.
fn decoded<C: Call>(params: &Option<Value>) -> String {
    match decode::<C>(params.clone()) {
        Ok(call) => {
            let encoded = serde_json::to_value(&call).expect("what was decoded is encoded");
            let again = decode::<C>(Some(encoded.clone())).expect("what was encoded is decoded");
            assert_eq!(serde_json::to_value(&again).expect("it is encoded again"), encoded);
            C::METHOD.to_owned()
        }
        Err(error) => told(&error),
    }
}

/// The text of a refusal, which is sent back: it must name what is wrong, and fit the frame that it closes with.
fn told(error: &RpcError) -> String {
    assert!(!error.message.is_empty());
    assert!(close_reason(&error.message).len() <= 120);
    error.message.clone()
}

macro_rules! calls {
    ($($params:ty),* $(,)?) => {
        /// Every method of the protocol with its parameters.
        const CALLS: &[(&str, fn(&Option<Value>) -> String)] = &[$((<$params>::METHOD, decoded::<$params>)),*];
    };
}

calls!(
    ConnectParams,
    agent::AgentParams,
    agent::AgentWaitParams,
    channels::ChannelsRestartParams,
    channels::ChannelsStartParams,
    channels::ChannelsStatusParams,
    channels::ChannelsStopParams,
    config::ConfigApplyParams,
    config::ConfigGetParams,
    config::ConfigPatchParams,
    config::ConfigSchemaLookupParams,
    config::ConfigSchemaParams,
    config::ConfigSetParams,
    health::HealthParams,
    logs::LogsTailParams,
    models::ModelsListParams,
    outbound::SendParams,
    pairing::PairingApproveParams,
    pairing::PairingDismissParams,
    pairing::PairingListParams,
    pairing_codes::PairingApproveCodeParams,
    pairing_codes::PairingCodesParams,
    plugins::PluginsListParams,
    status::PresenceParams,
    status::StatusParams,
);

/// A text message of the control plane. Its parameters are read as those of every method, whatever it names.
fn frames(input: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(input) else { return 0 };
    let frame: Frame = match serde_json::from_str(text) {
        Ok(frame) => frame,
        Err(error) => return way(&["no frame", &error.to_string()]),
    };
    let encoded = serde_json::to_string(&frame).expect("a frame is encoded");
    assert_eq!(serde_json::from_str::<Frame>(&encoded).expect("it is read again"), frame);
    match frame {
        Frame::Request(request) => {
            let read: Vec<String> = CALLS.iter().map(|(_, read)| read(&request.params)).collect();
            // All of them differ in little; the one that is named decides.
            let named = CALLS.iter().position(|(method, _)| *method == request.method);
            named.map_or_else(|| way(&["another method"]), |at| way(&["request", &read[at]]))
        }
        Frame::Response(response) => way(&["response", if response.ok { "ok" } else { "error" }]),
        Frame::Event(event) => way(&["event", &event.event]),
    }
}

/// The parameters of `connect`, and the proof of a device in it. Nobody can forge one.
fn connect(input: &[u8]) -> u64 {
    let Ok(value) = serde_json::from_slice::<Value>(input) else { return 0 };
    let params = match decode::<ConnectParams>(Some(value)) {
        Ok(params) => params,
        Err(error) => return way(&["no connect", &told(&error)]),
    };
    let protocol = params.check_protocol().map_or_else(|error| told(&error), |()| "spoken".to_owned());
    let proof = match verify_device(&params, "a-nonce-of-this-connection", 1_770_000_000_000) {
        Ok(None) => "no device".to_owned(),
        Ok(Some(_)) => panic!("a proof that nobody signed was believed"),
        Err(error) => told(&error),
    };
    way(&[&protocol, &proof])
}

/// Header lines of a request, each `name: value`, as everything reads them that asks where a client is.
fn headers(input: &[u8]) -> u64 {
    let mut headers = HeaderMap::new();
    for line in input.split(|&byte| byte == b'\n').take(64) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    let mut rules = Rules::new(SharedSecret::Token(Some("a-token-that-no-input-holds".into())));
    rules.proxies = Proxies::new(&["192.0.2.7".to_owned(), "2001:db8::/32".to_owned()], true);
    rules.allowed_origins = vec!["https://ui.example".to_owned()];
    let access = Access::new(rules);
    let open = Access::new(Rules::new(SharedSecret::None));
    let mut ways = Vec::new();
    for address in
        [Ipv4Addr::LOCALHOST, Ipv4Addr::new(192, 0, 2, 7), Ipv4Addr::new(198, 51, 100, 1)].map(IpAddr::from)
    {
        let peer = access.peer(address, &headers);
        assert_eq!(peer.address, address);
        // Only the trusted proxy can speak for somebody else, and only a direct connection is local.
        assert!(peer.client == address || address == IpAddr::from([192, 0, 2, 7]), "{peer:?}");
        assert!(!peer.direct_local || address.is_loopback() && !peer.proxied, "{peer:?}");
        let refused = access.http(address, &headers, Instant::now()).expect_err("nobody has the token");
        let unasked = open.http(address, &headers, Instant::now());
        ways.push(format!(
            "{} {} {} {refused:?} {:?}",
            peer.direct_local,
            peer.proxied,
            peer.attributed,
            unasked.map(|caller| caller.scopes.len())
        ));
    }
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
    let token = authorization.and_then(bearer).map_or("no bearer", |_| "a bearer");
    way(&[&ways.join(" "), token])
}

/// The body of `POST /v1/chat/completions`.
fn chat(input: &[u8]) -> u64 {
    match ChatBody::parse(input) {
        Ok(body) => {
            let turn = match body.turn() {
                Ok(turn) => {
                    assert!(turn < body.request.messages.len());
                    "a turn".to_owned()
                }
                Err(refused) => refused.0,
            };
            way(&["a body", &turn, if body.request.tools.is_empty() { "" } else { "tools" }])
        }
        Err(refused) => {
            assert!(!refused.0.is_empty());
            way(&["no body", &refused.0])
        }
    }
}

/// The text of a configuration, which `config.set` and `config.apply` carry.
fn configuration(input: &[u8]) -> u64 {
    let Ok(text) = std::str::from_utf8(input) else { return 0 };
    match openclaw_config::value(text) {
        Ok(value) => {
            let plain = value.to_string();
            let again = openclaw_config::value(&plain).expect("plain JSON is a configuration's syntax, too");
            assert_eq!(again, value, "{plain}");
            way(&[
                "a value",
                match value {
                    Value::Object(_) => "object",
                    Value::Array(_) => "array",
                    Value::String(_) => "string",
                    Value::Number(_) => "number",
                    Value::Bool(_) | Value::Null => "word",
                },
            ])
        }
        Err(error) => way(&["no value", &error.to_string()]),
    }
}
