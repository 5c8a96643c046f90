//! A gateway for tests: answers from a script, remembers what was asked, and its time passes only in `sleep`.
#![allow(
    clippy::needless_pass_by_value,
    reason = "a document that is made in place reads better without a borrow"
)]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use openclaw_sdk::channel::Message;
use openclaw_sdk::http::{Answer, Error, ErrorKind};
use openclaw_sdk::inbound::{Admission, AdmitError, Connection};
use openclaw_sdk::log::Level;
use serde_json::{Value, json};

use crate::host::{Call, Host, Incoming, Source};

#[derive(Default)]
pub(crate) struct Fake {
    answers: RefCell<VecDeque<Result<Answer, Error>>>,
    admissions: RefCell<VecDeque<Result<Admission, AdmitError>>>,
    sockets: RefCell<VecDeque<Result<u32, String>>>,
    calls: RefCell<Vec<(String, Value)>>,
    opened: RefCell<Vec<Option<String>>>,
    sent: RefCell<Vec<(u32, Value)>>,
    closed: RefCell<Vec<(u32, u16)>>,
    armed: RefCell<Vec<(String, u64)>>,
    admitted: RefCell<Vec<(Message, Value)>>,
    slept: RefCell<Vec<u64>>,
    states: RefCell<Vec<Connection>>,
    lines: RefCell<Vec<String>>,
    clock_us: Cell<u64>,
}

impl Fake {
    fn answer(self, answer: Result<Answer, Error>) -> Self {
        self.answers.borrow_mut().push_back(answer);
        self
    }

    pub(crate) fn answers(self, status: u16, headers: &[(&str, &str)], body: &Value) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.answer(Ok(Answer { status, headers, body: body.to_string().into_bytes() }))
    }

    pub(crate) fn says(self, body: Value) -> Self {
        self.answers(200, &[], &body)
    }

    pub(crate) fn says_nothing(self) -> Self {
        self.answer(Ok(Answer { status: 204, headers: Vec::new(), body: Vec::new() }))
    }

    pub(crate) fn refuses(self, status: u16, code: u64, message: &str) -> Self {
        self.answers(status, &[], &json!({"code": code, "message": message}))
    }

    pub(crate) fn limits(self, retry_after: f64) -> Self {
        let body =
            json!({"message": "You are being rate limited.", "retry_after": retry_after, "global": false});
        self.answers(429, &[], &body)
    }

    pub(crate) fn fails(self, kind: ErrorKind) -> Self {
        self.answer(Err(Error { kind, detail: "why".into() }))
    }

    pub(crate) fn admits(self, admission: Result<Admission, AdmitError>) -> Self {
        self.admissions.borrow_mut().push_back(admission);
        self
    }

    pub(crate) fn opens(self, socket: Result<u32, &str>) -> Self {
        self.sockets.borrow_mut().push_back(socket.map_err(str::to_owned));
        self
    }

    pub(crate) fn set_clock_us(&self, us: u64) {
        self.clock_us.set(us);
    }

    /// Method and path, and the body.
    pub(crate) fn calls(&self) -> Vec<(String, Value)> {
        self.calls.borrow().clone()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.calls().into_iter().map(|(path, _)| path).collect()
    }

    /// The hosts that were asked for.
    pub(crate) fn opened(&self) -> Vec<Option<String>> {
        self.opened.borrow().clone()
    }

    /// The frames of each socket.
    pub(crate) fn frames(&self) -> Vec<(u32, Value)> {
        self.sent.borrow().clone()
    }

    pub(crate) fn closed(&self) -> Vec<(u32, u16)> {
        self.closed.borrow().clone()
    }

    pub(crate) fn armed(&self) -> Vec<(String, u64)> {
        self.armed.borrow().clone()
    }

    pub(crate) fn admitted(&self) -> Vec<(Message, Value)> {
        self.admitted.borrow().clone()
    }

    pub(crate) fn slept(&self) -> Vec<u64> {
        self.slept.borrow().clone()
    }

    pub(crate) fn states(&self) -> Vec<Connection> {
        self.states.borrow().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }
}

impl Host for Fake {
    async fn http(&self, call: &Call) -> Result<Answer, Error> {
        let body =
            if call.body.is_empty() { Value::Null } else { serde_json::from_slice(&call.body).unwrap() };
        let method = format!("{:?}", call.method);
        let method = method.rsplit("::").next().unwrap().to_uppercase();
        self.calls.borrow_mut().push((format!("{method} {}", call.path), body));
        let answer = self.answers.borrow_mut().pop_front();
        match answer {
            Some(answer) => answer,
            // The script is over: whoever waits here waits for good.
            None => std::future::pending().await,
        }
    }

    async fn open(&self, host: Option<&str>) -> Result<u32, String> {
        self.opened.borrow_mut().push(host.map(str::to_owned));
        let socket = self.sockets.borrow_mut().pop_front();
        match socket {
            Some(socket) => socket,
            None => std::future::pending().await,
        }
    }

    async fn send(&self, socket: u32, text: String) -> Result<(), String> {
        self.sent.borrow_mut().push((socket, serde_json::from_str(&text).unwrap()));
        Ok(())
    }

    fn close(&self, socket: u32, code: u16) {
        self.closed.borrow_mut().push((socket, code));
    }

    fn arm(&self, timer: &str, ms: u64) {
        self.armed.borrow_mut().push((timer.to_owned(), ms));
    }

    fn disarm(&self, _timer: &str) {}

    async fn admit(&self, message: Message, cursor: Vec<u8>) -> Result<Admission, AdmitError> {
        let outcome = self.admissions.borrow_mut().pop_front().unwrap_or(Ok(Admission::Accepted));
        if outcome.is_ok() {
            self.admitted.borrow_mut().push((message, serde_json::from_slice(&cursor).unwrap()));
        }
        outcome
    }

    async fn sleep(&self, ms: u64) {
        self.slept.borrow_mut().push(ms);
        self.clock_us.set(self.clock_us.get() + ms * 1_000);
    }

    fn state(&self, connection: Connection) {
        self.states.borrow_mut().push(connection);
    }

    fn log(&self, _level: Level, message: &str) {
        self.lines.borrow_mut().push(message.to_owned());
    }

    fn monotonic_us(&self) -> u64 {
        self.clock_us.get()
    }
}

/// What arrives, from a script.
#[derive(Default)]
pub(crate) struct Arrivals(VecDeque<Incoming>);

impl Arrivals {
    pub(crate) fn frame(mut self, socket: u32, frame: &Value) -> Self {
        self.0.push_back(Incoming::Frame { socket, text: frame.to_string() });
        self
    }

    pub(crate) fn closed(mut self, socket: u32, code: Option<u16>) -> Self {
        self.0.push_back(Incoming::Closed { socket, code, reason: "why".into() });
        self
    }

    pub(crate) fn timer(mut self, name: &str) -> Self {
        self.0.push_back(Incoming::Timer(name.into()));
        self
    }

    pub(crate) fn shutdown(mut self) -> Self {
        self.0.push_back(Incoming::Shutdown);
        self
    }
}

impl Source for Arrivals {
    async fn next(&mut self) -> Incoming {
        match self.0.pop_front() {
            Some(incoming) => incoming,
            None => std::future::pending().await,
        }
    }
}

/// Runs a future whose script does not end.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    until_idle(future).expect("the script ended before the future did")
}

/// Runs a future until it is done or the script has ended.
pub(crate) fn until_idle<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
