use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::*;
use crate::model::{Config, SecretProvider};

struct Disk(tempfile::TempDir);

impl Disk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Reads `id` of `~/<name>`.
    fn read(&self, name: &str, mode: &str, id: &str) -> Result<String, String> {
        self.read_with(&json!({"source": "file", "path": format!("~/{name}"), "mode": mode}), id)
    }

    fn read_with(&self, provider: &Value, id: &str) -> Result<String, String> {
        let config = Config::from_value(&json!({"secrets": {"providers": {"p": provider}}}));
        let Some(SecretProvider::File(provider)) = config.secrets.named.get("p") else { panic!("no file") };
        read(provider, id, self.0.path()).map(|secret| secret.expose().to_owned())
    }

    fn refuses(&self, name: &str, mode: &str, id: &str, words: &str) {
        let error = self.read(name, mode, id).unwrap_err();
        assert!(error.contains(words) && !error.contains("hush"), "{error}");
    }
}

#[test]
fn one_value_or_a_place_in_an_object() {
    let disk = Disk::new();
    disk.write("one", "hush \r\n");
    assert_eq!(disk.read("one", "singleValue", "value").unwrap(), "hush ");
    disk.write("many", "\u{feff}{\"a/b\": {\"k\": \"hush\", \"n\": 5, \"l\": [\"first\"]}}");
    assert_eq!(disk.read("many", "json", "/a~1b/k").unwrap(), "hush");
    assert_eq!(disk.read("many", "json", "/a~1b/l/0").unwrap(), "first");
    disk.refuses("many", "json", "/a~1b/n", "something other than text at /a~1b/n");
    disk.refuses("many", "json", "/a", "holds nothing at /a");
    disk.refuses("many", "json", "value", "JSON pointers as ids");
    disk.refuses("one", "singleValue", "/a", "has the one id \"value\"");
}

#[test]
fn what_is_no_such_file_is_refused() {
    let disk = Disk::new();
    disk.refuses("missing", "json", "/a", "missing does not exist");
    disk.write("broken", "{\"a\": \"hush\"");
    disk.refuses("broken", "json", "/a", "is not JSON (line 1, column 12)");
    disk.write("list", "[\"hush\"]");
    disk.refuses("list", "json", "/0", "holds no JSON object");
    disk.write("binary", b"hush\xff");
    disk.refuses("binary", "singleValue", "value", "cannot be read as text");
    std::fs::create_dir(disk.0.path().join("dir")).unwrap();
    disk.refuses("dir", "json", "/a", "is not a regular file");
    disk.write("real", "hush");
    std::os::unix::fs::symlink(disk.0.path().join("real"), disk.0.path().join("link")).unwrap();
    disk.refuses("link", "singleValue", "value", "is a symbolic link");
    let relative = disk.read_with(&json!({"source": "file", "path": "x"}), "/a").unwrap_err();
    assert!(relative.contains("is not absolute"), "{relative}");
}

#[test]
fn a_file_that_others_can_change_is_refused() {
    let disk = Disk::new();
    disk.write("open", "hush");
    let mode = |mode: u32| {
        let path = disk.0.path().join("open");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for open in [0o620, 0o602] {
        mode(open);
        disk.refuses("open", "singleValue", "value", "can be changed by other users");
    }
    mode(0o444);
    assert_eq!(disk.read("open", "singleValue", "value").unwrap(), "hush");
}

#[test]
fn the_size_is_bounded() {
    let disk = Disk::new();
    disk.write("big", vec![b'x'; 1024 * 1024 + 1]);
    disk.refuses("big", "singleValue", "value", "is longer than 1048576 bytes");
    let path = disk.0.path().join("big");
    let provider = json!({"source": "file", "path": path, "mode": "singleValue", "maxBytes": 2_000_000});
    assert_eq!(disk.read_with(&provider, "value").unwrap().len(), 1024 * 1024 + 1);
}
