//! `docs/protocol.md` is printed from the tables that the gateway enforces, so that it cannot say anything else. This fails
//! when it is stale; `cargo xtask protocol` writes it anew.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use openclaw_protocol::codes::{CLOSE_CODES, DETAIL_CODES};
use openclaw_protocol::connect::{CLIENT_IDS, CLIENT_MODES};
use openclaw_protocol::method::{WRITE_LIMIT, WRITE_WINDOW_MS};
use openclaw_protocol::{
    EVENTS, ErrorCode, HANDSHAKE_TIMEOUT_MS, MAX_BUFFERED_BYTES, MAX_PAYLOAD, MAX_PREAUTH_PAYLOAD, METHODS,
    MIN_PROBE_VERSION, Method, PROTOCOL_VERSION, Permission, Scope, TICK_INTERVAL_MS,
};

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol.md")
}

#[test]
fn the_document_is_that_of_the_tables() {
    let text = document();
    if std::env::var_os("OPENCLAW_WRITE_DOCS").is_some() {
        std::fs::write(path(), &text).unwrap();
    }
    let found = std::fs::read_to_string(path()).unwrap_or_default();
    assert!(found == text, "docs/protocol.md is stale. Type: cargo xtask protocol");
}

fn document() -> String {
    let mut text = String::from(
        "# The control plane's protocol\n\n\
         Printed from the tables in `host/protocol` that the gateway enforces. To change it, change them and type \
         `cargo xtask protocol`.\n\n\
         One JSON object in each WebSocket text message: `req` from the client, `res` and `event` from the gateway. The \
         gateway begins with `connect.challenge`, the client answers with `connect`, the gateway with `hello-ok`. Shapes of \
         parameters and answers stand beside each method's type in `host/protocol/src`.\n",
    );
    limits(&mut text);
    methods(&mut text);
    events(&mut text);
    codes(&mut text);
    text
}

fn limits(text: &mut String) {
    table(text, "Versions and limits", &["what", "value"]);
    let clients = format!("`{}`", CLIENT_IDS.join("`, `"));
    let modes = format!("`{}`", CLIENT_MODES.join("`, `"));
    for (what, value) in [
        ("protocol version", PROTOCOL_VERSION.to_string()),
        ("lowest version of a client of mode `probe`", MIN_PROBE_VERSION.to_string()),
        ("`client.id`", clients),
        ("`client.mode`", modes),
        ("time for `connect`", format!("{HANDSHAKE_TIMEOUT_MS} ms")),
        ("frame before `hello-ok`", format!("{MAX_PREAUTH_PAYLOAD} bytes")),
        ("frame after it", format!("{MAX_PAYLOAD} bytes")),
        ("bytes that wait for one client", MAX_BUFFERED_BYTES.to_string()),
        ("time between two `tick` events", format!("{TICK_INTERVAL_MS} ms")),
        (
            "calls of one method marked *limited*, by one client",
            format!("{WRITE_LIMIT} in {WRITE_WINDOW_MS} ms"),
        ),
    ] {
        row(text, &[what, &value]);
    }
}

fn methods(text: &mut String) {
    table(text, "Methods", &["method", "who may call it", "what it is for"]);
    let mut rows: Vec<&Method> = METHODS.iter().collect();
    rows.sort_by_key(|method| method.name);
    for method in rows {
        let mut who = match method.permission {
            Permission::Anyone => "every connection".to_owned(),
            Permission::Scope(scope) => format!("`{}`", scope.as_str()),
            Permission::AtLeast(scope) => {
                format!("`{}`, and more where the parameters ask for it", scope.as_str())
            }
            Permission::Node => "role `node`".to_owned(),
        };
        if method.limited {
            who.push_str("; *limited*");
        }
        let name = format!("`{}`{}", method.name, if method.advertised { "" } else { " †" });
        row(text, &[&name, &who, method.purpose]);
    }
    text.push_str(
        "\n† answered, and not named in `hello-ok`. `operator.admin` may do everything. A method that is not in the table is \
         answered with `unknown method: <name>` for `operator.admin`, and with `missing scope: operator.admin` for everybody \
         else. A method that is not for the connection's role is answered with `unauthorized role: <role>`; more than ten in \
         a row close the connection. The scopes are",
    );
    let scopes: Vec<String> = Scope::ALL.iter().map(|scope| format!(" `{}`", scope.as_str())).collect();
    writeln!(text, "{}.", scopes.join(",")).unwrap();
}

fn events(text: &mut String) {
    table(text, "Events", &["event", "who sees it", "for a slow client", "what it tells"]);
    for event in EVENTS {
        let who = event.scope.map_or("every connection".to_owned(), |scope| format!("`{}`", scope.as_str()));
        let slow = if event.droppable { "left out" } else { "the connection is closed" };
        row(text, &[&format!("`{}`", event.name), &who, slow, event.purpose]);
    }
}

fn codes(text: &mut String) {
    table(text, "Error codes (`error.code`)", &["code", "meaning"]);
    for code in ErrorCode::ALL {
        row(text, &[&format!("`{}`", code.as_str()), code.meaning()]);
    }
    table(text, "Detail codes (`error.details.code`)", &["code", "meaning", "next step"]);
    for detail in DETAIL_CODES {
        row(text, &[&format!("`{}`", detail.code), detail.meaning, detail.next_step]);
    }
    table(text, "Close codes", &["code", "reason", "meaning"]);
    for close in CLOSE_CODES {
        row(text, &[&close.code.to_string(), close.reasons, close.meaning]);
    }
}

fn table(text: &mut String, title: &str, columns: &[&str]) {
    write!(text, "\n## {title}\n\n").unwrap();
    row(text, columns);
    row(text, &vec!["---"; columns.len()]);
}

fn row(text: &mut String, cells: &[&str]) {
    writeln!(text, "| {} |", cells.join(" | ")).unwrap();
}
