//! `sessions.usage`: how many tokens sessions used, by day, model and agent, from the counts that stand in the transcripts.
//! Days are those of UTC. Costs are not known here and are not made up.

use std::collections::BTreeMap;

use openclaw_protocol::RpcError;
use openclaw_protocol::sessions::SessionsUsageParams;
use openclaw_store::SessionUsage;
use serde_json::{Value, json};
use time::{Date, Month, OffsetDateTime};

use super::rows::{place, refuse};
use crate::clock::now_ms;
use crate::process::Gateway;

const DAY_MS: i64 = 86_400_000;
/// Sessions in one answer when the caller sets no limit.
const LISTED: u64 = 50;
/// Days until today when the caller names none.
const DAYS: i64 = 30;

/// Tokens and messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    input: u64,
    output: u64,
    cached: u64,
    said: u64,
    answered: u64,
}

impl Sum {
    fn add(&mut self, row: &SessionUsage) {
        self.input += row.input;
        self.output += row.output;
        self.cached += row.cached;
        self.said += row.said;
        self.answered += row.answered;
    }

    fn total(self) -> u64 {
        self.input.saturating_add(self.output)
    }

    /// As the original counts: what came from a cache is not part of `input` there.
    fn tokens(self) -> Value {
        json!({
            "input": self.input.saturating_sub(self.cached), "output": self.output, "cacheRead": self.cached,
            "cacheWrite": 0, "totalTokens": self.total(), "totalCost": 0, "inputCost": 0, "outputCost": 0,
            "cacheReadCost": 0, "cacheWriteCost": 0, "missingCostEntries": self.answered,
        })
    }

    fn messages(self) -> Value {
        json!({"total": self.said + self.answered, "user": self.said, "assistant": self.answered, "toolCalls": 0,
            "toolResults": 0, "errors": 0})
    }
}

pub(in crate::rpc) async fn usage(gateway: &Gateway, params: SessionsUsageParams) -> Result<Value, RpcError> {
    let now = i64::try_from(now_ms()).unwrap_or(i64::MAX);
    let (from, to) = range(&params, now)?;
    let all = params.agent_scope.is_some();
    if all && (params.agent_id.is_some() || params.key.is_some()) {
        return Err(RpcError::invalid("agentScope=all cannot be combined with key or agentId"));
    }
    let key = params.key.as_deref().map(|key| place(gateway, key, params.agent_id.as_deref())).transpose()?;
    let agent = match (&key, all) {
        (Some(_), _) | (_, true) => None,
        (None, false) => Some(place(gateway, "main", params.agent_id.as_deref())?.agent),
    };
    let key = key.map(|place| place.key);
    let rows =
        gateway.store.usage_between(from, to, agent.as_deref(), key.as_deref()).await.map_err(refuse)?;
    let limit = usize::try_from(params.limit.unwrap_or(LISTED)).unwrap_or(usize::MAX);
    Ok(report(&rows, from, to, now, limit))
}

/// The first and the last moment that is asked for.
fn range(params: &SessionsUsageParams, now: i64) -> Result<(i64, i64), RpcError> {
    let today = now.div_euclid(DAY_MS) * DAY_MS;
    let days = match params.range.as_deref() {
        Some("7d") => 7,
        Some("90d") => 90,
        Some("1y") => 365,
        Some("all") => return Ok((0, today + DAY_MS)),
        Some(_) | None => DAYS,
    };
    let end = params.end_date.as_deref().map(|date| day(date, "endDate")).transpose()?.unwrap_or(today);
    let start = params.start_date.as_deref().map(|date| day(date, "startDate")).transpose()?;
    Ok((start.unwrap_or(end - (days - 1) * DAY_MS), end + DAY_MS))
}

fn day(date: &str, name: &str) -> Result<i64, RpcError> {
    let parts: Vec<&str> = date.split('-').collect();
    let date = match parts.as_slice() {
        [year, month, day] => (|| {
            let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
            Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()
        })(),
        _ => None,
    };
    let date = date.ok_or_else(|| RpcError::invalid(format!("invalid {name} (use YYYY-MM-DD)")))?;
    Ok(date.midnight().assume_utc().unix_timestamp() * 1_000)
}

fn date(at: i64) -> String {
    let date = OffsetDateTime::from_unix_timestamp(at.div_euclid(1_000)).map(OffsetDateTime::date);
    date.map_or_else(|_| String::new(), |date| date.to_string())
}

fn report(rows: &[SessionUsage], from: i64, to: i64, now: i64, limit: usize) -> Value {
    let mut total = Sum::default();
    let mut order: Vec<&str> = Vec::new();
    let mut sessions: BTreeMap<&str, (Sum, &SessionUsage, i64, i64)> = BTreeMap::new();
    let (mut models, mut agents, mut days) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for row in rows {
        total.add(row);
        let key = row.session_key.as_str();
        if !sessions.contains_key(key) {
            order.push(key);
        }
        let (sum, _, first, last) =
            sessions.entry(key).or_insert((Sum::default(), row, row.first_at, row.last_at));
        sum.add(row);
        (*first, *last) = ((*first).min(row.first_at), (*last).max(row.last_at));
        if let Some((provider, model)) = row.model.as_deref().and_then(|model| model.split_once('/')) {
            models.entry((provider, model)).or_insert_with(Sum::default).add(row);
        }
        agents.entry(row.agent.as_str()).or_insert_with(Sum::default).add(row);
        days.entry(row.day).or_insert_with(Sum::default).add(row);
    }
    let mut providers: BTreeMap<&str, Sum> = BTreeMap::new();
    for ((provider, _), sum) in &models {
        let known = providers.entry(provider).or_default();
        *known = Sum {
            input: known.input + sum.input,
            output: known.output + sum.output,
            cached: known.cached + sum.cached,
            said: known.said + sum.said,
            answered: known.answered + sum.answered,
        };
    }
    let listed = order.iter().take(limit).filter_map(|key| {
        let (sum, row, first, last) = sessions.get(key)?;
        let mut used = sum.tokens();
        if let Some(used) = used.as_object_mut() {
            used.insert("firstActivity".to_owned(), json!(first));
            used.insert("lastActivity".to_owned(), json!(last));
            used.insert("messageCounts".to_owned(), sum.messages());
        }
        Some(json!({"key": key, "sessionId": row.session_id, "agentId": row.agent, "scope": "instance",
            "updatedAt": last, "usage": used, "hasContextWeight": false}))
    });
    let by_model = models.iter().map(|((provider, model), sum)| {
        json!({"provider": provider, "model": model, "count": sum.answered, "totals": sum.tokens()})
    });
    let by_provider = providers
        .iter()
        .map(|(provider, sum)| json!({"provider": provider, "count": sum.answered, "totals": sum.tokens()}));
    let by_agent = agents.iter().map(|(agent, sum)| json!({"agentId": agent, "totals": sum.tokens()}));
    let daily = days.iter().map(|(day, sum)| {
        json!({"date": date(*day), "tokens": sum.total(), "cost": 0, "messages": sum.said + sum.answered,
            "toolCalls": 0, "errors": 0})
    });
    json!({
        "updatedAt": now,
        "startDate": date(from),
        "endDate": date(to - 1),
        "sessions": listed.collect::<Vec<_>>(),
        "totals": total.tokens(),
        "aggregates": {
            "messages": total.messages(),
            "tools": {"totalCalls": 0, "uniqueTools": 0, "tools": []},
            "byModel": by_model.collect::<Vec<_>>(),
            "byProvider": by_provider.collect::<Vec<_>>(),
            "byAgent": by_agent.collect::<Vec<_>>(),
            "byChannel": [],
            "daily": daily.collect::<Vec<_>>(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, model: Option<&str>, day: i64, input: u64) -> SessionUsage {
        SessionUsage {
            session_key: key.into(),
            session_id: format!("id of {key}"),
            agent: "main".into(),
            model: model.map(str::to_owned),
            day: day * DAY_MS,
            input,
            output: 1,
            cached: 2,
            said: 0,
            answered: 1,
            first_at: day * DAY_MS + 5,
            last_at: day * DAY_MS + 9,
        }
    }

    #[test]
    fn what_was_used_is_added_up_in_every_way() {
        let rows = [row("a", Some("p/m"), 0, 10), row("a", Some("p/n"), 1, 20), row("b", Some("p/m"), 1, 30)];
        let report = report(&rows, 0, 2 * DAY_MS, 7, 1);
        assert_eq!(report["totals"]["totalTokens"], 63);
        assert_eq!(report["totals"]["input"], 54);
        assert_eq!((&report["startDate"], &report["endDate"]), (&json!("1970-01-01"), &json!("1970-01-02")));
        let sessions = report["sessions"].as_array().unwrap();
        assert_eq!((sessions.len(), &sessions[0]["key"]), (1, &json!("a")));
        assert_eq!(sessions[0]["usage"]["lastActivity"], DAY_MS + 9);
        let aggregates = &report["aggregates"];
        assert_eq!(aggregates["byModel"][0]["totals"]["totalTokens"], 42);
        assert_eq!(aggregates["byProvider"][0]["count"], 3);
        assert_eq!(aggregates["daily"][1]["tokens"], 52);
        assert_eq!(aggregates["messages"]["assistant"], 3);
    }

    #[test]
    fn days_are_named_or_counted_back() {
        let now = day("2026-03-10", "x").unwrap() + 5;
        let check = |params: SessionsUsageParams, expected: (&str, &str)| {
            let (from, to) = range(&params, now).unwrap();
            assert_eq!((date(from).as_str(), date(to - 1).as_str()), expected);
        };
        check(SessionsUsageParams::default(), ("2026-02-09", "2026-03-10"));
        check(
            SessionsUsageParams { range: Some("7d".into()), ..Default::default() },
            ("2026-03-04", "2026-03-10"),
        );
        let (start, end) = (Some("2026-01-01".to_owned()), Some("2026-01-31".to_owned()));
        check(
            SessionsUsageParams { start_date: start, end_date: end, ..Default::default() },
            ("2026-01-01", "2026-01-31"),
        );
        assert_eq!(day("2026-02-30", "endDate").unwrap_err().message, "invalid endDate (use YYYY-MM-DD)");
    }
}
