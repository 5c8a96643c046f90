//! What was not sent in time is never sent by itself, and what a person decides about it is done.

use openclaw_store::{DeadId, DeadKind, DeadLetter, DeadQuery, SetAside};

use super::*;
use crate::clock::later;

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Life {
    async fn dead(&self) -> Vec<DeadLetter> {
        self.store.dead_letters(&DeadQuery { limit: 9, ..DeadQuery::default() }).await.unwrap()
    }
}

fn refused() -> Outcome {
    Outcome::Permanent(Failure::new("400", "why"))
}

fn down() -> Outcome {
    Outcome::NotRunning(Failure::new("not_running", "the account is stopped"))
}

/// A reply that waits for an account that is down.
async fn waiting(dir: &tempfile::TempDir) -> Life {
    let life = Life::begin(dir).await;
    life.sender.answer_next([down()]);
    life.hear("1", "a", "one").await;
    eventually(async || !life.messaging.queues().await.unwrap().parked.is_empty()).await;
    eventually(async || life.counts().await.pending == 1).await;
    life
}

#[tokio::test]
async fn a_reply_goes_out_until_its_expiry_and_not_after() {
    assert_eq!(Options::default().reply_expiry, DAY);
    for (passed, arrives) in [(DAY - Duration::from_secs(60), true), (DAY, false)] {
        let dir = tempfile::tempdir().unwrap();
        let life = waiting(&dir).await;
        later::pass(passed);
        life.messaging.wake(&testing::account()).await.unwrap();
        life.settled().await;
        let sends = if arrives { 2 } else { 1 };
        assert_eq!(life.sender.texts(), vec!["echo: one"; sends], "after {passed:?}");
        let dead: Vec<_> = life.dead().await.into_iter().map(|letter| (letter.kind, letter.code)).collect();
        let expected = (!arrives).then(|| (DeadKind::Expired, "expired".to_owned()));
        assert_eq!(dead, Vec::from_iter(expected), "after {passed:?}");
    }
}

#[tokio::test]
async fn what_expired_while_the_gateway_was_down_is_not_sent_at_its_start() {
    let dir = tempfile::tempdir().unwrap();
    waiting(&dir).await.kill().await;
    later::pass(DAY);
    let life = Life::begin(&dir).await;
    life.settled().await;
    assert!(life.sender.texts().is_empty(), "{:?}", life.sender.texts());
    assert_eq!(life.dead().await[0].kind, DeadKind::Expired);
    // Whoever asks for it gets it, with a day of its own.
    let id = life.dead().await[0].id;
    let queued = life.messaging.retry_dead_letter(id, false).await.unwrap();
    assert_eq!((queued.parts, queued.account, queued.expires_at > now_ms()), (1, testing::account(), true));
    assert_eq!(life.sender.reaches(1).await, ["echo: one"]);
    life.settled().await;
    assert!(life.dead().await.is_empty());
}

#[tokio::test]
async fn a_retry_sends_what_failed_in_order_with_the_same_keys() {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::begin(&dir).await;
    life.sender.answer_next([refused(), refused()]);
    let parts = ["x".repeat(30), "y".repeat(30)].join(" ");
    life.messaging.send(request("two parts", &parts)).await.unwrap_err();
    let dead = life.dead().await;
    let first = dead.iter().find(|letter| letter.text.starts_with('x')).unwrap().id;
    assert_eq!(life.messaging.retry_dead_letter(first, false).await.unwrap().parts, 2);
    life.sender.reaches(4).await;
    life.settled().await;
    let all = life.sender.all();
    assert_eq!((&all[2], &all[3]), (&all[0], &all[1]));
    let again = life.messaging.send(request("two parts", &parts)).await.unwrap();
    assert_eq!(again.message_ids, ["v2", "v3"], "whoever asked with the key gets the receipt");
    let over = life.messaging.retry_dead_letter(first, true).await.unwrap_err();
    assert_eq!(over.code(), "DEAD_LETTER_OVER");
    assert!(over.to_string().contains("it was sent"), "{over}");
}

#[tokio::test]
async fn what_may_have_arrived_is_sent_again_only_on_purpose() {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::begin(&dir).await;
    life.sender.answer_next([Outcome::Ambiguous(Failure::new("cut", "why"))]);
    life.messaging.send(request("key", "text")).await.unwrap_err();
    let id = life.dead().await[0].id;
    let asked = life.messaging.retry_dead_letter(id, false).await.unwrap_err();
    assert_eq!(asked.code(), "DEAD_LETTER_UNCERTAIN");
    assert!(asked.to_string().contains("appear twice"), "{asked}");
    life.messaging.retry_dead_letter(id, true).await.unwrap();
    assert_eq!(life.sender.reaches(2).await, ["text", "text"]);
}

#[tokio::test]
async fn what_is_dropped_is_not_sent_whoever_asks() {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::begin(&dir).await;
    life.sender.answer_next([refused()]);
    life.messaging.send(request("key", "text")).await.unwrap_err();
    let id = life.dead().await[0].id;
    assert_eq!(life.messaging.drop_dead_letter(id).await.unwrap(), testing::account());
    assert!(life.dead().await.is_empty());
    let why = life.messaging.send(request("key", "text")).await.unwrap_err();
    assert_eq!(why.code(), "dropped");
    assert_eq!(life.messaging.retry_dead_letter(id, true).await.unwrap_err().code(), "DEAD_LETTER_OVER");
    assert_eq!(life.messaging.drop_dead_letter(id).await.unwrap_err().code(), "DEAD_LETTER_OVER");
    let gone = life.messaging.drop_dead_letter(DeadId::Send(99)).await.unwrap_err();
    assert_eq!(gone.code(), "DEAD_LETTER_GONE");
    assert_eq!(life.sender.texts(), ["text"]);
}

#[tokio::test]
async fn what_could_not_be_read_is_not_tried_again_but_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::begin(&dir).await;
    let account = testing::account();
    let what = SetAside { vendor_id: None, reason: "odd".into(), raw: b"raw".into(), at: 0 };
    let stored = life.messaging.set_aside(&account, what.vendor_id, what.reason, what.raw, vec![1]).await;
    stored.unwrap();
    let id = life.dead().await[0].id;
    let why = life.messaging.retry_dead_letter(id, true).await.unwrap_err();
    assert_eq!(why.code(), "DEAD_LETTER_UNREAD");
    assert_eq!(life.messaging.activity(&account).set_aside, 1);
    life.messaging.drop_dead_letter(id).await.unwrap();
    assert_eq!(life.messaging.activity(&account).set_aside, 0);
    assert_eq!(life.messaging.retry_dead_letter(id, true).await.unwrap_err().code(), "DEAD_LETTER_GONE");
}
