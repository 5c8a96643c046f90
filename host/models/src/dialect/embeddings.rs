//! `/v1/embeddings`: the body of a request and of its answer (compat §4.7).

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::types::{Embeddings, EmbeddingsRequest};

use super::BadRequest;
use super::json::{number, raw, string};

/// Bytes of a body that are accepted.
pub const MAX_BODY: usize = 5 << 20;
/// Texts of one request.
const MAX_INPUTS: usize = 128;
/// UTF-16 units of one text, which is how the original counts.
const MAX_CHARS: usize = 8192;
/// UTF-16 units of all texts.
const MAX_TOTAL: usize = 65_536;
/// The longest vector that can be asked for.
const MAX_DIMENSIONS: u32 = 65_536;

/// A request for vectors as a client sent it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmbeddingsBody {
    /// As the client spelled it; never empty.
    pub model: String,
    /// Little-endian `f32`s in base64 instead of numbers.
    pub base64: bool,
    /// Everything that goes to the model. Its `model` is empty.
    pub request: EmbeddingsRequest,
}

impl EmbeddingsBody {
    /// Reads and checks a body.
    ///
    /// # Errors
    /// The text of the 400.
    pub fn parse(body: &[u8]) -> Result<Self, BadRequest> {
        let mut fields: BTreeMap<Cow<'_, str>, &RawValue> =
            serde_json::from_slice(body).map_err(|error| BadRequest(error.to_string()))?;
        let bad = |text: &str| BadRequest(text.to_owned());
        let model: Option<String> = take(&mut fields, "model").map_err(|()| bad("Missing `model`."))?;
        let model = model.map(|model| model.trim().to_owned()).filter(|model| !model.is_empty());
        let model = model.ok_or_else(|| bad("Missing `model`."))?;
        let input = take::<Input>(&mut fields, "input").ok().flatten();
        let input = match input.ok_or_else(|| bad("`input` must be a string or an array of strings."))? {
            Input::One(text) => vec![text],
            Input::Many(texts) => texts,
        };
        check(&input)?;
        let encoding: Option<Encoding> = take(&mut fields, "encoding_format")
            .map_err(|()| bad("Invalid `encoding_format`. Use `float` or `base64`."))?;
        let dimensions: Option<u32> = take(&mut fields, "dimensions")
            .ok()
            .filter(|dimensions| dimensions.is_none_or(|number| (1..=MAX_DIMENSIONS).contains(&number)))
            .ok_or_else(|| bad("Invalid `dimensions`. Use a whole number from 1 to 65536."))?;
        let extra = fields.into_iter().filter(|(_, json)| json.get() != "null");
        let extra = extra.map(|(name, json)| (name.into_owned(), json.get().to_owned())).collect();
        let request = EmbeddingsRequest { model: String::new(), input, dimensions, extra };
        Ok(Self { model, base64: encoding == Some(Encoding::Base64), request })
    }

    /// Appends the body of the answer, in the name of the model that was asked for.
    pub fn write(&self, answer: &Embeddings, out: &mut Vec<u8>) {
        raw(out, "{\"object\":\"list\",\"data\":[");
        for (index, vector) in (0..).zip(&answer.vectors) {
            raw(out, if index == 0 { "" } else { "," });
            raw(out, "{\"object\":\"embedding\",\"index\":");
            number(out, index);
            raw(out, ",\"embedding\":");
            if self.base64 {
                let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                string(out, &STANDARD.encode(bytes));
            } else {
                // Numbers can always be serialised, and writing to a vector cannot fail.
                let _ = serde_json::to_writer(&mut *out, vector);
            }
            raw(out, "}");
        }
        raw(out, "],\"model\":");
        string(out, &self.model);
        raw(out, ",\"usage\":{\"prompt_tokens\":");
        number(out, answer.input_tokens);
        raw(out, ",\"total_tokens\":");
        number(out, answer.input_tokens);
        raw(out, "}}");
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    One(String),
    Many(Vec<String>),
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    Float,
    Base64,
}

/// Takes a field out of the others. `Err` when it is of the wrong kind; `null` is absent.
fn take<'a, T: Deserialize<'a>>(
    fields: &mut BTreeMap<Cow<'_, str>, &'a RawValue>,
    name: &str,
) -> Result<Option<T>, ()> {
    match fields.remove(name) {
        Some(json) => serde_json::from_str(json.get()).map_err(|_| ()),
        None => Ok(None),
    }
}

fn check(input: &[String]) -> Result<(), BadRequest> {
    if input.is_empty() || input.iter().any(String::is_empty) {
        return Err(BadRequest("`input` must contain at least one non-empty string.".to_owned()));
    }
    if input.len() > MAX_INPUTS {
        return Err(BadRequest(format!("Too many inputs (max {MAX_INPUTS}).")));
    }
    let mut total = 0;
    for text in input {
        let length = text.encode_utf16().count();
        if length > MAX_CHARS {
            return Err(BadRequest(format!("Input too long (max {MAX_CHARS} chars).")));
        }
        total += length;
        if total > MAX_TOTAL {
            return Err(BadRequest(format!("Total input too large (max {MAX_TOTAL} chars).")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read() {
        let body = EmbeddingsBody::parse(
            br#"{"model":" openclaw ","input":"a","encoding_format":"base64","dimensions":2,"user":"u","x":null}"#,
        )
        .unwrap();
        assert_eq!((body.model.as_str(), body.base64), ("openclaw", true));
        assert_eq!(
            (body.request.input.as_slice(), body.request.dimensions),
            (["a".to_owned()].as_slice(), Some(2))
        );
        assert_eq!(body.request.extra, [("user".to_owned(), "\"u\"".to_owned())]);
        let many =
            EmbeddingsBody::parse(br#"{"model":"m","input":["a","b"],"encoding_format":null}"#).unwrap();
        assert_eq!((many.request.input.len(), many.base64), (2, false));
    }

    #[test]
    fn limits_and_wrong_kinds_are_explained() {
        let check = |body: String, expected: &str| {
            let found = EmbeddingsBody::parse(body.as_bytes()).unwrap_err().0;
            assert!(found.contains(expected), "{body:.80}: {found}");
        };
        let with = |more: &str| format!(r#"{{"model":"m",{more}}}"#);
        let input = |json: String| format!(r#"{{"model":"m","input":{json}}}"#);
        check("{bad".into(), "at line 1");
        check(r#"{"input":"x"}"#.into(), "Missing `model`.");
        check(r#"{"model":" ","input":"x"}"#.into(), "Missing `model`.");
        check(r#"{"model":7,"input":"x"}"#.into(), "Missing `model`.");
        check(r#"{"model":"m"}"#.into(), "`input` must be a string or an array of strings.");
        check(input("[1,2]".into()), "`input` must be a string or an array of strings.");
        check(input("[]".into()), "`input` must contain at least one non-empty string.");
        check(input(r#"["a",""]"#.into()), "`input` must contain at least one non-empty string.");
        check(input(format!("[{}]", ["\"x\""; 129].join(","))), "Too many inputs (max 128).");
        check(input(format!("\"{}\"", "x".repeat(8193))), "Input too long (max 8192 chars).");
        check(input(format!("\"{}\"", "\u{1f600}".repeat(4097))), "Input too long (max 8192 chars).");
        let long = format!("\"{}\"", "x".repeat(8192));
        check(
            input(format!("[{}]", [long.as_str(); 9].join(","))),
            "Total input too large (max 65536 chars).",
        );
        assert!(
            EmbeddingsBody::parse(input(format!("[{}]", [long.as_str(); 8].join(","))).as_bytes()).is_ok()
        );
        check(with(r#""input":"x","encoding_format":"hex""#), "Invalid `encoding_format`.");
        check(with(r#""input":"x","dimensions":0"#), "Invalid `dimensions`.");
        check(with(r#""input":"x","dimensions":1.5"#), "Invalid `dimensions`.");
    }

    #[test]
    fn both_encodings_have_the_shape_of_the_original() {
        let answer = Embeddings { vectors: vec![vec![0.5, -0.25], vec![1.0, 0.0]], input_tokens: 4 };
        let written = |base64| {
            let body =
                EmbeddingsBody { model: "openclaw/default".into(), base64, ..EmbeddingsBody::default() };
            let mut out = Vec::new();
            body.write(&answer, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            written(false),
            concat!(
                r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-0.25]},"#,
                r#"{"object":"embedding","index":1,"embedding":[1.0,0.0]}],"model":"openclaw/default","#,
                r#""usage":{"prompt_tokens":4,"total_tokens":4}}"#
            )
        );
        assert!(written(true).contains(r#""index":0,"embedding":"AAAAPwAAgL4="}"#), "{}", written(true));
    }
}
