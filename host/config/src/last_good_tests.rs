use super::*;
use crate::basis::PluginSchemas;
use crate::basis::testing::plugins;
use crate::load::load_for_start;
use crate::{load, tokens};

const GOOD: &str =
    "{\n  // mine\n  gateway: { mode: 'local', port: 5 },\n  agents: { $include: './agents.json5' },\n}\n";

struct Home(tempfile::TempDir, PluginSchemas, BTreeMap<String, String>);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap(), plugins([]), BTreeMap::new());
        home.write("openclaw.json", GOOD);
        home.write("agents.json5", "{defaults: {workspace: 'w'}}");
        let config = home.path("openclaw.json");
        assert_eq!(keep(&config, &load(&home.basis(&config)).unwrap()).unwrap(), Kept::Written);
        assert_eq!(keep(&config, &load(&home.basis(&config)).unwrap()).unwrap(), Kept::Unchanged);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        // The real one: an included file is known by it.
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn basis<'a>(&'a self, config: &'a Path) -> Basis<'a> {
        Basis::new(config, &self.1, &self.2)
    }

    /// What a start goes on with, after putting back what it has to: the objections and the files.
    fn start(&self) -> (String, Vec<String>) {
        let config = self.path("openclaw.json");
        let chosen = load_for_start(&self.basis(&config), false).unwrap();
        assert!(chosen.loaded.report.is_valid());
        let Some(refused) = chosen.refused else { return (String::new(), Vec::new()) };
        let restored = restore(&config, refused.fingerprint.as_ref(), &refused.good, "T").unwrap();
        assert_eq!(self.read("openclaw.json"), GOOD);
        assert_eq!(self.read("agents.json5"), "{defaults: {workspace: 'w'}}");
        let names = restored.iter().map(|restored| {
            let rejected = restored.rejected.as_ref().unwrap();
            rejected.file_name().unwrap().to_string_lossy().into_owned()
        });
        (tokens(&refused.objections), names.collect())
    }
}

#[test]
fn a_good_file_is_used_as_it_is() {
    let home = Home::new();
    assert_eq!(home.start(), (String::new(), vec![]));
    home.write("openclaw.json", &GOOD.replace("port: 5", "port: 6"));
    assert_eq!(home.start(), (String::new(), vec![]));
    home.write("openclaw.json", "{gateway: {mode: 'local'}, channels: {nobody: {}}}");
    assert_eq!(home.start(), (String::new(), vec![]), "a fault of a channel's own is no reason");
}

#[test]
fn a_refused_file_is_set_aside_and_the_good_one_put_back() {
    let check = |text: &[u8], reason: &str| {
        let home = Home::new();
        std::fs::write(home.path("openclaw.json"), text).unwrap();
        assert_eq!(home.start(), (reason.to_owned(), vec!["openclaw.json.rejected.T".to_owned()]));
        assert_eq!(std::fs::read(home.path("openclaw.json.rejected.T")).unwrap(), text);
        assert_eq!(home.start(), (String::new(), vec![]), "once is enough");
    };
    check(b"{gateway: {", "invalid-config");
    check(b"{gateway: {mode: 'local', prot: 1}}", "invalid-config");
    check(b"{gateway: {port: 5}}", "gateway-mode-removed");
    check(b"\xff\xfe", "unreadable-config");
}

#[test]
fn an_included_file_is_put_back_too() {
    let home = Home::new();
    home.write("agents.json5", "{defaults: {worksapce: 'w'}}");
    assert_eq!(home.start(), ("invalid-config".to_owned(), vec!["agents.json5.rejected.T".to_owned()]));
    std::fs::remove_file(home.path("agents.json5")).unwrap();
    let config = home.path("openclaw.json");
    let refused = load_for_start(&home.basis(&config), false).unwrap().refused.unwrap();
    let restored = restore(&config, refused.fingerprint.as_ref(), &refused.good, "T").unwrap();
    assert_eq!(restored, [Restored { file: home.path("agents.json5"), rejected: None }]);
}

#[test]
fn without_a_copy_the_file_speaks_for_itself() {
    let home = Home::new();
    std::fs::remove_file(home.path("openclaw.json.last-good")).unwrap();
    home.write("openclaw.json", "{gateway: {prot: 1}}");
    let config = home.path("openclaw.json");
    let chosen = load_for_start(&home.basis(&config), false).unwrap();
    assert!(chosen.refused.is_none() && !chosen.loaded.report.is_valid());
    home.write("openclaw.json.last-good", "{gateway: {prot: 2}}");
    assert!(load_for_start(&home.basis(&config), false).unwrap().refused.is_none(), "a bad copy is none");
    std::fs::remove_file(&config).unwrap();
    let chosen = load_for_start(&home.basis(&config), false).unwrap();
    assert!(chosen.loaded.source.is_none() && chosen.refused.is_none());
}

#[test]
fn an_operator_who_needs_no_mode_is_believed() {
    let home = Home::new();
    home.write("openclaw.json", "{gateway: {port: 5}}");
    let config = home.path("openclaw.json");
    assert!(load_for_start(&home.basis(&config), true).unwrap().refused.is_none());
}

#[test]
fn a_file_that_came_meanwhile_stays() {
    let home = Home::new();
    home.write("openclaw.json", "{");
    let config = home.path("openclaw.json");
    let refused = load_for_start(&home.basis(&config), false).unwrap().refused.unwrap();
    home.write("openclaw.json", "{gateway: {mode: 'local', port: 7}}");
    let error = restore(&config, refused.fingerprint.as_ref(), &refused.good, "T").unwrap_err();
    assert_eq!(error.code(), "CONFIG_CHANGED");
    assert_eq!(home.read("openclaw.json"), "{gateway: {mode: 'local', port: 7}}");
}

#[test]
fn a_placeholder_is_not_kept() {
    let home = Home::new();
    home.write("openclaw.json", "{gateway: {mode: 'local', auth: {token: '__OPENCLAW_REDACTED__'}}}");
    let config = home.path("openclaw.json");
    let kept = keep(&config, &load(&home.basis(&config)).unwrap()).unwrap();
    assert_eq!(kept, Kept::Placeholder("gateway.auth.token".parse().unwrap()));
    assert_eq!(home.read("openclaw.json.last-good"), GOOD);
}
