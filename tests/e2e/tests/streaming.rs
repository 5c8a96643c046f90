//! How replies reach the chat: an answer that shows while it is written, its prefix and what it quotes, and reactions, in the
//! real binary and with both vendors.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::time::{Duration, Instant};

use openclaw_e2e::{Home, SOON, TOKEN, eventually, fakes, model, model_only, open};
use openclaw_fakes::{DiscordTalker, FakeDiscord, FakeOpenai, FakeTelegram, Fault, Mode, Sent, Talker};
use serde_json::{Value, json};

const DISCORD_TOKEN: &str = "MTAwMA.e2e.DiscordT0kenForStreaming";
/// The last sign of a text that is not complete.
const MORE: &str = " …";

fn ada() -> Talker {
    Talker::private(777_001, "ada")
}

/// What a model says that writes for three seconds.
const LONG: Mode = Mode::Chunks { count: 30, delay_ms: 100 };

fn long_answer() -> String {
    (0..30).map(|index| format!("drip{index} ")).collect::<String>().trim_end().to_owned()
}

fn edits(telegram: &FakeTelegram) -> Vec<Sent> {
    telegram.sent(TOKEN).into_iter().filter(|sent| sent.method == "editMessageText").collect()
}

async fn preview(telegram: &FakeTelegram) -> Sent {
    let found = telegram.wait_for(TOKEN, SOON, |sent| {
        sent.iter().find(|sent| sent.method == "sendMessage" && sent.text.ends_with(MORE)).cloned()
    });
    found.await.unwrap_or_else(|| panic!("no preview: {:#?}", telegram.messages(TOKEN)))
}

async fn shows(telegram: &FakeTelegram, text: &str) {
    eventually(&format!("`{text}` is visible"), async || {
        telegram.visible(TOKEN).iter().any(|(_, shown)| shown == text)
    })
    .await;
}

fn texts(telegram: &FakeTelegram) -> Vec<String> {
    telegram.visible(TOKEN).into_iter().map(|(_, text)| text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_shows_while_it_is_written_and_takes_the_place_of_what_was_shown() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let _gateway = home.start().await;
    model.set_mode(LONG);
    telegram.say(TOKEN, &ada(), "tell me");
    let first = preview(&telegram).await;
    assert!(long_answer().starts_with(first.text.trim_end_matches(MORE)), "{first:?}");
    shows(&telegram, &long_answer()).await;
    assert_eq!(telegram.messages(TOKEN).len(), 1, "one message: {:#?}", telegram.messages(TOKEN));
    let edits = edits(&telegram);
    assert!(edits.len() >= 2, "it grew: {edits:#?}");
    assert!(edits.iter().all(|edit| edit.message_id == first.message_id), "{edits:#?}");
    let paced =
        edits.windows(2).rev().skip(1).all(|pair| pair[1].at - pair[0].at >= Duration::from_millis(900));
    assert!(paced, "edits go out at a slow pace: {edits:#?}");

    // What is complete at once is sent at once.
    model.set_mode(Mode::Echo);
    telegram.say(TOKEN, &ada(), "a question that is longer than thirty characters");
    eventually("the second answer", async || telegram.messages(TOKEN).len() == 2).await;
    assert!(!telegram.messages(TOKEN)[1].text.ends_with(MORE));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_was_writing_the_next_life_finishes_the_same_message() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let gateway = home.start().await;
    model.set_mode(Mode::Chunks { count: 1_000, delay_ms: 50 });
    telegram.say(TOKEN, &ada(), "tell me a long story");
    let first = preview(&telegram).await;
    // The first edit knows the message's id, so that the ledger does too.
    eventually("an edit", async || !edits(&telegram).is_empty()).await;
    gateway.kill().await;
    model.set_mode(Mode::Echo);
    let _gateway = home.start().await;
    eventually("the answer", async || {
        telegram.visible(TOKEN).iter().any(|(id, text)| *id == first.message_id && text.starts_with("echo: "))
    })
    .await;
    // One more turn behind it: whatever would come twice has come by then.
    telegram.say(TOKEN, &ada(), "next");
    eventually("the next answer", async || telegram.visible(TOKEN).len() == 2).await;
    let texts = texts(&telegram);
    assert!(texts[0].contains("tell me a long story") && texts[1].contains("next"), "{texts:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_during_the_send_of_a_preview_the_answer_comes_once() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let gateway = home.start().await;
    telegram.fault(TOKEN, "sendMessage", Fault::Hang, 1);
    model.set_mode(LONG);
    telegram.say(TOKEN, &ada(), "tell me");
    eventually("the send is under way", async || {
        telegram.calls(TOKEN).iter().any(|(method, _)| method.eq_ignore_ascii_case("sendMessage"))
    })
    .await;
    gateway.kill().await;
    model.set_mode(Mode::Echo);
    let _gateway = home.start().await;
    telegram.say(TOKEN, &ada(), "next");
    eventually("both answers", async || texts(&telegram).iter().any(|text| text.contains("next"))).await;
    let texts = texts(&telegram);
    let answers = texts.iter().filter(|text| text.starts_with("echo: ") && text.contains("tell me"));
    assert_eq!(answers.count(), 1, "{texts:#?}");
    let dead = home.run(&["channels", "dead-letters", "list", "--json"]).await.ok().json();
    assert_eq!(dead["counts"]["ambiguous"], 0, "no answer is missing: {dead:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_somebody_deleted_is_followed_by_a_new_one() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let _gateway = home.start().await;
    model.set_mode(LONG);
    telegram.say(TOKEN, &ada(), "tell me");
    let first = preview(&telegram).await;
    telegram.delete(TOKEN, first.message_id);
    shows(&telegram, &long_answer()).await;
    assert_eq!(texts(&telegram), [long_answer()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_on_edits_do_not_hold_up_the_answer() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let _gateway = home.start().await;
    telegram.fault(TOKEN, "editMessageText", Fault::TooManyRequests { retry_after: 50 }, 1);
    model.set_mode(LONG);
    let began = Instant::now();
    telegram.say(TOKEN, &ada(), "tell me");
    shows(&telegram, &long_answer()).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!((telegram.messages(TOKEN).len(), edits(&telegram).len()), (1, 1), "the last edit alone");
    let asked = telegram.calls(TOKEN);
    let tries = asked.iter().filter(|(method, _)| method.eq_ignore_ascii_case("editMessageText")).count();
    assert_eq!(tries, 2, "nothing was tried while the vendor wants peace");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_whose_end_nobody_knows_is_made_again() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let _gateway = home.start().await;
    model.set_mode(LONG);
    telegram.say(TOKEN, &ada(), "tell me");
    preview(&telegram).await;
    // From here on edits are carried out and their answers are lost: those of the preview, and the first of the answer.
    telegram.fault(TOKEN, "editMessageText", Fault::DoneThenCut, 3);
    shows(&telegram, &long_answer()).await;
    // The next answer waits behind it.
    model.set_mode(Mode::Echo);
    telegram.say(TOKEN, &ada(), "next");
    eventually("the next answer", async || telegram.visible(TOKEN).len() == 2).await;
    let asked = telegram.calls(TOKEN);
    let last: Vec<_> = asked
        .iter()
        .filter(|(method, params)| {
            method.eq_ignore_ascii_case("editMessageText") && params["text"] == json!(long_answer())
        })
        .collect();
    assert!(last.len() >= 2, "it was asked for again: {asked:#?}");
    let dead = home.run(&["channels", "dead-letters", "list", "--json"]).await.ok().json();
    assert_eq!(dead["counts"]["ambiguous"], 0, "{dead:#}");
    assert_eq!(texts(&telegram)[0], long_answer());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_streaming_is_off_an_answer_comes_as_a_whole() {
    let (telegram, model) = fakes().await;
    let mut config = open(&telegram, &model);
    config["channels"]["telegram"]["streaming"] = json!(false);
    let home = Home::new(config);
    let _gateway = home.start().await;
    model.set_mode(Mode::Chunks { count: 20, delay_ms: 100 });
    telegram.say(TOKEN, &ada(), "tell me");
    eventually("the answer", async || !telegram.messages(TOKEN).is_empty()).await;
    assert!(telegram.messages(TOKEN)[0].text.ends_with("drip19"), "{:#?}", telegram.messages(TOKEN));
    assert!(edits(&telegram).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_have_their_prefix_and_quote_what_they_answer() {
    let (telegram, model) = fakes().await;
    let mut config = open(&telegram, &model);
    config["messages"]["responsePrefix"] = json!("[{identity.name} on {modelFull}]");
    config["agents"]["entries"] = json!({"main": {"identity": {"name": "Molty"}}});
    config["channels"]["telegram"]["replyToMode"] = json!("all");
    config["channels"]["telegram"]["textChunkLimit"] = json!(60);
    let home = Home::new(config);
    let _gateway = home.start().await;
    model.set_mode(Mode::Say("one two three four five six seven eight nine ten eleven".into()));
    telegram.say(TOKEN, &ada(), "count");
    eventually("both parts", async || telegram.messages(TOKEN).len() == 2).await;
    let sent = telegram.messages(TOKEN);
    assert!(sent[0].text.starts_with("[Molty on fake/echo] one two"), "{sent:#?}");
    assert!(!sent[1].text.contains("Molty"), "{sent:#?}");
    assert!(sent.iter().all(|sent| sent.params["reply_parameters"]["message_id"] == 1), "{sent:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mention_in_a_group_is_acknowledged_and_the_sign_goes_with_the_reply() {
    let (telegram, model) = fakes().await;
    let mut config = open(&telegram, &model);
    config["channels"]["telegram"]["groups"] = json!({"*": {"requireMention": true}});
    config["channels"]["telegram"]["groupAllowFrom"] = json!(["*"]);
    config["messages"] = json!({"removeAckAfterReply": true});
    // Not among the vendor's reactions: another one stands for it.
    config["agents"]["entries"] = json!({"main": {"identity": {"emoji": "🦞"}}});
    let home = Home::new(config);
    let _gateway = home.start().await;
    let group = Talker::in_group(-1_001, "Group", 7, "ada");
    telegram.say(TOKEN, &group, "not for the bot");
    telegram.say(TOKEN, &group, "hello @mock_claw_bot");
    eventually("the reaction comes and goes", async || telegram.reactions(TOKEN).len() == 2).await;
    assert_eq!(telegram.reactions(TOKEN), [(2, Some("👀".to_owned())), (2, None)]);
    telegram.say(TOKEN, &ada(), "in private");
    eventually("the private answer", async || telegram.messages(TOKEN).len() == 2).await;
    assert_eq!(telegram.reactions(TOKEN).len(), 2, "the scope is mentions in groups");
}

async fn discord() -> (FakeDiscord, FakeOpenai) {
    let discord = FakeDiscord::start().await.unwrap();
    discord.add_bot(DISCORD_TOKEN, 1_000, "claw");
    discord.set_identify_gap(DISCORD_TOKEN, Duration::ZERO);
    (discord, model().await)
}

fn open_discord(discord: &FakeDiscord, model: &FakeOpenai) -> Value {
    let mut config = model_only(model);
    config["channels"] = json!({ "discord": {
        "token": DISCORD_TOKEN, "apiRoot": discord.api_root(), "gatewayUrl": discord.gateway_url(),
        "dmPolicy": "open", "allowFrom": ["*"],
    } });
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_vendor_edits_too_where_it_is_asked_to() {
    let (discord, model) = discord().await;
    let mut config = open_discord(&discord, &model);
    config["channels"]["discord"]["streaming"] = json!("partial");
    let home = Home::new(config);
    let gateway = home.start().await;
    assert!(discord.wait_for_session(DISCORD_TOKEN, SOON).await);
    model.set_mode(LONG);
    let ada = DiscordTalker::private(7, "ada");
    discord.say(DISCORD_TOKEN, &ada, "tell me");
    eventually("the answer", async || {
        discord.visible(DISCORD_TOKEN).iter().any(|(_, text)| *text == long_answer())
    })
    .await;
    assert_eq!(discord.messages(DISCORD_TOKEN).len(), 1);
    assert!(discord.messages(DISCORD_TOKEN)[0].content.as_ref().unwrap().ends_with(MORE));
    assert!(discord.edits(DISCORD_TOKEN).len() >= 2);

    model.set_mode(Mode::Chunks { count: 1_000, delay_ms: 50 });
    discord.say(DISCORD_TOKEN, &ada, "a long story");
    let before = discord.edits(DISCORD_TOKEN).len();
    eventually("an edit", async || discord.edits(DISCORD_TOKEN).len() > before).await;
    gateway.kill().await;
    model.set_mode(Mode::Echo);
    let _gateway = home.start().await;
    eventually("the second answer", async || {
        discord.visible(DISCORD_TOKEN).iter().any(|(_, text)| text.starts_with("echo: "))
    })
    .await;
    assert_eq!(discord.messages(DISCORD_TOKEN).len(), 2, "{:#?}", discord.visible(DISCORD_TOKEN));
}

#[tokio::test(flavor = "multi_thread")]
async fn reactions_tell_the_stages_of_a_turn() {
    let (discord, model) = discord().await;
    let mut config = open_discord(&discord, &model);
    config["channels"]["discord"]["ackReactionScope"] = json!("all");
    config["messages"] = json!({"statusReactions": {"enabled": true}, "ackReactionScope": "off"});
    let home = Home::new(config);
    let _gateway = home.start().await;
    assert!(discord.wait_for_session(DISCORD_TOKEN, SOON).await);
    model.set_mode(Mode::Late { delay_ms: 1_000 });
    let asked = discord.say(DISCORD_TOKEN, &DiscordTalker::private(7, "ada"), "hello").unwrap();
    eventually("the last stage", async || discord.reactions(DISCORD_TOKEN).len() >= 3).await;
    let reactions = discord.reactions(DISCORD_TOKEN);
    assert!(reactions.iter().all(|(_, message, _)| *message == asked), "{reactions:#?}");
    let put: Vec<&str> =
        reactions.iter().filter(|(method, ..)| method == "PUT").map(|(_, _, emoji)| emoji.as_str()).collect();
    let (thinking, done) = ("%F0%9F%A4%94", "%F0%9F%91%8D");
    assert!(put.ends_with(&[thinking]) || put.ends_with(&[thinking, done]), "{reactions:#?}");
    eventually("the stage before is taken away", async || {
        discord.reactions(DISCORD_TOKEN).contains(&("DELETE".to_owned(), asked.clone(), thinking.to_owned()))
    })
    .await;
}
