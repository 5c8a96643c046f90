//! The commands about the configuration as the founding guide has them, word for word, with the outputs and exit codes of
//! openclaw-compat §5.12.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use openclaw_config_proofs::{assert_has, names};
use openclaw_e2e::{Home, Ran};

/// A file as a person keeps it.
const FILE: &str = "\
{
  // Kept by every command.
  gateway: { mode: \"local\", bind: \"loopback\", auth: { mode: \"token\", token: 'the-old-token-0123456789' } },
  models: { providers: { lmstudio: {
    baseUrl: \"http://127.0.0.1:1234/v1\", apiKey: \"none\", api: \"openai-completions\",
    models: [
      { id: \"small\", name: \"Small\" }, // the first
      { id: \"large\", name: \"Large\" },
    ],
  } } },
  channels: { telegram: { botToken: \"123456:never-shown\", dmPolicy: \"pairing\" } },
}
";

fn home() -> Home {
    let home = Home::empty();
    std::fs::write(home.config_path(), FILE).unwrap();
    home
}

/// Types a line of the guide.
async fn typed(home: &Home, line: &str) -> Ran {
    let words: Vec<String> = words(line);
    assert_eq!(words[0], "openclaw");
    home.run(&words[1..].iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// The words of a line, as a shell would cut it.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            letter => words.last_mut().unwrap().push(letter),
        }
    }
    words
}

fn without_blanks(text: &str) -> String {
    text.split_whitespace().collect()
}

fn text(home: &Home) -> String {
    std::fs::read_to_string(home.config_path()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn get_shows_what_the_file_says_and_no_secret() {
    let home = home();
    for (line, shown) in [
        ("openclaw config get gateway.bind", "loopback"),
        ("openclaw config get gateway.auth.mode", "token"),
        ("openclaw config get gateway.auth.token", "__OPENCLAW_REDACTED__"),
        ("openclaw config get gateway.auth.token --json", "\"__OPENCLAW_REDACTED__\""),
    ] {
        let ran = typed(&home, line).await.ok();
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), (format!("{shown}\n").as_str(), ""), "{line}");
    }
    let channels = typed(&home, "openclaw config get channels").await.ok();
    assert_eq!(
        channels.stdout,
        "{\n  \"telegram\": {\n    \"botToken\": \"__OPENCLAW_REDACTED__\",\n    \"dmPolicy\": \"pairing\"\n  }\n}\n"
    );
    let unset = typed(&home, "openclaw config get agents.defaults.models").await;
    assert_eq!((unset.code, unset.stdout.as_str()), (1, ""));
    assert_has(
        &unset.stderr,
        &[
            "Config path is valid but unset: agents.defaults.models. The runtime default applies until you set",
        ],
    );
    let unknown = typed(&home, "openclaw config get gateway.nope").await;
    assert_eq!(unknown.code, 1);
    assert_has(&unknown.stderr, &["Unknown config path: gateway.nope. Run", "openclaw config schema"]);
    assert_eq!(text(&home), FILE);
}

#[tokio::test(flavor = "multi_thread")]
async fn set_changes_the_value_and_nothing_else() {
    let home = home();
    let mut expected = FILE.to_owned();
    for (line, old, new, said) in [
        (
            "openclaw config set gateway.auth.token YOUR_TOKEN_HERE",
            "token: 'the-old-token-0123456789'",
            "token: \"YOUR_TOKEN_HERE\"",
            "Updated gateway.auth.token. ",
        ),
        (
            "openclaw config set models.providers.lmstudio.models[0].compat.requiresStringContent true",
            "name: \"Small\" }",
            "name: \"Small\", compat: { requiresStringContent: true } }",
            "Updated models.providers.lmstudio.models[0].compat.requiresStringContent. ",
        ),
        (
            "openclaw config set models.providers.lmstudio.models[0].compat.supportsTools false",
            "requiresStringContent: true }",
            "requiresStringContent: true, supportsTools: false }",
            "Updated models.providers.lmstudio.models[0].compat.supportsTools. ",
        ),
        (
            "openclaw config set gateway.controlUi.allowedOrigins '[\"http://your-host:18789\"]'",
            "token: \"YOUR_TOKEN_HERE\" } }",
            "token: \"YOUR_TOKEN_HERE\" }, controlUi: { allowedOrigins: [\"http://your-host:18789\"] } }",
            "Updated gateway.controlUi.allowedOrigins. ",
        ),
    ] {
        let ran = typed(&home, line).await.ok();
        assert!(ran.stdout.starts_with(said), "{ran:?}");
        let effects = [
            "Restart the gateway to apply.",
            "Change will apply without restarting the gateway.",
            "No gateway restart needed.",
        ];
        assert!(effects.iter().any(|effect| ran.stdout.trim_end().ends_with(effect)), "{ran:?}");
        assert!(!ran.stdout.contains("YOUR_TOKEN_HERE"), "{ran:?}");
        expected = expected.replacen(old, new, 1);
        // How a new object is laid out is for the property tests of the edit.
        assert_eq!(without_blanks(&text(&home)), without_blanks(&expected), "{line}");
        for kept in FILE.lines().filter(|kept| expected.contains(*kept)) {
            assert!(text(&home).contains(kept), "{line}: `{kept}` is not as it was");
        }
        let again = typed(&home, line).await.ok();
        assert!(again.stdout.starts_with("No change"), "{again:?}");
    }
    let origins = typed(&home, "openclaw config get gateway.controlUi.allowedOrigins").await.ok();
    assert_eq!(origins.stdout, "[\n  \"http://your-host:18789\"\n]\n");
    let valid = typed(&home, "openclaw config validate").await.ok();
    assert_has(&valid.stdout, &["Config valid: "]);
    assert!(names(&home).iter().all(|name| !name.contains("rejected")), "{:?}", names(&home));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_break_the_file_is_refused_and_named() {
    let home = home();
    for (line, said) in [
        ("openclaw config set gateway.port abc", "Config validation failed: gateway.port: "),
        ("openclaw config set gateway.bogusKey 1", "Config validation failed: gateway: "),
        ("openclaw config unset gateway.mode", "Config write rejected: "),
        (
            "openclaw config unset gateway.port",
            "Config path not found: gateway.port. Nothing was changed. Run ",
        ),
        ("openclaw config set gateway..port 1", "is not a config path"),
    ] {
        let ran = typed(&home, line).await;
        assert_eq!(ran.code, 1, "{ran:?}");
        assert_has(&ran.stderr, &[said]);
        assert_eq!(text(&home), FILE, "{line}");
    }
    // `ls ~/.openclaw/*.rejected.*`: what would have lost the mode is there to be looked at.
    let rejected: Vec<String> = names(&home).into_iter().filter(|name| name.contains(".rejected.")).collect();
    assert_eq!(rejected.len(), 1, "{rejected:?}");
    let payload = std::fs::read_to_string(home.state().join(&rejected[0])).unwrap();
    assert!(!payload.contains("mode: \"local\"") && payload.contains("Kept by every command"), "{payload}");
}

#[tokio::test(flavor = "multi_thread")]
async fn validate_names_every_fault_and_the_way_out() {
    let home = home();
    std::fs::write(home.config_path(), FILE.replacen("bind:", "bnid:", 1)).unwrap();
    let ran = typed(&home, "openclaw config validate").await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_has(
        &ran.stderr,
        &["OpenClaw config is invalid: ", "× gateway", "\"bnid\"", "bind", "openclaw doctor"],
    );
    let ran = typed(&home, "openclaw config validate --json").await;
    assert_eq!(ran.code, 1);
    let answer = ran.json();
    assert_eq!((answer["ok"].as_bool(), answer["valid"].as_bool()), (Some(false), Some(false)));
    assert_eq!(answer["issues"].as_array().unwrap().len(), 1, "{answer}");
    std::fs::remove_file(home.config_path()).unwrap();
    let missing = typed(&home, "openclaw config validate").await;
    assert_eq!(missing.code, 1);
    assert_has(&missing.stderr, &["Config file not found: "]);
}

#[tokio::test(flavor = "multi_thread")]
async fn patch_changes_parts_and_apply_replaces_everything() {
    let home = home();
    let patched = typed(
        &home,
        "openclaw config patch '{ gateway: { port: 19000 }, channels: { telegram: { dmPolicy: null } } }'",
    );
    let patched = patched.await.ok();
    assert!(patched.stdout.starts_with("Applied 2 config update(s). "), "{patched:?}");
    let expected = FILE.replacen("0123456789' } }", "0123456789' }, port: 19000 }", 1);
    let expected = expected.replacen(", dmPolicy: \"pairing\"", "", 1);
    assert_eq!(without_blanks(&text(&home)), without_blanks(&expected));

    let shown = typed(&home, "openclaw config patch --dry-run '{ gateway: { port: 19001 } }'").await.ok();
    assert_has(
        &shown.stdout,
        &["Dry run successful: 1 update(s) validated against ", "-", "+", "port: 19001"],
    );
    assert!(!shown.stdout.contains("the-old-token"), "{shown:?}");
    assert_eq!(without_blanks(&text(&home)), without_blanks(&expected), "a dry run writes nothing");

    let before = text(&home);
    let refused = typed(&home, "openclaw config patch '{ gateway: { port: \"abc\" } }'").await;
    assert_eq!(refused.code, 1);
    assert_has(&refused.stderr, &["Config validation failed: gateway.port: "]);
    for force in ["", " --force"] {
        let lost =
            typed(&home, &format!("openclaw config apply '{{ gateway: {{ port: 19002 }} }}'{force}")).await;
        assert_eq!(lost.code, 1, "{lost:?}");
        assert_has(
            &lost.stderr,
            &["Config write rejected: ", "gateway-mode-removed", "Rejected payload saved to "],
        );
    }
    assert_eq!(text(&home), before);
    let rejected = names(&home).into_iter().filter(|name| name.contains(".rejected."));
    assert_eq!(rejected.count(), 2, "{:?}", names(&home));

    let whole = "{ gateway: { mode: \"local\", port: 19003 } } // all of it\n";
    let file = home.state().join("whole.json5");
    std::fs::write(&file, whole).unwrap();
    let line = format!("openclaw config apply --file {}", file.display());
    std::fs::write(
        home.config_path(),
        format!("{FILE}// {}\n", "what is long enough to be missed ".repeat(20)),
    )
    .unwrap();
    let small = typed(&home, &line).await;
    assert_eq!(small.code, 1, "{small:?}");
    assert_has(&small.stderr, &["This replaces everything in ", "size-drop:"]);
    let replaced = typed(&home, &format!("{line} --force")).await.ok();
    assert!(replaced.stdout.starts_with("Replaced "), "{replaced:?}");
    assert_eq!(text(&home), whole);
}
