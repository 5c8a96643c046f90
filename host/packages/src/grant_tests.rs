use proptest::prelude::*;
use serde_json::{Value, json};
use url::Url;

use super::*;
use crate::compose::{Composed, Denied};
use crate::manifest::Manifest;

const HEAD: &str = r#"
[plugin]
id = "chat"
kind = "channel"
version = "1.0.0"
wit = "openclaw:plugin@0.1.0"
license = "MIT"
label = "Chat"
[channel]
text-limit = 10
text-unit = "chars"
sender-id-line = "id: {id}"
sender-id-label = "chatUserId"
[[secret]]
name = "botToken"
config = "botToken"
[[secret]]
name = "key"
config = "key"
optional = true
"#;

const API: &str = r#"
[[http]]
name = "api"
origin = { config = "apiRoot", default = "https://api.chat.example" }
path-prefix = "/bot{botToken}"
headers = { Authorization = "Bearer {key}", x-fixed = "1" }
methods = ["GET", "POST"]
single-flight = ["/getUpdates"]
"#;

fn entry(http: &str) -> Http {
    Manifest::parse(&format!("{HEAD}{http}"), "plugin.toml").unwrap().http.remove(0)
}

fn secrets(token: &str) -> AccountSecrets {
    AccountSecrets::default().with("botToken", token)
}

fn resolve(section: &Value, token: &str) -> Result<ResolvedGrant, GrantError> {
    ResolvedGrant::resolve(&entry(API), section, None, &secrets(token))
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn compose(
    method: &str,
    path: &str,
    query: &[(&str, &str)],
    headers: &[(&str, &str)],
) -> Result<Composed, Denied> {
    resolve(&json!({}), "12:AB").unwrap().compose(method, path, &pairs(query), &pairs(headers))
}

#[test]
fn puts_secrets_in_their_places() {
    let made = compose("POST", "/sendMessage", &[("a b", "c&d=é")], &[("Content-Type", "application/json")])
        .unwrap();
    assert_eq!(made.url, "https://api.chat.example/bot12:AB/sendMessage?a%20b=c%26d%3D%C3%A9");
    assert_eq!(made.headers, pairs(&[("content-type", "application/json"), ("x-fixed", "1")]));
    let both = AccountSecrets::default().with("botToken", "t").with("key", "k");
    let grant = ResolvedGrant::resolve(&entry(API), &json!({}), None, &both).unwrap();
    let made = grant.compose("GET", "/x", &[], &[]).unwrap();
    assert_eq!(made.headers, pairs(&[("authorization", "Bearer k"), ("x-fixed", "1")]));
    assert!(grant.is_single_flight("/getUpdates") && !grant.is_single_flight("/x"));
    assert!(!format!("{grant:?} {made:?}").contains("Bearer"));
}

#[test]
fn a_written_template_is_plain_text() {
    let text = "{{secret:botToken}}{botToken}";
    let made = compose("POST", &format!("/{text}"), &[(text, text)], &[("x-note", text)]).unwrap();
    let encoded = "%7B%7Bsecret%3AbotToken%7D%7D%7BbotToken%7D";
    let in_path = encoded.replace("%3A", ":");
    assert_eq!(made.url, format!("https://api.chat.example/bot12:AB/{in_path}?{encoded}={encoded}"));
    assert_eq!(made.headers[0], ("x-note".to_owned(), text.to_owned()));
}

#[test]
fn the_operator_chooses_where_it_leads() {
    let check = |root: Value, origin: &str, host: &str, port: u16, operator_named: bool| {
        let grant = resolve(&json!({ "apiRoot": root }), "t").unwrap();
        let made = grant.compose("GET", "/x", &[], &[]).unwrap();
        assert_eq!(made.url, format!("{origin}/bott/x"));
        assert_eq!(
            (grant.base.host.as_str(), grant.base.port, grant.operator_named),
            (host, port, operator_named)
        );
    };
    check(Value::Null, "https://api.chat.example", "api.chat.example", 443, false);
    check(json!(""), "https://api.chat.example", "api.chat.example", 443, false);
    check(json!("http://127.0.0.1:19810"), "http://127.0.0.1:19810", "127.0.0.1", 19810, true);
    check(json!("http://[::1]:8/base/"), "http://[::1]:8/base", "::1", 8, true);
    let grant = ResolvedGrant::resolve(&entry(API), &json!({}), Some("http://localhost:1/v1"), &secrets("t"))
        .unwrap();
    assert_eq!((grant.base.origin.as_str(), grant.operator_named), ("http://localhost:1", false));
    for root in [json!("ftp://x"), json!("nonsense"), json!("http://u:p@x"), json!("http://x/?q"), json!(5)] {
        let error = resolve(&json!({ "apiRoot": root }), "t").unwrap_err().to_string();
        assert!(error.starts_with("apiRoot is not a usable address"), "{error}");
    }
}

#[test]
fn a_secret_cannot_break_out_of_its_place() {
    for token in ["q/z", "q?z", "q#z", "q\\z", "q%2fz", "q z", "q\nz", "q\0z", ""] {
        let error = resolve(&json!({}), token).unwrap_err();
        assert!(matches!(error, GrantError::SecretValue { place: "path", .. }), "{token:?}: {error}");
        assert!(token.is_empty() || !error.to_string().contains(token), "{error}");
    }
    let dots = entry(&API.replace("/bot{botToken}", "/{botToken}"));
    for token in [".", ".."] {
        assert!(ResolvedGrant::resolve(&dots, &json!({}), None, &secrets(token)).is_err());
    }
    let broken = AccountSecrets::default().with("botToken", "t").with("key", "a\r\nx: y");
    let error = ResolvedGrant::resolve(&entry(API), &json!({}), None, &broken).unwrap_err();
    assert!(matches!(error, GrantError::SecretValue { place: "header", .. }), "{error}");
    let missing =
        ResolvedGrant::resolve(&entry(API), &json!({}), None, &AccountSecrets::default()).unwrap_err();
    assert_eq!(missing.to_string(), "the grant api needs the secret botToken, which has no value");
}

#[test]
fn breaks_no_rule_of_the_contract() {
    let denied = |path: &str| compose("GET", path, &[], &[]).unwrap_err().to_string();
    for path in [
        "",
        "x",
        "?",
        "/a?b",
        "/a#b",
        "/a\\b",
        "/..",
        "/a/../b",
        "/./a",
        "/a/%2e%2e/b",
        "/%2E",
        "/a%2f..%2fb",
        "/a%5c..",
        "/a\nb",
        "/a\0",
        "/a%0ab",
        "/a%",
        "/a%2",
        "/a%zz",
        "/\u{85}",
    ] {
        assert!(denied(path).starts_with("the path "), "{path:?}");
    }
    assert!(denied(&format!("/{}", "a".repeat(17_000))).contains("16 KiB"));
    assert!(compose("GET", "/a..b/...", &[], &[]).is_ok());
    assert_eq!(
        compose("DELETE", "/a", &[], &[]).unwrap_err().to_string(),
        "the grant \"api\" does not allow DELETE"
    );
    for name in [
        "Host",
        "AUTHORIZATION",
        "cookie",
        "Connection",
        "Content-Length",
        "Transfer-Encoding",
        "te",
        "upgrade",
        "X-Fixed",
        "proxy-authorization",
    ] {
        let error = compose("GET", "/a", &[], &[(name, "x")]).unwrap_err().to_string();
        assert_eq!(error, format!("the header \"{name}\" is set by the host"));
    }
    for (name, value) in [("a b", "x"), ("", "x"), ("x", "a\r\nb: c"), ("x", "\0")] {
        assert!(compose("GET", "/a", &[], &[(name, value)]).is_err(), "{name:?}: {value:?}");
    }
    let long = "v".repeat(17_000);
    assert_eq!(compose("GET", "/a", &[], &[("x", &long)]), Err(Denied::Headers));
    assert_eq!(compose("GET", "/a", &[("x", &long)], &[]), Err(Denied::Query));
    assert_eq!(compose("GET", "/a", &[], &[("x", "y"); 65]), Err(Denied::Headers));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// Whatever a guest says: scheme, host, port, prefix and the secret's segment are the grant's.
    #[test]
    fn a_guest_never_leaves_its_grant(
        path in prop_oneof!["/?.{0,24}", "(/|\\.|%2e|%2F|%5c|\\\\|@|:|//|a|é|\\{|[?#]){0,12}"],
        query in prop::collection::vec((".{0,6}", ".{0,6}"), 0..3),
        headers in prop::collection::vec(("[a-zA-Z-]{0,14}|.{0,4}", ".{0,8}"), 0..3),
    ) {
        let token = "12345:SECRET-value";
        let grant = resolve(&json!({"apiRoot": "http://10.1.2.3:81/base"}), token).unwrap();
        let Ok(made) = grant.compose("GET", &path, &query, &headers) else { return Ok(()) };
        let url = Url::parse(&made.url).unwrap();
        // A client parses the URL again: what it sees must be what was composed.
        prop_assert_eq!(url.as_str(), made.url.as_str());
        prop_assert_eq!((url.scheme(), url.host_str(), url.port()), ("http", Some("10.1.2.3"), Some(81)));
        prop_assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
        let mut segments = url.path_segments().unwrap();
        prop_assert_eq!((segments.next(), segments.next()), (Some("base"), Some("bot12345:SECRET-value")));
        prop_assert_eq!(url.query().is_some(), !query.is_empty());
        let sent: Vec<(String, String)> = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        prop_assert_eq!(sent, query);
        prop_assert!(made.headers.iter().all(|(_, value)| !value.contains(['\r', '\n'])));
        let fixed: Vec<&str> = made.headers.iter().filter(|(name, _)| name == "x-fixed").map(|(_, value)| value.as_str()).collect();
        prop_assert_eq!(fixed, ["1"]);
        prop_assert!(!made.headers.iter().any(|(name, _)| name == "host" || name == "authorization"));
    }
}

#[test]
fn a_grant_with_hosts_paths_and_a_query_stays_within_them() {
    let wide = r#"
[[http]]
name = "api"
origin = { config = "apiRoot", default = "https://api.chat.example" }
hosts = ["*.chat.example"]
path-prefix = "/v1"
paths = ["/users/*", "/me"]
query = { key = "{key}", fixed = "a&b" }
"#;
    let both = AccountSecrets::default().with("botToken", "t").with("key", "k/1");
    let grant = |section: Value| ResolvedGrant::resolve(&entry(wide), &section, None, &both).unwrap();
    let own = grant(json!({}));
    let made = own.compose("GET", "/users/5", &pairs(&[("q", "x")]), &[]).unwrap();
    assert_eq!(made.url, "https://api.chat.example/v1/users/5?q=x&fixed=a%26b&key=k%2F1");
    assert!(own.compose("GET", "/me", &[], &[]).is_ok());
    for path in ["/", "/users", "/me/x", "/Users/5", "/other"] {
        assert!(matches!(own.compose("GET", path, &[], &[]), Err(Denied::PathNotGranted { .. })), "{path}");
    }
    assert_eq!(
        own.compose("GET", "/me", &pairs(&[("key", "x")]), &[]),
        Err(Denied::QueryName("key".to_owned()))
    );
    let there = own.at_host("CDN.chat.example").unwrap().compose("GET", "/me", &[], &[]).unwrap();
    assert!(there.url.starts_with("https://cdn.chat.example/v1/me?"), "{}", there.url);
    for host in ["evil.org", "cdn.chat.example:8443", "x@cdn.chat.example", "127.0.0.1", "chat.example"] {
        assert!(matches!(own.at_host(host), Err(Denied::Host { .. })), "{host}");
    }
    // The operator's address stands for all of them.
    let local = grant(json!({"apiRoot": "http://127.0.0.1:9"})).at_host("cdn.chat.example").unwrap();
    assert_eq!((local.base.host.as_str(), local.base.port, local.operator_named), ("127.0.0.1", 9, true));
}
