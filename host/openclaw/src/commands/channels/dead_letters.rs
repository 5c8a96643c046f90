//! `openclaw channels dead-letters`: what could not be sent or read, and what is to become of it.

use std::process::ExitCode;

use clap::{Args, Subcommand as ClapSubcommand};
use openclaw_protocol::dead_letters::{
    DeadLetter, DeadLetterDetail, DeadLetterDropParams, DeadLetterGetParams, DeadLetterRetryParams,
    DeadLetters, DeadLettersListParams, MOST_LETTERS,
};
use openclaw_text::shortened;

use super::report;
use crate::{
    client::{self, ClientError, RpcFlags},
    commands::agreed,
    context::Context,
    error::CliError,
    output::{Output, age, clean, print_json, print_line},
};

/// What a line may take where nothing else is known.
const WIDTH: usize = 80;
/// Under what the list's ids stand.
const INDENT: usize = 12;

const HELP: &str = "\
Nothing that could not be sent or read disappears: it waits here until somebody decides.

  failed      The vendor refused it, or all attempts failed
  ambiguous   It may or may not have arrived: it is never sent again by itself
  expired     It could not be sent in time
  unread      It came in, and the plugin could not read it

Examples:
  openclaw channels dead-letters list
  openclaw channels dead-letters show send-17
  openclaw channels dead-letters retry send-17
  openclaw channels dead-letters drop unread-3 --yes";

/// `openclaw channels dead-letters …`
#[derive(Args, Debug)]
#[command(subcommand_required = true, arg_required_else_help = true, after_help = HELP)]
pub(crate) struct Flags {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, ClapSubcommand)]
enum Subcommand {
    /// List them, the newest first
    List(ListFlags),
    /// Show everything that is known of one
    Show(ShowFlags),
    /// Send one again, and what failed behind it of the same message
    Retry(DecideFlags),
    /// Forget one
    Drop(DecideFlags),
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw channels dead-letters list --channel <channel> --account <account>
  openclaw channels dead-letters list --limit 500 --json")]
struct ListFlags {
    /// Only of this channel
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Only of this account
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// How many at most (default: 50)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_LETTERS as u64))]
    limit: Option<u64>,
    #[command(flatten)]
    rpc: RpcFlags,
}

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  openclaw channels dead-letters show send-17")]
struct ShowFlags {
    /// Which one, as the list shows it
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    rpc: RpcFlags,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw channels dead-letters retry send-17
  openclaw channels dead-letters retry send-18 --yes   It may have arrived, and may appear twice
  openclaw channels dead-letters drop send-17 --yes")]
struct DecideFlags {
    /// Which one, as the list shows it
    #[arg(value_name = "ID")]
    id: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    rpc: RpcFlags,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    match &flags.command {
        Subcommand::List(flags) => list(flags, context),
        Subcommand::Show(flags) => show(flags, context),
        Subcommand::Retry(flags) => retry(flags, context),
        Subcommand::Drop(flags) => drop_one(flags, context),
    }
}

fn list(flags: &ListFlags, context: &Context) -> Result<ExitCode, CliError> {
    let params = DeadLettersListParams {
        channel: flags.channel.clone(),
        account_id: flags.account.clone(),
        limit: flags.limit.and_then(|limit| usize::try_from(limit).ok()),
    };
    let (raw, found) = client::ask(context, &flags.rpc, &params)?;
    if context.json {
        print_json(&raw)?;
    } else {
        print_line(&list_text(&found, context.output))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list_text(found: &DeadLetters, output: Output) -> String {
    let counts = found.counts;
    if found.total == 0 {
        return "No dead letters.".to_owned();
    }
    let width = output.columns.unwrap_or(WIDTH).max(WIDTH);
    let mut lines = vec![format!(
        "Dead letters: {} ({} failed · {} ambiguous · {} expired · {} unread)",
        found.total, counts.failed, counts.ambiguous, counts.expired, counts.unread
    )];
    for letter in &found.letters {
        let (id, about) = (format!("{:<INDENT$}", letter.id), heading(letter, found.ts));
        let about = shortened(&about, width.saturating_sub(INDENT));
        let text = shortened(&clean(&letter.text), width.saturating_sub(INDENT));
        lines.push(format!("{id}{about}"));
        if !text.is_empty() {
            lines.push(format!("{:INDENT$}{text}", ""));
        }
    }
    let shown = found.letters.len() as u64;
    if shown < found.total {
        lines.push(format!("{} more: --limit {MOST_LETTERS}, --channel, --account", found.total - shown));
    }
    lines.push("\nShow one: openclaw channels dead-letters show <id>; then retry it, or drop it.".to_owned());
    lines.join("\n")
}

/// Kind, age, place and reason of one, in a line.
fn heading(letter: &DeadLetter, now_ms: u64) -> String {
    let ago = age::ago(letter.at, now_ms);
    let code = clean(&letter.code);
    format!("{:<9}  {ago:<7}  {}  {code}", letter.kind, place(letter)).trim_end().to_owned()
}

/// `channel:account`, and the room where there is one.
fn place(letter: &DeadLetter) -> String {
    let DeadLetter { channel, account_id, room, thread_id, .. } = letter;
    let room = room.as_ref().map(|room| format!(" → {}", clean(room))).unwrap_or_default();
    let thread = thread_id.as_ref().map(|thread| format!("/{}", clean(thread))).unwrap_or_default();
    format!("{channel}:{account_id}{room}{thread}")
}

fn show(flags: &ShowFlags, context: &Context) -> Result<ExitCode, CliError> {
    let params = DeadLetterGetParams { id: flags.id.clone() };
    let (raw, detail) = client::ask(context, &flags.rpc, &params)?;
    if context.json {
        print_json(&raw)?;
    } else {
        print_line(&detail_text(&detail, age::now_ms()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn detail_text(detail: &DeadLetterDetail, now_ms: u64) -> String {
    let letter = &detail.letter;
    let mut lines = Vec::new();
    let mut fact = |name: &str, value: String| lines.push(format!("{name:<13}{value}"));
    fact("Dead letter", format!("{} ({})", letter.id, letter.kind));
    fact("Where", place(letter));
    fact("When", age::ago(letter.at, now_ms));
    match &detail.send {
        Some(send) => {
            let why = detail.detail.as_deref().unwrap_or_default();
            fact("Reason", format!("{}: {}", clean(&letter.code), clean(why)));
            fact("Part", format!("{} of {}", send.part, send.parts));
            fact("Attempts", send.attempts.to_string());
            fact("Written", age::ago(send.created_at, now_ms));
            let expired = send.expires_at <= now_ms;
            fact("Expiry", if expired { age::ago(send.expires_at, now_ms) } else { "not yet".to_owned() });
            fact("Key", send.idempotency_key.clone());
            if let Some(key) = &send.request_key {
                fact("Asked with", clean(key));
            }
            if let Some(reply_to) = &send.reply_to_id {
                fact("Answers", clean(reply_to));
            }
            for file in &send.files {
                let name = file.name.as_deref().map(clean).unwrap_or_else(|| "without a name".to_owned());
                fact("File", format!("{name} ({}, {} bytes)", clean(&file.mime), file.size));
            }
        }
        None => fact("Reason", clean(&letter.code)),
    }
    if let Some(unread) = &detail.unread {
        if let Some(id) = &unread.vendor_id {
            fact("Vendor's id", clean(id));
        }
        fact("Bytes", unread.bytes.to_string());
    }
    // Line by line, so that the lines stay.
    let text: Vec<String> = letter.text.lines().map(|line| format!("  {}", clean(line))).collect();
    format!("{}\n\n{}\n\n{}", lines.join("\n"), text.join("\n"), detail.advice)
}

fn retry(flags: &DecideFlags, context: &Context) -> Result<ExitCode, CliError> {
    let DecideFlags { id, yes, rpc } = flags;
    let asked = |twice: bool| {
        client::ask(context, rpc, &DeadLetterRetryParams { id: id.clone(), twice: twice.then_some(true) })
    };
    let answer = match asked(*yes) {
        Err(CliError::Gateway(error)) if is_uncertain(&error) => {
            let question = format!(
                "{id} may have arrived already and may then appear twice. Send it again all the same?"
            );
            if !agreed(&question, false, context)? {
                return Ok(ExitCode::FAILURE);
            }
            asked(true)
        }
        other => other,
    };
    let (raw, done) = answer?;
    let parts =
        if done.queued == 1 { "1 part waits".to_owned() } else { format!("{} parts wait", done.queued) };
    report(
        context,
        &raw,
        &format!(
            "{}: {parts} to be sent by {} account \"{}\" to {}.",
            done.id,
            done.channel,
            done.account_id,
            clean(&done.room)
        ),
    )
}

fn is_uncertain(error: &ClientError) -> bool {
    matches!(error, ClientError::Request(error) if error.detail_code() == Some("DEAD_LETTER_UNCERTAIN"))
}

fn drop_one(flags: &DecideFlags, context: &Context) -> Result<ExitCode, CliError> {
    let DecideFlags { id, yes, rpc } = flags;
    // Whoever is asked sees what it is about, and nobody is asked about what is gone.
    let (_, detail) = client::ask(context, rpc, &DeadLetterGetParams { id: id.clone() })?;
    let text = shortened(&clean(&detail.letter.text), WIDTH / 2);
    let question =
        format!("Forget {id} ({}, \"{text}\")? It is not sent and not shown any more.", detail.letter.kind);
    if !agreed(&question, *yes, context)? {
        return Ok(ExitCode::FAILURE);
    }
    let (raw, done) = client::ask(context, rpc, &DeadLetterDropParams { id: id.clone() })?;
    report(context, &raw, &format!("Forgot {} of {} account \"{}\".", done.id, done.channel, done.account_id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use openclaw_protocol::dead_letters::{DeadLetterCounts, DeadSend, DeadUnread};

    fn letter() -> DeadLetter {
        DeadLetter {
            id: "send-17".to_owned(),
            kind: "failed".to_owned(),
            channel: "chat".to_owned(),
            account_id: "default".to_owned(),
            room: Some("42".to_owned()),
            thread_id: None,
            at: 0,
            code: "400".to_owned(),
            text: "hello there".to_owned(),
        }
    }

    const PLAIN: Output = Output { columns: None, color: false };

    #[test]
    fn the_list_fits_eighty_columns() {
        assert_eq!(list_text(&DeadLetters::default(), PLAIN), "No dead letters.");
        let long = DeadLetter {
            id: "unread-1".to_owned(),
            kind: "unread".to_owned(),
            room: None,
            code: "why ".repeat(40),
            text: "word\u{1b}[31m ".repeat(40),
            ..letter()
        };
        let found = DeadLetters {
            ts: 120_000,
            letters: vec![letter(), long],
            counts: DeadLetterCounts { failed: 1, unread: 2, ..DeadLetterCounts::default() },
            total: 3,
        };
        let text = list_text(&found, PLAIN);
        let expected = "\
Dead letters: 3 (1 failed · 0 ambiguous · 0 expired · 2 unread)
send-17     failed     2m ago   chat:default → 42  400
            hello there
unread-1    unread     2m ago   chat:default  why why";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("\n1 more: --limit 500"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn everything_is_shown_of_one() {
        let send = DeadSend {
            idempotency_key: "b-0".to_owned(),
            request_key: Some("mine".to_owned()),
            part: 1,
            parts: 2,
            attempts: 3,
            expires_at: 60_000,
            reply_to_id: Some("m9".to_owned()),
            ..DeadSend::default()
        };
        let sent = DeadLetterDetail {
            letter: DeadLetter { text: "one\ntwo".to_owned(), ..letter() },
            detail: Some("chat not found".to_owned()),
            advice: "Do this.".to_owned(),
            send: Some(send),
            unread: None,
        };
        let text = detail_text(&sent, 120_000);
        for fact in [
            "Dead letter  send-17 (failed)\n",
            "Where        chat:default → 42\n",
            "Reason       400: chat not found\n",
            "Part         1 of 2\n",
            "Attempts     3\n",
            "Expiry       1m ago\n",
            "Key          b-0\n",
            "Asked with   mine\n",
            "Answers      m9\n",
            "\n\n  one\n  two\n\nDo this.",
        ] {
            assert!(text.contains(fact), "{fact:?} in {text}");
        }
        let unread = DeadLetterDetail {
            letter: DeadLetter { kind: "unread".to_owned(), code: "no chat in it".to_owned(), ..letter() },
            unread: Some(DeadUnread { vendor_id: Some("7".to_owned()), bytes: 11 }),
            ..DeadLetterDetail::default()
        };
        let text = detail_text(&unread, 0);
        assert!(text.contains("Reason       no chat in it\nVendor's id  7\nBytes        11\n"), "{text}");
    }
}
