//! Previews on a real ledger: what is visible, what the answer becomes, and what is left after a kill.

use super::*;
use crate::replies::{Author, Replies, ReplyTo};
use crate::stream::PreviewRules;

const LONG: &str = "one two three four five six seven";
/// All but its last word.
const PREVIEW: &str = "one two three four five six …";

fn quick() -> Options {
    let (preview_after, preview_every) = (Duration::from_millis(1), Duration::from_millis(5));
    Options { preview_after, preview_every, ..options() }
}

async fn life(dir: &tempfile::TempDir, replies: Replies) -> Life {
    let life = Life::with(dir, DmPolicy::Open, quick(), Memory::new()).await;
    let mut settings = testing::settings();
    settings.policy.dm = DmPolicy::Open;
    settings.policy.allow_from = testing::list(&["*"]);
    settings.dm_scope = crate::settings::DmScope::PerPeer;
    settings.replies = replies;
    life.messaging.configure(settings);
    life
}

fn previews() -> Replies {
    Replies { preview: Some(PreviewRules::new(false, Some(5))), ..Replies::default() }
}

fn edit(id: &str, text: &str) -> (String, String) {
    (id.to_owned(), text.to_owned())
}

fn failure(code: &str, retry_after_ms: Option<u64>) -> Failure {
    Failure { retry_after_ms, ..Failure::new(code, "why") }
}

#[tokio::test]
async fn the_answer_takes_the_place_of_its_preview() {
    let dir = tempfile::tempdir().unwrap();
    let life = life(&dir, Replies { reply_to: ReplyTo::First, ..previews() }).await;
    life.echo.hold(true);
    life.hear("1", "u1", LONG).await;
    assert_eq!(life.sender.reaches(1).await, [PREVIEW]);
    assert_eq!(life.sender.all()[0].reply_to.as_deref(), Some("1"));
    life.echo.hold(false);
    let echo = format!("echo: {LONG}");
    assert_eq!(life.sender.edits(1).await, [edit("v0", &echo)]);
    life.settled().await;
    assert_eq!(life.sender.texts(), [PREVIEW], "nothing else was sent");
}

#[tokio::test]
async fn what_does_not_fit_follows_the_preview() {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::with(&dir, DmPolicy::Open, quick(), Memory::new()).await;
    let mut settings = testing::settings();
    settings.policy.dm = DmPolicy::Open;
    settings.policy.allow_from = testing::list(&["*"]);
    settings.text_limit = 20;
    settings.replies = Replies { reply_to: ReplyTo::All, ..previews() };
    life.messaging.configure(settings);
    life.echo.hold(true);
    life.hear("1", "u1", LONG).await;
    life.sender.reaches(1).await;
    life.echo.hold(false);
    assert_eq!(life.sender.edits(1).await, [edit("v0", "echo: one two three")]);
    life.settled().await;
    assert_eq!(life.sender.texts()[1..], ["four five six seven"]);
    assert!(life.sender.all().iter().all(|said| said.reply_to.as_deref() == Some("1")));
}

#[tokio::test]
async fn a_preview_that_was_visible_at_a_kill_becomes_the_answer() {
    let dir = tempfile::tempdir().unwrap();
    let first = life(&dir, previews()).await;
    first.echo.hold(true);
    first.hear("1", "u1", LONG).await;
    first.sender.reaches(1).await;
    let store = first.store.clone();
    let conversation =
        ConversationKey { account: testing::account(), target: Target { room: "u1".into(), thread: None } };
    eventually(async || {
        let begun = store.begin_preview(&InboundId(1).into(), &conversation).await.unwrap();
        begun == openclaw_store::PreviewBegin::Shown("v0".to_owned())
    })
    .await;
    first.kill().await;
    let second = life(&dir, previews()).await;
    second.settled().await;
    assert_eq!(second.sender.edits(1).await.last(), Some(&edit("v0", &format!("echo: {LONG}"))));
    assert!(second.sender.texts().is_empty(), "no second copy");
}

#[tokio::test]
async fn a_preview_whose_end_nobody_knows_is_left_and_the_answer_comes_once() {
    let dir = tempfile::tempdir().unwrap();
    let first = life(&dir, previews()).await;
    first.echo.hold(true);
    first.sender.stick("u1");
    first.hear("1", "u1", LONG).await;
    assert_eq!(first.sender.reaches(1).await, [PREVIEW]);
    first.kill().await;
    let second = life(&dir, previews()).await;
    second.settled().await;
    assert_eq!(second.sender.texts(), [format!("echo: {LONG}")]);
    assert!(second.sender.edited.borrow().is_empty());
}

#[tokio::test]
async fn a_preview_that_is_ambiguous_is_not_edited() {
    let dir = tempfile::tempdir().unwrap();
    let life = life(&dir, previews()).await;
    life.echo.hold(true);
    life.sender.answer_next([Outcome::Ambiguous(failure("timeout", None))]);
    life.hear("1", "u1", LONG).await;
    life.sender.reaches(1).await;
    life.echo.hold(false);
    assert_eq!(life.sender.reaches(2).await[1], format!("echo: {LONG}"));
    life.settled().await;
    assert_eq!(life.counts().await.ambiguous, 0, "it is no answer that may be missing");
}

#[tokio::test]
async fn a_message_that_is_gone_is_followed_by_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let life = life(&dir, previews()).await;
    life.echo.hold(true);
    life.hear("1", "u1", LONG).await;
    life.sender.reaches(1).await;
    life.sender.answer_edits([
        Outcome::Retryable(failure("429", Some(1))),
        Outcome::Ambiguous(failure("timeout", None)),
        Outcome::Permanent(failure("gone", None)),
    ]);
    life.echo.hold(false);
    life.settled().await;
    assert_eq!(life.sender.edits(3).await.len(), 3, "an edit is tried again, also when its end is unknown");
    assert_eq!(life.sender.texts()[1..], [format!("echo: {LONG}")]);
}

#[tokio::test]
async fn what_waits_in_the_conversation_goes_before_a_preview() {
    let dir = tempfile::tempdir().unwrap();
    let life = life(&dir, previews()).await;
    life.echo.hold(true);
    life.sender.answer_next([Outcome::Retryable(failure("429", Some(300)))]);
    let sent = SendRequest { target: Target { room: "u1".into(), thread: None }, ..request("k", "first") };
    let messaging = life.messaging.clone();
    let sending = tokio::spawn(async move { messaging.send(sent).await });
    life.sender.reaches(1).await;
    life.hear("1", "u1", LONG).await;
    assert_eq!(life.sender.reaches(3).await, ["first", "first", PREVIEW]);
    sending.await.unwrap().unwrap();
    life.echo.hold(false);
    life.settled().await;
    assert_eq!(life.sender.texts().len(), 3);
}

#[tokio::test]
async fn an_edit_that_was_under_way_at_a_kill_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let first = life(&dir, previews()).await;
    first.echo.hold(true);
    first.hear("1", "u1", LONG).await;
    first.sender.reaches(1).await;
    let later = Outcome::Retryable(failure("429", Some(600_000)));
    first.sender.answer_edits(std::iter::repeat_n(later, 5));
    first.echo.hold(false);
    first.sender.edits(1).await;
    eventually(async || first.counts().await.pending == 1).await;
    // Claimed, and then the process is gone.
    let conversation =
        ConversationKey { account: testing::account(), target: Target { room: "u1".into(), thread: None } };
    let claimed = first.store.claim(&conversation, now_ms() + 700_000).await.unwrap();
    assert!(matches!(claimed, Claim::Part(row) if row.edits.as_deref() == Some("v0")));
    first.kill().await;
    // Before the next life looks: a worker that finds nothing due naps.
    crate::clock::later::pass(Duration::from_secs(700));
    let second = life(&dir, previews()).await;
    assert_eq!(second.counts().await.ambiguous, 0, "it shows the same when it is made twice");
    assert_eq!(second.sender.edits(1).await, [edit("v0", &format!("echo: {LONG}"))]);
    second.settled().await;
    assert!(second.sender.texts().is_empty());
}

#[tokio::test]
async fn commands_and_short_answers_have_no_preview() {
    let dir = tempfile::tempdir().unwrap();
    let life = life(&dir, previews()).await;
    life.echo.hold(true);
    life.hear("1", "u1", "/status one two three").await;
    life.hear("2", "u2", "a b").await;
    life.echo.begins(2).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(life.sender.texts().is_empty());
    life.echo.hold(false);
    life.sender.reaches(2).await;
}

#[tokio::test]
async fn a_prefix_stands_before_every_reply() {
    let dir = tempfile::tempdir().unwrap();
    let life = life(&dir, Replies { prefix: Some("[{model}]".into()), ..Replies::default() }).await;
    life.hear("1", "u1", "hello").await;
    assert_eq!(life.sender.reaches(1).await, ["[{model}] echo: hello"], "no model wrote it");
    let author = Author { provider: "p".into(), model: "m".into(), thinking: "low".into() };
    let replies = Replies { prefix: Some("[{model}]".into()), ..Replies::default() };
    assert_eq!(replies.prefixed("main", Some(&author), "x".into()), "[m] x");
    assert_eq!(life.sender.all()[0].reply_to, None);
}
