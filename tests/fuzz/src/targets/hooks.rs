//! Requests below `hooks.path`: a line with the path and the query, header lines, an empty line, and the body.

use std::sync::LazyLock;

use http::HeaderMap;
use openclaw_config::{HookAction, HookMapping, HookMatch, SessionMode, WakeMode};
use openclaw_hooks::{
    Action, Context, MAX_KEY, MOST_ITEMS, Named, Run, Wake, apply, fields, idempotency_key, read, wrap,
};
use serde_json::Value;

use super::{headers, way};

/// The channels that there are.
const CHANNELS: &[&str] = &["chat", "other"];

/// One mapping of each kind.
static MAPPINGS: LazyLock<Vec<HookMapping>> = LazyLock::new(|| {
    let matches = |path: &str, source: Option<&str>| HookMatch {
        path: Some(path.to_owned()),
        source: source.map(str::to_owned),
    };
    let some = |text: &str| Some(text.to_owned());
    vec![
        HookMapping {
            matches: matches("ci", Some("bot")),
            action: HookAction::Wake,
            text_template: some("{{text}} {{headers.x-event}} {{query.kind}}"),
            session_key: some("hook:{{items[0].id}}"),
            ..HookMapping::default()
        },
        HookMapping {
            matches: matches("ci", None),
            message_template: some("{{payload}} {{items[0].id}} {{now}} {{path}} {{}}"),
            channel: some("chat"),
            to: some("{{to}}"),
            name: some("{{name}}"),
            model: some("{{model}}"),
            timeout_seconds: Some(5),
            ..HookMapping::default()
        },
        HookMapping {
            matches: matches("gmail", None),
            for_each: some("messages"),
            session_key: some("hook:gmail:{{messages[0].id}}"),
            message_template: some("{{messages[0].from}}: {{messages[0].subject}}"),
            ..HookMapping::default()
        },
    ]
});

/// A request, as it is read once its token was right.
pub(super) fn hooks(input: &[u8]) -> u64 {
    let (first, rest) = split(input, b"\n");
    let (head, body) = split(rest, b"\n\n");
    let Ok(target) = std::str::from_utf8(first) else { return 0 };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = path.trim_matches('/');
    let headers = headers::lines(head.split(|&byte| byte == b'\n'));
    let payload = match read(body) {
        Ok(payload) => payload,
        Err(fault) => return refused("no body", &fault),
    };
    let key = idempotency_key(&headers, fields(&payload));
    assert!(key.as_ref().is_none_or(|key| !key.trim().is_empty() && key.len() <= MAX_KEY));
    let key = key.map_or("once", |_| "repeatable");
    match path {
        "wake" => match Wake::read(fields(&payload)) {
            Ok(wake) => way(&["wake", key, judged_wake(&wake)]),
            Err(fault) => refused("no wake", &fault),
        },
        "agent" => match Run::read(fields(&payload), CHANNELS) {
            Ok(run) => {
                assert!(run.mode == SessionMode::Isolated || run.session.is_some());
                way(&["agent", key, &judged_run(&run)])
            }
            Err(fault) => refused("no run", &fault),
        },
        _ => mapped(&payload, &headers, query, path),
    }
}

/// What stands before and behind a separator; without one there is nothing behind.
fn split<'a>(input: &'a [u8], at: &[u8]) -> (&'a [u8], &'a [u8]) {
    let found = input.windows(at.len()).position(|window| window == at);
    found.map_or((input, &[]), |found| (&input[..found], &input[found + at.len()..]))
}

fn refused(what: &str, fault: &str) -> u64 {
    assert!(!fault.is_empty());
    way(&[what, fault])
}

fn mapped(payload: &Value, headers: &HeaderMap, query: &str, path: &str) -> u64 {
    let mapped = match apply(&MAPPINGS, Context { payload, headers, query, path }, CHANNELS) {
        None => return way(&["no mapping"]),
        Some(Err(fault)) => return refused("no action", &fault),
        Some(Ok(mapped)) => mapped,
    };
    assert!(mapped.actions.len() <= MOST_ITEMS);
    let mut ways: Vec<String> = Vec::new();
    for action in &mapped.actions {
        let (told, by) = match action {
            Action::Wake(wake, by) => (judged_wake(wake).to_owned(), by),
            Action::Run(run, by) => (judged_run(run), by),
        };
        let told = format!("{path} {told} {}", if *by == Named::Outside { "outside" } else { "inside" });
        if !ways.contains(&told) {
            ways.push(told);
        }
    }
    let dropped = if mapped.dropped > 0 { "dropped" } else { "" };
    way(&["mapped", &ways.join(" "), dropped])
}

fn judged_wake(wake: &Wake) -> &'static str {
    assert!(!wake.text.trim().is_empty());
    assert!(wake.mode == WakeMode::Now || wake.session.is_none());
    wake.session.as_ref().map_or("main", |_| "named")
}

/// A run is complete, and nothing in it can pass for the end of the mark around it.
fn judged_run(run: &Run) -> String {
    assert!(!run.message.trim().is_empty() && !run.name.is_empty());
    if let Some(to) = &run.to {
        assert!(run.deliver && CHANNELS.contains(&to.channel.as_str()) && !to.to.trim().is_empty());
    }
    let marked = wrap(&run.message, "webhook", "7").to_lowercase();
    assert_eq!(marked.matches("external_untrusted_content").count(), 2, "{marked}");
    let part = |there: bool, name: &'static str| if there { name } else { "" };
    [
        part(run.to.is_some(), "delivered"),
        part(run.session.is_some(), "named"),
        part(run.model.is_some(), "model"),
        part(run.timeout.is_some(), "timed"),
        part(run.agent.is_some(), "agent"),
    ]
    .join(" ")
}
