//! One message, one turn, one answer: whatever the vendor repeats, whatever answer is lost, whatever turn hangs, and whenever the
//! gateway dies. The bars are T12, T14 and T15 of the design.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::time::{Duration, Instant};

use openclaw_e2e::{Home, SOON, TOKEN, eventually, fakes, model, model_only, open};
use openclaw_fakes::{DiscordTalker, FakeDiscord, FakeOpenai, FakeTelegram, Fault, Mode, Talker};
use serde_json::json;

const DISCORD_TOKEN: &str = "MTAwMA.once.T0ken";

fn ada() -> Talker {
    Talker::private(1, "ada")
}

fn told(telegram: &FakeTelegram, text: &str) -> usize {
    telegram.messages(TOKEN).iter().filter(|sent| sent.text.contains(text)).count()
}

/// Turns whose newest words are these.
fn turns(model: &FakeOpenai, text: &str) -> usize {
    let newest = |body: &serde_json::Value| {
        body["messages"].as_array().unwrap().last().unwrap()["content"].to_string()
    };
    model.chats().iter().filter(|seen| newest(&seen.body).contains(text)).count()
}

/// T12: an update of the vendor comes five times under its number, and the message in it five times under new ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_repeats_itself_across_restarts_and_kills_makes_one_turn() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let said = telegram.message(TOKEN, &ada(), "only once please").unwrap();
    let comes = |telegram: &FakeTelegram| {
        telegram.redeliver(TOKEN);
        telegram.inject(TOKEN, json!({ "message": said }));
    };
    let all_taken = async |what: &str| {
        eventually(what, async || telegram.unconfirmed(TOKEN) == 0).await;
    };

    // Killed with the turn under way, so that nothing was answered when it comes again.
    model.set_mode(Mode::Hang);
    let gateway = home.start().await;
    comes(&telegram);
    all_taken("the first time").await;
    assert!(model.wait_for(1, SOON).await);
    gateway.kill().await;
    let cut_off = turns(&model, "only once please");
    assert_eq!(cut_off, 1);
    model.set_mode(Mode::Echo);
    comes(&telegram);
    let gateway = home.start().await;
    eventually("it is answered", async || told(&telegram, "only once please") == 1).await;
    all_taken("the second time").await;
    // In the life of one process, across an orderly restart, and across another kill.
    comes(&telegram);
    all_taken("the third time").await;
    assert_eq!(gateway.terminate().await, 0);
    comes(&telegram);
    let gateway = home.start().await;
    all_taken("the fourth time").await;
    gateway.kill().await;
    comes(&telegram);
    let _gateway = home.start().await;
    all_taken("the fifth time").await;
    // One more behind them: whatever would come twice has come by then.
    telegram.say(TOKEN, &ada(), "the end");
    eventually("the end is answered", async || told(&telegram, "the end") == 1).await;
    assert!(telegram.redelivered(TOKEN) >= 4, "the vendor did repeat itself");
    assert_eq!(told(&telegram, "only once please"), 1);
    assert_eq!(
        turns(&model, "only once please"),
        cut_off + 1,
        "the one that was cut off, and the one that counts"
    );
}

/// T12 on a socket: the same message as a new event, and as a replay of the session.
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_repeats_itself_across_restarts_and_kills_makes_one_turn() {
    let discord = FakeDiscord::start().await.unwrap();
    discord.add_bot(DISCORD_TOKEN, 1_000, "claw");
    let model = model().await;
    let mut config = model_only(&model);
    config["channels"] = json!({ "discord": {
        "token": DISCORD_TOKEN, "apiRoot": discord.api_root(), "gatewayUrl": discord.gateway_url(),
        "dmPolicy": "open", "allowFrom": ["*"],
    } });
    let home = Home::new(config);
    let ada = DiscordTalker::private(7, "ada");
    let told = |text: &str| {
        let has = |content: &Option<String>| content.as_ref().is_some_and(|content| content.contains(text));
        discord.messages(DISCORD_TOKEN).iter().filter(|sent| has(&sent.content)).count()
    };
    let session =
        async || assert!(discord.wait_for_session(DISCORD_TOKEN, SOON).await, "there is no session");
    let gone = async || eventually("it is gone", async || discord.connected(DISCORD_TOKEN) == 0).await;

    let gateway = home.start().await;
    session().await;
    // The first message brings the cursor from which the session is resumed.
    discord.say(DISCORD_TOKEN, &ada, "before");
    eventually("the first is answered", async || told("before") == 1).await;
    model.set_mode(Mode::Hang);
    let id = discord.say(DISCORD_TOKEN, &ada, "only once please").unwrap();
    eventually("its turn is under way", async || turns(&model, "only once please") == 1).await;
    gateway.kill().await;
    gone().await;
    discord.repeat(DISCORD_TOKEN, &id);
    model.set_mode(Mode::Echo);
    let gateway = home.start().await;
    eventually("it is answered", async || told("only once please") == 1).await;
    discord.repeat(DISCORD_TOKEN, &id);
    assert_eq!(gateway.terminate().await, 0);
    gone().await;
    discord.repeat(DISCORD_TOKEN, &id);
    let gateway = home.start().await;
    session().await;
    discord.repeat(DISCORD_TOKEN, &id);
    gateway.kill().await;
    gone().await;
    discord.repeat(DISCORD_TOKEN, &id);
    let _gateway = home.start().await;
    discord.say(DISCORD_TOKEN, &ada, "the end");
    eventually("the end is answered", async || told("the end") == 1).await;
    assert_eq!((told("only once please"), turns(&model, "only once please")), (1, 2));
    assert_eq!(discord.identifies(DISCORD_TOKEN).len(), 1, "the session was resumed, with its replays");
}

/// T14 where the vendor cannot be asked again: what was done and not acknowledged is seen once and flagged.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_is_flagged_and_the_message_not_repeated() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let _gateway = home.start().await;
    telegram.fault(TOKEN, "sendMessage", Fault::DoneThenCut, 1);
    telegram.say(TOKEN, &ada(), "its acknowledgement is lost");
    eventually("it is visible", async || told(&telegram, "its acknowledgement is lost") == 1).await;
    telegram.say(TOKEN, &ada(), "what comes after it");
    eventually("the next one is sent", async || told(&telegram, "what comes after it") == 1).await;
    assert_eq!(told(&telegram, "its acknowledgement is lost"), 1, "not repeated");
    let status = home.run(&["channels", "status", "--json"]).await.ok().json();
    assert_eq!(status["channelAccounts"]["telegram"][0]["ambiguousSends"], 1, "{status:#}");
    let shown = home.run(&["channels", "dead-letters", "list"]).await.ok().stdout;
    assert!(
        shown.contains("ambiguous") && shown.contains("its acknowledgement"),
        "a person can see it: {shown}"
    );
}

/// T15: a turn that hangs ends at its deadline, and what waits behind it goes on within a second.
#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_hangs_ends_at_its_deadline_and_frees_its_lane() {
    const DEADLINE: Duration = Duration::from_secs(2);
    let (telegram, model) = fakes().await;
    let mut config = open(&telegram, &model);
    config["agents"]["defaults"]["timeoutSeconds"] = json!(DEADLINE.as_secs());
    let home = Home::new(config);
    let _gateway = home.start().await;
    model.script([Mode::Hang]);
    telegram.say(TOKEN, &ada(), "this one hangs");
    assert!(model.wait_for(1, SOON).await);
    let began = Instant::now();
    telegram.say(TOKEN, &ada(), "this one waits behind it");
    eventually("the second one is answered", async || told(&telegram, "this one waits behind it") == 1).await;
    let took = began.elapsed();
    assert!(took >= DEADLINE - Duration::from_millis(500), "one at a time: {took:?}");
    assert!(took <= DEADLINE + Duration::from_secs(1), "within a second of the deadline: {took:?}");
    // Whoever wrote is told that nothing comes of it.
    let texts: Vec<String> = telegram.messages(TOKEN).into_iter().map(|sent| sent.text).collect();
    assert!(texts.len() == 2 && texts[0].contains("timed out"), "{texts:?}");
}
