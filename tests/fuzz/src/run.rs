//! Runs a target: over what is kept, or over ever new changes of it.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::{Target, inputs, mutate::mutate};

/// An input that takes longer than this to read is a fault, too: somebody could send a hundred of them.
const LONGEST: Duration = Duration::from_secs(2);
/// How often it has to take so long: a machine that stood still is no fault of an input.
const READINGS: usize = 3;
/// Inputs that are kept for one run.
const MOST_KEPT: usize = 20_000;

/// An input that is read wrongly.
#[derive(Debug)]
pub struct Found {
    /// Where the input was written.
    pub path: PathBuf,
    /// What happened.
    pub what: String,
}

/// What a run came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How many inputs were read.
    pub inputs: u64,
    /// How many ways they took.
    pub ways: usize,
    /// The input that ended the run.
    pub found: Option<Found>,
}

/// Reads one input.
///
/// # Errors
/// What is wrong about how it was read.
pub fn replay(target: &Target, input: &[u8]) -> Result<u64, String> {
    let mut long = Duration::ZERO;
    for _ in 0..READINGS {
        let began = Instant::now();
        let way = catch_unwind(AssertUnwindSafe(|| (target.read)(input))).map_err(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            format!("panicked: {}", text.unwrap_or("without a text"))
        })?;
        long = began.elapsed();
        if long <= LONGEST {
            return Ok(way);
        }
    }
    Err(format!("took {long:?}"))
}

/// Fuzzes a target until `done`, which gets the number of inputs so far. What is found is written into `folder`.
pub fn fuzz(target: &Target, folder: &Path, seed: u64, mut done: impl FnMut(u64) -> bool) -> Outcome {
    let mut rng = Rng::with_seed(seed);
    let mut kept: Vec<Vec<u8>> = inputs(folder).into_iter().map(|(_, input)| input).collect();
    let words = (target.words)();
    let mut ways = HashSet::new();
    let mut outcome = Outcome::default();
    let mut next = 0;
    while !done(outcome.inputs) {
        let is_new = next >= kept.len();
        let input = if is_new {
            let (one, other) = (rng.usize(..kept.len()), rng.usize(..kept.len()));
            mutate(&kept[one], &kept[other], words, &mut rng)
        } else {
            kept[next].clone()
        };
        next += usize::from(!is_new);
        outcome.inputs += 1;
        match replay(target, &input) {
            Ok(way) => {
                if ways.insert(way) && is_new && kept.len() < MOST_KEPT {
                    kept.push(input);
                    // It was read just now.
                    next = kept.len();
                }
            }
            Err(what) => {
                outcome.found = Some(Found { path: keep(folder, &input), what });
                break;
            }
        }
    }
    outcome.ways = ways.len();
    outcome
}

/// Writes an input beside the others, so that the tests read it from now on.
fn keep(folder: &Path, input: &[u8]) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let path = folder.join(format!("crash-{:016x}", hasher.finish()));
    std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, input)).expect("it can be written");
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_found_and_kept() {
        /// Wrong about one word in one place.
        fn read(input: &[u8]) -> u64 {
            let value: serde_json::Value = serde_json::from_slice(input).unwrap_or_default();
            assert!(value["deep"][0] != "trap", "caught");
            u64::from(value["deep"].is_array())
        }
        let target = Target { name: "wrong", read, words: || &["trap"] };
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("seed"), br#"{"deep":["x"]}"#).unwrap();
        let outcome = fuzz(&target, folder.path(), 1, |inputs| inputs > 100_000);
        let found = outcome.found.expect("it was not found");
        assert_eq!(found.what, "panicked: caught");
        let input = std::fs::read(&found.path).unwrap();
        assert!(replay(&target, &input).is_err());
        assert!(found.path.file_name().unwrap().to_string_lossy().starts_with("crash-"));
    }
}
