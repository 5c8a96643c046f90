//! The tasks themselves.

use std::{path::PathBuf, process::Command};

use openclaw_authoring::Kind;

use crate::{
    cargo::{cargo, program_in_root, run as run_command, shown},
    clients,
    error::{AtPath, Error},
    guests, peer_docs,
    steps::Steps,
    workspace::{self, Plugin, root, target},
};

/// The suite of components that mean harm, a test target of its own.
const HOSTILE: &str = "hostile";
/// The program itself.
const GATEWAY: &str = "openclaw";

/// What kills it again and again.
const CHAOS: &str = "openclaw-chaos";
/// How often it does in CI: twice at each point, and at some moments beside. Less than a minute.
const CHAOS_KILLS: &str = "100";
/// The package of the disk that fails by order.
const FAULTY_DISK: &str = "openclaw-faulty-disk";

const DENY_VERSION: &str = "0.20.2";

/// Builds the guests and the binary.
pub(crate) fn build() -> Result<(), Error> {
    bundled_guests()?;
    binary(GATEWAY)?;
    println!("built {}", shown_path(&binary_path(GATEWAY)));
    Ok(())
}

/// Builds and starts the gateway. Replaces this process, so that a signal reaches the gateway alone.
pub(crate) fn run(arguments: &[String]) -> Result<(), Error> {
    build()?;
    run_command(Command::new(binary_path(GATEWAY)).args([
        "onboard",
        "--mode",
        "local",
        "--non-interactive",
        "--accept-risk",
    ]))?;
    let mut gateway = Command::new(binary_path(GATEWAY));
    gateway.arg("gateway").args(arguments);
    replace(&mut gateway)
}

/// Runs the tests of the host, of the guests and of the SDK.
pub(crate) fn test(arguments: &[String]) -> Result<(), Error> {
    if let [suite, filter @ ..] = arguments
        && suite == HOSTILE
    {
        return hostile(filter);
    }
    let mut steps = Steps::default();
    test_steps(&mut steps, arguments)
}

/// Builds what the hostile suite needs and runs it, or those of its cases whose name contains the filter.
fn hostile(filter: &[String]) -> Result<(), Error> {
    all_test_guests()?;
    binary(GATEWAY)?;
    run_command(cargo(["test", "--release", "--quiet", "--test", HOSTILE, "--"]).args(filter))
}

/// Builds and runs the bench program.
pub(crate) fn bench(arguments: &[String]) -> Result<(), Error> {
    build()?;
    binary("openclaw-bench")?;
    run_command(Command::new(binary_path("openclaw-bench")).args(arguments))
}

/// Builds and runs the fuzz program. It needs neither guests nor the engine.
pub(crate) fn fuzz(arguments: &[String]) -> Result<(), Error> {
    let mut command = cargo(["run", "--release", "-p", "openclaw-fuzz", "--"]);
    run_command(command.args(arguments))
}

/// Builds and runs the chaos program, which kills the program with failpoints.
pub(crate) fn chaos(arguments: &[String]) -> Result<(), Error> {
    failpoints()?;
    binary(CHAOS)?;
    run_command(Command::new(binary_path(CHAOS)).args(arguments))
}

/// Builds the program with failpoints and puts it apart, and then the program itself, which is built to the same place.
pub(crate) fn failpoints() -> Result<(), Error> {
    bundled_guests()?;
    binary_with_failpoints()?;
    binary(GATEWAY)
}

/// Everything that CI checks, cheapest first.
pub(crate) fn ci() -> Result<(), Error> {
    let mut steps = Steps::default();
    steps.step("fmt", || run_command(&mut cargo(["fmt", "--all", "--check"])))?;
    steps.step("wasm targets", guests::add_targets)?;
    steps.step("layers", || run_command(&mut cargo(["test", "--release", "--test", "layers"])))?;
    steps.step("bans and licences", || run_command(deny()?.args(["bans", "licenses"])))?;
    steps.step("guests", bundled_guests)?;
    steps.step("clippy", clippy)?;
    steps.step("docs", docs)?;
    test_steps(&mut steps, &[])?;
    // Built among the default members by the tests before.
    steps.step("fuzz", || {
        binary("openclaw-fuzz")?;
        run_command(&mut Command::new(binary_path("openclaw-fuzz")))
    })?;
    // A short run, by a seed of its own each time, which it prints; the program with failpoints was built for the tests.
    steps.step("chaos", || {
        binary(CHAOS)?;
        run_command(Command::new(binary_path(CHAOS)).args(["--kills", CHAOS_KILLS]))
    })
}

/// Writes `docs/protocol.md`: the test that compares it with the tables is what prints it.
pub(crate) fn protocol() -> Result<(), Error> {
    let mut test = cargo(["test", "--release", "-p", "openclaw-protocol", "--test", "document"]);
    run_command(test.env("OPENCLAW_WRITE_DOCS", "1"))
}

/// Checks the dependencies against the advisory database, which CI may not be able to reach.
pub(crate) fn advisories() -> Result<(), Error> {
    run_command(deny()?.arg("advisories"))
}

fn test_steps(steps: &mut Steps, arguments: &[String]) -> Result<(), Error> {
    steps.step("test guests", all_test_guests)?;
    steps.step("binary with failpoints", binary_with_failpoints)?;
    steps.step("binary", || binary(GATEWAY))?;
    steps.step("faulty disk", faulty_disk)?;
    steps.step("documentation of the original", peer_docs::fetch)?;
    steps.step("clients of others", clients::install)?;
    // One run tells of everything that fails.
    steps
        .step("host tests", || run_command(cargo(["test", "--release", "--no-fail-fast"]).args(arguments)))?;
    steps.step("guest tests", || {
        let mut command = cargo(["test", "--release", "--no-fail-fast"]);
        run_command(command.args(guest_packages()?).args(arguments))
    })
}

fn all_test_guests() -> Result<(), Error> {
    bundled_guests()?;
    guests::build(&test_guests()?, &workspace::test_plugins())
}

fn bundled_guests() -> Result<(), Error> {
    guests::add_targets()?;
    guests::build(&workspace::plugins("plugins")?, &workspace::bundled_plugins())
}

/// A binary is built among the default members, so that its dependencies get the same features as in the tests.
fn binary(name: &str) -> Result<(), Error> {
    run_command(&mut cargo(["build", "--release", "--bin", name]))
}

/// The program with failpoints, for the test that has each kind of task panic. It lies apart, so that nothing else takes it for
/// the program that people run; build that one afterwards.
fn binary_with_failpoints() -> Result<(), Error> {
    let mut build = cargo(["build", "--release", "--bin", GATEWAY, "--features", "openclaw/failpoints"]);
    for package in workspace::host_packages()? {
        // It is tried, not measured: our own crates are compiled anew for it, and that shall not take long.
        build.args(["--config", &format!("profile.release.package.{package}.opt-level=1")]);
    }
    run_command(&mut build)?;
    let (built, folder) = (binary_path(GATEWAY), target().join("failpoints"));
    std::fs::create_dir_all(&folder).at(&folder)?;
    let destination = folder.join(built.file_name().unwrap_or_default());
    // By another name first: the old one may be running.
    let draft = folder.join("draft");
    std::fs::copy(&built, &draft).at(&draft)?;
    std::fs::rename(&draft, &destination).at(&destination)
}

/// The library that makes a disk fail by order, for the tests that preload it. Nothing else is built with it.
fn faulty_disk() -> Result<(), Error> {
    run_command(&mut cargo(["build", "--release", "-p", FAULTY_DISK]))
}

fn binary_path(name: &str) -> PathBuf {
    target().join("release").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

fn clippy() -> Result<(), Error> {
    let deny_warnings = ["--", "-D", "warnings"];
    run_command(cargo(["clippy", "--release", "--all-targets"]).args(deny_warnings))?;
    run_command(cargo(["clippy", "--release", "--all-targets"]).args(guest_packages()?).args(deny_warnings))?;
    run_command(cargo(["clippy", "--release", "-p", FAULTY_DISK]).args(deny_warnings))?;
    let failpoints = ["clippy", "--release", "-p", "openclaw-failpoints", "--features", "on"];
    run_command(cargo(failpoints).args(deny_warnings))?;
    for (package, kind) in all_guests()? {
        let mut command = cargo(["clippy", "--profile", "guest", "--target", kind.target()]);
        run_command(command.args(["-p", &package]).args(deny_warnings))?;
    }
    Ok(())
}

fn docs() -> Result<(), Error> {
    let mut command = cargo(["doc", "--release", "--no-deps", "--document-private-items"]);
    run_command(command.env("RUSTDOCFLAGS", "-D warnings"))?;
    let mut command = cargo(["doc", "--release", "--no-deps", "-p", "openclaw-sdk", "--all-features"]);
    command.args(["-p", "openclaw-sdk-test"]);
    run_command(command.env("RUSTDOCFLAGS", "-D warnings"))
}

/// The guests that are made for the tests, the one that means harm, and the example.
fn test_guests() -> Result<Vec<Plugin>, Error> {
    let mut guests = workspace::plugins("tests/guests")?;
    guests.extend(workspace::plugins("tests/hostile")?);
    // The example runs in the real gateway, too.
    guests.extend(workspace::plugins("sdk/examples")?);
    Ok(guests)
}

fn all_guests() -> Result<Vec<(String, Kind)>, Error> {
    let mut plugins = workspace::plugins("plugins")?;
    plugins.extend(test_guests()?);
    plugins.extend(workspace::plugins("sdk/templates")?);
    Ok(plugins.into_iter().filter_map(|plugin| Some((plugin.guest?, plugin.kind))).collect())
}

/// `-p` arguments for what is not a default member but has tests that run natively: the guests and the SDK.
fn guest_packages() -> Result<Vec<String>, Error> {
    let guests = all_guests()?.into_iter().map(|(package, _)| package);
    let sdk = ["openclaw-sdk", "openclaw-sdk-test"].map(str::to_owned);
    Ok(guests.chain(sdk).flat_map(|package| ["-p".to_owned(), package]).collect())
}

/// `cargo deny … check`, built on first use.
fn deny() -> Result<Command, Error> {
    let tools = target().join("tools");
    let program = tools.join("bin").join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    if !program.exists() {
        println!("installing cargo-deny {DENY_VERSION} into {} (once, a few minutes)", shown_path(&tools));
        let mut install = cargo(["install", "--locked", "cargo-deny", "--version", DENY_VERSION]);
        run_command(install.args(["--no-default-features", "--debug", "--root"]).arg(&tools))?;
    }
    let mut command = program_in_root(program);
    command.args(["--config", ".cargo/deny.toml", "--all-features", "check", "--hide-inclusion-graph"]);
    Ok(command)
}

fn shown_path(path: &std::path::Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[cfg(unix)]
fn replace(command: &mut Command) -> Result<(), Error> {
    use std::os::unix::process::CommandExt as _;
    let source = command.exec();
    Err(Error::NotStarted { command: shown(command), source })
}

#[cfg(not(unix))]
fn replace(command: &mut Command) -> Result<(), Error> {
    run_command(command)
}
