use std::path::Path;

use openclaw_config::{Models, SecretInput, SecretRef};
use serde_json::json;

use super::*;

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn dialects() -> Vec<Dialect> {
    let known = Known {
        id: "cloud".to_owned(),
        base_url: "https://cloud.example/v1".to_owned(),
        env: vec!["CLOUD_KEY".to_owned()],
        compat: object(&json!({"plain": true, "tools": false})),
        ..Known::default()
    };
    let local = vec![Local { id: "desk".to_owned(), base_url: "http://127.0.0.1:1234/v1".to_owned() }];
    vec![Dialect { api: DEFAULT_API.to_owned(), known: vec![known], local, ..Dialect::default() }]
}

fn catalog(providers: Vec<Section>) -> Catalog {
    let config = Config { models: Models { providers, ..Models::default() }, ..Config::default() };
    let env = BTreeMap::from([("CLOUD_KEY".to_owned(), "k".to_owned())]);
    Catalog::new(&config, &SecretResolver::new(&config, &env, Path::new("/")), &dialects())
}

#[test]
fn a_section_is_completed_by_what_a_manifest_knows() {
    let with_key = Section { id: "Cloud".to_owned(), timeout_seconds: Some(9), ..Section::default() };
    let catalog = catalog(vec![with_key]);
    let cloud = catalog.provider("cloud").unwrap();
    assert_eq!(
        (cloud.base_url.to_string().as_str(), cloud.network),
        ("https://cloud.example/v1", Network::Public)
    );
    assert_eq!((cloud.timeout.as_secs(), cloud.idle.as_secs()), (9, 9));
    assert!(cloud.key.as_ref().unwrap().matches("k"));
    let desk = catalog.provider("desk").unwrap();
    assert_eq!((desk.network, desk.idle.as_secs()), (Network::OperatorNamed, 300));
    assert_eq!(catalog.providers().len(), 2);
}

#[test]
fn the_operators_compat_stands_above_the_known_one() {
    let check = |catalog: &Catalog, reference: &str, expected: &str| {
        assert_eq!(catalog.resolve(reference).unwrap().compat, expected, "{reference}");
    };
    let known = r#"{"plain":true,"tools":false}"#;
    check(&catalog(Vec::new()), "cloud/any", known);
    check(&catalog(Vec::new()), "desk/any", "");
    let listed = openclaw_config::Model {
        id: "m".to_owned(),
        compat: Some(object(&json!({"tools": true}))),
        ..Default::default()
    };
    let section = Section { id: "cloud".to_owned(), models: vec![listed], ..Section::default() };
    let configured = catalog(vec![section.clone()]);
    check(&configured, "cloud/m", r#"{"plain":true,"tools":true}"#);
    check(&configured, "cloud/other", known);
    let other_dialect = catalog(vec![Section { api: Some("another".to_owned()), ..section }]);
    check(&other_dialect, "cloud/m", r#"{"tools":true}"#);
}

#[test]
fn an_address_of_the_operator_is_trusted_and_replaces_the_known_one() {
    let own = Section {
        id: "cloud".to_owned(),
        base_url: Some("http://10.0.0.5/v1".to_owned()),
        ..Section::default()
    };
    let catalog = catalog(vec![own]);
    let cloud = catalog.provider("cloud").unwrap();
    assert_eq!(
        (cloud.base_url.to_string().as_str(), cloud.network),
        ("http://10.0.0.5/v1", Network::OperatorNamed)
    );
}

#[test]
fn a_section_with_a_fault_is_not_used_not_even_with_a_key_of_the_environment() {
    let disabled = BTreeMap::from([("cloud".to_owned(), "baseUrl: wrong (line 3)".to_owned())]);
    let providers = vec![Section { id: "cloud".to_owned(), ..Section::default() }];
    let config = Config { models: Models { providers, disabled }, ..Config::default() };
    let env = BTreeMap::from([("CLOUD_KEY".to_owned(), "k".to_owned())]);
    let secrets = SecretResolver::new(&config, &env, Path::new("/"));
    let catalog = Catalog::new(&config, &secrets, &dialects());
    assert!(catalog.provider("cloud").is_none() && catalog.provider("desk").is_some());
    assert_eq!(
        catalog.resolve("cloud/x").unwrap_err().to_string(),
        "provider \"cloud\" cannot be used: models.providers.cloud is not used: baseUrl: wrong (line 3)"
    );
}

#[test]
fn a_provider_that_cannot_be_used_is_explained_and_leaves_the_others() {
    let section = |id: &str| Section { id: id.to_owned(), ..Section::default() };
    let catalog = catalog(vec![
        section("nowhere"),
        Section { base_url: Some("http://user:pw@x".to_owned()), ..section("open") },
        Section {
            base_url: Some("http://x".to_owned()),
            api_key: Some(SecretInput::Reference(SecretRef::env("UNSET"))),
            ..section("keyless")
        },
    ]);
    let problems: Vec<String> = catalog.problems().map(ToString::to_string).collect();
    assert!(problems[0].starts_with("models.providers.nowhere.baseUrl is missing"), "{problems:?}");
    assert!(problems[1].contains("must not hold a user name or password") && !problems[1].contains("pw@"));
    assert!(problems[2].contains("environment variable UNSET is not set"), "{problems:?}");
    assert!(catalog.resolve("cloud/x").is_ok());
    let broken = catalog.resolve("keyless/x").unwrap_err().to_string();
    assert!(
        broken.starts_with("provider \"keyless\" cannot be used: models.providers.keyless.apiKey"),
        "{broken}"
    );
}

#[test]
fn parameters_of_the_nearest_place_win_and_the_caller_over_all() {
    let mut config = Config::default();
    config.models.providers.push(Section {
        id: "p".to_owned(),
        base_url: Some("http://x".to_owned()),
        models: vec![openclaw_config::Model {
            id: "m".to_owned(),
            compat: Some(object(&json!({"supportsTools": false}))),
            params: Some(object(
                &json!({"temperature": 0.1, "maxTokens": 5, "extra_body": {"seed": 1, "a": [2]}}),
            )),
            ..Default::default()
        }],
        ..Section::default()
    });
    let params = Some(object(&json!({"temperature": 0.2})));
    let entry = openclaw_config::ModelEntry { alias: Some("Quick".to_owned()), params };
    config.agents.defaults.models.insert("p/m".to_owned(), entry);
    let env = BTreeMap::new();
    let secrets = SecretResolver::new(&config, &env, Path::new("/"));
    let catalog = Catalog::new(&config, &secrets, &[]);
    let mut request = crate::types::ChatRequest {
        max_tokens: Some(7),
        extra: vec![("seed".to_owned(), "9".to_owned())],
        ..Default::default()
    };
    catalog.resolve("quick").unwrap().complete(&mut request);
    assert_eq!((request.model.as_str(), request.compat.as_str()), ("m", r#"{"supportsTools":false}"#));
    assert_eq!((request.temperature, request.max_tokens), (Some(0.2), Some(7)));
    let extra = [("seed", "9"), ("a", "[2]")].map(|(name, json)| (name.to_owned(), json.to_owned()));
    assert_eq!(request.extra, extra);
}

#[test]
fn a_fallback_that_leads_nowhere_is_left_out() {
    let catalog = catalog(Vec::new());
    let choice = |primary: &str, fallback: &str| ModelChoice {
        primary: Some(primary.to_owned()),
        fallbacks: vec![fallback.to_owned()],
    };
    let found = |choice: &ModelChoice| {
        catalog.targets(choice).map(|targets| targets.iter().map(Target::reference).collect::<Vec<_>>())
    };
    assert_eq!(found(&choice("cloud/a", "gone/b")).unwrap(), ["cloud/a"]);
    assert_eq!(found(&choice("gone/a", "cloud/b")).unwrap(), ["cloud/b"]);
    assert_eq!(found(&choice("gone/a", "lost/b")), Err(Unresolved::UnknownProvider("gone".to_owned())));
    assert_eq!(found(&ModelChoice::default()), Err(Unresolved::NothingChosen));
}
