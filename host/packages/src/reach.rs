//! What a manifest lets a plugin reach, as facts for people, and what a newer manifest adds to them. An installation shows all
//! of them and asks; an update shows what it widens and asks again.
//!
//! Invariant: a fact that no older fact covers is never left out of the difference. A narrower wish may be shown once too often;
//! a wider one never too seldom.

use std::fmt;

use serde::Serialize;

use crate::manifest::{Http, Manifest, Origin, PublicKey, Verify, Webhook, Websocket};

/// Everything that a manifest lets a plugin reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach(Vec<Fact>);

/// One thing that a plugin may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Fact {
    /// It plugs in as this.
    PlugsIn {
        /// `channel` or `provider`.
        role: String,
    },
    /// It sends requests.
    Http {
        /// `https://host`, `*.suffix`, or a key of the configuration.
        place: String,
        /// One method.
        method: String,
        /// `/path`, or `/path/*` for what lies below.
        path: String,
    },
    /// It holds connections.
    Websocket {
        /// As for HTTP, with the path for an address.
        place: String,
    },
    /// The host sends a secret somewhere for it.
    SecretSent {
        /// The name of the secret.
        secret: String,
        /// Which host gets it.
        place: String,
        /// Where it stands there.
        position: String,
    },
    /// It makes the gateway read this variable of the environment.
    Variable {
        /// Its name.
        name: String,
    },
    /// Anybody who passes the check may call it.
    Webhook {
        /// Below the account's own place on the gateway.
        path: String,
        /// The methods.
        methods: Vec<String>,
        /// How callers are checked.
        check: String,
    },
    /// It starts a program outside the sandbox.
    Process {
        /// The key of the configuration that names the program.
        config: String,
        /// The arguments; `{key}` stands for the operator's value.
        args: Vec<String>,
    },
    /// It may use this much of something.
    Limit {
        /// What of, with its place where it has one.
        what: String,
        /// How much.
        most: u64,
    },
}

impl Fact {
    /// Whether whoever may do this may do `other` as well.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Http { place, method, path },
                Self::Http { place: wanted, method: other_method, path: other_path },
            ) => place_covers(place, wanted) && method == other_method && path_covers(path, other_path),
            (Self::Websocket { place }, Self::Websocket { place: wanted }) => place_covers(place, wanted),
            (
                Self::SecretSent { secret, place, position },
                Self::SecretSent { secret: other_secret, place: wanted, position: other_position },
            ) => place_covers(place, wanted) && secret == other_secret && position == other_position,
            (
                Self::Webhook { path, methods, check },
                Self::Webhook { path: other_path, methods: wanted, check: other },
            ) => path == other_path && check == other && wanted.iter().all(|method| methods.contains(method)),
            (Self::Limit { what, most }, Self::Limit { what: other, most: wanted }) => {
                what == other && most >= wanted
            }
            _ => self == other,
        }
    }
}

fn place_covers(place: &str, wanted: &str) -> bool {
    let pattern = |text: &str| crate::HostPattern::try_from(text.to_owned()).ok();
    place == wanted
        || pattern(place).zip(pattern(wanted)).is_some_and(|(place, wanted)| place.covers(&wanted))
}

fn path_covers(path: &str, wanted: &str) -> bool {
    path == wanted || path.strip_suffix('*').is_some_and(|below| wanted.starts_with(below))
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlugsIn { role } => write!(f, "plugs in as a {role}"),
            Self::Http { place, method, path } => write!(f, "sends {method} requests to {place}{path}"),
            Self::Websocket { place } => write!(f, "holds websocket connections to {place}"),
            Self::SecretSent { secret, place, position } => {
                write!(f, "has the gateway send the secret \"{secret}\" to {place} ({position})")
            }
            Self::Variable { name } => write!(f, "has the gateway read the environment variable {name}"),
            Self::Webhook { path, methods, check } => {
                write!(
                    f,
                    "receives {} requests at its webhook {path}, checked by {check}",
                    methods.join(", ")
                )
            }
            Self::Process { config, args } => {
                write!(f, "starts the program that {config} names, outside the sandbox")?;
                if args.is_empty() { Ok(()) } else { write!(f, ", with {}", args.join(" ")) }
            }
            Self::Limit { what, most } => write!(f, "uses up to {most} {what}"),
        }
    }
}

impl Reach {
    /// Everything that a manifest asks for.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        let mut facts = vec![Fact::PlugsIn { role: manifest.plugin.kind.as_str().to_owned() }];
        manifest.http.iter().for_each(|http| http_facts(http, &mut facts));
        manifest.websockets.iter().for_each(|socket| socket_facts(socket, &mut facts));
        for provider in manifest.provider.iter().flat_map(|provider| &provider.known) {
            for secret in &manifest.secrets {
                facts.push(Fact::SecretSent {
                    secret: secret.name.clone(),
                    place: provider.base_url.clone(),
                    position: format!("for the provider {}", provider.id),
                });
            }
            facts.extend(provider.env.iter().map(|name| Fact::Variable { name: name.clone() }));
        }
        for name in manifest.secrets.iter().filter_map(|secret| secret.env.as_ref()) {
            facts.push(Fact::Variable { name: name.clone() });
        }
        facts.extend(manifest.webhooks.iter().map(webhook_fact));
        for process in &manifest.processes {
            let options = process
                .options
                .iter()
                .flat_map(|option| [option.flag.clone(), format!("{{{}}}", option.config)]);
            let args = process.args.iter().cloned().chain(options).collect();
            facts.push(Fact::Process { config: process.config.clone(), args });
        }
        for (_, most, what) in manifest.limits.all() {
            facts.push(Fact::Limit { what: what.to_owned(), most });
        }
        Self(facts)
    }

    /// The facts, in the order of the manifest's tables.
    #[must_use]
    pub fn facts(&self) -> &[Fact] {
        &self.0
    }

    /// What `newer` may do and this may not. Empty when the newer one needs no new yes.
    #[must_use]
    pub fn widened_by(&self, newer: &Self) -> Vec<Fact> {
        newer.0.iter().filter(|fact| !self.0.iter().any(|own| own.covers(fact))).cloned().collect()
    }
}

/// Every place that an entry leads to.
fn places<'h>(origin: &Origin, hosts: impl Iterator<Item = &'h crate::HostPattern>) -> Vec<String> {
    let own = match origin {
        Origin::Fixed(origin) => vec![origin.clone()],
        Origin::Configured(configured) => {
            let key = format!("the address in {}", configured.config);
            let variable = configured.env.iter().map(|name| format!("the address in {name}"));
            configured.default.iter().cloned().chain([key]).chain(variable).collect()
        }
    };
    own.into_iter().chain(hosts.map(ToString::to_string)).collect()
}

fn http_facts(http: &Http, facts: &mut Vec<Fact>) {
    let everything = ["/*".to_owned()];
    let paths = if http.paths.is_empty() { everything.as_slice() } else { http.paths.as_slice() };
    let prefix = http.path_prefix.text();
    let places = places(&http.origin, http.hosts.iter());
    for place in &places {
        for method in http.allowed_methods() {
            for path in paths {
                facts.push(Fact::Http {
                    place: place.clone(),
                    method: method.clone(),
                    path: format!("{prefix}{path}"),
                });
            }
        }
        let mut sent = |names: &mut dyn Iterator<Item = &str>, position: &str| {
            for secret in names {
                let (secret, position) = (secret.to_owned(), position.to_owned());
                facts.push(Fact::SecretSent { secret, place: place.clone(), position });
            }
        };
        sent(&mut http.path_prefix.secret_names(), "in the path");
        for (name, template) in &http.headers {
            sent(&mut template.secret_names(), &format!("in the header {}", name.to_ascii_lowercase()));
        }
        for (name, template) in &http.query {
            sent(&mut template.secret_names(), &format!("in the query, as {name}"));
        }
    }
    for (what, most) in [("a request", http.max_body), ("an answer", http.max_response)] {
        facts.push(Fact::Limit { what: format!("bytes in {what} of the grant \"{}\"", http.name), most });
    }
}

fn socket_facts(socket: &Websocket, facts: &mut Vec<Fact>) {
    for place in places(&socket.url, socket.hosts.iter()) {
        facts.push(Fact::Websocket { place: place.clone() });
        for (name, template) in &socket.headers {
            facts.extend(template.secret_names().map(|secret| Fact::SecretSent {
                secret: secret.to_owned(),
                place: place.clone(),
                position: format!("in the header {}", name.to_ascii_lowercase()),
            }));
        }
        facts.extend(socket.inject.iter().map(|rule| Fact::SecretSent {
            secret: rule.secret.clone(),
            place: place.clone(),
            position: format!("in frames with {} = {}, at {}", rule.when, rule.equals, rule.set),
        }));
    }
    let (name, open) = (&socket.name, u64::from(socket.max_connections));
    facts.push(Fact::Limit {
        what: format!("bytes in a message of the websocket \"{name}\""),
        most: socket.max_frame,
    });
    facts.push(Fact::Limit { what: format!("connections of the websocket \"{name}\""), most: open });
}

fn webhook_fact(route: &Webhook) -> Fact {
    // Every detail of the recipe stands in the text: a recipe that changed is a new fact.
    let mut check = match &route.verify {
        Verify::HmacSha256(recipe) => {
            let time = recipe
                .timestamp_header
                .as_ref()
                .map(|name| format!(" within {} s of {name}", recipe.max_age));
            format!(
                "an HMAC of \"{}\" with \"{}\" in {}{}",
                recipe.signs,
                recipe.secret,
                recipe.header,
                time.unwrap_or_default()
            )
        }
        Verify::Ed25519(recipe) => {
            let key = match &recipe.public_key {
                PublicKey::Secret(name) => format!("the secret \"{name}\""),
                PublicKey::Config(key) => format!("the key in {key}"),
            };
            let (header, time, age) = (&recipe.signature_header, &recipe.timestamp_header, recipe.max_age);
            format!("an Ed25519 signature in {header} by {key} within {age} s of {time}")
        }
        Verify::SharedToken(recipe) => {
            let place = recipe.header.as_deref().or(recipe.query.as_deref()).unwrap_or_default();
            let kind = if recipe.header.is_some() { "header" } else { "query" };
            format!("the secret \"{}\" in the {kind} {place}", recipe.secret)
        }
    };
    if let Some(challenge) = &route.challenge {
        check.push_str(&format!(", with a challenge by \"{}\"", challenge.secret));
    }
    Fact::Webhook { path: route.path.clone(), methods: route.allowed_methods(), check }
}

#[cfg(test)]
#[path = "reach_tests.rs"]
mod tests;
