//! `.env` files: what they hold, and what they may not say. A file in the working directory comes with whatever was
//! checked out there, so it cannot steer the gateway; the one in the state directory is the operator's own. No message
//! holds a value.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The largest file that is read, in bytes.
const MOST_BYTES: u64 = 256 * 1024;

/// Names that a file in the working directory cannot set: they decide which files and programs are used and where
/// requests go (the original's documentation of workspace `.env` files).
const FOREIGN_NAMES: &[&str] = &[
    "ALL_PROXY",
    "BASH_ENV",
    "CDPATH",
    "ENV",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "LOGNAME",
    "NO_PROXY",
    "PATH",
    "PERL5LIB",
    "PERL5OPT",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "RUBYLIB",
    "RUBYOPT",
    "SHELL",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "STATE_DIRECTORY",
    "TMPDIR",
    "USER",
    "ZDOTDIR",
];
const FOREIGN_STARTS: &[&str] =
    &["OPENCLAW_", "CLAWHUB_", "LD_", "DYLD_", "NODE_", "NPM_", "BASH_FUNC_", "GIT_", "XDG_"];
const FOREIGN_ENDS: &[&str] = &["_API_HOST", "_API_URL", "_BASE_URL", "_ENDPOINT", "_HOMESERVER"];
/// Neighbouring words of a name.
const FOREIGN_WORDS: &[&[&str]] = &[
    &["DANGEROUSLY"],
    &["DISABLE", "AUTH"],
    &["DISABLE", "CERT"],
    &["DISABLE", "SIGNATURE"],
    &["DISABLE", "SSL"],
    &["DISABLE", "TLS"],
    &["SKIP", "AUTH"],
];
/// Names that say where the state directory is. A file in it comes too late for them.
const PLACES: &[&str] = &["HOME", "OPENCLAW_HOME", "OPENCLAW_PROFILE", "OPENCLAW_STATE_DIR"];

/// What one `.env` file says.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct DotEnv {
    variables: BTreeMap<String, String>,
    /// What was passed over, each with the file and where possible the line.
    pub warnings: Vec<String>,
}

impl std::fmt::Debug for DotEnv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.variables.keys().collect();
        f.debug_struct("DotEnv").field("names", &names).field("warnings", &self.warnings).finish()
    }
}

/// Reads the file in the working directory, without what such a file cannot set. A missing file is an empty one.
#[must_use]
pub fn read_workspace(file: &Path) -> DotEnv {
    let mut read = read(file);
    read.leave_out(file, is_foreign, "a .env file in the working directory cannot set it");
    read
}

/// Reads the file in the state directory. A missing file is an empty one.
#[must_use]
pub fn read_own(file: &Path) -> DotEnv {
    let mut read = read(file);
    if std::fs::metadata(file).is_ok_and(|facts| facts.mode() & 0o022 != 0) {
        let warning = format!("{}: other users of this machine can change it (chmod 600)", file.display());
        read.warnings.push(warning);
    }
    read.leave_out(file, |name| PLACES.contains(&name), "it says where this very file is; export it instead");
    read
}

impl DotEnv {
    /// Whether there is nothing to put anywhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.variables.is_empty()
    }

    /// Takes out the credentials of `names`, so that what was checked out into the working directory cannot make the
    /// gateway work with somebody else's account.
    pub fn without_credentials(&mut self, file: &Path, names: &[String]) {
        let listed = |name: &str| names.iter().any(|listed| listed == name);
        self.leave_out(
            file,
            listed,
            "a credential belongs into the state directory's .env or the environment",
        );
    }

    /// Adds what `environment` does not have. A variable that is there stays, even a blank one.
    pub fn fill(self, environment: &mut BTreeMap<String, String>) {
        for (name, value) in self.variables {
            environment.entry(name).or_insert(value);
        }
    }

    fn leave_out(&mut self, file: &Path, unwanted: impl Fn(&str) -> bool, why: &str) {
        let warnings = &mut self.warnings;
        self.variables.retain(|name, _| {
            let unwanted = unwanted(name);
            if unwanted {
                warnings.push(format!("{}: {name} is not used: {why}", file.display()));
            }
            !unwanted
        });
    }
}

fn is_foreign(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let words: Vec<&str> = name.split('_').filter(|word| !word.is_empty()).collect();
    FOREIGN_NAMES.contains(&name.as_str())
        || FOREIGN_STARTS.iter().any(|start| name.starts_with(start))
        || FOREIGN_ENDS.iter().any(|end| name.ends_with(end))
        || FOREIGN_WORDS.iter().any(|sequence| words.windows(sequence.len()).any(|part| part == *sequence))
}

fn read(file: &Path) -> DotEnv {
    let mut found = DotEnv::default();
    let text = match read_text(file) {
        Ok(Some(text)) => text,
        Ok(None) => return found,
        Err(problem) => {
            found.warnings.push(format!("{}: not used: {problem}", file.display()));
            return found;
        }
    };
    for entry in parse(&text) {
        match entry {
            // The first one wins, as it does between files.
            Ok((name, value)) => drop(found.variables.entry(name.to_owned()).or_insert(value)),
            Err(line) => found
                .warnings
                .push(format!("{}:{line}: not of the form NAME=VALUE; the line is not used", file.display())),
        }
    }
    found
}

fn read_text(file: &Path) -> Result<Option<String>, String> {
    let told = |error: std::io::Error| error.kind().to_string();
    match std::fs::metadata(file) {
        Ok(facts) if !facts.is_file() => return Err("not a regular file".to_owned()),
        Ok(facts) if facts.len() > MOST_BYTES => return Err(format!("longer than {MOST_BYTES} bytes")),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(told(error)),
    }
    let mut bytes = Vec::new();
    File::open(file).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes)).map_err(told)?;
    String::from_utf8(bytes).map(Some).map_err(|_| "not UTF-8".to_owned())
}

/// The variables in their order, or the number of a line that is none. Values are taken as the original takes them: no
/// `$NAME` is expanded, `#` begins a comment outside quotes, quoted values may go over several lines, and only double
/// quotes turn `\n` and `\r` into line ends.
fn parse(text: &str) -> Vec<Result<(&str, String), usize>> {
    let mut found = Vec::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut line = 1;
    while !rest.is_empty() {
        let (head, tail) = rest.split_once('\n').unwrap_or((rest, ""));
        let statement = head.trim();
        let mut after = tail;
        if !statement.is_empty() && !statement.starts_with('#') {
            match assignment(rest, tail) {
                Some((name, value, next)) => {
                    found.push(Ok((name, value)));
                    after = next;
                }
                None => found.push(Err(line)),
            }
        }
        let used = rest.len() - after.len();
        line += rest.get(..used).map_or(0, |used| used.matches('\n').count());
        rest = after;
    }
    found
}

/// The assignment at the beginning of `text`, and what comes after it; `tail` is what comes after its first line.
fn assignment<'t>(text: &'t str, tail: &'t str) -> Option<(&'t str, String, &'t str)> {
    let (name, value) = text.split_once('=')?;
    let name = name.trim();
    let name = match name.strip_prefix("export") {
        Some(exported) if exported.starts_with([' ', '\t']) => exported.trim_start(),
        _ => name,
    };
    if !is_name(name) {
        return None;
    }
    let value = value.trim_start_matches([' ', '\t']);
    let Some(quote) = value.chars().next().filter(|c| ['"', '\'', '`'].contains(c)) else {
        let line = value.lines().next().unwrap_or_default();
        let value = line.split('#').next().unwrap_or_default().trim();
        return (!value.contains('\0')).then(|| (name, value.to_owned(), tail));
    };
    let body = value.get(1..)?;
    let (inner, after) = body.split_at_checked(closing(body, quote)?)?;
    let (remainder, after) = after.split_once('\n').unwrap_or((after, ""));
    let remainder = remainder.get(1..)?.trim();
    if !(remainder.is_empty() || remainder.starts_with('#')) || inner.contains('\0') {
        return None;
    }
    let inner = match quote {
        '"' => inner.replace("\\n", "\n").replace("\\r", "\r"),
        _ => inner.to_owned(),
    };
    Some((name, inner, after))
}

/// Where the quote closes; one behind a backslash does not.
fn closing(body: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        if c == quote && !escaped {
            return Some(at);
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[Result<(&str, &str), usize>]) {
        let found = parse(text);
        let shown: Vec<_> =
            found.iter().map(|entry| entry.as_ref().map(|(n, v)| (*n, v.as_str())).map_err(|l| *l)).collect();
        assert_eq!(shown, expected, "{text:?}");
    }

    #[test]
    fn each_spelling_of_a_line() {
        check(
            "A=1\nB = two words \r\n\n# c\n  export C=x",
            &[Ok(("A", "1")), Ok(("B", "two words")), Ok(("C", "x"))],
        );
        check("A=x # comment\nB=x#y\nC='x#y' # c", &[Ok(("A", "x")), Ok(("B", "x")), Ok(("C", "x#y"))]);
        check("A=\"one\\ntwo\"\nB='one\\ntwo'", &[Ok(("A", "one\ntwo")), Ok(("B", "one\\ntwo"))]);
        check("A='it\\'s'\nB=`\"`", &[Ok(("A", "it\\'s")), Ok(("B", "\""))]);
        check("A=\"one\ntwo\"\nB=1\nwrong", &[Ok(("A", "one\ntwo")), Ok(("B", "1")), Err(4)]);
        check("A=\nB=\"\"\n_c1=$A${B}", &[Ok(("A", "")), Ok(("B", "")), Ok(("_c1", "$A${B}"))]);
        check("\u{feff}A=é", &[Ok(("A", "é"))]);
        check("exportA=1\nexport\tB=1\nA==", &[Ok(("exportA", "1")), Ok(("B", "1")), Ok(("A", "="))]);
    }

    #[test]
    fn a_malformed_line_costs_only_itself() {
        check("nothing\nA=1", &[Err(1), Ok(("A", "1"))]);
        check("1A=1\nA B=1\n=1\nA-B=2\nC=1", &[Err(1), Err(2), Err(3), Err(4), Ok(("C", "1"))]);
        check("A=\"open\nB=1", &[Err(1), Ok(("B", "1"))]);
        check("A='x' y\nB=1", &[Err(1), Ok(("B", "1"))]);
        check("A=x\0y\nB=1", &[Err(1), Ok(("B", "1"))]);
        check("word\nword=\"\n", &[Err(1), Err(2)]);
    }

    #[test]
    fn a_checked_out_file_cannot_steer_the_gateway() {
        for name in [
            "OPENCLAW_STATE_DIR",
            "openclaw_home",
            "PATH",
            "HOME",
            "LD_PRELOAD",
            "DYLD_INSERT_LIBRARIES",
            "NODE_OPTIONS",
            "https_proxy",
            "SERVICE_BASE_URL",
            "SERVICE_DISABLE_TLS_CHECK",
            "X_DANGEROUSLY_ALLOW",
        ] {
            assert!(is_foreign(name), "{name}");
        }
        for name in ["SERVICE_KEY", "PATHS", "MY_HOME", "DISABLE_X_TLS", "LDX"] {
            assert!(!is_foreign(name), "{name}");
        }
    }

    #[test]
    fn the_real_environment_wins_and_no_value_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(".env");
        assert_eq!(read_workspace(&file), DotEnv::default());
        let text = "OPENCLAW_GATEWAY_TOKEN=hush1\nSET=hush2\nNEW=new\nNEW=again\nSERVICE_KEY=hush3\nhush4\n";
        std::fs::write(&file, text).unwrap();
        let mut workspace = read_workspace(&file);
        workspace.without_credentials(&file, &["SERVICE_KEY".to_owned()]);
        assert_eq!(workspace.warnings.len(), 3, "{:?}", workspace.warnings);
        assert!(workspace.warnings[0].contains(".env:6: not of the form"), "{:?}", workspace.warnings);
        assert!(!format!("{workspace:?}").contains("hush"));
        let mut environment = BTreeMap::from([("SET".to_owned(), String::new())]);
        workspace.fill(&mut environment);
        let expected = [("NEW".to_owned(), "new".to_owned()), ("SET".to_owned(), String::new())];
        assert_eq!(environment, BTreeMap::from(expected));

        std::fs::write(&file, "OPENCLAW_GATEWAY_TOKEN=t\nOPENCLAW_STATE_DIR=/x\n").unwrap();
        let mut environment = BTreeMap::new();
        read_own(&file).fill(&mut environment);
        assert_eq!(environment, BTreeMap::from([("OPENCLAW_GATEWAY_TOKEN".to_owned(), "t".to_owned())]));
    }

    #[test]
    fn what_is_no_small_text_file_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let check = |file: &Path, word: &str| {
            let read = read_own(file);
            assert!(read.is_empty() && read.warnings[0].contains(word), "{read:?}");
        };
        check(dir.path(), "not a regular file");
        let file = dir.path().join(".env");
        std::fs::write(&file, b"A=\xff").unwrap();
        check(&file, "not UTF-8");
        std::fs::write(&file, "A=1\n".repeat(70_000)).unwrap();
        check(&file, "longer than");
    }
}
