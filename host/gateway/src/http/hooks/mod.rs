//! `/hooks/*`: what other programs may start, under a token of their own (openclaw-compat §4.10). Who calls is decided
//! here; what an agent makes of it is `openclaw-agents`'s business.
//!
//! Invariants: nothing is read of a body before the token is right; what came from outside reaches an agent marked as such
//! and is never a command; a repeated request with the same idempotency key starts nothing twice.

mod guesses;
mod rules;
mod run;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Extension, Request, State};
use axum::response::Response;
use futures::future::join_all;
use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use openclaw_access::{SharedSecret, bearer};
use openclaw_agents::Pushed;
use openclaw_config::{Owner, SessionMode, WakeMode};
use openclaw_hooks::{Action, Context, MOST_ITEMS, Mapped, Named, Run, Wake};
use openclaw_models::UnknownLevel;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio::time::timeout;
use tracing::warn;

use super::body::{self, NoBody};
use super::gate::closing;
use super::reply;
use super::routes::Route;
use super::server::Origin;
use crate::accounts;
use crate::live::Live;
use crate::process::Gateway;
use crate::settings::Settings;
use crate::{wakes, wiring};
use guesses::Guesses;
use rules::Rules;
use run::{HookRun, Prepared, Replays};

/// The longest body.
const MAX_BODY: usize = 256 * 1024;
/// How long a request that starts several runs waits for their admission.
const FAN_OUT: Duration = Duration::from_secs(8);
/// Failures that the answer to such a request spells out.
const SPELLED_OUT: usize = 5;

/// Hooks, as the configuration in force has them.
#[derive(Debug)]
pub(crate) struct Hooks {
    rules: Live<Option<Rules>>,
    guesses: Guesses,
    replays: Arc<Replays>,
}

impl Hooks {
    /// Judges `hooks.*`. `own` is what clients of the gateway itself present.
    ///
    /// # Errors
    /// Why hooks cannot be served as the section says.
    pub(crate) fn load(settings: &Settings, own: &SharedSecret) -> Result<Hooks, String> {
        let rules = Live::new(judge(settings, own)?);
        Ok(Hooks { rules, guesses: Guesses::default(), replays: Arc::default() })
    }

    /// Takes another configuration over. One that cannot be served turns hooks off.
    pub(crate) fn renew(&self, settings: &Settings, own: &SharedSecret) {
        match judge(settings, own) {
            Ok(rules) => self.rules.set(rules),
            Err(why) => {
                warn!(subsystem = "hooks", "no hook is served: {why}");
                self.rules.set(None);
            }
        }
    }
}

/// The rules of the configuration in force. A section with a fault is off: the report has said so.
fn judge(settings: &Settings, own: &SharedSecret) -> Result<Option<Rules>, String> {
    let current = settings.current();
    if current.loaded.report.disabled().contains_key(&Owner::Hooks) {
        return Ok(None);
    }
    wiring::may_wait(&current.config, || Rules::of(&current.config, &settings.secrets(&current.config), own))
}

/// Serves hooks, and answers everything else that no route serves.
pub(super) async fn or_not_found(
    State(gateway): State<Arc<Gateway>>,
    Extension(origin): Extension<Origin>,
    request: Request,
) -> Response {
    let rules = gateway.hooks.rules.get();
    let below = |rules: &Rules| {
        let rest = request.uri().path().strip_prefix(rules.path.as_str())?;
        (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_matches('/').to_owned())
    };
    let Some(path) = rules.as_ref().as_ref().and_then(below) else { return reply::not_found() };
    let mut response =
        answer(&gateway, origin, &rules, &path, request).await.unwrap_or_else(|refused| refused);
    response.extensions_mut().insert(Route::Hooks);
    response
}

/// One request, judged by the rules that held when it came.
struct Hook<'a> {
    gateway: &'a Arc<Gateway>,
    rules: &'a Rules,
    channels: Vec<&'a str>,
    /// Of the request, where it is repeatable.
    key: Option<String>,
    path: &'a str,
}

async fn answer(
    gateway: &Arc<Gateway>,
    origin: Origin,
    held: &Arc<Option<Rules>>,
    path: &str,
    request: Request,
) -> Result<Response, Response> {
    let Some(rules) = held.as_ref() else { return Err(reply::not_found()) };
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default();
    if query.split('&').any(|part| part.split('=').next() == Some("token")) {
        let text = "Hook token must be provided via Authorization: Bearer <token> or X-OpenClaw-Token header (query \
                    parameters are not allowed).";
        return Err(reply::text(StatusCode::BAD_REQUEST, text));
    }
    if head.method != Method::POST {
        return Err(reply::method_not_allowed("POST"));
    }
    if let Some(refused) = refuse(gateway, origin, rules, &head.headers) {
        return Err(refused);
    }
    if path.is_empty() {
        return Err(reply::not_found());
    }
    let body = match body::read(&head.headers, body, MAX_BODY).await {
        Ok(body) => body,
        Err(NoBody::TooLarge) => {
            return Err(closing(failed(StatusCode::PAYLOAD_TOO_LARGE, "payload too large")));
        }
        Err(NoBody::TooSlow) => {
            return Err(closing(failed(StatusCode::REQUEST_TIMEOUT, "request body timeout")));
        }
        Err(NoBody::Broken) => return Err(bad("the request body could not be read")),
    };
    if let Some(why) = gateway.store.refusal() {
        return Err(not_storing(why.code()));
    }
    let payload = openclaw_hooks::read(&body).map_err(bad)?;
    if !Arc::ptr_eq(held, &gateway.hooks.rules.get()) {
        return Err(failed(StatusCode::CONFLICT, "hook configuration changed; retry request"));
    }
    let fields = openclaw_hooks::fields(&payload);
    let plugins = gateway.plugins.get();
    let hook = Hook {
        gateway,
        rules,
        channels: plugins.channel_ids().collect(),
        key: openclaw_hooks::idempotency_key(&head.headers, fields),
        path,
    };
    match path {
        "wake" => {
            let wake = Wake::read(fields).map_err(bad)?;
            hook.wake(&wake, Named::Outside).map(|answer| reply::json(StatusCode::OK, &answer)).map_err(bad)
        }
        "agent" => hook.agent(fields).await,
        _ => {
            let context = Context { payload: &payload, headers: &head.headers, query, path };
            match openclaw_hooks::apply(&rules.mappings, context, &hook.channels) {
                None => Err(reply::not_found()),
                Some(mapped) => hook.mapped(mapped.map_err(bad)?).await,
            }
        }
    }
}

/// The answer to a caller that does not have the token.
fn refuse(gateway: &Gateway, origin: Origin, rules: &Rules, headers: &HeaderMap) -> Option<Response> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let presented =
        text(AUTHORIZATION.as_str()).and_then(bearer).or_else(|| text("x-openclaw-token").map(str::trim));
    let client = gateway.access.peer(origin.0.ip(), headers).client;
    if presented.is_some_and(|token| rules.token.matches(token)) {
        gateway.hooks.guesses.right(client);
        return None;
    }
    gateway.metrics.refused("HOOK_UNAUTHORIZED");
    match gateway.hooks.guesses.wrong(client, Instant::now()) {
        Ok(()) => Some(reply::text(StatusCode::UNAUTHORIZED, "Unauthorized")),
        Err(wait) => {
            let seconds = wait.as_secs().max(1);
            warn!(subsystem = "hooks", "hook auth throttled for {client}; retry-after={seconds}s");
            let mut response = reply::text(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            Some(response)
        }
    }
}

impl Hook<'_> {
    /// Tells a session of an event, at once or when it takes its next turn.
    fn wake(&self, wake: &Wake, by: Named) -> Result<Value, String> {
        let agent = self.rules.agent(wake.agent.as_deref(), by)?;
        let session = match wake.session.as_deref() {
            Some(named) => self.rules.wake_session(&agent, named, by)?,
            None => self.gateway.main_session_of(&agent),
        };
        let outcome = match self.gateway.system_events().push(&session, &wake.text, None) {
            Pushed::Queued => "queued",
            Pushed::Coalesced => "coalesced",
        };
        if wake.mode == WakeMode::Now {
            wakes::wake(self.gateway, agent, session);
        }
        Ok(json!({"ok": true, "mode": wake.mode.as_str(), "eventOutcome": outcome}))
    }

    async fn agent(&self, fields: &Map<String, Value>) -> Result<Response, Response> {
        let wait = match fields.get("waitForCompletion") {
            None => false,
            Some(Value::Bool(wait)) => *wait,
            Some(_) => return Err(bad("waitForCompletion must be boolean")),
        };
        let run = Run::read(fields, &self.channels).map_err(bad)?;
        if run.mode == SessionMode::Persistent && !self.rules.restricts_keys() {
            return Err(bad(
                "hooks.allowedSessionKeyPrefixes is required when direct hook sessionMode is persistent",
            ));
        }
        let run = self.start(run, Named::Outside, 0).map_err(bad)?;
        let (status, body) = run.answer(wait).await;
        Ok(reply::json(status, &body))
    }

    async fn mapped(&self, mapped: Mapped) -> Result<Response, Response> {
        if mapped.dropped > 0 {
            warn!(
                subsystem = "hooks",
                "hook mapping {} dropped {} items beyond the {}-item cap",
                self.path,
                mapped.dropped,
                MOST_ITEMS
            );
        }
        let mut woken = None;
        let mut runs = Vec::new();
        for (number, action) in (0..).zip(mapped.actions) {
            match action {
                Action::Wake(wake, by) => woken = Some(self.wake(&wake, by).map_err(bad)?),
                Action::Run(run, by) => {
                    if openclaw_hooks::lacks_session(&run, self.rules.has_default_session()) {
                        return Err(bad(
                            "sessionKey or hooks.defaultSessionKey is required when mapped hook \
                                        sessionMode is persistent",
                        ));
                    }
                    let number = if mapped.fan_out { number } else { 0 };
                    runs.push(self.start(run, by, number).map_err(bad)?);
                }
            }
        }
        match (runs.as_slice(), woken) {
            ([], Some(woken)) => Ok(reply::json(StatusCode::OK, &woken)),
            ([], None) => {
                let mut response = reply::text(StatusCode::NO_CONTENT, "");
                response.headers_mut().remove(http::header::CONTENT_TYPE);
                Ok(response)
            }
            ([run], _) => {
                let (status, body) = run.answer(false).await;
                Ok(reply::json(status, &body))
            }
            (runs, _) => Ok(fan_out(runs).await),
        }
    }

    /// Starts a run; `number` tells the equal ones of one request apart.
    fn start(&self, run: Run, by: Named, number: usize) -> Result<Arc<HookRun>, String> {
        let agent = self.rules.agent(run.agent.as_deref(), by)?;
        let session = self.rules.run_session(&agent, run.session.as_deref(), by)?;
        if let Some(model) = &run.model
            && let Err(why) = self.gateway.models.catalog().resolve(model)
        {
            return Err(format!("Model '{model}' is not allowed for agent '{agent}': {why}."));
        }
        let thinking = run.thinking.as_deref().map(str::parse).transpose();
        let thinking = thinking.map_err(|unknown: UnknownLevel| unknown.to_string())?;
        let account = match &run.to {
            Some(to) => Some(accounts::resolve(self.gateway, &to.channel, to.account.as_deref())?),
            None => None,
        };
        let fresh = run.session.is_none() && !self.rules.has_default_session();
        // The same key with another content is another request.
        let key = self.key.as_ref().map(|key| {
            let digest = Sha256::digest(format!("{key}\n{}\n{agent}\n{number}\n{run:?}", self.path));
            digest.iter().map(|byte| format!("{byte:02x}")).collect()
        });
        Ok(run::dispatch(self.gateway, key, Prepared { run, thinking, agent, session, fresh, account }))
    }
}

/// The answer to a request that started several runs; those that wait still go on.
async fn fan_out(runs: &[Arc<HookRun>]) -> Response {
    let all = join_all(runs.iter().map(|run| timeout(FAN_OUT, run.answer(false)))).await;
    let (mut admitted, mut failures, mut pending) = (Vec::new(), Vec::new(), 0);
    for answer in all {
        match answer {
            Err(_) => pending += 1,
            Ok((status, body)) if status.is_success() => admitted.extend(body.get("runId").cloned()),
            Ok((_, body)) => failures.extend(body.get("error").cloned()),
        }
    }
    if failures.is_empty() && pending == 0 {
        let body = json!({
            "ok": true, "runId": admitted.first(), "runIds": admitted, "dispatched": admitted.len(),
        });
        return reply::json(StatusCode::OK, &body);
    }
    let error = format!(
        "hook fan-out incomplete: {}/{} dispatched, {} failed, {pending} pending",
        admitted.len(),
        runs.len(),
        failures.len()
    );
    failures.truncate(SPELLED_OUT);
    let body = json!({"ok": false, "error": error, "runIds": admitted, "errors": failures});
    reply::json(StatusCode::SERVICE_UNAVAILABLE, &body)
}

fn failed(status: StatusCode, error: impl Into<String>) -> Response {
    reply::json(status, &json!({"ok": false, "error": error.into()}))
}

/// What a hook starts would not be stored.
fn not_storing(code: &'static str) -> Response {
    let error = reply::not_storing(code);
    let body = json!({"ok": false, "error": error.message, "code": code});
    let mut response = reply::json(StatusCode::SERVICE_UNAVAILABLE, &body);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(reply::STORE_AGAIN));
    response
}

fn bad(error: impl Into<String>) -> Response {
    failed(StatusCode::BAD_REQUEST, error)
}
