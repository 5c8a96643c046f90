use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::basis::PluginSchemas;

struct Folder(tempfile::TempDir, BTreeMap<String, String>);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self(dir, BTreeMap::new())
    }

    fn with<T>(&self, text: &str, look: impl FnOnce(&Composed<'_>) -> T) -> T {
        let config = self.0.path().join("openclaw.json");
        let plugins = PluginSchemas::default();
        look(&compose(text, &Basis::new(&config, &plugins, &self.1)).unwrap())
    }

    fn value(&self, text: &str) -> Value {
        self.with(text, |composed| {
            assert!(composed.faults.is_empty(), "{:?}", composed.faults[0].message);
            composed.root.to_value()
        })
    }

    fn fault(&self, text: &str) -> String {
        self.with(text, |composed| format!("{}: {}", composed.faults[0].path, composed.faults[0].message))
    }

    fn home(&self, text: &str, path: &str) -> String {
        self.with(text, |composed| match composed.home(&path.parse().unwrap()) {
            Home::Main => "main".to_owned(),
            Home::Included { file, rest } => format!("{} {rest}", file.file_name().unwrap().display()),
            Home::Mixed(at) => format!("mixed at {at}"),
        })
    }
}

#[test]
fn files_are_put_together() {
    let folder = Folder::new(&[
        ("agents.json5", "{defaults: {workspace: 'w', n: 1}, entries: {a: {}}}"),
        ("more/b.json5", "{defaults: {n: 2}, entries: {b: {$include: './deep.json'}}}"),
        ("more/deep.json", r#"{"name": "B"}"#),
        ("list.json5", "[1, 2]"),
    ]);
    let text = "{agents: {$include: ['./agents.json5', 'more/b.json5'], defaults: {m: 3}}, x: {$include: 'list.json5'}}";
    let expected = json!({"agents": {"defaults": {"workspace": "w", "n": 2, "m": 3}, "entries": {"a": {}, "b": {"name": "B"}}}, "x": [1, 2]});
    assert_eq!(folder.value(text), expected);
    assert_eq!(
        folder.value("{$include: 'agents.json5', entries: 5}"),
        json!({"defaults": {"workspace": "w", "n": 1}, "entries": 5})
    );
    folder.with("{a: {$include: './agents.json5'}}", |composed| {
        let node = composed.root.member("a").unwrap().value.member("entries").unwrap();
        let (file, line, column) = composed.texts.place(node.key_span);
        assert_eq!(
            (file.unwrap().file_name().unwrap().to_str(), line, column),
            (Some("agents.json5"), 1, 36)
        );
    });
}

#[test]
fn what_cannot_be_included_is_told_at_its_place() {
    let folder = Folder::new(&[
        ("loop.json5", "{x: {$include: './loop.json5'}}"),
        ("broken.json5", "{a: "),
        ("inside/x.json5", "{a: {$include: '../../outside.json5'}}"),
    ]);
    let check = |text: &str, expected: &str| {
        let fault = folder.fault(text);
        assert!(fault.contains(expected), "{text}: {fault}");
    };
    check(
        "{chat: {$include: './none.json5'}}",
        "chat.$include: the included file ./none.json5 does not exist",
    );
    check("{chat: {$include: './broken.json5'}}", "is not JSON5: line 1, column");
    check(
        "{chat: {$include: './loop.json5'}}",
        "chat.x.$include: the included file ./loop.json5 includes itself",
    );
    check("{chat: {$include: '../x.json5'}}", "lies outside the folder of the configuration");
    check("{chat: {$include: './inside/x.json5'}}", "lies outside the folder of the configuration");
    check("{chat: {$include: '/etc/passwd'}}", "lies outside");
    check("{chat: {$include: 5}}", "expected a file name");
    check("{chat: {$include: ''}}", "not a file name");
    std::os::unix::fs::symlink("/etc/passwd", folder.0.path().join("link.json5")).unwrap();
    check("{chat: {$include: './link.json5'}}", "lies outside");
    std::fs::write(folder.0.path().join("openclaw.json"), "{}").unwrap();
    check("{chat: {$include: './openclaw.json'}}", "includes itself");
}

#[test]
fn deep_nesting_ends() {
    let names: Vec<(String, String)> = (0..12)
        .map(|n| (format!("f{n}.json5"), format!("{{a: {{$include: './f{}.json5'}}}}", n + 1)))
        .collect();
    let files: Vec<(&str, &str)> = names.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert!(Folder::new(&files).fault("{$include: './f0.json5'}").contains("deeper than 10 levels"));
}

#[test]
fn another_root_may_be_allowed() {
    let outside = Folder::new(&[("o.json5", "{a: 1}")]);
    let mut folder = Folder::new(&[]);
    folder.1.insert(ROOTS_VARIABLE.to_owned(), outside.0.path().display().to_string());
    let text = format!("{{x: {{$include: '{}/o.json5'}}}}", outside.0.path().display());
    assert_eq!(folder.value(&text), json!({"x": {"a": 1}}));
    assert_eq!(folder.home(&text, "x.a"), "mixed at x", "and no command changes it");
}

#[test]
fn an_edit_finds_its_file() {
    let folder = Folder::new(&[("a.json5", "{b: {c: 1}}"), ("n.json5", "{b: {$include: './a.json5'}}")]);
    let check = |text: &str, path: &str, expected: &str| {
        assert_eq!(folder.home(text, path), expected, "{text} {path}")
    };
    let plain = "{a: {$include: './a.json5'}, z: {y: 1}}";
    check(plain, "a.b.c", "a.json5 b.c");
    check(plain, "a", "a.json5 <root>");
    check(plain, "z.y", "main");
    check("{m: {a: {$include: './a.json5'}}}", "m", "mixed at m.a");
    check("{a: {$include: './a.json5', own: 1}}", "a.b", "mixed at a");
    check("{a: {$include: ['./a.json5']}}", "a.b", "mixed at a");
    check("{$include: './a.json5'}", "b.c", "mixed at <root>");
    check("{a: {$include: './n.json5'}}", "a.b.c", "mixed at a.b");
    check("{a: {$include: './a.json5'}, b: {$include: './a.json5'}}", "a.b", "mixed at a");
    check("{l: [{$include: './a.json5'}]}", "l[0].b", "mixed at l[0]");
}
