//! Reads SQLite's write-ahead log as SQLite does when it recovers: how much of it is whole. Never changes it.
//!
//! The format is the published one (sqlite.org/fileformat2.html, "The Write-Ahead Log"): a header of 32 bytes, then frames of
//! 24 bytes and a page, each with a checksum over all that came before.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::open::beside;

/// Begins a log whose checksums read words in little-endian order; one more means the other order.
const MAGIC: u32 = 0x377f_0682;
const HEADER: usize = 32;
const FRAME: usize = 24;
/// The longest page.
const MOST_PAGE: u32 = 65_536;

/// What tells one generation of a log from the next: it is new each time that the log begins anew.
pub(crate) type Salts = [u32; 2];

/// What of a log is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) salts: Salts,
    /// Frames up to the last whole transaction.
    pub(crate) frames: u32,
}

/// The log of a database.
pub(crate) fn path_of(database: &Path) -> PathBuf {
    beside(database, "-wal")
}

/// The generation of an open log; `None` while it is empty.
pub(crate) fn salts(log: &File) -> io::Result<Option<Salts>> {
    let mut header = [0; HEADER];
    match log.read_exact_at(&mut header, 0) {
        Ok(()) => Ok(Some([word(&header, 4), word(&header, 5)])),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a log to its first fault. `None`: there is none, or not even its header is whole.
pub(crate) fn read(path: &Path) -> io::Result<Option<Whole>> {
    let mut log = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        log => BufReader::with_capacity(1 << 16, log?),
    };
    let mut header = [0; HEADER];
    if !fill(&mut log, &mut header)? {
        return Ok(None);
    }
    let (magic, page) = (word(&header, 0), word(&header, 2));
    let mut sum = Sum { big: magic & 1 == 1, halves: [0, 0] };
    sum.add(header.get(..24).unwrap_or_default());
    let known = magic & !1 == MAGIC && page.is_power_of_two() && (512..=MOST_PAGE).contains(&page);
    if !known || sum.halves != [word(&header, 6), word(&header, 7)] {
        return Ok(None);
    }
    let mut whole = Whole { salts: [word(&header, 4), word(&header, 5)], frames: 0 };
    let mut frame = vec![0; FRAME + page as usize];
    for number in 1.. {
        if !fill(&mut log, &mut frame)? {
            break;
        }
        sum.add(frame.get(..8).unwrap_or_default());
        sum.add(frame.get(FRAME..).unwrap_or_default());
        let said = [word(&frame, 4), word(&frame, 5)];
        if [word(&frame, 2), word(&frame, 3)] != whole.salts || said != sum.halves || word(&frame, 0) == 0 {
            break;
        }
        // The length of the database stands in a transaction's last frame alone.
        if word(&frame, 1) != 0 {
            whole.frames = number;
        }
    }
    Ok(Some(whole))
}

/// Whether the whole buffer could be filled.
fn fill(log: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match log.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The word with this number, in the order of the format; 0 behind the end.
fn word(bytes: &[u8], number: usize) -> u32 {
    let bytes = bytes.get(number * 4..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// The running checksum.
struct Sum {
    big: bool,
    halves: [u32; 2],
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        let read = |word: [u8; 4]| if self.big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) };
        let [mut one, mut two] = self.halves;
        for &[a, b, c, d, e, f, g, h] in bytes.as_chunks::<8>().0 {
            one = one.wrapping_add(read([a, b, c, d])).wrapping_add(two);
            two = two.wrapping_add(read([e, f, g, h])).wrapping_add(one);
        }
        self.halves = [one, two];
    }
}
