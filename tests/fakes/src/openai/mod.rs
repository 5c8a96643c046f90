//! A backend that speaks the OpenAI dialect of chats and embeddings: <https://platform.openai.com/docs/api-reference>. What it answers
//! depends on the request's model id, or on a [`Mode`] that was set or scripted.

mod embeddings;
mod mode;
mod render;

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Method, Request, Response};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

pub use embeddings::embedding;
pub use mode::Mode;

use crate::server::{self, Cut, Handler, Reply, Server};

/// Requests kept in the log.
const LOG: usize = 10_000;

/// A running backend.
#[derive(Debug)]
pub struct FakeOpenai {
    server: Server,
    state: Arc<State>,
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When.
    pub at: Instant,
    /// The verb.
    pub method: String,
    /// The path.
    pub path: String,
    /// Lower-case names; values that are not text are left out.
    pub headers: Vec<(String, String)>,
    /// The JSON body, or null.
    pub body: Value,
}

impl Seen {
    /// The first header with this lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(set, _)| set == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug, Default)]
struct State {
    instant: AtomicBool,
    inner: Mutex<Inner>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    mode: Option<Mode>,
    script: VecDeque<Mode>,
    key: Option<String>,
    seen: VecDeque<Seen>,
}

impl FakeOpenai {
    /// Starts on any free port.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> io::Result<Self> {
        Self::start_on(0).await
    }

    /// Starts on `127.0.0.1:port`.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start_on(port: u16) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let server = Server::start(port, Arc::clone(&state)).await?;
        Ok(Self { server, state })
    }

    /// For `models.providers.<id>.baseUrl`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.server.address)
    }

    /// Answers every chat request with fixed bytes, at once, without reading or logging it: for measurements. A request
    /// whose body says `"stream":true` gets 19 chunks.
    pub fn set_instant(&self, instant: bool) {
        self.state.instant.store(instant, Ordering::Relaxed);
    }

    /// Answers every chat and embeddings request like this, whatever its model.
    pub fn set_mode(&self, mode: Mode) {
        self.state.lock().mode = Some(mode);
    }

    /// Answers the next chat and embeddings requests like this, one each; after them as before.
    pub fn script(&self, modes: impl IntoIterator<Item = Mode>) {
        self.state.lock().script.extend(modes);
    }

    /// Refuses every request without this Bearer key.
    pub fn require_key(&self, key: &str) {
        self.state.lock().key = Some(key.to_owned());
    }

    /// The requests so far, oldest first (at most 10,000).
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.state.lock().seen.iter().cloned().collect()
    }

    /// How many requests there were so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.state.lock().seen.len()
    }

    /// The chat requests so far.
    #[must_use]
    pub fn chats(&self) -> Vec<Seen> {
        self.requests().into_iter().filter(|seen| seen.path.ends_with("/chat/completions")).collect()
    }

    /// The embeddings requests so far.
    #[must_use]
    pub fn embeddings(&self) -> Vec<Seen> {
        self.requests().into_iter().filter(|seen| seen.path.ends_with("/embeddings")).collect()
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.server.accepted.load(Ordering::Relaxed)
    }

    /// Forgets the requests so far.
    pub fn clear(&self) {
        self.state.lock().seen.clear();
    }

    /// Waits until `count` requests have arrived; `false` when the deadline came first.
    pub async fn wait_for(&self, count: usize, deadline: Duration) -> bool {
        let arrived = async {
            loop {
                let next = self.state.arrived.notified();
                if self.state.lock().seen.len() >= count {
                    return;
                }
                next.await;
            }
        };
        tokio::time::timeout(deadline, arrived).await.is_ok()
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers the request and says how to answer it.
    fn note(&self, seen: Seen) -> Mode {
        let asks = ["/chat/completions", "/embeddings"].iter().any(|path| seen.path.ends_with(path));
        let model = seen.body.get("model").and_then(Value::as_str).unwrap_or_default().to_owned();
        let authorized =
            seen.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
        let mut inner = self.lock();
        if inner.seen.len() >= LOG {
            inner.seen.pop_front();
        }
        inner.seen.push_back(seen);
        let mode = match &inner.key {
            Some(key) if authorized.as_deref() != Some(key) => Mode::Unauthorized,
            _ if asks => {
                let scripted = inner.script.pop_front().or_else(|| inner.mode.clone());
                scripted.unwrap_or_else(|| Mode::of_model(&model))
            }
            _ => Mode::Echo,
        };
        drop(inner);
        self.arrived.notify_waiters();
        mode
    }

    fn control(&self, body: &[u8]) -> Response<Reply> {
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        if let Some(mode) = asked.get("mode") {
            match serde_json::from_value::<Option<Mode>>(mode.clone()) {
                Ok(mode) => self.lock().mode = mode,
                Err(error) => return server::json(400, &json!({"error": error.to_string()})),
            }
        }
        let inner = self.lock();
        let seen = inner.seen.iter().map(|seen| json!({"path": seen.path, "body": seen.body}));
        server::json(200, &json!({"mode": inner.mode, "requests": seen.collect::<Vec<_>>()}))
    }
}

impl Handler for State {
    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Reply>, Cut> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        if self.instant.load(Ordering::Relaxed) && head.method == Method::POST {
            return Ok(render::instant(&body));
        }
        if head.uri.path() == "/__ctl" {
            return Ok(self.control(&body));
        }
        let parsed: Value = serde_json::from_slice(&body).unwrap_or_default();
        let headers = head.headers.iter();
        let mode = self.note(Seen {
            at: Instant::now(),
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            headers: headers
                .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
                .collect(),
            body: parsed.clone(),
        });
        match (&head.method, head.uri.path()) {
            _ if matches!(mode, Mode::Unauthorized) => Ok(render::refusal(&mode)),
            (&Method::GET, path) if path.ends_with("/models") => Ok(render::models()),
            (&Method::POST, path) if path.ends_with("/chat/completions") => answer(mode, &parsed).await,
            (&Method::POST, path) if path.ends_with("/embeddings") => match mode {
                Mode::Hang => std::future::pending().await,
                Mode::Reset => Err(Cut),
                mode => Ok(embeddings::answer(&mode, &parsed)),
            },
            _ => Ok(server::json(
                404,
                &json!({"error": {"message": "Unknown request URL", "type": "invalid_request_error"}}),
            )),
        }
    }
}

async fn answer(mode: Mode, request: &Value) -> Result<Response<Reply>, Cut> {
    let stream = request.get("stream").and_then(Value::as_bool).unwrap_or_default();
    match mode {
        Mode::Hang => std::future::pending().await,
        Mode::Reset => Err(Cut),
        Mode::Late { delay_ms } => {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
            Ok(render::answer(&Mode::Echo, request))
        }
        Mode::Chunks { count, delay_ms } if stream => {
            let text: Vec<String> = (0..count).map(|index| format!("drip{index} ")).collect();
            Ok(dripping(render::events(request, &text, None), Duration::from_millis(delay_ms), false))
        }
        Mode::Words { pause_ms } if stream => {
            let text: Vec<String> = render::echo(request).split_inclusive(' ').map(str::to_owned).collect();
            Ok(dripping(render::events(request, &text, None), Duration::from_millis(pause_ms), false))
        }
        Mode::Recite { text, pause_ms } => {
            let text = render::recite(request, text.as_deref());
            if !stream {
                return Ok(render::answer(&Mode::Say(text), request));
            }
            let words: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
            Ok(dripping(render::events(request, &words, None), Duration::from_millis(pause_ms), false))
        }
        Mode::Cut { after } if stream => {
            let text: Vec<String> = (0..after).map(|index| format!("word{index} ")).collect();
            // The role comes before the text; neither finish nor end mark follows.
            let events = render::events(request, &text, None).into_iter().take(1 + text.len()).collect();
            Ok(dripping(events, Duration::ZERO, true))
        }
        Mode::Cut { .. } => {
            let half = Bytes::from_static(br#"{"id":"chatcmpl-cut","choices":[{"mess"#);
            let mut response = dripping(vec![half], Duration::ZERO, true);
            response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
            Ok(response)
        }
        mode => Ok(render::answer(&mode, request)),
    }
}

/// Sends each event after a pause, and ends well or with a cut.
fn dripping(events: Vec<Bytes>, pause: Duration, cut: bool) -> Response<Reply> {
    let (pieces, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        for event in events {
            tokio::time::sleep(pause).await;
            // Nobody listens any more: the client has gone.
            if pieces.send(Ok(event)).await.is_err() {
                return;
            }
        }
        if cut {
            // What was sent before has to leave first, or hyper drops it with the connection.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let _ = pieces.send(Err(Cut)).await;
        }
    });
    let mut response = Response::new(Reply::Pieces(receiver));
    response.headers_mut().insert("content-type", HeaderValue::from_static("text/event-stream"));
    response
}
