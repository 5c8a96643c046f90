//! Commands in a chat, and who may give them; other bots, and when they are answered.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use openclaw_e2e::{Home, SOON, TOKEN, config, eventually, fakes, model, model_only};
use openclaw_fakes::{DiscordTalker, FakeDiscord, FakeTelegram, Talker};
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
