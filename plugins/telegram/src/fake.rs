//! A gateway for tests: answers from a script, remembers what was asked, and its time passes only in `sleep`.

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

use crate::host::Host;

#[derive(Default)]
pub(crate) struct Fake {
    answers: RefCell<VecDeque<Result<Answer, Error>>>,
    admissions: RefCell<VecDeque<Result<Admission, AdmitError>>>,
    calls: RefCell<Vec<(String, Value)>>,
    admitted: RefCell<Vec<(Message, Value)>>,
    slept: RefCell<Vec<u64>>,
    states: RefCell<Vec<Connection>>,
    lines: RefCell<Vec<String>>,
    clock_us: Cell<u64>,
}

impl Fake {
    fn answers(self, answer: Result<Answer, Error>) -> Self {
        self.answers.borrow_mut().push_back(answer);
        self
    }

    pub(crate) fn raw(self, status: u16, body: &str) -> Self {
        self.answers(Ok(Answer { status, headers: Vec::new(), body: body.as_bytes().to_vec() }))
    }

    pub(crate) fn says(self, result: Value) -> Self {
        let mut body = json!({"ok": true});
        body["result"] = result;
        self.raw(200, &body.to_string())
    }

    pub(crate) fn sent(self, message_id: i64) -> Self {
        self.says(json!({"message_id": message_id}))
    }

    pub(crate) fn refuses(self, status: u16, description: &str, retry_after: Option<u64>) -> Self {
        let mut body = json!({"ok": false, "error_code": status, "description": description});
        if let Some(seconds) = retry_after {
            body["parameters"] = json!({"retry_after": seconds});
        }
        self.raw(status, &body.to_string())
    }

    pub(crate) fn fails(self, kind: ErrorKind) -> Self {
        self.answers(Err(Error { kind, detail: "why".into() }))
    }

    pub(crate) fn admits(self, admission: Result<Admission, AdmitError>) -> Self {
        self.admissions.borrow_mut().push_back(admission);
        self
    }

    pub(crate) fn set_clock_us(&self, us: u64) {
        self.clock_us.set(us);
    }

    pub(crate) fn calls(&self) -> Vec<(String, Value)> {
        self.calls.borrow().clone()
    }

    /// The parameters of each call of one method.
    pub(crate) fn calls_of(&self, method: &str) -> Vec<Value> {
        self.calls()
            .into_iter()
            .filter(|(name, _)| name == method)
            .map(|(_, parameters)| parameters)
            .collect()
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
    async fn post(&self, method: &str, body: Vec<u8>, _timeout_ms: u64) -> Result<Answer, Error> {
        self.calls.borrow_mut().push((method.to_owned(), serde_json::from_slice(&body).unwrap()));
        let answer = self.answers.borrow_mut().pop_front();
        match answer {
            Some(answer) => answer,
            // The script is over: whoever waits here waits for good.
            None => std::future::pending().await,
        }
    }

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
