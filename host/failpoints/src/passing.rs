//! What happens at the points of a program that has them: the orders of this process, and carrying them out.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::orders::{Action, Orders};

/// Where the orders are.
const VARIABLE: &str = "OPENCLAW_FAILPOINTS";
/// What `hurry` makes of a pause.
const HURRY: Duration = Duration::from_millis(250);

/// The orders of this process.
struct Given {
    /// The file that they are in, if they are in one.
    file: Option<PathBuf>,
    /// As they were read last.
    text: String,
    orders: Orders,
}

static GIVEN: Mutex<Option<Given>> = Mutex::new(None);

/// Says what is not understood of what is asked for. Call it at the start.
pub fn announce() {
    orders(|_| ());
}

/// The pause between two rounds of something that happens now and then: shorter where `hurry` is asked for.
pub fn hurried(period: Duration) -> Duration {
    if orders(|orders| orders.hurry) { period.min(HURRY) } else { period }
}

/// A point is passed. Use [`failpoint!`](crate::failpoint), which checks the name.
///
/// # Panics
/// When that is asked for.
#[allow(clippy::panic, reason = "it is what a failpoint is for")]
pub fn pass(name: &str) {
    match orders(|orders| orders.pass(name)) {
        None => {}
        Some(Action::Panic) => panic!("failpoint {name}"),
        Some(Action::Abort) => {
            say(&format!("{name}: the process ends here"));
            std::process::abort();
        }
    }
}

/// Looks at the orders as they are now.
fn orders<T>(look: impl FnOnce(&mut Orders) -> T) -> T {
    let mut given: MutexGuard<'_, _> = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let given = given.get_or_insert_with(|| {
        let text = std::env::var(VARIABLE).unwrap_or_default();
        match text.strip_prefix('@') {
            Some(file) => Given { file: Some(file.into()), text: String::new(), orders: Orders::default() },
            None => Given { file: None, orders: read(&text), text },
        }
    });
    if let Some(file) = &given.file {
        // Before somebody writes it there are no orders.
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if text != given.text {
            given.orders = read(&text);
            given.text = text;
        }
    }
    look(&mut given.orders)
}

fn read(text: &str) -> Orders {
    let orders = Orders::read(text);
    orders.faults.iter().for_each(|fault| say(fault));
    orders
}

fn say(text: &str) {
    // Where nobody reads it, nobody misses it.
    drop(writeln!(std::io::stderr(), "{VARIABLE}: {text}"));
}
