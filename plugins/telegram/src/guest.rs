//! The shell around the protocol: the only part that calls the gateway.

use std::cell::RefCell;
use std::rc::Rc;

use openclaw_pace::Quiet;
use openclaw_sdk::channel::{Channel, Failure, Identity, Message, Outbound, Outcome, Start, Target, Typing};
use openclaw_sdk::clock;
use openclaw_sdk::events::Events;
use openclaw_sdk::http::{Answer, Error, Method, Request};
use openclaw_sdk::inbound::{self, Admission, AdmitError, Connection};
use openclaw_sdk::log::{self, Level};
use openclaw_sdk::race::{First, race};

use crate::config::Config;
use crate::host::Host;
use crate::{poll, probe, send, typing};

struct Telegram;

openclaw_sdk::export_channel!(Telegram);
openclaw_sdk::export_typing!(Telegram);

thread_local! {
    static CONFIG: RefCell<Config> = RefCell::new(Config::default());
    static TYPING: Rc<RefCell<Quiet>> = Rc::new(RefCell::new(typing::QUIET));
}

/// The most that is read of an answer; the manifest grants as much.
const MAX_ANSWER: usize = 4 << 20;

impl Channel for Telegram {
    async fn run(start: Start) -> Result<(), Failure> {
        match Config::parse(&start.config) {
            Ok(config) => CONFIG.set(config),
            Err(error) => return Err(Failure::permanent("config", &format!("channels.telegram: {error}"))),
        }
        // Dropping the loop is safe anywhere: an update whose admission is under way comes again and is known then.
        match race(Events::new().shutdown(), poll::run(&Gateway, start.cursor.as_deref())).await {
            First::Left(()) => Ok(()),
            First::Right(ended) => ended,
        }
    }

    async fn send(outbound: Outbound) -> Outcome {
        let config = CONFIG.with_borrow(Config::clone);
        send::send(&Gateway, &outbound, &config).await
    }

    async fn probe() -> Result<Identity, Failure> {
        probe::probe(&Gateway).await
    }
}

impl Typing for Telegram {
    async fn notify(target: Target) -> Result<(), Failure> {
        let quiet = TYPING.with(Rc::clone);
        typing::notify(&Gateway, &target, &quiet).await
    }
}

/// The real gateway.
struct Gateway;

impl Host for Gateway {
    async fn post(&self, method: &str, body: Vec<u8>, timeout_ms: u64) -> Result<Answer, Error> {
        Request::new("api", Method::Post, &format!("/{method}"), timeout_ms).json(body).send(MAX_ANSWER).await
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
