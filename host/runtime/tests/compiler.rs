//! A component that nobody vouches for is compiled in a process of its own, which its limits end and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use common::{guest, importing, package};
use openclaw_runtime::{Compiler, Runtime, RuntimeOptions};

/// Not a proof: what the proofs below start as their compiler, which is this program again.
#[test]
#[ignore = "started by the other tests"]
fn compiler() {
    std::process::exit(openclaw_runtime::compile_here(std::io::stdin().lock()).into());
}

fn compiler_of(arguments: &[&str]) -> Compiler {
    Compiler::new(std::env::current_exe().unwrap(), arguments.iter().map(Into::into).collect())
}

fn runtime(cache: &tempfile::TempDir, compiler: Compiler) -> Runtime {
    let options = RuntimeOptions {
        cache_dir: cache.path().join("artifacts"),
        guest_threads: 1,
        compiler: Some(compiler),
        coredump_on_trap: false,
    };
    Runtime::new(options).unwrap()
}

const ITSELF: [&str; 4] = ["--ignored", "--exact", "--nocapture", "compiler"];

#[tokio::test(flavor = "multi_thread")]
async fn what_the_process_compiles_is_what_the_gateway_runs() {
    let cache = tempfile::tempdir().unwrap();
    let first = runtime(&cache, compiler_of(&ITSELF));
    for name in ["echo", "vintage", "vintage-shim"] {
        assert_eq!(first.load(&guest(name)).await.unwrap().id(), name);
    }
    // It lies in the cache: the next start needs no compiler.
    let second = runtime(&cache, compiler_of(&["--no-such-flag"]));
    assert_eq!(second.load(&guest("echo")).await.unwrap().id(), "echo");
    let error = second.load(&package(&importing("openclaw:plugin/events@0.2.0"))).await.unwrap_err();
    assert_eq!(error.code(), "plugin_compile_failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_component_is_told_in_the_compilers_words() {
    let cache = tempfile::tempdir().unwrap();
    let error = runtime(&cache, compiler_of(&ITSELF)).load(&package(b"nonsense")).await.unwrap_err();
    assert_eq!(error.code(), "plugin_invalid");
    assert!(error.to_string().contains("magic"), "{error}");
}

/// A number as the binary format writes it.
fn leb(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        bytes.push(if value == 0 { low } else { low | 0x80 });
        if value == 0 {
            return bytes;
        }
    }
}

fn section(id: u8, contents: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(contents.len()), contents].concat()
}

/// A component with one core module of one function with very many additions: cheap to send, dear to compile.
fn bomb(additions: usize) -> Vec<u8> {
    // Two parameters; each step is `a = a + b`, and `a` is returned, so that none can be left out.
    let body = [&[0][..], &[0x20, 0, 0x20, 1, 0x7c, 0x21, 0].repeat(additions), &[0x20, 0, 0x0b]].concat();
    let module = [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, &[1, 0x60, 2, 0x7e, 0x7e, 1, 0x7e]),
        section(3, &[1, 0]),
        section(10, &[&[1][..], &leb(body.len()), &body].concat()),
    ]
    .concat();
    [b"\0asm\x0d\0\x01\0".to_vec(), section(1, &module)].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_made_to_exhaust_the_compiler_ends_only_the_process() {
    let cache = tempfile::tempdir().unwrap();
    let check = async |compiler: Compiler, told: &str| {
        let runtime = runtime(&cache, compiler);
        // The same in small is compiled, so that it is the size that is refused.
        let small = runtime.load(&package(&bomb(3))).await.unwrap_err();
        assert_eq!(small.code(), "plugin_contract_mismatch", "{small}");
        let began = Instant::now();
        let error = runtime.load(&package(&bomb(1_000_000))).await.unwrap_err();
        assert_eq!(error.code(), "plugin_compile_failed", "{error}");
        assert!(error.to_string().contains(told), "{error}");
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        assert_eq!(runtime.load(&guest("echo")).await.unwrap().id(), "echo");
    };
    let small = Compiler { memory: 320 << 20, ..compiler_of(&ITSELF) };
    check(small, "compiling it took more than 320 MiB of memory").await;
    let hasty = Compiler { patience: Duration::from_millis(300), ..compiler_of(&ITSELF) };
    check(hasty, "compiling it took longer than 300 ms").await;
}
