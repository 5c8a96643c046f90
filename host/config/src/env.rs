//! Where values of environment variables come from. The process environment is never written: what the file's
//! `env.vars` adds is a layer below it.

use std::collections::BTreeMap;

/// Looks up environment variables.
pub trait Env {
    /// The value of the variable, or `None` when it is not set or is not Unicode.
    fn var(&self, name: &str) -> Option<String>;

    /// As [`Env::var`], but blank counts as not set.
    fn non_blank(&self, name: &str) -> Option<String> {
        self.var(name).filter(|value| !value.trim().is_empty())
    }
}

/// The environment of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnv;

impl Env for ProcessEnv {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

impl Env for BTreeMap<String, String> {
    fn var(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }
}

/// The real environment with the file's `env.vars` below it: an existing variable is never overridden.
#[derive(Clone, Copy)]
pub struct LayeredEnv<'a> {
    /// Asked first.
    pub real: &'a dyn Env,
    /// Asked for what `real` does not have: [`crate::Config::env_vars`].
    pub defaults: &'a BTreeMap<String, String>,
}

impl Env for LayeredEnv<'_> {
    fn var(&self, name: &str) -> Option<String> {
        self.real.var(name).or_else(|| self.defaults.get(name).cloned())
    }
}
