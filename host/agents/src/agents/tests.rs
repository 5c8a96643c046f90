mod compact;
mod mixed;

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use openclaw_models::{
    Answer, Content, Failure, FailureReason, Message, ModelError, ModelsError, Role, Thinking, ThinkingWish,
};
use tokio::sync::{Notify, mpsc};

use super::*;
use crate::{ChannelContext, TurnEvent};

/// Answers from a script and remembers what it was asked.
#[derive(Default)]
struct Scripted {
    answers: Mutex<VecDeque<Said>>,
    asked: Mutex<Vec<Vec<(Role, String)>>>,
    /// Which model each was to be, and how hard it was to think.
    choices: Mutex<Vec<Option<String>>>,
    thoughts: Mutex<Vec<Option<Thinking>>>,
    begun: Notify,
}

enum Said {
    Text(&'static str),
    Fails(FailureReason),
    Hangs,
}

#[async_trait]
impl Backend for Scripted {
    async fn ask(
        &self,
        request: ChatRequest,
        choice: &ModelChoice,
        deadline: Instant,
        sink: Option<&mpsc::Sender<TurnEvent>>,
    ) -> Result<ChatReply, ModelsError> {
        let text = |message: Message| {
            (message.role, message.content.as_ref().map_or_else(String::new, Content::to_text))
        };
        self.choices.lock().unwrap().push(choice.primary.clone());
        self.thoughts.lock().unwrap().push(request.thinking.and_then(|wish| wish.said));
        self.asked.lock().unwrap().push(request.messages.into_iter().map(text).collect());
        self.begun.notify_one();
        let said = self.answers.lock().unwrap().pop_front().unwrap();
        let (provider, model) = ("p".to_owned(), "m".to_owned());
        let failed = |reason| {
            let failure =
                Failure { reason, code: String::new(), message: String::new(), retry_after_ms: None };
            let (provider, model) = (provider.clone(), model.clone());
            ModelsError::Failed(ModelError { provider, model, status: None, failure, delivered: false })
        };
        match said {
            // As the HTTP client: it gives up at the same moment as the turn.
            Said::Hangs => {
                tokio::time::sleep_until(deadline).await;
                Err(failed(FailureReason::Timeout))
            }
            Said::Fails(reason) => Err(failed(reason)),
            Said::Text(text) => {
                if let Some(sink) = sink {
                    sink.send(TurnEvent::Text(text.to_owned())).await.unwrap();
                }
                let usage = Some(Usage { input_tokens: 10, output_tokens: 9, ..Usage::default() });
                let answer = Answer { text: text.to_owned(), usage, ..Answer::default() };
                Ok(ChatReply { provider, model, answer, failed: vec![] })
            }
        }
    }

    fn first(&self, choice: &ModelChoice) -> Result<String, String> {
        Ok(choice.primary.clone().unwrap_or_else(|| "p/m".to_owned()))
    }

    fn resolve(&self, reference: &str) -> Result<String, String> {
        match reference.split_once('/') {
            Some(("p", _)) => Ok(reference.to_owned()),
            _ => Err(format!("\"{reference}\" is not known")),
        }
    }

    fn names_model(&self, word: &str) -> bool {
        self.resolve(word).is_ok()
    }

    fn configured(&self) -> Vec<(String, Vec<String>)> {
        vec![("p".to_owned(), vec!["m".to_owned(), "other".to_owned()])]
    }
}

struct Fixture {
    dir: tempfile::TempDir,
    backend: Arc<Scripted>,
    store: Store,
    agents: Agents,
}

impl Fixture {
    async fn new(answers: impl IntoIterator<Item = Said>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("gateway.sqlite")).await.unwrap();
        let backend =
            Arc::new(Scripted { answers: Mutex::new(answers.into_iter().collect()), ..Scripted::default() });
        let settings = Settings {
            agents: vec![AgentSettings {
                id: "main".into(),
                workspace: dir.path().join("workspace"),
                prompt: crate::PromptLimits::default(),
                identity: crate::Identity::default(),
                thinking: ThinkingWish { said: None, usual: Thinking::Medium },
                model: ModelChoice::default(),
            }],
            timeout: Duration::from_secs(60),
            resets: openclaw_config::Resets::default(),
            reset_triggers: vec!["fresh".into(), "stop".into()],
            sending: openclaw_config::SendRules::default(),
            restarts: true,
            version: "0.1.0".into(),
        };
        let agents = Agents::with_backend(store.clone(), Arc::<Scripted>::clone(&backend), settings);
        Self { dir, backend, store, agents }
    }

    /// Without the system text.
    fn asked(&self, turn: usize) -> Vec<(Role, String)> {
        self.backend.asked.lock().unwrap()[turn][1..].to_vec()
    }

    async fn say(&self, message: &str) -> Result<Turn, TurnError> {
        self.agents.run_turn(request(message)).await
    }
}

fn request(message: &str) -> TurnRequest {
    TurnRequest {
        agent_id: "main".into(),
        session_key: "agent:main:main".into(),
        message: message.into(),
        ..TurnRequest::default()
    }
}

fn channel(direct: bool) -> ChannelContext {
    ChannelContext { direct, ..crate::testing::channel() }
}

fn user(text: &str) -> (Role, String) {
    (Role::User, text.to_owned())
}

fn assistant(text: &str) -> (Role, String) {
    (Role::Assistant, text.to_owned())
}

#[tokio::test]
async fn a_committed_turn_is_remembered_and_survives_a_restart() {
    let fixture = Fixture::new([Said::Text("one!"), Said::Text("two!"), Said::Text("three!")]).await;
    let first = fixture.say("one").await.unwrap();
    assert_eq!((first.reply.as_str(), first.provider.as_str(), first.usage.output_tokens), ("one!", "p", 9));
    fixture.agents.commit(&first).await.unwrap();
    let second = fixture.say("two").await.unwrap();
    assert_eq!(second.session_id, first.session_id);
    assert_eq!(fixture.asked(1), [user("one"), assistant("one!"), user("two")]);
    fixture.agents.commit(&second).await.unwrap();
    fixture.store.close().await;

    let store = Store::open(&fixture.dir.path().join("gateway.sqlite")).await.unwrap();
    let agents = Agents::with_backend(
        store,
        Arc::<Scripted>::clone(&fixture.backend),
        Settings::clone(&fixture.agents.settings()),
    );
    agents.run_turn(request("three")).await.unwrap();
    let expected = [user("one"), assistant("one!"), user("two"), assistant("two!"), user("three")];
    assert_eq!(fixture.asked(2), expected);
}

#[tokio::test]
async fn a_turn_that_nobody_commits_leaves_nothing() {
    let fixture = Fixture::new([
        Said::Text("one!"),
        Said::Text("lost"),
        Said::Fails(FailureReason::Billing),
        Said::Text("four!"),
    ])
    .await;
    let first = fixture.say("one").await.unwrap();
    fixture.agents.commit(&first).await.unwrap();
    fixture.say("two").await.unwrap();
    let failed = fixture.say("three").await.unwrap_err();
    assert_eq!(failed.code(), "billing");
    fixture.say("four").await.unwrap();
    assert_eq!(fixture.asked(3), [user("one"), assistant("one!"), user("four")]);
}

#[tokio::test]
async fn new_starts_the_session_anew() {
    let fixture = Fixture::new([Said::Text("one!"), Said::Text("two!"), Said::Text("three!")]).await;
    let first = fixture.say("one").await.unwrap();
    fixture.agents.commit(&first).await.unwrap();
    let new = fixture.say("/new").await.unwrap();
    assert_eq!((new.reply.as_str(), new.command), ("✅ New session started.", true));
    assert_ne!(new.session_id, first.session_id);
    fixture.agents.commit(&new).await.unwrap();
    let second = fixture.say("two").await.unwrap();
    assert_eq!(second.session_id, new.session_id);
    assert_eq!(fixture.asked(1), [user("two")]);
    fixture.agents.commit(&second).await.unwrap();
    let reset = fixture.say("/reset three").await.unwrap();
    assert_eq!((reset.reply.as_str(), reset.command), ("three!", false));
    assert_eq!(fixture.asked(2), [user("three")]);
}

#[tokio::test]
async fn simple_commands_ask_no_model() {
    let fixture = Fixture::new([Said::Text("plain!")]).await;
    let status = fixture.say("/status").await.unwrap();
    assert!(status.reply.contains("🧠 Model: p/m") && status.reply.contains("agent:main:main • not begun"));
    assert!(fixture.say("/help").await.unwrap().reply.starts_with("ℹ️ Help"));
    assert_eq!(fixture.say("/stop").await.unwrap().reply, command::IDLE);
    let turn = fixture.agents.run_turn(TurnRequest { plain: true, ..request("/help") }).await.unwrap();
    assert_eq!(turn.reply, "plain!");
    assert_eq!(fixture.backend.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_model_is_chosen_and_a_session_named_in_the_chat() {
    let fixture = Fixture::new([Said::Text("one!"), Said::Text("two!")]).await;
    let reply = async |text| fixture.say(text).await.unwrap().reply;
    assert!(reply("/model").await.starts_with("🧠 Model: p/m (as configured)"));
    assert_eq!(reply("/model x").await, "⚠️ \"x\" is not known");
    assert_eq!(reply("/model p/other").await, "✅ Model of this session: p/other.");
    assert!(reply("/model").await.starts_with("🧠 Model: p/other (chosen for this session)"));
    assert!(reply("/status").await.contains("🧠 Model: p/other"));
    fixture.say("hi").await.unwrap();
    assert_eq!(reply("/model default").await, "✅ Model of this session: as configured, p/m.");
    fixture.say("hi").await.unwrap();
    assert_eq!(*fixture.backend.choices.lock().unwrap(), [Some("p/other".to_owned()), None]);
    assert!(reply("/model p/x -g").await.contains("openclaw config set agents.defaults.model.primary p/x"));
    assert!(reply("/models").await.contains("p (2 models)"));
    assert!(reply("/models P").await.contains("p/m\np/other"));
    assert_eq!(reply("/name").await, command::NO_NAME);
    assert_eq!(reply("/name the garden").await, "✅ Session named “the garden”.");
    assert!(reply("/name").await.contains("the garden"));
    assert!(reply("/commands").await.contains("/whoami - Show who"));
}

#[tokio::test]
async fn a_decision_made_before_the_first_turn_is_kept_with_the_session() {
    let fixture = Fixture::new([Said::Text("one!"), Said::Text("two!")]).await;
    fixture.say("/model p/other").await.unwrap();
    let first = fixture.say("one").await.unwrap();
    fixture.agents.commit(&first).await.unwrap();
    let second = fixture.say("two").await.unwrap();
    assert_eq!(second.session_id, first.session_id);
    assert_eq!(fixture.asked(1), [user("one"), assistant("one!"), user("two")]);
}

#[tokio::test]
async fn how_hard_to_think_is_said_for_a_message_or_for_a_session() {
    let fixture = Fixture::new([Said::Text("one!"), Said::Text("two!"), Said::Text("three!")]).await;
    let reply = async |text| fixture.say(text).await.unwrap().reply;
    assert!(reply("/think").await.starts_with("🧠 Thinking: as configured"));
    assert_eq!(reply("/think:High").await, "✅ Thinking of this session: high.");
    assert!(reply("/t").await.starts_with("🧠 Thinking: high (chosen for this session)"));
    assert!(reply("/status").await.contains("Modes: think high"));
    assert_eq!(reply("one").await, "one!");
    assert_eq!(reply("/think off two").await, "two!");
    assert_eq!(fixture.asked(1), [user("two")]);
    assert_eq!(reply("/thinking default").await, "✅ Thinking of this session: as configured.");
    assert_eq!(reply("three").await, "three!");
    assert_eq!(*fixture.backend.thoughts.lock().unwrap(), [Some(Thinking::High), Some(Thinking::Off), None]);
    assert!(reply("/think hard").await.starts_with("⚙️ Usage: /think <level|default>"));
}

#[tokio::test]
async fn what_waits_behind_a_turn_is_chosen_for_a_session() {
    let fixture = Fixture::new([]).await;
    let reply = async |text| fixture.say(text).await.unwrap().reply;
    assert!(reply("/queue").await.starts_with("🪢 Queue: as configured"));
    assert_eq!(
        reply("/queue collect debounce:2s").await,
        "✅ Queue of this session: collect debounce:2000ms."
    );
    assert_eq!(reply("/queue followup").await, "✅ Queue of this session: followup debounce:2000ms.");
    assert!(
        reply("/queue").await.starts_with("🪢 Queue: followup debounce:2000ms (chosen for this session)")
    );
    let stored = fixture.store.session_settings("agent:main:main").await.unwrap().queue.unwrap();
    assert_eq!(stored.mode, Some(openclaw_store::QueueMode::Followup));
    assert_eq!(reply("/queue default").await, "✅ Queue of this session: as configured.");
    assert!(
        reply("/queue sometimes")
            .await
            .starts_with("⚙️ Usage: /queue <mode|default>\n\nShow or set what becomes")
    );
}

#[tokio::test]
async fn when_a_group_is_answered_is_the_owners_to_say() {
    let fixture = Fixture::new([]).await;
    let say = async |text, direct, owner| {
        let channel = ChannelContext { owner, ..channel(direct) };
        let turn = TurnRequest { channel: Some(channel), ..request(text) };
        fixture.agents.run_turn(turn).await.unwrap().reply
    };
    let decided = async || fixture.store.session_settings("agent:main:main").await.unwrap().activation;
    let refused = say("/activation always", false, false).await;
    assert!(refused.contains("commands.ownerAllowFrom '[\"chat:u1\"]'"), "{refused}");
    assert_eq!(say("/activation always", true, true).await, command::NO_GROUP);
    assert_eq!(decided().await, None);
    assert!(say("/activation", false, false).await.contains("as configured"));
    assert_eq!(say("/activation always", false, true).await, "⚙️ Group activation set to always.");
    assert_eq!(decided().await, Some(openclaw_store::Activation::Always));
    assert!(say("/activation", false, false).await.contains("activation: always"));
    let misspelt = say("/activation never", false, true).await;
    assert!(
        misspelt.starts_with("⚙️ Usage: /activation [mention|always]\n\nAnswer in this group"),
        "{misspelt}"
    );
}

#[tokio::test]
async fn silence_is_a_choice_in_a_group_and_a_failure_in_a_direct_chat() {
    let check = async |text, direct, expected: Result<&str, &str>| {
        let fixture = Fixture::new([Said::Text(text)]).await;
        let turn =
            fixture.agents.run_turn(TurnRequest { channel: Some(channel(direct)), ..request("hi") }).await;
        let outcome = turn.as_ref().map(|turn| turn.reply.as_str()).map_err(TurnError::code);
        assert_eq!(outcome, expected);
        assert!(fixture.asked(0)[0].1.starts_with("[Chat Ada id:u1 "), "{:?}", fixture.asked(0));
    };
    check("NO_REPLY", false, Ok("")).await;
    check(" NO_REPLY\n", true, Err("empty_response")).await;
    check("  ", false, Err("empty_response")).await;
    check("say NO_REPLY", true, Ok("say NO_REPLY")).await;
}

#[tokio::test]
async fn a_running_turn_is_stopped_by_command() {
    let fixture = Fixture::new([Said::Hangs, Said::Text("next!")]).await;
    let (stuck, stop) = tokio::join!(fixture.say("work"), async {
        fixture.backend.begun.notified().await;
        assert_eq!(fixture.agents.active()[0].session_key, "agent:main:main");
        assert!(fixture.agents.overtakes("/stop") && !fixture.agents.overtakes("go on"));
        fixture.say("/stop").await
    });
    assert_eq!(stuck.unwrap_err().code(), "aborted");
    assert_eq!(stop.unwrap().reply, "⚙️ Agent was aborted.");
    assert!(fixture.agents.active().is_empty());
    fixture.say("again").await.unwrap();
    assert_eq!(fixture.asked(1), [user("again")]);
}

#[tokio::test]
async fn a_turn_ends_when_nobody_listens_and_at_its_deadline() {
    let fixture = Fixture::new([Said::Text("streamed"), Said::Hangs, Said::Hangs]).await;
    let (sink, mut events) = mpsc::channel(4);
    fixture.agents.run_turn(TurnRequest { sink: Some(sink), fresh: true, ..request("hi") }).await.unwrap();
    assert_eq!(events.recv().await, Some(TurnEvent::Text("streamed".into())));
    assert_eq!(events.recv().await, None);
    fixture.backend.begun.notified().await;

    let (sink, events) = mpsc::channel(4);
    let (turn, ()) = tokio::join!(
        fixture.agents.run_turn(TurnRequest { sink: Some(sink), fresh: true, ..request("hi") }),
        async {
            fixture.backend.begun.notified().await;
            drop(events);
        }
    );
    assert_eq!(turn.unwrap_err().code(), "aborted");

    tokio::time::pause();
    let limit = Duration::from_secs(9);
    let stuck = fixture
        .agents
        .run_turn(TurnRequest { timeout: Some(limit), fresh: true, ..request("hi") })
        .await
        .unwrap_err();
    assert!(matches!(stuck, TurnError::Timeout(after) if after == limit));
}

#[tokio::test]
async fn an_unknown_agent_is_named() {
    let fixture = Fixture::new([]).await;
    let error = fixture
        .agents
        .run_turn(TurnRequest { agent_id: "nobody".into(), ..request("hi") })
        .await
        .unwrap_err();
    assert!(error.to_string().starts_with("there is no agent \"nobody\""), "{error}");
}

#[tokio::test]
async fn what_happened_meanwhile_is_told_with_the_next_message() {
    let fixture =
        Fixture::new([Said::Fails(FailureReason::Overloaded), Said::Text("one!"), Said::Text("two!")]).await;
    fixture.agents.events().push("agent:main:main", "The configuration was put back.", None);
    assert!(fixture.say("/help").await.unwrap().command);
    fixture.say("lost").await.unwrap_err();
    let turn = fixture.say("one").await.unwrap();
    let said = &fixture.asked(1)[0].1;
    assert!(said.starts_with("System: [2") && said.ends_with("] The configuration was put back.\n\none"));
    assert_eq!(turn.write.unwrap().entries[0].content, *said, "the transcript says what the model read");
    fixture.say("two").await.unwrap();
    assert_eq!(fixture.asked(2), [user("two")]);
}

#[tokio::test]
async fn a_session_changed_from_outside_is_what_the_next_turn_finds() {
    let fixture =
        Fixture::new([Said::Text("one!"), Said::Text("two!"), Said::Text("three!"), Said::Text("four!")])
            .await;
    let (key, agents) = ("agent:main:main", &fixture.agents);
    let first = fixture.say("one").await.unwrap();
    agents.commit(&first).await.unwrap();
    let record = fixture.store.session(key).await.unwrap().unwrap();
    agents.inject(&record, "by the way").await.unwrap();
    let second = fixture.say("two").await.unwrap();
    agents.commit(&second).await.unwrap();
    assert_eq!(fixture.asked(1), [user("one"), assistant("one!"), assistant("by the way"), user("two")]);
    assert_eq!(agents.trim_session(key, &first.session_id, 1).await.unwrap(), 5);
    let third = fixture.say("three").await.unwrap();
    agents.commit(&third).await.unwrap();
    assert_eq!(fixture.asked(2), [assistant("two!"), user("three")]);
    let anew = agents.reset_session(key, "main").await.unwrap().unwrap();
    let fourth = fixture.say("four").await.unwrap();
    assert_eq!((fixture.asked(3), &fourth.session_id), (vec![user("four")], &anew.row.session_id));
}

#[tokio::test]
async fn the_model_that_was_chosen_for_a_session_is_asked() {
    let fixture = Fixture::new([Said::Text("one!"), Said::Text("two!"), Said::Text("three!")]).await;
    fixture.say("one").await.unwrap();
    let choose = |model: Option<&str>| {
        let model = model.map(str::to_owned);
        Box::new(move |settings: &mut openclaw_store::SessionSettings| settings.model = model)
    };
    fixture.agents.patch_session("agent:main:main", "main", choose(Some("p/other"))).await.unwrap();
    fixture.say("two").await.unwrap();
    fixture.agents.patch_session("agent:main:main", "main", choose(None)).await.unwrap();
    fixture.say("three").await.unwrap();
    let choices = fixture.backend.choices.lock().unwrap();
    assert_eq!(*choices, [None, Some("p/other".to_owned()), None]);
}

/// What was said in the main session so many minutes ago.
async fn said_before(fixture: &Fixture, minutes: i64) -> String {
    let at = now_ms() - minutes * 60_000;
    let entry = |role, text: &str| Entry { role, content: text.into(), model: None, usage: None, at };
    let write = SessionWrite {
        key: "agent:main:main".into(),
        session_id: "old".into(),
        agent: "main".into(),
        entries: vec![entry(EntryRole::User, "before"), entry(EntryRole::Assistant, "indeed")],
    };
    fixture.store.append_lazily(write, at).await.unwrap();
    "agent:main:main:archived:old".to_owned()
}

fn resets(fixture: &Fixture, change: impl FnOnce(&mut openclaw_config::Resets)) {
    let mut settings = Settings::clone(&fixture.agents.settings());
    change(&mut settings.resets);
    fixture.agents.set_settings(settings);
}

fn idle(minutes: u64) -> Option<openclaw_config::Reset> {
    Some(openclaw_config::Reset { idle_minutes: Some(minutes), ..openclaw_config::Reset::default() })
}

#[tokio::test]
async fn an_expired_session_begins_anew_and_what_was_said_stays_under_a_name() {
    let fixture = Fixture::new([Said::Text("hello")]).await;
    let away = said_before(&fixture, 61).await;
    let chosen =
        Box::new(|settings: &mut openclaw_store::SessionSettings| settings.model = Some("p/chosen".into()));
    fixture.agents.patch_session("agent:main:main", "main", chosen).await.unwrap();
    resets(&fixture, |resets| resets.all = idle(60));
    let turn = fixture.say("hi").await.unwrap();
    assert_eq!(fixture.asked(0), [(Role::User, "hi".to_owned())], "nothing of before is told");
    assert_ne!(turn.session_id, "old");
    fixture.agents.commit(&turn).await.unwrap();
    let (row, entries) = fixture.store.load_session(&away, 9, 9_999).await.unwrap().expect("it is put away");
    assert_eq!((row.session_id.as_str(), entries.len(), entries[0].content.as_str()), ("old", 2, "before"));
    let put_away = fixture.store.session(&away).await.unwrap().unwrap();
    assert!(put_away.settings.archived_at.is_some());
    let now = fixture.store.session("agent:main:main").await.unwrap().unwrap();
    assert_eq!((now.row.session_id, now.settings.model.as_deref()), (turn.session_id, Some("p/chosen")));
    assert_eq!(*fixture.backend.choices.lock().unwrap(), [Some("p/chosen".to_owned())]);
}

#[tokio::test]
async fn a_session_that_has_not_expired_goes_on() {
    let fixture = Fixture::new([Said::Text("hello")]).await;
    said_before(&fixture, 59).await;
    resets(&fixture, |resets| resets.all = idle(60));
    assert_eq!(fixture.say("hi").await.unwrap().session_id, "old");
    assert_eq!(fixture.asked(0).len(), 3);
}

#[tokio::test]
async fn kinds_and_channels_have_their_own_expiry() {
    let fixture = Fixture::new([Said::Text("a"), Said::Text("b"), Said::Text("c")]).await;
    said_before(&fixture, 30).await;
    resets(&fixture, |resets| {
        resets.all = idle(60);
        resets.by_type.thread = idle(10);
        resets.by_channel = [("other".to_owned(), idle(1).unwrap())].into();
    });
    let of = |kind, name: &str| TurnRequest {
        kind: Some(kind),
        channel: Some(ChannelContext { channel: name.into(), ..channel(true) }),
        ..request("hi")
    };
    use openclaw_config::SessionKind::{Direct, Thread};
    let turn = fixture.agents.run_turn(of(Direct, "chat")).await.unwrap();
    assert_eq!(turn.session_id, "old");
    let turn = fixture.agents.run_turn(of(Thread, "chat")).await.unwrap();
    assert_ne!(turn.session_id, "old");
    said_before(&fixture, 30).await;
    let turn = fixture.agents.run_turn(of(Direct, "other")).await.unwrap();
    assert_ne!(turn.session_id, "old");
}

#[tokio::test]
async fn an_added_word_starts_anew_and_a_turn_is_told_so_many_as_it_may() {
    let fixture = Fixture::new([Said::Text("1"), Said::Text("2"), Said::Text("3")]).await;
    assert!(fixture.agents.resets("fresh start") && !fixture.agents.resets("freshly"));
    for message in ["a", "b"] {
        let turn = fixture.say(message).await.unwrap();
        fixture.agents.commit(&turn).await.unwrap();
    }
    let few = TurnRequest { history_turns: Some(1), ..request("c") };
    let turn = fixture.agents.run_turn(few).await.unwrap();
    fixture.agents.commit(&turn).await.unwrap();
    let texts: Vec<_> = fixture.asked(2).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["b", "2", "c"]);
    let (_, entries) = fixture.store.load_session("agent:main:main", 99, 9_999).await.unwrap().unwrap();
    assert_eq!(entries.len(), 6, "all of it is kept");
    assert_eq!(fixture.say("fresh").await.unwrap().reply, command::NEW);
}

#[tokio::test]
async fn an_answer_that_broke_off_goes_on_behind_what_was_said() {
    let fixture = Fixture::new([
        Said::Text("Two."),
        Said::Text("NO_REPLY"),
        Said::Fails(FailureReason::EmptyResponse),
        Said::Fails(FailureReason::Billing),
    ])
    .await;
    let on = || TurnRequest {
        said: "One.\n\n".into(),
        outset: Some(Arc::default()),
        channel: Some(channel(true)),
        plain: true,
        ..request("hi")
    };
    let request = on();
    let outset = request.outset.clone().unwrap();
    let turn = fixture.agents.run_turn(request).await.unwrap();
    assert_eq!(turn.reply, "Two.", "the rest alone");
    let asked = fixture.asked(0);
    assert_eq!((asked.len(), &asked[1]), (3, &assistant("One.")));
    assert!(asked[2].0 == Role::User && asked[2].1.contains("right behind its last word"), "{asked:?}");
    let (outset, write) = (outset.get().unwrap(), turn.write.unwrap());
    assert_eq!((&outset.session_id, &outset.entries[..]), (&write.session_id, &write.entries[..1]));
    // Also in private: it has come to its end.
    assert_eq!(fixture.agents.run_turn(on()).await.unwrap().reply, "");
    let empty = fixture.agents.run_turn(on()).await.unwrap();
    assert_eq!((empty.reply.as_str(), empty.model.as_str()), ("", "m"));
    assert_eq!(fixture.agents.run_turn(on()).await.unwrap_err().code(), "billing");
}

#[test]
fn what_may_be_silence_is_not_shown() {
    for text in ["", " \n", "N", "NO_REP", "NO_REPLY\n"] {
        assert!(may_be_silence(text), "{text:?}");
    }
    for text in ["Now", "NO_REPLY.", "no_reply", "NO WAY"] {
        assert!(!may_be_silence(text), "{text:?}");
    }
}
