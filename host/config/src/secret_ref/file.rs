//! A secret out of a file: one value, or a place in a JSON object. Refuses what somebody else could have put there.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use openclaw_secrets::Secret;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use serde_json::Value;

use super::reference::SINGLE_VALUE;
use crate::model::{FileMode, FileProvider};
use crate::paths::expand;

/// The value of `id`, or what is wrong with the file. `home` is what `~` means.
pub(super) fn read(provider: &FileProvider, id: &str, home: &Path) -> Result<Secret, String> {
    match provider.mode {
        FileMode::SingleValue if id != SINGLE_VALUE => {
            return Err("a file of mode \"singleValue\" has the one id \"value\"".to_owned());
        }
        FileMode::Json if id == SINGLE_VALUE => {
            return Err(
                "a file of mode \"json\" has JSON pointers as ids, for instance \"/service/apiKey\" (or set \
                        mode: \"singleValue\")"
                    .to_owned(),
            );
        }
        FileMode::SingleValue | FileMode::Json => {}
    }
    let path = expand(&provider.path, Some(home));
    let told = |problem: String| format!("{} {problem}", path.display());
    if !path.is_absolute() {
        return Err(told("is not absolute: begin it with / or ~/".to_owned()));
    }
    let text = read_in_time(&path, provider).map_err(told)?;
    match provider.mode {
        FileMode::SingleValue => {
            let text = text.expose();
            Ok(Secret::from(text.strip_suffix('\n').map_or(text, |text| text.trim_end_matches('\r'))))
        }
        FileMode::Json => pointed(text.expose(), id).map_err(told),
    }
}

/// Reads on a thread of its own: a file system that hangs must not hold up the caller for ever.
fn read_in_time(path: &Path, provider: &FileProvider) -> Result<Secret, String> {
    let (sender, receiver) = mpsc::channel();
    let (file, most_bytes) = (path.to_owned(), provider.most_bytes());
    let reader = std::thread::spawn(move || sender.send(read_whole(&file, most_bytes)));
    let read = receiver
        .recv_timeout(provider.timeout())
        .map_err(|_| format!("could not be read within {} ms", provider.timeout().as_millis()))?;
    // It has ended. A starting gateway asks for the local time zone next, which no second thread may see.
    reader.join().ok();
    read
}

fn read_whole(path: &PathBuf, most_bytes: u64) -> Result<Secret, String> {
    // What is judged is what was opened: nobody can put another file there in between. A pipe must not block.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| match error {
        Errno::LOOP => "is a symbolic link: name the file itself".to_owned(),
        Errno::NOENT => "does not exist".to_owned(),
        other => format!("cannot be read: {}", other.kind()),
    })?;
    let file = File::from(opened);
    let facts = file.metadata().map_err(|error| format!("cannot be read: {}", error.kind()))?;
    if !facts.is_file() {
        return Err("is not a regular file".to_owned());
    }
    owned_alone(&facts)?;
    if facts.len() > most_bytes {
        return Err(format!("is longer than {most_bytes} bytes"));
    }
    let mut text = String::new();
    file.take(most_bytes + 1)
        .read_to_string(&mut text)
        .map_err(|error| format!("cannot be read as text: {}", error.kind()))?;
    let text = Secret::from(text);
    if text.expose().len() as u64 > most_bytes {
        return Err(format!("is longer than {most_bytes} bytes"));
    }
    Ok(text)
}

/// Whether nobody but this user and root can change a file; otherwise what to do.
pub(super) fn owned_alone(facts: &std::fs::Metadata) -> Result<(), String> {
    if facts.mode() & 0o022 != 0 {
        return Err("can be changed by other users of this machine (chmod go-w)".to_owned());
    }
    if facts.uid() != 0 && facts.uid() != rustix::process::geteuid().as_raw() {
        return Err("belongs to another user of this machine (chown it)".to_owned());
    }
    Ok(())
}

/// The text at a JSON pointer. No error quotes the file.
fn pointed(text: &str, pointer: &str) -> Result<Secret, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document: Value = serde_json::from_str(text)
        .map_err(|error| format!("is not JSON (line {}, column {})", error.line(), error.column()))?;
    if !document.is_object() {
        return Err("holds no JSON object".to_owned());
    }
    match document.pointer(pointer) {
        Some(Value::String(value)) => Ok(Secret::from(value.as_str())),
        Some(_) => Err(format!("holds something other than text at {pointer}")),
        None => Err(format!("holds nothing at {pointer}")),
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
