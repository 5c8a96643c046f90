//! The cases that are played on the runtime, and the bars that they hold.

use std::time::{Duration, Instant};

use openclaw_runtime::dialect::{ChatRequest, Content, EmbeddingsRequest, Message, Role};
use openclaw_runtime::guest::{Outcome, Reaction, Revision};
use openclaw_runtime::{Exit, Limits, ShimPool};
use serde_json::json;

use crate::bench::{Bench, Own, Playing, ended, judge, open_files, outbound, resident, target, timed};
use crate::components;
use crate::report::{Contained, Verdict};

const MIB: u64 = 1 << 20;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

macro_rules! own {
    ($name:literal, $does:literal, $must:literal, $deadline:expr, $play:expr) => {
        Own {
            name: $name,
            does: $does,
            must: $must,
            deadline: $deadline,
            play: |bench| -> Playing<'_> { Box::pin($play(bench)) },
        }
    };
}

/// A shim that does `body` in the export `name`, called by `call`.
macro_rules! shim {
    ($name:literal, $does:literal, $export:literal, $signature:literal, $body:literal, $must:literal, $deadline:expr, $call:expr) => {
        own!($name, $does, $must, $deadline, async |bench: &Bench| {
            let text =
                concat!("(func (export \"openclaw:plugin/", $export, "\") ", $signature, " ", $body, ")");
            let pool = bench.shim(text).await;
            let (said, took) = timed(async { $call(&pool) }).await;
            judge(&said, $must, took)
        })
    };
}

const TRAP: &str = "unreachable";

fn said<T: std::fmt::Debug>(answer: Result<T, openclaw_runtime::ShimError>) -> String {
    match answer {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => error.to_string(),
    }
}

fn prepare(pool: &ShimPool) -> String {
    said(pool.prepare(&request()))
}

fn push(pool: &ShimPool) -> String {
    match pool.decoder(true, "text/event-stream") {
        Ok(mut decoder) => said(decoder.push(b"data")),
        Err(error) => error.to_string(),
    }
}

fn finish(pool: &ShimPool) -> String {
    match pool.decoder(true, "text/event-stream") {
        Ok(mut decoder) => said(decoder.finish()),
        Err(error) => error.to_string(),
    }
}

fn construct(pool: &ShimPool) -> String {
    pool.decoder(true, "").map_or_else(|error| error.to_string(), |_| "it was made".to_owned())
}

/// The destructor's trouble is nobody's: the next stream is what counts.
fn destroy(pool: &ShimPool) -> String {
    drop(pool.decoder(true, ""));
    construct(pool)
}

fn classify(pool: &ShimPool) -> String {
    said(pool.classify(500, &[], b"no"))
}

fn embed(pool: &ShimPool) -> String {
    let request =
        EmbeddingsRequest { model: "m".into(), input: vec!["x".into()], dimensions: None, extra: Vec::new() };
    pool.prepare_embeddings(&request).map_or_else(|| "it has none".to_owned(), said)
}

fn request() -> ChatRequest {
    let message = Message {
        role: Role::User,
        content: Some(Content::Text("hello".into())),
        name: None,
        tool_calls: Vec::new(),
        tool_call_id: None,
    };
    ChatRequest {
        model: "m".into(),
        messages: vec![message],
        tools: Vec::new(),
        tool_choice: None,
        stream: true,
        max_tokens: None,
        temperature: None,
        top_p: None,
        stop: Vec::new(),
        extra: Vec::new(),
        compat: String::new(),
    }
}

#[rustfmt::skip]
pub(crate) const OWN: &[Own] = &[
    shim!("shim-trap-prepare", "a provider traps in `prepare`", "provider@0.2.0#prepare", "(param i32) (result i32)", "unreachable", "unreachable", ms(100), prepare),
    shim!("shim-trap-push", "a provider traps in `decoder.push`", "provider@0.2.0#[method]decoder.push", "(param i32 i32 i32) (result i32)", "unreachable", "unreachable", ms(100), push),
    shim!("shim-trap-finish", "a provider traps in `decoder.finish`", "provider@0.2.0#[method]decoder.finish", "(param i32) (result i32)", "unreachable", "unreachable", ms(100), finish),
    shim!("shim-trap-constructor", "a provider traps when it makes a decoder", "provider@0.2.0#[constructor]decoder", "(param i32 i32 i32) (result i32)", "unreachable", "unreachable", ms(100), construct),
    shim!("shim-trap-destructor", "a provider traps when a decoder is dropped", "provider@0.2.0#[dtor]decoder", "(param i32)", "unreachable", "it was made", ms(100), destroy),
    shim!("shim-trap-classify", "a provider traps in `classify`", "provider@0.2.0#classify", "(param i32 i32 i32 i32 i32) (result i32)", "unreachable", "unreachable", ms(100), classify),
    shim!("shim-trap-models", "a provider traps in `prepare-models`", "provider@0.2.0#prepare-models", "(result i32)", "unreachable", "unreachable", ms(100), |pool: &ShimPool| said(pool.prepare_models())),
    shim!("shim-trap-decode-models", "a provider traps in `decode-models`", "provider@0.2.0#decode-models", "(param i32 i32) (result i32)", "unreachable", "unreachable", ms(100), |pool: &ShimPool| said(pool.decode_models(b"{}"))),
    shim!("shim-trap-embeddings", "a provider traps in `prepare-embeddings`", "embeddings@0.2.0#prepare-embeddings", "(param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)", "unreachable", "unreachable", ms(100), embed),
    shim!("shim-trap-decode-embeddings", "a provider traps in `decode-embeddings`", "embeddings@0.2.0#decode-embeddings", "(param i32 i32) (result i32)", "unreachable", "unreachable", ms(100), |pool: &ShimPool| said(pool.decode_embeddings(b"{}"))),
    shim!("shim-loop-prepare", "a provider computes for ever in `prepare`", "provider@0.2.0#prepare", "(param i32) (result i32)", "(loop (br 0)) unreachable", "interrupt", ms(40), prepare),
    shim!("shim-loop-push", "a provider computes for ever in `decoder.push`", "provider@0.2.0#[method]decoder.push", "(param i32 i32 i32) (result i32)", "(loop (br 0)) unreachable", "interrupt", ms(40), push),
    shim!("shim-loop-finish", "a provider computes for ever in `decoder.finish`", "provider@0.2.0#[method]decoder.finish", "(param i32) (result i32)", "(loop (br 0)) unreachable", "interrupt", ms(40), finish),
    shim!("shim-loop-classify", "a provider computes for ever in `classify`", "provider@0.2.0#classify", "(param i32 i32 i32 i32 i32) (result i32)", "(loop (br 0)) unreachable", "interrupt", ms(40), classify),
    shim!("shim-loop-models", "a provider computes for ever in `prepare-models`", "provider@0.2.0#prepare-models", "(result i32)", "(loop (br 0)) unreachable", "interrupt", ms(40), |pool: &ShimPool| said(pool.prepare_models())),
    shim!("shim-loop-embeddings", "a provider computes for ever in `decode-embeddings`", "embeddings@0.2.0#decode-embeddings", "(param i32 i32) (result i32)", "(loop (br 0)) unreachable", "interrupt", ms(40), |pool: &ShimPool| said(pool.decode_embeddings(b"{}"))),
    shim!("shim-bad-result", "a provider's result lies beyond its memory", "provider@0.2.0#prepare", "(param i32) (result i32)", "(i32.const 0x7ffffff0)", "out of bounds", ms(100), prepare),
    shim!("shim-stack", "a provider calls itself for ever", "provider@0.2.0#prepare-models", "(result i32)", "(local i32) (call $again) unreachable)\n(func $again (call $again)", "call stack exhausted", ms(100), |pool: &ShimPool| said(pool.prepare_models())),
    own!("shim-loop-at-start", "a provider computes for ever in its start function", "interrupt", ms(40), shim_start),
    own!("shim-grows", "a provider grows its memory by 4 GiB", "unreachable", ms(100), shim_grows),
    own!("trap-in-typing", "aborts in `notify`", "unreachable", ms(100), async |bench: &Bench| typing(bench, "trap", "unreachable").await),
    own!("loop-in-typing", "computes for ever in `notify`", "computed for too long", ms(2_100), async |bench: &Bench| typing(bench, "spin", "computed for too long").await),
    own!("trap-in-edit", "aborts in `apply`", "unreachable", ms(100), trap_in_edit),
    own!("never-edit", "never answers `apply`", "did not answer `edit` in time", ms(550), never_edit),
    own!("never-react", "never answers `set`", "did not answer `react` in time", ms(550), never_react),
    own!("never-send", "never answers `send`", "did not answer `send` in time", ms(550), never_send),
    own!("never-typing", "never answers `notify`", "did not answer `typing` in time", ms(550), never_typing),
    own!("rests-and-computes", "computes, rests for no time at all, and computes again", "did not answer `send` in time", ms(1_050), resting),
    own!("t2-trap-storm", "traps ten thousand times", "the host grows by at most 2 MiB and no open file", ms(120_000), trap_storm),
    own!("t3-memory-bomb", "grows its memory by 4 GiB, where it may have 32 MiB", "refused within 10 ms", ms(10), memory_bomb),
    own!("t3-memory-taken", "takes all the memory that it may have", "the host grows by at most the limit and 4 MiB", ms(1_000), memory_taken),
    own!("t4-four-loops", "four instances compute for ever on two threads", "each is ended within 2 s and 20 ms", ms(2_020), four_loops),
];

async fn shim_start(bench: &Bench) -> Verdict {
    let pool = bench.shim("(func $start (loop (br 0)))\n(start $start)").await;
    let (said, took) = timed(async { prepare(&pool) }).await;
    judge(&said, "interrupt", took)
}

async fn shim_grows(bench: &Bench) -> Verdict {
    let text = "(memory (export \"memory\") 1)\n(func (export \"openclaw:plugin/provider@0.2.0#prepare\") (param i32) (result i32) \
                (if (i32.eq (memory.grow (i32.const 65535)) (i32.const -1)) (then unreachable)) (i32.const 0))";
    let pool = bench.shim(text).await;
    let (said, took) = timed(async { prepare(&pool) }).await;
    judge(&said, TRAP, took)
}

async fn typing(bench: &Bench, act: &str, wanted: &str) -> Verdict {
    let instance = bench.start(&json!({ "typing": [act] }), Limits::default());
    let (answer, took) = timed(instance.typing(target())).await;
    match answer {
        Ok(()) => Err("it was shown".to_owned()),
        Err(_) => judge(&ended(&instance.exited().await), wanted, took),
    }
}

fn hasty() -> Limits {
    Limits { send: ms(500), probe: ms(500), ..Limits::default() }
}

fn revision() -> Revision {
    Revision { target: target(), message_id: "1".into(), text: "x".into(), reply_context: Vec::new() }
}

async fn trap_in_edit(bench: &Bench) -> Verdict {
    let instance = bench.start(&json!({ "edit": ["trap"] }), Limits::default());
    let (answer, took) = timed(instance.edit(revision())).await;
    match answer {
        // It may have been carried out.
        Ok(Outcome::Ambiguous(_)) => judge(&ended(&instance.exited().await), TRAP, took),
        other => Err(format!("{other:?}")),
    }
}

async fn never_edit(bench: &Bench) -> Verdict {
    let instance = bench.start(&json!({ "edit": ["sleep:forever"] }), hasty());
    let (_, took) = timed(instance.edit(revision())).await;
    judge(&ended(&instance.exited().await), "did not answer `edit` in time", took)
}

async fn never_react(bench: &Bench) -> Verdict {
    let instance = bench.start(&json!({ "react": ["sleep:forever"] }), hasty());
    let emoji = Some("x".to_owned());
    let reaction = Reaction { target: target(), message_id: "1".into(), emoji, instead_of: None };
    let (_, took) = timed(instance.react(reaction)).await;
    judge(&ended(&instance.exited().await), "did not answer `react` in time", took)
}

async fn never_send(bench: &Bench) -> Verdict {
    let instance = bench.start(&json!({ "send": ["sleep:forever"] }), hasty());
    let (_, took) = timed(instance.send(outbound("x"), Vec::new())).await;
    judge(&ended(&instance.exited().await), "did not answer `send` in time", took)
}

async fn never_typing(bench: &Bench) -> Verdict {
    let instance = bench.start(&json!({ "typing": ["sleep:forever"] }), hasty());
    let (_, took) = timed(instance.typing(target())).await;
    judge(&ended(&instance.exited().await), "did not answer `typing` in time", took)
}

async fn resting(bench: &Bench) -> Verdict {
    let limits = Limits { send: ms(1_000), ..Limits::default() };
    let instance = bench.start(&json!({ "send": ["spin-resting"] }), limits);
    let (_, took) = timed(instance.send(outbound("x"), Vec::new())).await;
    judge(&ended(&instance.exited().await), "did not answer `send` in time", took)
}

async fn trap_storm(bench: &Bench) -> Verdict {
    let plugin = bench.channel(&components::channel_file("trap-in-realloc.wat")).await;
    let storm = async |traps: usize| {
        for _ in 0..traps {
            let instance = crate::bench::start(&bench.runtime, &plugin, &json!({}), Limits::default());
            match instance.exited().await {
                Exit::Trapped { .. } => {}
                other => return Err(format!("{other:?}")),
            }
        }
        Ok(())
    };
    // What the engine keeps for the next instance is there after the first ones.
    storm(1_000).await?;
    let (memory, files) = (resident(), open_files());
    let (stormed, took) = timed(storm(10_000)).await;
    stormed?;
    let (grown, opened) = (resident().saturating_sub(memory), open_files().saturating_sub(files));
    let by = format!("10,000 traps: {} KiB, {opened} files", grown / 1024);
    if grown > 2 * MIB || opened > 0 { Err(by) } else { Ok(Contained { by, took }) }
}

async fn memory_bomb(bench: &Bench) -> Verdict {
    let plugin = bench.channel(&components::channel_file("memory-grow.wat")).await;
    let limits = Limits { memory: 32 << 20, ..Limits::default() };
    let before = resident();
    let began = Instant::now();
    let instance = crate::bench::start(&bench.runtime, &plugin, &json!({}), limits);
    let exit = instance.exited().await;
    let took = began.elapsed();
    let grown = resident().saturating_sub(before);
    if grown > 4 * MIB {
        return Err(format!("the host grew by {} KiB", grown / 1024));
    }
    judge(&ended(&exit), TRAP, took)
}

async fn memory_taken(bench: &Bench) -> Verdict {
    let limit = 32 * MIB;
    let limits = Limits { memory: 32 << 20, ..Limits::default() };
    let before = resident();
    let instance = bench.start(&json!({ "send": ["grow-kept:4096", "sleep:100"] }), limits);
    let began = Instant::now();
    let sent = instance.send(outbound("x"), Vec::new());
    let watched = async {
        let mut most = 0;
        loop {
            most = resident().max(most);
            if began.elapsed() > ms(100) {
                return most;
            }
            tokio::time::sleep(ms(1)).await;
        }
    };
    let (answer, most) = tokio::join!(sent, watched);
    let grown = most.saturating_sub(before);
    let by = format!("{answer:?} and {} KiB", grown / 1024);
    if !by.contains("Sent") || grown > limit + 4 * MIB || grown < limit / 2 {
        Err(by)
    } else {
        Ok(Contained { by: format!("{} KiB at most", grown / 1024), took: began.elapsed() })
    }
}

async fn four_loops(bench: &Bench) -> Verdict {
    let loops: Vec<_> = (0..4).map(|_| bench.start(&json!({ "run": ["spin"] }), Limits::default())).collect();
    let began = Instant::now();
    for instance in &loops {
        match instance.exited().await {
            Exit::Runaway => {}
            other => return Err(format!("{other:?}")),
        }
    }
    Ok(Contained { by: "four times: computed for too long".into(), took: began.elapsed() })
}
