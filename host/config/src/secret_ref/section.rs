//! What the table of keys cannot say of `secrets.*`: names, places of programs, and what a provider cannot do without.

use super::is_env_id;
use super::reference::{is_provider_name, provider_advice};
use crate::json5::{Kind, Node};
use crate::path::KeyPath;
use crate::validate::Judge;

/// Judges what the table of keys cannot express.
pub(crate) fn check(judge: &mut Judge<'_>, secrets: &Node) {
    let path = KeyPath::from_keys(&["secrets"]);
    for (name, node) in members(secrets, "defaults") {
        if let Some(alias) = text(node).filter(|alias| !is_provider_name(alias.trim())) {
            judge.issue(&path.key("defaults").key(name), node.span, provider_advice(alias));
        }
    }
    for (name, node) in members(secrets, "providers") {
        let path = path.key("providers").key(name);
        if !is_provider_name(name) {
            judge.issue(&path, node.span, provider_advice(name));
        }
        check_provider(judge, node, &path);
    }
}

fn check_provider(judge: &mut Judge<'_>, node: &Node, path: &KeyPath) {
    let source = node.member("source").and_then(|member| text(&member.value));
    let has = |key: &str| node.member(key).is_some_and(|member| text(&member.value) != Some(""));
    if source == Some("exec") && !has("command") && !has("pluginIntegration") {
        let message = "a provider of source \"exec\" needs \"command\"".to_owned();
        judge.issue(&path.key("command"), node.span, message);
    }
    if let Some(command) = node.member("command")
        && let Some(written) = text(&command.value).map(str::trim)
        && !written.is_empty()
        && !written.starts_with('/')
        && !written.starts_with("~/")
    {
        let message = "must be the absolute path of the program, for instance \"/usr/bin/pass\"".to_owned();
        judge.issue(&path.key("command"), command.value.span, message);
    }
    for list in ["allowlist", "passEnv"] {
        let Some(Kind::Array(items)) = node.member(list).map(|member| &member.value.kind) else { continue };
        for (n, item) in items.iter().enumerate() {
            if text(&item.value).is_some_and(|name| !is_env_id(name)) {
                let message = "must be the name of a variable (^[A-Z][A-Z0-9_]{0,127}$)".to_owned();
                judge.issue(&path.key(list).index(n), item.value.span, message);
            }
        }
    }
}

fn members<'n>(secrets: &'n Node, key: &str) -> impl Iterator<Item = (&'n str, &'n Node)> {
    let found = match secrets.member(key).map(|member| &member.value.kind) {
        Some(Kind::Object(members)) => members.as_slice(),
        _ => &[],
    };
    found.iter().map(|member| (member.key.as_str(), &member.value))
}

fn text(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::String(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::basis::testing::{judged, plugins};

    fn check(text: &str, expected: &[&str]) {
        let report = judged(text, &plugins([]));
        let shown: Vec<_> = report.issues.iter().map(ToString::to_string).collect();
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn a_full_section_is_valid() {
        let text = r#"{secrets: {providers: {default: {source: "env", allowlist: ["A"]}, team: {source: "store"},
            disk: {source: "file", path: "~/s.json", mode: "json", timeoutMs: 5000, maxBytes: 5},
            vault: {source: "exec", command: "/v", args: ["x"], timeoutMs: 1, noOutputTimeoutMs: 1, maxOutputBytes: 1,
            jsonOnly: true, env: {a: "b"}, passEnv: ["PATH"], trustedDirs: ["/"], allowInsecurePath: true,
            allowSymlinkCommand: true}, plug: {source: "exec", pluginIntegration: {pluginId: "p", integrationId: "i"}}},
            defaults: {env: "default", file: "disk", exec: "vault", store: "team"}, egressProxy: {enabled: false}}}"#;
        check(text, &[]);
    }

    #[test]
    fn each_source_has_its_own_keys() {
        check(
            "{secrets: {providers: {a: {source: 'env', path: '/x'}, b: {source: 'file'}, c: {source: 'exec', command: 'v'}}}}",
            &[
                "secrets.providers.a: Unrecognized key: \"path\"",
                "secrets.providers.b.path: Invalid input: expected string, received undefined",
                "secrets.providers.c.command: must be the absolute path of the program, for instance \"/usr/bin/pass\"",
            ],
        );
        check(
            "{secrets: {providers: {A: {source: 'env', allowlist: ['a']}, b: {source: 'x'}, c: {}}, defaults: {env: 'B'}, x: 1}}",
            &[
                "secrets.providers.A: \"A\" cannot name a provider: use small letters, digits, _ and - (^[a-z][a-z0-9_-]{0,63}$), for instance \"default\"",
                "secrets.providers.A.allowlist[0]: must be the name of a variable (^[A-Z][A-Z0-9_]{0,127}$)",
                "secrets.providers.b.source: Invalid option: expected one of \"env\"|\"file\"|\"exec\"|\"store\"",
                "secrets.providers.c.source: Invalid input: expected string, received undefined",
                "secrets.defaults.env: \"B\" cannot name a provider: use small letters, digits, _ and - (^[a-z][a-z0-9_-]{0,63}$), for instance \"default\"",
                "secrets: Unrecognized key: \"x\"",
            ],
        );
    }

    #[test]
    fn a_reference_is_judged_where_it_stands() {
        check(
            "{gateway: {auth: {token: {source: 'env', id: 'low'}, password: 'secretref-env:KEY'}}}",
            &[
                "gateway.auth.token: Invalid input: the id of a reference to source \"env\" is a name in capital letters (^[A-Z][A-Z0-9_]{0,127}$), for instance \"SERVICE_API_KEY\"",
                "gateway.auth.password: Invalid input: this spelling of a reference is retired; write {source: \"env\", provider: \"default\", id: \"KEY\"}",
            ],
        );
    }
}
