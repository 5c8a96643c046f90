//! What a broken disk leaves of the file: logs that are torn, short or flipped at their end open, lose no more than was damaged,
//! and say so; a database that is damaged itself is refused.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use openclaw_store::{
    AccountKey, ChatKind, Conversation, InboundId, Message, SenderInfo, SenderKind, Store, path_in,
};

/// Cases of damage to the log.
const CASES: u64 = 10_000;
/// Cases of damage to the database itself.
const CASES_OF_THE_FILE: u64 = 500;
/// Messages that were acknowledged before the end, in each of the installations.
const MESSAGES: usize = 8;

fn message(number: usize) -> Message {
    Message {
        id: format!("{number:03}"),
        conversation: Conversation {
            kind: ChatKind::Direct,
            space: None,
            room: "r1".into(),
            thread: None,
            title: None,
        },
        sender: SenderInfo {
            kind: SenderKind::Person,
            id: "u1".into(),
            username: None,
            display_name: None,
            roles: Vec::new(),
        },
        text: format!("message {number}: {}", "x".repeat(200 * (number % 7))),
        sent_at_ms: 5,
        mentions_self: false,
        reply_to_self: false,
        addresses_others: false,
        edited: false,
        forwarded: false,
        quote: None,
        media: Vec::new(),
        album: None,
        reply_context: Vec::new(),
    }
}

/// The three files as they lie on the disk at some moment.
#[derive(Clone)]
struct Files {
    database: Vec<u8>,
    log: Vec<u8>,
    mark: Vec<u8>,
}

const SUFFIXES: [&str; 3] = ["", "-wal", "-mark"];

fn file(state: &Path, suffix: &str) -> std::path::PathBuf {
    let mut name = path_in(state).into_os_string();
    name.push(suffix);
    name.into()
}

impl Files {
    /// As a power failure would find them.
    fn of(state: &Path) -> Self {
        let [database, log, mark] = SUFFIXES.map(|suffix| std::fs::read(file(state, suffix)).unwrap());
        Self { database, log, mark }
    }

    fn put(&self, state: &Path) {
        std::fs::create_dir_all(path_in(state).parent().unwrap()).unwrap();
        for (suffix, bytes) in SUFFIXES.into_iter().zip([&self.database, &self.log, &self.mark]) {
            std::fs::write(file(state, suffix), bytes).unwrap();
        }
    }
}

/// Installations that were never closed: nothing of the log is in the database yet; the first half is; all but the last is.
async fn installations() -> Vec<Files> {
    let mut found = Vec::new();
    for folded_after in [None, Some(MESSAGES / 2), Some(MESSAGES - 1)] {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&path_in(dir.path())).await.unwrap();
        let other = rusqlite::Connection::open(path_in(dir.path())).unwrap();
        for number in 0..MESSAGES {
            if folded_after == Some(number) {
                // Whoever reads keeps the log from beginning anew, so that it goes on behind what is in the database.
                other.execute_batch("BEGIN; SELECT count(*) FROM inbound").unwrap();
                let folding = rusqlite::Connection::open(path_in(dir.path())).unwrap();
                folding.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
            }
            store.admit(&AccountKey::new("chat", "main"), &message(number), None, 10).await.unwrap();
        }
        found.push(Files::of(dir.path()));
        store.close().await;
    }
    found
}

/// Pseudo-random numbers that a seed repeats (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    /// A place near the end more often than not.
    fn place(&mut self, length: usize) -> usize {
        let tail = match self.below(4) {
            0 => length,
            1 => length.min(40_000),
            _ => length.min(9_000),
        };
        length - 1 - self.below(tail)
    }
}

/// Damages bytes, and tells whether any that was acknowledged is another one now.
fn damage(bytes: &mut Vec<u8>, chance: &mut Chance) -> bool {
    let before = bytes.clone();
    match chance.below(6) {
        // A short write: the end is missing.
        0 => bytes.truncate(chance.place(before.len())),
        // Flipped bits.
        1 | 2 => {
            for _ in 0..=chance.below(3) {
                let place = chance.place(before.len());
                bytes[place] ^= 1 << chance.below(8);
            }
        }
        // Torn: sectors that never came, or that are another's.
        3 | 4 => {
            let start = chance.place(before.len()) / 512 * 512;
            let end = (start + 512 * (1 + chance.below(16))).min(before.len());
            let byte = [0, 0xff, 0xa5][chance.below(3)];
            bytes[start..end].fill(byte);
        }
        // What was never acknowledged: a transaction that had only begun to be written.
        _ => {
            let start = chance.place(before.len());
            bytes.extend_from_slice(&before[start..]);
            bytes.truncate(before.len() + chance.below(9_000));
        }
    }
    !bytes.starts_with(&before)
}

/// The numbers of the messages that are there, in their order.
async fn messages(store: &Store) -> Vec<usize> {
    let rows = store.undecided(InboundId(0), MESSAGES + 1).await.unwrap();
    rows.iter().map(|row| row.message.id.parse().unwrap()).collect()
}

async fn one_log(files: &Files, seed: u64) -> (usize, bool) {
    let dir = tempfile::tempdir().unwrap();
    let mut files = files.clone();
    let mut chance = Chance(seed);
    let damaged = damage(&mut files.log, &mut chance);
    files.put(dir.path());
    let store = Store::open(&path_in(dir.path())).await;
    let store = store.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let found = messages(&store).await;
    // No message is missing before one that is there, and each is as it was sent.
    assert_eq!(found, (0..found.len()).collect::<Vec<_>>(), "seed {seed}");
    let lost = MESSAGES - found.len();
    assert_eq!(store.tail_loss().is_some(), lost > 0, "seed {seed}: {lost} lost, {:?}", store.tail_loss());
    assert!(damaged || lost == 0, "seed {seed}: nothing was damaged that had been acknowledged");
    if let Some(loss) = store.tail_loss() {
        assert!(loss.pages > 0 && loss.to_string().contains("tail_lost"), "seed {seed}: {loss}");
        assert_eq!(loss.kept.exists(), !files.log.is_empty(), "seed {seed}");
    }
    // The vendor sends again what it was never told of, and the next start has it all.
    if seed.is_multiple_of(20) {
        for number in 0..MESSAGES {
            let admitted =
                store.admit(&AccountKey::new("chat", "main"), &message(number), None, 20).await.unwrap();
            assert_eq!(admitted.duplicate, number < found.len(), "seed {seed}");
        }
        store.close().await;
        let store = Store::open(&path_in(dir.path())).await.unwrap();
        assert_eq!((messages(&store).await.len(), store.tail_loss()), (MESSAGES, None), "seed {seed}");
        store.close().await;
    } else {
        store.close().await;
    }
    (lost, damaged)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_damaged_log_opens_and_says_what_it_lost() {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let installations = std::sync::Arc::new(installations().await);
    let workers = (0..4).map(|worker| {
        let installations = std::sync::Arc::clone(&installations);
        tokio::spawn(async move {
            let mut sums = (0, 0, 0);
            for seed in (worker..CASES).step_by(4) {
                let kind = usize::try_from(seed / 4).unwrap() % installations.len();
                let (lost, damaged) = one_log(&installations[kind], seed).await;
                sums = (sums.0 + usize::from(lost > 0), sums.1 + usize::from(damaged), sums.2 + 1);
            }
            sums
        })
    });
    let (mut losing, mut damaged, mut all) = (0, 0, 0);
    for worker in workers.collect::<Vec<_>>() {
        let sums = worker.await.unwrap();
        (losing, damaged, all) = (losing + sums.0, damaged + sums.1, all + sums.2);
    }
    let took = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() - started;
    println!("{all} cases, {damaged} with damage, {losing} that lost something, in {took:?}");
    assert!(all == 10_000 && damaged > 5_000 && losing > 3_000 && losing <= damaged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_damaged_database_is_refused_or_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&path_in(dir.path())).await.unwrap();
    for number in 0..MESSAGES {
        store.admit(&AccountKey::new("chat", "main"), &message(number), None, 10).await.unwrap();
    }
    store.close().await;
    let whole = std::fs::read(path_in(dir.path())).unwrap();
    let mut refused = 0;
    for seed in 0..CASES_OF_THE_FILE {
        let dir = tempfile::tempdir().unwrap();
        let mut chance = Chance(seed);
        let mut bytes = whole.clone();
        damage(&mut bytes, &mut chance);
        Files { database: bytes.clone(), log: Vec::new(), mark: Vec::new() }.put(dir.path());
        match Store::open(&path_in(dir.path())).await {
            Ok(store) => {
                // SQLite keeps no checksums of what stands in a row: that alone may be another.
                match store.undecided(InboundId(0), MESSAGES + 1).await {
                    Ok(rows) => assert!(rows.len() <= MESSAGES, "seed {seed}"),
                    Err(error) => {
                        assert!(["corrupt", "internal"].contains(&error.code()), "seed {seed}: {error}")
                    }
                }
                store.close().await;
            }
            Err(error) => {
                refused += 1;
                assert_eq!(error.code(), "corrupt", "seed {seed}: {error}");
                assert!(error.to_string().contains("restore a backup"), "seed {seed}: {error}");
                assert_eq!(
                    std::fs::read(path_in(dir.path())).unwrap(),
                    bytes,
                    "seed {seed}: it is left alone"
                );
            }
        }
    }
    println!("{refused} of {CASES_OF_THE_FILE} refused");
    assert!(refused > 100, "{refused}");
}
