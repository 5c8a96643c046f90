//! Plays a transcript: the vendor's part by itself, the account's by looking at what it does.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use openclaw_sdk::account::Account;
use openclaw_sdk::channel::{Failure, Outcome};
use openclaw_sdk::sockets::{Opening, Payload};
use serde_json::{Value, json};

use super::matching::difference;
use super::step::{self, Head, Step};
use crate::fake::FakeHost;
use crate::vendor::{Act, Asked, Opened, Reply, Vendor};

/// How long an account may take for the whole of a transcript.
const LONGEST_MS: u64 = 3_600_000;

/// Plays the transcript in `file` with the account `A`.
///
/// # Panics
///
/// The file cannot be read, or the account does something else than it says. The message names the line, what was expected
/// and what came.
pub fn replay<A: Account>(file: impl AsRef<Path>) {
    let file = file.as_ref();
    let text = std::fs::read_to_string(file)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}", file.display()));
    play::<A>(&file.display().to_string(), &text);
}

/// Plays every file in `folder` whose name ends in `.jsonl`.
///
/// # Panics
///
/// As [`replay`], and where there is none.
pub fn replay_all<A: Account>(folder: impl AsRef<Path>) {
    let folder = folder.as_ref();
    let entries = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "jsonl"));
    files.sort();
    assert!(!files.is_empty(), "{} has no transcript", folder.display());
    files.iter().for_each(replay::<A>);
}

fn play<A: Account>(name: &str, text: &str) {
    let (head, script) = read(name, text);
    let config = head.config.unwrap_or_else(|| json!({})).to_string();
    let account = A::configure(&config)
        .unwrap_or_else(|failure| panic!("{name}: the config is refused: {}", failure.detail));
    let script = Rc::new(script);
    let host = FakeHost::with_vendor(Player { script: Rc::clone(&script), socket: None });
    let cursor = head.cursor.map(|cursor| step::body(&cursor).into_bytes());
    let ended = host.run_for(LONGEST_MS, all(&host, &account, &script, head.run, cursor.as_deref()));
    if ended.is_none() {
        script.stuck();
    }
}

fn read(name: &str, text: &str) -> (Head, Script) {
    let mut head = Head::default();
    let mut steps = Vec::new();
    head.run = true;
    let lines = (1..).zip(text.lines()).map(|(number, line)| (number, line.trim()));
    for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with("//")) {
        let place = format!("{name}:{number}");
        let value: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{place}: this is no JSON: {error}"));
        if steps.is_empty() && value.get("transcript").is_some() {
            head = serde_json::from_value(value).unwrap_or_else(|error| panic!("{place}: {error}"));
            continue;
        }
        let step = serde_json::from_value(value)
            .unwrap_or_else(|_| panic!("{place}: no line of a transcript looks like this: {line}"));
        steps.push((place, step));
    }
    (head, Script { steps, at: Cell::new(0) })
}

/// The steps, and how many of them are done.
struct Script {
    steps: Vec<(String, Step)>,
    at: Cell<usize>,
}

impl Script {
    fn step(&self) -> Option<&Step> {
        self.steps.get(self.at.get()).map(|(_, step)| step)
    }

    fn is_over(&self) -> bool {
        self.at.get() >= self.steps.len()
    }

    /// This step is done: what came has to be what it expects.
    fn done(&self, what: &str, expected: &Value, got: &Value) {
        if let Some(difference) = difference(expected, got) {
            self.fail(&format!("{what} differs: {difference}\n  expected {expected}\n  got      {got}"));
        }
        self.at.set(self.at.get() + 1);
    }

    fn fail(&self, why: &str) -> ! {
        let place = self.steps.get(self.at.get()).map_or("at the end", |(place, _)| place.as_str());
        panic!("{place}: {why}")
    }

    fn stuck(&self) -> ! {
        self.fail(&format!("this never came: {:?}", self.step()))
    }
}

struct Player {
    script: Rc<Script>,
    socket: Option<u32>,
}

impl Vendor for Player {
    fn http(&mut self, request: &Asked, _now_ms: u64) -> Reply {
        let got = step::request(request);
        match self.script.step() {
            None => Reply::Over,
            Some(Step::Exchange(exchange)) => {
                let reply = exchange.reply().unwrap_or_else(|why| self.script.fail(&why));
                self.script.done("the request", &exchange.expect, &got);
                reply
            }
            Some(other) => self.script.fail(&format!("expected {other:?}\n  got the request {got}")),
        }
    }

    fn open(&mut self, socket: u32, opening: &Opening, _now_ms: u64) -> Opened {
        let got = step::opening(opening);
        match self.script.step() {
            None => Opened::Over,
            Some(Step::Open { open }) => {
                self.socket = Some(socket);
                self.script.done("the socket", open, &got);
                Opened::Socket(Vec::new())
            }
            Some(other) => self.script.fail(&format!("expected {other:?}\n  got a socket at {got}")),
        }
    }

    fn frame(&mut self, _socket: u32, payload: &Payload, _now_ms: u64) -> Vec<Act> {
        let got = step::payload(payload);
        match self.script.step() {
            None => {}
            Some(Step::Sent { sent }) => self.script.done("the message on the socket", sent, &got),
            Some(other) => self.script.fail(&format!("expected {other:?}\n  got the message {got}")),
        }
        Vec::new()
    }

    fn news(&mut self, _now_ms: u64) -> Vec<(u32, Vec<Act>)> {
        let act = match self.script.step() {
            Some(Step::Frame { frame }) => Act::Text(step::body(frame)),
            Some(Step::Close { close }) => {
                let code = close.as_u64().and_then(|code| u16::try_from(code).ok());
                Act::Close(code, "the transcript says so".to_owned())
            }
            _ => return Vec::new(),
        };
        let Some(socket) = self.socket else { self.script.fail("no socket is open") };
        self.script.at.set(self.script.at.get() + 1);
        vec![(socket, vec![act])]
    }
}

/// A send that is under way, the step that began it, and what is to come of it.
type Sending<'a> = (usize, Value, Pin<Box<dyn Future<Output = Outcome> + 'a>>);

/// Ends when the transcript is over and nothing of it is under way.
async fn all<A: Account>(host: &FakeHost, account: &A, script: &Script, run: bool, cursor: Option<&[u8]>) {
    let mut running = pin!(account.run(host, cursor));
    let ended: RefCell<Option<Result<(), Failure>>> = RefCell::new(None);
    let (mut taken, mut states) = (0, 0);
    let mut sending: Vec<Sending<'_>> = Vec::new();
    poll_fn(|context| {
        if run
            && ended.borrow().is_none()
            && let Poll::Ready(output) = running.as_mut().poll(context)
        {
            ended.replace(Some(output));
        }
        sending.retain_mut(|(begun, expected, send)| match send.as_mut().poll(context) {
            Poll::Pending => true,
            Poll::Ready(outcome) => {
                let got = step::outcome(&outcome);
                if let Some(difference) = difference(expected, &got) {
                    let place = &script.steps[*begun].0;
                    panic!("{place}: the outcome differs: {difference}\n  expected {expected}\n  got      {got}");
                }
                false
            }
        });
        loop {
            match script.step() {
                Some(Step::Admitted { admitted, cursor }) => {
                    let all = host.admitted();
                    let Some(next) = all.get(taken) else { break };
                    taken += 1;
                    let got = json!({"message": step::message(&next.message), "cursor": step::cursor(next.cursor.as_deref())});
                    script.done("the message", &json!({"message": admitted, "cursor": cursor}), &got);
                }
                Some(Step::Send { send, outcome }) => {
                    let message = send.outbound();
                    let send = Box::pin(async move { account.send(host, &message).await });
                    sending.push((script.at.get(), outcome.clone(), send));
                    script.at.set(script.at.get() + 1);
                    context.waker().wake_by_ref();
                }
                Some(Step::State { state }) => {
                    let all = host.states();
                    let is_it = |connection| *state == json!(step::state(connection));
                    let Some(found) = all.iter().skip(states).position(is_it) else { break };
                    states += found + 1;
                    script.done("the state", state, state);
                }
                Some(Step::Ended { ended: expected }) => {
                    let ended = ended.borrow();
                    let Some(output) = ended.as_ref() else { break };
                    let got = output.as_ref().map_or_else(step::failure, |()| Value::Null);
                    script.done("the end", expected, &got);
                }
                _ => break,
            }
        }
        if ended.borrow().is_some() && script.step().is_some_and(|step| !matches!(step, Step::Send { .. })) && sending.is_empty()
        {
            script.fail(&format!("the account has ended before this: {:?}", ended.borrow()));
        }
        if script.is_over() && sending.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    let more = host.admitted().len() - taken;
    assert_eq!(more, 0, "{} messages more were admitted than the transcript has", more);
}

#[cfg(test)]
mod tests {
    use openclaw_sdk::channel::{Identity, Outbound, Receipt};
    use openclaw_sdk::host::Host;
    use openclaw_sdk::http::{Method, Request};

    use super::*;

    /// Asks once, and sends by one request.
    struct Small;

    impl Account for Small {
        fn configure(_config: &str) -> Result<Self, Failure> {
            Ok(Self)
        }

        async fn run<H: Host>(&self, host: &H, _cursor: Option<&[u8]>) -> Result<(), Failure> {
            let answer = host.http(Request::new("api", Method::Get, "/me", 1_000)).await;
            answer.map(|_| ()).map_err(|error| Failure::unavailable("x", &error.detail))
        }

        async fn send<H: Host>(&self, host: &H, outbound: &Outbound) -> Outcome {
            let request = Request::new("api", Method::Post, "/say", 1_000);
            host.http(request.json(outbound.text.clone().into_bytes())).await.unwrap();
            Outcome::Sent(Receipt { message_ids: vec!["1".into()] })
        }

        async fn probe<H: Host>(&self, _host: &H) -> Result<Identity, Failure> {
            Err(Failure::permanent("x", "x"))
        }
    }

    fn message(text: &str) -> String {
        let caught = std::panic::catch_unwind(|| play::<Small>("t", text)).expect_err("it does not match");
        caught.downcast_ref::<String>().unwrap().clone()
    }

    #[test]
    fn what_happens_as_it_is_written_passes() {
        play::<Small>(
            "t",
            r#"
            {"transcript": "all that it does"}
            // A comment.
            {"expect": {"method": "GET", "path": "/me"}, "fails": "not-sent"}
            {"ended": {"kind": "unavailable"}}
            {"send": {"room": "r", "text": "hi"}, "outcome": {"sent": ["1"]}}
            {"expect": {"path": "/say", "body": "hi"}, "answer": {"status": 200}}
            "#,
        );
    }

    #[test]
    fn a_difference_names_the_line_and_both_sides() {
        let text = message(r#"{"expect": {"path": "/you"}, "answer": {"status": 200}}"#);
        assert!(text.starts_with("t:1: the request differs: /path is \"/me\", expected \"/you\""), "{text}");
        let text = message("\n{\"open\": {}}");
        assert!(text.starts_with("t:2: expected Open") && text.contains("got the request"), "{text}");
        let exchange = r#"{"expect": {}, "answer": {"status": 200}}"#;
        let text = message(&format!("{exchange}\n{{\"ended\": {{\"kind\": \"conflict\"}}}}"));
        assert!(text.starts_with("t:2: the end differs"), "{text}");
        let text = message(&format!("{exchange}\n{{\"admitted\": {{}}}}"));
        assert!(text.starts_with("t:2: the account has ended before this"), "{text}");
        let send = r#"{"send": {"room": "r", "text": "hi"}, "outcome": {"sent": ["2"]}}"#;
        let text = message(&format!("{{\"transcript\": \"\", \"run\": false}}\n{send}\n{exchange}"));
        assert!(text.starts_with("t:2: the outcome differs: /sent/0"), "{text}");
        assert!(message("{\"expects\": 1}").contains("no line of a transcript looks like this"));
        let text = message(&format!("{{\"transcript\": \"\", \"run\": false}}\n{exchange}"));
        assert!(text.starts_with("t:2: this never came"), "{text}");
    }
}
