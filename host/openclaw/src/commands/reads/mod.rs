//! Commands that ask one question and show the answer: one row of [`table::READS`] each, which says what is asked, with
//! which right, and how it reads. They need no module of their own, and no parameter type: the gateway judges the
//! parameters.

mod show;
mod table;

use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Args as _, Command, FromArgMatches, Subcommand};
use openclaw_protocol::Scope;
use serde_json::{Map, Value};

use crate::{
    client::{Client, Mode, PATIENCE_MS, RpcFlags, Target, block_on},
    context::Context,
    error::CliError,
    output::{age, clean, print_json, print_line},
};
use show::Show;

/// One command.
struct Read {
    /// The words behind `openclaw`.
    path: &'static [&'static str],
    /// For the help.
    about: &'static str,
    /// What else the help shows, without `openclaw`.
    example: &'static str,
    method: &'static str,
    scope: Scope,
    flags: &'static [Flag],
    show: Show,
}

/// One flag, which becomes one parameter.
struct Flag {
    name: &'static str,
    about: &'static str,
    /// The parameter.
    key: &'static str,
    kind: Kind,
}

/// What a flag takes.
enum Kind {
    Text,
    /// A text that must be there.
    Required,
    /// A whole number from 1.
    Number,
    /// Nothing: the parameter becomes true.
    Switch,
    /// One of these; the first unless another is named.
    Choice(&'static [&'static str]),
}

/// What stands above a group in the help.
const GROUPS: &[(&[&str], &str)] = &[
    (&["system"], "Who is connected, heartbeats, and news for the agent"),
    (&["system", "heartbeat"], "Heartbeats of the agent"),
    (&["nodes"], "Machines that offer commands to the agent"),
    (&["cron"], "Scheduled jobs"),
    (&["users"], "People that the gateway knows"),
    (&["hooks"], "Internal hooks"),
    (&["skills"], "Skills of the agent"),
    (&["secrets"], "References to secrets"),
    (&["update"], "Newer versions"),
    (&["agents"], "Agents that are configured"),
];

/// A command that was typed.
#[derive(Debug)]
pub(crate) struct Typed {
    /// Its place in the table.
    index: usize,
    params: Map<String, Value>,
    rpc: RpcFlags,
}

/// The commands at the top, and those of `openclaw gateway`, as clap sees them.
macro_rules! commands {
    ($(#[$doc:meta])* $name:ident, $under:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name(pub(crate) Typed);

        impl FromArgMatches for $name {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                typed($under, matches).map(Self)
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                *self = Self::from_arg_matches(matches)?;
                Ok(())
            }
        }

        impl Subcommand for $name {
            fn augment_subcommands(command: Command) -> Command {
                augment(command, $under)
            }

            fn augment_subcommands_for_update(command: Command) -> Command {
                augment(command, $under)
            }

            fn has_subcommand(name: &str) -> bool {
                below($under).any(|(_, read)| read.path.get($under.len()) == Some(&name))
            }
        }
    };
}

commands!(
    /// Commands directly behind `openclaw`.
    Top, &[] as &[&str]
);
commands!(
    /// Commands behind `openclaw gateway`.
    OfGateway, &["gateway"] as &[&str]
);

/// The rows below `under`. What stands below `gateway` is not at the top.
fn below(under: &'static [&'static str]) -> impl Iterator<Item = (usize, &'static Read)> {
    let elsewhere = move |read: &Read| under.is_empty() && read.path.first() == Some(&"gateway");
    table::READS.iter().enumerate().filter(move |(_, read)| {
        read.path.starts_with(under) && read.path.len() > under.len() && !elsewhere(read)
    })
}

/// Adds the rows below `under`, and the groups between.
fn augment(mut command: Command, under: &'static [&'static str]) -> Command {
    let mut seen: Vec<&str> = Vec::new();
    for (_, read) in below(under) {
        let Some(name) = read.path.get(under.len()).copied() else { continue };
        if !seen.contains(&name) {
            seen.push(name);
            command = command.subcommand(node(name, read, under.len() + 1));
        }
    }
    command
}

/// The command of one word: a row, a group, or both.
fn node(name: &'static str, first: &'static Read, depth: usize) -> Command {
    let Some(path) = first.path.get(..depth) else { return Command::new(name) };
    let mut command = Command::new(name);
    let row = table::READS.iter().find(|read| read.path == path);
    if let Some(row) = row {
        // The shared flags bring a heading, which what follows would stand under, and words of their own.
        command = RpcFlags::augment_args(command.args(row.flags.iter().map(argument))).about(row.about);
        let examples = row.example.lines().map(|line| format!("  openclaw {line}"));
        command = command.after_help(format!("Examples:\n{}", examples.collect::<Vec<_>>().join("\n")));
    } else {
        let about = GROUPS.iter().find(|(group, _)| *group == path).map_or("", |(_, about)| *about);
        command = command.about(about).subcommand_required(true).arg_required_else_help(true);
    }
    augment(command, path)
}

fn argument(flag: &Flag) -> Arg {
    let argument = Arg::new(flag.name).long(flag.name).help(flag.about);
    match flag.kind {
        Kind::Text => argument.value_name("TEXT"),
        Kind::Required => argument.value_name("TEXT").required(true),
        Kind::Number => argument.value_name("N").value_parser(clap::value_parser!(u64).range(1..)),
        Kind::Switch => argument.action(ArgAction::SetTrue),
        Kind::Choice(words) => argument.value_name("WORD").value_parser(words.to_vec()),
    }
}

/// Which row was typed, and with what.
fn typed(under: &'static [&'static str], matches: &ArgMatches) -> Result<Typed, clap::Error> {
    let mut path: Vec<&str> = under.to_vec();
    let mut matches = matches;
    while let Some((name, deeper)) = matches.subcommand() {
        path.push(name);
        matches = deeper;
    }
    let found = table::READS.iter().enumerate().find(|(_, read)| read.path == path);
    let Some((index, read)) = found else {
        return Err(clap::Error::new(clap::error::ErrorKind::MissingSubcommand));
    };
    let mut params = Map::new();
    for flag in read.flags {
        let text = || matches.get_one::<String>(flag.name).cloned().map(Value::from);
        let value = match flag.kind {
            Kind::Text | Kind::Required => text(),
            Kind::Choice(words) => text().or_else(|| words.first().map(|word| Value::from(*word))),
            Kind::Number => matches.get_one::<u64>(flag.name).copied().map(Value::from),
            Kind::Switch => matches.get_flag(flag.name).then_some(Value::Bool(true)),
        };
        if let Some(value) = value {
            params.insert(flag.key.to_owned(), value);
        }
    }
    Ok(Typed { index, params, rpc: RpcFlags::from_arg_matches(matches)? })
}

pub(crate) fn run(typed: &Typed, context: &Context) -> Result<ExitCode, CliError> {
    let Some(read) = table::READS.get(typed.index) else { return Ok(ExitCode::FAILURE) };
    let target = Target::resolve(&typed.rpc.target, context)?;
    let answer = block_on(async {
        let patience = typed.rpc.timeout.unwrap_or(PATIENCE_MS);
        let mut client = Client::connect(&target, Mode::Cli, &[read.scope], patience).await?;
        Ok(client.raw(read.method, Value::Object(typed.params.clone())).await?)
    })?;
    if answer.get("ok").and_then(Value::as_bool) == Some(false) {
        let reason = answer.get("reason").and_then(Value::as_str).map(clean);
        return Err(CliError::invalid(reason.unwrap_or_else(|| "The gateway did not accept it.".to_owned())));
    }
    if context.json {
        print_json(&answer)?;
    } else {
        print_line(&read.show.text(&answer, context.output, age::now_ms()))?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_is_described_and_every_row_has_its_own_words() {
        for read in table::READS {
            assert_eq!(
                table::READS.iter().filter(|other| other.path == read.path).count(),
                1,
                "{:?}",
                read.path
            );
            for depth in 1..read.path.len() {
                let group = &read.path[..depth];
                let is_row = table::READS.iter().any(|other| other.path == group);
                let described = GROUPS.iter().any(|(path, _)| *path == group);
                assert!(is_row || described || group == ["gateway"], "{group:?}");
            }
        }
    }

    #[test]
    fn what_is_typed_becomes_parameters() {
        let check = |line: &str, method: &str, params: Value| {
            let command = Top::augment_subcommands(Command::new("openclaw"));
            let matches = command.try_get_matches_from(line.split(' ')).unwrap();
            let Top(typed) = Top::from_arg_matches(&matches).unwrap();
            assert_eq!(table::READS[typed.index].method, method, "{line}");
            assert_eq!(Value::Object(typed.params), params, "{line}");
        };
        use serde_json::json;
        check("openclaw cron list", "cron.list", json!({}));
        check("openclaw cron list --all", "cron.list", json!({"includeDisabled": true}));
        check("openclaw system heartbeat last", "last-heartbeat", json!({}));
        check("openclaw system event --text hi", "wake", json!({"text": "hi", "mode": "next-heartbeat"}));
        check("openclaw system event --text hi --mode now", "wake", json!({"text": "hi", "mode": "now"}));
        check("openclaw audit --timeout 1000", "audit.activity.list", json!({}));
        assert!(!Top::has_subcommand("usage-cost") && OfGateway::has_subcommand("usage-cost"));
    }
}
