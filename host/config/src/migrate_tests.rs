use serde_json::{Value, json};

use super::*;
use crate::basis::ChannelSchema;
use crate::json5;

fn rule(from: &str, to: &str) -> MovedKey {
    let steps = |text: &str| text.split('.').map(str::to_owned).collect();
    MovedKey { from: steps(from), to: steps(to), when: None, values: Default::default() }
}

fn migrated(text: &str) -> (Value, Vec<String>) {
    let mut mode = rule("streaming", "streaming.mode");
    mode.when = Some("string".to_owned());
    let mut flag = rule("rooms.*.allow", "rooms.*.enabled");
    flag.values.insert("false".to_owned(), json!("no"));
    let moved = vec![rule("dm.policy", "dmPolicy"), mode, flag];
    let chat = ChannelSchema { schema: json!(true).into(), secrets: vec![], moved, unusable: None };
    let mut root = json5::parse(text).unwrap();
    let moved = migrate(&mut root, &ChannelSchemas::from([("chat".to_owned(), chat)]));
    (root.to_value(), moved.iter().map(ToString::to_string).collect())
}

fn check(text: &str, expected: Value, said: &[&str]) {
    assert_eq!(migrated(text), (expected, said.iter().map(|line| (*line).to_owned()).collect()), "{text}");
}

#[test]
fn what_is_new_stays() {
    check(
        "{agents: {defaults: {a: 1}}, channels: {chat: {dmPolicy: 'open'}}}",
        json!({"agents": {"defaults": {"a": 1}}, "channels": {"chat": {"dmPolicy": "open"}}}),
        &[],
    );
}

#[test]
fn older_roots_move_below_what_is_set() {
    check(
        "{agent: {model: 'a/b', workspace: 'old'}, agents: {defaults: {workspace: 'new'}}}",
        json!({"agents": {"defaults": {"model": "a/b", "workspace": "new"}}}),
        &["Moved agent → agents.defaults."],
    );
    check(
        "{routing: {queue: {mode: 'x'}}, session: {idleMinutes: 5, resetByType: {dm: {mode: 'idle'}}}, messages: {messagePrefix: 'p'}}",
        json!({"session": {"resetByType": {"direct": {"mode": "idle"}}, "reset": {"idleMinutes": 5}}, "messages": {"queue": {"mode": "x"}}}),
        &[
            "Moved routing.queue → messages.queue.",
            "Moved session.idleMinutes → session.reset.idleMinutes.",
            "Moved session.resetByType.dm → session.resetByType.direct.",
            "Removed messages.messagePrefix.",
        ],
    );
}

#[test]
fn a_list_of_agents_becomes_a_map() {
    check(
        "{agents: {list: [{id: 'a'}, {id: 'b', default: true}]}, identity: {name: 'N'}}",
        json!({"agents": {"entries": {"a": {}, "b": {"default": true, "identity": {"name": "N"}}}}}),
        &["Moved agents.list → agents.entries.", "Moved identity → agents.entries.b.identity."],
    );
    check("{agents: {list: [{name: 'x'}]}}", json!({"agents": {"list": [{"name": "x"}]}}), &[]);
}

#[test]
fn hosts_become_bind_modes() {
    for (host, mode) in [("localhost", "loopback"), ("0.0.0.0", "lan"), ("100.101.102.103", "tailnet")] {
        check(
            &format!("{{gateway: {{bind: '{host}'}}}}"),
            json!({"gateway": {"bind": mode}}),
            &["Rewrote gateway.bind in its newer form."],
        );
    }
    check("{gateway: {bind: '100.1.1.1'}}", json!({"gateway": {"bind": "100.1.1.1"}}), &[]);
}

#[test]
fn a_channel_moves_its_own_keys_in_every_account() {
    check(
        "{chat: {dm: {policy: 'open'}, accounts: {a: {streaming: 'off', rooms: {x: {allow: false}, y: {allow: true}}}}}}",
        json!({"channels": {"chat": {"accounts": {"a": {"rooms": {"x": {"enabled": "no"}, "y": {"allow": true}}, "streaming": {"mode": "off"}}}, "dmPolicy": "open"}}}),
        &[
            "Moved chat → channels.chat.",
            "Moved channels.chat.dm.policy → channels.chat.dmPolicy.",
            "Moved channels.chat.accounts.a.streaming → channels.chat.accounts.a.streaming.mode.",
            "Moved channels.chat.accounts.a.rooms.x.allow → channels.chat.accounts.a.rooms.x.enabled.",
        ],
    );
    check(
        "{channels: {chat: {dmPolicy: 'pairing', dm: {policy: 'open', x: 1}}}}",
        json!({"channels": {"chat": {"dmPolicy": "pairing", "dm": {"x": 1}}}}),
        &["Removed channels.chat.dm.policy."],
    );
}
