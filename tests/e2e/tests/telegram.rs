//! The main job: a Telegram message goes through two sandboxed components and is answered.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use openclaw_e2e::{GATEWAY_TOKEN, Home, KEY, SOON, TOKEN, config, eventually, fakes, open};
use openclaw_fakes::{FakeTelegram, Fault, Mode, Sent, Talker};

async fn answer_with(telegram: &FakeTelegram, text: &str) -> Sent {
    let found = telegram.wait_for(TOKEN, SOON, |sent| {
        sent.iter().find(|sent| sent.method == "sendMessage" && sent.text.contains(text)).cloned()
    });
    found.await.unwrap_or_else(|| panic!("no message with `{text}`: {:#?}", telegram.messages(TOKEN)))
}

fn answers_with(telegram: &FakeTelegram, text: &str) -> usize {
    telegram.messages(TOKEN).iter().filter(|sent| sent.text.contains(text)).count()
}

/// The pairing text as the original sends it, with the code in it.
fn pairing_text(user: i64, code: &str) -> String {
    format!(
        "OpenClaw: access not configured.\n\nYour Telegram user id: {user}\nPairing code:\n\n<pre><code>{code}\n</code></pre>\n\
         Ask the bot owner to approve with:\n\n<pre><code>openclaw pairing approve telegram {code}\n</code></pre>"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_sender_is_paired_and_then_answered() {
    let (telegram, model) = fakes().await;
    let home = Home::new(config(&telegram, &model));
    let _gateway = home.start().await;
    let ada = Talker::private(777_001, "ada_l");

    telegram.say(TOKEN, &ada, "hello bot");
    let asked = answer_with(&telegram, "access not configured").await;
    assert_eq!(asked.params["parse_mode"], "HTML");
    let listed = home.run(&["pairing", "list", "--channel", "telegram", "--json"]).await.ok().json();
    assert_eq!(listed["channel"], "telegram");
    let request = &listed["requests"][0];
    let code = request["code"].as_str().unwrap();
    assert_eq!(request["id"], "777001");
    assert_eq!(request["meta"]["username"], "ada_l");
    assert_eq!(asked.params["text"], pairing_text(777_001, code));

    // A second message while the request is pending is met with silence, and no turn has run.
    telegram.say(TOKEN, &ada, "are you there?");
    eventually("both updates were taken", async || telegram.unconfirmed(TOKEN) == 0).await;
    let wrong = home.run(&["pairing", "approve", "telegram", "AAAAAAAA"]).await;
    assert_eq!(wrong.code, 1);
    assert!(wrong.stderr.contains(r#"No pending pairing request found for code "AAAAAAAA"."#), "{wrong:?}");
    let approved = home.run(&["pairing", "approve", "telegram", &code.to_lowercase()]).await.ok();
    assert!(approved.stdout.contains("Approved telegram sender 777001."), "{approved:?}");
    assert!(approved.stdout.contains("Command owner configured telegram:777001"), "{approved:?}");

    telegram.say(TOKEN, &ada, "hello after approval");
    answer_with(&telegram, "hello after approval").await;
    assert_eq!(model.chats().len(), 1, "only the approved message became a turn");
    assert_eq!(telegram.messages(TOKEN).len(), 2);
    assert!(telegram.sent(TOKEN).iter().any(|sent| sent.method == "sendChatAction"));
    let log = home.log();
    assert!(log.contains("pairing request"), "{log}");
    let empty = home.run(&["pairing", "list", "--channel", "telegram"]).await.ok();
    assert!(empty.stdout.contains("No pending telegram pairing requests."), "{empty:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_replies_each_message_is_answered_exactly_once() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let gateway = home.start().await;
    model.set_mode(Mode::Hang);
    for (user, text) in [(1, "first question"), (2, "second question"), (3, "third question")] {
        telegram.say(TOKEN, &Talker::private(user, "somebody"), text);
    }
    eventually("the messages are stored and a turn runs", async || {
        telegram.unconfirmed(TOKEN) == 0 && !model.chats().is_empty()
    })
    .await;
    gateway.kill().await;
    assert!(telegram.messages(TOKEN).is_empty());

    model.set_mode(Mode::Echo);
    let _gateway = home.start().await;
    for text in ["first question", "second question", "third question"] {
        answer_with(&telegram, text).await;
    }
    // One more turn behind them: whatever would come twice has come by then.
    telegram.say(TOKEN, &Talker::private(1, "somebody"), "and a last one");
    answer_with(&telegram, "and a last one").await;
    for text in ["first question", "second question", "third question"] {
        assert_eq!(answers_with(&telegram, text), 1, "{text}: {:#?}", telegram.messages(TOKEN));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_during_a_send_it_is_flagged_and_not_repeated() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let gateway = home.start().await;
    telegram.fault(TOKEN, "sendMessage", Fault::Hang, 1);
    telegram.say(TOKEN, &Talker::private(1, "somebody"), "in flight");
    eventually("the send is under way", async || {
        telegram.calls(TOKEN).iter().any(|(method, _)| method.eq_ignore_ascii_case("sendMessage"))
    })
    .await;
    gateway.kill().await;
    let _gateway = home.start().await;
    telegram.say(TOKEN, &Talker::private(1, "somebody"), "next");
    answer_with(&telegram, "next").await;
    assert_eq!(answers_with(&telegram, "in flight"), 0, "a send that may have arrived is not repeated");
    let status = home.run(&["status", "--json"]).await.ok().json();
    assert!(status.to_string().contains("ambiguous"), "{status:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_told_from_a_good_one() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let _gateway = home.start().await;
    telegram.say(TOKEN, &Talker::private(1, "somebody"), "hello");
    answer_with(&telegram, "hello").await;
    let good = home.run(&["channels", "status", "--probe"]).await.ok();
    for word in [
        "Gateway reachable.",
        "- Telegram default: enabled, configured, running, connected",
        "in:",
        "out:",
        "bot:@mock_claw_bot",
        "works",
    ] {
        assert!(good.stdout.contains(word), "no `{word}`: {good:?}");
    }
    telegram.revoke(TOKEN);
    let bad = home.run(&["channels", "status", "--probe"]).await.ok();
    assert!(!bad.stdout.contains(", works"), "{bad:?}");
    assert!(bad.stdout.contains("401"), "{bad:?}");
    // The rest runs on.
    let models = home.run(&["models", "list", "--json"]).await.ok();
    assert!(models.stdout.contains("fake/echo"), "{models:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_nowhere_and_text_that_looks_like_one_is_text() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let gateway = home.start().await;
    let text = "my text says {{secret:botToken}} and /bot{botToken}/";
    telegram.say(TOKEN, &Talker::private(1, "somebody"), text);
    answer_with(&telegram, text).await;
    let heard = model.chats()[0].body.to_string();
    assert!(heard.contains(text), "{heard}");
    model.set_mode(Mode::Say("the model says {{secret:apiKey}}".into()));
    telegram.say(TOKEN, &Talker::private(1, "somebody"), "and now?");
    answer_with(&telegram, "the model says {{secret:apiKey}}").await;
    // Errors and probes are where secrets usually slip out.
    telegram.fault(TOKEN, "getUpdates", Fault::Cut, 2);
    model.set_mode(Mode::Unauthorized);
    telegram.say(TOKEN, &Talker::private(1, "somebody"), "and an error");
    answer_with(&telegram, "Authentication failed").await;
    for command in [
        &["status", "--json"][..],
        &["channels", "status"],
        &["logs", "--json"],
        &["doctor", "--json"],
        &["config", "get", "gateway"],
        &["config", "get", "channels"],
        &["config", "get", "models"],
    ] {
        let ran = home.run(command).await;
        assert!(!ran.stdout.is_empty(), "{command:?} shows nothing: {ran:?}");
        for secret in [TOKEN, KEY, GATEWAY_TOKEN] {
            assert!(
                !ran.stdout.contains(secret) && !ran.stderr.contains(secret),
                "{command:?} shows a secret"
            );
        }
    }
    assert_eq!(gateway.terminate().await, 0);
    // The file that a person put them into, and its copy to go back to, which nobody else may read.
    let copy = home.state().join("openclaw.json.last-good");
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    for (path, bytes) in home.files() {
        if path == home.config_path() || path == copy {
            continue;
        }
        for secret in [TOKEN, KEY, GATEWAY_TOKEN] {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds a secret", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_refusals_are_answered_as_documented() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let _gateway = home.start().await;
    let ada = Talker::private(1, "somebody");
    telegram.fault(TOKEN, "sendMessage", Fault::TooManyRequests { retry_after: 1 }, 1);
    let began = Instant::now();
    telegram.say(TOKEN, &ada, "slow down");
    answer_with(&telegram, "slow down").await;
    assert!(began.elapsed() >= Duration::from_secs(1), "retry_after was not honoured");
    assert_eq!(answers_with(&telegram, "slow down"), 1);

    let parse = "Bad Request: can't parse entities: unsupported start tag".to_owned();
    telegram.fault(TOKEN, "sendMessage", Fault::Refuse { status: 400, description: parse }, 1);
    model.set_mode(Mode::Say("**bold**".into()));
    telegram.say(TOKEN, &ada, "format");
    let plain = answer_with(&telegram, "bold").await;
    assert!(plain.params.get("parse_mode").is_none(), "{plain:?}");

    model.set_mode(Mode::Echo);
    telegram.fault(TOKEN, "sendMessage", Fault::Page(502), 1);
    telegram.say(TOKEN, &ada, "ambiguous one");
    eventually("the fault has met it", async || {
        telegram.calls(TOKEN).iter().any(|(_, params)| params.to_string().contains("ambiguous one"))
    })
    .await;
    // Somebody else: what one person says at once is told together.
    telegram.say(TOKEN, &Talker::private(2, "another"), "after it");
    answer_with(&telegram, "after it").await;
    assert_eq!(
        answers_with(&telegram, "ambiguous one"),
        0,
        "a 5xx may have been processed: it is not repeated"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rival_poller_is_survived() {
    let (telegram, model) = fakes().await;
    telegram.set_conflict_delay(Duration::from_millis(50));
    let home = Home::new(open(&telegram, &model));
    let _gateway = home.start().await;
    assert!(telegram.wait_for_poll(TOKEN, SOON).await);
    let conflict =
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
    telegram.fault(TOKEN, "getUpdates", Fault::Refuse { status: 409, description: conflict.into() }, 2);
    telegram.say(TOKEN, &Talker::private(1, "somebody"), "before the rival");
    answer_with(&telegram, "before the rival").await;
    telegram.say(TOKEN, &Talker::private(1, "somebody"), "after the rival left");
    answer_with(&telegram, "after the rival left").await;
    assert_eq!(telegram.most_polls(TOKEN), 1, "never more than one poll at once");
    assert!(home.log().contains("409") || home.log().contains("onflict"), "{}", home.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_one_account_is_quick_and_loses_nothing() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let _gateway = home.start().await;
    assert!(telegram.wait_for_poll(TOKEN, SOON).await);
    let restarted = home.run(&["channels", "restart", "telegram", "--json"]).await.ok();
    assert!(restarted.stdout.contains("telegram"), "{restarted:?}");
    telegram.say(TOKEN, &Talker::private(1, "somebody"), "after the restart");
    answer_with(&telegram, "after the restart").await;
    assert_eq!(answers_with(&telegram, "after the restart"), 1);
}
