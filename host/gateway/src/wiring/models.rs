//! Who answers: the provider shims, the catalog of models and the choice of the one that answers unless another is
//! named. Built at the start and renewed when the configuration changes; requests under way keep what they began with.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use openclaw_config::Paths;
use openclaw_egress::{Egress, Network, Options as EgressOptions};
use openclaw_models::{
    BaseUrl, Catalog, DEMO_MODEL, DEMO_PROVIDER, Dialect, Model, Models, Origin, Provider, choose,
};
use openclaw_protocol::status::{ModelChoice, ModelSource};
use openclaw_runtime::{Compiler, LoadError, Runtime, RuntimeOptions};
use tokio::sync::OnceCell;
use tracing::{info, warn};

use super::{Plugins, Shims, may_wait, providers};
use crate::demo;
use crate::error::StartError;
use crate::settings::Settings;

/// The dialect that the demonstration speaks.
const DEMO_API: &str = openclaw_config::DEFAULT_API;

/// What it takes to ask a model.
pub(crate) struct ModelParts {
    pub(crate) models: Models,
    pub(crate) shims: Arc<Shims>,
    pub(crate) runtime: Runtime,
    pub(super) egress: Egress,
    /// The demonstration, once it has been needed.
    demo: OnceCell<Provider>,
}

/// The runtime as a gateway has it.
pub(crate) fn runtime(paths: &Paths) -> Result<Runtime, LoadError> {
    Runtime::new(RuntimeOptions {
        cache_dir: paths.cache_dir(),
        guest_threads: 0,
        // By this name it is found even when the file was replaced since.
        compiler: Some(Compiler::new(PathBuf::from("/proc/self/exe"), vec![OsString::from(crate::COMPILE)])),
        coredump_on_trap: false,
    })
}

impl ModelParts {
    /// The runtime, the provider shims and the catalog as the configuration has it.
    pub(crate) async fn new(
        paths: &Paths,
        settings: &Settings,
        plugins: &Plugins,
    ) -> Result<ModelParts, StartError> {
        let egress = Egress::new(EgressOptions::default());
        let runtime = runtime(paths)
            .map_err(|error| StartError::failed(format!("Gateway failed to start: {error}"), error))?;
        let shims = Arc::new(Shims::new(runtime.clone(), plugins.load_providers(&runtime).await));
        let catalog = catalog(settings, &providers::dialects(plugins.provider_manifests()));
        let models = Models::new(egress.clone(), Arc::clone(&shims) as _, catalog);
        Ok(ModelParts { models, shims, runtime, egress, demo: OnceCell::new() })
    }

    /// Reads plugins and configuration again.
    pub(crate) async fn renew(&self, settings: &Settings, plugins: &Plugins) -> ModelChoice {
        self.shims.set_plugins(plugins.load_providers(&self.runtime).await);
        self.choose(settings, plugins).await
    }

    /// Decides which model answers when nobody says otherwise; starts the demonstration when there is no other.
    pub(crate) async fn choose(&self, settings: &Settings, plugins: &Plugins) -> ModelChoice {
        let dialects = providers::dialects(plugins.provider_manifests());
        let mut catalog = catalog(settings, &dialects);
        for problem in catalog.problems() {
            warn!(subsystem = "models", "a provider is not used: {problem}");
        }
        // A candidate of its own: until the choice is made, everybody goes on with the old one.
        let candidate = Models::new(self.egress.clone(), Arc::clone(&self.shims) as _, catalog.clone());
        let choice = choose(&candidate, &*self.shims).await;
        let source = source(&catalog, &choice.reference);
        if catalog.default_choice().primary.is_none() {
            if source == ModelSource::Demo {
                match self.demo.get_or_try_init(|| demo_provider(&dialects)).await {
                    Ok(provider) => catalog.add_demo(provider.clone()),
                    Err(why) => {
                        warn!(subsystem = "models", "the built-in demonstration cannot start: {why}");
                    }
                }
            }
            catalog.set_default(choice.reference.clone());
        }
        self.models.set_catalog(catalog);
        info!("agent model: {} ({})", choice.reference, choice.reason);
        ModelChoice { reference: choice.reference, source, detail: choice.reason }
    }
}

fn source(catalog: &Catalog, reference: &str) -> ModelSource {
    let id = reference.split_once('/').map_or("", |(id, _)| id);
    match catalog.provider(id).map(|provider| &provider.origin) {
        Some(Origin::Config) => ModelSource::Config,
        Some(Origin::Environment(_)) => ModelSource::Environment,
        Some(Origin::Local) => ModelSource::Local,
        Some(Origin::Demo) => ModelSource::Demo,
        None if id == DEMO_PROVIDER => ModelSource::Demo,
        None => ModelSource::Config,
    }
}

fn catalog(settings: &Settings, dialects: &[Dialect]) -> Catalog {
    let config = settings.config();
    may_wait(&config, || Catalog::new(&config, &settings.secrets(&config), dialects))
}

async fn demo_provider(dialects: &[Dialect]) -> Result<Provider, String> {
    let demo = demo::start(demo::advice(&providers::variables(dialects)))
        .await
        .map_err(|error| error.to_string())?;
    let base_url = BaseUrl::parse(&demo.base_url).map_err(str::to_owned)?;
    let provider = Provider::new(DEMO_PROVIDER, DEMO_API, base_url, Network::OperatorNamed, Origin::Demo);
    let model =
        Model { id: DEMO_MODEL.to_owned(), name: Some("Built-in demo".to_owned()), ..Model::default() };
    Ok(Provider { models: vec![model], ..provider.with_key(Some(demo.key)) })
}
