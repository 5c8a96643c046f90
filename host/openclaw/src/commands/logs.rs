//! `openclaw logs`: the end of the log, by the gateway or, when it is down, from the file itself.

use std::{
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use openclaw_protocol::{
    Scope,
    logs::{LogsTail, LogsTailParams},
};
use serde_json::{Value, json};

use crate::{
    client::{Client, ClientError, Mode, RpcFlags, Target, UrlSource, block_on},
    context::Context,
    error::CliError,
    output::{Output, print_line},
};

const PATIENCE_MS: u64 = 30_000;
/// How often a lost gateway is looked for before `--follow` gives up.
const RETRIES: u32 = 8;
/// The longest wait between two looks.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Where the gateway writes one file a day.
const LOG_DIRECTORY: &str = "/tmp/openclaw";

/// Flags of `openclaw logs`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  openclaw logs --limit 50
  openclaw logs --follow
  openclaw logs --json | jq 'select(.level == \"error\")'")]
pub(crate) struct Flags {
    /// Go on with new lines until interrupted
    #[arg(long, short)]
    follow: bool,
    /// How many lines
    #[arg(long, value_name = "LINES", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    limit: u32,
    /// How many bytes at most
    #[arg(long, value_name = "BYTES", default_value_t = 250_000,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_bytes: u32,
    /// Milliseconds between two looks with --follow
    #[arg(long, value_name = "MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(50..=60_000))]
    interval: u64,
    /// The form for other programs, also on a terminal
    #[arg(long)]
    plain: bool,
    #[command(flatten)]
    rpc: RpcFlags,
}

pub(crate) fn run(flags: &Flags, context: &Context) -> Result<ExitCode, CliError> {
    let target = Target::resolve(&flags.rpc.target, context)?;
    let printer = Printer {
        json: context.json,
        pretty: context.output.is_terminal() && !flags.plain,
        output: context.output,
    };
    match block_on(tail(flags, &target, &printer)) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        // Only the gateway of this machine writes the file of this machine.
        Err(CliError::Gateway(error)) if target.source == UrlSource::Local && !error.gateway_answered() => {
            local(flags, context, &printer, *error)
        }
        Err(other) => Err(other),
    }
}

async fn tail(flags: &Flags, target: &Target, printer: &Printer) -> Result<(), CliError> {
    let patience = flags.rpc.timeout.unwrap_or(PATIENCE_MS);
    let connect = || Client::connect(target, Mode::Cli, &[Scope::Read], patience);
    let mut client = connect().await?;
    let mut params =
        LogsTailParams { cursor: None, limit: Some(flags.limit), max_bytes: Some(flags.max_bytes) };
    let (_, first) = client.call(&params).await?;
    printer.head(&first, false)?;
    printer.lines(&first)?;
    if !flags.follow {
        return Ok(());
    }
    params.cursor = Some(first.cursor);
    let mut failures = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(flags.interval)).await;
        match client.call(&params).await {
            Ok((_, more)) => {
                failures = 0;
                params.cursor = Some(more.cursor);
                printer.lines(&more)?;
            }
            Err(error) if error.gateway_answered() || failures == RETRIES => return Err(error.into()),
            Err(_) => {
                failures += 1;
                tokio::time::sleep(Duration::from_secs(1 << failures.min(5)).min(LONGEST_WAIT)).await;
                // A failure shows at the next call, which counts it.
                if let Ok(again) = connect().await {
                    client = again;
                }
            }
        }
    }
}

fn local(
    flags: &Flags,
    context: &Context,
    printer: &Printer,
    error: ClientError,
) -> Result<ExitCode, CliError> {
    let Some(file) = newest_file(context) else { return Err(error.into()) };
    printer.notice("Local Gateway RPC unavailable; reading configured file log instead.")?;
    let mut tail = read_end(&file, u64::from(flags.max_bytes))
        .map_err(|source| CliError::File { path: file.clone(), source })?;
    let surplus = tail.lines.len().saturating_sub(flags.limit as usize);
    if surplus > 0 {
        tail.lines.drain(..surplus);
        tail.truncated = Some(true);
    }
    printer.head(&tail, true)?;
    printer.lines(&tail)?;
    if flags.follow {
        printer.notice(
            "The gateway is not running, so there is nothing to follow. Start it: openclaw gateway",
        )?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// The file that the configuration names, or the newest of this profile's days.
pub(crate) fn newest_file(context: &Context) -> Option<PathBuf> {
    let named = context.config().and_then(|config| config.logging.file.clone());
    if let Some(named) = named {
        return Some(context.paths.expand(&named)).filter(|file| file.exists());
    }
    let profile = context.paths.profile.as_ref().map(|profile| format!("{profile}-")).unwrap_or_default();
    let stem = format!("openclaw-{profile}");
    let is_day = |name: &str| {
        let day = name.strip_prefix(&stem).and_then(|rest| rest.strip_suffix(".log"));
        day.is_some_and(|day| {
            day.len() == 10 && day.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        })
    };
    let names =
        std::fs::read_dir(LOG_DIRECTORY).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    // The names differ in the date alone, which sorts as text.
    names.filter(|name| is_day(name)).max().map(|name| Path::new(LOG_DIRECTORY).join(name))
}

fn read_end(path: &Path, bytes: u64) -> std::io::Result<LogsTail> {
    let mut file = std::fs::File::open(path)?;
    let size = file.metadata()?.len();
    let start = size.saturating_sub(bytes);
    file.seek(SeekFrom::Start(start))?;
    let mut content = Vec::new();
    file.take(bytes).read_to_end(&mut content)?;
    let text = String::from_utf8_lossy(&content);
    let complete = text.rfind('\n').map_or("", |end| text.get(..=end).unwrap_or_default());
    // The first line is cut wherever the limit fell.
    let lines = complete.lines().skip(usize::from(start > 0)).map(str::to_owned).collect();
    Ok(LogsTail {
        file: path.display().to_string(),
        cursor: size,
        size,
        lines,
        truncated: (start > 0).then_some(true),
        ..LogsTail::default()
    })
}

/// How lines are shown.
struct Printer {
    json: bool,
    pretty: bool,
    output: Output,
}

impl Printer {
    fn head(&self, tail: &LogsTail, local: bool) -> Result<(), CliError> {
        if !self.json {
            return print_line(&format!("Log file: {}", tail.file));
        }
        let mut meta = json!({"type": "meta", "file": tail.file, "sourceKind": "file", "cursor": tail.cursor, "size": tail.size});
        if let (true, Some(meta)) = (local, meta.as_object_mut()) {
            meta.insert("localFallback".to_owned(), json!(true));
        }
        print_line(&meta.to_string())
    }

    fn lines(&self, tail: &LogsTail) -> Result<(), CliError> {
        if tail.reset == Some(true) {
            self.notice("Log cursor reset (file rotated).")?;
        }
        if let Some(skipped) = tail.skipped_bytes {
            self.notice(&format!("Log cursor re-anchored (skipped {skipped} bytes)."))?;
        }
        for line in &tail.lines {
            let record = Record::parse(line);
            match (self.json, record) {
                (true, Some(record)) => print_line(&record.to_json(line).to_string())?,
                (true, None) => print_line(&json!({"type": "raw", "raw": line}).to_string())?,
                (false, Some(record)) if self.pretty => print_line(&record.pretty(self.output))?,
                (false, Some(record)) => print_line(&record.plain())?,
                (false, None) => print_line(line)?,
            }
        }
        if tail.truncated == Some(true) && tail.skipped_bytes.is_none() {
            self.notice("Log tail truncated (increase --limit or --max-bytes).")?;
        }
        Ok(())
    }

    fn notice(&self, text: &str) -> Result<(), CliError> {
        if self.json {
            return print_line(&json!({"type": "notice", "message": text}).to_string());
        }
        crate::output::note(text);
        Ok(())
    }
}

/// One line of the log file.
#[derive(Debug, PartialEq)]
pub(crate) struct Record {
    time: String,
    level: String,
    subsystem: Option<String>,
    message: String,
    /// What the line says beside its message: names and values.
    fields: Vec<(String, String)>,
}

impl Record {
    /// `None` for a line that is not a record of ours.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let record: Value = serde_json::from_str(line).ok()?;
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let meta = record.get("_meta")?;
        let level = text(meta.get("logLevelName"))?.to_lowercase();
        let first = record
            .get("0")
            .and_then(Value::as_str)
            .and_then(|first| serde_json::from_str::<Value>(first).ok());
        Some(Self {
            time: text(record.get("time")).or_else(|| text(meta.get("date")))?,
            level,
            subsystem: first.as_ref().and_then(|first| text(first.get("subsystem"))),
            message: text(record.get("message")).or_else(|| text(record.get("1")))?,
            fields: record
                .get("1")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect(),
        })
    }

    /// Whether the line is about a plugin or one of its accounts, `<id>/<account>`.
    pub(crate) fn is_about(&self, id: &str) -> bool {
        let account = |value: &str| value.strip_prefix(id).is_some_and(|rest| rest.starts_with('/'));
        self.fields.iter().any(|(_, value)| value == id || account(value))
    }

    fn to_json(&self, raw: &str) -> Value {
        let mut line = json!({"type": "log", "time": self.time, "level": self.level, "message": self.message, "raw": raw});
        if let (Some(line), Some(subsystem)) = (line.as_object_mut(), &self.subsystem) {
            line.insert("subsystem".to_owned(), json!(subsystem));
        }
        line
    }

    fn plain(&self) -> String {
        let subsystem = self.subsystem.as_ref().map(|subsystem| format!("{subsystem} ")).unwrap_or_default();
        format!("{} {} {subsystem}{}", self.time, self.level, self.message)
    }

    pub(crate) fn pretty(&self, output: Output) -> String {
        let clock = self.time.split_once('T').and_then(|(_, rest)| rest.get(..8)).unwrap_or(&self.time);
        let level = match self.level.as_str() {
            "error" | "fatal" => output.bad(&self.level),
            "warn" => output.warn(&self.level),
            _ => self.level.clone(),
        };
        let subsystem = self.subsystem.as_ref().map(|subsystem| format!("{} ", output.bold(subsystem)));
        format!("{clock} {level} {}{}", subsystem.unwrap_or_default(), self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"0":"{\"subsystem\":\"gateway/ws\"}","1":"hello","_meta":{"logLevelName":"WARN","date":"2026-11-22T06:00:00.000Z"},"time":"2026-11-22T07:00:00.000+01:00","message":"hello"}"#;

    #[test]
    fn a_record_has_three_forms() {
        let record = Record::parse(LINE).unwrap();
        assert_eq!(record.plain(), "2026-11-22T07:00:00.000+01:00 warn gateway/ws hello");
        let plain = Output { columns: None, color: false };
        assert_eq!(record.pretty(plain), "07:00:00 warn gateway/ws hello");
        assert_eq!(record.to_json(LINE)["subsystem"], "gateway/ws");
        assert_eq!(record.to_json(LINE)["raw"], LINE);
        assert!(!record.is_about("ws"));
        let about = LINE.replace(r#""1":"hello""#, r#""1":{"plugin":"chat/main"}"#);
        let about = Record::parse(&about).unwrap();
        assert!(about.is_about("chat") && !about.is_about("cha") && !about.is_about("main"));
        assert_eq!(Record::parse("no record"), None);
        assert_eq!(Record::parse("{}"), None);
    }

    #[test]
    fn the_end_of_a_file_has_whole_lines_only() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "one\ntwo\nthree\nunfinish").unwrap();
        let check = |bytes: u64, lines: &[&str], truncated: Option<bool>| {
            let tail = read_end(file.path(), bytes).unwrap();
            assert_eq!(tail.lines, lines);
            assert_eq!(tail.truncated, truncated);
        };
        check(1_000, &["one", "two", "three"], None);
        check(17, &["three"], Some(true));
        check(3, &[], Some(true));
    }
}
