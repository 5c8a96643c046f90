//! From a request below `hooks.path` to what it starts, by the first mapping that matches (openclaw-compat §4.10). Texts of
//! faults are the original's. Starts nothing.

use std::time::Duration;

use openclaw_config::{HookAction, HookMapping, SessionMode, WakeMode};
use serde_json::{Value, json};

use crate::Named;
use crate::payload::{Destination, Run, Wake, unknown_channel};
use crate::template::{Context, is_templated, render, render_some};

/// Items of a list that start a run each; the rest is dropped.
pub const MOST_ITEMS: usize = 200;

/// What a mapping makes of a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Mapped {
    /// Of a fan-out [`MOST_ITEMS`] at most.
    pub actions: Vec<Action>,
    /// There may be several.
    pub fan_out: bool,
    /// Items beyond the bound.
    pub dropped: usize,
}

/// One thing to start, and where its session's key comes from.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// A session is told.
    Wake(Wake, Named),
    /// An agent takes a turn.
    Run(Run, Named),
}

/// What the first mapping that matches makes of a request; `None`: none does. `channels` are the channels that there are.
///
/// # Errors
/// The text of the 400.
pub fn apply(
    mappings: &[HookMapping],
    context: Context<'_>,
    channels: &[&str],
) -> Option<Result<Mapped, String>> {
    let mapping = mappings.iter().find(|mapping| matches(mapping, context))?;
    let Some(key) = mapping.for_each.as_deref().map(str::trim).filter(|key| !key.is_empty()) else {
        let action = action(mapping, context, channels);
        return Some(action.map(|action| Mapped { actions: vec![action], fan_out: false, dropped: 0 }));
    };
    let items = context.payload.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let actions = items.iter().take(MOST_ITEMS).map(|item| {
        let mut payload = context.payload.clone();
        if let Some(object) = payload.as_object_mut() {
            object.insert(key.to_owned(), json!([item]));
        }
        action(mapping, Context { payload: &payload, ..context }, channels)
    });
    let dropped = items.len().saturating_sub(MOST_ITEMS);
    Some(actions.collect::<Result<_, _>>().map(|actions| Mapped { actions, fan_out: true, dropped }))
}

fn matches(mapping: &HookMapping, context: Context<'_>) -> bool {
    let path = mapping.matches.path.as_deref().map(|path| path.trim().trim_matches('/'));
    let source = mapping.matches.source.as_deref().map(str::trim);
    path.is_none_or(|path| path.is_empty() || path == context.path)
        && source.is_none_or(|source| {
            source.is_empty() || context.payload.get("source").and_then(Value::as_str) == Some(source)
        })
}

fn action(mapping: &HookMapping, context: Context<'_>, channels: &[&str]) -> Result<Action, String> {
    let template = mapping.session_key.as_deref().filter(|key| !key.trim().is_empty());
    let by = if template.is_some_and(is_templated) { Named::Outside } else { Named::Inside };
    let session = render_some(template, context);
    if template.is_some() && session.is_none() {
        return Err("hook mapping sessionKey template rendered empty".to_owned());
    }
    let agent = mapping.agent_id.clone().filter(|agent| !agent.trim().is_empty());
    if mapping.action == HookAction::Wake {
        let text =
            render_some(mapping.text_template.as_deref(), context).ok_or("hook mapping requires text")?;
        if mapping.wake_mode == WakeMode::NextHeartbeat && session.is_some() {
            return Err("hook mapping sessionKey requires wakeMode=now".to_owned());
        }
        return Ok(Action::Wake(Wake { text, mode: mapping.wake_mode, agent, session }, by));
    }
    let message = mapping.message_template.as_deref().map(|template| render(template, context));
    let message = message.filter(|text| !text.trim().is_empty()).ok_or("hook mapping requires message")?;
    let channel = mapping.channel.as_deref().map(|channel| channel.trim().to_lowercase());
    if channel.as_deref().is_some_and(|channel| channel != "last" && !channels.contains(&channel)) {
        return Err(unknown_channel(channels));
    }
    let deliver = mapping.deliver != Some(false);
    let to = render_some(mapping.to.as_deref(), context);
    // Nobody knows what "last" was: without a channel of its own the answer goes to the main session.
    let to = match (channel.filter(|channel| channel != "last"), to) {
        (Some(channel), Some(to)) if deliver => Some(Destination { channel, to, account: None }),
        _ => None,
    };
    let run = Run {
        message,
        name: render_some(mapping.name.as_deref(), context).unwrap_or_else(|| "Hook".to_owned()),
        agent,
        session,
        mode: mapping.session_mode,
        deliver,
        to,
        model: render_some(mapping.model.as_deref(), context),
        thinking: render_some(mapping.thinking.as_deref(), context),
        timeout: mapping.timeout_seconds.map(Duration::from_secs),
        unsafe_content: mapping.allow_unsafe_external_content,
    };
    Ok(Action::Run(run, by))
}

/// Whether a run lacks the name that a conversation needs which goes on.
#[must_use]
pub fn lacks_session(run: &Run, has_default: bool) -> bool {
    run.mode == SessionMode::Persistent && run.session.is_none() && !has_default
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use openclaw_config::HookMatch;

    use super::*;

    fn mapping(path: &str, message: &str) -> HookMapping {
        HookMapping {
            matches: HookMatch { path: Some(path.to_owned()), source: None },
            message_template: Some(message.to_owned()),
            ..HookMapping::default()
        }
    }

    fn mapped(mappings: &[HookMapping], path: &str, payload: &Value) -> Option<Result<Mapped, String>> {
        let context = Context { payload, headers: &HeaderMap::new(), query: "", path };
        apply(mappings, context, &["chat"])
    }

    fn messages(mapped: Mapped) -> Vec<String> {
        let runs = mapped.actions.into_iter().filter_map(|action| match action {
            Action::Run(run, _) => Some(run.message),
            Action::Wake(..) => None,
        });
        runs.collect()
    }

    #[test]
    fn the_first_mapping_that_matches_decides() {
        let mut sourced = mapping("/ci/", "sourced {{id}}");
        sourced.matches.source = Some("bot".to_owned());
        let mappings = [sourced, mapping("ci", "plain {{id}}")];
        let check = |path: &str, payload: Value, expected: Option<&str>| {
            let found = mapped(&mappings, path, &payload).map(|mapped| messages(mapped.unwrap()).remove(0));
            assert_eq!(found.as_deref(), expected, "{path} {payload}");
        };
        check("ci", json!({"id": 1, "source": "bot"}), Some("sourced 1"));
        check("ci", json!({"id": 2}), Some("plain 2"));
        check("other", json!({}), None);
    }

    #[test]
    fn a_list_starts_one_run_for_each_item_within_the_bound() {
        let mut each = mapping("m", "{{messages[0].id}} of {{box}}");
        each.for_each = Some("messages".to_owned());
        let items: Vec<Value> = (0..MOST_ITEMS + 3).map(|id| json!({"id": id})).collect();
        let many = mapped(&[each.clone()], "m", &json!({"messages": items, "box": "in"})).unwrap().unwrap();
        assert_eq!((many.actions.len(), many.dropped, many.fan_out), (MOST_ITEMS, 3, true));
        assert_eq!(messages(many)[1], "1 of in");
        assert!(mapped(&[each], "m", &json!({"messages": "x"})).unwrap().unwrap().actions.is_empty());
    }

    #[test]
    fn faults_have_the_known_texts() {
        let check = |mapping: HookMapping, expected: &str| {
            assert_eq!(mapped(&[mapping], "m", &json!({})).unwrap().unwrap_err(), expected);
        };
        check(mapping("m", "{{missing}}"), "hook mapping requires message");
        check(
            HookMapping { session_key: Some("{{missing}}".into()), ..mapping("m", "x") },
            "hook mapping sessionKey template rendered empty",
        );
        check(HookMapping { action: HookAction::Wake, ..mapping("m", "x") }, "hook mapping requires text");
        check(HookMapping { channel: Some("nope".into()), ..mapping("m", "x") }, "channel must be last|chat");
    }
}
