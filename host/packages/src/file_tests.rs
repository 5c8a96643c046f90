use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

const TOML: &str = r#"
[plugin]
id = "shim"
kind = "provider"
version = "1.0.0"
wit = "openclaw:plugin@0.1.0"
license = "MIT"
label = "Shim"
[config]
schema = "s.json"
[provider]
api = ["openai-completions"]
"#;
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

fn folder(component: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("plugin.toml"), TOML).unwrap();
    std::fs::write(folder.path().join("s.json"), "{\"type\":\"object\"}").unwrap();
    std::fs::write(folder.path().join("component.wasm"), component).unwrap();
    folder
}

fn packed() -> PackageFile {
    PackageFile::pack(folder(EMPTY).path()).unwrap()
}

fn code(bytes: Vec<u8>) -> &'static str {
    PackageFile::from_bytes(bytes, "x.wasm").unwrap_err().code()
}

#[test]
fn a_package_is_packed_signed_and_read_back() {
    let plain = packed();
    assert!(plain.bytes().starts_with(EMPTY) && plain.publisher.is_none());
    let key = PublisherKey::from_seed(&[1; 32]);
    let signed = plain.signed(&key).unwrap();
    assert_eq!((&signed.digest, &signed.publisher), (&plain.digest, &Some(key.publisher())));
    let other = PublisherKey::from_seed(&[2; 32]);
    let again = signed.signed(&other).unwrap();
    assert_eq!((again.bytes().len(), again.publisher), (signed.bytes().len(), Some(other.publisher())));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("shim.wasm");
    std::fs::write(&file, signed.bytes()).unwrap();
    let described = Described::open(&file).unwrap();
    assert_eq!(described.manifest_digest, PackageFile::open(&file).unwrap().manifest_digest);
    assert_eq!(
        (described.manifest.plugin.id.as_str(), &*described.schema),
        ("shim", &serde_json::json!({"type": "object"}))
    );
    assert_eq!(signed.package().component.unwrap().digest, plain.digest);
    let twice = folder(signed.bytes());
    assert_eq!(PackageFile::pack(twice.path()).unwrap_err().code(), "PLUGIN_ALREADY_PACKED");
}

#[test]
fn what_does_not_hold_together_is_refused_with_a_code() {
    assert_eq!(code(b"\0asm\x01\0\0\0".to_vec()), "PLUGIN_DAMAGED");
    assert_eq!(code(EMPTY.to_vec()), "PLUGIN_NO_MANIFEST");
    let add = |name: &str, data: &[u8]| {
        let mut bytes = packed().bytes().to_vec();
        sections::push(&mut bytes, name, data);
        code(bytes)
    };
    assert_eq!(add(MANIFEST, TOML.as_bytes()), "PLUGIN_SECTION_TWICE");
    assert_eq!(add(SCHEMA, b"true"), "PLUGIN_SECTION_TWICE");
    assert_eq!(add(SIGNATURE, b"nonsense"), "PLUGIN_SIGNATURE_INVALID");
    let with = |manifest: &[u8], schema: Option<&[u8]>| {
        let mut bytes = EMPTY.to_vec();
        sections::push(&mut bytes, MANIFEST, manifest);
        if let Some(schema) = schema {
            sections::push(&mut bytes, SCHEMA, schema);
        }
        code(bytes)
    };
    assert_eq!(with(b"\xff", None), "PLUGIN_MANIFEST_INVALID");
    assert_eq!(with(b"[plugin", None), "PLUGIN_MANIFEST_INVALID");
    assert_eq!(with(TOML.as_bytes(), None), "PLUGIN_SCHEMA_INVALID");
    assert_eq!(with(TOML.as_bytes(), Some(b"{")), "PLUGIN_SCHEMA_INVALID");
    assert_eq!(with(&vec![b' '; 1024 * 1024 + 1], None), "PLUGIN_TOO_LARGE");
    let mut after = packed().signed(&PublisherKey::from_seed(&[1; 32])).unwrap().bytes().to_vec();
    sections::push(&mut after, "other", b"");
    assert_eq!(code(after), "PLUGIN_SIGNATURE_INVALID");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// One changed byte of a signed package never passes for the publisher's; a cut one never passes at all.
    #[test]
    fn no_changed_byte_keeps_the_signature(at in any::<prop::sample::Index>(), flip in 1u8..=255, cut in any::<bool>()) {
        static SIGNED: LazyLock<PackageFile> =
            LazyLock::new(|| packed().signed(&PublisherKey::from_seed(&[1; 32])).unwrap());
        let signed = &*SIGNED;
        let mut bytes = signed.bytes().to_vec();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= flip;
        }
        // Damage to the name of the signature's own section makes the package unsigned, which is refused or shown.
        if let Ok(read) = PackageFile::from_bytes(bytes, "x.wasm") {
            prop_assert!(read.publisher.is_none() && (cut || read.digest != signed.digest));
        }
    }
}
