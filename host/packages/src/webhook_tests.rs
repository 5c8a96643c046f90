use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::json;

use super::*;

const NOW: u64 = 1_700_000_000;

fn route(verify: &str) -> Webhook {
    toml::from_str(&format!("name = \"events\"\npath = \"/events\"\nmax-body = 64\nverify = {verify}"))
        .unwrap()
}

fn resolved(verify: &str) -> ResolvedWebhook {
    let secrets = AccountSecrets::default().with("s", "It's a Secret to Everybody");
    ResolvedWebhook::resolve(&route(verify), &json!({}), &secrets).unwrap()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn judge(
    route: &ResolvedWebhook,
    method: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    now: u64,
) -> Result<Verdict, Unverified> {
    route.verify(&Incoming { method, query: &[], headers: &pairs(headers), body }, now)
}

#[test]
fn a_keyed_hash_of_the_body_is_checked() {
    // The example of GitHub's own documentation on validating webhook deliveries.
    let route =
        resolved(r#"{ hmac-sha256 = { header = "X-Hub-Signature-256", prefix = "sha256=", secret = "s" } }"#);
    let code = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let name = "x-hub-signature-256";
    let check = |headers: &[(&str, &str)], body: &[u8]| judge(&route, "POST", headers, body, NOW);
    assert_eq!(check(&[(name, code)], b"Hello, World!"), Ok(Verdict::Verified));
    assert_eq!(
        check(&[(name, &code.to_uppercase().replace("SHA256", "sha256"))], b"Hello, World!"),
        Ok(Verdict::Verified)
    );
    assert_eq!(check(&[(name, code)], b"Hello, world!"), Err(Unverified::Mismatch("the code")));
    for headers in [&[][..], &[(name, &code[7..])], &[(name, "sha256=zz")], &[(name, code), (name, code)]] {
        assert!(matches!(check(headers, b"Hello, World!"), Err(Unverified::Missing(_))), "{headers:?}");
    }
    assert_eq!(check(&[(name, "sha256=")], b"Hello, World!"), Err(Unverified::Mismatch("the code")));
    assert_eq!(check(&[(name, code)], &[b'x'; 65]).unwrap_err().status(), 413);
    assert_eq!(judge(&route, "GET", &[(name, code)], b"", NOW).unwrap_err().status(), 405);
}

#[test]
fn an_old_request_is_refused() {
    // The example of Slack's own documentation on verifying requests.
    let recipe = r#"{ hmac-sha256 = { header = "x-slack-signature", prefix = "v0=", secret = "k", timestamp-header = "x-slack-request-timestamp", signs = "v0:{timestamp}:{body}" } }"#;
    let mut entry = route(recipe);
    entry.max_body = 1024;
    let secrets = AccountSecrets::default().with("k", "8f742231b10e8888abcd99yyyzzz85a5");
    let route = ResolvedWebhook::resolve(&entry, &json!({}), &secrets).unwrap();
    let body = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let code = ("x-slack-signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503");
    let at =
        |now: u64, time: &str| judge(&route, "POST", &[code, ("x-slack-request-timestamp", time)], body, now);
    assert_eq!(at(1_531_420_618, "1531420618"), Ok(Verdict::Verified));
    assert_eq!(at(1_531_420_918, "1531420618"), Ok(Verdict::Verified));
    assert_eq!(at(1_531_420_919, "1531420618"), Err(Unverified::Stale));
    assert_eq!(at(1_531_420_317, "1531420618"), Err(Unverified::Stale));
    assert_eq!(at(1_531_420_619, "1531420619"), Err(Unverified::Mismatch("the code")));
    for odd in ["", "-1", "+1531420618", "1.5", "99999999999999999999999"] {
        assert!(matches!(at(1_531_420_618, odd), Err(Unverified::Missing(_))), "{odd}");
    }
}

#[test]
fn a_signature_covers_time_and_body() {
    let own = SigningKey::from_bytes(&[7; 32]);
    let entry = route(
        r#"{ ed25519 = { signature-header = "x-signature-ed25519", timestamp-header = "x-signature-timestamp", public-key = { config = "publicKey" } } }"#,
    );
    let section = json!({ "publicKey": hex::encode(own.verifying_key().as_bytes()) });
    let route = ResolvedWebhook::resolve(&entry, &section, &AccountSecrets::default()).unwrap();
    let time = NOW.to_string();
    let signature = hex::encode(own.sign(format!("{time}hello").as_bytes()).to_bytes());
    let check = |body: &[u8], signature: &str| {
        judge(
            &route,
            "POST",
            &[("x-signature-ed25519", signature), ("x-signature-timestamp", &time)],
            body,
            NOW,
        )
    };
    assert_eq!(check(b"hello", &signature), Ok(Verdict::Verified));
    assert_eq!(check(b"hellO", &signature), Err(Unverified::Mismatch("the signature")));
    assert_eq!(check(b"hello", &signature[2..]), Err(Unverified::Missing("the header with the signature")));
    for wrong in [json!({}), json!({"publicKey": "ab"}), json!({"publicKey": "zz"})] {
        let error = ResolvedWebhook::resolve(&entry, &wrong, &AccountSecrets::default()).unwrap_err();
        assert!(error.to_string().starts_with("publicKey is not an Ed25519 public key"), "{error}");
    }
}

#[test]
fn a_shared_token_stands_in_one_place() {
    let header = resolved(r#"{ shared-token = { header = "x-token", prefix = "Bearer ", secret = "s" } }"#);
    let check = |value: &str| judge(&header, "POST", &[("X-Token", value)], b"", NOW);
    assert_eq!(check("Bearer It's a Secret to Everybody"), Ok(Verdict::Verified));
    assert!(check("It's a Secret to Everybody").is_err() && check("Bearer ").is_err());
    let query = resolved(r#"{ shared-token = { query = "token", secret = "s" } }"#);
    let check = |pairs_: &[(&str, &str)]| {
        query.verify(&Incoming { method: "POST", query: &pairs(pairs_), headers: &[], body: b"" }, NOW)
    };
    let right = ("token", "It's a Secret to Everybody");
    assert_eq!(check(&[right]), Ok(Verdict::Verified));
    assert!(check(&[("token", "x")]).is_err() && check(&[right, right]).is_err() && check(&[]).is_err());
    let empty = AccountSecrets::default().with("s", "");
    let entry = route(r#"{ shared-token = { query = "token", secret = "s" } }"#);
    assert!(matches!(
        ResolvedWebhook::resolve(&entry, &json!({}), &empty),
        Err(GrantError::SecretMissing { .. })
    ));
}

#[test]
fn the_host_answers_a_challenge() {
    let mut entry = route(r#"{ hmac-sha256 = { header = "x-sig", secret = "s" } }"#);
    entry.challenge = Some(Challenge {
        echo: "hub.challenge".to_owned(),
        token: "hub.verify_token".to_owned(),
        secret: "v".to_owned(),
    });
    let secrets = AccountSecrets::default().with("s", "k").with("v", "t0ken");
    let route = ResolvedWebhook::resolve(&entry, &json!({}), &secrets).unwrap();
    assert!(route.takes("GET") && route.takes("POST") && !route.takes("PUT"));
    let check = |query: &[(&str, &str)]| {
        route.verify(&Incoming { method: "GET", query: &pairs(query), headers: &[], body: b"" }, NOW)
    };
    let echo = ("hub.challenge", "1158201444");
    assert_eq!(
        check(&[echo, ("hub.verify_token", "t0ken")]),
        Ok(Verdict::Challenge("1158201444".to_owned()))
    );
    assert!(check(&[echo, ("hub.verify_token", "wrong")]).is_err());
    assert!(check(&[echo]).is_err() && check(&[echo, echo, ("hub.verify_token", "t0ken")]).is_err());
    assert!(check(&[("hub.challenge", &"x".repeat(1025)), ("hub.verify_token", "t0ken")]).is_err());
    assert_eq!(check(&[("hub.verify_token", "t0ken")]), Err(Unverified::Method));
}
