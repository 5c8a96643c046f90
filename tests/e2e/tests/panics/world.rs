//! A gateway with every kind of task, the fakes around it, and what one asks of it.

use std::cell::Cell;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use futures::StreamExt;
use openclaw_e2e::control::Connection;
use openclaw_e2e::http::{Answer, Error, get, post, send_with};
use openclaw_e2e::{GATEWAY_TOKEN, Gateway, Home, TOKEN, binary_with_failpoints, eventually, fakes, open};
use openclaw_fakes::{FakeDiscord, FakeOpenai, FakeTelegram, Talker};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_tungstenite::client_async;

/// The bot token at the vendor with a websocket.
pub(crate) const BOT: &str = "MTAwMA.e2e.failpoints";
const HOOK: &str = "e2e-hook-token-0123456789abcdef";
const WEBHOOK: &str = "e2e-webhook-0123456789abcdef";
/// What somebody reads whose turn was lost to a panic.
pub(crate) const WENT_WRONG: &str = "Something went wrong while processing your request";
/// What the gateway looks at when it passes a point.
pub(crate) const VARIABLE: &str = "OPENCLAW_FAILPOINTS";

/// A gateway with every kind of task.
pub(crate) struct World {
    pub(crate) home: Home,
    pub(crate) gateway: Option<Gateway>,
    pub(crate) telegram: FakeTelegram,
    pub(crate) discord: FakeDiscord,
    pub(crate) model: FakeOpenai,
    /// A client that was there before.
    pub(crate) client: Connection,
    manager: UnixDatagram,
    orders: PathBuf,
    said: Cell<usize>,
}

impl World {
    pub(crate) async fn start() -> World {
        let (telegram, model) = fakes().await;
        let discord = FakeDiscord::start().await.unwrap();
        discord.add_bot(BOT, 1_000, "claw");
        let mut config = open(&telegram, &model);
        config["channels"]["discord"] = json!({
            "token": BOT, "apiRoot": discord.api_root(), "gatewayUrl": discord.gateway_url(),
            "dmPolicy": "open", "allowFrom": ["*"],
        });
        config["channels"]["echo"] = json!({
            "token": WEBHOOK, "root": "http://127.0.0.1:9", "mode": "listen", "helper": "/bin/cat",
        });
        config["hooks"] = json!({"enabled": true, "token": HOOK});
        config["gateway"]["reload"] = json!({"debounceMs": 50});
        let home = Home::new(config);
        let folder = home.state().join("plugins/echo");
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["plugin.toml", "component.wasm"] {
            let built =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-plugins/echo").join(name);
            std::fs::copy(built, folder.join(name))
                .expect("the guests are not built: run `cargo xtask test`");
        }
        let (orders, notify) = (home.state().join("orders"), home.state().join("notify"));
        let manager = UnixDatagram::bind(&notify).unwrap();
        manager.set_nonblocking(true).unwrap();
        give(&orders, "");
        let mut command = home.command_of(&binary_with_failpoints(), &["gateway", "run"]);
        command.env(VARIABLE, format!("@{}", orders.display()));
        command.env("NOTIFY_SOCKET", &notify).env("WATCHDOG_USEC", "400000");
        let gateway = Some(home.launch(command).await);
        let client = Connection::open(&home, &["operator.admin"]).await;
        World { home, gateway, telegram, discord, model, client, manager, orders, said: Cell::new(0) }
    }

    pub(crate) fn base(&self) -> &str {
        self.gateway.as_ref().unwrap().base()
    }

    /// Has the next one panic who passes the point.
    pub(crate) fn order(&self, point: &str) {
        give(&self.orders, &format!("{point}=panic"));
    }

    /// Waits until the point has panicked.
    pub(crate) async fn passed(&self, point: &str) {
        let line = format!("failpoint {point}");
        eventually(&line, async || self.home.log().contains(&line) || self.home.console().contains(&line))
            .await;
    }

    /// Has nobody panic.
    pub(crate) fn order_nothing(&self) {
        give(&self.orders, "");
    }

    pub(crate) async fn panics(&self) -> u64 {
        let mut counted = None;
        // The point may be on the way to the answer.
        eventually("the number of panics is told", async || {
            let page = get(&format!("{}/metrics", self.base()), Some(GATEWAY_TOKEN)).await;
            counted = page.ok().and_then(|page| {
                let line = page.body.lines().find_map(|line| line.strip_prefix("openclaw_panics_total "))?;
                line.trim().parse().ok()
            });
            counted.is_some()
        })
        .await;
        counted.unwrap()
    }

    /// Says something to the bot; the text is new.
    pub(crate) fn say(&self) -> String {
        self.said.set(self.said.get() + 1);
        let text = format!("question {}.", self.said.get());
        self.telegram.say(TOKEN, &Talker::private(1, "somebody"), &text);
        text
    }

    pub(crate) fn answers_with(&self, text: &str) -> usize {
        self.telegram.messages(TOKEN).iter().filter(|sent| sent.text.contains(text)).count()
    }

    pub(crate) async fn answered(&self, text: &str) {
        eventually(&format!("`{text}` is answered"), async || self.answers_with(text) == 1).await;
    }

    /// What the gateway is for: a message is answered.
    pub(crate) async fn answers(&mut self) {
        let text = self.say();
        self.answered(&text).await;
    }

    pub(crate) async fn fetch(&self, path: &str) -> Result<Answer, Error> {
        get(&format!("{}{path}", self.base()), None).await
    }

    pub(crate) async fn hook(&self, path: &str, body: Value) -> Answer {
        post(&format!("{}/hooks{path}", self.base()), Some(HOOK), &body).await.unwrap()
    }

    pub(crate) async fn run_by_hook(&self) -> Answer {
        self.hook("/agent", json!({"message": "hello", "name": "CI", "waitForCompletion": true})).await
    }

    pub(crate) async fn webhook(&self) -> u16 {
        let url = format!("{}/webhooks/echo/default/hook", self.base());
        let headers = [("x-token", WEBHOOK)];
        send_with("POST".parse().unwrap(), &url, &headers, Some("hello".to_owned())).await.unwrap().status
    }

    /// The first bytes that the local socket answers; nothing where the connection just ends.
    pub(crate) async fn local(&self) -> String {
        let mut socket = UnixStream::connect(self.home.state().join("gateway.sock")).await.unwrap();
        let mut answer = [0; 12];
        // It may be closed before the request is written.
        if socket.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.is_err() {
            return String::new();
        }
        match socket.read(&mut answer).await {
            Ok(length) => String::from_utf8_lossy(&answer[..length]).into_owned(),
            Err(_) => String::new(),
        }
    }

    /// What the echo component makes of a text.
    pub(crate) async fn echo(&mut self, text: &str) -> Result<String, String> {
        self.said.set(self.said.get() + 1);
        let key = format!("echo-{}", self.said.get());
        let message = json!({"channel": "echo", "to": "room", "message": text, "idempotencyKey": key});
        let receipt = self.client.call("send", message).await;
        receipt
            .map(|receipt| receipt["messageId"].as_str().unwrap().to_owned())
            .map_err(|error| error["message"].as_str().unwrap().to_owned())
    }

    pub(crate) async fn account(&mut self, channel: &str) -> Value {
        let status = self.client.call("channels.status", json!({})).await.unwrap();
        status["channelAccounts"][channel][0].clone()
    }

    pub(crate) async fn restart(&mut self) {
        // What came of it shows in the account.
        drop(self.client.call("channels.restart", json!({"channel": "telegram"})).await);
    }

    /// What somebody hears whose message was lost to the panic.
    pub(crate) async fn apologises(&mut self, before: usize) {
        eventually("the turn's end is told", async || self.answers_with(WENT_WRONG) == before + 1).await;
    }

    pub(crate) fn edit(&self, change: impl FnOnce(&mut Value)) {
        let text = std::fs::read_to_string(self.home.config_path()).unwrap();
        let mut config = serde_json::from_str(&text).unwrap();
        change(&mut config);
        std::fs::write(self.home.config_path(), config.to_string()).unwrap();
    }

    pub(crate) async fn is_beating(&self) {
        while self.manager.recv(&mut [0; 64]).is_ok() {}
        eventually("the service manager hears of the gateway", async || {
            let mut text = [0; 64];
            self.manager.recv(&mut text).is_ok_and(|length| text[..length].starts_with(b"WATCHDOG=1"))
        })
        .await;
    }

    /// Whether the port answers an upgrade and goes on with a greeting.
    pub(crate) async fn is_greeted(&self) -> bool {
        let stream = TcpStream::connect(("127.0.0.1", self.home.port())).await.unwrap();
        let (mut socket, _) =
            client_async(format!("ws://127.0.0.1:{}/", self.home.port()), stream).await.unwrap();
        matches!(socket.next().await, Some(Ok(message)) if message.is_text())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let sent = self.telegram.messages(TOKEN);
            let sent: Vec<_> = sent.iter().map(|sent| sent.text.as_str()).collect();
            eprintln!("{}\n{}", self.home.console(), sent.join("\n"));
        }
    }
}

fn give(file: &Path, orders: &str) {
    let draft = file.with_extension("draft");
    std::fs::write(&draft, format!("hurry\n{orders}")).unwrap();
    std::fs::rename(draft, file).unwrap();
}
