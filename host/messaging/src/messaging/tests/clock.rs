//! A wall clock that is set: nothing expires by it, and nothing waits for it.

use super::*;
use crate::clock::{self, later};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn a_day_more_or_less_on_the_clock_expires_nothing_and_holds_nothing_up() {
    for by in [millis(DAY), -millis(DAY)] {
        let dir = tempfile::tempdir().unwrap();
        let life = Life::begin(&dir).await;
        life.sender.answer_next([Outcome::NotRunning(Failure::new("not_running", "the account is stopped"))]);
        life.hear("1", "a", "one").await;
        eventually(async || !life.messaging.queues().await.unwrap().parked.is_empty()).await;
        eventually(async || life.counts().await.pending == 1).await;
        later::set(by);
        heed_the_clock(&life.store, &life.messaging.inner.tasks).await;
        assert_eq!(clock::jump(), None, "the clock is followed");
        life.messaging.wake(&testing::account()).await.unwrap();
        assert_eq!(life.sender.reaches(2).await, ["echo: one"; 2], "set by {by} ms");
        life.settled().await;
        // It still expires by the day that is its own.
        life.sender.answer_next([Outcome::NotRunning(Failure::new("not_running", "the account is stopped"))]);
        life.hear("2", "b", "two").await;
        eventually(async || life.counts().await.pending == 1).await;
        later::pass(DAY);
        life.messaging.wake(&testing::account()).await.unwrap();
        life.settled().await;
        assert_eq!(life.counts().await.failed, 1, "set by {by} ms");
        life.kill().await;
    }
}

#[tokio::test]
async fn before_anybody_has_moved_what_waits_nothing_expires_either() {
    let dir = tempfile::tempdir().unwrap();
    let life = Life::begin(&dir).await;
    life.sender.answer_next([Outcome::NotRunning(Failure::new("not_running", "the account is stopped"))]);
    life.hear("1", "a", "one").await;
    eventually(async || life.counts().await.pending == 1).await;
    later::set(millis(DAY));
    life.messaging.wake(&testing::account()).await.unwrap();
    life.sender.reaches(2).await;
    life.settled().await;
    assert_eq!(life.counts().await.failed, 0);
}

#[tokio::test]
async fn a_code_outlives_a_clock_that_is_set() {
    for by in [millis(DAY), -millis(DAY)] {
        let dir = tempfile::tempdir().unwrap();
        let life = Life::with(&dir, DmPolicy::Pairing, options(), Memory::new()).await;
        life.hear("1", "u1", "hello").await;
        life.settled().await;
        let code = life.messaging.pairing_requests(Some("chat")).await.unwrap()[0].code.clone();
        later::set(by);
        heed_the_clock(&life.store, &life.messaging.inner.tasks).await;
        assert_eq!(life.messaging.approve_code("chat", None, &code).await.unwrap().sender, "u1", "{by}");
        life.kill().await;
    }
}
