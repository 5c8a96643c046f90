//! A named process with the operator's values in it. Never starts anything.

use serde_json::Value;

use crate::error::GrantError;
use crate::manifest::Process;

/// The longest value that the operator may give, in bytes.
const LONGEST_VALUE: usize = 4096;

/// One `[[process]]` entry of a manifest, resolved for one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedProcess {
    /// What the component calls it.
    pub name: String,
    /// A name that is found on `PATH`, or an absolute path. Never a command line: no shell reads it.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// The most bytes of one line, either way.
    pub max_line: u64,
}

impl ResolvedProcess {
    /// Puts an account's section into a process.
    ///
    /// # Errors
    /// When the section names no program, or a value cannot be an argument.
    pub fn resolve(entry: &Process, section: &Value) -> Result<Self, GrantError> {
        let no_program = || GrantError::NoProgram { process: entry.name.clone(), key: entry.config.clone() };
        let program = text(section, &entry.config)?.ok_or_else(no_program)?;
        // A relative path would depend on where the gateway was started.
        if program.contains('/') && !program.starts_with('/') {
            let problem = "is a relative path: write the name alone, or the whole path";
            return Err(GrantError::Value { key: entry.config.clone(), problem });
        }
        let mut args = entry.args.clone();
        for option in &entry.options {
            if let Some(value) = text(section, &option.config)? {
                args.extend([option.flag.clone(), value]);
            }
        }
        Ok(Self { name: entry.name.clone(), program, args, max_line: entry.max_line })
    }
}

fn text(section: &Value, key: &str) -> Result<Option<String>, GrantError> {
    let problem = |problem| Err(GrantError::Value { key: key.to_owned(), problem });
    match section.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) if text.len() > LONGEST_VALUE || text.contains('\0') => {
            problem("is longer than 4 KiB or holds a NUL")
        }
        Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
        Some(_) => problem("is not a string"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_operator_says_what_is_run_and_the_manifest_how() {
        let entry: Process = toml::from_str(
            "name = \"rpc\"\nconfig = \"cliPath\"\nargs = [\"rpc\"]\n[[option]]\nflag = \"--db\"\nconfig = \"dbPath\"",
        )
        .unwrap();
        let resolve = |section: Value| ResolvedProcess::resolve(&entry, &section);
        let made = resolve(json!({"cliPath": " imsg ", "dbPath": "/x y; rm"})).unwrap();
        assert_eq!(
            (made.program.as_str(), made.args),
            ("imsg", ["rpc", "--db", "/x y; rm"].map(str::to_owned).to_vec())
        );
        assert_eq!(resolve(json!({"cliPath": "/usr/bin/imsg"})).unwrap().args, ["rpc"]);
        let missing = resolve(json!({"cliPath": ""})).unwrap_err().to_string();
        assert_eq!(
            missing,
            "no program for the process rpc: set cliPath to its name or to its absolute path"
        );
        for odd in [json!({"cliPath": "./x"}), json!({"cliPath": 5}), json!({"cliPath": "a\0b"})] {
            assert!(matches!(resolve(odd), Err(GrantError::Value { .. })));
        }
    }
}
