//! The known keys that do nothing in this gateway, for those who list them.

use crate::json5::{Kind, Node, Span};
use crate::path::{KeyPath, Step};
use crate::sections::ROOT;
use crate::shape::Shape;

/// The topmost keys of a document that are known and not used, in its order. Keys that nobody knows and keys that a
/// channel's schema judges are not among them.
pub(crate) fn unused_keys(root: &Node) -> Vec<(KeyPath, Span)> {
    let mut found = Vec::new();
    walk(root, &ROOT, &KeyPath::root(), &mut found);
    found
}

fn walk(node: &Node, shape: &Shape, path: &KeyPath, found: &mut Vec<(KeyPath, Span)>) {
    match &node.kind {
        Kind::Object(members) => {
            for member in members {
                let place = path.key(&member.key);
                if shape.field(&member.key).is_some_and(|field| !field.used) {
                    found.push((place, member.key_span));
                } else if let Some(inner) = shape.step(&Step::Key(member.key.clone())) {
                    walk(&member.value, inner, &place, found);
                }
            }
        }
        Kind::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                if let Some(inner) = shape.step(&Step::Index(n)) {
                    walk(&item.value, inner, &path.index(n), found);
                }
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_) => {}
    }
}

/// Whether what stands at this place does nothing because a key on the way is not used.
pub(crate) fn is_unused(path: &KeyPath) -> bool {
    let mut shape = &ROOT;
    for step in path.steps() {
        if let Step::Key(key) = step
            && shape.field(key).is_some_and(|field| !field.used)
        {
            return true;
        }
        match shape.step(step) {
            Some(inner) => shape = inner,
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json5;

    #[test]
    fn tells_the_topmost_keys_that_do_nothing() {
        let text = r#"{meta: {}, gateway: {port: 1, push: {apns: {}}},
            models: {providers: {p: {models: [{id: "a"}, {id: "b", cost: {input: 1}}]}}},
            channels: {chat: {cost: 1}, defaults: {groupPolicy: "open", implicitMentions: {}}}, secrets: {providers: {e: {source: "env"}}}, bogus: 1}"#;
        let root = json5::parse(text).unwrap();
        let found = unused_keys(&root);
        let paths: Vec<String> = found.iter().map(|(path, _)| path.to_string()).collect();
        let expected = [
            "meta",
            "gateway.push",
            "models.providers.p.models[1].cost",
            "channels.defaults.implicitMentions",
        ];
        assert_eq!(paths, expected);
        let span = found[1].1;
        assert_eq!(&text[span.start..span.end], "push");
    }

    #[test]
    fn what_is_below_an_unused_key_is_unused() {
        let check = |path: &str, expected: bool| {
            assert_eq!(is_unused(&path.parse().unwrap()), expected, "{path}");
        };
        check("hooks.gmail.topic", true);
        check("agents.defaults.sandbox.mode", true);
        check("agents.defaults.model.primary", false);
        check("secrets.providers.x.path", false);
        check("channels.chat.token", false);
        check("nope", false);
    }
}
