//! The control plane's methods: who may call each, what an answer is, and one module for each family. Never reads a
//! socket: a method gets its parameters and a client, and returns its answer.

mod absent;
mod agent;
mod agents;
mod channels;
mod chat;
mod commands;
mod config;
mod dead_letters;
mod decisions;
mod devices;
mod diagnostics;
mod dispatch;
pub(crate) mod health;
mod limiter;
mod logs;
mod models;
mod outbound;
mod overview;
mod pairing;
mod plugins;
mod restart;
pub(crate) mod session_events;
mod sessions;
mod status;
mod system;
pub(crate) mod upkeep;

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use openclaw_failpoints::failpoint;
use openclaw_protocol::connect::ConnectParams;
use openclaw_protocol::system::Identity;
use openclaw_protocol::{Call, Method, Permission, Request, RpcError, Scope};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::OnceCell;

use crate::once::{Claim, Once, bound_elsewhere, busy};
use crate::panics::caught;
use crate::process::Gateway;
use crate::ws::Client;

/// What methods remember between calls.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    limiter: limiter::Limiter,
    schema: OnceLock<config::Built>,
    answers: Once<Asked, Result<Arc<RawValue>, RpcError>>,
    identity: OnceCell<Identity>,
}

/// What an idempotency key stands for.
#[derive(Debug, PartialEq)]
struct Asked {
    method: &'static str,
    client: String,
    route: String,
}

/// Who calls, and with what.
pub(crate) struct Caller {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) client: Arc<Client>,
    /// The request's id: every answer carries it.
    pub(crate) id: String,
}

/// A result that is encoded already, so that a snapshot is encoded once for all who ask.
type Outcome = Result<Arc<RawValue>, RpcError>;

/// One response frame.
#[derive(Debug)]
pub(crate) struct Answer {
    id: String,
    outcome: Outcome,
}

impl Answer {
    pub(crate) fn ok(id: impl Into<String>, payload: &impl Serialize) -> Answer {
        Answer { id: id.into(), outcome: encode(payload) }
    }

    pub(crate) fn error(id: impl Into<String>, error: RpcError) -> Answer {
        Answer { id: id.into(), outcome: Err(error) }
    }

    /// Whether the method was refused because it is not for this client's role.
    pub(crate) fn refuses_role(&self) -> bool {
        self.outcome.as_ref().is_err_and(RpcError::is_unauthorized_role)
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut frame = serializer.serialize_struct("Response", 4)?;
        frame.serialize_field("type", "res")?;
        frame.serialize_field("id", &self.id)?;
        frame.serialize_field("ok", &self.outcome.is_ok())?;
        match &self.outcome {
            Ok(payload) => frame.serialize_field("payload", &**payload)?,
            Err(error) => frame.serialize_field("error", error)?,
        }
        frame.end()
    }
}

fn encode(payload: &impl Serialize) -> Outcome {
    to_raw_value(payload).map(Arc::from).map_err(|error| {
        tracing::error!(%error, "an answer cannot be encoded");
        RpcError::unavailable("internal error")
    })
}

/// Runs one request to its (last) answer.
pub(crate) async fn answer(gateway: Arc<Gateway>, client: Arc<Client>, request: Request) -> Answer {
    let Request { id, method, params, .. } = request;
    let permitted = permit(&client, &method);
    let counted = permitted.and_then(|row| gateway.memory.limiter.count(row, &client, Instant::now()));
    if let Err(error) = counted {
        tracing::info!(subsystem = "gateway/ws", conn = client.conn_id, "⇄ res ✗ {method} {error}");
        gateway.metrics.method(&method, false);
        return Answer::error(id, error);
    }
    let caller = Caller { gateway, client, id: id.clone() };
    let asked = async {
        failpoint!("rpc.method");
        dispatch::dispatch(&caller, &method, params).await
    };
    // Whatever else the client has asked for goes on.
    let broke_off = || Err(RpcError::unavailable("internal error"));
    let outcome = caught(asked).await.unwrap_or_else(broke_off);
    caller.gateway.metrics.method(&method, outcome.is_ok());
    Answer { id, outcome }
}

/// The method's row, if this client may call it (openclaw-compat §2.13): a stranger to admin learns nothing about
/// methods that do not exist.
fn permit(client: &Client, method: &str) -> Result<&'static Method, RpcError> {
    if method == ConnectParams::METHOD {
        return Err(RpcError::connect_repeated());
    }
    let known = Method::find(method);
    let permission = known.map_or(Permission::Scope(Scope::Admin), |method| method.permission);
    permission.check(client.standing.role, |scope| client.may(scope))?;
    known.ok_or_else(|| RpcError::unknown_method(method))
}

/// Does `work` once for an idempotency key, however often and from however many sides it is asked; all get its answer. A
/// failure is not kept: the same request may be made again. The work goes on when the client has gone.
async fn once<T: Serialize>(
    caller: &Caller,
    method: &'static str,
    route: &str,
    key: &str,
    work: impl Future<Output = Result<T, RpcError>> + Send + 'static,
) -> Outcome {
    let asked = Asked { method, client: caller.client.owner(), route: route.to_owned() };
    let slot = match caller.gateway.memory.answers.enter(key, asked) {
        Claim::First(slot) => slot,
        Claim::Again(slot) => {
            let lost = || Err(RpcError::unavailable("the first request with this key was lost; try again"));
            return slot.answer().await.unwrap_or_else(lost);
        }
        Claim::Other => return Err(bound_elsewhere()),
        Claim::Full => return Err(busy()),
    };
    let (gateway, key) = (Arc::clone(&caller.gateway), key.to_owned());
    let done = tokio::spawn(async move {
        let work = async move {
            failpoint!("rpc.once");
            encode(&work.await?)
        };
        let outcome = tokio::spawn(work).await.unwrap_or_else(|lost| {
            tracing::error!("{method} broke off: {lost}");
            Err(RpcError::unavailable("internal error"))
        });
        if outcome.is_err() {
            gateway.memory.answers.forget(&key);
        }
        slot.end(outcome.clone());
        outcome
    });
    done.await.unwrap_or_else(|_| Err(RpcError::unavailable("internal error")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::testing;
    use serde_json::{Value, json};

    #[test]
    fn scopes_are_judged_as_observed() {
        let check = |scopes: &[Scope], method: &str, expected: Result<(), &str>| {
            let (client, _queue) = testing::client("c", scopes);
            let found = permit(&client, method).map(|_| ()).map_err(|error| error.message);
            assert_eq!(found, expected.map_err(str::to_owned), "{method} {scopes:?}");
        };
        check(&[], "health", Ok(()));
        check(&[], "status", Err("missing scope: operator.read"));
        check(&[Scope::Read], "status", Ok(()));
        check(&[Scope::Read], "agent", Err("missing scope: operator.write"));
        for method in ["config.get", "config.schema", "config.schema.lookup"] {
            check(&[Scope::Read], method, Ok(()));
            check(&[], method, Err("missing scope: operator.read"));
        }
        for method in ["config.set", "config.patch", "config.apply"] {
            check(&[Scope::Write], method, Err("missing scope: operator.admin"));
            check(&[Scope::Admin], method, Ok(()));
        }
        check(&[Scope::Read], "nope.method", Err("missing scope: operator.admin"));
        check(&[Scope::Admin], "nope.method", Err("unknown method: nope.method"));
        check(&[Scope::Admin], "connect", Err("connect is only valid as the first request"));
    }

    #[test]
    fn an_answer_is_a_response_frame() {
        let check = |answer: Answer, expected: Value| {
            let text = serde_json::to_string(&answer).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
        };
        check(
            Answer::ok("r1", &json!({"a": 1})),
            json!({"type": "res", "id": "r1", "ok": true, "payload": {"a": 1}}),
        );
        check(
            Answer::error("r2", RpcError::unknown_method("x")),
            json!({"type": "res", "id": "r2", "ok": false,
                "error": {"code": "INVALID_REQUEST", "message": "unknown method: x"}}),
        );
    }
}
