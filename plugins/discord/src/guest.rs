//! The shell around the protocol: the only part that calls the gateway.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use openclaw_pace::Quiet;
use openclaw_sdk::channel::{Channel, Failure, Identity, Message, Outbound, Outcome, Start, Target, Typing};
use openclaw_sdk::clock;
use openclaw_sdk::events::{Events, Occurrence, cancel_timer, set_timer};
use openclaw_sdk::http::{Answer, Error, Request};
use openclaw_sdk::inbound::{self, Admission, AdmitError, Connection};
use openclaw_sdk::log::{self, Level};
use openclaw_sdk::sockets::{Opening, Payload, Socket};

use crate::config::Config;
use crate::host::{Call, Host, Incoming, Source};
use crate::rest::Rest;
use crate::send::Dms;
use crate::{probe, receive, send, typing};

struct Discord;

openclaw_sdk::export_channel!(Discord);
openclaw_sdk::export_typing!(Discord);

/// What the calls of one instance share.
struct Account {
    config: RefCell<Rc<Config>>,
    rest: Rest,
    dms: Dms,
    quiet: RefCell<Quiet>,
}

thread_local! {
    static ACCOUNT: Rc<Account> = Rc::new(Account {
        config: RefCell::default(),
        rest: Rest::new(),
        dms: Dms::default(),
        quiet: RefCell::new(typing::QUIET),
    });
}

impl Account {
    fn config(&self) -> Rc<Config> {
        Rc::clone(&self.config.borrow())
    }
}

/// The most that is read of an answer; the manifest grants as much.
const MAX_ANSWER: usize = 1 << 20;

impl Channel for Discord {
    async fn run(start: Start) -> Result<(), Failure> {
        let account = ACCOUNT.with(Rc::clone);
        match Config::parse(&start.config) {
            Ok(config) => account.config.replace(Rc::new(config)),
            Err(error) => return Err(Failure::permanent("config", &format!("channels.discord: {error}"))),
        };
        let config = account.config();
        let (gateway, mut arrivals) = (Gateway::default(), Arrivals(Events::new()));
        receive::run(&gateway, &mut arrivals, &account.rest, &config, start.cursor.as_deref()).await
    }

    async fn send(outbound: Outbound) -> Outcome {
        let account = ACCOUNT.with(Rc::clone);
        send::send(&Gateway::default(), &account.rest, &account.dms, &outbound, &account.config()).await
    }

    async fn probe() -> Result<Identity, Failure> {
        let account = ACCOUNT.with(Rc::clone);
        probe::probe(&Gateway::default(), &account.rest, &account.config()).await
    }
}

impl Typing for Discord {
    async fn notify(target: Target) -> Result<(), Failure> {
        let account = ACCOUNT.with(Rc::clone);
        typing::notify(&Gateway::default(), &account.rest, &account.dms, &account.quiet, &target).await
    }
}

/// The real gateway.
#[derive(Default)]
struct Gateway {
    /// The session opens one at a time.
    socket: Cell<Option<Socket>>,
}

impl Gateway {
    fn socket(&self, number: u32) -> Option<Socket> {
        self.socket.get().filter(|socket| socket.number() == number)
    }
}

impl Host for Gateway {
    async fn http(&self, call: &Call) -> Result<Answer, Error> {
        let request = Request::new("api", call.method, &call.path, call.timeout_ms);
        let request = if call.body.is_empty() { request } else { request.json(call.body.clone()) };
        request.send(MAX_ANSWER).await
    }

    async fn open(&self, host: Option<&str>) -> Result<u32, String> {
        let mut opening = Opening::new("gateway").query("v", "10").query("encoding", "json");
        if let Some(host) = host {
            opening = opening.host(host);
        }
        let socket = opening.open().await.map_err(|error| error.detail)?;
        self.socket.set(Some(socket));
        Ok(socket.number())
    }

    async fn send(&self, socket: u32, text: String) -> Result<(), String> {
        match self.socket(socket) {
            Some(socket) => socket.text(text).await.map_err(|error| error.detail),
            None => Err("the socket is closed".to_owned()),
        }
    }

    fn close(&self, socket: u32, code: u16) {
        if let Some(socket) = self.socket(socket) {
            socket.close(code, "");
        }
    }

    fn arm(&self, timer: &str, ms: u64) {
        set_timer(timer, ms);
    }

    fn disarm(&self, timer: &str) {
        cancel_timer(timer);
    }

    async fn admit(&self, message: Message, cursor: Vec<u8>) -> Result<Admission, AdmitError> {
        inbound::admit(message, Some(cursor)).await
    }

    async fn sleep(&self, ms: u64) {
        clock::sleep(ms).await;
    }

    fn state(&self, connection: Connection) {
        inbound::state(&connection);
    }

    fn log(&self, level: Level, message: &str) {
        log::write(level, message, &[]);
    }

    fn monotonic_us(&self) -> u64 {
        clock::monotonic_us()
    }
}

/// The events of the instance.
struct Arrivals(Events);

impl Source for Arrivals {
    async fn next(&mut self) -> Incoming {
        loop {
            match self.0.next().await {
                Occurrence::Timer(name) => return Incoming::Timer(name),
                Occurrence::Shutdown => return Incoming::Shutdown,
                Occurrence::Closed(closed) => {
                    return Incoming::Closed {
                        socket: closed.socket,
                        code: closed.code,
                        reason: closed.reason,
                    };
                }
                Occurrence::Frame(frame) => match frame.payload {
                    Payload::Text(text) => return Incoming::Frame { socket: frame.socket, text },
                    // Discord was asked for JSON without compression.
                    Payload::Binary(_) => log::write(Level::Warn, "skipping a binary frame", &[]),
                },
                // There is no process.
                Occurrence::Line(_) | Occurrence::Exited(_) => {}
            }
        }
    }
}
