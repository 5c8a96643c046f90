//! Who listens on a port, read from `/proc`. For the text of a refusal; decides nothing and never fails: what cannot be
//! read is left out.

use std::fs;
use std::os::unix::fs::MetadataExt;

/// One process with a listening socket on the port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The process.
    pub pid: u32,
    /// Whose it is; `uid <n>` where the user has no name.
    pub user: String,
    /// The command line, arguments joined by spaces, without secrets.
    pub command: String,
    /// `127.0.0.1:18789`.
    pub address: String,
}

/// The listeners of `port` that this user may see.
pub(crate) fn owners(port: u16) -> Vec<Owner> {
    let mut sockets = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        if let Ok(text) = fs::read_to_string(table) {
            sockets.extend(listeners(&text, port));
        }
    }
    if sockets.is_empty() {
        return Vec::new();
    }
    let mut owners = Vec::new();
    let Ok(processes) = fs::read_dir("/proc") else { return owners };
    for process in processes.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(files) = fs::read_dir(process.path().join("fd")) else { continue };
        for file in files.flatten() {
            let Ok(target) = fs::read_link(file.path()) else { continue };
            let target = target.to_string_lossy();
            let found = sockets.iter().find(|(inode, _)| target == format!("socket:[{inode}]"));
            if let Some((_, address)) = found {
                owners.push(Owner {
                    pid,
                    user: process.metadata().map(|found| user_name(found.uid())).unwrap_or_default(),
                    command: command(pid),
                    address: address.clone(),
                });
                break;
            }
        }
    }
    owners
}

/// The lines that explain a taken port.
pub(crate) fn diagnose(port: u16, owners: &[Owner]) -> String {
    let mut lines = vec![format!("Port {port} is already in use.")];
    for owner in owners {
        lines.push(format!("- pid {} {}: {} ({})", owner.pid, owner.user, owner.command, owner.address));
    }
    lines.extend(hints(owners));
    lines.join("\n")
}

/// What the listeners of a taken port mean for somebody who wants it (openclaw-compat §1.6).
pub(crate) fn hints(owners: &[Owner]) -> Vec<String> {
    let Some(first) = owners.first() else {
        // It is taken, or nobody would ask; the owner is not this user's to see.
        return vec![ANOTHER.to_owned()];
    };
    let command = first.command.as_str();
    let hint = if is_gateway(command) {
        "Gateway already running locally. Stop it (openclaw gateway stop) or use a different port."
    } else if command.contains("ssh") && command.contains("-L") {
        "SSH tunnel already bound to this port. Close the tunnel or use a different local port in -L."
    } else {
        ANOTHER
    };
    let mut hints = vec![hint.to_owned()];
    let mut pids: Vec<u32> = owners.iter().map(|owner| owner.pid).collect();
    pids.dedup();
    if pids.len() > 1 {
        let several = "Multiple listeners detected; ensure only one gateway/tunnel per port unless intentionally \
                       running isolated profiles.";
        hints.push(several.to_owned());
    }
    hints
}

const ANOTHER: &str = "Another process is listening on this port.";

fn is_gateway(command: &str) -> bool {
    ["openclaw", "moltbot", "clawdbot"].iter().any(|name| command.contains(name))
}

/// Inode and address of each listening socket on `port` in a table of `/proc/net`.
fn listeners(table: &str, port: u16) -> Vec<(u64, String)> {
    const LISTEN: &str = "0A";
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut columns = line.split_whitespace();
            let local = columns.nth(1)?;
            let state = columns.nth(1)?;
            let inode = columns.nth(5)?.parse().ok()?;
            let (address, hex) = local.split_once(':')?;
            let found = u16::from_str_radix(hex, 16).ok()?;
            (state == LISTEN && found == port).then(|| (inode, format!("{}:{port}", readable(address))))
        })
        .collect()
}

/// IPv4 addresses stand in the table as one number in the byte order of the machine.
fn readable(hex: &str) -> String {
    match (hex.len(), u32::from_str_radix(hex, 16)) {
        (8, Ok(number)) => std::net::Ipv4Addr::from(number.to_ne_bytes()).to_string(),
        _ if hex.bytes().all(|byte| byte == b'0') => "[::]".to_owned(),
        _ => "[::1]".to_owned(),
    }
}

fn command(pid: u32) -> String {
    let raw = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    without_secrets(String::from_utf8_lossy(&raw).trim_end_matches('\0').split('\0'))
}

/// The arguments joined by spaces. What stands behind `--token` or `--password` is somebody's secret, and this text goes
/// to terminals and journals.
fn without_secrets<'a>(arguments: impl Iterator<Item = &'a str>) -> String {
    let mut shown = Vec::new();
    let mut hide = false;
    for argument in arguments {
        let name = argument.split_once('=').map_or(argument, |(name, _)| name);
        let secret = matches!(name, "--token" | "--password");
        shown.push(match () {
            () if hide => "***".to_owned(),
            () if secret && name != argument => format!("{name}=***"),
            () => argument.to_owned(),
        });
        hide = !hide && secret && name == argument;
    }
    shown.join(" ")
}

fn user_name(uid: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut columns = line.split(':');
        let name = columns.next()?;
        (columns.nth(1)?.parse::<u32>().ok()? == uid).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("uid {uid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_listening_sockets_of_one_port_in_the_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            \x20  0: 0100007F:4965 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0\n\
            \x20  1: 0100007F:4965 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0\n\
            \x20  2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4244 1 0\n";
        assert_eq!(listeners(table, 18789), [(4242, "127.0.0.1:18789".to_owned())]);
    }

    #[test]
    fn this_process_is_found_and_explained() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let found = owners(port);
        assert_eq!(found.first().map(|owner| owner.pid), Some(std::process::id()));
        let text = diagnose(port, &found);
        assert!(text.starts_with(&format!("Port {port} is already in use.\n- pid {}", std::process::id())));
    }

    #[test]
    fn secrets_among_the_arguments_are_not_shown() {
        let check = |arguments: &str, expected: &str| {
            assert_eq!(without_secrets(arguments.split(' ')), expected);
        };
        check("openclaw gateway --token abc --port 1", "openclaw gateway --token *** --port 1");
        check("openclaw gateway --password=abc", "openclaw gateway --password=***");
        check("openclaw gateway --token --token --port 1", "openclaw gateway --token *** --port 1");
        check("openclaw gateway", "openclaw gateway");
    }

    #[test]
    fn the_hint_names_what_holds_the_port() {
        let check = |command: &str, expected: &str| {
            let owner = Owner { pid: 1, user: "u".into(), command: command.into(), address: "a".into() };
            assert!(diagnose(1, &[owner]).ends_with(expected), "{command}");
        };
        check("/usr/bin/openclaw gateway", "Stop it (openclaw gateway stop) or use a different port.");
        check("ssh -N -L 1:x:1 host", "use a different local port in -L.");
        check("nginx", "Another process is listening on this port.");
    }
}
