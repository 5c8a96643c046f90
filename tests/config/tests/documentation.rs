//! The examples in the documentation of the original: each is valid here, with nothing to complain about, or its own text
//! would also fail there, and then the reason stands in [`EXCEPTIONS`].

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use openclaw_config_proofs::examples::{Example, examples, included, variables};
use openclaw_config_proofs::{peer_docs, timed_command};
use openclaw_e2e::Home;
use serde_json::Value;

/// An example that may fail.
struct Exception {
    /// The page.
    page: &'static str,
    /// A line or a part of one that only this example of the page has.
    marker: &'static str,
    /// A part of what is said about it.
    fault: &'static str,
    /// Why its own text would also fail with the original.
    reason: &'static str,
}

const EXCEPTIONS: &[Exception] = &[
    Exception {
        page: "gateway/protocol/handshake.md",
        marker: "deviceToken",
        fault: "auth: Unrecognized key: ",
        reason: "the `auth` of a frame of the protocol, not the one of the configuration",
    },
    Exception {
        page: "channels/discord-activities.md",
        marker: "YOUR_DISCORD_APPLICATION_ID",
        fault: "channels.discord.activities.applicationId: ",
        reason: "a placeholder where digits are demanded",
    },
    Exception {
        page: "channels/discord/troubleshooting.md",
        marker: "ALPHA_DISCORD_USER_ID",
        fault: "channels.discord.accounts.bravo.mentionAliases.Alpha: ",
        reason: "a placeholder where digits are demanded",
    },
];

/// What is said although nothing is wrong with the text: which plugins there are, and that an excerpt is no whole file.
const NOT_ABOUT_THE_TEXT: &[&str] = &[
    ": no installed plugin serves this channel (see: openclaw plugins list)",
    " is not available in this build yet (its section is accepted and kept)",
    ": no installed plugin speaks \"anthropic-messages\" (see: openclaw plugins list)",
    ": no installed plugin speaks \"openai-responses\" (see: openclaw plugins list)",
    "gateway.mode: it is unset; a gateway start is blocked until it is set (openclaw config set gateway.mode local)",
];

fn excused(example: &Example, fault: &str) -> Vec<usize> {
    let fits = |exception: &Exception| {
        exception.page == example.page
            && example.text.contains(exception.marker)
            && fault.contains(exception.fault)
    };
    (0..EXCEPTIONS.len()).filter(|&n| fits(&EXCEPTIONS[n])).collect()
}

/// Everything that is said about an example, each as `path: message`.
async fn complaints(home: &Home, example: &Example) -> Vec<String> {
    std::fs::write(home.config_path(), &example.text).unwrap();
    let mut command = home.command(&["config", "validate", "--json"]);
    // What an example takes from the environment or from other files is there.
    for file in included(&example.text) {
        let path = home.state().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "{}").unwrap();
    }
    command.envs(variables(&example.text).into_iter().map(|name| (name, "1")));
    let ran = timed_command(command.current_dir(home.state())).await.ran;
    let answer = ran.json();
    let list = |key: &str| answer[key].as_array().cloned().unwrap_or_default();
    let shown = |issue: &Value| match issue {
        Value::String(text) => text.clone(),
        issue => format!("{}: {}", issue["path"].as_str().unwrap(), issue["message"].as_str().unwrap()),
    };
    let mut all: Vec<String> = list("issues").iter().chain(&list("warnings")).map(shown).collect();
    if ran.code != 0 && all.is_empty() {
        all.push(answer["error"]["message"].as_str().unwrap().to_owned());
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_the_documentation_is_valid() {
    let examples = Arc::new(examples(&peer_docs(), &["gateway", "channels"]));
    assert!(examples.len() > 350, "only {} examples were found", examples.len());
    let next = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let (examples, next) = (examples.clone(), next.clone());
            tokio::spawn(async move {
                let home = Home::empty();
                let mut found = Vec::new();
                while let Some(example) = examples.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let said = complaints(&home, example).await.into_iter();
                    let about_it =
                        |said: &String| !NOT_ABOUT_THE_TEXT.iter().any(|excuse| said.ends_with(excuse));
                    found.extend(
                        said.filter(about_it)
                            .map(|fault| (excused(example, &fault), example_name(example), fault)),
                    );
                }
                found
            })
        })
        .collect();
    let mut used = vec![false; EXCEPTIONS.len()];
    let mut faults = Vec::new();
    for task in tasks {
        for (excuses, example, fault) in task.await.unwrap() {
            if excuses.is_empty() {
                faults.push(format!("{example}: {fault}"));
            }
            excuses.into_iter().for_each(|n| used[n] = true);
        }
    }
    let idle = used.iter().zip(EXCEPTIONS).filter(|(used, _)| !**used);
    faults.extend(idle.map(|(_, exception)| {
        format!(
            "{}, \"{}\": nothing is wrong any more; remove the exception ({})",
            exception.page, exception.marker, exception.reason
        )
    }));
    faults.sort();
    println!("{} examples, {} exceptions", examples.len(), EXCEPTIONS.len());
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn example_name(example: &Example) -> String {
    format!("{}, \"{}\"", example.page, example.heading)
}
