//! Bodies of the type `multipart/form-data` (RFC 7578), which is how most vendors take files. A file goes in by its handle: the
//! host reads it while it sends.

use crate::channel::File;
use crate::http::Piece;

/// A form that is being filled in. [`crate::http::Request::form`] sends it.
#[derive(Clone, Debug)]
pub struct Form {
    boundary: String,
    pieces: Vec<Piece>,
}

impl Form {
    /// `seed` makes the boundary different from that of other forms: the message's idempotency key, for instance.
    #[must_use]
    pub fn new(seed: &str) -> Self {
        let seed: String = seed.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
        Self { boundary: format!("----openclaw-form-{seed}"), pieces: Vec::new() }
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        let head = self.head(name, None);
        self.pieces.push(Piece::Bytes(format!("{head}\r\n\r\n{value}\r\n").into_bytes()));
        self
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, name: &str, file: &File) -> Self {
        let head = self.head(name, Some(file.name.as_deref().unwrap_or("file")));
        let head = format!("{head}\r\nContent-Type: {}\r\n\r\n", file.mime);
        self.pieces.extend([
            Piece::Bytes(head.into_bytes()),
            Piece::File(file.handle),
            Piece::Bytes(b"\r\n".to_vec()),
        ]);
        self
    }

    /// The content type and the body.
    pub(crate) fn finish(mut self) -> (String, Vec<Piece>) {
        self.pieces.push(Piece::Bytes(format!("--{}--\r\n", self.boundary).into_bytes()));
        (format!("multipart/form-data; boundary={}", self.boundary), self.pieces)
    }

    fn head(&self, name: &str, file: Option<&str>) -> String {
        let name = quoted(name);
        let file = file.map_or_else(String::new, |file| format!("; filename=\"{}\"", quoted(file)));
        format!("--{}\r\nContent-Disposition: form-data; name=\"{name}\"{file}", self.boundary)
    }
}

/// As browsers write what must not end the quotes or the line.
fn quoted(text: &str) -> String {
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_fields_and_files() {
        let (mime, name) = ("image/png".to_owned(), Some("a \"b\".png".to_owned()));
        let file = File { handle: 7, mime, name, size: 3 };
        let (content_type, pieces) = Form::new("k-1").field("chat_id", "5").file("photo", &file).finish();
        assert_eq!(content_type, "multipart/form-data; boundary=----openclaw-form-k1");
        let shown: String = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                Piece::File(handle) => format!("<{handle}>"),
            })
            .collect();
        let expected = "------openclaw-form-k1\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n5\r\n\
                        ------openclaw-form-k1\r\nContent-Disposition: form-data; name=\"photo\"; \
                        filename=\"a %22b%22.png\"\r\nContent-Type: image/png\r\n\r\n<7>\r\n\
                        ------openclaw-form-k1--\r\n";
        assert_eq!(shown, expected);
    }
}
