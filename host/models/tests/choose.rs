//! What is asked when the configuration names no model.

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use openclaw_config::{Config, SecretResolver};
use openclaw_egress::{Egress, Options};
use openclaw_fakes::FakeOpenai;
use openclaw_models::{
    Catalog, Choice, DEMO_MODEL, DEMO_PROVIDER, Dialect, Known, Local, Models, Origin, choose,
};
use support::PlainShims;

async fn chosen(config: &Config, environment: &[(&str, &str)], local: &str, api: &str) -> (Choice, Models) {
    let environment: BTreeMap<String, String> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let dialect = Dialect {
        api: api.to_owned(),
        known: vec![Known {
            id: "cloud".to_owned(),
            aliases: vec!["Cumulus".to_owned()],
            base_url: "https://cloud.example/v1".to_owned(),
            env: vec!["CLOUD_KEY".to_owned(), "CLOUD_API_KEY".to_owned()],
            default_model: Some("big".to_owned()),
            ..Known::default()
        }],
        local: vec![
            Local { id: "absent".to_owned(), base_url: "http://127.0.0.1:1/v1".to_owned() },
            Local { id: "here".to_owned(), base_url: local.to_owned() },
        ],
        ..Dialect::default()
    };
    let shims = Arc::new(PlainShims::default());
    let secrets = SecretResolver::new(config, &environment, Path::new("/"));
    let catalog = Catalog::new(config, &secrets, &[dialect]);
    let models = Models::new(Egress::new(Options::default()), shims.clone(), catalog);
    (choose(&models, &*shims).await, models)
}

#[tokio::test]
async fn a_key_in_the_environment_comes_before_a_local_server_and_that_before_the_demo() {
    let backend = FakeOpenai::start().await.unwrap();
    let (config, completions) = (Config::default(), "openai-completions");

    let (choice, models) = chosen(&config, &[("CLOUD_API_KEY", "k")], &backend.base_url(), completions).await;
    assert_eq!(
        (choice.reference.as_str(), choice.reason.as_str()),
        ("cloud/big", "CLOUD_API_KEY is set in the environment")
    );
    let target = models.catalog().resolve("cumulus/small").unwrap();
    assert_eq!(target.provider.origin, Origin::Environment("CLOUD_API_KEY".to_owned()));

    let (choice, models) = chosen(&config, &[("CLOUD_KEY", " ")], &backend.base_url(), completions).await;
    assert_eq!(choice.reference, "here/mock-echo");
    assert!(choice.reason.starts_with("a local server answers at http://127.0.0.1:"), "{}", choice.reason);
    let missing = models.catalog().resolve("cloud/big").unwrap_err().to_string();
    assert_eq!(missing, "provider \"cloud\" has no key (set CLOUD_KEY, or models.providers.cloud.apiKey)");

    let (choice, _) = chosen(&config, &[], "http://127.0.0.1:1/v1", completions).await;
    assert_eq!(choice.reference, format!("{DEMO_PROVIDER}/{DEMO_MODEL}"));

    let (choice, _) = chosen(&config, &[("CLOUD_KEY", "k")], &backend.base_url(), "no-such-dialect").await;
    assert_eq!(
        choice.reference,
        format!("{DEMO_PROVIDER}/{DEMO_MODEL}"),
        "no shim present can serve the others"
    );
}

#[tokio::test]
async fn a_configured_provider_comes_first() {
    let mut config = Config::default();
    config.models.providers.push(openclaw_config::Provider {
        id: "mine".to_owned(),
        base_url: Some("http://127.0.0.1:1/v1".to_owned()),
        models: vec![openclaw_config::Model { id: "m1".to_owned(), ..Default::default() }],
        ..Default::default()
    });
    let environment = [("CLOUD_KEY", "k")];
    let (choice, _) = chosen(&config, &environment, "http://127.0.0.1:1", "openai-completions").await;
    assert_eq!(choice.reference, "mine/m1");

    config.agents.defaults.model =
        Some(openclaw_config::ModelChoice { primary: Some("cloud/x".to_owned()), fallbacks: Vec::new() });
    let (choice, _) = chosen(&config, &environment, "http://127.0.0.1:1", "openai-completions").await;
    assert_eq!(
        (choice.reference.as_str(), choice.reason.as_str()),
        ("cloud/x", "configured at agents.defaults.model")
    );
}
