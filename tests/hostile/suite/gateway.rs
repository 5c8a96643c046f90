//! The cases in the real gateway: one installation, one process, one case after the other beside the healthy account.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use openclaw_e2e::control::Connection;
use openclaw_e2e::http::send_with;
use openclaw_e2e::{Gateway, Home, model, model_only};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::cases::{CASES, Case, Deed, Export, Must, Plugin};
use crate::neighbour::Neighbour;
use crate::report::{Contained, Report, Verdict};
use crate::vendor::Vendor;

/// Longest wait for what has no deadline of its own.
const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) struct Stage {
    pub(crate) home: Home,
    pub(crate) gateway: Gateway,
    pub(crate) client: Connection,
    vendor: Vendor,
    elsewhere: Vendor,
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

/// The secret of every hostile account: what must be found nowhere.
pub(crate) const CANARY: &str = "90210:CaNaRy+pLaNtEd\"HeRe=0123456789";

impl Stage {
    async fn new() -> Self {
        let model = model().await;
        let mut config = model_only(&model);
        let (vendor, elsewhere) = (Vendor::start().await, Vendor::start().await);
        config["channels"] = json!({ "hostile": { "accounts": { "good": section(&vendor, &elsewhere) } } });
        config["gateway"]["reload"] = json!({ "debounceMs": 20 });
        let home = Home::new(config);
        let config = serde_json::from_str(&std::fs::read_to_string(home.config_path()).unwrap()).unwrap();
        let read = |file: &str| {
            std::fs::read(guest("hostile").join(file))
                .expect("the guest is not built: run `cargo xtask test hostile`")
        };
        install(&home, "hostile", &String::from_utf8(read("plugin.toml")).unwrap(), &read("component.wasm"));
        let gateway = home.start().await;
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
    fn good(&self) -> Value {
        section(&self.vendor, &self.elsewhere)
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

    async fn play(&mut self, case: &Case) -> Verdict {
        match &case.deed {
            Deed::Act(export, acts) => self.act(case, *export, acts).await,
            Deed::Start(component) => self.start_component(case, &component()).await,
        }
    }

    async fn act(&mut self, case: &Case, export: Export, acts: &[&str]) -> Verdict {
        let name = case.name;
        let mut section = self.good();
        section[export.key()] = json!(acts);
        self.configure(json!({ "hostile": { "accounts": { "good": self.good(), name: section } } }));
        if export == Export::Run {
            return self.shown("hostile", case).await;
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
            Must::Say(words) => Err(format!("it was answered `{}` instead of `{words}`", short(&said))),
            Must::End(_) | Must::Fail(_) | Must::Refuse(_) => {
                self.shown("hostile", case).await.map(|shown| Contained { took, ..shown })
            }
        }
    }

    async fn start_component(&mut self, case: &Case, (manifest, component): &Plugin) -> Verdict {
        install(
            &self.home,
            case.name,
            &manifest.replace("\"hostile\"", &format!("\"{}\"", case.name)),
            component,
        );
        let channels = json!({ "hostile": { "accounts": { "good": self.good() } }, case.name: self.good() });
        self.configure(channels);
        self.shown(case.name, case).await
    }

    /// Waits until the account's status says what it must, and says how long after its start that was.
    async fn shown(&mut self, channel: &str, case: &Case) -> Verdict {
        let (words, key) = match case.must {
            Must::End(words) => (words, "lastCrash"),
            Must::Fail(words) | Must::Refuse(words) | Must::Say(words) => (words, "lifecycleReason"),
        };
        let account = if channel == "hostile" { case.name } else { "default" };
        let reason = |status: &Value| {
            let text = if key == "lastCrash" { &status["supervision"][key] } else { &status[key] };
            text.as_str().unwrap_or_default().to_owned()
        };
        let patience = case.deadline + PATIENCE;
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
fn section(vendor: &Vendor, elsewhere: &Vendor) -> Value {
    json!({ "token": CANARY, "root": vendor.root, "socket": vendor.socket, "elsewhere": elsewhere.root, "helper": "/usr/bin/yes" })
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
    if !CASES.iter().any(|case| report.wants(case.name)) {
        return;
    }
    let mut stage = Stage::new().await;
    for case in CASES {
        if !report.wants(case.name) {
            continue;
        }
        let verdict = stage.play(case).await;
        report.case(case.name, case.deadline, verdict, stage.neighbour.verdict().await);
    }
}
