//! Clients of the control plane: each sends one message under a key of its own, and asks again with the same key, however often
//! the gateway dies, until it is answered.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use futures::{SinkExt, StreamExt};
use openclaw_e2e::GATEWAY_TOKEN;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::interval;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use crate::load::write;
use crate::vendors::POLLED;

/// The marks of what clients send begin here.
pub(crate) const FIRST: u64 = 1 << 40;
/// A client begins so often.
const EVERY: Duration = Duration::from_millis(250);
/// Clients that wait for their answer at a time.
const AT_ONCE: usize = 32;
/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// What a client was told of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The vendor has it.
    Sent,
    /// Nobody knows whether the vendor has it.
    Flagged,
    /// It goes out when the account can.
    Waits,
}

/// All clients of a run.
pub(crate) struct Clients {
    port: u16,
    begun: AtomicU64,
    attempts: AtomicU64,
    silent: AtomicBool,
    told: Mutex<HashMap<u64, Told>>,
}

impl Clients {
    pub(crate) fn of(port: u16) -> Arc<Self> {
        Arc::new(Self {
            port,
            begun: AtomicU64::new(0),
            attempts: AtomicU64::new(0),
            silent: AtomicBool::new(false),
            told: Mutex::default(),
        })
    }

    /// Clients come, until they are told to stop.
    pub(crate) async fn come(self: Arc<Self>, mut rng: Rng) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut ticks = interval(EVERY);
        while !self.silent.load(Ordering::Relaxed) {
            ticks.tick().await;
            let place = Arc::clone(&places).acquire_owned().await.unwrap();
            let mark = FIRST + self.begun.fetch_add(1, Ordering::Relaxed);
            let account = format!("bot{}", rng.usize(..POLLED));
            let clients = Arc::clone(&self);
            tokio::spawn(async move {
                let _place = place;
                let told = clients.insist(mark, &account).await;
                clients.told.lock().unwrap_or_else(PoisonError::into_inner).insert(mark, told);
            });
        }
    }

    /// Asks until there is an answer.
    async fn insist(&self, mark: u64, account: &str) -> Told {
        let params = json!({
            "channel": "telegram", "accountId": account, "to": format!("{}", 900_000 + mark % 7),
            "message": write(mark), "idempotencyKey": format!("key-{mark}"),
        });
        loop {
            self.attempts.fetch_add(1, Ordering::Relaxed);
            // No answer in time is no answer.
            let answer = tokio::time::timeout(ATTEMPT, ask(self.port, &params)).await.ok().flatten();
            if let Some(told) = answer.as_ref().and_then(read) {
                return told;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// No more clients come.
    pub(crate) fn hush(&self) {
        self.silent.store(true, Ordering::Relaxed);
    }

    /// How many came.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// How often they asked.
    pub(crate) fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }

    /// What each was told so far.
    pub(crate) fn told(&self) -> HashMap<u64, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One attempt over a connection of its own. `None`: there is no gateway, or it died before it answered.
async fn ask(port: u16, params: &Value) -> Option<Value> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let (mut socket, _) = client_async(format!("ws://127.0.0.1:{port}/"), stream).await.ok()?;
    let client = json!({"id": "gateway-client", "version": "1", "platform": "linux", "mode": "backend"});
    let connect = json!({
        "minProtocol": 4, "maxProtocol": 4, "client": client, "role": "operator",
        "scopes": ["operator.write"], "auth": {"token": GATEWAY_TOKEN},
    });
    for (id, method, params) in [("1", "connect", &connect), ("2", "send", params)] {
        let request = json!({"type": "req", "id": id, "method": method, "params": params});
        socket.send(Message::text(request.to_string())).await.ok()?;
        loop {
            let Message::Text(text) = socket.next().await?.ok()? else { continue };
            let frame: Value = serde_json::from_str(&text).ok()?;
            if frame["type"] == "res" && frame["id"] == id {
                if id == "2" {
                    return Some(frame);
                }
                break;
            }
        }
    }
    None
}

/// What an answer tells; nothing when the client has to ask again.
fn read(answer: &Value) -> Option<Told> {
    if answer["ok"] == true {
        return Some(Told::Sent);
    }
    match answer["error"]["message"].as_str()? {
        text if text.contains("may or may not have sent the message") => Some(Told::Flagged),
        text if text.contains("It waits in the outbox") => Some(Told::Waits),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read() {
        let refused = |text: &str| json!({"ok": false, "error": {"code": "UNAVAILABLE", "message": text}});
        assert_eq!(read(&json!({"ok": true, "payload": {}})), Some(Told::Sent));
        let flagged = "a:b may or may not have sent the message, and it is not sent again (interrupted): …";
        assert_eq!(read(&refused(flagged)), Some(Told::Flagged));
        let waits =
            "a:b has not sent the message yet (waiting): …. It waits in the outbox and goes out when …";
        assert_eq!(read(&refused(waits)), Some(Told::Waits));
        assert_eq!(read(&refused("the gateway is shutting down")), None);
    }
}
