//! The second transport: a Discord message goes over one websocket and two sandboxed components, and is answered.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use openclaw_e2e::{Home, SOON, eventually, model, model_only};
use openclaw_fakes::{DiscordFault, DiscordSent, DiscordTalker, FakeDiscord, FakeOpenai, LimitScope, Mode};
use serde_json::{Value, json};

/// What must never be found anywhere but at the vendor.
const TOKEN: &str = "MTAwMA.e2e.DiscordT0kenThatMustNeverLeak";
const SEND: &str = "POST /channels/{}/messages";
/// The bot's own id.
const BOT: u64 = 1_000;

async fn fakes() -> (FakeDiscord, FakeOpenai) {
    let discord = FakeDiscord::start().await.unwrap();
    discord.add_bot(TOKEN, BOT, "claw");
    (discord, model().await)
}

/// A bot that everybody may talk to, everywhere.
fn open(discord: &FakeDiscord, model: &FakeOpenai) -> Value {
    let mut config = model_only(model);
    config["channels"] = json!({ "discord": {
        "token": TOKEN, "apiRoot": discord.api_root(), "gatewayUrl": discord.gateway_url(),
        "dmPolicy": "open", "allowFrom": ["*"], "groupPolicy": "open",
    } });
    config
}

fn ada() -> DiscordTalker {
    DiscordTalker::private(7, "ada")
}

async fn answer_with(discord: &FakeDiscord, text: &str) -> DiscordSent {
    let found = discord.wait_for(TOKEN, SOON, |sent| {
        sent.iter().find(|sent| sent.content.as_ref().is_some_and(|content| content.contains(text))).cloned()
    });
    found.await.unwrap_or_else(|| panic!("no message with `{text}`: {:#?}", discord.messages(TOKEN)))
}

fn answers_with(discord: &FakeDiscord, text: &str) -> usize {
    let has = |sent: &&DiscordSent| sent.content.as_ref().is_some_and(|content| content.contains(text));
    discord.messages(TOKEN).iter().filter(has).count()
}

async fn session(discord: &FakeDiscord) {
    assert!(discord.wait_for_session(TOKEN, SOON).await, "there is no session");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_message_is_answered_and_the_token_stays_with_the_host() {
    let (discord, model) = fakes().await;
    let home = Home::new(open(&discord, &model));
    let _gateway = home.start().await;
    session(&discord).await;
    discord.say(TOKEN, &ada(), "hello bot");
    let answer = answer_with(&discord, "hello bot").await;
    assert_eq!(answer.params["enforce_nonce"], true);
    assert_eq!(answer.params["allowed_mentions"]["parse"], json!(["users"]));
    assert!(discord.sent(TOKEN).iter().any(|sent| sent.content.is_none()), "a typing notice");
    let identify = &discord.identifies(TOKEN)[0];
    assert_eq!((&identify["token"], &identify["intents"]), (&json!(TOKEN), &json!(46_601)));
    // The component was given nothing of it, so that none of its words can have it.
    let status = home.run(&["channels", "status", "--probe"]).await.ok();
    assert!(!status.stdout.contains(TOKEN) && !home.log().contains(TOKEN));
    for (path, bytes) in home.files() {
        let found = bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
        assert!(
            !found || path == home.config_path() || path.to_string_lossy().contains("openclaw.json"),
            "{}",
            path.display()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_sender_is_paired() {
    let (discord, model) = fakes().await;
    let mut config = open(&discord, &model);
    config["channels"]["discord"]
        .as_object_mut()
        .unwrap()
        .retain(|key, _| !["dmPolicy", "allowFrom"].contains(&key.as_str()));
    let home = Home::new(config);
    let _gateway = home.start().await;
    session(&discord).await;
    discord.say(TOKEN, &ada(), "hello bot");
    let asked = answer_with(&discord, "access not configured").await;
    assert!(asked.content.as_ref().unwrap().contains("Your Discord user id: 7"), "{asked:?}");
    let listed = home.run(&["pairing", "list", "--channel", "discord", "--json"]).await.ok().json();
    let code = listed["requests"][0]["code"].as_str().unwrap().to_owned();
    home.run(&["pairing", "approve", "discord", &code]).await.ok();
    discord.say(TOKEN, &ada(), "hello again");
    answer_with(&discord, "hello again").await;
    assert_eq!(model.chats().len(), 1, "only the approved message became a turn");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_channels_and_threads_it_answers_whoever_names_it() {
    let (discord, model) = fakes().await;
    let home = Home::new(open(&discord, &model));
    let _gateway = home.start().await;
    session(&discord).await;
    let channel = DiscordTalker::in_channel(10, 20, 7, "ada");
    discord.say(TOKEN, &channel, "not for the bot");
    discord.say(TOKEN, &channel, &format!("<@{BOT}> in the channel"));
    assert_eq!(answer_with(&discord, "in the channel").await.channel_id, "20");
    // The gateway has not heard of this thread: it asks.
    discord.say(TOKEN, &DiscordTalker::in_thread(10, 20, 30, 7, "ada"), &format!("<@{BOT}> in the thread"));
    assert_eq!(answer_with(&discord, "in the thread").await.channel_id, "30");
    assert_eq!(model.chats().len(), 2, "what names nobody is no turn");
    let told = model.chats()[0].body["messages"].to_string();
    assert!(
        told.contains("for context") && told.contains("not for the bot"),
        "it is told with the next one: {told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_listens_to_all_it_leaves_alone_what_is_said_to_others() {
    let (discord, model) = fakes().await;
    let mut config = open(&discord, &model);
    config["channels"]["discord"]["guilds"] = json!({ "10": {
        "requireMention": false, "ignoreOtherMentions": true,
        "channels": { "20": {}, "21": { "ignoreOtherMentions": false } },
    } });
    let home = Home::new(config);
    let _gateway = home.start().await;
    session(&discord).await;
    let channel = DiscordTalker::in_channel(10, 20, 7, "ada");
    let to_grace = discord.say(TOKEN, &channel, "<@8> lunch at noon?").unwrap();
    discord.say(TOKEN, &channel, "<@&30> who is in?");
    let to_all = discord.say(TOKEN, &channel, "and what do you all say?").unwrap();
    answer_with(&discord, "and what do you all say?").await;
    discord.say(TOKEN, &channel, &format!("<@8> and <@{BOT}>: both of you"));
    answer_with(&discord, "both of you").await;
    discord.say(TOKEN, &DiscordTalker::in_channel(10, 21, 7, "ada"), "<@8> elsewhere");
    answer_with(&discord, "elsewhere").await;
    let chats = model.chats();
    assert_eq!(chats.len(), 3, "what is said to others is no turn: {chats:#?}");
    let told = chats[0].body["messages"].to_string();
    assert!(told.contains("@user-8 lunch at noon?") && told.contains("who is in?"), "it is heard: {told}");

    let why = async |id: &str| {
        let told = home.run(&["channels", "why", id, "--json"]).await.ok().json();
        let decided = told["messages"][0].clone();
        (decided["outcome"].clone(), decided["steps"].as_array().unwrap().last().unwrap().clone())
    };
    let (outcome, last) = why(&to_grace).await;
    assert_eq!((outcome, &last["passed"]), (json!("dropped"), &json!(false)));
    assert_eq!(last["check"], "ignoreOtherMentions");
    let (_, last) = why(&to_all).await;
    assert_eq!((&last["check"], &last["passed"]), (&json!("ignoreOtherMentions"), &json!(true)));
    let literal = "drop guild message (ignoreOtherMentions: said to somebody else, room=20)";
    eventually("the log says it", async || {
        home.log().lines().any(|line| line.contains(literal) && line.contains(&to_grace))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_while_the_connection_is_down_is_replayed() {
    let (discord, model) = fakes().await;
    let home = Home::new(open(&discord, &model));
    let _gateway = home.start().await;
    session(&discord).await;
    discord.say(TOKEN, &ada(), "before");
    answer_with(&discord, "before").await;
    for (round, end) in ["cut", "reconnect", "close"].iter().enumerate() {
        match *end {
            "cut" => discord.cut(TOKEN),
            "reconnect" => discord.reconnect(TOKEN),
            _ => discord.close(TOKEN, 4000),
        }
        discord.say(TOKEN, &ada(), &format!("missed {round}"));
        answer_with(&discord, &format!("missed {round}")).await;
        eventually("it has resumed", async || discord.resumes(TOKEN).len() == round + 1).await;
    }
    for round in 0..3 {
        assert_eq!(answers_with(&discord, &format!("missed {round}")), 1);
    }
    assert_eq!(discord.identifies(TOKEN).len(), 1);
    assert_eq!(discord.resumes(TOKEN)[0]["token"], TOKEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_does_not_answer_heartbeats_is_replaced() {
    let (discord, model) = fakes().await;
    discord.set_heartbeat(Duration::from_millis(200));
    let home = Home::new(open(&discord, &model));
    let _gateway = home.start().await;
    session(&discord).await;
    eventually("heartbeats come", async || discord.heartbeats(TOKEN) > 2).await;
    assert!(discord.resumes(TOKEN).is_empty());
    discord.set_acks(TOKEN, false);
    eventually("it resumes", async || !discord.resumes(TOKEN).is_empty()).await;
    discord.set_acks(TOKEN, true);
    session(&discord).await;
    discord.say(TOKEN, &ada(), "still there?");
    answer_with(&discord, "still there?").await;
    assert_eq!(discord.identifies(TOKEN).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_it_resumes_where_its_cursor_says() {
    let (discord, model) = fakes().await;
    let home = Home::new(open(&discord, &model));
    let gateway = home.start().await;
    session(&discord).await;
    discord.say(TOKEN, &ada(), "first question");
    answer_with(&discord, "first question").await;
    gateway.kill().await;
    eventually("the connection is gone", async || discord.connected(TOKEN) == 0).await;
    discord.say(TOKEN, &ada(), "said while it was down");
    let _gateway = home.start().await;
    answer_with(&discord, "said while it was down").await;
    // One more turn behind it: whatever would come twice has come by then.
    discord.say(TOKEN, &ada(), "and a last one");
    answer_with(&discord, "and a last one").await;
    assert_eq!((discord.identifies(TOKEN).len(), discord.resumes(TOKEN).len()), (1, 1));
    for text in ["first question", "said while it was down"] {
        assert_eq!(answers_with(&discord, text), 1, "{text}: {:#?}", discord.messages(TOKEN));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_gone_is_begun_anew() {
    let (discord, model) = fakes().await;
    let home = Home::new(open(&discord, &model));
    let _gateway = home.start().await;
    session(&discord).await;
    discord.invalidate(TOKEN, false);
    eventually("it identifies again", async || discord.identifies(TOKEN).len() == 2).await;
    session(&discord).await;
    discord.say(TOKEN, &ada(), "hello again");
    answer_with(&discord, "hello again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_that_is_not_allowed_waits_for_a_person() {
    let (discord, model) = fakes().await;
    discord.allow_intents(TOKEN, 0);
    let home = Home::new(open(&discord, &model));
    let _gateway = home.start().await;
    eventually("the account says what to do", async || {
        let status = home.run(&["channels", "status"]).await.ok().stdout;
        status.contains("Enable Message Content Intent in the Discord Developer Portal")
    })
    .await;
    assert_eq!(discord.identifies(TOKEN).len(), 1, "it does not try again by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_content_of_messages_it_still_answers_who_names_it() {
    let (discord, model) = fakes().await;
    discord.allow_intents(TOKEN, 0);
    let mut config = open(&discord, &model);
    config["channels"]["discord"]["intents"] = json!({ "messageContent": false });
    config["channels"]["discord"]["guilds"] = json!({ "10": { "channels": { "20": {}, "21": {} } } });
    let home = Home::new(config);
    let channel = DiscordTalker::in_channel(10, 20, 7, "ada");
    discord.add_place(TOKEN, &channel);
    let _gateway = home.start().await;
    session(&discord).await;
    discord.say(TOKEN, &channel, "nobody sees this");
    discord.say(TOKEN, &channel, &format!("<@{BOT}> but this"));
    answer_with(&discord, "but this").await;
    assert_eq!(discord.identifies(TOKEN)[0]["intents"], 13_833);
    let probed = home.run(&["channels", "status", "--probe", "--json"]).await.ok().stdout;
    for words in [
        "\"intents.messageContent\": \"disabled\"",
        "Channel 21 permission check failed. missing ViewChannel, SendMessages: Unknown Channel",
    ] {
        assert!(probed.contains(words), "no `{words}`: {probed}");
    }
    assert!(!probed.contains("Message Content Intent is disabled."), "it was not asked for: {probed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_of_a_server_let_their_holders_in_and_choose_who_answers() {
    let (discord, model) = fakes().await;
    let mut config = open(&discord, &model);
    config["channels"]["discord"]["groupPolicy"] = json!("allowlist");
    config["channels"]["discord"]["guilds"] =
        json!({ "10": { "requireMention": false, "users": ["8"], "roles": ["30", "31"] } });
    config["agents"]["entries"] = json!({ "main": { "default": true }, "staff": {} });
    config["bindings"] = json!([
        { "agentId": "staff", "match": { "channel": "discord", "guildId": "10", "roles": ["31"] } },
    ]);
    let home = Home::new(config);
    let room = |user, name: &str| DiscordTalker::in_channel(10, 20, user, name);
    discord.add_place(TOKEN, &room(7, "ada"));
    let _gateway = home.start().await;
    session(&discord).await;
    let has = |roles: &[&str]| json!({ "member": { "nick": null, "roles": roles } });
    discord.say_with(TOKEN, &room(9, "eve"), "without a role", &has(&["32"]));
    discord.say_with(TOKEN, &room(8, "bob"), "by name", &has(&[]));
    answer_with(&discord, "by name").await;
    discord.say_with(TOKEN, &room(7, "ada"), "as a member", &has(&["30"]));
    answer_with(&discord, "as a member").await;
    discord.say_with(TOKEN, &room(7, "ada"), "as staff", &has(&["30", "31"]));
    answer_with(&discord, "as staff").await;
    assert_eq!(answers_with(&discord, "without a role"), 0);
    let why = home.run(&["channels", "why", "--json"]).await.ok().stdout;
    assert!(why.contains("the role 30 lets the sender in"), "{why}");
    let sessions = home.run(&["sessions", "list", "--json"]).await.ok().json().to_string();
    for key in ["\"agent:main:discord:channel:20\"", "\"agent:staff:discord:channel:20\""] {
        assert!(sessions.contains(key), "{key}: {sessions}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_and_lost_answers_cost_no_message_and_double_none() {
    let (discord, model) = fakes().await;
    let home = Home::new(open(&discord, &model));
    let _gateway = home.start().await;
    session(&discord).await;
    let limit = |scope| DiscordFault::Limited { scope, retry_after: Duration::from_millis(300) };
    for (text, fault) in [
        ("limited here", limit(LimitScope::User)),
        ("limited everywhere", limit(LimitScope::Global)),
        ("limited by others", limit(LimitScope::Shared)),
        ("answer was lost", DiscordFault::DoneThenCut),
        ("proxy lost it", DiscordFault::DoneThenPage(502)),
        ("broken for a moment", DiscordFault::Page(500)),
        ("slow", DiscordFault::Slow(Duration::from_millis(500))),
    ] {
        discord.fault(TOKEN, SEND, fault, 1);
        discord.say(TOKEN, &ada(), text);
        answer_with(&discord, text).await;
    }
    discord.say(TOKEN, &ada(), "the end");
    answer_with(&discord, "the end").await;
    let texts: Vec<String> = discord.messages(TOKEN).into_iter().filter_map(|sent| sent.content).collect();
    assert_eq!(texts.len(), 8, "{texts:#?}");
    let status = home.run(&["status", "--json"]).await.ok().stdout;
    assert!(!status.contains("ambiguous\": 1"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_is_cut_as_the_account_says() {
    const OTHER: &str = "OTHER.TOKEN";
    let (discord, model) = fakes().await;
    discord.add_bot(OTHER, 2_000, "other");
    let mut config = open(&discord, &model);
    let mut section = config["channels"]["discord"].take();
    section.as_object_mut().unwrap().remove("token");
    section["textChunkLimit"] = json!(60);
    section["streaming"] = json!({ "chunkMode": "newline" });
    section["accounts"] = json!({
        "main": { "token": TOKEN },
        "second": { "token": OTHER, "streaming": { "chunkMode": "length" } },
    });
    config["channels"]["discord"] = section;
    let home = Home::new(config);
    let _gateway = home.start().await;
    session(&discord).await;
    assert!(discord.wait_for_session(OTHER, SOON).await);
    let code = "```\nfirst\n\nsecond\n```";
    let last = "one two three four five six seven eight nine";
    model.set_mode(Mode::Say(format!("Yes.\n\n{code}\n\n{last}")));
    let said = async |token: &'static str, parts: usize| {
        discord.say(token, &ada(), "explain");
        eventually("all parts", async || discord.messages(token).len() == parts).await;
        discord.messages(token).into_iter().filter_map(|sent| sent.content).collect::<Vec<_>>()
    };
    assert_eq!(said(TOKEN, 2).await, [format!("Yes.\n\n{code}"), last.to_owned()]);
    // By length a part is filled where its first half has no better break.
    let by_length = said(OTHER, 2).await;
    assert!(by_length[0].starts_with("Yes.") && by_length[0].ends_with("five six"), "{by_length:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_bots_do_not_disturb_each_other() {
    let (discord, model) = fakes().await;
    discord.add_bot("OTHER.TOKEN", 2_000, "other");
    let mut config = open(&discord, &model);
    let mut section = config["channels"]["discord"].take();
    section.as_object_mut().unwrap().remove("token");
    section["accounts"] = json!({ "main": { "token": TOKEN }, "second": { "token": "OTHER.TOKEN" } });
    config["channels"]["discord"] = section;
    let home = Home::new(config);
    let _gateway = home.start().await;
    session(&discord).await;
    assert!(discord.wait_for_session("OTHER.TOKEN", SOON).await);
    discord.revoke("OTHER.TOKEN");
    discord.close("OTHER.TOKEN", 4004);
    model.set_mode(Mode::Echo);
    discord.say(TOKEN, &ada(), "are you there?");
    answer_with(&discord, "are you there?").await;
    eventually("the other one waits for a person", async || {
        home.run(&["channels", "status"]).await.ok().stdout.contains("Reset the token")
    })
    .await;
    assert_eq!((discord.identifies(TOKEN).len(), discord.identifies("OTHER.TOKEN").len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_the_vendor_may_stand_in_the_environment() {
    let (discord, model) = fakes().await;
    let mut config = open(&discord, &model);
    config["channels"]["discord"]
        .as_object_mut()
        .unwrap()
        .retain(|key, _| !["apiRoot", "gatewayUrl"].contains(&key.as_str()));
    let home = Home::new(config);
    let _gateway = home.start_with(&[("DISCORD_API_URL", &discord.api_root())]).await;
    session(&discord).await;
    discord.say(TOKEN, &ada(), "hello bot");
    answer_with(&discord, "hello bot").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_accounts_with_one_token_one_runs_and_the_other_is_told() {
    let (discord, model) = fakes().await;
    let mut config = open(&discord, &model);
    let section = config["channels"]["discord"].as_object_mut().unwrap();
    section.remove("token");
    section.insert("accounts".to_owned(), json!({ "one": { "token": TOKEN }, "two": { "token": TOKEN } }));
    let home = Home::new(config);
    let _gateway = home.start().await;
    session(&discord).await;
    discord.say(TOKEN, &ada(), "hello bot");
    answer_with(&discord, "hello bot").await;
    let mut told = Vec::new();
    eventually("one account is told why it does not run", async || {
        let status = home.run(&["channels", "status", "--json"]).await.ok().json();
        let accounts = status["channelAccounts"]["discord"].as_array().unwrap().clone();
        told = accounts
            .iter()
            .map(|account| account["lifecycleReason"].as_str().unwrap_or_default().to_owned())
            .collect();
        told.iter().any(|why| why.contains("duplicate bot token"))
    })
    .await;
    assert_eq!(told.iter().filter(|why| why.contains("duplicate bot token")).count(), 1, "{told:?}");
    assert_eq!(discord.identifies(TOKEN).len(), 1);
}
