use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use serde_json::json;

use super::*;
use crate::model::{Config, SecretProvider};
use crate::secret_ref::{SecretResolver, resolve_secret};

/// A shell that is no symbolic link. Scripts are handed to it, so that no test runs a file that it has just written.
fn shell() -> PathBuf {
    std::fs::canonicalize("/bin/sh").unwrap()
}

fn provider(script: &str, more: &Value) -> Value {
    let mut provider = json!({"source": "exec", "command": shell(), "args": ["-c", script]});
    provider.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    provider
}

fn run_provider(provider: &Value, id: &str) -> Result<String, Failure> {
    let config = Config::from_value(&json!({"secrets": {"providers": {"vault": provider}}}));
    let Some(SecretProvider::Exec(provider)) = config.secrets.named.get("vault") else {
        panic!("no program")
    };
    let env = BTreeMap::from([("PASSED", "p"), ("KEPT", "k")].map(|(n, v)| (n.to_owned(), v.to_owned())));
    ask("vault", provider, id, &env, Path::new("/")).map(|secret| secret.expose().to_owned())
}

fn check(script: &str, more: &Value, expected: &str) {
    assert_eq!(run_provider(&provider(script, more), "a/b").unwrap(), expected, "{script}");
}

fn refuses(script: &str, more: &Value, words: &str) {
    let error = run_provider(&provider(script, more), "a/b").unwrap_err().problem;
    assert!(error.contains(words) && !error.contains("hush"), "{error}");
}

#[test]
fn the_protocol_is_one_request_and_one_answer() {
    let echo =
        "test \"$(cat)\" = '{\"protocolVersion\":1,\"provider\":\"vault\",\"ids\":[\"a/b\"]}' || exit 9
        echo '{\"protocolVersion\":1,\"values\":{\"a/b\":\"hush\"}}'";
    check(echo, &json!({}), "hush");
    check("echo '{\"values\":{\"a/b\":\"hush\",\"c\":1}}'", &json!({}), "hush");
    check("exec <&-; echo '{\"values\":{\"a/b\":\"unasked\"}}'", &json!({}), "unasked");
}

#[test]
fn plain_text_is_taken_where_the_provider_says_so() {
    let plain = || json!({"jsonOnly": false});
    check("echo hush", &plain(), "hush");
    check("echo '\"hush\"'", &plain(), "hush");
    check("echo 12345", &plain(), "12345");
    check("echo '{\"values\":{\"a/b\":\"hush\"}}'", &plain(), "hush");
    refuses(
        "echo hush",
        &json!({}),
        "is not JSON (line 1, column 1); for a program that prints the value alone",
    );
    refuses("echo '{\"hush\": 1}'", &plain(), "has no \"values\"");
}

#[test]
fn the_environment_is_clean() {
    let script = "echo \"$PASSED-$KEPT-$OWN-$(pwd)\"";
    let more = json!({"jsonOnly": false, "passEnv": ["PASSED", "ABSENT"], "env": {"OWN": "o"}});
    check(script, &more, &format!("p--o-{}", shell().parent().unwrap().display()));
}

#[test]
fn a_failed_program_is_told_without_its_words() {
    refuses("echo hush; echo hush >&2; exit 3", &json!({}), "the program ended with exit code 3");
    refuses("kill -9 $$", &json!({}), "was ended by signal 9");
    refuses("true", &json!({}), "printed nothing");
    refuses("echo '[\"hush\"]'", &json!({}), "not a JSON object");
    refuses(
        "echo '{\"protocolVersion\":2,\"values\":{\"a/b\":\"hush\"}}'",
        &json!({}),
        "not of protocolVersion 1",
    );
    refuses("echo '{\"values\":{\"c\":\"hush\"}}'", &json!({}), "does not hold it");
    refuses("echo '{\"values\":{\"a/b\":{\"x\":\"hush\"}}}'", &json!({}), "something other than text");
    let error = |inner: &str| format!("echo '{{\"values\":{{}},\"errors\":{{\"a/b\":{inner}}}}}'");
    refuses(&error("{\"code\":\"NOT_FOUND\"}"), &json!({}), "the program says NOT_FOUND");
    refuses(&error("{\"code\":\"hush\",\"message\":\"hush\"}"), &json!({}), "reports an error for it");
    refuses("printf '\\377'", &json!({}), "is not UTF-8");
}

#[test]
fn time_and_output_are_bounded() {
    let began = Instant::now();
    let hung = run_provider(&provider("sleep 60 & sleep 60", &json!({"timeoutMs": 100})), "x").unwrap_err();
    assert_eq!((hung.problem.as_str(), hung.silent), ("the program did not end within 100 ms", true));
    refuses("exec >&-; sleep 60", &json!({"timeoutMs": 100}), "did not end within 100 ms");
    refuses("echo hush; sleep 60", &json!({"noOutputTimeoutMs": 100}), "printed nothing for 100 ms");
    refuses("while :; do echo hush; done", &json!({"maxOutputBytes": 1000}), "printed more than 1000 bytes");
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}

#[test]
fn only_a_program_that_nobody_else_put_there_is_run() {
    let dir = tempfile::tempdir().unwrap();
    let told = |provider: Value, words: &str| {
        let error = run_provider(&provider, "x").unwrap_err().problem;
        assert!(error.contains(words), "{error}");
    };
    let command = |path: &Path| json!({"source": "exec", "command": path});
    told(command(Path::new("sh")), "secrets.providers.vault.command: sh is not an absolute path");
    told(command(Path::new("/bin/../bin/sh")), "is not an absolute path without `..`");
    told(command(&dir.path().join("none")), "none does not exist");
    told(command(dir.path()), "is not a file");
    told(json!({"source": "exec", "pluginIntegration": {"pluginId": "p"}}), "it names no program");

    let link = dir.path().join("link");
    std::os::unix::fs::symlink(shell(), &link).unwrap();
    told(command(&link), "is a symbolic link");
    let script = "echo hush";
    let linked = json!({"command": link, "allowSymlinkCommand": true, "jsonOnly": false});
    check(script, &linked, "hush");
    let there = json!({"trustedDirs": [shell().parent().unwrap()], "jsonOnly": false});
    check(script, &there, "hush");
    told(provider(script, &json!({"trustedDirs": [dir.path()]})), "is in none of the trustedDirs");

    let open = dir.path().join("open");
    std::fs::write(&open, "").unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o622)).unwrap();
    told(command(&open), "can be changed by other users");
    let insecure = json!({"source": "exec", "command": open, "allowInsecurePath": true});
    told(insecure, "the program cannot be started");
}

#[test]
fn one_resolver_asks_once_and_not_again_where_nobody_answered() {
    let dir = tempfile::tempdir().unwrap();
    let count = dir.path().join("count");
    let script = format!("echo x >> {}; cat > /dev/null; echo hush", count.display());
    let providers = json!({
        "plain": provider(&script, &json!({"jsonOnly": false})),
        "hung": provider("sleep 60", &json!({"timeoutMs": 100})),
    });
    let config = Config::from_value(&json!({"secrets": {"providers": providers}}));
    assert!(config.secrets.may_wait());
    let env = BTreeMap::new();
    let resolver = SecretResolver::new(&config, &env, dir.path());
    let ask = |provider: &str, id: &str| {
        let reference = json!({"source": "exec", "provider": provider, "id": id});
        resolve_secret(&reference, &resolver, "a.b").map(|found| found.unwrap().expose().to_owned())
    };
    for id in ["one", "one", "two"] {
        assert_eq!(ask("plain", id).unwrap(), "hush");
    }
    assert_eq!(std::fs::read_to_string(&count).unwrap().lines().count(), 2);
    let began = Instant::now();
    for id in ["one", "two", "three", "four", "five"] {
        let error = ask("hung", id).unwrap_err().to_string();
        let expected = format!(
            "a.b has no value: exec provider \"hung\", id \"{id}\": the program did not end within 100 ms"
        );
        assert_eq!(error, expected);
    }
    assert!(began.elapsed().as_millis() < 400, "{:?}", began.elapsed());
}
