//! `[[process]]`: a child process of the operator's choice that the component may start and talk to by lines. What is run is
//! the operator's word, how it is called the manifest's; the component chooses neither.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Fault, fault, name_fault, range_fault};

/// The longest line that a process may write, in bytes.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;
const DEFAULT_MAX_LINE: u64 = 1024 * 1024;
/// The most arguments and options, and the longest of them in bytes.
const MOST_ARGUMENTS: usize = 32;
const LONGEST_ARGUMENT: usize = 1024;

/// `[[process]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Process {
    /// What the component calls it.
    pub name: String,
    /// The key of the section that names the program: a name that is found on `PATH`, or an absolute path. There is no
    /// default: what runs outside the sandbox is for the operator to say.
    pub config: String,
    /// The arguments, as they stand.
    #[serde(default)]
    pub args: Vec<String>,
    /// `[[process.option]]`
    #[serde(default, rename = "option")]
    pub options: Vec<ProcessOption>,
    /// Bytes of one line, either way.
    #[serde(default = "default_max_line")]
    pub max_line: u64,
}

/// `[[process.option]]`: an argument whose value the operator may set.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProcessOption {
    /// Comes before the value, as an argument of its own.
    pub flag: String,
    /// The key of the section with the value. Where it is not set, the flag is left out as well.
    pub config: String,
}

fn default_max_line() -> u64 {
    DEFAULT_MAX_LINE
}

pub(super) fn first_fault(processes: &[Process]) -> Option<Fault> {
    let mut names = BTreeSet::new();
    processes.iter().enumerate().find_map(|(n, process)| {
        let key = |field: &str| format!("process[{n}].{field}");
        if !names.insert(&process.name) {
            return fault(key("name"), format!("\"{}\" occurs twice", process.name), "rename one");
        }
        if let Some(fault) = name_fault(key("name"), &process.name) {
            return Some(fault);
        }
        if process.config.is_empty() {
            return fault(key("config"), "is empty".to_owned(), "name the key that holds the program");
        }
        if process.args.len() + process.options.len() > MOST_ARGUMENTS {
            return fault(key("args"), format!("there are more than {MOST_ARGUMENTS}"), "use fewer");
        }
        let flags = process.options.iter().map(|option| &option.flag);
        let odd = |text: &str| text.is_empty() || text.len() > LONGEST_ARGUMENT || text.contains('\0');
        if process.args.iter().chain(flags).any(|text| odd(text)) {
            let problem = format!("one is empty, longer than {LONGEST_ARGUMENT} bytes or holds a NUL");
            return fault(key("args"), problem, "write each argument as a string of its own");
        }
        range_fault(key("max-line"), process.max_line, LONGEST_LINE, "state the longest line in bytes")
    })
}
