use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::{Command, Stdio};

use super::*;

const STAMP: &str = "2026-01-02T03-04-05-678Z";

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The names in a directory, sorted, without the lock.
fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.ends_with(".lock"));
    names.sort();
    names
}

/// Writes a constant text.
fn put(path: &Path, text: &str) -> Result<Written, ConfigError> {
    update(path, None, |_| Ok(text.to_owned()))
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn writes_privately_and_keeps_the_old_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/openclaw.json");
    assert_eq!(update(&path, None, |old| Ok(format!("{{}} // {old:?}"))).unwrap(), Written::Created);
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let backup = dir.path().join("state/openclaw.json.bak");
    let written = update(&path, None, |_| Ok("{a: 1}".to_owned())).unwrap();
    assert_eq!(written, Written::Replaced { backup: backup.clone() });
    assert_eq!(std::fs::read_to_string(&backup).unwrap(), "{} // None");
    assert_eq!(mode(&backup), 0o600);
    assert_eq!(update(&path, None, |old| Ok(old.unwrap().to_owned())).unwrap(), Written::Unchanged);
    let names: Vec<_> =
        std::fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "no temporary file is left: {names:?}");
}

#[test]
fn a_stale_base_or_a_refused_change_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("openclaw.json");
    std::fs::write(&path, "{}").unwrap();
    let base = Source::read(&path).unwrap().unwrap().hash;
    std::fs::write(&path, "{other: 1}").unwrap();
    let error = update(&path, Some(&base), |_| Ok("{mine: 1}".to_owned())).unwrap_err();
    assert_eq!(error.code(), "CONFIG_CHANGED");
    let refused = ConfigError::Unset { path: "a.b".to_owned() };
    assert_eq!(update(&path, None, |_| Err(refused)).unwrap_err().code(), "CONFIG_UNSET");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{other: 1}");
}

#[test]
fn two_writers_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("openclaw.json");
    std::fs::write(&path, "0").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let count =
                        |old: Option<&str>| Ok((old.unwrap().parse::<u32>().unwrap() + 1).to_string());
                    update(&path, None, count).unwrap();
                }
            });
        }
    });
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "40");
}

#[test]
fn a_symbolic_link_stays_one() {
    let dir = tempfile::tempdir().unwrap();
    let (real, link) = (dir.path().join("real.json"), dir.path().join("openclaw.json"));
    std::fs::write(&real, "{}").unwrap();
    symlink(&real, &link).unwrap();
    update(&link, None, |_| Ok("{a: 1}".to_owned())).unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(std::fs::read_to_string(&real).unwrap(), "{a: 1}");
}

#[test]
fn keeps_the_last_five_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("openclaw.json");
    for n in 0..8 {
        put(&path, &n.to_string()).unwrap();
    }
    let bak = |suffix: &str| atomic::suffixed(&path, suffix);
    let kept = [".bak", ".bak.1", ".bak.2", ".bak.3", ".bak.4"].map(|suffix| read(&bak(suffix)));
    assert_eq!(kept, ["6", "5", "4", "3", "2"]);
    assert_eq!(names(dir.path()).len(), 6);
    // A killed writer leaves a gap. Nothing behind it is moved, so nothing is lost.
    std::fs::rename(bak(".bak.1"), bak(".gone")).unwrap();
    put(&path, "8").unwrap();
    let kept = [".bak", ".bak.1", ".bak.2", ".bak.3", ".bak.4"].map(|suffix| read(&bak(suffix)));
    assert_eq!(kept, ["7", "6", "4", "3", "2"]);
    // A failed write had made the backup already.
    std::fs::write(bak(".bak"), "8").unwrap();
    put(&path, "9").unwrap();
    assert_eq!((read(&bak(".bak")), read(&bak(".bak.1"))), ("8".to_owned(), "6".to_owned()));
}

#[test]
fn an_open_file_is_closed_and_a_left_over_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("openclaw.json");
    for name in [
        "openclaw.json",
        "openclaw.json.77.tmp",
        "openclaw.json.77.3.tmp",
        "openclaw.json.mine.tmp",
        "other.1.tmp",
    ] {
        let file = dir.path().join(name);
        std::fs::write(&file, "{}").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    put(&path, "{a: 1}").unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(
        names(dir.path()),
        ["openclaw.json", "openclaw.json.bak", "openclaw.json.mine.tmp", "other.1.tmp"]
    );
    let good = dir.path().join("openclaw.json.last-good");
    let recent = dir.path().join("openclaw.json.last-good.1.tmp");
    std::fs::write(&recent, "").unwrap();
    write_private(&good, "{}").unwrap();
    write_private(&good, "{a: 1}").unwrap();
    assert_eq!((read(&good), mode(&good)), ("{a: 1}".to_owned(), 0o600));
    assert!(recent.exists(), "it may be another writer's");
}

#[test]
fn a_change_by_an_editor_in_between_is_not_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("openclaw.json");
    std::fs::write(&path, "{}").unwrap();
    let error = update(&path, None, |_| {
        std::fs::write(&path, "{editor: 1}").unwrap();
        Ok("{mine: 1}".to_owned())
    });
    assert_eq!(error.unwrap_err().code(), "CONFIG_CHANGED");
    assert_eq!(read(&path), "{editor: 1}");
    assert_eq!(names(dir.path()), ["openclaw.json", "openclaw.json.bak"]);
}

#[test]
fn what_is_no_file_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let place = |name: &str| dir.path().join(name);
    std::fs::create_dir(place("dir")).unwrap();
    symlink(place("circle"), place("circle")).unwrap();
    std::fs::write(place("binary"), b"{\xff}").unwrap();
    std::fs::write(place("file"), "{}").unwrap();
    let before = names(dir.path());
    let check = |name: &str, code: &str, part: &str| {
        let error = put(&place(name), "{}").unwrap_err();
        assert_eq!(error.code(), code, "{name}: {error}");
        assert!(error.to_string().contains(part), "{name}: {error}");
    };
    check("dir", "CONFIG_UNREADABLE", "not a regular file");
    check("circle", "CONFIG_UNREADABLE", "symbolic link");
    check("binary", "CONFIG_UNREADABLE", "not UTF-8");
    check("file/openclaw.json", "CONFIG_UNREADABLE", "ot a directory");
    assert_eq!(names(dir.path()), before);
    // Not even root may write there.
    assert_eq!(put(Path::new("/proc/openclaw.json"), "{}").unwrap_err().code(), "CONFIG_UNWRITABLE");
}

#[test]
fn what_may_not_be_read_or_written_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("openclaw.json");
    std::fs::write(&path, "{}").unwrap();
    let allow = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap()
    };
    allow(&path, 0o000);
    if File::open(&path).is_ok() {
        // Modes mean nothing to root.
        return;
    }
    assert_eq!(put(&path, "{a: 1}").unwrap_err().code(), "CONFIG_UNREADABLE");
    allow(&path, 0o600);
    std::fs::remove_file(atomic::suffixed(&path, ".lock")).unwrap();
    allow(dir.path(), 0o500);
    let error = put(&path, "{a: 1}").unwrap_err();
    allow(dir.path(), 0o700);
    assert!(
        error.to_string().ends_with("Permission denied (os error 13) (the file is unchanged)"),
        "{error}"
    );
    assert_eq!((read(&path), names(dir.path())), ("{}".to_owned(), vec!["openclaw.json".to_owned()]));
}

#[test]
fn a_file_that_nobody_may_read_can_be_rejected() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("openclaw.json");
    std::fs::write(&path, "{").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    let rejected = replace_rejected(&path, &Fingerprint::of(&path).unwrap(), "{}", STAMP).unwrap();
    assert_eq!((read(&path), read(&rejected), mode(&rejected)), ("{}".to_owned(), "{".to_owned(), 0o600));
}

#[test]
fn what_root_writes_belongs_to_the_owner() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("openclaw.json");
    std::fs::write(&path, "{}").unwrap();
    if std::os::unix::fs::chown(&path, Some(4321), Some(4321)).is_err() {
        // Only root can give files away.
        return;
    }
    put(&path, "{a: 1}").unwrap();
    for suffix in ["", ".bak", ".lock"] {
        assert_eq!(std::fs::metadata(atomic::suffixed(&path, suffix)).unwrap().uid(), 4321, "{suffix}");
    }
}

#[test]
fn a_link_to_a_file_that_is_yet_to_be_made_stays_one() {
    let dir = tempfile::tempdir().unwrap();
    let (real, link) = (dir.path().join("real.json"), dir.path().join("openclaw.json"));
    symlink("real.json", &link).unwrap();
    assert_eq!(put(&link, "{}").unwrap(), Written::Created);
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(read(&real), "{}");
}

#[test]
fn a_rejected_file_gets_a_second_name_first() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("openclaw.json");
    std::fs::write(&path, b"{\xff").unwrap();
    let inode = std::fs::metadata(&path).unwrap().ino();
    let judged = Fingerprint::of(&path).unwrap();
    let rejected = replace_rejected(&path, &judged, "{}", STAMP).unwrap();
    assert_eq!(rejected, atomic::suffixed(&path, ".rejected.2026-01-02T03-04-05-678Z"));
    assert_eq!((read(&path), mode(&path)), ("{}".to_owned(), 0o600));
    assert_eq!((std::fs::read(&rejected).unwrap(), mode(&rejected)), (b"{\xff".to_vec(), 0o600));
    assert_eq!(std::fs::metadata(&rejected).unwrap().ino(), inode, "it was at no moment without a name");
    // Twice in one moment.
    std::fs::write(&path, "{").unwrap();
    let again = replace_rejected(&path, &Fingerprint::of(&path).unwrap(), "{}", STAMP).unwrap();
    assert_eq!((again, std::fs::read(&rejected).unwrap().len()), (atomic::suffixed(&rejected, "-1"), 2));
}

#[test]
fn only_what_was_judged_is_rejected() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("openclaw.json");
    std::fs::write(&path, "{").unwrap();
    let judged = Fingerprint::of(&path).unwrap();
    std::fs::write(&path, "{mended: 1}").unwrap();
    assert_eq!(replace_rejected(&path, &judged, "{}", STAMP).unwrap_err().code(), "CONFIG_CHANGED");
    assert_eq!((read(&path), names(dir.path()).len()), ("{mended: 1}".to_owned(), 1));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(replace_rejected(&path, &judged, "{}", STAMP).unwrap_err().code(), "CONFIG_CHANGED");
    assert_eq!(names(dir.path()).len(), 0);
}

#[test]
fn anything_in_the_place_of_the_file_can_be_rejected() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("openclaw.json");
    let reject = || replace_rejected(&path, &Fingerprint::of(&path).unwrap(), "{}", STAMP).unwrap();
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("inside"), "x").unwrap();
    let rejected = reject();
    assert_eq!((read(&path), read(&rejected.join("inside"))), ("{}".to_owned(), "x".to_owned()));
    std::fs::remove_file(&path).unwrap();
    symlink("openclaw.json", &path).unwrap();
    let rejected = reject();
    assert_eq!(read(&path), "{}");
    assert!(std::fs::symlink_metadata(rejected).unwrap().is_symlink());
    File::create(&path).unwrap().set_len(crate::json5::MAX_BYTES as u64 * 10).unwrap();
    reject();
    assert_eq!(read(&path), "{}");
    // A file behind a link is kept beside the link.
    let real = dir.path().join("real.json");
    std::fs::rename(&path, &real).unwrap();
    std::fs::write(&real, "{").unwrap();
    symlink(&real, &path).unwrap();
    assert_eq!(read(&reject()), "{");
    assert_eq!(read(&real), "{}");
    assert!(std::fs::symlink_metadata(&path).unwrap().is_symlink());
}

#[test]
fn thirty_two_rejected_files_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("openclaw.json");
    for n in 10..50 {
        save_rejected(&path, "{", &format!("2026-01-02T03-04-{n}-000Z")).unwrap();
    }
    let kept = names(dir.path());
    assert_eq!(kept.len(), 32);
    assert_eq!(kept[0], "openclaw.json.rejected.2026-01-02T03-04-18-000Z");
    assert_eq!(mode(&dir.path().join(&kept[0])), 0o600);
}

const CHILD: &str = "WRITE_TEST_FILE";

/// Not a test but the body of a process of its own: writes for ever, or until it cannot.
#[test]
#[ignore = "run by the tests below"]
fn child() {
    let Some(path) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    for n in 0_u64.. {
        if let Err(error) = put(&path, &n.to_string().repeat(8000)) {
            eprintln!("failed with {error}");
            std::process::exit(7);
        }
    }
}

fn child_command(shell: &str, path: &Path) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{shell} exec \"$0\" --ignored --exact --nocapture write::tests::child"));
    command
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

#[test]
fn a_kill_at_any_moment_leaves_a_whole_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("openclaw.json");
    std::fs::write(&path, "first").unwrap();
    for n in 0..20_u64 {
        let mut child = child_command("", &path).spawn().unwrap();
        while names(dir.path()).len() < 3 {
            std::thread::park_timeout(Duration::from_millis(1));
        }
        std::thread::park_timeout(Duration::from_micros(700 * n));
        child.kill().unwrap();
        child.wait().unwrap();
        let text = read(&path);
        let is_whole = |text: &str| {
            text == "first" || (text.len() >= 8000 && text == text[..text.len() / 8000].repeat(8000))
        };
        assert!(is_whole(&text), "{}", text.len());
        put(&path, "first").unwrap();
        let left = names(dir.path());
        assert!(!left.iter().any(|name| name.ends_with(".tmp")), "{left:?}");
        assert!(left.iter().all(|name| is_whole(&read(&dir.path().join(name)))));
        for name in left.iter().filter(|name| name.contains(".bak")) {
            std::fs::remove_file(dir.path().join(name)).unwrap();
        }
    }
}

#[test]
fn a_full_disk_leaves_the_old_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("openclaw.json");
    std::fs::write(&path, "{}").unwrap();
    // A limit on the size of files makes a write fail half-way, as a full disk does.
    let output = child_command("trap '' XFSZ; ulimit -f 4;", &path).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("Config could not be written") && said.contains("the file is unchanged"), "{said}");
    assert_eq!((read(&path), names(dir.path())), ("{}".to_owned(), vec!["openclaw.json".to_owned()]));
}

#[test]
fn a_time_is_fit_for_a_name() {
    let at = time::macros::datetime!(2026-11-26 11:35:18.055 +02:00);
    assert_eq!(stamp(at), "2026-11-26T09-35-18-055Z");
}
