//! Messages that are told together: texts that come at once, and what waits behind a turn; each is closed once, whatever
//! happens meanwhile.

use openclaw_store::{ChatKind, InboundState, MediaFile, QueueChoice, QueueDrop, QueueMode};
use tokio::time::Instant;

use super::*;
use crate::queue::QueueRules;
use crate::settings::GroupPolicy;

/// Longer than any test takes: only what flushes ends it.
const LONG: Duration = Duration::from_secs(600);

fn rules(mode: QueueMode) -> QueueRules {
    QueueRules { mode, quiet: Duration::ZERO, ..QueueRules::default() }
}

async fn tuned(dir: &tempfile::TempDir, tune: impl FnOnce(&mut AccountSettings)) -> Life {
    let tune = |settings: &mut AccountSettings| {
        settings.text_limit = 4_000;
        tune(settings);
    };
    Life::tuned(dir, DmPolicy::Open, options(), Memory::new(), tune).await
}

impl Life {
    async fn queued(&self, count: i64) {
        eventually(async || {
            let counts = self.counts().await;
            (counts.undecided, counts.unfinished) == (0, count)
        })
        .await;
    }

    /// What became of a message: its state, the message whose turn it ended in, and how.
    async fn fate(&self, id: &str) -> (InboundState, Option<String>, String) {
        let found = self.messaging.why(Some(id), None, None, 1).await.unwrap().remove(0);
        (found.state, found.turn, found.ended.unwrap_or_default())
    }
}

#[tokio::test]
async fn texts_that_come_at_once_are_one_turn_and_each_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let life = tuned(&dir, |settings| settings.debounce = LONG).await;
    for number in 1..=11 {
        life.hear(&number.to_string(), "a", &format!("t{number}")).await;
    }
    life.hear("other", "b", "mine").await;
    life.queued(12).await;
    assert!(life.echo.begun.borrow().is_empty(), "they wait for more");
    life.hear("12", "a", "t12").await;
    let told = (1..=12).map(|number| format!("t{number}")).collect::<Vec<_>>().join("\n");
    assert_eq!(life.sender.reaches(1).await, [format!("echo: {told}")]);
    life.queued(1).await;
    assert_eq!(life.fate("12").await, (InboundState::Done, None, String::new()));
    let (state, turn, how) = life.fate("3").await;
    assert_eq!(
        (state, turn.as_deref(), how.as_str()),
        (InboundState::Done, Some("12"), "told together with a later message")
    );
}

#[tokio::test]
async fn a_window_ends_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let life = tuned(&dir, |settings| settings.debounce = Duration::from_millis(60)).await;
    let begun = Instant::now();
    life.hear("1", "a", "one").await;
    life.hear("2", "a", "two").await;
    assert_eq!(life.sender.reaches(1).await, ["echo: one\ntwo"]);
    assert!(begun.elapsed() >= Duration::from_millis(60));
    life.settled().await;
}

#[tokio::test]
async fn a_command_or_a_file_ends_the_window_and_keeps_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let life = tuned(&dir, |settings| settings.debounce = LONG).await;
    life.hear("1", "a", "one").await;
    life.hear("2", "a", "/status").await;
    assert_eq!(life.sender.reaches(2).await, ["echo: one", "echo: /status"]);
    life.hear("3", "a", "two").await;
    let mut picture = testing::message("4", "a", "look");
    picture.media = vec![MediaFile { handle: 1, mime: "image/png".to_owned(), name: None, size: 1 }];
    life.messaging.admit(&testing::account(), picture, None).await.unwrap();
    assert_eq!(life.sender.reaches(4).await[2..], ["echo: two", "echo: look"]);
    life.settled().await;
}

#[tokio::test]
async fn the_pieces_of_an_album_are_one_turn_whether_or_not_texts_wait() {
    let dir = tempfile::tempdir().unwrap();
    let life = tuned(&dir, |settings| settings.queue = rules(QueueMode::Followup)).await;
    let piece = async |id: &str, album: Option<&str>, text: &str| {
        let mut message = testing::message(id, "a", text);
        message.album = album.map(str::to_owned);
        life.messaging.admit(&testing::account(), message, None).await.unwrap();
    };
    piece("1", Some("x"), "look\n<media:image>").await;
    piece("2", Some("x"), "<media:image>").await;
    assert_eq!(life.sender.reaches(1).await, ["echo: look\n<media:image>\n<media:image>"]);
    // What is said next ends the wait, and so does another album.
    piece("3", Some("y"), "<media:image>").await;
    piece("4", Some("z"), "<media:video>").await;
    piece("5", None, "that is all").await;
    let expected = ["echo: <media:image>", "echo: <media:video>", "echo: that is all"];
    assert_eq!(life.sender.reaches(4).await[1..], expected);
    life.settled().await;
    let (state, turn, how) = life.fate("1").await;
    assert_eq!((state, turn.as_deref()), (InboundState::Done, Some("2")), "{how}");
}

#[tokio::test]
async fn an_album_in_a_group_is_named_by_the_words_under_one_of_its_pieces() {
    let dir = tempfile::tempdir().unwrap();
    let life = tuned(&dir, |settings| settings.policy.group = GroupPolicy::Open).await;
    for (id, album, named) in [("1", "x", true), ("2", "x", false), ("3", "y", false)] {
        let mut message = testing::message(id, "a", id);
        message.conversation.kind = ChatKind::Group;
        message.conversation.room = "g".to_owned();
        message.album = Some(album.to_owned());
        message.mentions_self = named;
        life.messaging.admit(&testing::account(), message, None).await.unwrap();
    }
    assert_eq!(life.sender.reaches(1).await, ["echo: 1\n2"]);
    life.settled().await;
    let why = life.messaging.why(Some("3"), None, None, 1).await.unwrap().remove(0);
    assert_eq!(why.reason.as_deref(), Some("the bot was not named"));
}

#[tokio::test]
async fn what_is_told_together_holds_no_command_and_what_holds_one_is_told_alone() {
    let dir = tempfile::tempdir().unwrap();
    let life = tuned(&dir, |settings| settings.debounce = LONG).await;
    life.hear("1", "a", "one").await;
    life.hear("2", "a", "two").await;
    life.hear("3", "a", "three /status please").await;
    assert_eq!(life.sender.reaches(2).await, ["echo: one\ntwo", "echo: three /status please"]);
    assert_eq!(*life.echo.commanded.borrow(), [false, true]);
    life.settled().await;
}

#[tokio::test]
async fn killed_while_they_wait_or_while_they_are_told_all_are_told_again_and_answered_once() {
    let dir = tempfile::tempdir().unwrap();
    let life = tuned(&dir, |settings| settings.debounce = LONG).await;
    life.hear("1", "a", "one").await;
    life.hear("2", "a", "two").await;
    life.queued(2).await;
    life.kill().await;

    let life = tuned(&dir, |settings| settings.debounce = LONG).await;
    life.echo.hold(true);
    life.hear("3", "a", "three").await;
    life.hear("4", "a", "/go").await;
    assert_eq!(life.echo.begins(1).await, ["one\ntwo\nthree"]);
    life.kill().await;

    let life = tuned(&dir, |settings| settings.debounce = Duration::from_millis(1)).await;
    assert_eq!(life.sender.reaches(2).await, ["echo: one\ntwo\nthree", "echo: /go"]);
    life.settled().await;
    for id in ["1", "2", "3", "4"] {
        assert_eq!(life.fate(id).await.0, InboundState::Done);
    }
    life.kill().await;
    let life = tuned(&dir, |_| {}).await;
    life.settled().await;
    assert!(life.echo.begun.borrow().is_empty() && life.sender.texts().is_empty());
}

#[tokio::test]
async fn what_waits_behind_a_turn_is_told_as_its_mode_says() {
    for (mode, expected) in [
        (QueueMode::Steer, vec!["0", "1\n2\n3"]),
        (QueueMode::Collect, vec!["0", "1\n2\n3"]),
        (QueueMode::Followup, vec!["0", "1", "2", "3"]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let life = tuned(&dir, |settings| settings.queue = rules(mode)).await;
        life.echo.hold(true);
        life.hear("0", "a", "0").await;
        life.echo.begins(1).await;
        for id in ["1", "2", "3"] {
            life.hear(id, "a", id).await;
        }
        life.queued(4).await;
        life.echo.hold(false);
        life.sender.reaches(expected.len()).await;
        life.settled().await;
        assert_eq!(*life.echo.begun.borrow(), expected, "{mode:?}");
    }
}

#[tokio::test]
async fn killed_while_they_are_collected_each_is_answered_once() {
    let dir = tempfile::tempdir().unwrap();
    let life = tuned(&dir, |settings| settings.queue = rules(QueueMode::Collect)).await;
    life.echo.hold(true);
    for id in ["0", "1", "2"] {
        life.hear(id, "a", id).await;
    }
    life.queued(3).await;
    life.kill().await;
    let life = tuned(&dir, |settings| settings.queue = rules(QueueMode::Collect)).await;
    assert_eq!(life.sender.reaches(1).await, ["echo: 0\n1\n2"]);
    life.settled().await;
    assert_eq!(life.sender.texts().len(), 1);
    assert_eq!(life.fate("0").await.1.as_deref(), Some("2"));
}

#[tokio::test]
async fn conversations_that_share_a_session_are_not_mixed_and_take_turns() {
    let dir = tempfile::tempdir().unwrap();
    let life = tuned(&dir, |settings| {
        settings.dm_scope = crate::settings::DmScope::Main;
        settings.queue = QueueRules { cap: 1_000, ..rules(QueueMode::Followup) };
    })
    .await;
    life.echo.hold(true);
    life.hear("first", "noisy", "first").await;
    life.echo.begins(1).await;
    for number in 0..200 {
        life.hear(&format!("n{number}"), "noisy", &format!("n{number}")).await;
    }
    life.hear("quiet", "b", "quiet").await;
    life.queued(202).await;
    life.echo.hold(false);
    let begun = life.echo.begins(10).await;
    let at = begun.iter().position(|text| text == "quiet").expect("it is among the first");
    assert!(at <= 2, "behind {at} of somebody else");
    life.sender.reaches(202).await;
    life.settled().await;
    let noisy: Vec<_> = life.echo.begun.borrow().iter().filter(|text| *text != "quiet").cloned().collect();
    let expected: Vec<_> =
        ["first".to_owned()].into_iter().chain((0..200).map(|number| format!("n{number}"))).collect();
    assert_eq!(noisy, expected, "each once, in order");
}

#[tokio::test]
async fn a_newer_message_interrupts_the_turn_of_its_conversation_and_both_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let life = tuned(&dir, |settings| {
        settings.dm_scope = crate::settings::DmScope::Main;
        settings.queue = rules(QueueMode::Interrupt);
    })
    .await;
    life.echo.hold(true);
    life.hear("1", "a", "one").await;
    life.echo.begins(1).await;
    life.hear("2", "b", "not mine").await;
    life.queued(2).await;
    assert!(life.echo.stopped.borrow().is_empty(), "another conversation does not interrupt");
    life.hear("3", "a", "two").await;
    life.echo.begins(2).await;
    life.hear("4", "a", "/status").await;
    life.queued(4).await;
    assert_eq!(life.echo.stopped.borrow().len(), 1, "nor does a command");
    life.echo.hold(false);
    life.sender.reaches(3).await;
    life.settled().await;
    let mut texts = life.sender.texts();
    texts.sort();
    assert_eq!(texts, ["echo: /status", "echo: not mine", "echo: one\ntwo"]);
    let (state, turn, how) = life.fate("1").await;
    assert_eq!((state, turn.as_deref()), (InboundState::Done, Some("3")));
    assert_eq!(how, "told together with the message that interrupted its turn");
}

#[tokio::test]
async fn what_was_decided_about_a_session_counts_more_than_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let life = tuned(&dir, |settings| settings.queue = rules(QueueMode::Followup)).await;
    let choice = QueueChoice { mode: Some(QueueMode::Steer), ..QueueChoice::default() };
    let change =
        Box::new(move |settings: &mut openclaw_store::SessionSettings| settings.queue = Some(choice));
    life.store.patch_session("agent:main:direct:a", "main", "s", change, 1).await.unwrap();
    life.echo.hold(true);
    life.hear("0", "a", "0").await;
    life.echo.begins(1).await;
    for id in ["1", "2"] {
        life.hear(id, "a", id).await;
    }
    life.queued(3).await;
    life.echo.hold(false);
    assert_eq!(life.sender.reaches(2).await, ["echo: 0", "echo: 1\n2"]);
}

#[tokio::test]
async fn beyond_its_cap_a_queue_tells_in_short_or_says_why_not() {
    for (drop, told) in [
        (
            QueueDrop::Summarize,
            "[3 earlier messages are told in short, because more than 2 waited]\n- 1\n- 2\n- 3\n[Current message - respond to this]\n4\n5",
        ),
        (QueueDrop::Old, "4\n5"),
        (QueueDrop::New, "1\n2"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let queue = QueueRules { cap: 2, drop, ..rules(QueueMode::Steer) };
        let life = tuned(&dir, |settings| settings.queue = queue).await;
        life.echo.hold(true);
        life.hear("0", "a", "0").await;
        life.echo.begins(1).await;
        for id in ["1", "2", "3", "4", "5"] {
            life.hear(id, "a", id).await;
        }
        life.queued(6).await;
        life.echo.hold(false);
        assert_eq!(life.sender.reaches(2).await[1], format!("echo: {told}"), "{drop:?}");
        life.settled().await;
        let (state, turn, how) = life.fate("3").await;
        let expected = if drop == QueueDrop::Summarize { InboundState::Done } else { InboundState::Dropped };
        assert_eq!(state, expected, "{drop:?}");
        assert!(turn.is_some() && how.contains("more than 2 waited"), "{turn:?} {how}");
    }
}

#[tokio::test]
async fn a_flood_that_memory_does_not_hold_is_told_in_few_turns_and_all_of_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { lane_depth: 4, ..options() };
    let tune = |settings: &mut AccountSettings| settings.queue = rules(QueueMode::Steer);
    let life = Life::tuned(&dir, DmPolicy::Open, options, Memory::new(), tune).await;
    life.echo.hold(true);
    life.hear("first", "a", "first").await;
    life.echo.begins(1).await;
    for number in 0..600 {
        life.hear(&number.to_string(), "a", &format!("m{number}")).await;
    }
    life.queued(601).await;
    assert!(life.messaging.queues().await.unwrap().lanes.turns <= 5, "the rest is in the ledger alone");
    life.echo.hold(false);
    life.settled().await;
    let begun = life.echo.begun.borrow().clone();
    assert!(begun.len() <= 5, "{} turns", begun.len());
    assert!(begun.last().unwrap().ends_with("m598\nm599"), "{begun:?}");
}

#[tokio::test]
async fn a_stop_ends_what_waits_in_its_conversation_too() {
    let dir = tempfile::tempdir().unwrap();
    let life = tuned(&dir, |settings| settings.queue = rules(QueueMode::Followup)).await;
    life.echo.hold(true);
    life.hear("1", "a", "long work").await;
    life.echo.begins(1).await;
    life.hear("2", "a", "more work").await;
    life.queued(2).await;
    life.hear("3", "a", "!").await;
    assert_eq!(life.sender.reaches(1).await, ["echo: !"]);
    life.echo.hold(false);
    life.settled().await;
    assert_eq!(*life.echo.begun.borrow(), ["long work", "!"]);
    let (state, turn, how) = life.fate("2").await;
    assert_eq!(
        (state, turn.as_deref(), how.as_str()),
        (InboundState::Dropped, Some("3"), "not told: stopped while it waited")
    );
}

/// Keeps this thread's clock still: without it a paused clock jumps ahead whenever the store is waited for.
struct Still(tokio::task::JoinHandle<()>);

impl Still {
    fn keep() -> Self {
        Self(tokio::spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        }))
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits without letting time pass.
async fn holds(what: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !what() {
        assert!(began.elapsed() < Duration::from_secs(20), "it takes too long");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stuck_turn_ends_at_its_deadline_and_its_lane_is_free_within_a_second() {
    let still = Still::keep();
    let dir = tempfile::tempdir().unwrap();
    let options = Options { turn_deadline: Duration::from_secs(600), ..options() };
    let tune = |settings: &mut AccountSettings| settings.dm_scope = crate::settings::DmScope::Main;
    let life = Life::tuned(&dir, DmPolicy::Open, options, Memory::new(), tune).await;
    life.hear("1", "a", "hang").await;
    holds(|| life.echo.begun.borrow().len() == 1).await;
    let begun = Instant::now();
    life.hear("2", "b", "of another person").await;
    life.hear("3", "a", "behind it").await;
    tokio::time::advance(Duration::from_secs(599)).await;
    assert_eq!(life.echo.begun.borrow().len(), 1, "its time is not over");
    tokio::time::advance(Duration::from_secs(1)).await;
    holds(|| life.echo.begun.borrow().len() == 3).await;
    assert!(begun.elapsed() <= Duration::from_secs(601), "{:?}", begun.elapsed());
    holds(|| life.sender.texts().iter().any(|text| text.contains("Request timed out"))).await;
    drop(still);
}
