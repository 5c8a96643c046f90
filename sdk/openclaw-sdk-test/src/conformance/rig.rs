//! A channel, its vendor, and the fault that the vendor has at the moment.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::rc::Rc;

use openclaw_sdk::account::Account;
use openclaw_sdk::channel::{Failure, Outbound, Outcome, WebhookRequest, WebhookResponse};
use openclaw_sdk::host::Host;
use openclaw_sdk::http::{Answer, ErrorKind};
use openclaw_sdk::race::{First, race};
use openclaw_sdk::sockets::{Opening, Payload};

use crate::fake::FakeHost;
use crate::outbound::outbound;
use crate::vendor::{Act, Asked, Opened, Reply, Vendor};

/// A vendor that works, and that keeps what it is told until it is acknowledged.
pub trait Model: Vendor {
    /// Somebody writes a text, which is message `n`, counted from 1. With the same `n` the same message comes again.
    fn say(&mut self, n: u64, text: &str);

    /// How many messages, from the first on, the vendor may have forgotten, because the account has acknowledged them.
    fn acknowledged(&self) -> u64;

    /// The texts that people can see, as they see them, in their order.
    fn visible(&self) -> Vec<String>;

    /// Whether a request sends a message; all others are taken for a part of receiving.
    fn is_post(&self, request: &Asked) -> bool;

    /// How the vendor refuses a credential.
    fn unauthorised(&self) -> Reply;

    /// How the vendor refuses a credential for a socket.
    fn unauthorised_socket(&self) -> Opened {
        Opened::refused(401)
    }

    /// How the vendor says that there were too many requests.
    fn limited(&self, retry_after_s: Option<u64>) -> Reply;

    /// What the vendor sends to the gateway's port now, for a channel that takes webhooks.
    fn calls(&mut self) -> Option<WebhookRequest> {
        None
    }

    /// What the account answered to it.
    fn answered(&mut self, response: &WebhookResponse) {
        let _ = response;
    }
}

/// A channel, as the suite has to know it.
pub trait Subject {
    /// What is tested.
    type Account: Account;
    /// Its vendor.
    type Model: Model + 'static;

    /// The account's section of the configuration.
    const CONFIG: &'static str = "{}";
    /// Where messages are sent.
    const ROOM: &'static str;
    /// The longest text that the vendor takes, in UTF-16 code units.
    const LIMIT: usize;

    /// A vendor to which nothing has been said.
    fn model() -> Self::Model;

    /// For a channel that takes webhooks: `account.handle(host, request).await`.
    fn handle(
        account: &Self::Account,
        host: &FakeHost,
        request: &WebhookRequest,
    ) -> impl Future<Output = WebhookResponse> {
        let _ = (account, host, request);
        async { WebhookResponse { status: 501, headers: Vec::new(), body: Vec::new() } }
    }
}

/// What is wrong with the vendor.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    Unauthorised,
    Limited(Option<u64>),
    /// Status 502, with a page for people.
    Broken,
    /// No connection.
    NotSent,
    /// The connection is lost before the vendor has read the request.
    LostBefore,
    /// The connection is lost after the vendor has done what was asked.
    LostAfter,
    /// The vendor never answers.
    Silent,
    /// The vendor does what was asked and answers this.
    Says(Vec<u8>),
    /// The vendor does what was asked, and its answer is cut after so many bytes.
    Cut(usize),
}

/// Which requests it concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    Posts,
    TheRest,
    All,
}

pub(crate) struct Rig<S: Subject> {
    pub(crate) host: FakeHost,
    pub(crate) model: Rc<RefCell<S::Model>>,
    fault: Rc<RefCell<Option<(Of, Fault)>>>,
}

impl<S: Subject> Rig<S> {
    pub(crate) fn new() -> Self {
        Self::seeded(0)
    }

    pub(crate) fn seeded(seed: u64) -> Self {
        let model = Rc::new(RefCell::new(S::model()));
        let fault = Rc::default();
        let vendor = Faulty { model: Rc::clone(&model), fault: Rc::clone(&fault), sockets: Vec::new() };
        Self { host: FakeHost::with_vendor(vendor).seed(seed).latency(5), model, fault }
    }

    /// With so many messages waiting.
    pub(crate) fn told(messages: u64) -> Self {
        let rig = Self::new();
        rig.say(1..=messages);
        rig
    }

    pub(crate) fn say(&self, numbers: impl IntoIterator<Item = u64>) {
        for n in numbers {
            self.model.borrow_mut().say(n, &text(n));
        }
    }

    pub(crate) fn fails(&self, of: Of, fault: Fault) {
        self.fault.replace(Some((of, fault)));
    }

    pub(crate) fn works(&self) {
        self.fault.replace(None);
    }

    pub(crate) fn account() -> S::Account {
        let account = S::Account::configure(S::CONFIG);
        account.unwrap_or_else(|failure| panic!("the subject's CONFIG is refused: {}", failure.detail))
    }

    /// Runs a new instance for `ms`, or until so many messages have been taken over; then it dies. All the while nothing
    /// is acknowledged that the gateway does not have.
    pub(crate) fn lives(&mut self, ms: u64, until: Option<usize>) {
        self.host = self.host.restarted();
        let cursor = self.host.cursor();
        let account = Self::account();
        let reached = || {
            let taken = self.host.admitted().len();
            let acknowledged = self.model.borrow().acknowledged();
            assert!(
                acknowledged <= taken as u64,
                "{acknowledged} messages are acknowledged, and the gateway has {taken}"
            );
            until.is_some_and(|until| taken >= until)
        };
        let run = self.receives(&account, cursor.as_deref());
        if let Some(ended) = self.host.run_until(ms, reached, run) {
            panic!("the account has ended by itself: {ended:?}");
        }
    }

    /// What the gateway does with a running account: besides `run` it hands it what the vendor sends to its port.
    pub(crate) async fn receives(&self, account: &S::Account, cursor: Option<&[u8]>) -> Result<(), Failure> {
        match race(account.run(&self.host, cursor), self.hands_over(account)).await {
            First::Left(ended) => ended,
            First::Right(never) => match never {},
        }
    }

    async fn hands_over(&self, account: &S::Account) -> Infallible {
        loop {
            let fault = self.fault.borrow().clone();
            let call = self.model.borrow_mut().calls();
            match (call, fault) {
                (Some(call), None) => {
                    let response = S::handle(account, &self.host, &call).await;
                    self.model.borrow_mut().answered(&response);
                }
                (Some(call), Some((_, Fault::Says(body)))) => {
                    S::handle(account, &self.host, &WebhookRequest { body, ..call }).await;
                }
                // What is wrong with the vendor keeps it from calling too.
                _ => {}
            }
            self.host.sleep(500).await;
        }
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.host.admitted().into_iter().map(|admitted| admitted.message.text).collect()
    }

    pub(crate) fn assert_taken(&self, messages: u64) {
        let expected: Vec<String> = (1..=messages).map(text).collect();
        assert_eq!(self.texts(), expected, "what the gateway took over");
    }

    pub(crate) fn sends(&self, text: &str) -> Outcome {
        let account = Self::account();
        let message: Outbound = outbound(S::ROOM, text);
        let sent = self.host.run_for(60_000, account.send(&self.host, &message));
        sent.expect("a send comes to an end within the 60 s that the gateway waits")
    }

    pub(crate) fn visible(&self) -> Vec<String> {
        self.model.borrow().visible()
    }

    pub(crate) fn requests(&self) -> usize {
        self.host.calls().len() + self.host.opened().len()
    }
}

/// What message `n` says.
pub(crate) fn text(n: u64) -> String {
    format!("message {n}")
}

struct Faulty<M> {
    model: Rc<RefCell<M>>,
    fault: Rc<RefCell<Option<(Of, Fault)>>>,
    sockets: Vec<u32>,
}

impl<M> Faulty<M> {
    fn fault(&self, post: bool) -> Option<Fault> {
        let fault = self.fault.borrow();
        let (of, fault) = fault.as_ref()?;
        let concerned = match of {
            Of::Posts => post,
            Of::TheRest => !post,
            Of::All => true,
        };
        concerned.then(|| fault.clone())
    }
}

impl<M: Model> Vendor for Faulty<M> {
    fn http(&mut self, request: &Asked, now_ms: u64) -> Reply {
        let mut model = self.model.borrow_mut();
        let fault = self.fault(model.is_post(request));
        match fault {
            None => model.http(request, now_ms),
            Some(Fault::Unauthorised) => model.unauthorised(),
            Some(Fault::Limited(wait)) => model.limited(wait),
            Some(Fault::Broken) => Reply::answer(502, "<html>bad gateway</html>"),
            Some(Fault::NotSent) => Reply::Fail(ErrorKind::NotSent),
            Some(Fault::LostBefore) => Reply::Fail(ErrorKind::Interrupted),
            Some(Fault::LostAfter) => {
                model.http(request, now_ms);
                Reply::Fail(ErrorKind::Interrupted)
            }
            Some(Fault::Silent) => Reply::Never,
            Some(Fault::Says(body)) => instead(model.http(request, now_ms), &|_| body.clone()),
            Some(Fault::Cut(at)) => {
                instead(model.http(request, now_ms), &|body| body.get(..at).unwrap_or(body).to_vec())
            }
        }
    }

    fn open(&mut self, socket: u32, opening: &Opening, now_ms: u64) -> Opened {
        match self.fault(false) {
            None => {
                self.sockets.push(socket);
                self.model.borrow_mut().open(socket, opening, now_ms)
            }
            Some(Fault::Unauthorised) => self.model.borrow().unauthorised_socket(),
            Some(Fault::Limited(_)) => Opened::refused(429),
            Some(Fault::Broken) => Opened::refused(502),
            Some(Fault::NotSent | Fault::LostBefore | Fault::LostAfter) => Opened::not_connected(),
            Some(Fault::Silent) => Opened::Socket(Vec::new()),
            Some(Fault::Says(body)) => Opened::Socket(vec![
                Act::Text(String::from_utf8_lossy(&body).into_owned()),
                Act::Binary(body),
            ]),
            Some(Fault::Cut(_)) => Opened::Socket(vec![Act::Close(None, "cut".into())]),
        }
    }

    fn frame(&mut self, socket: u32, payload: &Payload, now_ms: u64) -> Vec<Act> {
        match self.fault(false) {
            None => self.model.borrow_mut().frame(socket, payload, now_ms),
            Some(_) => Vec::new(),
        }
    }

    fn news(&mut self, now_ms: u64) -> Vec<(u32, Vec<Act>)> {
        match self.fault(false) {
            None => self.model.borrow_mut().news(now_ms),
            // What is wrong with the vendor ends the sockets that it had.
            Some(_) => {
                let model = &self.model;
                let ended = self.sockets.drain(..).map(|socket| {
                    model.borrow_mut().closed(socket, 1006);
                    (socket, vec![Act::Close(None, "the connection was lost".into())])
                });
                ended.collect()
            }
        }
    }

    fn closed(&mut self, socket: u32, code: u16) {
        self.sockets.retain(|open| *open != socket);
        self.model.borrow_mut().closed(socket, code);
    }
}

fn instead(reply: Reply, change: &dyn Fn(&[u8]) -> Vec<u8>) -> Reply {
    match reply {
        Reply::Answer(answer) => Reply::Answer(Answer { body: change(&answer.body), ..answer }),
        Reply::After(ms, reply) => instead(*reply, change).after(ms),
        Reply::Fail(_) | Reply::Never | Reply::Over => reply,
    }
}

/// Answers that no vendor gives.
pub(crate) fn garbage() -> Vec<Vec<u8>> {
    let texts = [
        "",
        " ",
        "{",
        "{}",
        "[]",
        "[[]]",
        "null",
        "true",
        "0",
        "\"\"",
        "<html>",
        "{\"ok\":true}",
        "{\"ok\":true,\"result\":null}",
        "{\"ok\":true,\"result\":[{}]}",
        "{\"ok\":true,\"result\":[{\"update_id\":1e99}]}",
        "{\"messages\":[null,{},{\"id\":-1},{\"id\":1.5}]}",
        "{\"id\":\"\\ud800\"}",
        "{\"op\":0}",
        "{\"op\":10,\"d\":{\"heartbeat_interval\":-1}}",
        "{\"op\":255,\"d\":[]}",
        "\u{feff}{}",
        "\0",
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.push(vec![0xff, 0xfe, 0xfd]);
    all.push(b"[".repeat(100_000));
    all.push(b"{\"a\":".repeat(100_000));
    all
}

/// Texts in which a character is more than it seems.
pub(crate) const CHARACTERS: &[&str] = &[
    "plain",
    "\u{1f600}\u{1f600}",
    "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}",
    "\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{645}\u{631}\u{62d}\u{628}\u{627}",
    "e\u{301} n\u{303}",
    "\u{202e}abc\u{202c}",
    "\u{1f1e6}\u{1f1f9}",
    "zero\u{200b}width",
    "\u{fffd}\u{fffe}",
    "\u{10ffff}",
];
