//! The component. Written against the generated bindings of 0.1.0.
#![allow(unsafe_code, reason = "generated: the exports of a component")]

use std::cell::Cell;

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::str_to_string,
    reason = "generated"
)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../../wit/0.1.0",
        inline: "
            package openclaw:vintage;
            world vintage {
                include openclaw:plugin/channel-plugin@0.1.0;
                include openclaw:plugin/with-typing@0.1.0;
            }
        ",
        world: "openclaw:vintage/vintage",
        generate_all,
    });
}

use bindings::exports::openclaw::plugin::{channel, typing};
use bindings::openclaw::plugin::types::{
    ChatKind, Conversation, Failure, FailureKind, Message, Outbound, Outcome, Receipt, Sender, SenderKind,
    Target,
};
use bindings::openclaw::plugin::{clock, events, http, inbound, log};

struct Vintage;

bindings::export!(Vintage with_types_in bindings);

thread_local! {
    static TIMERS: Cell<u64> = const { Cell::new(0) };
}

fn failure(code: &str, detail: String) -> Failure {
    Failure { kind: FailureKind::Unavailable, code: code.to_owned(), detail, retry_after_ms: None }
}

async fn poll() -> Result<String, Failure> {
    let request = http::Request {
        grant: "api".to_owned(),
        method: http::Method::Get,
        path: "/poll".to_owned(),
        query: Vec::new(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout_ms: 5_000,
    };
    let answer = http::send(request).await.map_err(|error| failure("send", error.detail))?;
    let body = answer.body.collect().await;
    answer.end.await.map_err(|error| failure("body", error.detail))?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

fn message(text: String) -> Message {
    Message {
        id: "vintage-1".to_owned(),
        conversation: Conversation {
            kind: ChatKind::Direct,
            space: None,
            room: "room".to_owned(),
            thread: None,
            title: None,
        },
        sender: Sender {
            kind: SenderKind::Person,
            id: "sender".to_owned(),
            username: None,
            display_name: None,
        },
        text,
        sent_at_ms: clock::now_ms(),
        mentions_self: false,
        reply_to_self: false,
        edited: false,
        forwarded: false,
        quote: None,
        reply_context: Vec::new(),
    }
}

impl channel::Guest for Vintage {
    async fn run(start: channel::Start) -> Result<(), Failure> {
        log::write(log::Level::Info, "started", &[("config".to_owned(), start.config)]);
        inbound::state(&inbound::Connection::Connecting);
        let text = poll().await?;
        if let Err(refused) = inbound::admit(message(text), Some(b"cursor".to_vec())).await {
            return Err(failure("admit", format!("{refused:?}")));
        }
        inbound::state(&inbound::Connection::Ready);
        events::set_timer("tick", 1);
        let mut acked = 0;
        loop {
            let event = events::next(acked).await;
            acked = event.sequence;
            match event.occurrence {
                events::Occurrence::Timer(name) => {
                    TIMERS.set(TIMERS.get() + 1);
                    events::set_timer(&name, 1);
                }
                events::Occurrence::Shutdown => return Ok(()),
            }
        }
    }

    async fn send(outbound: Outbound) -> Outcome {
        clock::sleep(1).await;
        let id = format!("{}:{}", TIMERS.get(), outbound.text.len());
        Outcome::Sent(Receipt { message_ids: vec![id] })
    }

    async fn probe() -> Result<channel::Identity, Failure> {
        let facts = vec![("contract".to_owned(), "0.1.0".to_owned())];
        Ok(channel::Identity { id: "vintage".to_owned(), username: None, display_name: None, facts })
    }
}

impl typing::Guest for Vintage {
    async fn notify(target: Target) -> Result<(), Failure> {
        Err(failure("typing", target.room))
    }
}
