//! `[[secret]]`: one secret that an account of the plugin needs, where it may stand, and how to try it.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Fault, Manifest, fault, name_fault};
use crate::compose::{covers_path, path_problem};

/// `[[secret]]`. A file beats the configuration, which beats the environment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecretEntry {
    /// What templates call it.
    pub name: String,
    /// What to ask a person for.
    pub prompt: Option<String>,
    /// Where a person gets it.
    pub help_url: Option<String>,
    /// The key of the section that holds the value.
    pub config: Option<String>,
    /// The key of the section that names a file with the value.
    pub config_file: Option<String>,
    /// The environment variable that holds the value for the default account.
    pub env: Option<String>,
    /// An account may do without it: a header that needs it is then left out.
    #[serde(default)]
    pub optional: bool,
    /// Two accounts of the channel must not use the same value at the same time: the second is not started, and these are the
    /// words for it.
    pub exclusive: Option<String>,
    /// The host makes a value when there is none: for secrets that both sides need to know and nobody has to choose.
    /// Needs `config`, the place where the value is written.
    pub auto_generate: Option<AutoGenerate>,
    /// How to find out whether a value works, before it is kept.
    pub validate: Option<Validation>,
}

/// `auto-generate`: how the host makes a value.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AutoGenerate {
    /// How many random bytes; the value is their lower-case hexadecimal. 16 to 64.
    pub bytes: u8,
}

/// `validate = { grant, path, expect }`: one request that tells whether a value works.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Validation {
    /// The `[[http]]` entry through which it is asked, with `GET`.
    pub grant: String,
    /// The path below the grant.
    pub path: String,
    /// The status that means yes.
    #[serde(default = "default_expect")]
    pub expect: u16,
}

fn default_expect() -> u16 {
    200
}

pub(super) fn first_fault(manifest: &Manifest) -> Option<Fault> {
    let mut names = BTreeSet::new();
    manifest.secrets.iter().enumerate().find_map(|(n, secret)| {
        let key = |field: &str| format!("secret[{n}].{field}");
        if let Some(fault) = name_fault(key("name"), &secret.name) {
            return Some(fault);
        }
        if !names.insert(&secret.name) {
            return fault(key("name"), format!("\"{}\" occurs twice", secret.name), "rename one");
        }
        if secret.config.is_none() && secret.config_file.is_none() && secret.env.is_none() {
            let problem = "has no place to come from".to_owned();
            return fault(format!("secret[{n}]"), problem, "add config, config-file or env");
        }
        if let Some(generate) = secret.auto_generate {
            if !(16..=64).contains(&generate.bytes) {
                let problem = format!("{} is not between 16 and 64", generate.bytes);
                return fault(key("auto-generate.bytes"), problem, "write 32");
            }
            if secret.config.is_none() {
                let problem = "has no place to write the value to".to_owned();
                return fault(key("auto-generate"), problem, "add config");
            }
        }
        secret.validate.as_ref().and_then(|validation| validation_fault(manifest, validation, &key))
    })
}

fn validation_fault(
    manifest: &Manifest,
    validation: &Validation,
    key: &dyn Fn(&str) -> String,
) -> Option<Fault> {
    let Some(grant) = manifest.http.iter().find(|http| http.name == validation.grant) else {
        let problem = format!("\"{}\" is not the name of an [[http]] entry", validation.grant);
        return fault(key("validate.grant"), problem, "name the grant through which the vendor is asked");
    };
    if !grant.methods.is_empty() && !grant.methods.iter().any(|method| method == "GET") {
        let problem = format!("the grant \"{}\" does not allow GET", grant.name);
        return fault(key("validate.grant"), problem, "add GET to its methods");
    }
    if let Some(problem) = path_problem(&validation.path) {
        return fault(key("validate.path"), problem.to_owned(), "write /path");
    }
    if !grant.paths.is_empty() && !grant.paths.iter().any(|granted| covers_path(granted, &validation.path)) {
        let problem = format!("the grant \"{}\" does not allow this path", grant.name);
        return fault(key("validate.path"), problem, "add it to the paths of the grant");
    }
    if !(100..=599).contains(&validation.expect) {
        let problem = format!("{} is not an HTTP status", validation.expect);
        return fault(key("validate.expect"), problem, "write 200");
    }
    None
}
