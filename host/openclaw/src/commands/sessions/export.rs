//! `openclaw sessions export`: what was said, whole and in order, to a file or to the standard output. A file that is there
//! is left alone, unless somebody says otherwise, and a failure leaves no half of one.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use openclaw_protocol::chat::{ChatHistoryParams, ChatMessageGetParams};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    client::{Client, RpcFlags, block_on},
    context::Context,
    error::CliError,
    output::{age, note, print_json, print_line, print_now},
};

/// Messages in one answer of the gateway.
const PAGE: u64 = 500;
/// Characters of a message in a page; a longer one is asked for alone.
const CHARS: usize = 500_000;
/// Characters of a message that is asked for alone.
const ALONE: usize = 2_000_000;

/// Flags of `openclaw sessions export`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw sessions export agent:main:main > talk.jsonl
  openclaw sessions export agent:main:main --output talk.md
  openclaw sessions export main --format markdown --output talk.txt --force")]
pub(super) struct Flags {
    /// Its key, as the list shows it; the id of its transcript or its label will do
    #[arg(value_name = "SESSION")]
    session: String,
    /// The file to write; `-` or nothing for the standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How it is written; by default as the name of the file ends, otherwise as JSON Lines
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// Replace the file if there is one
    #[arg(long, short)]
    force: bool,
    #[command(flatten)]
    rpc: RpcFlags,
}

/// How a transcript is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line: first the session, then a message each
    Jsonl,
    /// For people
    #[value(alias = "md")]
    Markdown,
}

impl Format {
    fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Markdown => "markdown",
        }
    }

    /// What the name of a file says.
    fn of(path: &Path) -> Self {
        let end = path.extension().map(|end| end.to_string_lossy().to_lowercase());
        if matches!(end.as_deref(), Some("md" | "markdown")) { Self::Markdown } else { Self::Jsonl }
    }
}

/// A transcript as the gateway has it.
#[derive(Debug, Default)]
struct Transcript {
    key: String,
    session_id: String,
    /// By their place in the transcript.
    messages: BTreeMap<u64, Value>,
    /// How many are longer than the gateway tells.
    cut: usize,
}

pub(super) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let file = flags.output.as_deref().filter(|path| *path != Path::new("-"));
    // Before the gateway is troubled.
    if let Some(file) = file.filter(|file| !flags.force && file.symlink_metadata().is_ok()) {
        return Err(exists(file));
    }
    let transcript = block_on(async {
        let mut client = super::connect(&flags.rpc, context).await?;
        let key = super::find(&mut client, &flags.session).await?;
        read(&mut client, key).await
    })?;
    let format = flags.format.unwrap_or_else(|| file.map_or(Format::Jsonl, Format::of));
    let text = match format {
        Format::Jsonl => jsonl(&transcript, age::now_ms()),
        Format::Markdown => markdown(&transcript, age::now_ms()),
    };
    if transcript.cut > 0 {
        note(&format!("{} message(s) are longer than {ALONE} characters and were cut.", transcript.cut));
    }
    let Some(file) = file else {
        print_now(&text)?;
        return Ok(ExitCode::SUCCESS);
    };
    write(file, text.as_bytes(), flags.force)?;
    let count = transcript.messages.len();
    if context.json {
        print_json(&json!({
            "ok": true, "key": transcript.key, "sessionId": transcript.session_id, "path": file,
            "format": format.as_str(), "messages": count, "bytes": text.len(), "truncatedMessages": transcript.cut,
        }))?;
    } else {
        print_line(&format!("Wrote {count} message(s) of {} to {}.", transcript.key, file.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads from the end to the beginning. What is said meanwhile moves the pages: they overlap then, and nothing is missed.
async fn read(client: &mut Client, key: String) -> Result<Transcript, CliError> {
    let mut transcript = Transcript { key, ..Transcript::default() };
    let mut offset = 0;
    loop {
        let params = ChatHistoryParams {
            session_key: transcript.key.clone(),
            limit: Some(PAGE),
            offset: Some(offset),
            // A session that begins anew meanwhile is another one.
            session_id: Some(transcript.session_id.clone()).filter(|id| !id.is_empty()),
            max_chars: Some(CHARS as u64),
            ..ChatHistoryParams::default()
        };
        let (mut page, _) = client.call(&params).await?;
        if let Some(id) = page.get("sessionId").and_then(Value::as_str) {
            transcript.session_id = id.to_owned();
        }
        let more = page.get("hasMore").and_then(Value::as_bool) == Some(true);
        let next = page.get("nextOffset").and_then(Value::as_u64);
        let Some(Value::Array(messages)) = page.get_mut("messages").map(Value::take) else { break };
        for mut message in messages {
            if said(&message).chars().count() >= CHARS {
                message = whole(client, &transcript.key, message).await?;
                transcript.cut += usize::from(said(&message).chars().count() >= ALONE);
            }
            let place = message.pointer("/__openclaw/seq").and_then(Value::as_u64).unwrap_or_default();
            transcript.messages.insert(place, message);
        }
        match next.filter(|next| more && *next > offset) {
            Some(next) => offset = next,
            None => break,
        }
    }
    Ok(transcript)
}

/// A message that a page does not hold whole.
async fn whole(client: &mut Client, key: &str, message: Value) -> Result<Value, CliError> {
    let id = message.pointer("/__openclaw/id").and_then(Value::as_str).unwrap_or_default();
    let params = ChatMessageGetParams {
        session_key: key.to_owned(),
        message_id: id.to_owned(),
        max_chars: Some(ALONE as u64),
        ..ChatMessageGetParams::default()
    };
    let (_, found) = client.call(&params).await?;
    Ok(found.message.unwrap_or(message))
}

/// The text of a message, whichever of the two shapes it has.
fn said(message: &Value) -> &str {
    let content = message.get("content");
    let part = || content?.pointer("/0/text")?.as_str();
    content.and_then(Value::as_str).or_else(part).unwrap_or_default()
}

fn jsonl(transcript: &Transcript, now_ms: u64) -> String {
    let head = json!({
        "type": "session", "key": transcript.key, "id": transcript.session_id, "exportedAt": rfc3339(now_ms),
        "messages": transcript.messages.len(),
    });
    let mut text = format!("{head}\n");
    for (place, message) in &transcript.messages {
        let mut message = message.clone();
        let known =
            message.as_object_mut().and_then(|fields| fields.remove("__openclaw")).unwrap_or_default();
        let at = message.get("timestamp").and_then(Value::as_u64).map(rfc3339);
        let line = json!({
            "type": "message", "id": known.get("id"), "seq": place, "timestamp": at, "message": message,
        });
        text.push_str(&format!("{line}\n"));
    }
    text
}

fn markdown(transcript: &Transcript, now_ms: u64) -> String {
    let Transcript { key, session_id, messages, .. } = transcript;
    let mut text = format!(
        "# Session {key}\n\n- Transcript: {session_id}\n- Exported: {}\n- Messages: {}\n",
        rfc3339(now_ms),
        messages.len()
    );
    for message in messages.values() {
        let word = |name: &str| message.get(name).and_then(Value::as_str);
        let who = match word("role") {
            Some("user") => "User",
            Some("assistant") => "Assistant",
            other => other.unwrap_or("Unknown"),
        };
        let at = message.get("timestamp").and_then(Value::as_u64).map(rfc3339).unwrap_or_default();
        let model =
            word("provider").zip(word("model")).map(|(provider, model)| format!(" · {provider}/{model}"));
        text.push_str(&format!("\n## {who} · {at}{}\n\n", model.unwrap_or_default()));
        text.push_str(said(message).trim_end());
        text.push('\n');
    }
    text
}

fn rfc3339(ms: u64) -> String {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000);
    at.ok().and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default()
}

fn exists(file: &Path) -> CliError {
    CliError::Detailed {
        text: format!("{} is there already. Name another file, or replace it with --force.", file.display()),
        code: "FILE_EXISTS",
        extra: json!({"path": file}),
    }
}

/// Writes the file, readable by its owner alone: other people's words are in it. One that is there is replaced as a whole.
fn write(file: &Path, bytes: &[u8], force: bool) -> Result<(), CliError> {
    let failed = |source| CliError::File { path: file.to_owned(), source };
    let mut target = file.to_owned();
    if force {
        let mut name = std::ffi::OsString::from(".");
        name.push(file.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?);
        name.push(format!(".{}.part", std::process::id()));
        target.set_file_name(name);
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut open = match options.open(&target) {
        Err(error) if !force && error.kind() == io::ErrorKind::AlreadyExists => return Err(exists(file)),
        other => other.map_err(failed)?,
    };
    let written = open.write_all(bytes).and_then(|()| open.sync_all());
    let placed = written.and_then(|()| if force { std::fs::rename(&target, file) } else { Ok(()) });
    placed.map_err(|error| {
        // Half of it is worth nothing; what cannot be removed is told by the same error.
        std::fs::remove_file(&target).ok();
        failed(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript() -> Transcript {
        let user =
            json!({"role": "user", "content": "hi\n", "timestamp": 0, "__openclaw": {"id": "7", "seq": 1}});
        let answer = json!({"role": "assistant", "content": [{"type": "text", "text": "hello"}], "timestamp": 1_000,
            "provider": "fake", "model": "echo", "__openclaw": {"id": "8", "seq": 2}});
        Transcript {
            key: "agent:main:main".to_owned(),
            session_id: "s1".to_owned(),
            messages: BTreeMap::from([(1, user), (2, answer)]),
            cut: 0,
        }
    }

    #[test]
    fn json_lines_hold_the_session_and_then_each_message() {
        let text = jsonl(&transcript(), 2_000);
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            lines,
            [
                json!({"type": "session", "key": "agent:main:main", "id": "s1", "exportedAt": "1970-01-01T00:00:02Z",
                    "messages": 2}),
                json!({"type": "message", "id": "7", "seq": 1, "timestamp": "1970-01-01T00:00:00Z",
                    "message": {"role": "user", "content": "hi\n", "timestamp": 0}}),
                json!({"type": "message", "id": "8", "seq": 2, "timestamp": "1970-01-01T00:00:01Z",
                    "message": {"role": "assistant", "content": [{"type": "text", "text": "hello"}],
                        "timestamp": 1_000, "provider": "fake", "model": "echo"}}),
            ]
        );
    }

    #[test]
    fn markdown_is_for_people() {
        let expected = "\
# Session agent:main:main

- Transcript: s1
- Exported: 1970-01-01T00:00:02Z
- Messages: 2

## User · 1970-01-01T00:00:00Z

hi

## Assistant · 1970-01-01T00:00:01Z · fake/echo

hello
";
        assert_eq!(markdown(&transcript(), 2_000), expected);
    }

    #[test]
    fn the_name_of_the_file_says_how_it_is_written() {
        for (name, format) in [
            ("a.md", Format::Markdown),
            ("a.Markdown", Format::Markdown),
            ("a.jsonl", Format::Jsonl),
            ("a", Format::Jsonl),
        ] {
            assert_eq!(Format::of(Path::new(name)), format, "{name}");
        }
    }

    #[test]
    fn a_file_that_is_there_is_replaced_only_on_purpose_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("talk.jsonl");
        write(&file, b"one", false).unwrap();
        let refused = write(&file, b"two", false).unwrap_err();
        assert!(refused.to_string().contains("--force"), "{refused}");
        assert_eq!(std::fs::read(&file).unwrap(), b"one");
        write(&file, b"three", true).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"three");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(write(&dir.path().join("no").join("folder"), b"", false).is_err());
    }
}
