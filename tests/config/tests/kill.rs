//! Writers that are killed, and writers that meet: the file is the old one or the new one, and no change gets lost.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::time::{Duration, Instant};

use openclaw_config_proofs::{Rng, names, seed};
use openclaw_e2e::Home;

/// The kills of the whole test (T41).
const KILLS: usize = 1_000;
/// Those who write at the same time, each in an installation of its own: most of a write is waiting for the disk.
const WORKERS: usize = 4;

/// What a person has written, with their own idea of spacing.
const BEGINNING: &str = "\
// The gateway in the cellar.
{
    gateway : {mode:'local',   port :  18999 ,// not the usual one
\t\tauth: { mode: \"token\", token: 'kill-test-token-0123456789abcdef', },
      bind: \"loopback\"  },
  /* Nobody remembers
     why. */
  messages: { responsePrefix: 'cellar:' },   env: { vars: {
";

const END: &str = "
  } },
  agents: { defaults: { model: { primary:   \"local/small\" /* for now */ } } },
}
// The end.";

/// The changes that are killed: a value in place, a new key, a new map, a key that goes.
const CHANGES: &[&[&str]] = &[
    &["config", "set", "gateway.port", "19001"],
    &["config", "set", "env.vars.ADDED", "a new one"],
    &["config", "set", "agents.defaults.model.primary", "local/large"],
    &["config", "unset", "messages.responsePrefix"],
];

/// A few hundred lines, so that a write takes its time.
fn old_text() -> String {
    let lines: Vec<String> =
        (0..400).map(|n| format!("    VARIABLE_{n}:  'value number {n}', // line {n}")).collect();
    format!("{BEGINNING}{}{END}", lines.join("\n"))
}

/// One change and what it makes of [`old_text`].
struct Change {
    arguments: &'static [&'static str],
    new: String,
}

/// When a writer is killed.
enum Moment {
    /// After this time.
    After(Duration),
    /// This long after its first temporary file appeared.
    InTheWrite(Duration),
}

/// How the kills met their writers.
#[derive(Debug, Default, Clone, Copy)]
struct Met {
    before: usize,
    /// With a temporary file that is not in its place.
    inside: usize,
    after: usize,
    ended: usize,
}

fn spawn(home: &Home, arguments: &[&str]) -> Child {
    let mut command = home.command(arguments);
    let command = command.as_std_mut();
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap()
}

/// Writes to the end, which nothing that a killed writer left may hinder.
fn write_undisturbed(home: &Home, arguments: &[&str]) -> Duration {
    let began = Instant::now();
    let output = home.command(arguments).as_std_mut().output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    began.elapsed()
}

fn text(home: &Home) -> String {
    std::fs::read_to_string(home.config_path()).unwrap()
}

fn has_temporary(home: &Home) -> bool {
    names(home).iter().any(|name| name.ends_with(".tmp"))
}

fn pass(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        match left.checked_sub(Duration::from_micros(200)) {
            Some(most) => std::thread::park_timeout(most),
            None => std::hint::spin_loop(),
        }
    }
}

/// Kills the writer at its moment; `None` when it was faster.
fn kill(home: &Home, mut child: Child, moment: &Moment) -> bool {
    match moment {
        Moment::After(time) => pass(*time),
        Moment::InTheWrite(time) => {
            while !has_temporary(home) {
                if child.try_wait().unwrap().is_some() {
                    break;
                }
            }
            pass(*time);
        }
    }
    child.kill().unwrap();
    let status = child.wait().unwrap();
    let killed = status.signal() == Some(9);
    assert!(killed || status.success(), "{status:?}");
    killed
}

/// One worker's share of the kills.
fn worker(number: usize, seed: u64, changes: &[Change], usual: Duration) -> Met {
    let home = Home::empty();
    let old = old_text();
    let known: BTreeSet<&str> =
        changes.iter().map(|change| change.new.as_str()).chain([old.as_str()]).collect();
    let mut met = Met::default();
    // Where the rename is, in microseconds after the spawn: found by trying.
    let usual = u64::try_from(usual.as_micros()).unwrap();
    let mut edge = usual / 2;
    for round in (number..KILLS).step_by(WORKERS) {
        let mut rng = Rng::new(seed, round as u64);
        let mut random =
            |end: u64| Duration::from_micros(rng.below(usize::try_from(end).unwrap().max(1)) as u64);
        let near = Duration::from_micros(edge.saturating_sub(usual / 20));
        let kind = round / WORKERS % 3;
        let moment = match kind {
            0 => Moment::After(random(usual)),
            1 => Moment::After(near + random(usual / 10)),
            _ => Moment::InTheWrite(random(usual / 4)),
        };
        let change = rng.pick(changes);
        std::fs::write(home.config_path(), &old).unwrap();
        let killed = kill(&home, spawn(&home, change.arguments), &moment);

        let found = text(&home);
        let replaced = found == change.new;
        assert!(replaced || found == old, "round {round}: neither old nor new:\n{found}");
        assert!(killed || replaced, "round {round}: it ended well and changed nothing");
        let inside = has_temporary(&home);
        match (killed, inside, replaced) {
            (false, ..) => met.ended += 1,
            (true, true, _) => met.inside += 1,
            (true, false, true) => met.after += 1,
            (true, false, false) => met.before += 1,
        }
        if kind == 1 {
            edge = if replaced { edge.saturating_sub(usual / 50) } else { edge + usual / 50 };
        }
        for backup in names(&home).iter().filter(|name| name.contains(".bak")) {
            let text = std::fs::read_to_string(home.state().join(backup)).unwrap();
            assert!(known.contains(text.as_str()), "round {round}: {backup} is torn:\n{text}");
        }
        if let Ok(lock) = File::open(home.state().join("openclaw.json.lock")) {
            lock.try_lock().unwrap_or_else(|error| panic!("round {round}: the lock is not free: {error}"));
        }
        if inside || round % 50 < WORKERS {
            std::fs::write(home.config_path(), &old).unwrap();
            write_undisturbed(&home, change.arguments);
            assert!(text(&home) == change.new, "round {round}: the write after the kill");
            assert!(!has_temporary(&home), "round {round}: {:?}", names(&home));
        }
    }
    met
}

#[test]
fn a_killed_writer_leaves_the_old_file_or_the_new_one() {
    let seed = seed();
    let home = Home::empty();
    let mut usual = Vec::new();
    let mut changes = Vec::new();
    for &arguments in CHANGES {
        std::fs::write(home.config_path(), old_text()).unwrap();
        usual.push(write_undisturbed(&home, arguments));
        let new = text(&home);
        // All that the change is not about is there, byte for byte.
        assert_ne!(new, old_text());
        let added = if arguments[1] == "set" { arguments[3] } else { "" };
        let kept = new.lines().filter(|line| old_text().contains(line)).count();
        assert!(new.contains(added) && kept + 1 >= new.lines().count(), "{new}");
        write_undisturbed(&home, &["config", "validate"]);
        changes.push(Change { arguments, new });
    }
    usual.sort();
    let usual = usual[CHANGES.len() - 1];
    let began = Instant::now();
    let met: Vec<Met> = std::thread::scope(|scope| {
        let changes = changes.as_slice();
        let workers: Vec<_> =
            (0..WORKERS).map(|number| scope.spawn(move || worker(number, seed, changes, usual))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let sum = |part: fn(&Met) -> usize| met.iter().map(part).sum::<usize>();
    let total = Met {
        before: sum(|met| met.before),
        inside: sum(|met| met.inside),
        after: sum(|met| met.after),
        ended: sum(|met| met.ended),
    };
    println!("{total:?} in {:?}; an undisturbed write takes {usual:?}", began.elapsed());
    assert_eq!(total.before + total.inside + total.after + total.ended, KILLS);
    assert!(total.inside >= KILLS / 20, "too few kills hit the write itself: {total:?}");
    assert!(total.before > 0 && total.after + total.ended > 0, "{total:?}");
}

#[test]
fn writers_that_meet_lose_no_change() {
    const EACH: usize = 25;
    let home = Home::empty();
    std::fs::write(home.config_path(), old_text()).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..WORKERS {
            let home = &home;
            scope.spawn(move || {
                for n in 0..EACH {
                    let path = format!("env.vars.FROM_{writer}_{n}");
                    write_undisturbed(home, &["config", "set", &path, "here"]);
                }
            });
        }
    });
    let text = text(&home);
    for writer in 0..WORKERS {
        for n in 0..EACH {
            assert!(text.contains(&format!("FROM_{writer}_{n}:")), "FROM_{writer}_{n} is lost:\n{text}");
        }
    }
    for line in old_text().lines() {
        assert!(text.contains(line), "`{line}` is lost:\n{text}");
    }
    write_undisturbed(&home, &["config", "validate"]);
    assert!(!has_temporary(&home), "{:?}", names(&home));
}
