//! Every input that is kept is read, by name, and a short run of a fixed seed changes them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use openclaw_fuzz::{TARGETS, corpus, fuzz, inputs, replay};

#[test]
fn what_is_kept_is_read_without_a_fault() {
    for target in TARGETS {
        let inputs = inputs(&corpus().join(target.name));
        assert!(inputs.len() > 1, "{} has no corpus", target.name);
        for (path, input) in inputs {
            replay(target, &input).unwrap_or_else(|what| panic!("{}: {what}", path.display()));
        }
    }
}

#[test]
fn every_folder_of_the_corpus_has_a_target() {
    for folder in std::fs::read_dir(corpus()).unwrap() {
        let name = folder.unwrap().file_name();
        assert!(TARGETS.iter().any(|target| name == target.name), "{name:?}");
    }
}

#[test]
fn a_short_run_finds_nothing() {
    let root = tempfile::tempdir().unwrap();
    for target in TARGETS {
        let folder = root.path().join(target.name);
        std::fs::create_dir(&folder).unwrap();
        for (number, (_, input)) in inputs(&corpus().join(target.name)).into_iter().enumerate() {
            std::fs::write(folder.join(number.to_string()), input).unwrap();
        }
        let outcome = fuzz(target, &folder, 4, |inputs| inputs >= 3_000);
        assert!(outcome.found.is_none(), "{}: {:?}", target.name, outcome.found);
        assert!(outcome.ways > 5, "{} took {} ways", target.name, outcome.ways);
    }
}
