//! T71: after all cases, the secrets that were planted are looked for wherever something could have been left.

use std::time::Instant;

use openclaw_e2e::http::get;
use openclaw_e2e::{GATEWAY_TOKEN, Home};
use openclaw_guest_hostile::Spelling;

use crate::gateway::{CANARIES, Stage};
use crate::report::{Contained, Verdict};

/// The places in which a secret in any spelling stands; what was looked at where there is none.
fn found(places: &[(String, Vec<u8>)]) -> Result<String, String> {
    let spelled: Vec<(String, String)> = CANARIES
        .iter()
        .flat_map(|(from, secret)| {
            // Base64 of a longer text is another text each time; what all of them share is found by the others.
            let whole = Spelling::ALL.into_iter().filter(|spelling| *spelling != Spelling::Basic);
            whole.map(move |spelling| (format!("{from} as {spelling:?}"), spelling.of(secret)))
        })
        .collect();
    for (place, bytes) in places {
        for (name, text) in &spelled {
            if memchr::memmem::find(bytes, text.as_bytes()).is_some() {
                return Err(format!("the secret of the {name} stands in {place}"));
            }
        }
    }
    let bytes: usize = places.iter().map(|(_, bytes)| bytes.len()).sum();
    Ok(format!("{} places, {} KiB, {} spellings", places.len(), bytes / 1024, spelled.len()))
}

/// Files of the installation, except those in which the secrets were planted.
fn files(home: &Home) -> Vec<(String, Vec<u8>)> {
    let planted =
        |name: &str| name.starts_with("openclaw.json") || name == "draft.json" || name == "token.txt";
    let files = home.files().into_iter().map(|(path, bytes)| (path.display().to_string(), bytes));
    files.filter(|(path, _)| !planted(path.rsplit('/').next().unwrap_or_default())).collect()
}

/// What `ps` shows of the gateway and of what it started.
fn processes(pid: u32) -> Vec<(String, Vec<u8>)> {
    let mut shown = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)).unwrap_or_default();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == pid.to_string() || parent == pid.to_string() {
            shown.push((
                format!("ps {name}"),
                std::fs::read(entry.path().join("cmdline")).unwrap_or_default(),
            ));
        }
    }
    shown
}

pub(crate) async fn secrets(stage: &mut Stage) -> Verdict {
    let began = Instant::now();
    let mut places = files(&stage.home);
    if !places.iter().any(|(path, _)| path.ends_with("gateway.log"))
        || !places.iter().any(|(path, _)| path.contains("sqlite") || path.ends_with(".db"))
    {
        let names: Vec<_> = places.iter().map(|(path, _)| path.as_str()).collect();
        return Err(format!("neither log nor database was looked at: {names:?}"));
    }
    places.extend(processes(stage.gateway.pid()));
    for command in [
        &["channels", "status", "--probe", "--json"][..],
        &["plugins", "list", "--json"],
        &["status", "--json"],
    ] {
        let ran = stage.home.run(command).await;
        places.push((command.join(" "), format!("{}{}", ran.stdout, ran.stderr).into_bytes()));
    }
    let metrics = get(&format!("{}/metrics", stage.gateway.base()), Some(GATEWAY_TOKEN)).await.unwrap();
    places.push(("/metrics".into(), metrics.body.into_bytes()));
    places.push(("the console".into(), stage.home.console().into_bytes()));
    places.push(("what another vendor heard".into(), stage.elsewhere.heard.all().into_bytes()));
    // The search finds what is there: the vendor was shown the secret in each request.
    let proof = [("the vendor".to_owned(), stage.vendor.heard.all().into_bytes())];
    if found(&proof).is_ok() {
        return Err("the search finds nothing at all".to_owned());
    }
    let by = found(&places)?;
    Ok(Contained { by, took: began.elapsed() })
}

/// Text that looks like a placeholder is text.
pub(crate) fn placeholders(stage: &Stage) -> Verdict {
    let began = Instant::now();
    let (http, socket) = (stage.elsewhere.heard.all(), stage.vendor.heard.all());
    let path = "/%7B%7Bsecret:token%7D%7D?q=%7B%7Bsecret%3Atoken%7D%7D";
    for (place, text, wanted) in [
        ("path and query", &http, path),
        ("header", &http, "x-h: {{secret:token}}"),
        ("body", &http, "\r\n\r\n{{secret:token}}"),
        ("websocket", &socket, r#"socket {"op":1,"d":{"token":"{{secret:token}} {token}"}}"#),
        ("log", &stage.home.log(), "logged {{secret:token}}"),
    ] {
        if !text.contains(wanted) {
            return Err(format!("`{wanted}` did not arrive in the {place}"));
        }
    }
    Ok(Contained {
        by: "verbatim in path, query, header, body, websocket and log".into(),
        took: began.elapsed(),
    })
}

/// What the floods left in the log: each account has its minute's lines and no more.
pub(crate) fn lines(stage: &Stage) -> Verdict {
    let began = Instant::now();
    let log = stage.home.log();
    let mut most = 0;
    for name in ["log-flood", "log-fields", "print-flood"] {
        let account = format!("\"plugin\":\"hostile/{name}\"");
        let lines = log.lines().filter(|line| line.contains(&account)).count();
        if lines > 310 || (lines == 0 && name != "print-flood") {
            return Err(format!("hostile/{name} has {lines} lines in the log"));
        }
        most = most.max(lines);
    }
    let longest = log.lines().map(str::len).max().unwrap_or(0);
    let by = format!("at most {most} lines, the longest of {} KiB", longest / 1024);
    if longest > 128 << 10 { Err(by) } else { Ok(Contained { by, took: began.elapsed() }) }
}

/// What the gateway has in memory after all of it.
pub(crate) fn memory(stage: &Stage, before: u64) -> Verdict {
    let began = Instant::now();
    let after = resident(stage.gateway.pid(), "VmRSS:");
    let peak = resident(stage.gateway.pid(), "VmHWM:");
    let by = format!("{} MiB before, {} MiB after, {} MiB at most", before >> 20, after >> 20, peak >> 20);
    // The greatest flood may hold its 32 MiB in the host, twice while it is handed over, beside its own 32 MiB of memory.
    if after > before + (128 << 20) || peak > before + (256 << 20) {
        Err(by)
    } else {
        Ok(Contained { by, took: began.elapsed() })
    }
}

/// Bytes by a line of the process's status.
pub(crate) fn resident(pid: u32, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let found = status.lines().find_map(|text| text.strip_prefix(line));
    found.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
