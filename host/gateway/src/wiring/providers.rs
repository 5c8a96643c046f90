//! From the provider shims' manifests to what the models are told about the dialects: where a key goes, which providers
//! are known, which servers may run on this machine.

use openclaw_models::{Dialect, Known, Local, Placement};
use openclaw_packages::{AccountSecrets, Manifest, ResolvedGrant, SecretLookup};
use openclaw_secrets::Secret;
use serde_json::{Map, Value};

/// Stands for the key while its place is looked for; the models' own word for it.
const PLACEHOLDER: &str = "{secret}";
/// Stands for the address meanwhile, which is the provider's own and never a manifest's.
const NOWHERE: &str = "https://provider.invalid";

/// One dialect for each API kind of each manifest. The first manifest's known providers win.
pub(super) fn dialects<'a>(manifests: impl Iterator<Item = &'a Manifest>) -> Vec<Dialect> {
    let mut dialects = Vec::new();
    for manifest in manifests {
        let Some(provider) = &manifest.provider else { continue };
        let known = provider.known.iter().map(|known| Known {
            id: known.id.clone(),
            aliases: Vec::new(),
            base_url: known.base_url.clone(),
            env: known.env.clone(),
            default_model: known.default_model.clone(),
            compat: known.compat.clone(),
        });
        let local = provider
            .local
            .iter()
            .map(|local| Local { id: local.id.clone(), base_url: local.base_url.clone() });
        let (known, local): (Vec<_>, Vec<_>) = (known.collect(), local.collect());
        for (number, api) in provider.api.iter().enumerate() {
            // A known provider speaks the first dialect of its manifest.
            let first = number == 0;
            dialects.push(Dialect {
                api: api.clone(),
                placement: placement(manifest).unwrap_or_default(),
                known: if first { known.clone() } else { Vec::new() },
                local: if first { local.clone() } else { Vec::new() },
            });
        }
    }
    dialects
}

/// The environment variables in which present shims look for keys, in their order of preference.
pub(super) fn variables(dialects: &[Dialect]) -> Vec<String> {
    dialects.iter().flat_map(|dialect| &dialect.known).flat_map(|known| &known.env).cloned().collect()
}

/// Where the manifest puts the key. `None` when it names no header for it.
fn placement(manifest: &Manifest) -> Option<Placement> {
    let entry = manifest.http.first()?;
    let section: Map<String, Value> =
        manifest.secret_keys().map(|key| (key.to_owned(), Value::from(PLACEHOLDER))).collect();
    let section = Value::Object(section);
    let secrets = AccountSecrets::collect(manifest, &section, true, &Literal).ok()?;
    let resolved = ResolvedGrant::resolve(entry, &section, Some(NOWHERE), &secrets).ok()?;
    let method = entry.methods.first().map_or("POST", String::as_str);
    let composed = resolved.compose(method, "/", &[], &[]).ok()?;
    let (name, template) = composed.headers.into_iter().find(|(_, value)| value.contains(PLACEHOLDER))?;
    Placement::new(&name, &template).ok()
}

/// Takes values as they stand.
struct Literal;

impl SecretLookup for Literal {
    fn config(&self, _: &str, value: &Value) -> Result<Option<Secret>, String> {
        Ok(value.as_str().map(Secret::from))
    }

    fn env(&self, _: &str) -> Option<Secret> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
        [plugin]
        id = "shim"
        kind = "provider"
        version = "1.0.0"
        wit = "openclaw:plugin@0.1.0"
        license = "MIT"
        label = "Shim"
        [[secret]]
        name = "apiKey"
        config = "apiKey"
        optional = true
        [[http]]
        name = "api"
        origin = { config = "baseUrl" }
        headers = { x-api-key = "key {apiKey}" }
        [provider]
        api = ["dialect-a", "dialect-b"]
        [[provider.known]]
        id = "vendor"
        base-url = "https://vendor.example/v1"
        env = ["VENDOR_KEY"]
        default-model = "m"
        compat = { plain = true }
    "#;

    #[test]
    fn the_key_goes_where_the_manifest_puts_it() {
        let manifest = Manifest::parse(MANIFEST, "plugin.toml").unwrap();
        let dialects = dialects([&manifest].into_iter());
        assert_eq!(
            dialects.iter().map(|dialect| dialect.api.as_str()).collect::<Vec<_>>(),
            ["dialect-a", "dialect-b"]
        );
        assert!(
            dialects
                .iter()
                .all(|dialect| dialect.placement == Placement::new("x-api-key", "key {secret}").unwrap())
        );
        assert_eq!((dialects[0].known.len(), dialects[1].known.len()), (1, 0));
        assert_eq!(dialects[0].known[0].compat["plain"], true);
        assert_eq!(variables(&dialects), ["VENDOR_KEY"]);
    }
}
