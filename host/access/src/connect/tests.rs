//! The tables of openclaw-compat §2.5 and §2.9, row by row.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use http::HeaderMap;
use openclaw_protocol::decode;
use openclaw_secrets::Secret;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;
use crate::devices::{Change, TokenKey};
use crate::{Limits, Proxies, Rules, TrustedProxy};

const LOCAL: &str = "127.0.0.1";
const REMOTE: &str = "203.0.113.7";
const RIGHT: &str = "0123456789abcdef0123456789abcdef";
const NONCE: &str = "nonce-of-this-connection";
const NOW: u64 = 1_770_000_000_000;

fn access(shared: SharedSecret) -> Access {
    let limits = Limits { max_attempts: 3, ..Limits::default() };
    let proxies = Proxies::new(&["10.0.0.1".into()], false);
    Access::new(Rules { limits, proxies, own_address: |_| Some(false), ..Rules::new(shared) })
}

fn token() -> Access {
    access(SharedSecret::Token(Some(Secret::from(RIGHT))))
}

fn registry() -> Registry {
    Registry::new(TokenKey::from_bytes([9; 32]), Vec::new())
}

fn peer(access: &Access, address: &str, headers: &[(&'static str, &str)]) -> Peer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, value.parse().unwrap());
    }
    access.peer(address.parse().unwrap(), &map)
}

fn params(id: &str, mode: &str, role: &str, auth: &Value) -> ConnectParams {
    let wire = json!({"minProtocol": 4, "maxProtocol": 4, "role": role, "caps": [], "auth": auth,
        "scopes": ["operator.read", "operator.admin", "unheard.of"],
        "client": {"id": id, "mode": mode, "version": "1", "platform": "linux"}});
    decode(Some(wire)).unwrap()
}

fn with_device(mut params: ConnectParams) -> ConnectParams {
    let key = SigningKey::from_bytes(&[7; 32]);
    let public = key.verifying_key().to_bytes();
    let id = hex::encode(Sha256::digest(public));
    let auth = params.auth.clone().unwrap_or_default();
    let token = auth.token.or(auth.device_token).or(auth.bootstrap_token).unwrap_or_default();
    let text = format!(
        "v3|{id}|{}|{}|{}|{}|{NOW}|{token}|{NONCE}|linux|",
        params.client.id,
        params.client.mode,
        params.role.as_deref().unwrap(),
        params.scopes.as_ref().unwrap().join(",")
    );
    params.device = Some(openclaw_protocol::connect::DeviceProof {
        id,
        public_key: URL_SAFE_NO_PAD.encode(public),
        signature: URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()).to_bytes()),
        signed_at: NOW,
        nonce: Some(NONCE.to_owned()),
    });
    params
}

/// The whole decision, with the device's approval; what changes is kept.
fn connect(
    access: &Access,
    registry: &mut Registry,
    peer: &Peer,
    params: &ConnectParams,
) -> Result<Identified, RpcError> {
    let attempt = Attempt { peer, params, nonce: NONCE, now: Instant::now(), now_ms: NOW };
    let identified = access.identify(&attempt, registry)?;
    if let Some(newcomer) = &identified.newcomer {
        let plan = registry.admit(newcomer, NOW, "request-1");
        registry.apply(plan.changes);
        plan.result?;
    }
    Ok(identified)
}

fn code(result: &Result<Identified, RpcError>) -> String {
    match result {
        Ok(found) if found.scopes.is_empty() => format!("{} without scopes", found.method.as_str()),
        Ok(found) => format!("{} {}", found.method.as_str(), found.scopes.len()),
        Err(error) => error.detail_code().unwrap_or(&error.message).to_owned(),
    }
}

#[test]
fn which_code_for_which_simple_client() {
    let access = token();
    let check = |address: &str, params: ConnectParams, expected: &str| {
        let result = connect(&access, &mut registry(), &peer(&access, address, &[]), &params);
        assert_eq!(code(&result), expected, "{address} {:?}", params.client.id);
        result
    };
    let none = json!({});
    let right = json!({"token": RIGHT});
    let wrong = json!({"token": "wrong"});
    let cli = |auth: &Value| params("cli", "cli", "operator", auth);
    check(LOCAL, cli(&none), "DEVICE_IDENTITY_REQUIRED").unwrap_err();
    check(LOCAL, cli(&json!({"token": " "})), "DEVICE_IDENTITY_REQUIRED").unwrap_err();
    check(LOCAL, cli(&json!({"deviceToken": "x"})), "DEVICE_IDENTITY_REQUIRED").unwrap_err();
    check(LOCAL, cli(&wrong), "AUTH_TOKEN_MISMATCH").unwrap_err();
    check(LOCAL, cli(&right), "token 2").unwrap();
    check(LOCAL, params("test", "test", "operator", &right), "token without scopes").unwrap();
    check(REMOTE, cli(&right), "token without scopes").unwrap();
    check(LOCAL, with_device(cli(&none)), "AUTH_TOKEN_MISSING").unwrap_err();
    let error = check(LOCAL, with_device(cli(&wrong)), "AUTH_TOKEN_MISMATCH").unwrap_err();
    let details = error.details.unwrap();
    assert_eq!(
        (&details["canRetryWithDeviceToken"], &details["recommendedNextStep"]),
        (&json!(true), &json!("retry_with_device_token"))
    );
    let both = json!({"token": "wrong", "deviceToken": "bad"});
    check(REMOTE, with_device(cli(&both)), "AUTH_DEVICE_TOKEN_MISMATCH").unwrap_err();
    check(REMOTE, with_device(cli(&json!({"deviceToken": "bad"}))), "AUTH_DEVICE_TOKEN_MISMATCH")
        .unwrap_err();
    check("203.0.113.8", with_device(cli(&json!({"bootstrapToken": "bad"}))), "AUTH_BOOTSTRAP_TOKEN_INVALID")
        .unwrap_err();
    check(LOCAL, with_device(cli(&right)), "token 2").unwrap();
    check(REMOTE, with_device(cli(&right)), "PAIRING_REQUIRED").unwrap_err();
    // The proof is looked at before the credential.
    let mut forged = with_device(cli(&wrong));
    forged.device.as_mut().unwrap().nonce = Some("another".into());
    check(LOCAL, forged, "DEVICE_AUTH_NONCE_MISMATCH").unwrap_err();
    check(LOCAL, params("cli", "cli", "king", &right), "invalid role").unwrap_err();
    // A node is always a device.
    check(LOCAL, params("node-host", "node", "node", &right), "DEVICE_IDENTITY_REQUIRED").unwrap_err();
    check(REMOTE, with_device(params("node-host", "node", "node", &right)), "PAIRING_REQUIRED").unwrap_err();
}

#[test]
fn the_table_of_clients_without_a_device() {
    let right = json!({"token": RIGHT});
    let check = |access: &Access,
                 address: &str,
                 headers: &[(&'static str, &str)],
                 client: (&str, &str),
                 auth: &Value,
                 expected: &str| {
        let params = params(client.0, client.1, "operator", auth);
        let result = connect(access, &mut registry(), &peer(access, address, headers), &params);
        assert_eq!(code(&result), expected, "{address} {headers:?} {client:?}");
    };
    let (cli, probe, backend) = (("cli", "cli"), ("cli", "probe"), ("gateway-client", "backend"));
    let (page, chat) = (("openclaw-control-ui", "webchat"), ("webchat", "webchat"));
    let here = ("host", "localhost:18789");
    let local_page = [here, ("origin", "http://localhost:18789")];
    let secret = token();
    for program in [cli, probe, backend] {
        check(&secret, LOCAL, &[here], program, &right, "token 2");
        check(&secret, REMOTE, &[], program, &right, "token without scopes");
    }
    check(&secret, LOCAL, &local_page, backend, &right, "token without scopes");
    check(&secret, LOCAL, &[("host", "192.168.1.5")], backend, &right, "token 2");
    check(&secret, LOCAL, &local_page, page, &right, "CONTROL_UI_DEVICE_IDENTITY_REQUIRED");
    check(&secret, LOCAL, &local_page, chat, &right, "token without scopes");
    check(&secret, LOCAL, &[here], page, &right, "CONTROL_UI_ORIGIN_NOT_ALLOWED");
    let foreign = [here, ("origin", "http://evil.example")];
    check(&secret, LOCAL, &foreign, cli, &right, "CONTROL_UI_ORIGIN_NOT_ALLOWED");
    // A name that was made to lead here: neither local nor the gateway's own page.
    let rebound = [("host", "evil.example"), ("origin", "http://evil.example")];
    check(&secret, LOCAL, &rebound, cli, &right, "CONTROL_UI_ORIGIN_NOT_ALLOWED");

    let open = access(SharedSecret::None);
    check(&open, LOCAL, &[here], cli, &json!({}), "none 2");
    check(&open, LOCAL, &[here], backend, &json!({}), "none 2");
    check(&open, LOCAL, &local_page, cli, &json!({}), "DEVICE_IDENTITY_REQUIRED");
    check(&open, REMOTE, &[], cli, &json!({}), "DEVICE_IDENTITY_REQUIRED");
    check(&open, LOCAL, &[here], ("test", "test"), &json!({}), "DEVICE_IDENTITY_REQUIRED");

    let rules = TrustedProxy {
        user_header: "x-user".into(),
        required_headers: vec!["x-verified".into()],
        identity_scopes: [("ann@example.com".to_owned(), vec![Scope::Pairing])].into(),
        ..TrustedProxy::default()
    };
    let proxy = access(SharedSecret::Proxy(Box::new(rules), Some(Secret::from("local"))));
    let via = ("x-forwarded-for", "203.0.113.9");
    let (user, verified, host) = (("x-user", "ann"), ("x-verified", "1"), ("host", "gateway.local"));
    let origin = ("origin", "https://gateway.local");
    let none = json!({});
    check(&proxy, "10.0.0.1", &[via, user, verified, host, origin], page, &none, "trusted-proxy 2");
    check(&proxy, "10.0.0.1", &[via, user, verified, host], cli, &none, "trusted-proxy without scopes");
    let mapped = ("x-user", "Ann@Example.com");
    check(&proxy, "10.0.0.1", &[via, mapped, verified, host], cli, &none, "trusted-proxy 1");
    check(&proxy, "10.0.0.1", &[via, user, host], cli, &none, "AUTH_IDENTITY_HEADER_REQUIRED");
    check(&proxy, "10.0.0.1", &[via, verified, host], cli, &none, "AUTH_UNAUTHORIZED");
    check(&proxy, "10.0.0.2", &[user, verified], cli, &none, "AUTH_UNAUTHORIZED");
    check(&proxy, "10.0.0.2", &[via, user, verified], cli, &none, "AUTH_UNAUTHORIZED");
    check(&proxy, LOCAL, &[here], cli, &json!({"password": "local"}), "password 2");
    check(&proxy, LOCAL, &[here], cli, &json!({"password": "no"}), "AUTH_PASSWORD_MISMATCH");
}

#[test]
fn forged_headers_and_unknown_proxies_are_refused_even_with_the_right_token() {
    let access = token();
    let params = params("cli", "cli", "operator", &json!({"token": RIGHT}));
    for header in ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip"] {
        let peer = peer(&access, REMOTE, &[(header, "127.0.0.1")]);
        let error = connect(&access, &mut registry(), &peer, &params).unwrap_err();
        assert_eq!(error.details.unwrap()["authReason"], "proxy_attribution_required", "{header}");
    }
}

#[test]
fn a_gateway_without_its_secret_says_so() {
    let check = |shared: SharedSecret, expected: &str| {
        let access = access(shared);
        let request = params("cli", "cli", "operator", &json!({"token": "any"}));
        let result = connect(&access, &mut registry(), &peer(&access, LOCAL, &[]), &request);
        assert_eq!(code(&result), expected);
    };
    check(SharedSecret::Token(None), "AUTH_TOKEN_NOT_CONFIGURED");
    check(SharedSecret::Password(None), "AUTH_PASSWORD_NOT_CONFIGURED");
    check(SharedSecret::Password(Some(Secret::from("other"))), "AUTH_PASSWORD_MISMATCH");
}

#[test]
fn a_device_comes_back_by_its_token_or_by_it_in_place_of_the_shared_one() {
    let (access, mut registry) = (token(), registry());
    let here = peer(&access, LOCAL, &[]);
    let there = peer(&access, REMOTE, &[]);
    let cli = |auth: &Value| with_device(params("cli", "cli", "operator", auth));
    connect(&access, &mut registry, &here, &cli(&json!({"token": RIGHT}))).unwrap();
    let device = registry.devices().next().unwrap().clone();
    let own = TokenKey::from_bytes([9; 32]).token(&device, Role::Operator, 1).unwrap();
    for auth in [
        json!({"deviceToken": own.expose()}),
        json!({"token": own.expose()}),
        json!({"token": "outdated", "deviceToken": own.expose()}),
    ] {
        let result = connect(&access, &mut registry, &there, &cli(&auth));
        assert_eq!(code(&result), "device-token 2");
    }
    let mut more = params("cli", "cli", "operator", &json!({"deviceToken": own.expose()}));
    more.scopes = Some(vec!["operator.read".into()]);
    assert_eq!(code(&connect(&access, &mut registry, &there, &with_device(more))), "device-token 1");
    let node = with_device(params("cli", "cli", "node", &json!({"deviceToken": own.expose()})));
    assert_eq!(code(&connect(&access, &mut registry, &there, &node)), "AUTH_DEVICE_TOKEN_MISMATCH");
}

#[test]
fn wrong_guesses_lock_out_but_never_who_holds_a_strong_token() {
    for address in [REMOTE, LOCAL] {
        let (access, mut registry) = (token(), registry());
        let peer = peer(&access, address, &[]);
        let cli = |auth: &Value| params("cli", "cli", "operator", auth);
        let right = with_device(cli(&json!({"token": RIGHT})));
        let mut ask = |params: &ConnectParams| connect(&access, &mut registry, &peer, params);
        let first = code(&ask(&right));
        // Nothing presented is no guess.
        for _ in 0..20 {
            assert_eq!(code(&ask(&cli(&json!({})))), "DEVICE_IDENTITY_REQUIRED");
            assert_eq!(code(&ask(&with_device(cli(&json!({}))))), "AUTH_TOKEN_MISSING");
        }
        let wrong = cli(&json!({"token": "wrong"}));
        let codes: Vec<String> = (0..4).map(|_| code(&ask(&wrong))).collect();
        let (no, locked) = ("AUTH_TOKEN_MISMATCH", "AUTH_RATE_LIMITED");
        assert_eq!(codes, [no, no, locked, locked], "{address}");
        let error = ask(&wrong).unwrap_err();
        assert_eq!(error.retryable, Some(true));
        assert!(error.retry_after_ms.is_some_and(|wait| (299_000..=300_000).contains(&wait)));
        assert_eq!(code(&ask(&right)), first, "{address}");
    }
}

#[test]
fn a_paired_device_passes_while_its_address_is_locked_out() {
    // Even where the shared secret is one that can be guessed.
    let access = access(SharedSecret::Password(Some(Secret::from("guess-me"))));
    let mut registry = registry();
    let here = peer(&access, LOCAL, &[]);
    let cli = |auth: &Value| with_device(params("cli", "cli", "operator", auth));
    connect(&access, &mut registry, &here, &cli(&json!({"password": "guess-me"}))).unwrap();
    let device = registry.devices().next().unwrap().clone();
    let own = TokenKey::from_bytes([9; 32]).token(&device, Role::Operator, 1).unwrap();
    for _ in 0..100 {
        let _refused =
            connect(&access, &mut registry, &here, &cli(&json!({"password": "no", "deviceToken": "no"})));
    }
    let right = cli(&json!({"password": "guess-me"}));
    assert_eq!(code(&connect(&access, &mut registry, &here, &right)), "AUTH_RATE_LIMITED");
    let paired = cli(&json!({"deviceToken": own.expose()}));
    assert_eq!(code(&connect(&access, &mut registry, &here, &paired)), "device-token 2");
    // And nobody elsewhere notices.
    let there = peer(&access, REMOTE, &[]);
    assert_eq!(code(&connect(&access, &mut registry, &there, &right)), "password 2");
}

#[test]
fn a_guessed_password_waits_out_the_lockout() {
    let access = access(SharedSecret::Password(Some(Secret::from("right"))));
    let there = peer(&access, REMOTE, &[]);
    let now = Instant::now();
    let ask = |password: &str, now: Instant| {
        let params = params("cli", "cli", "operator", &json!({"password": password}));
        let attempt = Attempt { peer: &there, params: &params, nonce: NONCE, now, now_ms: NOW };
        code(&access.identify(&attempt, &registry()))
    };
    for _ in 0..3 {
        ask("no", now);
    }
    assert_eq!(ask("right", now), "AUTH_RATE_LIMITED");
    assert_eq!(ask("right", now + Limits::default().lockout - Duration::from_millis(1)), "AUTH_RATE_LIMITED");
    assert_eq!(ask("right", now + Limits::default().lockout), "password without scopes");
}

#[test]
fn a_setup_code_lets_one_device_in() {
    let (access, mut registry) = (token(), registry());
    let code_text = Secret::from("a-code-that-nobody-guesses");
    let plan = registry.open_setup(crate::devices::SetupProfile::Full, "setup-1", &code_text, NOW);
    registry.apply(plan.changes);
    let there = peer(&access, REMOTE, &[]);
    let phone = |auth: &Value| with_device(params("openclaw-ios", "ui", "operator", auth));
    let by_code = phone(&json!({"bootstrapToken": code_text.expose()}));
    assert_eq!(code(&connect(&access, &mut registry, &there, &by_code)), "bootstrap-token 2");
    // The answer may have been lost: the same device may come again, no other one.
    assert_eq!(code(&connect(&access, &mut registry, &there, &by_code)), "bootstrap-token 2");
    let found = registry.find_setup(code_text.expose(), "another-device", Role::Operator, &[], NOW);
    assert_eq!(found, None);
    let device = registry.devices().next().unwrap().clone();
    assert_eq!(device.roles, [Role::Operator, Role::Node]);
    let own = TokenKey::from_bytes([9; 32]).token(&device, Role::Operator, 1).unwrap();
    let by_token = phone(&json!({"deviceToken": own.expose()}));
    assert_eq!(code(&connect(&access, &mut registry, &there, &by_token)), "device-token 2");
    assert_eq!(code(&connect(&access, &mut registry, &there, &by_code)), "AUTH_BOOTSTRAP_TOKEN_INVALID");
}

#[test]
fn a_browsers_token_ends_with_the_shared_secret() {
    let (first, mut registry) = (token(), registry());
    let page = [("host", "localhost:18789"), ("origin", "http://localhost:18789")];
    let ui = |auth: &Value| with_device(params("openclaw-control-ui", "webchat", "operator", auth));
    connect(&first, &mut registry, &peer(&first, LOCAL, &page), &ui(&json!({"token": RIGHT}))).unwrap();
    let device = registry.devices().next().unwrap().clone();
    assert!(device.token(Role::Operator).unwrap().issuer.is_some());
    let own = TokenKey::from_bytes([9; 32]).token(&device, Role::Operator, 1).unwrap();
    let by_token = ui(&json!({"deviceToken": own.expose()}));
    let found = connect(&first, &mut registry, &peer(&first, LOCAL, &page), &by_token);
    assert_eq!(code(&found), "device-token 2");
    let second = access(SharedSecret::Token(Some(Secret::from("fedcba9876543210fedcba9876543210"))));
    let found = connect(&second, &mut registry, &peer(&second, LOCAL, &page), &by_token);
    assert_eq!(code(&found), "AUTH_DEVICE_TOKEN_MISMATCH");
    // With the new secret it gets another one.
    let renewed = ui(&json!({"token": "fedcba9876543210fedcba9876543210"}));
    connect(&second, &mut registry, &peer(&second, LOCAL, &page), &renewed).unwrap();
    assert_eq!(registry.devices().next().unwrap().token(Role::Operator).unwrap().floor, 2);
}

#[test]
fn the_gateways_own_helper_needs_no_pairing() {
    let (access, mut registry) = (token(), registry());
    let backend = with_device(params("gateway-client", "backend", "operator", &json!({"token": RIGHT})));
    let found = connect(&access, &mut registry, &peer(&access, LOCAL, &[]), &backend);
    assert_eq!(code(&found), "token 2");
    assert_eq!(registry.devices().count(), 0);
    let kept: Vec<Change> = Vec::new();
    assert!(Registry::new(TokenKey::from_bytes([1; 32]), kept).pending(NOW).is_empty());
}
