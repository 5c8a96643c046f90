//! The cases in the real gateway: one installation, one process, one case after the other beside the healthy account.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use openclaw_e2e::control::Connection;
use openclaw_e2e::http::send_with;
use openclaw_e2e::{Gateway, Home, model, model_only};
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

use crate::cases::{CASES, Case, Deed, Export, Must, Plugin};
use crate::neighbour::{Neighbour, Unwell};
use crate::report::{Contained, Report, Verdict};
use crate::sweep::{self, resident};
use crate::vendor::Vendor;

/// Longest wait for what has no deadline of its own.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often a case is played whose neighbour is slow.
pub(crate) const PLAYS: u32 = 5;

pub(crate) struct Stage {
    pub(crate) home: Home,
    pub(crate) gateway: Gateway,
    pub(crate) client: Connection,
    pub(crate) vendor: Vendor,
    pub(crate) elsewhere: Vendor,
    config: Value,
    neighbour: Neighbour,
}

/// Where `cargo xtask test` lays the guests out.
pub(crate) fn guest(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-plugins").join(name)
}

/// Lays a plugin out as a folder of the installation.
pub(crate) fn install(home: &Home, id: &str, manifest: &str, component: &[u8]) {
    let folder = home.state().join("plugins").join(id);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("component.wasm"), component).unwrap();
    std::fs::write(folder.join("plugin.toml"), manifest).unwrap();
}

/// The secrets of the hostile accounts, by where they come from: what must be found nowhere.
pub(crate) const CANARIES: [(&str, &str); 3] = [
    ("configuration", "90210:CaNaRy+pLaNtEd\"HeRe=0123456789"),
    ("environment", "90211:eNvIrOnMeNt+cAnArY\"pLaNtEd=987"),
    ("file", "90212:fIlEd+cAnArY\"pLaNtEd=55667788"),
];
const CANARY: &str = CANARIES[0].1;

/// Lays the guest out as a folder of the installation.
pub(crate) fn install_guest(home: &Home) {
    let read = |file: &str| {
        std::fs::read(guest("hostile").join(file))
            .expect("the guest is not built: run `cargo xtask test hostile`")
    };
    install(home, "hostile", &String::from_utf8(read("plugin.toml")).unwrap(), &read("component.wasm"));
}

impl Stage {
    async fn new() -> Self {
        let model = model().await;
        let mut config = model_only(&model);
        let (vendor, elsewhere) = (Vendor::start().await, Vendor::start().await);
        config["gateway"]["reload"] = json!({ "debounceMs": 20 });
        let home = Home::new(config);
        let mut config: Value =
            serde_json::from_str(&std::fs::read_to_string(home.config_path()).unwrap()).unwrap();
        config["channels"] = json!({ "hostile": { "accounts": lasting(&home, &vendor, &elsewhere) } });
        std::fs::write(home.config_path(), config.to_string()).unwrap();
        install_guest(&home);
        std::fs::write(home.state().join("token.txt"), CANARIES[2].1).unwrap();
        let gateway = home.start_with(&[("HOSTILE_TOKEN", CANARIES[1].1)]).await;
        let mut client = Connection::open(&home, &["operator.admin"]).await;
        let up =
            until(PATIENCE, async || status(&mut client, "hostile", "good").await["lifecycle"] == "ready")
                .await;
        assert!(up.is_ok(), "{}\n{}", status(&mut client, "hostile", "good").await, home.log());
        let sender = Arc::new(Mutex::new(Connection::open(&home, &["operator.admin"]).await));
        let neighbour = Neighbour::start(Duration::from_millis(20), move |number| {
            let sender = Arc::clone(&sender);
            async move {
                let mut sender = sender.lock().await;
                let sent = sender
                    .call("send", message("good", &number.to_string(), &format!("good-{number}")))
                    .await;
                sender.seen.clear();
                let sent = sent.map_err(|error| error.to_string())?;
                let id = sent["messageId"].as_str().unwrap_or_default().to_owned();
                match id.split_once(':') {
                    Some((heard, text)) if text == number.to_string() => {
                        heard.parse().map_err(|_| format!("it said {id}"))
                    }
                    _ => Err(format!("it said {id}")),
                }
            }
        });
        Self { home, gateway, client, vendor, elsewhere, config, neighbour }
    }

    /// An account without acts.
    fn idle(&self) -> Value {
        section(&self.home, &self.vendor, &self.elsewhere)
    }

    /// The accounts that are there all the time.
    fn lasting(&self) -> Map<String, Value> {
        lasting(&self.home, &self.vendor, &self.elsewhere)
    }

    /// Puts an account beside the healthy one, in the place of the last.
    fn configure(&mut self, channels: Value) {
        self.config["channels"] = channels;
        let draft = self.home.state().join("draft.json");
        std::fs::write(&draft, self.config.to_string()).unwrap();
        std::fs::rename(draft, self.home.config_path()).unwrap();
    }

    async fn status(&mut self, channel: &str, account: &str) -> Value {
        status(&mut self.client, channel, account).await
    }

    async fn play(&mut self, case: &Case, account: &str) -> Verdict {
        match &case.deed {
            Deed::Act(export, acts) => self.act(case, account, *export, acts).await,
            Deed::Start(component) => self.start_component(case, account, &component()).await,
        }
    }

    async fn act(&mut self, case: &Case, name: &str, export: Export, acts: &[&str]) -> Verdict {
        let mut section = self.idle();
        let acts: Vec<String> = acts.iter().map(|act| act.replace("@account", name)).collect();
        section[export.key()] = json!(acts);
        let mut accounts = self.lasting();
        accounts.insert(name.to_owned(), section);
        self.configure(json!({ "hostile": { "accounts": accounts } }));
        if export == Export::Run {
            return self.shown(case, "hostile", name).await;
        }
        let ready = self.wait("hostile", name, |status| status["lifecycle"] == "ready").await;
        ready.map_err(|status| format!("it is not ready: {status}"))?;
        let began = Instant::now();
        let said = match export {
            Export::Probe => {
                self.client.call("channels.status", json!({ "probe": true })).await.unwrap().to_string()
            }
            Export::Webhook => {
                let url = format!("{}/webhooks/hostile/{name}/hook", self.gateway.base());
                let headers = [("x-token", CANARY)];
                let answer =
                    send_with("POST".parse().unwrap(), &url, &headers, Some("{}".to_owned())).await.unwrap();
                format!("{} {}", answer.status, answer.body)
            }
            Export::Send | Export::Run => match self.client.call("send", message(name, "go", name)).await {
                Ok(sent) => sent["messageId"].as_str().unwrap_or_default().to_owned(),
                Err(error) => error.to_string(),
            },
        };
        let took = began.elapsed();
        self.client.seen.clear();
        match &case.must {
            Must::Say(words) if said.contains(words) => {
                let status = self.status("hostile", name).await;
                match status["supervision"]["crashes"] == 0 && status["running"] == true {
                    true => Ok(Contained { by: short(&said), took }),
                    false => Err(format!("its instance did not go on: {status}")),
                }
            }
            Must::Say(words) => Err(format!("it was answered `{said:.600}` instead of `{words}`")),
            Must::End(_) | Must::Fail(_) | Must::Refuse(_) => {
                self.shown(case, "hostile", name).await.map(|shown| Contained { took, ..shown })
            }
        }
    }

    async fn start_component(&mut self, case: &Case, id: &str, (manifest, component): &Plugin) -> Verdict {
        install(&self.home, id, &manifest.replace("\"hostile\"", &format!("\"{id}\"")), component);
        let channels = json!({ "hostile": { "accounts": self.lasting() }, id: self.idle() });
        self.configure(channels);
        let verdict = self.shown(case, id, "default").await;
        std::fs::remove_dir_all(self.home.state().join("plugins").join(id)).unwrap();
        verdict
    }

    /// Waits until the account's status says what it must, and says how long after its start that was.
    async fn shown(&mut self, case: &Case, channel: &str, account: &str) -> Verdict {
        let (words, key) = match case.must {
            Must::End(words) => (words, "lastCrash"),
            Must::Fail(words) | Must::Refuse(words) | Must::Say(words) => (words, "lifecycleReason"),
        };
        let reason = |status: &Value| {
            let text = if key == "lastCrash" { &status["supervision"][key] } else { &status[key] };
            let text = text.as_str().unwrap_or_default();
            // The plugin and its account are found one after the other.
            if text.starts_with("no usable plugin") { String::new() } else { text.to_owned() }
        };
        let patience = case.deadline + Duration::from_secs(3);
        let status = self.wait_for(patience, channel, account, |status| reason(status).contains(words)).await;
        let status = status.map_err(|status| {
            format!("its status says `{}` instead of `{words}`: {status}", reason(&status))
        })?;
        let shown = reason(&status);
        let (began, ended) = (status["lastStartAt"].as_u64(), status["lifecycleSince"].as_u64());
        let took = ended
            .zip(began)
            .map_or(PATIENCE, |(ended, began)| Duration::from_millis(ended.saturating_sub(began)));
        Ok(Contained { by: short(&shown), took })
    }

    async fn wait(
        &mut self,
        channel: &str,
        account: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Value, Value> {
        self.wait_for(PATIENCE, channel, account, fits).await
    }

    /// Looks until the status of an account fits; the last one where it never does.
    async fn wait_for(
        &mut self,
        patience: Duration,
        channel: &str,
        account: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Value, Value> {
        let began = Instant::now();
        loop {
            let status = self.status(channel, account).await;
            if fits(&status) {
                return Ok(status);
            }
            if began.elapsed() > patience {
                return Err(status);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// The configuration of an account: the vendors are on this machine, the program is `yes`.
fn section(home: &Home, vendor: &Vendor, elsewhere: &Vendor) -> Value {
    let own = format!("http://127.0.0.1:{}", home.port());
    json!({ "own": own, "token": CANARY, "root": vendor.root, "socket": vendor.socket, "elsewhere": elsewhere.root, "helper": "/usr/bin/yes", "brief": "/usr/bin/true" })
}

/// The healthy account, which keeps something private, and two that show their vendor's answer around: their secrets come from
/// the environment and from a file.
fn lasting(home: &Home, vendor: &Vendor, elsewhere: &Vendor) -> Map<String, Value> {
    let with = |acts: &[&str]| {
        let mut section = section(home, vendor, elsewhere);
        section["run"] = json!(acts);
        section
    };
    let found = [
        "find:headed",
        "leak:log",
        "leak:state",
        "leak:text",
        "leak:kv",
        "leak:file",
        "leak:http",
        "log:logged {{secret:token}}",
    ];
    let mut named = with(&found);
    named.as_object_mut().unwrap().remove("token");
    let mut filed = named.clone();
    filed["tokenFile"] = json!(home.state().join("token.txt"));
    let accounts =
        [("good", with(&["put:private=treasure", "file:treasure"])), ("default", named), ("filed", filed)];
    accounts.into_iter().map(|(name, section)| (name.to_owned(), section)).collect()
}

/// As much as fits a line.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(60).collect()
}

pub(crate) fn message(account: &str, text: &str, key: &str) -> Value {
    json!({ "channel": "hostile", "accountId": account, "to": "room", "message": text, "idempotencyKey": key })
}

/// The status of an account; null when it is not known.
pub(crate) async fn status(client: &mut Connection, channel: &str, account: &str) -> Value {
    let status = client.call("channels.status", json!({})).await.unwrap();
    client.seen.clear();
    let accounts = status["channelAccounts"][channel].as_array().cloned().unwrap_or_default();
    accounts.into_iter().find(|found| found["accountId"] == account).unwrap_or_default()
}

/// Looks until it holds.
pub(crate) async fn until(
    patience: Duration,
    mut holds: impl AsyncFnMut() -> bool,
) -> Result<Duration, String> {
    let began = Instant::now();
    while !holds().await {
        if began.elapsed() > patience {
            return Err(format!("within {patience:?}"));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(began.elapsed())
}

pub(crate) async fn run(report: &mut Report) {
    let sweep = report.wants("t71-canary");
    if !sweep && !CASES.iter().any(|case| report.wants(case.name)) {
        return;
    }
    let mut stage = Stage::new().await;
    let before = resident(stage.gateway.pid(), "VmRSS:");
    for case in CASES {
        if !report.wants(case.name) {
            continue;
        }
        // Others compute on the machine as well: a neighbour that was slow is looked at again before it counts.
        for play in 1..=PLAYS {
            let account = if play == 1 { case.name.to_owned() } else { format!("{}-{play}", case.name) };
            let verdict = stage.play(case, &account).await;
            let neighbour = stage.neighbour.verdict().await;
            if verdict.is_err() || !matches!(neighbour, Err(Unwell::Slow(_))) || play == PLAYS {
                report.case(case.name, case.deadline, verdict, neighbour);
                break;
            }
        }
    }
    // What all of them together have left; only after all of them does it say anything.
    if report.is_whole() {
        let patience = Duration::from_secs(30);
        let canary = sweep::secrets(&mut stage).await;
        report.case("t71-canary", patience, canary, Ok("all that there is".into()));
        report.case(
            "placeholders-arrive",
            patience,
            sweep::placeholders(&stage),
            Ok("the vendors' records".into()),
        );
        report.case("log-is-bounded", patience, sweep::lines(&stage), Ok("the log".into()));
        report.case("memory-is-bounded", patience, sweep::memory(&stage, before), Ok("the process".into()));
    }
}
