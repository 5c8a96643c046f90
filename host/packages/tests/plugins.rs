//! Every manifest under `plugins/` holds together, and its schema knows the keys that the manifest names and those that
//! it moves old ones to. Passes with any number of plugins, none included.

use std::path::Path;

use openclaw_packages::{Manifest, Origin};
use serde_json::Value;

#[test]
fn manifests_and_schemas_agree() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    for folder in std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()) {
        let file = folder.join("plugin.toml");
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let manifest =
            Manifest::parse(&text, &file.display().to_string()).unwrap_or_else(|error| panic!("{error}"));
        let Some(config) = &manifest.config else { continue };
        let schema: Value =
            serde_json::from_str(&std::fs::read_to_string(folder.join(&config.schema)).unwrap()).unwrap();
        let validator =
            jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(
            validator.is_valid(&serde_json::json!({})),
            "{}: an empty section is refused",
            file.display()
        );
        let files = manifest.secrets.iter().filter_map(|secret| secret.config_file.as_deref());
        let origins = manifest.http.iter().filter_map(|http| match &http.origin {
            Origin::Configured(configured) => Some(configured.config.as_str()),
            Origin::Fixed(_) => None,
        });
        for key in manifest.secret_keys().chain(files).chain(origins) {
            assert!(schema["properties"].get(key).is_some(), "{}: the schema lacks {key}", file.display());
        }
        for moved in manifest.moved() {
            let known = |pointer: &str| knows(&schema, &schema, pointer.split('/').skip(1));
            let (from, to) = (&moved.from, &moved.to);
            assert!(known(to), "{}: the schema lacks {to}", file.display());
            // A value of another type may stand there rightly.
            assert!(moved.when.is_some() || !known(from), "{}: {from} is moved and known", file.display());
        }
    }
}

/// Whether `schema`, a part of `root`, has a place at the end of `segments`. `*` is any key of a map.
fn knows<'p>(root: &Value, schema: &Value, mut segments: impl Iterator<Item = &'p str>) -> bool {
    let reference = schema["$ref"].as_str().map(|reference| reference.trim_start_matches('#'));
    let schema = reference.map_or(schema, |reference| root.pointer(reference).unwrap_or(&Value::Null));
    let Some(segment) = segments.next() else { return true };
    let other = schema.get("additionalProperties").filter(|other| other.is_object());
    let next = schema["properties"].get(segment).or(other);
    next.is_some_and(|next| knows(root, next, segments))
}
