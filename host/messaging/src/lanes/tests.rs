use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::*;

const LONG: Duration = Duration::from_secs(3600);

fn many() -> Lanes {
    Lanes::new(64, 1024, 64)
}

#[tokio::test(start_paused = true)]
async fn a_session_runs_one_turn_at_a_time_in_order() {
    let lanes = many();
    let (sender, mut seen) = mpsc::unbounded_channel();
    for turn in 0..5 {
        let (ticket, sender) = (lanes.enter("s").unwrap(), sender.clone());
        tokio::spawn(async move {
            let _lane = ticket.ready().await.unwrap();
            sender.send((turn, "begins")).unwrap();
            sleep(Duration::from_secs(1)).await;
            sender.send((turn, "ends")).unwrap();
        });
    }
    drop(sender);
    for turn in 0..5 {
        assert_eq!(seen.recv().await, Some((turn, "begins")));
        assert_eq!(seen.recv().await, Some((turn, "ends")));
    }
    assert_eq!(seen.recv().await, None);
    assert_eq!(lanes.counts(), LaneCounts::default());
}

#[tokio::test(start_paused = true)]
async fn many_sessions_run_at_once_up_to_the_bound() {
    let lanes = Lanes::new(64, 1024, 8);
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let begin = Instant::now();
    let turns = (0..32).map(|index| {
        let (lanes, now, most) = (lanes.clone(), Arc::clone(&now), Arc::clone(&most));
        tokio::spawn(async move {
            let work = async {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                sleep(Duration::from_secs(1)).await;
                now.fetch_sub(1, Ordering::SeqCst);
            };
            lanes.run(&format!("s{index}"), LONG, work).await
        })
    });
    for turn in turns.collect::<Vec<_>>() {
        turn.await.unwrap().unwrap();
    }
    assert_eq!(most.load(Ordering::SeqCst), 8);
    assert_eq!(begin.elapsed().as_secs(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_flooded_session_does_not_hold_up_another() {
    let lanes = Lanes::new(64, 1024, 2);
    for _ in 0..60 {
        let ticket = lanes.enter("flooded").unwrap();
        tokio::spawn(async move {
            let _lane = ticket.ready().await.unwrap();
            sleep(Duration::from_secs(10)).await;
        });
    }
    tokio::task::yield_now().await;
    let begin = Instant::now();
    lanes.run("quiet", LONG, async {}).await.unwrap();
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_turn_is_dropped_at_its_deadline_and_the_lane_is_free() {
    let lanes = many();
    let deadline = Duration::from_secs(600);
    let begin = Instant::now();
    let stuck = lanes.run("s", deadline, std::future::pending::<()>()).await;
    assert_eq!(stuck, Err(LaneError::Deadline(deadline)));
    assert_eq!(begin.elapsed(), deadline);
    assert_eq!(lanes.run("s", deadline, async { 7 }).await, Ok(7));
    assert_eq!(begin.elapsed(), deadline);
}

#[tokio::test(start_paused = true)]
async fn lines_are_bounded_and_those_that_give_up_leave() {
    let lanes = Lanes::new(3, 4, 64);
    let first = lanes.enter("s").unwrap().ready().await.unwrap();
    let second = lanes.enter("s").unwrap();
    let third = lanes.enter("s").unwrap();
    assert_eq!(lanes.enter("s").err(), Some(LaneError::Full));
    drop(second);
    let fourth = lanes.enter("s").unwrap();
    let other = lanes.enter("t").unwrap();
    assert_eq!(lanes.enter("u").err(), Some(LaneError::Full), "four in all");
    drop((first, other));
    drop(third.ready().await.unwrap());
    drop(fourth.ready().await.unwrap());
    assert_eq!(lanes.counts(), LaneCounts::default());
}

#[tokio::test(start_paused = true)]
async fn a_closed_lane_lets_the_running_turn_end() {
    let lanes = many();
    let running = lanes.enter("s").unwrap().ready().await.unwrap();
    let waiting = lanes.enter("s").unwrap();
    lanes.close();
    assert_eq!(waiting.ready().await.err(), Some(LaneError::Closed));
    assert_eq!(lanes.enter("t").err(), Some(LaneError::Closed));
    assert_eq!(lanes.counts().turns, 1);
    drop(running);
    assert_eq!(lanes.counts(), LaneCounts::default());
}
