//! The commands that ask one question, against the real gateway: each is answered, for people and for programs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use openclaw_e2e::{Home, model, model_only};

#[tokio::test(flavor = "multi_thread")]
async fn every_small_question_is_answered() {
    let home = Home::new(model_only(&model().await));
    let _gateway = home.start().await;
    for (command, words) in [
        (&["system", "presence"][..], "gateway"),
        (&["system", "heartbeat", "last"], "There was no heartbeat yet."),
        (&["system", "event", "--text", "hi"], "ok"),
        (&["sessions"], "No sessions."),
        (&["agents", "list"], "main"),
        (&["nodes", "list"], "Known: 0"),
        (&["nodes", "status"], "Known: 0"),
        (&["nodes", "pending"], "No pending pairing requests."),
        (&["cron", "list"], "No cron jobs."),
        (&["cron", "status"], "Enabled: no"),
        (&["users", "list"], "No users."),
        (&["hooks", "list"], "No hooks found."),
        (&["skills", "list"], "No skills found."),
        (&["secrets", "reload"], "Secrets reloaded"),
        (&["audit"], "No activity is recorded."),
        (&["update", "status"], "Channel: stable"),
        (&["gateway", "usage-cost"], "Cost: $0.00"),
        (&["gateway", "stability"], ""),
        (&["devices", "list"], "No device pairing entries."),
    ] {
        let ran = home.run(command).await.ok();
        assert!(ran.stdout.contains(words), "no `{words}` for {command:?} in:\n{}", ran.stdout);
        assert_eq!(ran.stderr, "", "{command:?}");
        home.run(&[command, &["--json"]].concat()).await.ok().json();
    }
}
