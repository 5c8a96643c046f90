//! Whether the disk takes bytes: tried with a file beside the database, so that the system's own words are heard and the database
//! is left alone. SQLite tells a full disk from others, and all others are one to it.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use crate::StoreError;
use crate::open::{beside, private, unavailable};

/// Bytes for which there must be room, so that a disk which has just a little is not taken for one that works.
const ROOM: usize = 1 << 20;

/// Writes some bytes beside `database`, waits until they are on the disk, and removes them.
pub(crate) fn try_out(database: &Path) -> Result<(), StoreError> {
    let path = beside(database, ".room");
    let tried = private(&path).and_then(|file| fill(&file));
    // What cannot be removed now is filled and removed by the next try.
    drop(std::fs::remove_file(path));
    tried.map_err(|error| unavailable(database, &error))
}

fn fill(mut file: &File) -> io::Result<()> {
    file.set_len(0)?;
    file.write_all(&vec![0; ROOM])?;
    file.sync_data()
}
