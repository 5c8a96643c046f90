//! Files that are no configuration, files that cannot be read or written, and a disk that is full: every command and the
//! start end at once, name the file and the way out, and leave it as it is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs::{File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Stdio;

use openclaw_config_proofs::{assert_has, names, prompt, timed_command};
use openclaw_e2e::{Home, Ran, binary};

const GOOD: &str = "\
{
  // A good one.
  gateway: { mode: \"local\", bind: \"loopback\", auth: { mode: \"token\", token: \"bad-input-token-0123456789\" } },
}
";
const GET: &[&str] = &["config", "get", "gateway.mode"];
const SET: &[&str] = &["config", "set", "gateway.port", "19000"];
const VALIDATE: &[&str] = &["config", "validate"];
const START: &[&str] = &["gateway", "run"];
const NOBODY: u32 = 65_534;

/// What stands in a place: kind, length, mode, time, and the bytes where they can be had.
fn snapshot(path: &Path) -> (u32, u64, i64, i64, u64) {
    let metadata = std::fs::symlink_metadata(path).unwrap();
    (metadata.mode(), metadata.len(), metadata.mtime(), metadata.mtime_nsec(), metadata.ino())
}

/// All four ends: exit codes, a message that names the file and has these words, and nothing touched.
async fn refused(home: &Home, fault: &str) {
    let before = snapshot(&home.config_path());
    for (arguments, code) in [(GET, 1), (SET, 1), (VALIDATE, 1), (START, 78)] {
        let ran = prompt(home, arguments).await;
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        assert_eq!(ran.stdout, "", "{arguments:?}");
        assert_has(&ran.stderr, &["openclaw.json", fault]);
        assert_eq!(snapshot(&home.config_path()), before, "{arguments:?}");
        let others = names(home).into_iter().filter(|name| name != "openclaw.json.lock");
        assert_eq!(others.collect::<Vec<_>>(), ["openclaw.json"], "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_configuration_is_named() {
    let home = Home::empty();
    let path = home.config_path();
    std::fs::write(&path, &GOOD[..GOOD.len() / 2]).unwrap();
    refused(&home, "line 3").await;
    std::fs::write(&path, (0..=255_u8).cycle().take(4_096).collect::<Vec<_>>()).unwrap();
    refused(&home, "it is not UTF-8 (byte 128)").await;
    File::create(&path).unwrap().set_len(100 << 20).unwrap();
    refused(&home, "it has 104857600 bytes; more than 8 MiB is never a configuration").await;
    std::fs::write(&path, "[".repeat(8 << 20)).unwrap();
    refused(&home, "128").await;
}

/// An empty file is an empty configuration to those who read it, and no gateway starts with one.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file_starts_nothing() {
    let home = Home::empty();
    std::fs::write(home.config_path(), "").unwrap();
    let get = prompt(&home, GET).await;
    assert_eq!(get.code, 1, "{get:?}");
    assert_has(&get.stderr, &["Config path is valid but unset: gateway.mode."]);
    let start = prompt(&home, START).await;
    assert_eq!(start.code, 78, "{start:?}");
    assert_has(&start.stderr, &["existing config is missing gateway.mode", "openclaw onboard --mode local"]);
    assert_eq!(std::fs::read(home.config_path()).unwrap(), b"");
    prompt(&home, SET).await.ok();
    assert_eq!(
        std::fs::read_to_string(home.config_path()).unwrap(),
        "{\n  \"gateway\": {\n    \"port\": 19000\n  }\n}\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_is_named() {
    let home = Home::empty();
    let path = home.config_path();
    std::fs::create_dir(&path).unwrap();
    refused(&home, "it is not a regular file").await;
    std::fs::remove_dir(&path).unwrap();
    symlink("openclaw.json", &path).unwrap();
    refused(&home, "symbolic links").await;
}

/// Nobody's installation: root may read and write everything, so that its commands are typed by somebody else.
struct Restricted {
    home: Home,
    binary: std::path::PathBuf,
    root: bool,
}

impl Restricted {
    fn new() -> Self {
        let home = Home::empty();
        std::fs::write(home.config_path(), GOOD).unwrap();
        let root = rustix::process::geteuid().is_root();
        let mut program = binary();
        if root {
            let parent = home.state().parent().unwrap().to_owned();
            program = parent.join("openclaw");
            // By another process: a file that this one has open for writing while a parallel test forks cannot be run.
            let copied = std::process::Command::new("cp").arg(binary()).arg(&program).status().unwrap();
            assert!(copied.success());
            std::fs::set_permissions(&parent, Permissions::from_mode(0o755)).unwrap();
            for path in [home.state(), home.config_path()] {
                chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        Self { home, binary: program, root }
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = tokio::process::Command::new(&self.binary);
        let home = self.home.state();
        command.args(arguments).env_clear().env("HOME", &home).env("OPENCLAW_STATE_DIR", &home);
        command.stdin(Stdio::null()).current_dir("/");
        if self.root {
            command.uid(NOBODY).gid(NOBODY);
        }
        timed_command(&mut command).await.ran
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_may_not_be_read_is_named() {
    let restricted = Restricted::new();
    let path = restricted.home.config_path();
    std::fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
    let before = snapshot(&path);
    for (arguments, code) in [(GET, 1), (SET, 1), (VALIDATE, 1), (START, 78)] {
        let ran = restricted.run(arguments).await;
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        assert_has(&ran.stderr, &["openclaw.json", "Permission denied"]);
        assert_eq!(snapshot(&path), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_may_not_be_written_is_named() {
    let restricted = Restricted::new();
    let (path, state) = (restricted.home.config_path(), restricted.home.state());
    // A file that is read-only in a directory that is not: replacing it is what every editor does, too.
    std::fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    for arguments in [GET, VALIDATE] {
        let ran = restricted.run(arguments).await;
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    std::fs::set_permissions(&state, Permissions::from_mode(0o500)).unwrap();
    let before = snapshot(&path);
    for arguments in [GET, VALIDATE] {
        let ran = restricted.run(arguments).await;
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let ran = restricted.run(SET).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_has(&ran.stderr, &["Config could not be written: ", "openclaw.json", "the file is unchanged"]);
    assert_eq!(snapshot(&path), before);
    std::fs::set_permissions(&state, Permissions::from_mode(0o700)).unwrap();
}

/// The good one and many lines more, so that a write needs room.
fn long() -> String {
    let lines: Vec<String> = (0..400).map(|n| format!("  // A line of a long file, number {n}.")).collect();
    GOOD.replacen('{', &format!("{{\n{}", lines.join("\n")), 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_finds_no_room_changes_nothing() {
    let home = Home::empty();
    std::fs::write(home.config_path(), long()).unwrap();
    // A file of at most 2 KiB: a write beyond it fails as on a full disk.
    let mut command = home.command(&[]);
    let mut limited = tokio::process::Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$@\"", "sh"]).arg(binary()).args(SET);
    for (name, value) in command.as_std_mut().get_envs() {
        limited.env(name, value.unwrap_or_default());
    }
    let ran = timed_command(&mut limited).await.ran;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_has(&ran.stderr, &["Config could not be written: ", "openclaw.json", "the file is unchanged"]);
    assert_eq!(std::fs::read_to_string(home.config_path()).unwrap(), long());
    assert!(names(&home).iter().all(|name| !name.ends_with(".tmp")), "{:?}", names(&home));
    home.run(SET).await.ok();
}

/// On a file system of 128 KiB that is full: the set fails and leaves no rest, the others work.
const FULL: &str = r#"
mount -t tmpfs -o size=128k tmpfs "$1" || exit 99
cp "$2" "$1/openclaw.json" || exit 99
head -c 1000000 /dev/zero > "$1/filler" 2>/dev/null
OPENCLAW_STATE_DIR="$1"; export OPENCLAW_STATE_DIR
"$3" config validate && "$3" config get gateway.mode || exit 98
"$3" config set gateway.port 19000 && exit 97
cmp "$2" "$1/openclaw.json" || exit 96
ls "$1" | grep '\.tmp$' && exit 95
rm "$1/filler"
"$3" config set gateway.port 19000
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_changes_nothing() {
    let home = Home::empty();
    std::fs::write(home.config_path(), long()).unwrap();
    let place = home.state().join("full");
    std::fs::create_dir(&place).unwrap();
    let mut script = tokio::process::Command::new("unshare");
    // The mount is in a namespace of its own and goes with it.
    script.args(["--mount", "sh", "-c", FULL, "sh"]).arg(&place).arg(home.config_path()).arg(binary());
    script.env("HOME", home.state());
    let Ok(output) = script.output().await else {
        println!("no unshare here; the limit of a file's length stands for the full disk");
        return;
    };
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    match output.status.code() {
        Some(0) => assert_has(&stderr, &["Config could not be written: ", "No space left on device"]),
        Some(99 | 1) if !stdout.contains("Config valid") => {
            println!(
                "nothing can be mounted here; the limit of a file's length stands for the full disk: {stderr}"
            );
        }
        code => panic!("{code:?}\n{stdout}\n{stderr}"),
    }
}
