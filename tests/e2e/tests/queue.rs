//! What becomes of messages that come at once, or while a turn runs: the real binary, with a vendor and a model that can be
//! held.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use openclaw_e2e::{Home, SOON, TOKEN, config, eventually, fakes, open};
use openclaw_fakes::{FakeOpenai, FakeTelegram, Mode, Talker};
use serde_json::{Value, json};

/// What the model was told last in its so-manieth request.
fn told(model: &FakeOpenai, request: usize) -> String {
    let chats = model.chats();
    let messages = chats[request].body["messages"].as_array().unwrap().clone();
    messages.last().unwrap()["content"].as_str().unwrap_or_default().to_owned()
}

async fn answers(telegram: &FakeTelegram, count: usize) -> Vec<String> {
    let found = telegram.wait_for(TOKEN, SOON, |sent| {
        let texts: Vec<_> =
            sent.iter().filter(|sent| sent.method == "sendMessage").map(|sent| sent.text.clone()).collect();
        (texts.len() >= count).then_some(texts)
    });
    found.await.unwrap_or_else(|| panic!("not {count} answers: {:#?}", telegram.messages(TOKEN)))
}

/// What became of all messages, the first one first.
async fn fates(home: &Home) -> Vec<Value> {
    let found = home.run(&["channels", "why", "--json"]).await.ok().json();
    found["messages"].as_array().unwrap().iter().rev().cloned().collect()
}

fn ada() -> Talker {
    Talker::private(1, "ada")
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_that_come_at_once_are_one_turn_also_after_a_kill() {
    let (telegram, model) = fakes().await;
    let mut config = open(&telegram, &model);
    config["messages"] = json!({ "inbound": { "byChannel": { "telegram": 600_000 } } });
    let home = Home::new(config);
    let gateway = home.start().await;
    telegram.say(TOKEN, &ada(), "part one").unwrap();
    telegram.say(TOKEN, &ada(), "part two").unwrap();
    eventually("both are the gateway's", async || telegram.unconfirmed(TOKEN) == 0).await;
    gateway.kill().await;
    assert!(model.chats().is_empty(), "they wait for more");

    let _gateway = home.start().await;
    telegram.say(TOKEN, &ada(), "part three").unwrap();
    // A command ends the wait.
    telegram.say(TOKEN, &ada(), "/help").unwrap();
    let answers = answers(&telegram, 2).await;
    assert_eq!((answers.len(), model.chats().len()), (2, 1), "{answers:?}");
    assert!(told(&model, 0).ends_with("] part one\npart two\npart three"), "{}", told(&model, 0));
    let fates = fates(&home).await;
    assert!(fates.len() == 4 && fates.iter().all(|fate| fate["outcome"] == "answered"), "{fates:#?}");
    let step = fates[0]["steps"].as_array().unwrap().last().unwrap().clone();
    let turn = fates[2]["messageId"].as_str().unwrap();
    assert_eq!(step["found"], format!("told together with a later message (in the turn of message {turn})"));
}

/// Messages while the model is held, in this mode; what the model was told then, and what was sent.
async fn behind_a_turn(messages: Value, texts: &[&str], sends: usize) -> (Vec<String>, Vec<String>) {
    let (telegram, model) = fakes().await;
    let mut config = open(&telegram, &model);
    config["messages"] = messages;
    config["messages"]["inbound"] = json!({ "debounceMs": 0 });
    let home = Home::new(config);
    let _gateway = home.start().await;
    model.script([Mode::Late { delay_ms: 2_500 }]);
    telegram.say(TOKEN, &ada(), "first").unwrap();
    assert!(model.wait_for(1, SOON).await);
    for text in texts {
        telegram.say(TOKEN, &ada(), text).unwrap();
    }
    eventually("every message has its end", async || {
        let fates = fates(&home).await;
        fates.len() == texts.len() + 1
            && fates
                .iter()
                .all(|fate| ["answered", "dropped"].contains(&fate["outcome"].as_str().unwrap_or_default()))
    })
    .await;
    let requests = (0..model.chats().len()).map(|request| told(&model, request)).collect();
    (requests, answers(&telegram, sends).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_during_a_turn_is_told_together_after_it() {
    let (told, sent) = behind_a_turn(json!({}), &["a", "b", "c"], 2).await;
    assert_eq!((told.len(), sent.len()), (2, 2), "{told:?} {sent:?}");
    assert!(told[1].ends_with("] a\nb\nc"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn followup_gives_each_its_own_turn() {
    let queue = json!({ "queue": { "mode": "collect", "byChannel": { "telegram": "followup" } } });
    let (told, _) = behind_a_turn(queue, &["a", "b"], 3).await;
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[1].ends_with("] a") && told[2].ends_with("] b"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupt_ends_the_turn_that_runs_and_its_answer_is_never_sent() {
    let (told, sent) = behind_a_turn(json!({ "queue": { "mode": "interrupt" } }), &["stop that"], 1).await;
    assert_eq!((told.len(), sent.len()), (2, 1), "{told:?} {sent:?}");
    assert!(told[1].ends_with("] first\nstop that"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_may_wait_is_told_in_short() {
    let queue =
        json!({ "queue": { "mode": "collect", "cap": 1, "debounceMsByChannel": { "telegram": 50 } } });
    let (told, _) = behind_a_turn(queue, &["a", "b", "c"], 2).await;
    assert!(
        told[1].contains("[2 earlier messages are told in short, because more than 1 waited]\n- a\n- b\n"),
        "{told:?}"
    );
    assert!(told[1].ends_with("\nc"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topics_agent_what_it_is_told_and_the_main_sessions_name_are_the_configurations() {
    let (telegram, model) = fakes().await;
    let mut config = config(&telegram, &model);
    config["agents"]["entries"] = json!({ "main": { "default": true }, "coder": {} });
    config["session"] = json!({ "mainKey": "home" });
    let section = &mut config["channels"]["telegram"];
    section["dmPolicy"] = json!("open");
    section["allowFrom"] = json!(["*"]);
    section["groupPolicy"] = json!("open");
    section["groups"] = json!({ "-1001": {
        "requireMention": false, "systemPrompt": "This is the group at work.",
        "topics": { "7": { "agentId": "coder", "systemPrompt": "Code is written here." } },
    } });
    section["direct"] = json!({ "1": { "systemPrompt": "Ada is your operator." } });
    let home = Home::new(config);
    let _gateway = home.start().await;
    telegram.say(TOKEN, &ada(), "to the main session").unwrap();
    answers(&telegram, 1).await;
    telegram
        .inject(
            TOKEN,
            json!({ "message": {
        "message_id": 900, "date": 1_700_000_000, "message_thread_id": 7, "is_topic_message": true,
        "chat": { "id": -1001, "type": "supergroup", "title": "Work", "is_forum": true },
        "from": { "id": 1, "is_bot": false, "first_name": "ada" }, "text": "to the coder",
    } }),
        )
        .unwrap();
    answers(&telegram, 2).await;
    let sessions = home.run(&["sessions", "list", "--json"]).await.ok().json().to_string();
    for key in ["\"agent:main:home\"", "\"agent:coder:telegram:group:-1001:topic:7\""] {
        assert!(sessions.contains(key), "{key}: {sessions}");
    }
    let chats = model.chats();
    let told = |turn: usize| chats[turn].body["messages"][0]["content"].as_str().unwrap();
    assert!(told(0).ends_with("Ada is your operator.") && !told(0).contains("work"), "{}", told(0));
    assert!(told(1).ends_with("This is the group at work.\n\nCode is written here."), "{}", told(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_chat_is_told_so_many_turns_as_it_may_be() {
    let (telegram, model) = fakes().await;
    let mut config = open(&telegram, &model);
    config["messages"] = json!({ "inbound": { "debounceMs": 0 } });
    config["channels"]["telegram"]["dmHistoryLimit"] = json!(1);
    let home = Home::new(config);
    let _gateway = home.start().await;
    for (count, text) in ["one", "two", "three"].into_iter().enumerate() {
        telegram.say(TOKEN, &ada(), text).unwrap();
        answers(&telegram, count + 1).await;
    }
    let body = model.chats()[2].body["messages"].to_string();
    assert!(body.contains("] two") && !body.contains("] one"), "{body}");
}
