//! `docs/plugins/hostile.md`: the table, for people. Written when `OPENCLAW_WRITE_DOCS` is set, compared with the table otherwise.

use std::path::Path;
use std::time::Duration;

use crate::bars::OWN;
use crate::cases::{CASES, Deed};
use crate::report::Report;

const NAME: &str = "documented";

const HEAD: &str = "\
# Hostile components

What the hostile suite (`tests/hostile`, `cargo xtask test hostile`) does to the gateway, and what contains it. Each case runs beside a
healthy account, which has to answer every message once, with a p99 below 50 ms; each is contained within its deadline plus 100 ms,
and what contained it is what the account's status, its caller or the component itself is told.

This file is printed from the table of the suite: change it there, and run the suite with `OPENCLAW_WRITE_DOCS=1`.

";

const AFTER: &[(&str, &str, &str)] = &[
    (
        "t1-one-of-ten-traps",
        "one of ten accounts traps on every message, at 50 messages a second",
        "the other nine lose none, and their p99 changes by at most 5 % and 20 ms",
    ),
    (
        "t71-canary",
        "all of the above, with secrets from configuration, environment and file",
        "none of them is in a file, the database, the log, the console, the metrics, a command's output, `ps` or what another vendor heard",
    ),
    ("placeholders-arrive", "text that looks like a placeholder", "arrives as it was written"),
    ("log-is-bounded", "what the floods wrote", "each account has its minute's lines in the log"),
    ("memory-is-bounded", "all of the above", "the gateway has what it had"),
];

fn text() -> String {
    let seconds = |deadline: Duration| format!("{:.1} s", deadline.as_secs_f64());
    let cell = |text: &str| text.replace('|', "\\|");
    let mut text = HEAD.to_owned();
    text.push_str("## In the gateway\n\n| case | what the component does | what contains it | within |\n|---|---|---|---|\n");
    for case in CASES {
        let place = match case.deed {
            Deed::Act(..) | Deed::Start(_) if case.must.words().is_empty() => {
                "the host answers, and it goes on".to_owned()
            }
            Deed::Act(..) | Deed::Start(_) => {
                format!("{}: `{}`", case.must.shown(), case.must.words().replace('`', ""))
            }
        };
        text.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            case.name,
            cell(case.does),
            cell(&place),
            seconds(case.deadline)
        ));
    }
    text.push_str("\n## On the runtime\n\n| case | what the component does | what contains it | within |\n|---|---|---|---|\n");
    for own in OWN {
        text.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            own.name,
            cell(own.does),
            cell(own.must),
            seconds(own.deadline)
        ));
    }
    text.push_str("\n## After all of them\n\n| case | what is looked at | what must hold |\n|---|---|---|\n");
    for (name, what, must) in AFTER {
        text.push_str(&format!("| {name} | {what} | {must} |\n"));
    }
    text
}

fn check() -> Result<String, String> {
    let mut names: Vec<_> =
        CASES.iter().map(|case| case.name).chain(OWN.iter().map(|own| own.name)).collect();
    names.extend(AFTER.iter().map(|(name, ..)| *name));
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("two cases are named {}", twice[0]));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/plugins/hostile.md");
    let wanted = text();
    if std::env::var_os("OPENCLAW_WRITE_DOCS").is_some() {
        std::fs::write(&path, &wanted).map_err(|error| error.to_string())?;
    }
    match std::fs::read_to_string(&path) {
        Ok(text) if text == wanted => Ok(format!("{} cases", names.len())),
        _ => Err(
            "docs/plugins/hostile.md is not what the table says: run the suite with OPENCLAW_WRITE_DOCS=1"
                .to_owned(),
        ),
    }
}

pub(crate) fn run(report: &mut Report) {
    if report.wants(NAME) {
        report.also(NAME, check());
    }
}
