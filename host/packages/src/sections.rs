//! The outermost sections of a WebAssembly component: finding the custom ones by name, adding one, and taking the last one
//! off. Knows the headers of sections (component model binary format, "Component Definitions") and nothing of what is in
//! them; whether the code is valid is for the runtime to say.
//!
//! Invariant: whatever the bytes, the answer is a list or an error; sizes are checked against what is there before anything is
//! read or skipped.

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::Range;

/// `\0asm`, version 13, layer 1: a component.
const COMPONENT: [u8; 8] = [0x00, b'a', b's', b'm', 0x0d, 0x00, 0x01, 0x00];
/// The most outermost sections. Real components have fewer than a hundred.
const MOST_SECTIONS: usize = 100_000;
/// The longest name of a custom section that is looked at, in bytes.
const LONGEST_NAME: u32 = 256;

/// Why bytes are not a component whose sections can be told apart.
#[derive(Debug, thiserror::Error)]
pub enum SectionError {
    /// It does not begin as a component does.
    #[error("is not a WebAssembly component (a core module has to be encoded as one first)")]
    NotAComponent,
    /// A section says that it is longer than what follows, or its header is none.
    #[error("is cut short or damaged at byte {0}")]
    Damaged(u64),
    /// There are more sections than in any real component.
    #[error("has more than {MOST_SECTIONS} sections")]
    TooMany,
    /// It could not be read.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

/// A custom section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Custom {
    /// Names longer than 256 bytes, and those that are not UTF-8, are empty here.
    pub(crate) name: String,
    /// Header and all.
    pub(crate) whole: Range<u64>,
    /// What follows the name.
    pub(crate) data: Range<u64>,
}

/// The custom sections of a component of `size` bytes, in their order. Reads headers and names alone.
pub(crate) fn customs(source: impl Read + Seek, size: u64) -> Result<Vec<Custom>, SectionError> {
    let mut walker = Walker { source: BufReader::new(source), at: 0, size };
    let mut magic = [0; 8];
    if size < 8 {
        return Err(SectionError::NotAComponent);
    }
    walker.read(&mut magic)?;
    if magic != COMPONENT {
        return Err(SectionError::NotAComponent);
    }
    let mut found = Vec::new();
    for _ in 0..MOST_SECTIONS {
        if walker.at == size {
            return Ok(found);
        }
        let start = walker.at;
        let mut id = [0];
        walker.read(&mut id)?;
        let length = walker.number(size)?;
        let end = walker.at + u64::from(length);
        if end > size {
            return Err(SectionError::Damaged(start));
        }
        if id == [0] {
            let name_length = walker.number(end)?;
            let data = walker.at + u64::from(name_length);
            if data > end {
                return Err(SectionError::Damaged(start));
            }
            let mut name = String::new();
            if name_length <= LONGEST_NAME {
                let mut bytes = vec![0; usize::try_from(name_length).unwrap_or_default()];
                walker.read(&mut bytes)?;
                name = String::from_utf8(bytes).unwrap_or_default();
            }
            found.push(Custom { name, whole: start..end, data: data..end });
        }
        walker.skip_to(end)?;
    }
    Err(SectionError::TooMany)
}

/// Adds a custom section to the end.
pub(crate) fn push(component: &mut Vec<u8>, name: &str, data: &[u8]) {
    let mut payload = Vec::with_capacity(data.len() + name.len() + 5);
    push_number(&mut payload, name.len());
    payload.extend_from_slice(name.as_bytes());
    payload.extend_from_slice(data);
    component.push(0);
    push_number(component, payload.len());
    component.extend_from_slice(&payload);
}

/// LEB128.
fn push_number(bytes: &mut Vec<u8>, mut number: usize) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

struct Walker<R> {
    source: BufReader<R>,
    at: u64,
    size: u64,
}

impl<R: Read + Seek> Walker<R> {
    fn read(&mut self, bytes: &mut [u8]) -> Result<(), SectionError> {
        if self.at + bytes.len() as u64 > self.size {
            return Err(SectionError::Damaged(self.at));
        }
        self.source.read_exact(bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// A `u32` in LEB128 that ends before `end`.
    fn number(&mut self, end: u64) -> Result<u32, SectionError> {
        let start = self.at;
        let damaged = || SectionError::Damaged(start);
        let mut number = 0u64;
        for shift in [0, 7, 14, 21, 28] {
            if self.at >= end {
                return Err(damaged());
            }
            let mut byte = [0];
            self.read(&mut byte)?;
            let [byte] = byte;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(number).map_err(|_| damaged());
            }
        }
        Err(damaged())
    }

    fn skip_to(&mut self, end: u64) -> Result<(), SectionError> {
        let distance = i64::try_from(end - self.at).map_err(|_| SectionError::Damaged(self.at))?;
        self.source.seek_relative(distance)?;
        self.at = end;
        Ok(())
    }
}

/// The bytes of a range of a source.
pub(crate) fn read_range(mut source: impl Read + Seek, range: &Range<u64>) -> Result<Vec<u8>, SectionError> {
    source.seek(SeekFrom::Start(range.start))?;
    let mut bytes = Vec::new();
    source.take(range.end - range.start).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != range.end - range.start {
        return Err(SectionError::Damaged(range.start));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn component(sections: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = COMPONENT.to_vec();
        for (id, payload) in sections {
            bytes.push(*id);
            push_number(&mut bytes, payload.len());
            bytes.extend_from_slice(payload);
        }
        bytes
    }

    fn names(bytes: &[u8]) -> Result<Vec<String>, SectionError> {
        Ok(customs(Cursor::new(bytes), bytes.len() as u64)?.into_iter().map(|custom| custom.name).collect())
    }

    #[test]
    fn finds_what_was_added() {
        let mut bytes = component(&[(1, &[9; 300]), (7, b"")]);
        push(&mut bytes, "a:one", b"first");
        push(&mut bytes, "b", &[7; 200]);
        push(&mut bytes, &"n".repeat(300), b"");
        assert_eq!(names(&bytes).unwrap(), ["a:one", "b", ""]);
        let found = customs(Cursor::new(&bytes), bytes.len() as u64).unwrap();
        assert_eq!(read_range(Cursor::new(&bytes), &found[0].data).unwrap(), b"first");
        assert_eq!(read_range(Cursor::new(&bytes), &found[1].data).unwrap(), [7; 200]);
        let end = usize::try_from(found[1].whole.start).unwrap();
        assert_eq!(names(&bytes[..end]).unwrap(), ["a:one"]);
    }

    #[test]
    fn damage_is_told_and_never_followed() {
        assert!(matches!(names(b""), Err(SectionError::NotAComponent)));
        assert!(matches!(names(b"\0asm\x01\0\0\0"), Err(SectionError::NotAComponent)));
        let cases: [&[u8]; 8] = [
            &[0],
            &[0, 5, 1],
            &[1, 0xff, 0xff, 0xff, 0xff, 0x0f],
            &[1, 0xff, 0xff, 0xff, 0xff, 0x7f],
            &[1, 0x80, 0x80, 0x80, 0x80, 0x80, 0],
            &[0, 1, 5],
            &[0, 0],
            &[0, 2, 0x80, 0x80],
        ];
        for damaged in cases {
            let bytes = [&COMPONENT[..], damaged].concat();
            assert!(matches!(names(&bytes), Err(SectionError::Damaged(_))), "{damaged:?}");
        }
    }

    proptest! {
        /// No bytes make it panic, loop or reserve what is not there.
        #[test]
        fn any_bytes_have_an_answer(tail in prop::collection::vec(any::<u8>(), 0..200)) {
            let bytes = [&COMPONENT[..], &tail].concat();
            if let Ok(found) = customs(Cursor::new(&bytes), bytes.len() as u64) {
                prop_assert!(found.iter().all(|custom| custom.data.start <= custom.data.end && custom.whole.end <= bytes.len() as u64));
            }
        }
    }
}
