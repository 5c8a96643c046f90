//! Commands beside text, and those that decide about sending and about the gateway.

use openclaw_config::SendPlace;
use openclaw_store::Sending;

use super::*;

async fn replies(fixture: &Fixture, text: &str) -> String {
    fixture.say(text).await.unwrap().reply
}

fn owner() -> ChannelContext {
    ChannelContext { owner: true, ..channel(true) }
}

#[tokio::test]
async fn directives_hold_for_their_message_and_are_not_told_to_the_model() {
    let fixture = Fixture::new([Said::Text("one!"), Said::Text("two!"), Said::Text("three!")]).await;
    assert_eq!(replies(&fixture, "please /think high be wise").await, "one!");
    assert_eq!(replies(&fixture, "and now").await, "two!");
    assert_eq!(fixture.asked(0), [user("please be wise")]);
    let waits = replies(&fixture, "/queue collect and this").await;
    assert_eq!(waits, format!("{}\n\nthree!", command::QUEUE_ALONE));
    assert_eq!(*fixture.backend.thoughts.lock().unwrap(), [Some(Thinking::High), None, None]);
    assert_eq!(fixture.store.session_settings("agent:main:main").await.unwrap().queue, None);
}

#[tokio::test]
async fn a_model_that_is_named_in_a_message_stays_the_sessions() {
    let fixture = Fixture::new([Said::Text("one!"), Said::Text("two!"), Said::Text("three!")]).await;
    let told = "✅ Model of this session: p/other.\n\none!";
    let first = fixture.say("say it /model p/other in French").await.unwrap();
    assert_eq!((first.reply.as_str(), first.command), (told, false));
    fixture.agents.commit(&first).await.unwrap();
    assert_eq!(replies(&fixture, "again").await, "two!");
    let other = Some("p/other".to_owned());
    assert_eq!(*fixture.backend.choices.lock().unwrap(), [other.clone(), other]);
    // What the model said is remembered, what the command was told is not.
    assert_eq!(fixture.asked(1), [user("say it in French"), assistant("one!"), user("again")]);
    assert_eq!(replies(&fixture, "what is a /model anyway").await, "three!");
    assert_eq!(fixture.asked(2).last(), Some(&user("what is a /model anyway")));
}

#[tokio::test]
async fn several_directives_alone_are_decided_and_told() {
    let fixture = Fixture::new([]).await;
    let told = replies(&fixture, "/think high /model p/other").await;
    assert_eq!(told, "✅ Thinking of this session: high.\n\n✅ Model of this session: p/other.");
    let decided = fixture.store.session_settings("agent:main:main").await.unwrap();
    assert_eq!((decided.thinking.as_deref(), decided.model.as_deref()), (Some("high"), Some("p/other")));
}

#[tokio::test]
async fn a_shortcut_is_answered_and_the_rest_goes_on() {
    let fixture =
        Fixture::new([Said::Text("hi!"), Said::Fails(FailureReason::Billing), Said::Text("fresh!")]).await;
    let (sink, mut pieces) = mpsc::channel(8);
    let turn = TurnRequest { sink: Some(sink), ..request("hello /whoami there") };
    let reply = fixture.agents.run_turn(turn).await.unwrap().reply;
    assert!(reply.starts_with("🧭 Identity\n") && reply.ends_with("\n\nhi!"), "{reply}");
    let mut streamed = String::new();
    while let Some(TurnEvent::Text(text)) = pieces.recv().await {
        streamed.push_str(&text);
    }
    assert_eq!(streamed, reply, "what is shown early is what is said");
    assert_eq!(fixture.asked(0), [user("hello there")]);
    // It is answered even when the model is not there.
    let failed = fixture.say("hello /status").await.unwrap_err();
    assert_eq!(failed.code(), "billing");
    let text = failed.user_text().unwrap();
    assert!(text.contains("🧠 Model: p/m") && text.ends_with("switch to a different API key."), "{text}");
    assert!(matches!(failed.cause(), TurnError::Model(_)));
    assert!(fixture.agents.overtakes("stop") && !fixture.agents.resets("stop"));
    let new = replies(&fixture, "/new /think low start").await;
    assert_eq!(new, "fresh!");
    assert_eq!(fixture.asked(2), [user("start")]);
}

#[tokio::test]
async fn somebody_who_may_not_command_says_text() {
    let fixture = Fixture::new([Said::Text("one!")]).await;
    let text = "please /think high /status";
    fixture.agents.run_turn(TurnRequest { plain: true, ..request(text) }).await.unwrap();
    assert_eq!(fixture.asked(0), [user(text)]);
    let is = |text| (fixture.agents.is_command(text), fixture.agents.has_command(text));
    assert_eq!(is("hello /status there"), (false, true), "it does not stand for the agent's name");
    assert_eq!(is("/think high do it"), (true, true), "one that begins with a command does");
    assert_eq!(is("/status"), (true, true));
    assert_eq!(is("hello"), (false, false));
}

#[tokio::test]
async fn the_owner_says_whether_answers_are_sent() {
    let fixture = Fixture::new([]).await;
    let say = async |text, channel| {
        let turn = TurnRequest { channel: Some(channel), ..request(text) };
        fixture.agents.run_turn(turn).await.unwrap().reply
    };
    let withheld = async |channel| {
        fixture.agents.withheld(SendPlace::of(channel, "agent:main:main")).await.unwrap().is_some()
    };
    assert!(say("/send off", channel(true)).await.contains("commands.ownerAllowFrom '[\"chat:u1\"]'"));
    assert!(!withheld("chat").await);
    assert!(say("/send off", owner()).await.starts_with("⚙️ Send policy set to off"));
    assert!(withheld("chat").await);
    let stored = fixture.store.session_settings("agent:main:main").await.unwrap();
    assert_eq!(stored.sending, Some(Sending::Deny));
    let mut settings = Settings::clone(&fixture.agents.settings());
    settings.sending.default = Some(openclaw_config::SendAction::Deny);
    fixture.agents.set_settings(settings);
    assert!(say("/send on", owner()).await.starts_with("⚙️ Send policy set to on"));
    assert!(!withheld("chat").await, "the session's own word outweighs the configuration");
    assert!(say("/send inherit", owner()).await.starts_with("⚙️ Send policy set to inherit"));
    assert!(withheld("chat").await);
    assert!(say("/send", channel(true)).await.contains("off, as configured"));
    assert!(say("/send maybe", owner()).await.starts_with("⚙️ Usage: /send"));
}

#[tokio::test]
async fn a_restart_is_the_owners_wish_and_may_be_switched_off() {
    let fixture = Fixture::new([]).await;
    let say = async |channel| {
        let turn = TurnRequest { channel: Some(channel), ..request("/restart") };
        fixture.agents.run_turn(turn).await.unwrap()
    };
    let refused = say(channel(true)).await;
    assert!(!refused.restart && refused.reply.starts_with("⚠️ /restart is for the owner."), "{refused:?}");
    let turn = say(owner()).await;
    assert_eq!((turn.reply.as_str(), turn.restart, turn.command), (command::RESTARTING, true, true));
    assert!(turn.write.is_some_and(|write| write.entries.is_empty()), "whoever stores it is heard of");
    let settings = Settings { restarts: false, ..Settings::clone(&fixture.agents.settings()) };
    fixture.agents.set_settings(settings);
    let off = say(owner()).await;
    assert_eq!((off.reply.as_str(), off.restart), (command::NO_RESTART, false));
}
