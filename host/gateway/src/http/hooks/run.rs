//! Runs that hooks start: a turn of an agent in its session's lane, what becomes of the answer, and the memory by which a
//! repeated request is the same request (openclaw-compat §4.10). A run goes on when its caller has gone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use openclaw_agents::TurnRequest;
use openclaw_config::{SendPlace, SessionMode};
use openclaw_failpoints::failpoint;
use openclaw_hooks::Run;
use openclaw_messaging::{AccountKey, SendRequest, Target};
use openclaw_models::Thinking;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};
use uuid::Uuid;

use crate::conversation::withheld;
use crate::panics::caught;
use crate::process::Gateway;
use crate::turns::{self, NoTurn};

/// How long a run may wait for its session and for a free place.
const ADMISSION: Duration = Duration::from_secs(15);
/// How long an ended run is remembered under its idempotency key.
const TTL: Duration = Duration::from_secs(300);
/// Runs that are remembered; beyond it the one that ended first is forgotten.
const CAPACITY: usize = 1000;
/// Characters of an answer that the main session hears of.
const HEARD: usize = 2_000;
/// Characters of a name that a caller gives to a run.
const NAME: usize = 64;

/// Everything that is decided about a run before it starts.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) run: Run,
    /// How hard to think about it; `None`: as usual.
    pub(super) thinking: Option<Thinking>,
    pub(super) agent: String,
    /// As it is stored.
    pub(super) session: String,
    /// The session's key was made up for this run alone.
    pub(super) fresh: bool,
    pub(super) account: Option<AccountKey>,
}

/// A run, for those who wait for it.
#[derive(Debug)]
pub(super) struct HookRun {
    id: String,
    state: watch::Sender<State>,
}

#[derive(Debug, Clone)]
enum State {
    Waiting,
    Admitted,
    Refused(String),
    Ended(Value, Instant),
}

/// Remembered runs, by what makes a request the same.
#[derive(Debug, Default)]
pub(super) struct Replays(Mutex<HashMap<String, Arc<HookRun>>>);

impl Replays {
    /// The run of an earlier request with this key, or `start`'s. Runs that were refused are not remembered.
    fn enter(&self, key: Option<String>, start: impl FnOnce() -> Arc<HookRun>) -> Arc<HookRun> {
        let Some(key) = key else { return start() };
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        runs.retain(|_, run| match &*run.state.borrow() {
            State::Refused(_) => false,
            State::Ended(_, at) => now.duration_since(*at) < TTL,
            State::Waiting | State::Admitted => true,
        });
        if let Some(run) = runs.get(&key) {
            return Arc::clone(run);
        }
        if runs.len() >= CAPACITY {
            let ended = runs.iter().filter_map(|(key, run)| match &*run.state.borrow() {
                State::Ended(_, at) => Some((key.clone(), *at)),
                _ => None,
            });
            let oldest = ended.min_by_key(|(_, at)| *at);
            oldest.and_then(|(key, _)| runs.remove(&key));
        }
        let run = start();
        // Without room the run is not remembered; it runs all the same.
        if runs.len() < CAPACITY {
            runs.insert(key, Arc::clone(&run));
        }
        run
    }
}

/// Starts a run, or finds the one that an equal request has started.
pub(super) fn dispatch(gateway: &Arc<Gateway>, key: Option<String>, prepared: Prepared) -> Arc<HookRun> {
    let gateway = Arc::clone(gateway);
    let replays = Arc::clone(&gateway.hooks.replays);
    replays.enter(key, move || {
        let run =
            Arc::new(HookRun { id: Uuid::new_v4().to_string(), state: watch::Sender::new(State::Waiting) });
        let told = Arc::clone(&run);
        tokio::spawn(async move {
            let ended = caught(take_turn(&gateway, &told, prepared)).await;
            let lost = || State::Refused("the run broke off inside the gateway".to_owned());
            told.state.send_replace(ended.unwrap_or_else(lost));
        });
        run
    })
}

impl HookRun {
    /// The answer once the run is admitted, or once it has ended.
    pub(super) async fn answer(&self, until_ended: bool) -> (StatusCode, Value) {
        let mut state = self.state.subscribe();
        let settled = |state: &State| match state {
            State::Waiting => false,
            State::Admitted => !until_ended,
            State::Refused(_) | State::Ended(..) => true,
        };
        let state = match state.wait_for(settled).await {
            Ok(state) => state.clone(),
            Err(_) => State::Refused("the run was lost".to_owned()),
        };
        match state {
            State::Refused(why) => {
                (StatusCode::SERVICE_UNAVAILABLE, json!({"ok": false, "error": why, "runId": self.id}))
            }
            State::Ended(completion, _) if until_ended => {
                (StatusCode::OK, json!({"ok": true, "runId": self.id, "completion": completion}))
            }
            _ => (StatusCode::OK, json!({"ok": true, "runId": self.id})),
        }
    }
}

async fn take_turn(gateway: &Arc<Gateway>, told: &HookRun, prepared: Prepared) -> State {
    let Prepared { run, thinking, agent, session, fresh, account } = prepared;
    let isolated = run.mode == SessionMode::Isolated;
    // Each isolated run has a transcript of its own, below the session that orders them.
    let transcript = if isolated && !fresh { format!("{session}:run:{}", told.id) } else { session.clone() };
    let ticket = match gateway.messaging.lanes().enter(&session) {
        Ok(ticket) => ticket,
        Err(error) => return State::Refused(error.to_string()),
    };
    let lane = match timeout(ADMISSION, ticket.ready()).await {
        Ok(Ok(lane)) => lane,
        Ok(Err(error)) => return State::Refused(error.to_string()),
        Err(_) => {
            return State::Refused(format!(
                "the session is busy: the run did not begin within {} s",
                ADMISSION.as_secs()
            ));
        }
    };
    told.state.send_replace(State::Admitted);
    failpoint!("http.hook");
    let name = one_line(&run.name, NAME);
    let message = if run.unsafe_content {
        run.message.clone()
    } else {
        openclaw_hooks::wrap(&run.message, "webhook", &Uuid::new_v4().simple().to_string())
    };
    let request = TurnRequest {
        run_id: Some(told.id.clone()),
        agent_id: agent.clone(),
        session_key: transcript.clone(),
        fresh: isolated,
        message,
        model: run.model.clone(),
        thinking,
        timeout: run.timeout,
        // What came from outside is never a command.
        plain: true,
        ..TurnRequest::default()
    };
    let ended = turns::run_in(lane, gateway, "hooks", request).await;
    info!(
        subsystem = "hooks",
        session = transcript,
        "hook run {} ({name}) {}",
        told.id,
        if ended.is_ok() { "completed" } else { "failed" }
    );
    let completion =
        deliver(gateway, &run, &name, (&agent, &session), account, &told.id, ended.map(|turn| turn.reply))
            .await;
    State::Ended(completion, Instant::now())
}

/// Sends the answer where it belongs, and says what became of it.
async fn deliver(
    gateway: &Arc<Gateway>,
    run: &Run,
    name: &str,
    (agent, session): (&str, &str),
    account: Option<AccountKey>,
    id: &str,
    ended: Result<String, NoTurn>,
) -> Value {
    let tell = |text: String| {
        gateway.system_events().push(&gateway.main_session_of(agent), &text, Some(&format!("hook:{id}")))
    };
    let reply = match ended {
        Ok(reply) => reply,
        Err(error) => {
            if run.deliver {
                tell(format!("Hook {name} failed: {}", one_line(&error.to_string(), HEARD)));
            }
            return json!({"status": "error"});
        }
    };
    if reply.trim().is_empty() {
        return json!({"status": "ok", "replyDisposition": "empty", "deliveryAttempted": false});
    }
    let visible = |fields: Value| {
        let mut completion = json!({"status": "ok", "replyDisposition": "visible"});
        if let (Some(all), Value::Object(fields)) = (completion.as_object_mut(), fields) {
            all.extend(fields);
        }
        completion
    };
    match (&run.to, account) {
        (Some(to), Some(account)) => {
            let place = SendPlace::of(&account.channel, session);
            if let Some(why) = withheld(&gateway.agents, place).await {
                info!(subsystem = "hooks", %account, session, "{why}");
                return visible(json!({"delivered": false, "deliveryAttempted": false}));
            }
            let request = SendRequest {
                account: account.clone(),
                target: Target { room: to.to.clone(), thread: None },
                text: reply,
                media: Vec::new(),
                reply_to: None,
                silent: false,
                idempotency_key: format!("hook-{id}"),
            };
            match gateway.messaging.send(request).await {
                Ok(_) => visible(json!({"delivered": true, "deliveryAttempted": true})),
                Err(error) => {
                    warn!(subsystem = "hooks", %account, code = error.code(), "the answer was not delivered: {error}");
                    let failed = json!({"delivered": false, "deliveryAttempted": true,
                        "deliveryError": "delivery-failed"});
                    visible(failed)
                }
            }
        }
        _ => {
            if run.deliver {
                tell(format!("Hook {name}: {}", one_line(&reply, HEARD)));
            }
            visible(json!({"deliveryAttempted": false}))
        }
    }
}

/// On one line and within a bound: what others wrote must not look like a line of its own.
fn one_line(text: &str, characters: usize) -> String {
    let words = text.split(|letter: char| letter.is_whitespace() || letter.is_control());
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    line.chars().take(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Arc<HookRun> {
        Arc::new(HookRun { id: Uuid::new_v4().to_string(), state: watch::Sender::new(State::Waiting) })
    }

    #[tokio::test(start_paused = true)]
    async fn a_repetition_finds_the_run_until_it_is_forgotten_or_was_refused() {
        let replays = Replays::default();
        let enter = |key: &str| replays.enter(Some(key.to_owned()), run);
        let first = enter("k");
        assert_eq!(enter("k").id, first.id);
        assert_ne!(replays.enter(None, run).id, first.id);
        first.state.send_replace(State::Ended(json!({}), Instant::now()));
        tokio::time::advance(TTL - Duration::from_secs(1)).await;
        assert_eq!(enter("k").id, first.id);
        tokio::time::advance(Duration::from_secs(2)).await;
        let second = enter("k");
        assert_ne!(second.id, first.id);
        second.state.send_replace(State::Refused("busy".into()));
        assert_ne!(enter("k").id, second.id);
    }

    #[tokio::test(start_paused = true)]
    async fn the_memory_is_bounded() {
        let replays = Replays::default();
        for number in 0..CAPACITY + 10 {
            let run = replays.enter(Some(number.to_string()), run);
            run.state.send_replace(State::Ended(json!({}), Instant::now()));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(replays.0.lock().unwrap().len(), CAPACITY);
    }

    #[tokio::test]
    async fn the_answer_comes_at_the_admission_or_at_the_end() {
        let run = run();
        run.state.send_replace(State::Admitted);
        assert_eq!(run.answer(false).await, (StatusCode::OK, json!({"ok": true, "runId": run.id})));
        run.state.send_replace(State::Ended(json!({"status": "ok"}), Instant::now()));
        let (_, ended) = run.answer(true).await;
        assert_eq!(ended["completion"], json!({"status": "ok"}));
        run.state.send_replace(State::Refused("busy".into()));
        assert_eq!(run.answer(false).await.0, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn what_others_wrote_stays_on_one_line() {
        assert_eq!(one_line("a\n\x1b[31m b\tc", 100), "a [31m b c");
        assert_eq!(one_line("abcdef", 3), "abc");
    }
}
