//! A panic of the host in each kind of task, in the real binary: the process lives, the panic is counted, and the work goes on.
//! And the program that people run has none of the places at which that is asked for.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "panics/world.rs"]
mod world;

use std::path::Path;

use openclaw_e2e::control::Connection;
use openclaw_e2e::{Home, TOKEN, binary, binary_with_failpoints, eventually, fakes, open};
use openclaw_failpoints::NAMES;
use openclaw_fakes::{DiscordTalker, Talker};
use serde_json::json;
use world::{BOT, VARIABLE, WENT_WRONG, World};

/// Has the point passed while it panics, and looks at what comes of it and at what it was for.
async fn panic_at(world: &mut World, point: &str) {
    match point {
        "devices.change" => {
            let params = json!({"publicUrl": "ws://127.0.0.1:1"});
            world.client.call("device.pair.setupCode", params.clone()).await.unwrap_err();
            world.client.call("device.pair.setupCode", params).await.unwrap();
        }
        "gateway.tick" => {
            world.passed(point).await;
            world.client.seen.clear();
            world.client.until(|frame| frame["event"] == "tick").await;
        }
        "gateway.tell" => {
            drop(Connection::open(&world.home, &["operator.read"]).await);
            world.passed(point).await;
            world.client.seen.clear();
            world.client.until(|frame| frame["event"] == "presence").await;
        }
        "gateway.upkeep" => {
            world.passed(point).await;
            world.client.call("sessions.cleanup", json!({"dryRun": true})).await.unwrap();
        }
        "gateway.watchdog" => {
            world.passed(point).await;
            world.is_beating().await;
        }
        "http.accept" | "http.connection" => {
            world.fetch("/healthz").await.unwrap_err();
            assert_eq!(world.fetch("/healthz").await.unwrap().status, 200);
        }
        "http.request" => {
            assert_eq!(world.fetch("/healthz").await.unwrap().status, 500);
            assert_eq!(world.fetch("/healthz").await.unwrap().status, 200);
        }
        "http.webhook" => {
            assert_eq!(world.webhook().await, 500);
            assert_eq!(world.webhook().await, 202);
        }
        "http.hook" => {
            let broken = world.run_by_hook().await;
            assert!(broken.status == 503 && broken.body.contains("broke off"), "{broken:?}");
            assert_eq!(world.run_by_hook().await.json()["completion"]["status"], "ok");
        }
        "local.accept" | "local.connection" => {
            assert_eq!(world.local().await, "");
            assert_eq!(world.local().await, "HTTP/1.1 404");
        }
        "log.write" => {
            world.answers().await;
            world.passed(point).await;
            world.fetch("/nothing").await.unwrap();
            let before = world.home.log().matches("turn completed").count();
            world.client.talk("agent:main:log", "hello", "log").await;
            eventually("the log goes on", async || {
                world.home.log().matches("turn completed").count() > before
            })
            .await;
        }
        "messaging.admit" | "messaging.decide" | "messaging.queue" | "messaging.typing"
        | "messaging.outbox" | "messaging.record" | "runtime.inbound" | "runtime.http" | "runtime.body"
        | "store.commit" => {
            let text = world.say();
            world.passed(point).await;
            world.answered(&text).await;
        }
        "messaging.lane" | "messaging.turn" | "models.stream" => {
            let before = world.answers_with(WENT_WRONG);
            world.say();
            world.apologises(before).await;
        }
        "messaging.send" => {
            let text = world.say();
            world.passed(point).await;
            world.answers().await;
            assert_eq!(world.answers_with(&text), 0, "a send that may have left is not repeated");
        }
        // Nobody provokes them: they come again by themselves.
        "messaging.upkeep" | "store.write" | "runtime.epoch" => {
            world.passed(point).await;
            if point == "runtime.epoch" {
                let before = world.account("echo").await["supervision"]["strikes"].as_u64().unwrap();
                world.echo("spin:400").await.unwrap();
                eventually("a component that computes is interrupted", async || {
                    world.account("echo").await["supervision"]["strikes"].as_u64().unwrap() > before
                })
                .await;
            }
        }
        "reload.config" => {
            let applied = |world: &World| world.home.log().matches("config hot reload applied").count();
            let before = applied(world);
            world.edit(|config| config["agents"]["defaults"]["timeoutSeconds"] = json!(99));
            eventually("the edit is in force", async || applied(world) > before).await;
        }
        "reload.plugins" => {
            let manifest = world.home.state().join("plugins/echo/plugin.toml");
            let text = std::fs::read_to_string(&manifest).unwrap().replace("0.1.0\"\nwit", "0.1.1\"\nwit");
            std::fs::write(&manifest, text).unwrap();
            eventually("the new manifest is used", async || {
                let listed = world.client.call("plugins.list", json!({})).await.unwrap();
                let plugins = listed["plugins"].as_array().unwrap();
                plugins.iter().any(|plugin| plugin["id"] == "echo" && plugin["version"] == "0.1.1")
            })
            .await;
        }
        "rpc.method" => {
            assert_eq!(world.client.refused("health", json!({})).await, "internal error");
            world.client.call("health", json!({})).await.unwrap();
        }
        "rpc.once" => {
            assert_eq!(world.echo("hello").await.unwrap_err(), "internal error");
            assert_eq!(world.echo("hello").await.unwrap(), "5");
        }
        "turns.run" => {
            let broken = world.client.talk("agent:main:run", "hello", "broken").await;
            assert_eq!(broken["state"], "error", "{broken}");
            assert_eq!(world.client.talk("agent:main:run", "hello", "whole").await["state"], "final");
        }
        "turns.wake" => {
            world.hook("/wake", json!({"text": "the build is red"})).await;
            world.passed(point).await;
            let before = world.model.chats().len();
            world.hook("/wake", json!({"text": "the build is green"})).await;
            eventually("the next event begins a turn", async || world.model.chats().len() > before).await;
        }
        "runtime.kv" => {
            let put = r#"use:{"put":["key","value"]}"#;
            assert!(world.echo(put).await.unwrap().contains("Unavailable"));
            assert_eq!(world.echo(put).await.unwrap(), "ok");
        }
        "runtime.media" => {
            let keep = r#"use:{"keep":["a.txt","text/plain","hello"]}"#;
            assert!(world.echo(keep).await.unwrap().contains("Unavailable"));
            assert!(world.echo(keep).await.unwrap().ends_with("text/plain Some(\"a.txt\") 5"));
        }
        "runtime.process" => {
            let start = r#"use:{"start":"helper"}"#;
            assert_eq!(world.echo(start).await.unwrap(), "1");
            world.passed(point).await;
            world.echo("listen:1").await.unwrap();
            let mut heard = String::new();
            eventually("the component hears of the end", async || {
                heard = world.echo("events").await.unwrap();
                heard.contains("exited")
            })
            .await;
            assert!(heard.contains("1 exited None"), "{heard}");
            assert_eq!(world.echo(start).await.unwrap(), "2");
        }
        "runtime.websocket" => {
            world.discord.cut(BOT);
            world.passed(point).await;
            world.discord.say(BOT, &DiscordTalker::private(7, "ada"), "over the socket");
            eventually("a message over the next socket is answered", async || {
                let sent = world.discord.messages(BOT);
                sent.iter()
                    .any(|sent| sent.content.as_ref().is_some_and(|text| text.contains("over the socket")))
            })
            .await;
        }
        "store.read" => {
            // Somebody else may be the one who reads.
            drop(world.client.call("sessions.list", json!({})).await);
            world.passed(point).await;
            world.client.call("sessions.list", json!({})).await.unwrap();
        }
        "runtime.call" => {
            world.say();
            world.passed(point).await;
        }
        "runtime.instance" | "supervisor.account" | "supervisor.start" | "supervisor.follow" => {
            world.restart().await;
            world.passed(point).await;
            // Its message ends the vendor's wait for one.
            world.answers().await;
            eventually("the account is ready", async || {
                world.account("telegram").await["lifecycle"] == "ready"
            })
            .await;
        }
        "ws.connection" => {
            assert!(!world.is_greeted().await);
            assert!(world.is_greeted().await);
        }
        other => panic!(
            "nothing here passes the failpoint {other}: add how it comes to be passed, and what it was for"
        ),
    }
    if matches!(point, "runtime.call" | "runtime.instance" | "supervisor.account" | "supervisor.start") {
        world.answers().await;
        // A person has looked: the next fault is the first.
        world.restart().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_the_host_ends_one_piece_of_work_and_nothing_else() {
    let mut world = World::start().await;
    world.answers().await;
    let mut counted = world.panics().await;
    assert_eq!(counted, 0);
    for point in NAMES {
        let begun = std::time::Instant::now();
        world.order(point);
        panic_at(&mut world, point).await;
        world.answers().await;
        counted += 1;
        assert_eq!(world.panics().await, counted, "{point}");
        println!("{point}: {:?}", begun.elapsed());
    }
    world.order_nothing();
    assert!(!world.home.console().contains(VARIABLE), "an order was not understood");
    // The very process that was started.
    assert_eq!(world.gateway.take().unwrap().terminate().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_can_end_the_process_and_what_is_no_order_is_said() {
    let (telegram, model) = fakes().await;
    let home = Home::new(open(&telegram, &model));
    let mut command = home.command_of(&binary_with_failpoints(), &["gateway", "run"]);
    command.env(VARIABLE, "messaging.turn=abort@2; messaging.tourn=panic");
    let gateway = home.launch(command).await;
    let console = home.console();
    assert!(
        console.contains("`messaging.tourn=panic` is not an order: no failpoint has this name"),
        "{console}"
    );
    let say = |text: &str| telegram.say(TOKEN, &Talker::private(1, "somebody"), text);
    let answered = async |text: &str| {
        eventually("it is answered", async || {
            telegram.messages(TOKEN).iter().filter(|sent| sent.text.contains(text)).count() == 1
        })
        .await;
    };
    say("the first");
    answered("the first").await;
    say("the second");
    assert_eq!(gateway.ended().await, -1, "a signal ends it");
    // Nobody has tidied up, and nothing is lost.
    let _gateway = home.start().await;
    answered("the second").await;
}

#[test]
fn the_program_that_people_run_has_no_failpoint() {
    let has = |program: &Path| {
        let search = std::process::Command::new("grep").args(["-q", VARIABLE]).arg(program).status().unwrap();
        search.code().filter(|code| *code < 2).expect("grep looked") == 0
    };
    assert!(has(&binary_with_failpoints()));
    assert!(!has(&binary()), "{} was built with failpoints: run `cargo xtask build`", binary().display());
}
