//! Older spellings: where a value stood in earlier versions and where it stands now. On reading, the tree is changed
//! and the file is not; `doctor --fix` asks for the same changes as edits. What is not moved is told as advice by the
//! table of known keys.

use std::net::Ipv4Addr;

use crate::basis::{ChannelSchemas, MovedKey};
use crate::include::laid_over;
use crate::json5::{Kind, Member, Node, Span};
use crate::model::NOT_CHANNELS;
use crate::path::{KeyPath, Step};
use crate::report::Place;

/// A value that was read from an older place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The old place, as a path.
    pub from: String,
    /// The new one; `None` when the value has no meaning any more, or the new place was set already.
    pub to: Option<String>,
    /// Where the older key stands.
    pub place: Place,
    pub(crate) span: Span,
}

impl std::fmt::Display for Moved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.to {
            Some(to) if *to == self.from => write!(f, "Rewrote {to} in its newer form."),
            Some(to) => write!(f, "Moved {} → {to}.", self.from),
            None => write!(f, "Removed {}.", self.from),
        }
    }
}

/// From an older root key to the place of today. `*` stands for any one step, the same in both.
const MOVES: &[(&[&str], &[&str])] = &[
    (&["agent"], &["agents", "defaults"]),
    (&["routing", "agents"], &["agents", "entries"]),
    (&["routing", "bindings"], &["bindings"]),
    (&["routing", "groupChat"], &["messages", "groupChat"]),
    (&["routing", "queue"], &["messages", "queue"]),
    (&["routing", "agentToAgent"], &["tools", "agentToAgent"]),
    (&["session", "idleMinutes"], &["session", "reset", "idleMinutes"]),
    (&["session", "resetByType", "dm"], &["session", "resetByType", "direct"]),
];

/// Keys that mean nothing any more.
const REMOVED: &[&[&str]] = &[&["messages", "messagePrefix"]];

/// Changes the tree to the spellings of today and says what was changed.
pub(crate) fn migrate(root: &mut Node, channels: &ChannelSchemas) -> Vec<Moved> {
    let mut migration = Migration { root, moved: Vec::new() };
    migration.list_of_agents();
    for (from, to) in MOVES {
        migration.move_whole(&KeyPath::from_keys(from), &KeyPath::from_keys(to));
    }
    migration.identity();
    for keys in REMOVED {
        let path = KeyPath::from_keys(keys);
        if let Some((_, member)) = migration.take(&path) {
            migration.note(&path, None, member.key_span);
        }
    }
    migration.bind();
    for (id, schema) in channels {
        migration.channel(id, &schema.moved);
    }
    migration.moved
}

/// What became of a value that was to stand at a place.
enum Placed {
    Moved,
    /// The newer spelling is set, and wins.
    Superseded,
    /// Something that is no object is in the way.
    Blocked,
}

struct Migration<'n> {
    root: &'n mut Node,
    moved: Vec<Moved>,
}

impl Migration<'_> {
    fn note(&mut self, from: &KeyPath, to: Option<&KeyPath>, span: Span) {
        let to = to.map(ToString::to_string);
        self.moved.push(Moved { from: from.to_string(), to, place: Place::default(), span });
    }

    fn move_whole(&mut self, from: &KeyPath, to: &KeyPath) {
        let keys = |path: &KeyPath| path.keys().into_iter().map(str::to_owned).collect();
        let rule = MovedKey { from: keys(from), to: keys(to), when: None, values: Default::default() };
        self.apply(&rule, &KeyPath::root());
    }

    /// Moves what the rule names, wherever its `*` lead. `below` is where its paths begin.
    fn apply(&mut self, rule: &MovedKey, below: &KeyPath) {
        for (from, to) in self.places(&rule.from, &rule.to, below) {
            let Some(node) = descend(self.root, &from) else { continue };
            if rule.when.as_deref().is_some_and(|wanted| wanted != kind_word(&node.kind)) {
                continue;
            }
            let word = match &node.kind {
                Kind::String(word) => word.clone(),
                Kind::Bool(word) => word.to_string(),
                Kind::Number(number) => number.to_string(),
                Kind::Null | Kind::Array(_) | Kind::Object(_) => String::new(),
            };
            let new = rule.values.get(&word);
            if new.is_none() && !rule.values.is_empty() {
                // A value that has no newer form stays, to be judged where it is.
                continue;
            }
            let Some((at, original)) = self.take(&from) else { continue };
            let mut member = original.clone();
            if let Some(new) = new {
                member.value = Node::from_value(new, member.value.span);
            }
            let span = member.key_span;
            match self.put(&to, member) {
                Placed::Moved => self.note(&from, Some(&to), span),
                Placed::Superseded => self.note(&from, None, span),
                Placed::Blocked => {
                    self.put_back(&from, at, original);
                    continue;
                }
            }
            // What held the old value alone is of no use without it.
            let parent = from.parent();
            if parent.steps().len() > below.steps().len() {
                self.drop_if_empty(&parent);
            }
        }
    }

    /// The places that a rule with `*` means in this tree.
    fn places(&self, from: &[String], to: &[String], below: &KeyPath) -> Vec<(KeyPath, KeyPath)> {
        let mut found = vec![(below.clone(), Vec::<String>::new())];
        for step in from {
            let mut next = Vec::new();
            for (path, stars) in found {
                if step != "*" {
                    next.push((path.key(step), stars));
                    continue;
                }
                let Some(Kind::Object(members)) = descend(self.root, &path).map(|node| &node.kind) else {
                    continue;
                };
                next.extend(members.iter().map(|member| {
                    let stars = stars.iter().cloned().chain([member.key.clone()]).collect();
                    (path.key(&member.key), stars)
                }));
            }
            found = next;
        }
        let target = |stars: Vec<String>| {
            let mut stars = stars.into_iter();
            to.iter().fold(below.clone(), |path, step| match step.as_str() {
                "*" => path.key(&stars.next().unwrap_or_default()),
                step => path.key(step),
            })
        };
        found.into_iter().map(|(path, stars)| (path, target(stars))).collect()
    }

    /// The member at a path and its number among its siblings.
    fn take(&mut self, path: &KeyPath) -> Option<(usize, Member)> {
        let (last, parents) = path.steps().split_last()?;
        let Step::Key(key) = last else { return None };
        let parent = descend_mut(self.root, &KeyPath::from_steps(parents))?;
        let Kind::Object(members) = &mut parent.kind else { return None };
        let at = members.iter().position(|member| member.key == *key)?;
        Some((at, members.remove(at)))
    }

    fn put_back(&mut self, path: &KeyPath, at: usize, member: Member) {
        if let Some(parent) = descend_mut(self.root, &path.parent())
            && let Kind::Object(members) = &mut parent.kind
        {
            members.insert(at.min(members.len()), member);
        }
    }

    /// Puts a member at a place, below what is set there already.
    fn put(&mut self, path: &KeyPath, member: Member) -> Placed {
        let Some((last, parents)) = path.steps().split_last() else { return Placed::Blocked };
        let Step::Key(key) = last else { return Placed::Blocked };
        let mut at = &mut *self.root;
        for step in parents {
            let Step::Key(key) = step else { return Placed::Blocked };
            let Kind::Object(members) = &mut at.kind else { return Placed::Blocked };
            let index = match members.iter().position(|known| known.key == *key) {
                Some(index) => index,
                None => {
                    let value = Node { span: member.value.span, kind: Kind::Object(Vec::new()) };
                    members.push(Member { key: key.clone(), key_span: member.key_span, value, comma: None });
                    members.len() - 1
                }
            };
            let Some(next) = members.get_mut(index) else { return Placed::Blocked };
            at = &mut next.value;
        }
        let Kind::Object(members) = &mut at.kind else { return Placed::Blocked };
        match members.iter_mut().find(|known| known.key == *key) {
            None => {
                members.push(Member { key: key.clone(), ..member });
                Placed::Moved
            }
            Some(known)
                if matches!((&known.value.kind, &member.value.kind), (Kind::Object(_), Kind::Object(_))) =>
            {
                let span = known.value.span;
                let newer = std::mem::replace(&mut known.value, Node { span, kind: Kind::Null });
                known.value = laid_over(member.value, newer);
                Placed::Moved
            }
            Some(_) => Placed::Superseded,
        }
    }

    fn drop_if_empty(&mut self, path: &KeyPath) {
        if descend(self.root, path)
            .is_some_and(|node| matches!(&node.kind, Kind::Object(members) if members.is_empty()))
        {
            // Its parts have been noted one by one.
            drop(self.take(path));
        }
    }

    /// `agents.list[{id, …}]` became `agents.entries.<id>`. A list with an entry that has no id stays, to be judged.
    fn list_of_agents(&mut self) {
        let list = KeyPath::from_keys(&["agents", "list"]);
        let Some(Kind::Array(items)) = descend(self.root, &list).map(|node| &node.kind) else { return };
        let id = |node: &Node| match node.member("id").map(|member| &member.value.kind) {
            Some(Kind::String(id)) if !id.is_empty() => Some(id.clone()),
            _ => None,
        };
        if items.iter().any(|item| id(&item.value).is_none()) {
            return;
        }
        let Some((_, member)) = self.take(&list) else { return };
        let Kind::Array(items) = member.value.kind else { return };
        let entries = KeyPath::from_keys(&["agents", "entries"]);
        for item in items {
            let Some(id) = id(&item.value) else { continue };
            let mut value = item.value;
            if let Kind::Object(members) = &mut value.kind {
                members.retain(|member| member.key != "id");
            }
            let entry = Member { key: id.clone(), key_span: value.span, value, comma: None };
            self.put(&entries.key(&id), entry);
        }
        self.note(&list, Some(&entries), member.key_span);
    }

    /// `identity` was that of the only agent; now each has its own.
    fn identity(&mut self) {
        let old = KeyPath::from_keys(&["identity"]);
        let entries = KeyPath::from_keys(&["agents", "entries"]);
        let agent = match descend(self.root, &entries).map(|node| &node.kind) {
            Some(Kind::Object(members)) => {
                let marked = members.iter().find(|member| {
                    matches!(member.value.member("default").map(|m| &m.value.kind), Some(Kind::Bool(true)))
                });
                marked.or(members.first()).map(|member| member.key.clone())
            }
            _ => None,
        };
        let new = entries.key(agent.as_deref().unwrap_or("main")).key("identity");
        self.move_whole(&old, &new);
    }

    /// `gateway.bind` held a host name or an address in older files.
    fn bind(&mut self) {
        let path = KeyPath::from_keys(&["gateway", "bind"]);
        let Some(node) = descend_mut(self.root, &path) else { return };
        let Kind::String(host) = &node.kind else { return };
        let word = match host.trim() {
            "localhost" | "127.0.0.1" | "::1" | "[::1]" => "loopback",
            "0.0.0.0" | "::" | "[::]" => "lan",
            // Tailscale's addresses: 100.64.0.0/10.
            other if other.parse().is_ok_and(|ip: Ipv4Addr| u32::from(ip) >> 22 == 0x6440_0000 >> 22) => {
                "tailnet"
            }
            _ => return,
        };
        node.kind = Kind::String(word.to_owned());
        let span = node.span;
        self.note(&path, Some(&path), span);
    }

    /// A channel's section at the root, and the older spellings inside the section and its accounts.
    fn channel(&mut self, id: &str, rules: &[MovedKey]) {
        let section = KeyPath::from_keys(&["channels", id]);
        if !NOT_CHANNELS.contains(&id) {
            self.move_whole(&KeyPath::from_keys(&[id]), &section);
        }
        let mut places = vec![section.clone()];
        let accounts = section.key("accounts");
        if let Some(Kind::Object(members)) = descend(self.root, &accounts).map(|node| &node.kind) {
            places.extend(members.iter().map(|member| accounts.key(&member.key)));
        }
        for place in places {
            for rule in rules {
                self.apply(rule, &place);
            }
        }
    }
}

fn descend<'n>(root: &'n Node, path: &KeyPath) -> Option<&'n Node> {
    path.steps().iter().try_fold(root, |node, step| node.child(step))
}

fn descend_mut<'n>(root: &'n mut Node, path: &KeyPath) -> Option<&'n mut Node> {
    let mut at = root;
    for step in path.steps() {
        let Step::Key(key) = step else { return None };
        let Kind::Object(members) = &mut at.kind else { return None };
        at = &mut members.iter_mut().find(|member| member.key == *key)?.value;
    }
    Some(at)
}

fn kind_word(kind: &Kind) -> &'static str {
    crate::check::received(kind)
}

#[cfg(test)]
#[path = "migrate_tests.rs"]
mod tests;
