//! The author's guide, as a reader follows it: its commands and files are taken from `docs/plugins/README.md` and run in their order with
//! the real binary, cargo and a running gateway. What a command prints has to be what the guide shows.
//!
//! It works in `target/guide`, always in the same place and with one target folder, so that the libraries are compiled once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "author_guide/coverage.rs"]
mod coverage;
#[path = "author_guide/page.rs"]
mod page;

use std::fs::{File, read_to_string};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use openclaw_e2e::{GATEWAY_TOKEN, Home};
use page::{Block, blocks};
use serde_json::json;
use tokio::process::{Child, Command};

/// The longest that one command may take: the first build compiles the libraries.
const PATIENCE: Duration = Duration::from_secs(300);
/// Where the vendor of the guide listens.
const PORT: &str = "8099";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A reader with a folder, terminals and a gateway.
struct Reader {
    home: Home,
    /// `target/guide`
    place: PathBuf,
    /// Where he is.
    folder: PathBuf,
    port: String,
    terminals: Vec<Terminal>,
    /// What the last commands printed.
    shown: String,
}

/// A command that goes on.
struct Terminal {
    child: Child,
    output: PathBuf,
}

impl Reader {
    fn new() -> Self {
        let home = Home::new(json!({
            "gateway": { "mode": "local", "auth": { "mode": "token", "token": GATEWAY_TOKEN } },
        }));
        let place = root().join("target/guide");
        std::fs::create_dir_all(place.join("target")).unwrap();
        for entry in std::fs::read_dir(&place).unwrap().flatten() {
            match entry.path() {
                path if path.ends_with("target") => {}
                path if path.is_dir() => std::fs::remove_dir_all(path).unwrap(),
                path => std::fs::remove_file(path).unwrap(),
            }
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let folder = place.clone();
        Self { home, place, folder, port, terminals: Vec::new(), shown: String::new() }
    }

    /// A command line, as a shell runs it in the installation's environment.
    fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        let line = line.replace(PORT, &self.port);
        let binary = openclaw_e2e::binary().canonicalize().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        command.args(["-c", &format!("exec 2>&1\n{line}")]).current_dir(&self.folder).stdin(Stdio::null());
        command.env("PATH", format!("{}:{path}", binary.parent().unwrap().display()));
        command.env("OPENCLAW_STATE_DIR", self.home.state()).env_remove("RUSTFLAGS");
        // What this repository's own lock file names is there already.
        command
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_TERM_COLOR", "never")
            .env_remove("CARGO_TARGET_DIR");
        command.kill_on_drop(true);
        command
    }

    async fn types(&mut self, line: &str) {
        if let Some(folder) = line.strip_prefix("cd ") {
            self.folder = self.folder.join(folder);
            // A build beside all others, so that it finds what it compiled the last time.
            std::os::unix::fs::symlink(self.place.join("target"), self.folder.join("target")).unwrap();
            return;
        }
        let begun = Instant::now();
        let output = tokio::time::timeout(PATIENCE, self.shell(line).output());
        let output = output.await.unwrap_or_else(|_| panic!("`{line}` did not end")).unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        println!("$ {line} ({:?})\n{text}", begun.elapsed());
        assert!(output.status.success(), "`{line}` failed:\n{text}");
        self.shown.push_str(&text);
    }

    fn opens_terminal(&mut self, line: &str) {
        let output = self.place.join(format!("terminal-{}", self.terminals.len()));
        let written = File::create(&output).unwrap();
        // The shell gives its place to the command, which is then what a signal reaches.
        let child = self.shell(&format!("exec {line}")).stdout(written).spawn().unwrap();
        self.terminals.push(Terminal { child, output });
    }

    async fn presses_ctrl_c(&mut self) {
        let mut terminal = self.terminals.pop().expect("no terminal is open");
        let pid = terminal.child.id().expect("it runs").to_string();
        Command::new("kill").args(["-INT", &pid]).status().await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(20), terminal.child.wait()).await;
        let text = read_to_string(&terminal.output).unwrap();
        println!("{text}");
        assert!(ended.expect("Ctrl-C did not end it").unwrap().success(), "{text}");
        assert!(text.contains("To take it away: openclaw plugins uninstall my-channel"), "{text}");
        // The measure of the inner loop: from the compiler's end to the new instance.
        assert!(text.contains("after the compiler)"), "{text}");
    }

    /// What the guide shows is what was printed: by the last commands, or by the last terminal in a while.
    async fn sees(&self, expected: &str, in_terminal: bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = match self.terminals.last().filter(|_| in_terminal) {
                Some(terminal) => read_to_string(&terminal.output).unwrap(),
                None => self.shown.clone(),
            };
            let Some(missing) = page::missing(expected, &shown) else { return };
            let may_come = in_terminal && Instant::now() < deadline;
            assert!(may_come, "the guide shows\n  {missing}\nand what was printed is\n{shown}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_leads_to_a_signed_channel_that_answers() {
    let mut reader = Reader::new();
    let gateway = reader.home.start().await;
    let mut in_terminal = false;
    for block in blocks(&read_to_string(root().join("docs/plugins/README.md")).unwrap()) {
        match block {
            Block::Commands(lines) => {
                (reader.shown, in_terminal) = (String::new(), false);
                for line in lines {
                    reader.types(&line).await;
                }
            }
            Block::Terminal(line) => {
                in_terminal = true;
                reader.opens_terminal(&line);
            }
            Block::Output(expected) => reader.sees(&expected, in_terminal).await,
            Block::File { name, text } => {
                let file = reader.folder.join(name);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, text.replace(PORT, &reader.port)).unwrap();
            }
            Block::CtrlC => reader.presses_ctrl_c().await,
        }
    }
    let listed = reader.home.run(&["plugins", "list", "--json"]).await.ok().json();
    let plugins = listed["plugins"].as_array().unwrap();
    let installed = plugins.iter().find(|plugin| plugin["id"] == "my-channel").expect("it is installed");
    assert_eq!((&installed["trust"], &installed["status"]), (&json!("signed"), &json!("loaded")));
    assert!(!reader.home.log().contains("sesame"), "the token is in the log");
    assert_eq!(gateway.terminate().await, 0);
}
