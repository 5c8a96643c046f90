//! Bodies of the type `multipart/form-data` (RFC 7578), read as a vendor reads them.

use serde_json::{Map, Value};

/// A file that came in a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentFile {
    /// The field that it stood in.
    pub field: String,
    /// What it is called.
    pub name: String,
    /// Its media type.
    pub mime: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The fields, as texts, and the files of a form; `None` when it is none.
pub(crate) fn read(content_type: &str, body: &[u8]) -> Option<(Value, Vec<SentFile>)> {
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=")?;
    let (mut fields, mut files) = (Map::new(), Vec::new());
    let mut rest = behind(body, format!("--{boundary}").as_bytes())?;
    loop {
        if rest.starts_with(b"--") {
            return Some((Value::Object(fields), files));
        }
        let (part, next) = cut(rest.strip_prefix(b"\r\n")?, format!("\r\n--{boundary}").as_bytes())?;
        let (head, content) = cut(part, b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(head).into_owned();
        let field = parameter(&head, " name=\"")?;
        match parameter(&head, " filename=\"") {
            Some(name) => {
                let mime = head.lines().find_map(|line| line.strip_prefix("Content-Type: "));
                let mime = mime.unwrap_or("application/octet-stream").to_owned();
                files.push(SentFile { field, name, mime, bytes: content.to_vec() });
            }
            None => {
                let text = String::from_utf8_lossy(content).into_owned();
                // Objects stand in a form as JSON.
                let value = text.starts_with(['{', '[']).then(|| serde_json::from_str(&text).ok()).flatten();
                fields.insert(field, value.unwrap_or(Value::String(text)));
            }
        }
        rest = next;
    }
}

fn parameter(head: &str, name: &str) -> Option<String> {
    let (_, value) = head.split_once(name)?;
    value.split_once('"').map(|(value, _)| value.to_owned())
}

/// What stands before and behind the first `mark`.
fn cut<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    Some((bytes.get(..at)?, bytes.get(at + mark.len()..)?))
}

fn behind<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    cut(bytes, mark).map(|(_, behind)| behind)
}
