//! Commands in a chat, and who may give them; other bots, and when they are answered.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use openclaw_e2e::{Home, SOON, TOKEN, config, eventually, fakes, model, model_only};
use openclaw_fakes::{DiscordTalker, FakeDiscord, FakeOpenai, FakeTelegram, Talker};
use serde_json::json;

const GROUP: i64 = -100_600;
const ADA: i64 = 777_001;
const EVE: i64 = 777_002;
const DISCORD: &str = "MTAwMA.e2e.AnotherDiscordT0ken";

fn in_group(user: i64, username: &str) -> Talker {
    Talker::in_group(GROUP, "The team", user, username)
}

/// How the newest decision is explained.
async fn newest(home: &Home) -> String {
    let all = home.run(&["channels", "why", "--limit", "1", "--json"]).await.ok().json();
    let id = all["messages"][0]["messageId"].as_str().unwrap().to_owned();
    home.run(&["channels", "why", &id]).await.ok().stdout
}

async fn answered(telegram: &FakeTelegram, text: &str) {
    let found =
        telegram.wait_for(TOKEN, SOON, |sent| sent.iter().find(|sent| sent.text.contains(text)).cloned());
    assert!(found.await.is_some(), "no message with `{text}`: {:#?}", telegram.messages(TOKEN));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_opens_a_group_and_nobody_else_does() {
    let (telegram, model) = fakes().await;
    let mut config = config(&telegram, &model);
    config["channels"]["telegram"]["groups"] = json!({ GROUP.to_string(): {} });
    config["channels"]["telegram"]["groupAllowFrom"] = json!([ADA, EVE]);
    config["commands"] = json!({ "ownerAllowFrom": [format!("telegram:{ADA}")] });
    let home = Home::new(config);
    let gateway = home.start().await;
    let (ada, eve) = (in_group(ADA, "ada_l"), in_group(EVE, "eve"));

    telegram.say(TOKEN, &eve, "/activation always");
    answered(&telegram, "openclaw config set commands.ownerAllowFrom '[\"telegram:777002\"]'").await;
    telegram.say(TOKEN, &eve, "who is here?");
    telegram.say(TOKEN, &ada, "/activation always");
    answered(&telegram, "Group activation set to always.").await;
    telegram.say(TOKEN, &eve, "nobody named you");
    answered(&telegram, "nobody named you").await;
    assert_eq!(model.chats().len(), 1, "what was said before is only heard");

    // It is kept, and explained.
    gateway.kill().await;
    let _gateway = home.start().await;
    telegram.say(TOKEN, &eve, "still here?");
    answered(&telegram, "still here?").await;
    let why = newest(&home).await;
    assert!(why.contains("/activation always in this session"), "{why}");
    telegram.say(TOKEN, &ada, "/activation mention");
    answered(&telegram, "Group activation set to mention.").await;
    telegram.say(TOKEN, &eve, "and now?");
    let literal = format!("skipping group message (mention required, room={GROUP})");
    eventually("it is not answered", async || home.log().matches(&literal).count() >= 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_says_who_may_give_commands_and_the_others_are_read_as_text() {
    let (telegram, model) = fakes().await;
    let mut config = config(&telegram, &model);
    config["channels"]["telegram"]["dmPolicy"] = json!("allowlist");
    config["channels"]["telegram"]["allowFrom"] = json!([ADA, EVE]);
    config["commands"] = json!({ "allowFrom": { "telegram": [ADA] } });
    let home = Home::new(config);
    let _gateway = home.start().await;
    let (ada, eve) = (Talker::private(ADA, "ada_l"), Talker::private(EVE, "eve"));

    telegram.say(TOKEN, &ada, "/model fake/other");
    answered(&telegram, "Model of this session: fake/other.").await;
    assert_eq!(model.chats().len(), 0);
    telegram.say(TOKEN, &eve, "/model fake/third");
    answered(&telegram, "/model fake/third").await;
    let asked = model.chats();
    assert_eq!((asked.len(), &asked[0].body["model"]), (1, &json!("other")), "her command is a message");
    telegram.say(TOKEN, &ada, "/commands");
    answered(&telegram, "/activation [mention|always] - Answer in this group when named, or always. (owner)")
        .await;
    telegram.say(TOKEN, &ada, "/status");
    answered(&telegram, "🧠 Model: fake/other").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_thinks_is_told_how_hard_and_memory_stays_private() {
    let (telegram, model) = fakes().await;
    let mut config = config(&telegram, &model);
    config["channels"]["telegram"]["dmPolicy"] = json!("allowlist");
    config["channels"]["telegram"]["allowFrom"] = json!([ADA]);
    config["channels"]["telegram"]["groups"] = json!({ GROUP.to_string(): { "requireMention": false } });
    config["models"]["providers"]["fake"]["models"] =
        json!([{ "id": "echo", "reasoning": true }, { "id": "plain" }]);
    config["agents"]["entries"] = json!({ "main": { "identity": { "name": "Molty" } } });
    let home = Home::new(config);
    let workspace = home.state().join("workspace");
    std::fs::create_dir_all(&workspace).unwrap();
    std::fs::write(workspace.join("MEMORY.md"), "Ada likes tea.").unwrap();
    let _gateway = home.start().await;
    let ada = Talker::private(ADA, "ada_l");

    telegram.say(TOKEN, &ada, "one");
    answered(&telegram, "one").await;
    telegram.say(TOKEN, &ada, "/think low two");
    answered(&telegram, "two").await;
    telegram.say(TOKEN, &ada, "/think max");
    answered(&telegram, "Thinking of this session: max.").await;
    telegram.say(TOKEN, &in_group(ADA, "ada_l"), "three");
    answered(&telegram, "three").await;
    telegram.say(TOKEN, &ada, "four");
    answered(&telegram, "four").await;
    telegram.say(TOKEN, &ada, "/model fake/plain");
    answered(&telegram, "Model of this session: fake/plain.").await;
    telegram.say(TOKEN, &ada, "five");
    answered(&telegram, "five").await;
    let asked = model.chats();
    let efforts: Vec<_> = asked.iter().map(|seen| seen.body["reasoning_effort"].as_str()).collect();
    assert_eq!(efforts, [Some("medium"), Some("low"), Some("medium"), Some("high"), None]);
    let system = |turn: usize| asked[turn].body["messages"][0]["content"].to_string();
    assert!(
        system(0).contains("Your name is Molty.") && system(0).contains("Ada likes tea."),
        "{}",
        system(0)
    );
    assert!(
        system(2).contains("This conversation is a group.") && !system(2).contains("tea"),
        "{}",
        system(2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_bot_is_answered_when_it_names_this_one_and_not_for_ever() {
    let discord = FakeDiscord::start().await.unwrap();
    discord.add_bot(DISCORD, 1_000, "claw");
    let model = model().await;
    let mut config = model_only(&model);
    config["channels"] = json!({
        "defaults": { "botLoopProtection": { "maxEventsPerWindow": 4 } },
        "discord": {
            "token": DISCORD, "apiRoot": discord.api_root(), "gatewayUrl": discord.gateway_url(),
            "groupPolicy": "open", "allowBots": "mentions",
        },
    });
    let home = Home::new(config);
    let _gateway = home.start().await;
    assert!(discord.wait_for_session(DISCORD, SOON).await, "there is no session");
    let other = DiscordTalker::in_channel(90, 91, 2_000, "otherbot");
    let say = |text: &str, named: bool| {
        let mentions = if named { json!([{"id": "1000", "username": "claw"}]) } else { json!([]) };
        let author = json!({"id": "2000", "username": "otherbot", "discriminator": "0", "bot": true});
        discord.say_with(DISCORD, &other, text, &json!({"author": author, "mentions": mentions}));
    };
    let answers = || discord.messages(DISCORD).len();

    say("nothing to you", false);
    say("<@1000> ping 1", true);
    say("<@1000> ping 2", true);
    say("<@1000> ping 3", true);
    eventually("the loop has ended", async || home.log().contains("bot loop protection, sender=2000")).await;
    eventually("both are answered", async || answers() == 2).await;
    assert!(home.log().contains("drop message (sender is a bot that mentions nobody)"));
    let why = newest(&home).await;
    assert!(why.contains("dropped: a loop of two bots"), "{why}");
    // People are not affected.
    let ada = DiscordTalker::in_channel(90, 91, 7, "ada");
    discord.say_with(
        DISCORD,
        &ada,
        "<@1000> hello",
        &json!({"mentions": [{"id": "1000", "username": "claw"}]}),
    );
    eventually("she is answered", async || answers() == 3).await;
}

/// Two people who are let in, of whom the first alone may give commands and is the owner.
fn two_of_whom_one_commands(telegram: &FakeTelegram, model: &FakeOpenai) -> serde_json::Value {
    let mut config = config(telegram, model);
    config["channels"]["telegram"]["dmPolicy"] = json!("allowlist");
    config["channels"]["telegram"]["allowFrom"] = json!([ADA, EVE]);
    config["commands"] =
        json!({ "allowFrom": { "telegram": [ADA] }, "ownerAllowFrom": [format!("telegram:{ADA}")] });
    config["models"]["providers"]["fake"]["models"] = json!([{ "id": "echo", "reasoning": true }]);
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn directives_and_shortcuts_hold_inside_a_message_and_only_of_those_who_may_command() {
    let (telegram, model) = fakes().await;
    let home = Home::new(two_of_whom_one_commands(&telegram, &model));
    let _gateway = home.start().await;
    let (ada, eve) = (Talker::private(ADA, "ada_l"), Talker::private(EVE, "eve"));
    let said = |turn: usize| {
        let asked = model.chats();
        let messages = asked[turn].body["messages"].as_array().unwrap().clone();
        messages.last().unwrap()["content"].as_str().unwrap().to_owned()
    };
    let effort = |turn: usize| model.chats()[turn].body["reasoning_effort"].clone();

    telegram.say(TOKEN, &ada, "one /think high of them");
    answered(&telegram, "one of them").await;
    assert!(said(0).ends_with("] one of them"), "{}", said(0));
    telegram.say(TOKEN, &ada, "two");
    answered(&telegram, "two").await;
    assert_eq!((effort(0), effort(1)), (json!("high"), json!("medium")), "it holds for its message");
    telegram.say(TOKEN, &eve, "three /think high /status");
    answered(&telegram, "three /think high /status").await;
    assert_eq!(effort(2), json!("medium"), "her command is text");

    telegram.say(TOKEN, &ada, "four /status please");
    answered(&telegram, "🧠 Model: fake/echo").await;
    answered(&telegram, "four please").await;
    assert!(said(3).ends_with("] four please"), "{}", said(3));
    telegram.say(TOKEN, &ada, "look at /home/status and `/think high` five");
    answered(&telegram, "/home/status").await;
    assert!(said(4).contains("look at /home/status and `/think high` five"), "{}", said(4));
    assert_eq!(effort(4), json!("medium"));

    telegram.say(TOKEN, &ada, "six /model fake/other");
    answered(&telegram, "Model of this session: fake/other.").await;
    eventually("it is asked", async || model.chats().len() == 6).await;
    telegram.say(TOKEN, &ada, "seven");
    answered(&telegram, "seven").await;
    let asked = model.chats();
    let models: Vec<_> = asked[4..].iter().map(|seen| seen.body["model"].as_str().unwrap()).collect();
    assert_eq!(models, ["echo", "other", "other"], "a model that is named stays the session's");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_owner_does_not_want_sent_is_kept_in_the_session() {
    let (telegram, model) = fakes().await;
    let home = Home::new(two_of_whom_one_commands(&telegram, &model));
    let _gateway = home.start().await;
    let ada = Talker::private(ADA, "ada_l");
    let kept = async || home.run(&["sessions", "show", "main", "--json"]).await.ok().stdout;

    telegram.say(TOKEN, &ada, "/send off");
    answered(&telegram, "Send policy set to off").await;
    telegram.say(TOKEN, &ada, "a secret thought");
    eventually("it is kept", async || kept().await.contains("a secret thought")).await;
    eventually("it is over", async || {
        newest(&home).await.contains("the answer is not sent: /send off in this session")
    })
    .await;
    telegram.say(TOKEN, &ada, "/send");
    answered(&telegram, "Send policy: off (chosen for this session)").await;
    telegram.say(TOKEN, &ada, "/send inherit");
    answered(&telegram, "Send policy set to inherit").await;
    telegram.say(TOKEN, &ada, "aloud");
    answered(&telegram, "aloud").await;
    let sent = telegram.messages(TOKEN);
    assert!(!sent.iter().any(|sent| sent.text.contains("a secret thought")), "{sent:#?}");

    // The configuration says the same for a kind of session, and takes effect without a restart.
    let policy =
        json!({ "rules": [{ "action": "deny", "match": { "channel": "telegram", "chatType": "direct" } }] });
    home.run(&["config", "set", "session.sendPolicy", &policy.to_string()]).await.ok();
    telegram.say(TOKEN, &ada, "/send");
    eventually("it is in force", async || {
        telegram.say(TOKEN, &ada, "/send");
        telegram.messages(TOKEN).iter().any(|sent| sent.text.contains("off, as configured"))
    })
    .await;
    telegram.say(TOKEN, &ada, "another thought");
    eventually("it is over", async || {
        newest(&home).await.contains("the answer is not sent: session.sendPolicy denies it")
    })
    .await;
    // What one session says outweighs it; a client says the same as the chat.
    let patch = json!({ "key": "agent:main:main", "sendPolicy": "allow" }).to_string();
    home.run(&["gateway", "call", "sessions.patch", "--params", &patch]).await.ok();
    telegram.say(TOKEN, &ada, "aloud again");
    answered(&telegram, "aloud again").await;
    assert!(!telegram.messages(TOKEN).iter().any(|sent| sent.text.contains("another thought")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_restarts_the_gateway_and_a_repeated_message_does_not() {
    let (telegram, model) = fakes().await;
    let home = Home::new(two_of_whom_one_commands(&telegram, &model));
    let gateway = home.start().await;
    let (ada, eve) = (Talker::private(ADA, "ada_l"), Talker::private(EVE, "eve"));
    let restarts = || home.log().matches("\"message\":\"restarting (/restart)\"").count();
    let answers =
        || telegram.messages(TOKEN).iter().filter(|sent| sent.text.contains("Restarting OpenClaw")).count();

    telegram.say(TOKEN, &eve, "/restart");
    answered(&telegram, "/restart").await;
    assert_eq!((restarts(), model.chats().len()), (0, 1), "her command is text");
    telegram.say(TOKEN, &ada, "/restart");
    answered(&telegram, "Restarting OpenClaw in-process").await;
    eventually("it restarts", async || restarts() == 1).await;
    telegram.say(TOKEN, &ada, "are you back?");
    answered(&telegram, "are you back?").await;
    assert!(gateway.pid() > 0);

    telegram.redeliver(TOKEN);
    eventually("it is given again", async || telegram.redelivered(TOKEN) >= 2).await;
    telegram.say(TOKEN, &ada, "still there?");
    answered(&telegram, "still there?").await;
    assert_eq!((restarts(), answers()), (1, 1));

    home.run(&["config", "set", "commands.restart", "false"]).await.ok();
    eventually("it is in force", async || home.log().contains("hot reload applied (commands.restart)")).await;
    telegram.say(TOKEN, &ada, "/restart");
    answered(&telegram, "/restart is switched off").await;
    assert_eq!(restarts(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_conversation_is_summarised_for_the_model_and_stays_for_people() {
    let (telegram, model) = fakes().await;
    let home = Home::new(two_of_whom_one_commands(&telegram, &model));
    let gateway = home.start().await;
    let ada = Talker::private(ADA, "ada_l");
    telegram.say(TOKEN, &ada, "/compact");
    answered(&telegram, "Compaction skipped").await;
    for number in 1..=5 {
        telegram.say(TOKEN, &ada, &format!("words {number}"));
        answered(&telegram, &format!("words {number}")).await;
    }
    telegram.say(TOKEN, &ada, "/compact names matter");
    answered(&telegram, "4 messages are a summary now, the newest 6 stay as they are").await;
    let asked = model.chats();
    assert!(
        asked[5].body["messages"][0]["content"].as_str().unwrap().ends_with("in particular: names matter")
    );

    // It is kept over a restart, and a client may ask for the next one.
    gateway.kill().await;
    let _gateway = home.start().await;
    telegram.say(TOKEN, &ada, "words 6");
    answered(&telegram, "words 6").await;
    let told = model.chats()[6].body["messages"].as_array().unwrap().clone();
    assert_eq!(told.len(), 8, "the system text, three turns, and the message: {told:#?}");
    assert!(told[1]["content"].as_str().unwrap().starts_with("[Earlier in this conversation, in short]"));
    let shown = home.run(&["sessions", "show", "main", "--messages", "50"]).await.ok().stdout;
    assert!((1..=6).all(|number| shown.contains(&format!("words {number}"))), "{shown}");
    let done = home.run(&["sessions", "compact", "main", "--json"]).await.ok().json();
    assert_eq!((&done["compacted"], done["result"]["tokensAfter"].is_u64()), (&json!(true), true), "{done}");
}
