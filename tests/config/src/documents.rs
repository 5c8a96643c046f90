//! Good configurations for the fuzzer to spoil: each is one that a gateway starts with. None of them runs a program, and
//! what they log goes below the home of the test.

use serde_json::{Value, json};

/// What every document has; a start needs it.
fn with(sections: Value) -> Value {
    let mut document = json!({
        "gateway": {
            "mode": "local", "bind": "loopback", "port": 18999,
            "auth": { "mode": "token", "token": "fuzz-token-0123456789abcdef" },
        },
        "logging": { "level": "info", "file": "~/gateway.log" },
    });
    let Value::Object(sections) = sections else { return document };
    for (key, value) in sections {
        match (&mut document[&key], value) {
            (Value::Object(old), Value::Object(new)) => old.extend(new),
            (old, new) => *old = new,
        }
    }
    document
}

/// All of them.
#[must_use]
pub fn all() -> Vec<Value> {
    vec![
        with(json!({})),
        with(json!({
            "$schema": "https://example.com/openclaw.schema.json",
            "gateway": {
                "controlUi": { "enabled": true, "allowedOrigins": ["http://your-host:18789"] },
                "trustedProxies": ["10.0.0.0/8", "127.0.0.1"],
                "reload": { "mode": "hybrid" },
                "http": { "endpoints": { "chatCompletions": { "enabled": true } } },
                "tools": { "deny": ["exec"] },
            },
            "env": { "vars": { "SOME_NAME": "some value", "OTHER": "${SOME_NAME}" } },
        })),
        with(json!({
            "channels": {
                "defaults": { "groupPolicy": "allowlist" },
                "telegram": {
                    "enabled": true, "botToken": "123456:fuzz-token", "dmPolicy": "open", "allowFrom": ["*"],
                    "groupPolicy": "allowlist", "historyLimit": 20, "textChunkLimit": 4000,
                    "groups": { "-1001234567890": { "requireMention": true, "topics": { "7": { "enabled": false } } } },
                    "streaming": { "mode": "partial", "chunkMode": "newline" },
                    "customCommands": [{ "command": "hello", "description": "says hello" }],
                },
            },
            "bindings": [{ "agentId": "main", "match": { "channel": "telegram", "accountId": "default" } }],
        })),
        with(json!({
            "channels": {
                "telegram": {
                    "defaultAccount": "one",
                    "accounts": {
                        "one": { "botToken": { "source": "env", "provider": "default", "id": "TELEGRAM_ONE" } },
                        "two": { "name": "Two", "botToken": "2:token", "enabled": false, "dmPolicy": "allowlist",
                                 "allowFrom": ["12345"] },
                    },
                },
                "discord": { "token": "fuzz", "guilds": { "1": { "requireMention": true } } },
                "whatsapp": { "dmPolicy": "pairing", "groups": { "*": { "requireMention": true } } },
            },
        })),
        with(json!({
            "models": { "mode": "merge", "providers": {
                "local": {
                    "baseUrl": "http://127.0.0.1:1234/v1", "apiKey": "${LOCAL_KEY}", "api": "openai-completions",
                    "models": [
                        { "id": "small", "name": "Small", "contextWindow": 8192, "maxTokens": 2048,
                          "compat": { "requiresStringContent": true, "supportsTools": false } },
                        { "id": "large", "name": "Large", "input": ["text", "image"],
                          "cost": { "input": 0.5, "output": 1, "cacheRead": 0, "cacheWrite": 0 } },
                    ],
                },
                "other": { "baseUrl": "https://example.com/v1", "apiKey": "key", "api": "openai-completions", "models": [] },
            } },
            "agents": {
                "defaults": {
                    "workspace": "~/work", "model": { "primary": "local/small", "fallbacks": ["local/large"] },
                    "models": { "local/small": { "alias": "small" } },
                    "timeoutSeconds": 600, "heartbeat": { "every": "30m" },
                },
                "entries": { "main": { "name": "Main", "model": "local/large" }, "home": { "workspace": "~/home" } },
            },
        })),
        with(json!({
            "session": { "dmScope": "per-channel-peer", "reset": { "mode": "daily", "atHour": 4 } },
            "messages": { "responsePrefix": "[{model}]", "groupChat": { "mentionPatterns": ["@claw"], "historyLimit": 50 },
                          "queue": { "mode": "steer", "cap": 20 } },
            "commands": { "native": "auto", "text": true, "ownerAllowFrom": ["telegram:1"] },
            "hooks": { "enabled": true, "path": "/hooks", "token": "hook-token-0123456789",
                       "mappings": [{ "id": "mail", "match": { "path": "mail" }, "action": "agent",
                                      "messageTemplate": "New: {{subject}}" }] },
            "cron": { "enabled": true, "sessionRetention": "24h" },
        })),
        with(json!({
            "secrets": { "providers": {
                "vault": { "source": "file", "path": "~/secrets.json", "mode": "json", "timeoutMs": 1000 },
                "default": { "source": "env" },
            } },
            "plugins": { "enabled": true, "allow": ["telegram", "openai"], "entries": { "telegram": { "enabled": true } } },
            "auth": { "profiles": { "openai:default": { "provider": "openai", "mode": "api_key" } },
                      "order": { "openai": ["openai:default"] } },
            "tools": { "profile": "coding", "deny": ["exec"] },
            "update": { "channel": "stable", "checkOnStart": false },
            "diagnostics": { "enabled": true },
            "meta": { "lastTouchedVersion": "2026.9.6" },
        })),
    ]
}
