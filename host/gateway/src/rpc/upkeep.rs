//! Owns the upkeep of sessions (`session.maintenance`, `sessions.cleanup`): sessions that nobody has used for long, and the oldest
//! where there are too many, are put away; what programs began for one run is forgotten. Never touches a conversation of people, a
//! main session, one that is pinned, put away already, or at work.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use openclaw_config::{MaintenanceMode, UpkeepRules};
use openclaw_failpoints::{failpoint, hurried};
use openclaw_protocol::RpcError;
use openclaw_protocol::sessions::{CleanupAction, SessionsCleaned, SessionsCleanupParams, StoreCleaned};
use openclaw_store::{Archived, SessionQuery, SessionRecord, SessionSettings};
use tracing::{info, warn};

use super::session_events;
use super::sessions::change::in_lane;
use super::sessions::rows::{self, Place, refuse};
use crate::clock::now_ms;
use crate::process::Gateway;

/// How often the gateway looks by itself.
const EVERY: Duration = Duration::from_secs(30 * 60);
/// Sessions that one look puts away at most, so that it is over soon; the next one goes on.
const MOST: usize = 500;
/// Parts of a key that name a conversation of people.
const PEOPLE: [&str; 6] = ["direct", "group", "channel", "thread", "topic", "slash"];
/// How the keys of sessions begin that programs make for one run.
const RUNS: [&str; 4] = ["hook:", "cron:", "subagent:", "explicit:model-run-"];

/// What becomes of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// It is put away: its transcript stays.
    Archive,
    /// It is forgotten, with its transcript.
    Delete,
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Nobody has used it for long.
    Age,
    /// There are too many.
    Cap,
}

/// One session that something is done about.
#[derive(Clone, Debug)]
struct Step {
    record: SessionRecord,
    act: Act,
    why: Why,
}

impl Step {
    /// The word in answers.
    fn word(&self) -> &'static str {
        match (self.act, self.why) {
            (Act::Archive, Why::Age) => "archive-age",
            (Act::Archive, Why::Cap) => "archive-cap",
            (Act::Delete, Why::Age) => "prune-age",
            (Act::Delete, Why::Cap) => "prune-cap",
        }
    }
}

/// What may be done about a session with this key; `None`: it is a conversation of people.
fn act_on(key: &str) -> Option<Act> {
    let own = key.strip_prefix("agent:").and_then(|rest| rest.split_once(':')).map_or(key, |(_, own)| own);
    if RUNS.iter().any(|begin| own.starts_with(begin)) || own.contains(":run:") {
        return Some(Act::Delete);
    }
    let people = own.split(':').take(3).any(|part| PEOPLE.contains(&part));
    (!people && own != "global").then_some(Act::Archive)
}

/// What is to be done about the sessions of one agent, the oldest first. `stays`: not about this one.
fn plan(
    mut records: Vec<SessionRecord>,
    rules: UpkeepRules,
    now: i64,
    stays: impl Fn(&SessionRecord) -> bool,
) -> Vec<Step> {
    let all = records.len();
    let ago = |time: Duration| now.saturating_sub(i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
    let old = rules.prune_after.map(ago);
    let recent = rules.preserve_recent.map(ago);
    records.sort_by(|a, b| (a.row.updated_at, &a.row.key).cmp(&(b.row.updated_at, &b.row.key)));
    let mut rest = Vec::new();
    let mut steps = Vec::new();
    for record in records {
        let Some(act) = act_on(&record.row.key) else { continue };
        if record.settings.pinned_at.is_some() || stays(&record) {
            continue;
        }
        if old.is_some_and(|old| record.row.updated_at < old) {
            steps.push(Step { record, act, why: Why::Age });
        } else {
            rest.push((record, act));
        }
    }
    let excess = (all - steps.len()).saturating_sub(rules.max_entries);
    let fresh = |record: &SessionRecord, act| {
        act == Act::Archive && recent.is_some_and(|recent| record.row.updated_at >= recent)
    };
    let capped = rest.into_iter().filter(|(record, act)| !fresh(record, *act)).take(excess);
    steps.extend(capped.map(|(record, act)| Step { record, act, why: Why::Cap }));
    steps
}

/// The steps for one agent, or for all, and how many sessions each has.
async fn look(
    gateway: &Gateway,
    agent: Option<String>,
    active_key: Option<&str>,
) -> Result<BTreeMap<String, (usize, Vec<Step>)>, RpcError> {
    let query = SessionQuery {
        agent: agent.clone(),
        archived: Archived::Without,
        limit: usize::MAX,
        ..SessionQuery::default()
    };
    let (records, _) = gateway.store.list_sessions(query).await.map_err(refuse)?;
    let mut by_agent: BTreeMap<String, Vec<SessionRecord>> = BTreeMap::new();
    by_agent.extend(agent.map(|agent| (agent, Vec::new())));
    for record in records {
        by_agent.entry(record.row.agent.clone()).or_default().push(record);
    }
    let rules = gateway.settings.config().session.maintenance.rules();
    let (now, active) = (i64::try_from(now_ms()).unwrap_or(i64::MAX), rows::active(gateway));
    let planned = by_agent.into_iter().map(|(agent, records)| {
        let main = gateway.main_session_of(&agent);
        let stays = |record: &SessionRecord| {
            let key = record.row.key.as_str();
            key == main || active_key == Some(key) || active.contains_key(key)
        };
        let count = records.len();
        (agent, (count, plan(records, rules, now, stays)))
    });
    Ok(planned.collect())
}

/// Does it, in the session's lane, so that no turn of it runs. Returns whether it was done: one that was used meanwhile stays.
async fn apply(gateway: &Arc<Gateway>, step: &Step) -> Result<bool, RpcError> {
    let row = &step.record.row;
    let place = Place { key: row.key.clone(), agent: row.agent.clone() };
    let done = in_lane(gateway, &place, async || {
        let now = gateway.store.session(&place.key).await.map_err(refuse)?;
        if now.is_none_or(|now| now != step.record) {
            return Ok(false);
        }
        match step.act {
            Act::Delete => {
                gateway.agents.delete_session(&place.key, true).await.map_err(refuse)?;
            }
            Act::Archive => {
                let at = i64::try_from(now_ms()).unwrap_or(i64::MAX);
                let change = Box::new(move |settings: &mut SessionSettings| settings.archived_at = Some(at));
                gateway.agents.patch_session(&place.key, &place.agent, change).await.map_err(refuse)?;
            }
        }
        Ok(true)
    });
    let done = done.await?;
    if done {
        let reason = if step.act == Act::Delete { "delete" } else { "patch" };
        session_events::changed_by(gateway, &place.key, &place.agent, reason).await;
    }
    Ok(done)
}

/// `sessions.cleanup`
pub(super) async fn cleanup(
    gateway: &Arc<Gateway>,
    params: SessionsCleanupParams,
) -> Result<SessionsCleaned, RpcError> {
    let config = gateway.settings.config();
    let agent = match params.agent.as_deref().map(str::trim).filter(|agent| !agent.is_empty()) {
        Some(named) => Some(rows::place(gateway, "main", Some(named))?.agent),
        None => None,
    };
    let mode = config.session.maintenance.mode;
    let dry_run = params.dry_run == Some(true);
    let applies = !dry_run && (mode == MaintenanceMode::Enforce || params.enforce == Some(true));
    if applies {
        rows::storing(gateway)?;
    }
    let key = params.active_key.as_deref().map(|key| key.trim().to_lowercase());
    let (mut stores, mut actions) = (Vec::new(), Vec::new());
    let mut room = MOST;
    for (agent_id, (before, steps)) in look(gateway, agent, key.as_deref()).await? {
        let mut store = StoreCleaned {
            agent_id,
            store_path: gateway.paths.database().display().to_string(),
            before_count: before,
            after_count: before,
            ..StoreCleaned::default()
        };
        for step in steps {
            if applies {
                if room == 0 {
                    break;
                }
                match apply(gateway, &step).await {
                    Ok(true) => room -= 1,
                    Ok(false) => continue,
                    Err(error) => {
                        warn!(
                            session = step.record.row.key,
                            "a session is not looked after: {}", error.message
                        );
                        // What refuses one refuses the next: another look comes.
                        room = 0;
                        break;
                    }
                }
            }
            store.after_count = store.after_count.saturating_sub(1);
            match step.why {
                Why::Age => store.pruned += 1,
                Why::Cap => store.capped += 1,
            }
            actions.push(CleanupAction {
                action: step.word().to_owned(),
                agent_id: store.agent_id.clone(),
                age_ms: now_ms().saturating_sub(rows::time(step.record.row.updated_at)),
                key: step.record.row.key,
            });
        }
        stores.push(store);
    }
    Ok(SessionsCleaned {
        ok: true,
        all_agents: params.agent.is_none(),
        mode: mode.as_str().to_owned(),
        dry_run,
        applied: applies,
        stores,
        actions,
    })
}

/// Looks after sessions now and then, until the gateway ends.
pub(crate) async fn keep_up(gateway: Arc<Gateway>) {
    let mut closing = gateway.hub.closing();
    loop {
        // The end of the gateway comes first or the time does.
        tokio::select! {
            () = tokio::time::sleep(hurried(EVERY)) => {}
            _ = closing.wait_for(|&closing| closing) => return,
        }
        failpoint!("gateway.upkeep");
        let enforces = gateway.settings.config().session.maintenance.mode == MaintenanceMode::Enforce;
        let params = SessionsCleanupParams { dry_run: Some(!enforces), ..SessionsCleanupParams::default() };
        match cleanup(&gateway, params).await {
            Ok(done) if done.actions.is_empty() => {}
            Ok(done) if done.applied => {
                info!("{} session(s) put away or forgotten (session.maintenance)", done.actions.len());
            }
            Ok(due) => warn!(
                "{} session(s) would be put away or forgotten (session.maintenance.mode is warn); see `openclaw sessions \
                 cleanup --dry-run`",
                due.actions.len()
            ),
            Err(error) => warn!("sessions are not looked after now: {}", error.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use openclaw_store::{SessionRow, Usage};

    use super::*;

    const DAY: i64 = 24 * 3600 * 1_000;
    const NOW: i64 = 1_000 * DAY;

    fn record(key: &str, days: i64) -> SessionRecord {
        let row = SessionRow {
            key: key.to_owned(),
            session_id: "s".to_owned(),
            agent: "main".to_owned(),
            created_at: 0,
            updated_at: NOW - days * DAY,
            model: None,
            usage: Usage::default(),
        };
        SessionRecord { row, settings: SessionSettings::default() }
    }

    fn rules(days: u64, max_entries: usize) -> UpkeepRules {
        let prune_after = Some(Duration::from_secs(days * 24 * 3600));
        UpkeepRules { prune_after, max_entries, preserve_recent: None }
    }

    fn planned(records: &[SessionRecord], rules: UpkeepRules) -> Vec<String> {
        let steps = plan(records.to_vec(), rules, NOW, |record| record.row.key.ends_with(":main"));
        steps.into_iter().map(|step| format!("{} {}", step.word(), step.record.row.key)).collect()
    }

    #[test]
    fn conversations_of_people_stay_and_what_was_made_for_one_run_goes() {
        let check = |key, expected| assert_eq!(act_on(key), expected, "{key}");
        check("agent:main:chat:direct:7", None);
        check("agent:main:direct:7", None);
        check("agent:main:chat:group:-5:topic:3", None);
        check("agent:main:chat:work:direct:7", None);
        check("global", None);
        check("agent:main:hook:1234", Some(Act::Delete));
        check("hook:1234", Some(Act::Delete));
        check("agent:main:ci:run:1234", Some(Act::Delete));
        check("agent:main:explicit:model-run-1", Some(Act::Delete));
        check("agent:main:explicit:1234", Some(Act::Archive));
        check("agent:main:openai-user:ada", Some(Act::Archive));
    }

    #[test]
    fn what_was_not_used_for_long_is_put_away() {
        let mut pinned = record("agent:main:explicit:pinned", 90);
        pinned.settings.pinned_at = Some(1);
        let records = [
            record("agent:main:explicit:old", 31),
            record("agent:main:explicit:new", 29),
            record("agent:main:hook:old", 40),
            record("agent:main:chat:direct:7", 90),
            record("agent:main:main", 90),
            pinned,
        ];
        let expected = ["prune-age agent:main:hook:old", "archive-age agent:main:explicit:old"];
        assert_eq!(planned(&records, rules(30, 100)), expected);
        let never = UpkeepRules { prune_after: None, ..rules(30, 100) };
        assert!(planned(&records, never).is_empty());
    }

    #[test]
    fn where_there_are_too_many_the_oldest_go_first() {
        let records = [
            record("agent:main:main", 9),
            record("agent:main:explicit:a", 1),
            record("agent:main:explicit:b", 3),
            record("agent:main:hook:c", 2),
            record("agent:main:chat:direct:7", 8),
        ];
        assert!(planned(&records, rules(30, 5)).is_empty());
        let expected = ["archive-cap agent:main:explicit:b", "prune-cap agent:main:hook:c"];
        assert_eq!(planned(&records, rules(30, 3)), expected);
        assert_eq!(planned(&records, rules(30, 1)).len(), 3, "what stays may be more than is wanted");
        let recent =
            UpkeepRules { preserve_recent: Some(Duration::from_secs(4 * 24 * 3600)), ..rules(30, 3) };
        assert_eq!(planned(&records, recent), ["prune-cap agent:main:hook:c"]);
    }
}
