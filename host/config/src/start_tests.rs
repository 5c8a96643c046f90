use std::collections::BTreeMap;

use super::*;
use crate::{Basis, PluginSchemas, validate};

fn report(text: &str) -> Report {
    validate(text, &Basis::new(Path::new("openclaw.json"), &PluginSchemas::default(), &BTreeMap::new()))
}

fn config(text: &str) -> Config {
    report(text).config.unwrap()
}

fn env(vars: &[(&str, &str)]) -> BTreeMap<String, String> {
    vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn local() -> Listen {
    listen(Bind::Loopback, &Config::default(), false, None).unwrap()
}

#[test]
fn the_mode_gate_has_its_three_texts() {
    let check = |exists: bool, text: &str, expected: &str| {
        let refusal = mode_gate(exists, &config(text), false).unwrap_err();
        assert_eq!((refusal.exit, refusal.lines[0].as_str()), (78, expected));
        assert!(mode_gate(exists, &config(text), true).is_ok());
    };
    check(
        false,
        "{}",
        "Missing config. Run `openclaw setup` or set gateway.mode=local (or pass --allow-unconfigured).",
    );
    check(
        true,
        "{}",
        "Gateway start blocked: existing config is missing gateway.mode. Treat this as suspicious or clobbered config. Re-run `openclaw onboard --mode local` or `openclaw setup`, set gateway.mode=local manually, or pass --allow-unconfigured.",
    );
    check(
        true,
        "{gateway: {mode: 'remote'}}",
        "Gateway start blocked: set gateway.mode=local (current: remote) or pass --allow-unconfigured.",
    );
    let refusal = mode_gate(true, &config("{}"), false).unwrap_err();
    assert!(refusal.to_string().contains("Gateway start blocked: set gateway.mode=local"));
    assert!(mode_gate(true, &config("{gateway: {mode: 'local'}}"), false).is_ok());
}

#[test]
fn an_invalid_file_is_told_with_every_fault() {
    let refusal = validity_gate(Path::new("/c"), &report("{gateway: {port: 'abc', bogus: 1}}")).unwrap_err();
    assert_eq!(
        refusal.lines[..3],
        [
            "Invalid config at /c:",
            "- gateway.port: Invalid input: expected number, received string (line 1, column 18)",
            "- gateway: Unrecognized key: \"bogus\" (line 1, column 25)",
        ]
    );
    assert!(
        validity_gate(Path::new("/c"), &report("{channels: {x: 5}}")).is_ok(),
        "only that channel stays out"
    );
}

#[test]
fn port_and_bind_follow_their_order() {
    let file = config("{gateway: {port: 2, bind: 'lan'}}");
    let vars = env(&[("OPENCLAW_GATEWAY_PORT", "3")]);
    assert_eq!(port(Some(1), &file, &vars), Ok(1));
    assert_eq!(port(None, &file, &vars), Ok(3));
    assert_eq!(port(None, &file, &env(&[])), Ok(2));
    assert_eq!(port(None, &Config::default(), &env(&[])), Ok(DEFAULT_PORT));
    assert_eq!(port(None, &file, &env(&[("OPENCLAW_GATEWAY_PORT", "x")])).unwrap_err().exit, 78);
    assert_eq!(bind(Some(Bind::Auto), &file, false), Bind::Auto);
    assert_eq!(bind(None, &file, true), Bind::Lan);
    assert_eq!(bind(None, &Config::default(), true), Bind::Auto);
    assert_eq!(bind(None, &Config::default(), false), Bind::Loopback);
}

#[test]
fn bind_modes_have_their_addresses() {
    let check = |bind: Bind, text: &str, container: bool, expected: &[&str]| {
        let listen = listen(bind, &config(text), container, None).unwrap();
        let shown: Vec<String> = listen.required.iter().map(ToString::to_string).collect();
        assert_eq!(shown, expected, "{bind:?}");
    };
    check(Bind::Loopback, "{}", false, &["127.0.0.1"]);
    check(Bind::Lan, "{}", false, &["0.0.0.0"]);
    check(Bind::Auto, "{}", true, &["0.0.0.0"]);
    check(Bind::Auto, "{}", false, &["127.0.0.1"]);
    check(Bind::Tailnet, "{}", false, &["127.0.0.1"]);
    check(Bind::Custom, "{gateway: {customBindHost: '10.0.0.1'}}", false, &["10.0.0.1", "127.0.0.1"]);
    let error = |text: &str| listen(Bind::Custom, &config(text), false, None).unwrap_err().to_string();
    assert_eq!(error("{}"), "gateway.bind=custom requires gateway.customBindHost");
    assert_eq!(
        error("{gateway: {customBindHost: 'h'}}"),
        "gateway.bind=custom requires a valid IPv4 customBindHost (got h)"
    );
}

#[test]
fn secrets_follow_their_order() {
    let check = |flag: Option<&str>, text: &str, vars: &[(&str, &str)], expected: Option<&str>| {
        let flags = AuthFlags { token: flag.map(Secret::from), ..AuthFlags::default() };
        let (config, env) = (config(text), env(vars));
        let secrets = SecretResolver::new(&config, &env, Path::new("/"));
        let auth = auth(&flags, &config, &secrets, &local()).unwrap();
        let found = auth.secret.as_ref().filter(|_| !auth.ephemeral).map(Secret::expose);
        assert_eq!(found, expected, "{flag:?} {text} {vars:?}");
    };
    let vars: &[(&str, &str)] = &[("OPENCLAW_GATEWAY_TOKEN", "from-env")];
    let file = "{gateway: {auth: {token: 'from-file'}}}";
    check(Some("flag"), file, vars, Some("flag"));
    check(None, file, vars, Some("from-file"));
    check(None, "{}", vars, Some("from-env"));
    for nothing in ["undefined", "null", " "] {
        check(Some(nothing), &file.replace("from-file", nothing), vars, Some("from-env"));
    }
    check(None, "{}", &[], None);
    check(None, "{gateway: {auth: {token: '${T}'}}}", &[("T", "by-name")], Some("by-name"));
}

#[test]
fn modes_and_their_refusals() {
    let run = |text: &str| {
        let (config, env) = (config(text), env(&[]));
        let secrets = SecretResolver::new(&config, &env, Path::new("/"));
        auth(&AuthFlags::default(), &config, &secrets, &local())
    };
    assert_eq!(run("{gateway: {auth: {password: 'p'}}}").unwrap().mode, AuthMode::Password);
    let made_up = run("{}").unwrap();
    assert_eq!((made_up.mode, made_up.ephemeral), (AuthMode::Token, true));
    assert_eq!(made_up.secret.unwrap().expose().len(), 48);
    let refusal = |text: &str| run(text).unwrap_err().lines;
    assert_eq!(
        refusal("{gateway: {auth: {mode: 'password'}}}"),
        [
            "Gateway auth is set to password, but no password is configured.",
            "Set gateway.auth.password (or OPENCLAW_GATEWAY_PASSWORD), or pass --password.",
        ]
    );
    assert!(refusal("{gateway: {auth: {token: 't', password: 'p'}}}")[0].contains("are both configured"));
    assert!(refusal("{gateway: {auth: {token: '__OPENCLAW_REDACTED__'}}}")[0].contains("placeholder"));
    assert!(refusal("{gateway: {auth: {token: '${NOPE}'}}}")[0].contains("NOPE is not set"));
    assert_eq!(run("{gateway: {auth: {mode: 'trusted-proxy'}}}").unwrap_err().exit, 78);
    let proxied = |more: &str, auth: &str| {
        let named = "mode: 'trusted-proxy', trustedProxy: {userHeader: 'x-user'}";
        run(&format!("{{gateway: {{{more} auth: {{{named}, {auth}}}}}}}"))
    };
    assert!(proxied("", "").unwrap_err().lines[0].contains("requires gateway.trustedProxies"));
    let proxy = "trustedProxies: ['10.0.0.1'],";
    assert!(proxied(proxy, "token: 't'").unwrap_err().lines[0].contains("are both configured"));
    assert!(proxied(proxy, "trustedProxy: {}").unwrap_err().lines[0].contains("userHeader"));
    let auth = proxied(proxy, "password: 'p'").unwrap();
    assert_eq!((auth.mode, auth.secret.is_some()), (AuthMode::TrustedProxy, true));
}

#[test]
fn nobody_listens_to_the_world_without_auth() {
    let gate = |text: &str| {
        let report = report(text);
        let config = report.config.clone().unwrap();
        let bind = bind(None, &config, false);
        let listen = listen(bind, &config, false, None).unwrap();
        let env = env(&[]);
        let secrets = SecretResolver::new(&config, &env, Path::new("/"));
        let auth = auth(&AuthFlags::default(), &config, &secrets, &listen).unwrap();
        bind_gate(bind, &listen, &auth, &report)
    };
    let refusal = gate("{gateway: {bind: 'lan', token: 'x', remote: {token: 'y'}}}").unwrap_err();
    assert_eq!(
        refusal.lines,
        [
            "Refusing to bind gateway to lan without auth.",
            "Set gateway.auth.token/password (or OPENCLAW_GATEWAY_TOKEN/OPENCLAW_GATEWAY_PASSWORD) or pass --token/--password.",
            "Found \"gateway.token\" in config. Use \"gateway.auth.token\" instead.",
            "\"gateway.remote.token\" is for remote CLI calls; it does not enable local gateway auth.",
        ]
    );
    assert!(gate("{gateway: {bind: 'lan', auth: {mode: 'none', token: 'x'}}}").is_err());
    assert!(gate("{gateway: {bind: 'lan', auth: {token: 'x'}}}").is_ok());
    assert!(gate("{gateway: {auth: {mode: 'none'}}}").is_ok());
}
