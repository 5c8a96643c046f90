//! Chooses a model when the configuration names none: a key in the environment, then a server of this machine, then the
//! demonstration. Owns the order and the words of the reason; changes no configuration.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use crate::catalog::Catalog;
use crate::models::Models;
use crate::provider::{Origin, Provider};
use crate::shim::ShimSource;

/// The id of the demonstration provider.
pub const DEMO_PROVIDER: &str = "demo";
/// The id of its one model.
pub const DEMO_MODEL: &str = "echo";
/// How long a local server may take to say what it has.
const KNOCK: Duration = Duration::from_millis(300);

/// What was chosen, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// `<provider>/<model>`
    pub reference: String,
    /// For the log and for `status`.
    pub reason: String,
}

/// Chooses among the providers of the catalog in use.
pub async fn choose(models: &Models, shims: &dyn ShimSource) -> Choice {
    let catalog = models.catalog();
    if let Some(primary) = &catalog.default_choice().primary {
        return Choice {
            reference: primary.clone(),
            reason: "configured at agents.defaults.model".to_owned(),
        };
    }
    let named = configured(&catalog, shims).or_else(|| from_environment(&catalog, shims));
    match named {
        Some(choice) => choice,
        None => from_local_servers(models, &catalog, shims).await.unwrap_or_else(demo),
    }
}

/// A provider of the configuration that lists a model: the operator has one, and only forgot to say which.
fn configured(catalog: &Catalog, shims: &dyn ShimSource) -> Option<Choice> {
    let usable = |provider: &&Arc<Provider>| provider.origin == Origin::Config && shims.serves(&provider.api);
    catalog.providers().iter().filter(usable).find_map(|provider| {
        let listed = provider.models.first().map(|model| model.id.as_str());
        let model = listed.or(provider.default_model.as_deref())?;
        Some(Choice {
            reference: format!("{}/{model}", provider.id),
            reason: format!(
                "the first model of models.providers.{}, as agents.defaults.model is not set",
                provider.id
            ),
        })
    })
}

fn from_environment(catalog: &Catalog, shims: &dyn ShimSource) -> Option<Choice> {
    catalog.providers().iter().filter(|provider| shims.serves(&provider.api)).find_map(|provider| {
        let Origin::Environment(variable) = &provider.origin else { return None };
        let model = provider.default_model.as_deref()?;
        let reason = format!("{variable} is set in the environment");
        Some(Choice { reference: format!("{}/{model}", provider.id), reason })
    })
}

/// Asks all local servers at once; the order of the manifests decides.
async fn from_local_servers(models: &Models, catalog: &Catalog, shims: &dyn ShimSource) -> Option<Choice> {
    let local = catalog.providers().iter();
    let local = local.filter(|provider| provider.origin == Origin::Local && shims.serves(&provider.api));
    let answers = local.map(|provider| async move {
        match models.list(provider, KNOCK).await {
            Ok(offered) => offered.into_iter().next().map(|first| (provider, first.id)),
            Err(error) => {
                tracing::debug!(provider = %provider.id, %error, "no local server");
                None
            }
        }
    });
    let (provider, model) = join_all(answers).await.into_iter().flatten().next()?;
    let reason = format!("a local server answers at {}", provider.base_url);
    Some(Choice { reference: format!("{}/{model}", provider.id), reason })
}

fn demo() -> Choice {
    Choice {
        reference: format!("{DEMO_PROVIDER}/{DEMO_MODEL}"),
        reason: "no key in the environment and no local server: the built-in demonstration answers"
            .to_owned(),
    }
}
