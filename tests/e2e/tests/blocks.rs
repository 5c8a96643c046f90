//! Block streaming in the real binary: an answer is sent in blocks while it is written, and a gateway that is killed in the
//! middle goes on behind what people have read.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use openclaw_e2e::{Home, SOON, TOKEN, eventually, fakes, model, model_only, open};
use openclaw_fakes::{DiscordTalker, FakeDiscord, FakeOpenai, FakeTelegram, Fault, Mode, Talker};
use serde_json::{Value, json};

const DISCORD_TOKEN: &str = "MTAwMA.e2e.DiscordT0kenForBlocks";

const STORY: [&str; 5] = [
    "The first paragraph tells of a lobster that lived by the sea.",
    "The second one says what it ate, and that it was never enough.",
    "```rust\nfn main() {\n\n    println!(\"a blank line inside of code is no end\");\n}\n```",
    "The fourth one is about the long way home over the hills.",
    "And the fifth is the end of it, for there is no more to tell.",
];

fn ada() -> Talker {
    Talker::private(777_001, "ada")
}

fn story() -> String {
    STORY.join("\n\n")
}

/// A model that takes some seconds for the story.
fn telling() -> Mode {
    Mode::Recite { text: Some(story()), pause_ms: 50 }
}

/// Each paragraph is sent soon after the next one has begun.
fn blocks(mut config: Value) -> Value {
    let defaults = &mut config["agents"]["defaults"];
    defaults["blockStreamingChunk"] = json!({"minChars": 1, "maxChars": 200});
    defaults["blockStreamingCoalesce"] = json!({"minChars": 1, "idleMs": 20});
    config
}

fn on_telegram(telegram: &FakeTelegram, model: &FakeOpenai) -> Value {
    let mut config = blocks(open(telegram, model));
    config["channels"]["telegram"]["streaming"] = json!({"mode": "partial", "block": {"enabled": true}});
    config
}

fn sent(telegram: &FakeTelegram) -> Vec<String> {
    telegram.messages(TOKEN).into_iter().map(|sent| sent.text).collect()
}

/// The paragraphs as the vendor shows them.
fn shown() -> Vec<String> {
    let plain = |text: &&str| text.trim_start_matches("```rust\n").trim_end_matches("```").to_owned();
    STORY.iter().map(plain).collect()
}

/// What the model was told last, without the system text: the roles and the texts.
fn told(model: &FakeOpenai) -> Vec<(String, String)> {
    let chat = model.chats().pop().unwrap();
    let all = chat.body["messages"].as_array().unwrap().iter().skip(1);
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    all.map(|message| (word(&message["role"]), word(&message["content"]))).collect()
}

/// Asks something else, and returns what the agent remembers of its answers.
async fn remembered(telegram: &FakeTelegram, model: &FakeOpenai) -> Vec<String> {
    model.set_mode(Mode::Say("asked and answered".into()));
    telegram.say(TOKEN, &ada(), "what did you say?");
    eventually("the last answer", async || sent(telegram).iter().any(|text| text.ends_with("answered")))
        .await;
    told(model).into_iter().filter(|(role, _)| role == "assistant").map(|(_, text)| text).collect()
}

async fn ambiguous(home: &Home) -> Value {
    home.run(&["channels", "dead-letters", "list", "--json"]).await.ok().json()["counts"]["ambiguous"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_sent_in_blocks_while_it_is_written() {
    let (telegram, model) = fakes().await;
    let mut config = on_telegram(&telegram, &model);
    config["messages"]["responsePrefix"] = json!("[{modelFull}]");
    config["channels"]["telegram"]["replyToMode"] = json!("first");
    let home = Home::new(config);
    let _gateway = home.start().await;
    model.set_mode(telling());
    telegram.say(TOKEN, &ada(), "tell me a story");
    eventually("the first block", async || !sent(&telegram).is_empty()).await;
    assert!(sent(&telegram).len() < STORY.len(), "the rest is not written yet");
    eventually("all of them", async || sent(&telegram).len() == STORY.len()).await;
    let mut expected = shown();
    expected[0] = format!("[fake/echo] {}", expected[0]);
    assert_eq!(sent(&telegram), expected);
    let quotes: Vec<_> = telegram
        .messages(TOKEN)
        .iter()
        .map(|sent| sent.params["reply_parameters"]["message_id"].as_i64())
        .collect();
    assert_eq!(quotes, [Some(1), None, None, None, None]);
    assert!(
        telegram.sent(TOKEN).iter().all(|sent| sent.method != "editMessageText"),
        "no preview beside them"
    );
    assert_eq!(remembered(&telegram, &model).await, [story()]);
    assert_eq!(ambiguous(&home).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_the_next_life_goes_on_behind_what_was_read() {
    let (telegram, model) = fakes().await;
    let mut config = on_telegram(&telegram, &model);
    let models = config["models"]["providers"]["fake"]["models"].as_array_mut().unwrap();
    models.push(json!({"id": "other", "name": "Other"}));
    config["agents"]["defaults"]["model"] = json!({"primary": "fake/echo", "fallbacks": ["fake/other"]});
    let home = Home::new(config);
    let gateway = home.start().await;
    model.set_mode(telling());
    telegram.say(TOKEN, &ada(), "tell me a story");
    eventually("two blocks", async || sent(&telegram).len() == 2).await;
    gateway.kill().await;
    // The model that began is not there any more: another one goes on.
    model.script([Mode::Unauthorized]);
    let _gateway = home.start().await;
    eventually("the rest", async || sent(&telegram).len() >= STORY.len()).await;
    let asked = told(&model);
    assert_eq!(asked.len(), 3, "{asked:#?}");
    assert_eq!(asked[1].0, "assistant");
    assert!(asked[1].1.starts_with(STORY[0]) && story().starts_with(&asked[1].1), "{asked:#?}");
    assert_eq!(remembered(&telegram, &model).await, [story()]);
    let mut expected = shown();
    expected.push("asked and answered".to_owned());
    assert_eq!(sent(&telegram), expected, "each of them once, and in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_during_the_send_of_a_block_it_is_flagged_and_not_repeated() {
    let (telegram, model) = fakes().await;
    let home = Home::new(on_telegram(&telegram, &model));
    let gateway = home.start().await;
    telegram.fault(TOKEN, "sendMessage", Fault::Hang, 1);
    model.set_mode(telling());
    telegram.say(TOKEN, &ada(), "tell me a story");
    eventually("the send is under way", async || {
        telegram.calls(TOKEN).iter().any(|(method, _)| method.eq_ignore_ascii_case("sendMessage"))
    })
    .await;
    gateway.kill().await;
    let _gateway = home.start().await;
    eventually("the rest", async || sent(&telegram).last() == shown().last()).await;
    assert_eq!(sent(&telegram), shown()[1..], "the first may have arrived");
    assert_eq!(ambiguous(&home).await, 1);
    assert_eq!(remembered(&telegram, &model).await, [story()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_stays_when_a_turn_is_stopped_or_fails() {
    let (telegram, model) = fakes().await;
    let home = Home::new(on_telegram(&telegram, &model));
    let _gateway = home.start().await;
    model.set_mode(telling());
    telegram.say(TOKEN, &ada(), "tell me a story");
    eventually("a block", async || !sent(&telegram).is_empty()).await;
    telegram.say(TOKEN, &ada(), "/stop");
    eventually("the end of it", async || sent(&telegram).iter().any(|text| text.starts_with("⚙️"))).await;
    let read: Vec<_> = sent(&telegram).into_iter().filter(|text| !text.starts_with("⚙️")).collect();
    assert!(!read.is_empty() && read.len() < STORY.len(), "{read:#?}");
    assert_eq!(read, shown()[..read.len()]);
    assert_eq!(remembered(&telegram, &model).await, [STORY[..read.len()].join("\n\n")], "what people read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_breaks_off_is_reported_behind_what_was_sent() {
    let (telegram, model) = fakes().await;
    let mut config = on_telegram(&telegram, &model);
    config["agents"]["defaults"]["blockStreamingChunk"] = json!({"minChars": 1, "maxChars": 11});
    config["agents"]["defaults"]["blockStreamingCoalesce"] = json!({"maxChars": 1});
    let home = Home::new(config);
    let _gateway = home.start().await;
    model.set_mode(Mode::Cut { after: 6 });
    telegram.say(TOKEN, &ada(), "tell me");
    eventually("what went wrong", async || sent(&telegram).iter().any(|text| text.starts_with("⚠️"))).await;
    let texts = sent(&telegram);
    assert_eq!(texts[..2], ["word0 word1", "word2 word3"], "{texts:#?}");
    assert_eq!(texts.len(), 3, "{texts:#?}");
    assert_eq!(remembered(&telegram, &model).await, ["word0 word1 word2 word3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_silent_answer_is_seen() {
    let (telegram, model) = fakes().await;
    let mut config = on_telegram(&telegram, &model);
    config["channels"]["telegram"]["groups"] = json!({"*": {"requireMention": false}});
    config["channels"]["telegram"]["groupAllowFrom"] = json!(["*"]);
    config["agents"]["defaults"]["blockStreamingChunk"] = json!({"minChars": 1, "maxChars": 3});
    config["agents"]["defaults"]["blockStreamingCoalesce"] = json!({"maxChars": 1});
    let home = Home::new(config);
    let _gateway = home.start().await;
    let group = Talker::in_group(-1_001, "Group", 7, "ada");
    model.set_mode(Mode::Say("NO_REPLY".into()));
    telegram.say(TOKEN, &group, "not for the bot");
    assert!(model.wait_for(1, SOON).await);
    model.set_mode(Mode::Say("it is on".into()));
    telegram.say(TOKEN, &group, "next");
    eventually("the next answer", async || sent(&telegram).len() == 3).await;
    assert_eq!(sent(&telegram), ["it", "is", "on"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_agents_say_counts_for_every_channel_that_says_nothing() {
    let (discord, model) = (FakeDiscord::start().await.unwrap(), model().await);
    discord.add_bot(DISCORD_TOKEN, 1_000, "claw");
    let mut config = blocks(model_only(&model));
    config["agents"]["defaults"]["blockStreamingDefault"] = json!("on");
    config["channels"] = json!({ "discord": {
        "token": DISCORD_TOKEN, "apiRoot": discord.api_root(), "gatewayUrl": discord.gateway_url(),
        "dmPolicy": "open", "allowFrom": ["*"],
    } });
    let home = Home::new(config);
    let _gateway = home.start().await;
    assert!(discord.wait_for_session(DISCORD_TOKEN, SOON).await);
    model.set_mode(telling());
    discord.say(DISCORD_TOKEN, &DiscordTalker::private(7, "ada"), "tell me a story");
    let texts = || -> Vec<String> {
        discord.messages(DISCORD_TOKEN).into_iter().filter_map(|sent| sent.content).collect()
    };
    eventually("the whole story", async || texts().len() == STORY.len()).await;
    assert_eq!(texts(), STORY);
    let checked = home.run(&["config", "validate"]).await;
    assert!(!format!("{checked:?}").contains("blockStreaming"), "{checked:?}");
}
