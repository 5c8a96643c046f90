//! Answers in blocks on a real ledger: what people read, what is left after a kill, and what the session remembers.

use std::sync::Mutex;

use async_trait::async_trait;
use openclaw_store::{Entry, EntryRole, QueueMode, SessionWrite};
use openclaw_text::Break;
use tokio::sync::watch;

use super::*;
use crate::blocks::BlockRules;
use crate::replies::{Author, Replies, ReplyTo};
use crate::runner::{TurnReply, TurnRequest, TurnRunner};
use crate::settings::DmScope;

const WHOLE: &str = "One.\n\nTwo.\n\nThree.\n\nFour.";
const SESSION: &str = "agent:main:direct:u1";

/// What a turn does next.
#[derive(Clone, Debug, PartialEq)]
enum Next {
    /// It has written so much of the whole.
    Write(usize),
    End(Box<TurnReply>),
    Panic,
}

/// Writes an answer as it is told to, and goes on behind what was said.
struct Reciter {
    whole: String,
    next: watch::Sender<Next>,
    /// What was said before, of each turn that began.
    begun: watch::Sender<Vec<String>>,
    stopped: watch::Sender<usize>,
    told: Mutex<Vec<String>>,
}

impl Reciter {
    fn new(whole: &str) -> Arc<Self> {
        Arc::new(Self {
            whole: whole.to_owned(),
            next: watch::Sender::new(Next::Write(0)),
            begun: watch::Sender::default(),
            stopped: watch::Sender::new(0),
            told: Mutex::default(),
        })
    }

    /// Lets all turns write until behind these words, or to the end.
    fn write(&self, until: &str) {
        let end = self.whole.find(until).map(|at| at + until.len()).unwrap();
        self.next.send_replace(Next::Write(end));
    }

    fn end(&self, text: Option<&str>, failed: bool) {
        let text = text.map(str::to_owned);
        self.next.send_replace(Next::End(Box::new(TurnReply { text, failed, ..TurnReply::default() })));
    }
}

#[async_trait]
impl TurnRunner for Reciter {
    async fn run(&self, turn: TurnRequest) -> TurnReply {
        self.begun.send_modify(|begun| begun.push(turn.said.clone()));
        self.told.lock().unwrap().push(turn.message.text.clone());
        let entry =
            |role, content: &str| Entry { role, content: content.into(), model: None, usage: None, at: 1 };
        let mut write = SessionWrite {
            key: turn.route.session_key.clone(),
            session_id: "s".into(),
            agent: turn.route.agent.clone(),
            entries: vec![entry(EntryRole::User, &turn.message.text)],
        };
        turn.writing.outset().unwrap().set(write.clone()).unwrap();
        let author = Author { provider: "p".into(), model: "m".into(), thinking: "off".into() };
        turn.writing.by(author.clone());
        let mut at = turn.said.len();
        let (mut next, mut stopped) = (self.next.subscribe(), self.stopped.subscribe());
        loop {
            let now = next.borrow_and_update().clone();
            match now {
                Next::Write(end) => {
                    if end > at {
                        turn.writing.add(&self.whole[at..end]);
                        at = end;
                    }
                    if end == self.whole.len() {
                        let text = &self.whole[turn.said.len()..];
                        write.entries.push(entry(EntryRole::Assistant, text));
                        let (text, author) = (Some(text.to_owned()), Some(author));
                        return TurnReply { text, session: Some(write), author, ..TurnReply::default() };
                    }
                }
                Next::End(reply) => return *reply,
                Next::Panic => panic!("as asked"),
            }
            tokio::select! {
                changed = next.changed() => changed.unwrap(),
                _ = stopped.changed() => return TurnReply::default(),
            }
        }
    }

    async fn closed(&self, _: InboundId, _: SessionWrite, _: bool) {}

    fn stop(&self, _: InboundId) {
        self.stopped.send_modify(|count| *count += 1);
    }

    fn overtakes(&self, _: &Message) -> bool {
        false
    }

    fn is_command(&self, message: &Message) -> bool {
        message.text.starts_with('/')
    }

    fn has_command(&self, message: &Message) -> bool {
        self.is_command(message)
    }
}

struct Blocky {
    store: Store,
    sender: Arc<Memory>,
    reciter: Arc<Reciter>,
    messaging: Messaging,
}

/// Each paragraph is sent as soon as another follows it.
fn rules() -> BlockRules {
    BlockRules { min_chars: 1, max_chars: 7, gather_max: Some(1), ..BlockRules::default() }
}

fn replies() -> Replies {
    Replies { blocks: Some(rules()), ..Replies::default() }
}

async fn life(dir: &tempfile::TempDir, whole: &str, replies: Replies) -> Blocky {
    life_with(dir, whole, replies, Memory::new(), QueueMode::Followup).await
}

async fn life_with(
    dir: &tempfile::TempDir,
    whole: &str,
    replies: Replies,
    sender: Arc<Memory>,
    mode: QueueMode,
) -> Blocky {
    let store = Store::open(&dir.path().join("gateway.sqlite")).await.unwrap();
    let reciter = Reciter::new(whole);
    let mut settings = testing::settings();
    settings.policy.dm = DmPolicy::Open;
    settings.policy.allow_from = testing::list(&["*"]);
    settings.dm_scope = DmScope::PerPeer;
    settings.replies = replies;
    settings.queue.mode = mode;
    let (as_sender, as_runner) = (Arc::<Memory>::clone(&sender), Arc::<Reciter>::clone(&reciter));
    let messaging =
        Messaging::start(store.clone(), as_sender, as_runner, vec![settings], options()).await.unwrap();
    Blocky { store, sender, reciter, messaging }
}

impl Blocky {
    async fn hear(&self, id: &str, text: &str) {
        let message = testing::message(id, "u1", text);
        self.messaging.admit(&testing::account(), message, None).await.unwrap();
    }

    async fn kill(self) {
        self.messaging.shutdown(Duration::ZERO).await;
        self.store.close().await;
    }

    async fn begins(&self, count: usize) -> Vec<String> {
        let mut begun = self.reciter.begun.subscribe();
        within(begun.wait_for(|begun| begun.len() >= count)).await.unwrap().clone()
    }

    async fn settled(&self) {
        eventually(async || {
            let counts = self.messaging.queues().await.unwrap().ledger;
            (counts.undecided, counts.unfinished, counts.pending, counts.sending) == (0, 0, 0, 0)
        })
        .await;
    }

    /// Every send so far has ended.
    async fn calm(&self) {
        eventually(async || {
            let counts = self.messaging.queues().await.unwrap().ledger;
            (counts.pending, counts.sending) == (0, 0)
        })
        .await;
    }

    async fn remembered(&self) -> Vec<String> {
        let found = self.store.load_session(SESSION, 100, 1 << 20).await.unwrap();
        found.map_or_else(Vec::new, |(_, entries)| entries.into_iter().map(|entry| entry.content).collect())
    }
}

#[tokio::test]
async fn an_answer_comes_in_blocks_while_it_is_written_and_is_remembered_as_one() {
    let dir = tempfile::tempdir().unwrap();
    let replies = Replies { prefix: Some("[{modelFull}]".into()), reply_to: ReplyTo::First, ..replies() };
    let life = life(&dir, WHOLE, replies).await;
    life.hear("1", "hi").await;
    life.reciter.write("One.\n\n");
    life.begins(1).await;
    life.reciter.write("Two.\n\n");
    assert_eq!(life.sender.reaches(1).await, ["[p/m] One."], "and nothing of what may be the end");
    life.reciter.write("Three.\n\nF");
    life.sender.reaches(3).await;
    life.reciter.write("Four.");
    life.settled().await;
    assert_eq!(life.sender.texts(), ["[p/m] One.", "Two.", "Three.", "Four."], "the prefix stands once");
    let quotes: Vec<_> = life.sender.all().into_iter().map(|said| said.reply_to).collect();
    assert_eq!(quotes, [Some("1".to_owned()), None, None, None], "the first block quotes");
    assert_eq!(life.remembered().await, ["hi", WHOLE]);
    assert!(life.sender.edited.borrow().is_empty(), "no preview beside it");
}

#[tokio::test]
async fn tags_and_modes_say_what_each_block_quotes() {
    let dir = tempfile::tempdir().unwrap();
    let whole = "One.\n\n[[reply_to: m9]] Two.\n\nThree.";
    let blocks = Some(BlockRules { max_chars: 25, ..rules() });
    let life = life(&dir, whole, Replies { blocks, ..Replies::default() }).await;
    life.hear("1", "hi").await;
    life.reciter.write("Three.");
    life.settled().await;
    let said: Vec<_> = life.sender.all().into_iter().map(|said| (said.text, said.reply_to)).collect();
    let none = |text: &str| (text.to_owned(), None);
    assert_eq!(said, [none("One."), ("Two.".to_owned(), Some("m9".to_owned())), none("Three.")]);
    let all = Replies { reply_to: ReplyTo::All, blocks, ..Replies::default() };
    let mut settings = testing::settings();
    (settings.policy.dm, settings.policy.allow_from) = (DmPolicy::Open, testing::list(&["*"]));
    (settings.dm_scope, settings.replies) = (DmScope::PerPeer, all);
    life.messaging.configure(settings);
    life.hear("2", "again").await;
    life.settled().await;
    let quotes: Vec<_> = life.sender.all().into_iter().skip(3).map(|said| said.reply_to.unwrap()).collect();
    assert_eq!(quotes, ["2", "m9", "2"]);
}

#[tokio::test]
async fn killed_before_the_send_of_a_block_it_comes_once_and_the_answer_goes_on_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let first = life(&dir, WHOLE, replies()).await;
    first.sender.answer_next([Outcome::NotRunning(Failure::new("not_running", "it is stopped"))]);
    first.hear("1", "hi").await;
    first.reciter.write("One.\n\nT");
    first.sender.reaches(1).await;
    eventually(async || first.messaging.queues().await.unwrap().ledger.pending == 1).await;
    first.kill().await;
    let second = life(&dir, WHOLE, replies()).await;
    assert_eq!(second.begins(1).await, ["One.\n\n"], "the model is told what was said");
    second.reciter.write("Four.");
    second.settled().await;
    assert_eq!(second.sender.texts(), ["One.", "Two.", "Three.", "Four."]);
    assert_eq!(second.remembered().await, ["hi", WHOLE]);
}

#[tokio::test]
async fn killed_between_blocks_twice_nothing_comes_twice() {
    let dir = tempfile::tempdir().unwrap();
    let replies = || Replies { prefix: Some("P".into()), reply_to: ReplyTo::First, ..replies() };
    let first = life(&dir, WHOLE, replies()).await;
    first.hear("1", "hi").await;
    first.reciter.write("One.\n\nT");
    first.sender.reaches(1).await;
    first.calm().await;
    first.kill().await;
    let second = life(&dir, WHOLE, replies()).await;
    second.begins(1).await;
    second.reciter.write("Two.\n\nT");
    second.sender.reaches(1).await;
    second.calm().await;
    assert_eq!(second.sender.all()[0].text, "Two.", "the prefix was said");
    assert_eq!(second.sender.all()[0].reply_to, None, "and what it quotes");
    second.kill().await;
    let third = life(&dir, WHOLE, replies()).await;
    assert_eq!(third.begins(1).await, ["One.\n\nTwo.\n\n"]);
    third.reciter.write("Four.");
    third.settled().await;
    assert_eq!(third.sender.texts(), ["Three.", "Four."]);
    assert_eq!(third.remembered().await, ["hi", WHOLE]);
}

#[tokio::test]
async fn killed_during_the_send_of_a_block_it_is_flagged_and_the_answer_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let first = life(&dir, WHOLE, replies()).await;
    first.sender.stick("u1");
    first.hear("1", "hi").await;
    first.reciter.write("One.\n\nT");
    first.sender.reaches(1).await;
    first.kill().await;
    let second = life(&dir, WHOLE, replies()).await;
    second.reciter.write("Four.");
    second.settled().await;
    assert_eq!(
        second.sender.texts(),
        ["Two.", "Three.", "Four."],
        "it may have arrived, and is not repeated"
    );
    assert_eq!(second.messaging.queues().await.unwrap().ledger.ambiguous, 1);
    assert_eq!(second.remembered().await, ["hi", WHOLE]);
}

#[tokio::test]
async fn a_model_that_has_nothing_to_add_after_a_kill_has_said_it_all() {
    let dir = tempfile::tempdir().unwrap();
    let first = life(&dir, WHOLE, replies()).await;
    first.hear("1", "hi").await;
    first.reciter.write("Three.\n\nF");
    first.sender.reaches(3).await;
    first.calm().await;
    first.kill().await;
    // Blocks are off by now: what was said counts all the same.
    let second = life(&dir, WHOLE, Replies::default()).await;
    second.begins(1).await;
    second.reciter.end(None, false);
    second.settled().await;
    assert!(second.sender.texts().is_empty());
    assert_eq!(second.remembered().await, ["hi", "One.\n\nTwo.\n\nThree."]);
}

#[tokio::test]
async fn a_turn_that_is_stopped_keeps_what_was_sent() {
    let dir = tempfile::tempdir().unwrap();
    let life = life(&dir, WHOLE, replies()).await;
    life.hear("1", "hi").await;
    life.reciter.write("Two.\n\nThr");
    life.sender.reaches(2).await;
    life.reciter.end(None, false);
    life.settled().await;
    assert_eq!(life.sender.texts(), ["One.", "Two."]);
    assert_eq!(life.remembered().await, ["hi", "One.\n\nTwo."], "what people read");
}

#[tokio::test]
async fn what_went_wrong_is_said_behind_what_was_sent() {
    for panics in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let life = life(&dir, WHOLE, replies()).await;
        life.hear("1", "hi").await;
        life.reciter.write("Two.\n\nThr");
        life.sender.reaches(2).await;
        match panics {
            true => drop(life.reciter.next.send_replace(Next::Panic)),
            false => life.reciter.end(Some("⚠️ It failed."), true),
        }
        life.settled().await;
        let texts = life.sender.texts();
        assert!(texts.len() == 3 && texts[2].starts_with("⚠️"), "{texts:?}");
        assert_eq!(life.remembered().await, ["hi", "One.\n\nTwo."]);
    }
}

#[tokio::test]
async fn an_interrupted_turn_is_over_where_people_have_read_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let life = life_with(&dir, WHOLE, replies(), Memory::new(), QueueMode::Interrupt).await;
    life.hear("1", "first").await;
    life.reciter.write("One.\n\nTwo");
    life.sender.reaches(1).await;
    life.hear("2", "second").await;
    assert_eq!(life.begins(2).await, ["", ""], "an answer of its own");
    life.reciter.write("Four.");
    life.settled().await;
    assert_eq!(life.sender.texts(), ["One.", "One.", "Two.", "Three.", "Four."]);
    assert_eq!(life.remembered().await, ["first", "One.", "second", WHOLE]);
    assert_eq!(*life.reciter.told.lock().unwrap(), ["first", "second"]);

    // Of which nothing was read, it is told again.
    life.reciter.next.send_replace(Next::Write(0));
    life.hear("3", "third").await;
    life.begins(3).await;
    life.hear("4", "fourth").await;
    life.begins(4).await;
    life.reciter.write("Four.");
    life.settled().await;
    assert_eq!(life.reciter.told.lock().unwrap().last().unwrap(), "third\nfourth");
}

#[tokio::test]
async fn silence_and_commands_have_no_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let life = life(&dir, WHOLE, replies()).await;
    life.hear("1", "hi").await;
    life.begins(1).await;
    life.reciter.end(None, false);
    life.settled().await;
    assert!(life.sender.texts().is_empty() && life.remembered().await.is_empty());
    life.reciter.write("Four.");
    life.hear("2", "/status").await;
    life.settled().await;
    assert_eq!(life.sender.texts(), [WHOLE], "the answer of a command comes as one");
}

#[tokio::test]
async fn where_blocks_wait_for_the_end_they_come_then() {
    let dir = tempfile::tempdir().unwrap();
    let at_end = BlockRules { at_end: true, max_chars: 12, prefer: Break::Paragraph, ..rules() };
    let life = life(&dir, WHOLE, Replies { blocks: Some(at_end), ..Replies::default() }).await;
    life.hear("1", "hi").await;
    life.reciter.write("Three.\n\nF");
    life.begins(1).await;
    life.reciter.write("Four.");
    life.settled().await;
    assert_eq!(life.sender.texts(), ["One.\n\nTwo.", "Three.", "Four."]);
}

#[tokio::test]
async fn so_many_blocks_and_the_rest_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let whole: String = (0..230).map(|number| format!("p{number}\n\n")).collect();
    let whole = whole.trim_end();
    let rules = BlockRules { max_chars: 4, ..rules() };
    let life = life(&dir, whole, Replies { blocks: Some(rules), ..Replies::default() }).await;
    life.hear("1", "hi").await;
    for number in (20..=220).step_by(20) {
        life.reciter.write(&format!("p{number}\n\n"));
        life.begins(1).await;
        life.sender.reaches(number.min(200)).await;
    }
    life.reciter.write("p229");
    life.settled().await;
    let texts = life.sender.texts();
    assert_eq!((texts.len(), texts[199].as_str()), (201, "p199"));
    assert!(texts[200].starts_with("p200\n\n") && texts[200].ends_with("p229"), "{}", texts[200]);
    assert_eq!(life.remembered().await, ["hi", whole]);
}

#[tokio::test]
async fn a_turn_that_is_begun_anew_is_told_what_it_was_told_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let first = life_with(&dir, WHOLE, replies(), Memory::new(), QueueMode::Steer).await;
    first.hear("1", "a").await;
    first.begins(1).await;
    first.hear("2", "b").await;
    first.hear("3", "c").await;
    eventually(async || first.messaging.queues().await.unwrap().ledger.unfinished == 3).await;
    first.reciter.stop(InboundId(1));
    first.begins(2).await;
    first.reciter.write("One.\n\nT");
    first.sender.reaches(1).await;
    // It comes behind them, and is no part of what the answer answers.
    first.hear("4", "d").await;
    eventually(async || first.messaging.queues().await.unwrap().ledger.unfinished == 3).await;
    first.kill().await;
    let second = life_with(&dir, WHOLE, replies(), Memory::new(), QueueMode::Steer).await;
    second.reciter.write("Four.");
    second.settled().await;
    assert_eq!(second.begins(2).await, ["One.\n\n", ""]);
    assert_eq!(*second.reciter.told.lock().unwrap(), ["b\nc", "d"]);
    assert_eq!(second.remembered().await, ["b\nc", WHOLE, "d", WHOLE]);
}
