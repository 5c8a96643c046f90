//! What the end-to-end tests share: an installation in a folder of its own, the real binary in it, and the fakes that
//! stand for the vendors.
//!
//! Nothing here reaches into the program: a test types commands, sends HTTP and reads what a person would read.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking"
)]

pub mod control;
pub mod device;
pub mod disk;
pub mod http;
pub mod ws;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use openclaw_fakes::FakeOpenai;
use openclaw_fakes::FakeTelegram;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// The bot token of the tests: what must never be found anywhere.
pub const TOKEN: &str = "777000:AAf4keT0kenThatMustNeverLeak_1234567";
/// The provider key of the tests.
pub const KEY: &str = "sk-e2e-provider-key-0123456789abcdef";
/// The shared secret of the gateway.
pub const GATEWAY_TOKEN: &str = "e2e-gateway-token-0123456789abcdef";
/// Longest wait for anything that must happen.
pub const SOON: Duration = Duration::from_secs(20);

/// An installation: state directory, configuration, log.
pub struct Home {
    dir: TempDir,
    port: u16,
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    /// Panics unless the command succeeded.
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

/// A running gateway. Killed when dropped.
pub struct Gateway {
    child: Child,
    base: String,
}

/// The binary under test, as `cargo xtask test` has built it.
pub fn binary() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/openclaw");
    assert!(path.exists(), "{} is missing: run `cargo xtask test`", path.display());
    path
}

/// The binary with failpoints, as `cargo xtask test` has built it.
pub fn binary_with_failpoints() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/failpoints/openclaw");
    assert!(
        path.exists(),
        "{} is missing: run `cargo xtask failpoints`, or `cargo xtask test`, which builds it too",
        path.display()
    );
    path
}

/// A Bot API server that knows the bot of the tests, and a model server that wants their key.
pub async fn fakes() -> (FakeTelegram, FakeOpenai) {
    let telegram = FakeTelegram::start().await.unwrap();
    telegram.add_bot(TOKEN, "mock_claw_bot");
    (telegram, model().await)
}

/// A model server that wants the key of the tests.
pub async fn model() -> FakeOpenai {
    let model = FakeOpenai::start().await.unwrap();
    model.require_key(KEY);
    model
}

/// The configuration of a gateway with one model and no channel.
pub fn model_only(model: &FakeOpenai) -> Value {
    json!({
        "gateway": { "mode": "local", "bind": "loopback", "auth": { "mode": "token", "token": GATEWAY_TOKEN } },
        "models": { "providers": { "fake": {
            "baseUrl": model.base_url(), "apiKey": KEY, "api": "openai-completions",
            "models": [{ "id": "echo", "name": "Echo" }],
        } } },
        "agents": { "defaults": { "model": { "primary": "fake/echo" } } },
    })
}

/// The same with one Telegram account, for which senders have to be paired.
pub fn config(telegram: &FakeTelegram, model: &FakeOpenai) -> Value {
    let mut config = model_only(model);
    config["channels"] = json!({ "telegram": { "botToken": TOKEN, "apiRoot": telegram.api_root() } });
    config
}

/// The same, with a bot that everybody may talk to.
pub fn open(telegram: &FakeTelegram, model: &FakeOpenai) -> Value {
    let mut config = config(telegram, model);
    config["channels"]["telegram"]["dmPolicy"] = json!("open");
    config["channels"]["telegram"]["allowFrom"] = json!(["*"]);
    config
}

impl Home {
    /// An installation with this configuration, plus a port and a log file of its own.
    pub fn new(mut config: Value) -> Self {
        let home = Self::empty();
        config["gateway"]["port"] = json!(home.port);
        config["logging"]["file"] = json!(home.log_path());
        std::fs::write(home.config_path(), serde_json::to_string_pretty(&config).unwrap()).unwrap();
        home
    }

    /// A folder in which nothing is installed yet.
    pub fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        std::fs::create_dir_all(dir.path().join("state")).unwrap();
        Self { dir, port }
    }

    /// The port that the gateway listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The state directory.
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// `openclaw.json`
    pub fn config_path(&self) -> PathBuf {
        self.state().join("openclaw.json")
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("gateway.log")
    }

    /// Everything that was logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// A command of the binary in this installation, with an environment of its own.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(&binary(), arguments)
    }

    /// The same for another program.
    pub fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("OPENCLAW_STATE_DIR", self.state())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Types a command and waits for its end.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        let output = tokio::time::timeout(SOON, self.command(arguments).output());
        let output = output
            .await
            .unwrap_or_else(|_| panic!("`openclaw {}` did not end", arguments.join(" ")))
            .unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Starts the gateway and waits until it is ready.
    pub async fn start(&self) -> Gateway {
        self.start_with(&[]).await
    }

    /// The same with these environment variables.
    pub async fn start_with(&self, environment: &[(&str, &str)]) -> Gateway {
        let mut command = self.command(&["gateway", "run"]);
        command.envs(environment.iter().copied());
        self.launch(command).await
    }

    /// Everything that the gateway printed since its last start.
    pub fn console(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("console.log")).unwrap_or_default()
    }

    /// Starts the gateway by this command and waits until it is ready.
    pub async fn launch(&self, mut command: Command) -> Gateway {
        let console = std::fs::File::create(self.dir.path().join("console.log")).unwrap();
        command.stdout(console.try_clone().unwrap()).stderr(console);
        let mut gateway =
            Gateway { child: command.spawn().unwrap(), base: format!("http://127.0.0.1:{}", self.port) };
        let deadline = Instant::now() + SOON;
        loop {
            if let Ok(answer) = http::get(&format!("{}/readyz", gateway.base), None).await
                && answer.status == 200
            {
                return gateway;
            }
            let ended = gateway.child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "the gateway is not ready ({ended:?}):\n{}",
                std::fs::read_to_string(self.dir.path().join("console.log")).unwrap_or_default()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Every file below the installation, with its bytes: where a secret must not be found.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![self.dir.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                match entry.file_type().unwrap() {
                    kind if kind.is_dir() => folders.push(entry.path()),
                    kind if kind.is_file() => {
                        found.push((entry.path(), std::fs::read(entry.path()).unwrap_or_default()))
                    }
                    _ => {}
                }
            }
        }
        found
    }
}

impl Gateway {
    /// `http://127.0.0.1:<port>`
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// `kill -9`.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Sends a signal, for instance `USR2`.
    pub async fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().await.unwrap();
        assert!(sent.success(), "{name} was not sent");
    }

    /// SIGTERM, and the exit code.
    pub async fn terminate(self) -> i32 {
        self.signal("TERM").await;
        self.ended().await
    }

    /// Waits for its end and returns the exit code.
    pub async fn ended(mut self) -> i32 {
        tokio::time::timeout(SOON, self.child.wait())
            .await
            .expect("it did not end")
            .unwrap()
            .code()
            .unwrap_or(-1)
    }
}

/// Polls until `holds` is true; fails with `what` after [`SOON`].
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !holds().await {
        assert!(Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Lets this process open as many files as it may. Fails when that is not enough for `needed`.
pub fn raise_file_limit(needed: u64) {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    assert!(files >= needed, "only {files} files may be open: raise `ulimit -Hn` to {needed}");
}
