//! The way of a message on a real ledger, with a sender and agents that are held, scripted and killed.

mod blocks;
mod clock;
mod dead_letters;
mod streaming;
mod together;

use std::future::Future;

use openclaw_store::{Claim, ConversationKey, OutboxState, Receipt};

use super::*;
use crate::channel::{Failure, Outcome};
use crate::settings::DmPolicy;
use crate::testing::{self, Echo, Memory, within};

/// One gateway's life on a ledger that outlives it.
struct Life {
    store: Store,
    sender: Arc<Memory>,
    echo: Arc<Echo>,
    messaging: Messaging,
}

fn options() -> Options {
    Options {
        turn_deadline: Duration::from_secs(60),
        retry_min: Duration::from_millis(1),
        retry_max: Duration::from_millis(5),
        send_attempts: 3,
        ..Options::default()
    }
}

impl Life {
    async fn begin(dir: &tempfile::TempDir) -> Self {
        Self::with(dir, DmPolicy::Open, options(), Memory::new()).await
    }

    async fn with(dir: &tempfile::TempDir, dm: DmPolicy, options: Options, sender: Arc<Memory>) -> Self {
        Self::tuned(dir, dm, options, sender, |_| {}).await
    }

    async fn tuned(
        dir: &tempfile::TempDir,
        dm: DmPolicy,
        options: Options,
        sender: Arc<Memory>,
        tune: impl FnOnce(&mut AccountSettings),
    ) -> Self {
        let store = Store::open(&dir.path().join("gateway.sqlite")).await.unwrap();
        let echo = Arc::new(Echo::default());
        let mut settings = testing::settings();
        settings.policy.dm = dm;
        if dm == DmPolicy::Open {
            settings.policy.allow_from = testing::list(&["*"]);
        }
        settings.text_limit = 40;
        // So that each room has a session of its own.
        settings.dm_scope = crate::settings::DmScope::PerPeer;
        if dm == DmPolicy::Pairing {
            settings.text_limit = 4000;
        }
        tune(&mut settings);
        let (as_sender, as_runner) = (Arc::<Memory>::clone(&sender), Arc::<Echo>::clone(&echo));
        let messaging =
            Messaging::start(store.clone(), as_sender, as_runner, vec![settings], options).await.unwrap();
        Self { store, sender, echo, messaging }
    }

    async fn hear(&self, id: &str, sender: &str, text: &str) -> Admission {
        let message = testing::message(id, sender, text);
        self.messaging.admit(&testing::account(), message, Some(id.as_bytes().to_vec())).await.unwrap()
    }

    /// As `kill -9` does it: nothing ends, everything is gone.
    async fn kill(self) {
        self.messaging.shutdown(Duration::ZERO).await;
        self.store.close().await;
    }

    async fn counts(&self) -> Counts {
        self.messaging.queues().await.unwrap().ledger
    }

    async fn settled(&self) {
        eventually(async || {
            let counts = self.counts().await;
            (counts.undecided, counts.unfinished, counts.pending, counts.sending) == (0, 0, 0, 0)
        })
        .await;
    }
}

async fn eventually<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) {
    within(async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

fn request(key: &str, text: &str) -> SendRequest {
    SendRequest {
        account: testing::account(),
        target: Target { room: "r".into(), thread: None },
        text: text.into(),
        media: Vec::new(),
        reply_to: None,
        silent: false,
        idempotency_key: key.into(),
    }
}

#[tokio::test]
async fn how_the_last_send_ended_is_remembered() {
    let failure = || Failure::new("503", "no answer");
    let silent = Some(Some("no answer".to_owned()));
    for (outcomes, expected) in [
        (vec![Outcome::Sent(Receipt { message_ids: vec!["1".into()] })], Some(None)),
        (vec![Outcome::Permanent(failure())], Some(None)),
        (vec![Outcome::Ambiguous(failure())], silent.clone()),
        (vec![Outcome::Unauthorised(failure())], silent.clone()),
        (
            vec![Outcome::Retryable(failure()), Outcome::Retryable(failure()), Outcome::Retryable(failure())],
            silent,
        ),
        (vec![Outcome::Retryable(failure())], Some(None)),
        (vec![Outcome::NotRunning(failure())], None),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let life = Life::begin(&dir).await;
        let sends = outcomes.len();
        life.sender.answer_next(outcomes.clone());
        life.hear("1", "a", "x").await;
        life.sender.reaches(sends).await;
        let last = || life.messaging.last_send(&testing::account()).map(|last| last.unanswered);
        eventually(async || last() == expected).await;
        life.kill().await;
    }
}

#[tokio::test]
async fn a_stranger_is_answered_only_after_an_approval() {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::with(&dir, DmPolicy::Pairing, options(), Memory::new()).await;
    life.hear("1", "u1", "hello").await;
    life.hear("2", "u1", "hello?").await;
    life.settled().await;
    let code = life.messaging.pairing_requests(Some("chat")).await.unwrap()[0].code.clone();
    let text = crate::pairing::reply("chat", &testing::settings().words, "u1", &code);
    assert_eq!(life.sender.texts(), [text], "one reply, in one part");
    assert!(life.echo.begun.borrow().is_empty(), "no turn");

    let wrong = life.messaging.approve_code("chat", None, "aaaaaaaa").await.unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "No pending pairing request found for code \"AAAAAAAA\". Run openclaw pairing list --channel chat to list pending \
         requests."
    );
    let typed = format!(" {} ", code.to_lowercase());
    let approved = life.messaging.approve_code("chat", None, &typed).await.unwrap();
    assert_eq!(approved.owner_configured.as_deref(), Some("chat:u1"));
    life.messaging.tell_approved(&approved).await.unwrap();
    assert_eq!(life.sender.texts()[1], crate::pairing::APPROVED);
    assert_eq!(life.messaging.allow_from(&testing::account()).await.unwrap(), ["u1"]);
    life.hear("3", "u1", "now?").await;
    assert_eq!(life.sender.reaches(3).await[2], "echo: now?");
    assert_eq!(life.echo.begun.borrow().len(), 1);
}

#[tokio::test]
async fn a_request_is_decided_once_and_a_dismissed_sender_may_ask_again() {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::with(&dir, DmPolicy::Pairing, options(), Memory::new()).await;
    let pending = async || life.messaging.pairing_requests(Some("chat")).await.unwrap().remove(0);
    life.hear("1", "u1", "hello").await;
    life.settled().await;
    let first = pending().await;
    life.messaging.dismiss_request(&first).await.unwrap();
    assert_eq!(life.messaging.pairing_requests(None).await.unwrap(), []);
    let gone = "pending DM access request no longer exists";
    assert_eq!(life.messaging.dismiss_request(&first).await.unwrap_err().to_string(), gone);

    life.hear("2", "u1", "hello again").await;
    life.settled().await;
    assert_eq!(life.sender.texts().len(), 2, "the sender is told a new code");
    let second = pending().await;
    assert_ne!(second.code, first.code);
    assert_eq!(life.messaging.approve_request(&first, true).await.unwrap_err().to_string(), gone);
    let approved = life.messaging.approve_request(&second, false).await.unwrap();
    assert_eq!((approved.sender.as_str(), approved.owner_configured), ("u1", None));
    assert!(!life.messaging.has_owner().await.unwrap());
    assert_eq!(life.messaging.approve_request(&second, true).await.unwrap_err().to_string(), gone);
    assert_eq!(life.messaging.allow_from(&testing::account()).await.unwrap(), ["u1"]);
}

#[tokio::test]
async fn a_message_delivered_five_times_across_a_restart_has_one_turn() {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::begin(&dir).await;
    assert_eq!(life.hear("1", "u1", "hello").await, Admission::Accepted);
    assert_eq!(life.hear("1", "u1", "hello").await, Admission::Duplicate);
    life.sender.reaches(1).await;
    life.settled().await;
    life.kill().await;
    let life = Life::begin(&dir).await;
    for _ in 0..3 {
        assert_eq!(life.hear("1", "u1", "hello").await, Admission::Duplicate);
    }
    life.settled().await;
    assert!(life.sender.texts().is_empty() && life.echo.begun.borrow().is_empty());
    assert_eq!(life.messaging.cursor(&testing::account()).await.unwrap().as_deref(), Some(&b"1"[..]));
    let activity = life.messaging.activity(&testing::account());
    assert!(activity.last_inbound_at.is_some() && activity.last_outbound_at.is_some());
}

#[tokio::test]
async fn killed_before_the_decision_it_is_answered_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("gateway.sqlite")).await.unwrap();
    for id in ["1", "2", "3"] {
        store.admit(&testing::account(), &testing::message(id, "u1", id), None, 5).await.unwrap();
    }
    store.close().await;
    let life = Life::begin(&dir).await;
    assert_eq!(life.sender.reaches(3).await, ["echo: 1", "echo: 2", "echo: 3"]);
    life.settled().await;
    assert_eq!(life.sender.texts().len(), 3);
}

#[tokio::test]
async fn killed_during_the_turn_it_is_answered_once() {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::begin(&dir).await;
    life.echo.hold(true);
    for peer in ["a", "b", "c"] {
        life.hear(peer, peer, peer).await;
    }
    life.hear("c2", "c", "waits behind").await;
    life.echo.begins(3).await;
    let sender = Arc::clone(&life.sender);
    life.kill().await;
    assert!(sender.texts().is_empty());
    let life = Life::begin(&dir).await;
    let mut texts = life.sender.reaches(4).await;
    texts.sort();
    assert_eq!(texts, ["echo: a", "echo: b", "echo: c", "echo: waits behind"]);
    life.settled().await;
    life.kill().await;
    let life = Life::begin(&dir).await;
    life.settled().await;
    assert!(life.sender.texts().is_empty(), "nothing is answered twice");
}

#[tokio::test]
async fn killed_while_sending_the_send_is_flagged_and_never_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::begin(&dir).await;
    life.sender.stick("a");
    // Three parts of at most 40: the first is in flight when the end comes.
    let long = ["x".repeat(30), "y".repeat(30), "z".repeat(30)].join(" ");
    life.hear("1", "a", &long).await;
    life.hear("2", "b", "other").await;
    let texts = life.sender.reaches(2).await;
    assert!(texts.contains(&"echo: other".to_owned()), "another conversation is not held up");
    eventually(async || life.counts().await.unfinished == 0).await;
    life.kill().await;

    let life = Life::begin(&dir).await;
    life.sender.reaches(2).await;
    life.settled().await;
    assert_eq!(life.sender.texts(), ["y".repeat(30), "z".repeat(30)], "the rest still goes, in order");
    assert_eq!(life.counts().await.ambiguous, 1);
    let flagged = life.store.flagged(9).await.unwrap();
    assert_eq!((flagged[0].part, flagged[0].state), (0, OutboxState::Ambiguous));
}

#[tokio::test]
async fn an_account_that_is_down_keeps_its_messages_until_it_is_woken_or_restarted() {
    let dir = tempfile::tempdir().unwrap();
    let down = || Outcome::NotRunning(Failure::new("not_running", "the account is stopped"));
    let life = Life::begin(&dir).await;
    life.sender.answer_next([down(), Outcome::Unauthorised(Failure::new("401", "revoked")), down()]);
    life.hear("1", "a", "one").await;
    eventually(async || !life.messaging.queues().await.unwrap().parked.is_empty()).await;
    life.hear("2", "b", "two").await;
    eventually(async || life.counts().await.pending == 2).await;
    assert_eq!(life.sender.texts(), ["echo: one"], "a parked account is left alone");
    life.messaging.wake(&testing::account()).await.unwrap();
    life.sender.reaches(3).await;
    eventually(async || life.counts().await.pending == 2).await;
    assert_eq!(life.messaging.queues().await.unwrap().parked, [testing::account()]);
    let first_key = life.sender.all()[0].key.clone();
    life.kill().await;

    let life = Life::begin(&dir).await;
    life.sender.reaches(2).await;
    life.settled().await;
    let mut all = life.sender.all();
    all.sort_by(|one, other| one.text.cmp(&other.text));
    assert_eq!((all[0].text.as_str(), all[1].text.as_str(), all.len()), ("echo: one", "echo: two", 2));
    assert_eq!(all[0].key, first_key, "the key stays the same");
}

#[tokio::test]
async fn each_outcome_is_handled_by_its_kind() {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::begin(&dir).await;
    let failure = |code: &str| Failure::new(code, "why");
    let later = Failure { retry_after_ms: Some(30), ..failure("429") };
    let begun = tokio::time::Instant::now();
    life.sender
        .answer_next([Outcome::Retryable(later), Outcome::Sent(Receipt { message_ids: vec!["7".into()] })]);
    let sent = life.messaging.send(request("retried", "text")).await.unwrap();
    assert_eq!(sent.message_ids, ["7"]);
    assert!(begun.elapsed() >= Duration::from_millis(30), "the vendor's wish is heeded");
    assert_eq!(life.sender.all()[0].key, life.sender.all()[1].key);

    let refused = async |key: &str, outcomes: Vec<Outcome>| {
        life.sender.answer_next(outcomes);
        let error = life.messaging.send(request(key, "text")).await.unwrap_err();
        // Asking again with the same key sends nothing and gives the same answer.
        let again = life.messaging.send(request(key, "text")).await.unwrap_err();
        assert_eq!(error.to_string(), again.to_string());
        error
    };
    let error = refused("p", vec![Outcome::Permanent(failure("400"))]).await;
    assert!(matches!(&error, SendError::Failed { code, .. } if code == "400"), "{error}");
    let error = refused("a", vec![Outcome::Ambiguous(failure("cut"))]).await;
    assert!(matches!(&error, SendError::Ambiguous { code, .. } if code == "cut"), "{error}");
    let error = refused("r", vec![Outcome::Retryable(failure("503")); 3]).await;
    assert!(matches!(&error, SendError::Failed { code, .. } if code == "503"), "{error}");
    assert_eq!(life.sender.texts().len(), 2 + 1 + 1 + 3, "nothing final is tried again");

    // A part that is refused does not hold back those behind it.
    life.sender.answer_next([Outcome::Permanent(failure("400"))]);
    let parts = ["x".repeat(30), "y".repeat(30)].join(" ");
    life.messaging.send(request("parts", &parts)).await.unwrap_err();
    assert_eq!(life.sender.texts().last(), Some(&"y".repeat(30)));

    let empty = life.messaging.send(request("empty", " \n")).await.unwrap_err();
    assert_eq!(empty.code(), "empty");
    let stranger = SendRequest { account: AccountKey::new("chat", "nobody"), ..request("x", "text") };
    assert_eq!(life.messaging.send(stranger).await.unwrap_err().code(), "unknown_account");
    let other = life.messaging.send(request("retried", "another text")).await.unwrap_err();
    assert_eq!(other.code(), "conflict");
    life.sender.answer_next([Outcome::NotRunning(failure("not_running"))]);
    let waiting = life.messaging.send(request("down", "text")).await.unwrap_err();
    assert!(matches!(&waiting, SendError::Waiting { code, .. } if code == "not_running"), "{waiting}");
}

#[tokio::test]
async fn a_wait_without_end_holds_a_conversation_no_longer_than_its_head_lives() {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::begin(&dir).await;
    let endless = Failure { retry_after_ms: Some(u64::MAX), ..Failure::new("429", "why") };
    life.sender.answer_next([Outcome::Retryable(endless)]);
    life.hear("1", "a", "one").await;
    life.sender.reaches(1).await;
    let latest = now_ms() + millis(options().reply_expiry);
    let target = Target { room: "a".into(), thread: None };
    let conversation = ConversationKey { account: testing::account(), target };
    eventually(async || {
        let claim = life.store.claim(&conversation, now_ms()).await.unwrap();
        matches!(claim, Claim::NotBefore(at) if at <= latest)
    })
    .await;
}

#[tokio::test]
async fn a_hundred_sends_with_one_key_are_one_message() {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::begin(&dir).await;
    let mut sends = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let messaging = life.messaging.clone();
        sends.spawn(async move { messaging.send(request("key", "text")).await.unwrap() });
    }
    let all = within(sends.join_all()).await;
    assert!(all.iter().all(|delivered| delivered.message_ids == ["v0"]));
    assert_eq!(life.sender.texts(), ["text"]);
}

#[tokio::test]
async fn more_messages_than_lanes_hold_are_all_answered_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { lane_depth: 2, lanes_total: 3, ..options() };
    let life = Life::with(&dir, DmPolicy::Open, options, Memory::new()).await;
    life.echo.hold(true);
    for index in 0..30 {
        for peer in ["a", "b", "c", "d"] {
            life.hear(&format!("{peer}{index}"), peer, &format!("{peer}{index:02}")).await;
        }
    }
    life.echo.hold(false);
    life.sender.reaches(120).await;
    life.settled().await;
    for peer in ["a", "b", "c", "d"] {
        let all = life.sender.all();
        let texts: Vec<_> =
            all.iter().filter(|said| said.room == peer).map(|said| said.text.clone()).collect();
        let expected: Vec<_> = (0..30).map(|index| format!("echo: {peer}{index:02}")).collect();
        assert_eq!(texts, expected);
    }
}

#[tokio::test]
async fn a_turn_that_hangs_panics_or_says_nothing_frees_its_lane() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { turn_deadline: Duration::from_millis(50), ..options() };
    let life = Life::with(&dir, DmPolicy::Open, options, Memory::new()).await;
    for (id, text) in ["hang", "panic", "silent", "fine"].into_iter().enumerate() {
        life.hear(&id.to_string(), "a", text).await;
    }
    eventually(async || life.sender.texts().last().is_some_and(|text| text == "echo: fine")).await;
    let all = life.sender.texts().join(" ");
    assert!(all.contains("Request timed out before a response"), "{all}");
    assert!(all.contains("Something went wrong while processing"), "{all}");
    life.settled().await;
    let closed = life.echo.closed.borrow().clone();
    assert_eq!(closed, [("agent:main:direct:a".to_owned(), true)], "only the last one wrote something");
}

#[tokio::test]
async fn typing_is_shown_at_once_and_again_while_a_turn_runs() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { typing_every: Duration::from_millis(10), ..options() };
    let life = Life::with(&dir, DmPolicy::Open, options, Memory::new()).await;
    life.echo.hold(true);
    life.hear("1", "a", "hello").await;
    within(life.sender.typed.subscribe().wait_for(|typed| *typed >= 3)).await.unwrap();
    life.echo.hold(false);
    assert_eq!(life.sender.reaches(1).await, ["echo: hello"]);
}

#[tokio::test]
async fn a_stop_command_does_not_wait_for_the_turn_it_stops() {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::begin(&dir).await;
    life.echo.hold(true);
    life.hear("1", "a", "long work").await;
    life.echo.begins(1).await;
    life.hear("2", "a", "!").await;
    assert_eq!(life.sender.reaches(1).await, ["echo: !"]);
    life.echo.hold(false);
    assert_eq!(life.sender.reaches(2).await[1], "echo: long work");
}

#[tokio::test]
async fn a_reply_tag_answers_the_message_visibly() {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::begin(&dir).await;
    life.hear("m1", "a", "[[reply_to_current]] yes").await;
    life.sender.reaches(1).await;
    let said = life.sender.all().remove(0);
    assert_eq!((said.text.as_str(), said.reply_to.as_deref()), ("echo:  yes", Some("m1")));
}

#[tokio::test]
async fn a_message_that_breaks_a_bound_or_comes_after_the_end_is_not_admitted() {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::begin(&dir).await;
    let refused = life.messaging.admit(&testing::account(), testing::message("", "a", "x"), None).await;
    assert_eq!(refused, Err(AdmitError::Invalid("message.id is empty".into())));
    life.messaging.shutdown(Duration::from_secs(5)).await;
    let late = life.messaging.admit(&testing::account(), testing::message("1", "a", "x"), None).await;
    assert_eq!(late, Err(AdmitError::Unavailable(ADMIT_AGAIN_MS)));
    assert_eq!(life.counts().await.undecided, 0);
}

#[tokio::test]
async fn shutting_down_lets_the_running_turn_and_its_reply_end() {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::begin(&dir).await;
    life.echo.hold(true);
    life.hear("1", "a", "last words").await;
    life.echo.begins(1).await;
    let (messaging, echo) = (life.messaging.clone(), Arc::clone(&life.echo));
    let (_, ()) = tokio::join!(within(messaging.shutdown(Duration::from_secs(10))), async {
        echo.hold(false);
    });
    let counts = life.counts().await;
    assert_eq!(
        (counts.unfinished, counts.pending),
        (0, 1),
        "the reply waits in the outbox for the next start"
    );
}
