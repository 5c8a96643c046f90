//! Too much of everything.

use std::future::Future;
use std::pin::Pin;

use openclaw_sdk::bindings::channel::openclaw::plugin::{clock, events, inbound, log, websocket};
use openclaw_sdk::channel::{ChatKind, Conversation, Message, Sender, SenderKind};
use openclaw_sdk::gateway::Gateway;
use openclaw_sdk::host::Host;
use openclaw_sdk::http::{Method, Request};
use openclaw_sdk::inbound::{AdmitError, Connection};
use openclaw_sdk::kv;
use openclaw_sdk::log::Level;
use openclaw_sdk::race::{First, race};
use openclaw_sdk::sockets::{Opening, Payload};
use openclaw_sdk::wit_bindgen::yield_async;

use crate::acts::told;

/// A call that was begun and is never looked after again.
type Pending = Pin<Box<dyn Future<Output = ()>>>;

/// Does `word` so many times, or for ever where the number is 0.
pub(crate) async fn flood(word: &str, argument: &str, number: u64) -> String {
    let times = if number == 0 { u64::MAX } else { number };
    match word {
        "log-flood" => {
            let line = "x".repeat(8_192);
            for _ in 0..times {
                log::write(Level::Info, &line, &[]);
            }
        }
        "log-fields" => {
            let fields = vec![("n".repeat(8_192), "v".repeat(8_192)); 64];
            for _ in 0..times {
                log::write(Level::Info, "fields", &fields);
            }
        }
        "print-flood" => {
            for _ in 0..times {
                print("printed\n");
            }
        }
        "state-flood" => {
            for round in 0..times {
                if round.is_multiple_of(2) {
                    inbound::state(&Connection::Ready);
                } else {
                    inbound::state(&Connection::Degraded(round.to_string()));
                }
            }
        }
        "timer-names" => {
            for round in 0..times {
                events::set_timer(&round.to_string(), 1_000_000);
            }
        }
        "timer-flood" => {
            for _ in 0..times {
                events::set_timer("same", 0);
            }
        }
        "timer-name" => events::set_timer(&"n".repeat(1 << 20), 0),
        "sleep-flood" => return begun(times, || Box::pin(clock::sleep(u64::MAX))).await,
        "next-flood" => {
            let next = || -> Pending { Box::pin(async { drop(events::next(u64::MAX).await) }) };
            return begun(times, next).await;
        }
        "next-drop" => return drop_next(times).await,
        "emit-flood" => return emit(times, 1).await,
        "emit-huge" => return emit(times, 200 << 10).await,
        "emit-begun" => {
            let mut round = 0;
            let admit = || -> Pending {
                round += 1;
                let message = message(&format!("begun-{round}"), "x".repeat(200 << 10));
                Box::pin(async move { drop(inbound::admit(message, None).await) })
            };
            return begun(times, admit).await;
        }
        "kv-flood" => {
            for round in 0..times {
                let said = told(kv::put(&Gateway, &round.to_string(), vec![0; 60 << 10]).await);
                if said != "ok" {
                    return format!("{said} after {round}");
                }
            }
        }
        "kv-begun" => {
            let put = || -> Pending {
                Box::pin(async { drop(kv::put(&Gateway, "same", vec![0; 60 << 10]).await) })
            };
            return begun(times, put).await;
        }
        "kv-busy" => {
            for _ in 0..times {
                told(kv::put(&Gateway, "same", vec![0; 1 << 10]).await);
            }
        }
        "http-flood" => return requests(times).await,
        "http-begun" => {
            let size = 4 << 20;
            let ask = || -> Pending {
                let request = Request::new("api", Method::Post, "/silent", 60_000).json(vec![b'x'; size]);
                Box::pin(async move { drop(Gateway.http(request.limit(1 << 20)).await) })
            };
            return begun(times, ask).await;
        }
        "open-flood" => return sockets(times).await,
        "say-begun" => {
            let say = || -> Pending {
                Box::pin(async { drop(websocket::send(1, Payload::Binary(vec![0; 60 << 10])).await) })
            };
            return begun(times, say).await;
        }
        "open-close" => {
            for round in 0..times {
                match Gateway.open(Opening::new("gateway")).await {
                    Ok(socket) => websocket::close(socket.number(), 1000, "again"),
                    Err(why) => {
                        let detail = why.detail;
                        if detail.contains("limit") || detail.contains("minute") {
                            return format!("{detail} after {round}");
                        }
                        clock::sleep(1).await;
                    }
                }
            }
        }
        "process-flood" => {
            for _ in 0..times {
                if let Err(why) = Gateway.start("brief").await {
                    let said = format!("{why:?}");
                    if !said.contains("running already") {
                        return said;
                    }
                    clock::sleep(1).await;
                }
            }
        }
        "huge" => return "x".repeat(usize::try_from(times).unwrap_or(0)),
        "many" => return ",".repeat(usize::try_from(times).unwrap_or(0)),
        _ => return format!("{word} {argument}"),
    }
    "done".into()
}

/// One id for each piece: a receipt of very many ids, where there are commas.
pub(crate) fn split(said: String) -> Vec<String> {
    if said.starts_with(",,") { said.split(',').map(str::to_owned).collect() } else { vec![said] }
}

fn print(text: &str) {
    print!("{text}");
}

/// Begins calls and leaves them pending.
async fn begun(times: u64, mut begin: impl FnMut() -> Pending) -> String {
    let mut all = Vec::new();
    for round in 0..times {
        let mut call = begin();
        // One look: the host has begun, and what it says is not waited for.
        if let First::Left(()) = race(&mut call, std::future::ready(())).await {
            continue;
        }
        all.push(call);
        if round % 64 == 63 {
            yield_async().await;
        }
    }
    let many = all.len();
    clock::sleep(200).await;
    format!("{many} calls under way")
}

/// The timing under which a `next` that forgets loses events; counts what arrived and what was passed over.
async fn drop_next(times: u64) -> String {
    let mut events = openclaw_sdk::events::Events::new();
    for timer in 0..8 {
        events::set_timer(&format!("t{timer}"), 1);
    }
    let (mut seen, mut dropped, mut gaps) = (0, 0, 0);
    while seen < times {
        let before = events.acked();
        let end = clock::monotonic_us() + 50;
        let late = async {
            while clock::monotonic_us() < end {
                yield_async().await;
            }
        };
        match race(events.next(&Gateway), late).await {
            First::Left(openclaw_sdk::events::Occurrence::Timer(name)) => {
                seen += 1;
                gaps += u64::from(events.acked() != before + 1);
                events::set_timer(&name, 1);
            }
            First::Left(_) => break,
            First::Right(()) => dropped += 1,
        }
    }
    format!("{seen} seen, {gaps} lost, {} dropped", if dropped > 100 { "many" } else { "few" })
}

pub(crate) fn message(id: &str, text: String) -> Message {
    Message {
        id: id.to_owned(),
        conversation: Conversation {
            kind: ChatKind::Direct,
            space: None,
            room: "room".into(),
            thread: None,
            title: None,
        },
        sender: Sender {
            kind: SenderKind::Person,
            id: "sender".into(),
            username: None,
            display_name: None,
            roles: Vec::new(),
        },
        text,
        sent_at_ms: clock::now_ms(),
        mentions_self: false,
        reply_to_self: false,
        addresses_others: false,
        edited: false,
        forwarded: false,
        quote: None,
        media: Vec::new(),
        album: None,
        reply_context: Vec::new(),
    }
}

async fn emit(times: u64, bytes: usize) -> String {
    for round in 0..times {
        match inbound::admit(message(&format!("flood-{round}"), "x".repeat(bytes)), None).await {
            Ok(_) => {}
            Err(AdmitError::Unavailable(_)) => return format!("refused after {round}"),
            Err(AdmitError::Invalid(why)) => return format!("{why} after {round}"),
        }
    }
    "never refused".into()
}

async fn requests(times: u64) -> String {
    for round in 0..times {
        if let Err(why) = Gateway.http(Request::new("api", Method::Get, "/quick", 5_000).limit(1 << 20)).await
        {
            return format!("{} after {round}", why.detail);
        }
    }
    "never refused".into()
}

async fn sockets(times: u64) -> String {
    let mut open = Vec::new();
    for _ in 0..times {
        match Gateway.open(Opening::new("gateway")).await {
            Ok(socket) => open.push(socket),
            Err(why) => {
                return format!("{} after {}", why.detail, open.len());
            }
        }
    }
    "never refused".into()
}
