//! `sessions.usage.timeseries` and `sessions.usage.logs`: what one session used, answer by answer and message by message.
//! Costs are not known here and are not made up.

use openclaw_protocol::RpcError;
use openclaw_protocol::sessions::{SessionsUsageLogsParams, SessionsUsageTimeseriesParams};
use openclaw_store::{EntryRole, NumberedEntry, Usage};
use serde_json::{Value, json};

use super::rows::{Place, place, refuse, time};
use crate::process::Gateway;

/// Points of one line; a longer transcript's answers are added up.
const POINTS: usize = 200;
/// Answers of one session that are looked at, the newest.
const ANSWERS: usize = 100_000;
/// Messages when the caller sets no limit, and at most.
const MESSAGES: (usize, usize) = (200, 1_000);
/// Characters of one message.
const CHARS: usize = 2_000;

/// `sessions.usage.timeseries`
pub(in crate::rpc) async fn timeseries(
    gateway: &Gateway,
    params: SessionsUsageTimeseriesParams,
) -> Result<Value, RpcError> {
    let (place, key) = meant(gateway, params.key.as_deref(), params.agent_id.as_deref(), "timeseries")?;
    let record = gateway.store.session(&place.key).await.map_err(refuse)?;
    let record =
        record.ok_or_else(|| RpcError::invalid(format!("No transcript found for session: {key}")))?;
    let id = record.row.session_id;
    let answers = gateway.store.answers_used(&place.key, &id, ANSWERS).await.map_err(refuse)?;
    Ok(json!({"sessionId": id, "points": points(&answers)}))
}

/// `sessions.usage.logs`
pub(in crate::rpc) async fn logs(
    gateway: &Gateway,
    params: SessionsUsageLogsParams,
) -> Result<Value, RpcError> {
    let (place, _) = meant(gateway, params.key.as_deref(), params.agent_id.as_deref(), "logs")?;
    let limit = params.limit.map_or(MESSAGES.0, |limit| limit.max(0.0) as usize).min(MESSAGES.1);
    let record = gateway.store.session(&place.key).await.map_err(refuse)?;
    let entries = match record {
        Some(record) if limit > 0 => {
            let id = record.row.session_id;
            gateway.store.transcript(&place.key, &id, limit, 0).await.map_err(refuse)?.entries
        }
        _ => Vec::new(),
    };
    Ok(json!({"logs": entries.iter().filter_map(line).collect::<Vec<_>>()}))
}

/// The session that is meant, and how it was called.
fn meant(
    gateway: &Gateway,
    key: Option<&str>,
    agent: Option<&str>,
    what: &str,
) -> Result<(Place, String), RpcError> {
    let key = key.map(str::trim).filter(|key| !key.is_empty());
    let key = key.ok_or_else(|| RpcError::invalid(format!("key is required for {what}")))?;
    Ok((place(gateway, key, agent.filter(|agent| !agent.trim().is_empty()))?, key.to_owned()))
}

fn points(answers: &[(i64, Usage)]) -> Vec<Value> {
    let mut all = 0_u64;
    let each = answers.len().div_ceil(POINTS).max(1);
    answers
        .chunks(each)
        .map(|some| {
            let sum = |count: fn(&Usage) -> u64| some.iter().map(|(_, usage)| count(usage)).sum::<u64>();
            let cached = sum(|usage| usage.cached_tokens);
            let (input, output) = (sum(|usage| usage.input_tokens), sum(|usage| usage.output_tokens));
            let total = input.saturating_add(output);
            all = all.saturating_add(total);
            json!({
                "timestamp": some.last().map_or(0, |(at, _)| *at),
                // As the original counts: what came from a cache is not part of `input`.
                "input": input.saturating_sub(cached), "output": output, "cacheRead": cached, "cacheWrite": 0,
                "totalTokens": total, "cost": 0, "cumulativeTokens": all, "cumulativeCost": 0,
            })
        })
        .collect()
}

fn line(known: &NumberedEntry) -> Option<Value> {
    let entry = &known.entry;
    let content = entry.content.trim();
    let role = match entry.role {
        EntryRole::User => "user",
        EntryRole::Assistant => "assistant",
    };
    if content.is_empty() {
        return None;
    }
    let mut cut: String = content.chars().take(CHARS).collect();
    if cut.len() < content.len() {
        cut.push('…');
    }
    let mut line = json!({"timestamp": time(entry.at), "role": role, "content": cut});
    if let (Some(usage), Some(line)) = (entry.usage, line.as_object_mut()) {
        line.insert("tokens".to_owned(), json!(usage.input_tokens.saturating_add(usage.output_tokens)));
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_transcript_has_no_more_points_than_a_line_needs() {
        let usage = Usage { input_tokens: 5, output_tokens: 2, cached_tokens: 1 };
        let answers: Vec<_> = (0..POINTS as i64 + 1).map(|at| (at, usage)).collect();
        let points = points(&answers);
        assert_eq!(points.len(), (POINTS + 1).div_ceil(2));
        assert_eq!((&points[0]["timestamp"], &points[0]["input"]), (&json!(1), &json!(8)));
        let last = points.last().unwrap();
        assert_eq!((&last["totalTokens"], &last["cumulativeTokens"]), (&json!(7), &json!(7 * (POINTS + 1))));
        assert!(super::points(&[]).is_empty());
    }
}
