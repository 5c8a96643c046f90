//! The counters and the state of the moment in the text format of Prometheus (version 0.0.4). Names follow its conventions:
//! base units, `_total` for what only grows.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use openclaw_supervisor::Status;

use super::{UNKNOWN, method_names};
use crate::http::Route;
use crate::process::Gateway;

/// Page size of `/proc/self/statm`, as on every platform that this is built for.
const PAGE: u64 = 4096;

/// Accounts that have rows of their own. All of them are in the sums by channel.
const ACCOUNTS: usize = 256;

/// The whole answer of `GET /metrics`.
pub(crate) async fn render(gateway: &Gateway) -> String {
    let mut page = Page::default();
    page.process(gateway);
    page.traffic(gateway);
    page.channels(gateway);
    page.outboxes(gateway).await;
    if let Ok(queues) = gateway.messaging.queues().await {
        let counts = [("undecided", queues.ledger.undecided), ("unfinished", queues.ledger.unfinished)];
        page.family("openclaw_inbound_waiting", "gauge", "Inbound messages that are not done.");
        for (state, count) in counts {
            page.row(&[("state", state)], count);
        }
        let counts = [
            ("pending", queues.ledger.pending),
            ("sending", queues.ledger.sending),
            ("ambiguous", queues.ledger.ambiguous),
            ("failed", queues.ledger.failed),
        ];
        page.family(
            "openclaw_outbox_messages",
            "gauge",
            "Outbound messages that are not sent, or not known to be.",
        );
        for (state, count) in counts {
            page.row(&[("state", state)], count);
        }
    }
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
    family: &'static str,
}

impl Page {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.family = name;
        // Writing into a text cannot fail.
        _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn row(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(self.family);
        for (n, (name, text)) in labels.iter().enumerate() {
            self.text.push(if n == 0 { '{' } else { ',' });
            _ = write!(self.text, "{name}=\"{}\"", escaped(text));
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        _ = writeln!(self.text, " {value}");
    }

    fn single(&mut self, name: &'static str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.row(&[], value);
    }

    fn process(&mut self, gateway: &Gateway) {
        self.family("openclaw_build_info", "gauge", "The version that runs.");
        self.row(&[("version", crate::VERSION)], 1);
        let uptime = gateway.started.elapsed().as_secs_f64();
        self.single("openclaw_uptime_seconds", "gauge", "Time since the start.", format!("{uptime:.3}"));
        if let Some(bytes) = resident_bytes() {
            self.single("process_resident_memory_bytes", "gauge", "Memory that is in use.", bytes);
        }
        let draining = u8::from(gateway.is_draining());
        self.single("openclaw_draining", "gauge", "1 while the gateway is on its way down.", draining);
        let help = "Panics of the host's own code; each ended one task.";
        self.single("openclaw_panics_total", "counter", help, crate::panics::seen());
    }

    fn traffic(&mut self, gateway: &Gateway) {
        let metrics = &gateway.metrics;
        let open = gateway.places.open();
        self.single("openclaw_http_connections", "gauge", "Open HTTP connections.", open);
        let clients = gateway.hub.clients();
        self.single("openclaw_ws_clients", "gauge", "Control-plane clients that are in.", clients);
        let slow = metrics.slow_consumers.load(Ordering::Relaxed);
        let help = "Control-plane clients that were cut off because they do not keep up.";
        self.single("openclaw_ws_slow_consumers_total", "counter", help, slow);
        let help = "Events that were left out for clients that do not keep up, by event.";
        self.family("openclaw_ws_events_dropped_total", "counter", help);
        for (event, count) in gateway.hub.dropped().filter(|(_, count)| *count > 0) {
            self.row(&[("event", event)], count);
        }
        self.family("openclaw_http_requests_total", "counter", "HTTP requests by route and class of status.");
        for (route, classes) in Route::ALL.iter().zip(&metrics.http) {
            for (class, count) in (1..).zip(classes) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    self.row(&[("route", route.as_str()), ("status", &format!("{class}xx"))], count);
                }
            }
        }
        self.family(
            "openclaw_rpc_requests_total",
            "counter",
            "Control-plane requests by method and outcome.",
        );
        let names = method_names().chain([UNKNOWN]);
        for (method, outcomes) in names.zip(&metrics.rpc) {
            for (outcome, count) in ["ok", "error"].into_iter().zip(outcomes) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    self.row(&[("method", method), ("outcome", outcome)], count);
                }
            }
        }
        self.family("openclaw_auth_refusals_total", "counter", "Clients that were refused, by code.");
        for (code, count) in &*metrics.refusals.lock().unwrap_or_else(PoisonError::into_inner) {
            self.row(&[("code", code)], count);
        }
        self.family("openclaw_turns_total", "counter", "Turns of agents by how they ended.");
        for (outcome, count) in gateway.agents.outcomes() {
            self.row(&[("outcome", outcome)], count);
        }
        self.family("openclaw_model_requests_total", "counter", "Requests to providers by outcome.");
        for (provider, outcome, count) in gateway.models.cooldowns().outcomes() {
            self.row(&[("provider", &provider), ("outcome", outcome)], count);
        }
    }

    fn channels(&mut self, gateway: &Gateway) {
        self.family("openclaw_channel_accounts", "gauge", "Accounts by channel and state.");
        let mut accounts: BTreeMap<(String, &str), u64> = BTreeMap::new();
        let lives: Vec<_> = gateway
            .supervisor
            .accounts()
            .iter()
            .map(|account| (account.status(), account.circuit().as_str()))
            .collect();
        for (status, _) in &lives {
            let channel = named(&status.account).0.to_owned();
            *accounts.entry((channel, status.state.as_str())).or_default() += 1;
        }
        for ((channel, state), count) in accounts {
            self.row(&[("channel", &channel), ("state", state)], count);
        }
        let lives = lives.get(..ACCOUNTS.min(lives.len())).unwrap_or_default();
        self.family("openclaw_channel_account_state", "gauge", "1 for the state that an account is in.");
        for (status, _) in lives {
            let (channel, account) = named(&status.account);
            let state = status.state.as_str();
            self.row(&[("channel", channel), ("account", account), ("state", state)], 1);
        }
        self.family(
            "openclaw_channel_account_breaker",
            "gauge",
            "1 for the state of the breaker that an account's messages pass.",
        );
        for (status, circuit) in lives {
            let (channel, account) = named(&status.account);
            self.row(&[("channel", channel), ("account", account), ("state", circuit)], 1);
        }
        type Count = fn(&Status) -> u64;
        let counters: [(&'static str, &str, Count); 3] = [
            ("openclaw_channel_account_starts_total", "Starts of an account's instance.", |life| life.starts),
            ("openclaw_channel_account_crashes_total", "Instances that their code ended.", |life| {
                life.crashes
            }),
            (
                "openclaw_channel_account_strikes_total",
                "Times that a component kept its thread for over 250 ms.",
                |life| life.strikes,
            ),
        ];
        for (name, help, count) in counters {
            self.family(name, "counter", help);
            for (status, _) in lives {
                let (channel, account) = named(&status.account);
                self.row(&[("channel", channel), ("account", account)], count(status));
            }
        }
    }

    /// What waits, or waits for a person, for each account.
    async fn outboxes(&mut self, gateway: &Gateway) {
        let Ok(depths) = gateway.store.outbox_depths(ACCOUNTS).await else { return };
        self.family(
            "openclaw_channel_account_outbox",
            "gauge",
            "Outbound messages of an account that are not sent, or not known to be.",
        );
        for (account, counts) in depths {
            let states = [
                ("pending", counts.pending),
                ("sending", counts.sending),
                ("ambiguous", counts.ambiguous),
                ("failed", counts.failed),
            ];
            for (state, count) in states {
                let labels =
                    [("channel", &*account.channel), ("account", &*account.account), ("state", state)];
                self.row(&labels, count);
            }
        }
    }
}

/// The channel and the account of a supervisor's name.
fn named(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap_or((name, "default"))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split_whitespace().nth(1)?.parse::<u64>().ok()? * PAGE)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::super::Metrics;
    use super::*;

    #[test]
    fn rows_have_the_text_format() {
        let mut page = Page::default();
        page.single("a_total", "counter", "Help.", 3);
        page.family("b", "gauge", "Help.");
        page.row(&[("x", "1"), ("y", "a\"b\\\n")], 0.5);
        let expected = "# HELP a_total Help.\n# TYPE a_total counter\na_total 3\n\
                        # HELP b Help.\n# TYPE b gauge\nb{x=\"1\",y=\"a\\\"b\\\\\\n\"} 0.5\n";
        assert_eq!(page.text, expected);
    }

    #[test]
    fn what_clients_make_up_becomes_no_label() {
        let metrics = Metrics::default();
        for number in 0..1000 {
            metrics.method(&format!("made.up.{number}"), false);
            metrics.refused(&format!("CODE_{number}"));
        }
        let unknown = metrics.rpc.last().unwrap();
        assert_eq!(unknown[1].load(Ordering::Relaxed), 1000);
        assert_eq!(metrics.refusals.lock().unwrap().len(), super::super::REFUSALS);
        metrics.request(Route::Other, StatusCode::NOT_FOUND);
        assert_eq!(metrics.http[Route::Other as usize][3].load(Ordering::Relaxed), 1);
    }
}
