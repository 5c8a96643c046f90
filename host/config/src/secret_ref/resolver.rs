//! From a reference to its value: which provider is meant, and what it says. Keeps an answer of a program only for as
//! long as the resolver lives, and nothing on disk.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use openclaw_secrets::Secret;

use super::reference::DEFAULT_PROVIDER;
use super::{REDACTED, SecretError, SecretRef, SecretSource, exec, file, present};
use crate::env::{Env, LayeredEnv};
use crate::model::{Config, ExecProvider, SecretProvider, SecretProviders};

static ANY_VARIABLE: SecretProvider = SecretProvider::Env { allowlist: None };
static NO_STORE: SecretProvider = SecretProvider::Store;

/// Everything that it takes to find the value of a reference: made for one task, used, and dropped.
pub struct SecretResolver<'a> {
    env: LayeredEnv<'a>,
    providers: &'a SecretProviders,
    home: &'a Path,
    asked: RefCell<Asked>,
}

/// What programs said to this resolver.
#[derive(Default)]
struct Asked {
    /// By provider and id.
    answers: BTreeMap<(String, String), Result<Secret, String>>,
    /// Providers that did not answer in time: asking for the next id would only wait as long again.
    silent: BTreeMap<String, String>,
}

impl std::fmt::Debug for SecretResolver<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretResolver").field("providers", self.providers).finish_non_exhaustive()
    }
}

impl<'a> SecretResolver<'a> {
    /// A resolver for this configuration. `env` is the real environment, above the file's `env.vars`; `home` is what `~`
    /// means.
    #[must_use]
    pub fn new(config: &'a Config, env: &'a dyn Env, home: &'a Path) -> Self {
        let env = LayeredEnv { real: env, defaults: &config.env_vars };
        Self { env, providers: &config.secrets, home, asked: RefCell::default() }
    }

    /// The environment with the file's `env.vars` below it.
    #[must_use]
    pub fn env(&self) -> LayeredEnv<'a> {
        self.env
    }

    /// The value of the reference at `place`; never blank.
    pub(super) fn find(&self, reference: &SecretRef, place: &str) -> Result<Secret, SecretError> {
        let (name, provider) = self.provider(reference, place)?;
        let told = |problem: String| SecretError::Provider {
            place: place.to_owned(),
            kind: reference.source,
            provider: name.to_owned(),
            id: reference.id.clone(),
            problem,
        };
        let value = match provider {
            SecretProvider::Env { allowlist } => {
                return self.variable(reference, name, allowlist.as_deref(), place);
            }
            SecretProvider::Store => return Err(SecretError::NoStore { place: place.to_owned() }),
            SecretProvider::File(provider) => file::read(provider, &reference.id, self.home).map_err(told)?,
            SecretProvider::Exec(provider) => self.ask(name, provider, &reference.id).map_err(told)?,
        };
        match present(value.expose()) {
            Some(REDACTED) => Err(SecretError::Redacted { place: place.to_owned() }),
            Some(text) => Ok(Secret::from(text)),
            None => Err(told("the value is blank".to_owned())),
        }
    }

    fn variable(
        &self,
        reference: &SecretRef,
        provider: &str,
        allowlist: Option<&[String]>,
        place: &str,
    ) -> Result<Secret, SecretError> {
        let name = reference.id.clone();
        let place = place.to_owned();
        if allowlist.is_some_and(|allowed| !allowed.contains(&name)) {
            return Err(SecretError::NotAllowed { name, provider: provider.to_owned(), place });
        }
        match self.env.var(&name).as_deref().and_then(present) {
            Some(REDACTED) => Err(SecretError::Redacted { place }),
            Some(value) => Ok(Secret::from(value)),
            None => Err(SecretError::MissingEnv { name, place }),
        }
    }

    fn ask(&self, name: &str, provider: &ExecProvider, id: &str) -> Result<Secret, String> {
        let key = (name.to_owned(), id.to_owned());
        {
            let asked = self.asked.borrow();
            if let Some(answer) = asked.answers.get(&key) {
                return answer.clone();
            }
            if let Some(problem) = asked.silent.get(name) {
                return Err(problem.clone());
            }
        }
        let answer = exec::ask(name, provider, id, &self.env, self.home);
        let mut asked = self.asked.borrow_mut();
        if let Err(failure) = &answer
            && failure.silent
        {
            asked.silent.insert(name.to_owned(), failure.problem.clone());
        }
        let answer = answer.map_err(|failure| failure.problem);
        asked.answers.insert(key, answer.clone());
        answer
    }

    /// The provider that the reference means, with its name: its own, the default of its source, or the built-in one.
    fn provider<'r>(
        &'r self,
        reference: &'r SecretRef,
        place: &str,
    ) -> Result<(&'r str, &'r SecretProvider), SecretError> {
        let source = reference.source;
        let fits = |name: &str| self.providers.named.get(name).filter(|found| found.source() == source);
        let chosen = self.providers.defaults.of(source);
        let name = self.providers.meant_by(source, &reference.provider);
        if let Some(found) = fits(name) {
            return Ok((name, found));
        }
        let built_in = match source {
            SecretSource::Env => Some(&ANY_VARIABLE),
            SecretSource::Store => Some(&NO_STORE),
            SecretSource::File | SecretSource::Exec => None,
        };
        if let Some(built_in) = built_in.filter(|_| name == DEFAULT_PROVIDER || Some(name) == chosen) {
            return Ok((name, built_in));
        }
        let problem = match self.providers.named.get(name) {
            Some(other) => format!(
                "secrets.providers.{name} is of source \"{}\": name one of source \"{}\"",
                other.source().as_str(),
                source.as_str()
            ),
            None => format!(
                "there is no secrets.providers.{name}: add it, for instance {}",
                match source {
                    SecretSource::Env | SecretSource::Store => format!("{{source: \"{}\"}}", source.as_str()),
                    SecretSource::File => "{source: \"file\", path: \"~/secrets.json\"}".to_owned(),
                    SecretSource::Exec => "{source: \"exec\", command: \"/path/to/program\"}".to_owned(),
                }
            ),
        };
        Err(SecretError::Provider {
            place: place.to_owned(),
            kind: source,
            provider: name.to_owned(),
            id: reference.id.clone(),
            problem,
        })
    }
}

#[cfg(test)]
#[path = "resolver_tests.rs"]
mod tests;
