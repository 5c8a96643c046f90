//! One provider as requests use it: where it is, what it speaks, and where its key goes. Owns no choice between
//! providers and does no I/O.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use openclaw_egress::Network;
use openclaw_egress::http::uri::{Authority, PathAndQuery, Scheme};
use openclaw_egress::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use openclaw_secrets::Secret;
use serde_json::{Map, Value};

use crate::thinking::{self, Thinking, ThinkingWish, ThinkingWords};
use crate::types::{ChatRequest, Content, Message, Part};

/// The default of `timeoutSeconds`.
const TOTAL: Duration = Duration::from_secs(600);
/// The longest silence of a provider on the internet (compat §8.3).
const IDLE_CLOUD: Duration = Duration::from_secs(120);
/// The longest silence of a provider on the operator's own network, which may have to load a model first.
const IDLE_LOCAL: Duration = Duration::from_secs(300);

/// Where the key goes: a header and the text around the key, as the plugin's manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    header: HeaderName,
    before: String,
    after: String,
}

impl Placement {
    /// Reads a manifest's header name and template, for instance `authorization` and `Bearer {secret}`.
    ///
    /// # Errors
    /// When the name is no header name, or `{secret}` does not stand in the template exactly once.
    pub fn new(header: &str, template: &str) -> Result<Self, String> {
        let header = header.parse().map_err(|_| format!("\"{header}\" is not the name of a header"))?;
        match template.split("{secret}").collect::<Vec<_>>().as_slice() {
            [before, after] => Ok(Self { header, before: (*before).to_owned(), after: (*after).to_owned() }),
            _ => Err(format!("the template \"{template}\" must hold {{secret}} once")),
        }
    }

    /// Sets the key. `None` when the key cannot stand in a header (a line break, a control character).
    fn apply(&self, key: &Secret, headers: &mut HeaderMap) -> Option<()> {
        let mut value =
            HeaderValue::from_str(&format!("{}{}{}", self.before, key.expose(), self.after)).ok()?;
        value.set_sensitive(true);
        headers.insert(self.header.clone(), value);
        Some(())
    }
}

impl Default for Placement {
    /// `Authorization: Bearer <key>`
    fn default() -> Self {
        Self {
            header: openclaw_egress::http::header::AUTHORIZATION,
            before: "Bearer ".to_owned(),
            after: String::new(),
        }
    }
}

/// Where a provider came from, in the order in which they win.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `models.providers` of the configuration.
    Config,
    /// A provider that a plugin knows, with its key from this environment variable.
    Environment(String),
    /// A server of this machine that a plugin knows.
    Local,
    /// The gateway's own demonstration endpoint.
    Demo,
}

/// The address of a provider: an origin and the path in front of every request.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    scheme: Scheme,
    authority: Authority,
    path: String,
}

impl BaseUrl {
    /// Reads `http(s)://host[:port][/path]`, with or without a slash at the end.
    ///
    /// # Errors
    /// For people: what is wrong with it. Does not repeat the text, which may hold a password.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let uri: Uri = text.trim().parse().map_err(|_| "is not a URL")?;
        let parts = uri.into_parts();
        let scheme = parts.scheme.filter(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS);
        let scheme = scheme.ok_or("must begin with http:// or https://")?;
        let authority = parts.authority.ok_or("has no host")?;
        if authority.as_str().contains('@') {
            return Err("must not hold a user name or password; put the key at apiKey");
        }
        let path = parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
        if path.query().is_some() {
            return Err("must not have a query");
        }
        Ok(Self { scheme, authority, path: path.path().trim_end_matches('/').to_owned() })
    }

    /// The URL of `path` below this address. `None` for a path that would lead elsewhere.
    pub(crate) fn join(&self, path: &str) -> Option<Uri> {
        let leads_elsewhere = !path.starts_with('/')
            || path.contains(['?', '#', '\\'])
            || path.split('/').any(|segment| matches!(decoded(segment).as_str(), "." | ".."));
        if leads_elsewhere {
            return None;
        }
        let path = if self.path.is_empty() { path.to_owned() } else { format!("{}{path}", self.path) };
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .ok()
    }
}

impl BaseUrl {
    /// Whether the address names this machine or its network without a look-up.
    fn is_local(&self) -> bool {
        let host = self.authority.host();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            Ok(IpAddr::V4(v4)) => v4.is_loopback() || v4.is_private() || v4.is_unspecified(),
            Ok(IpAddr::V6(v6)) => v6.is_loopback() || v6.is_unique_local() || v6.is_unspecified(),
            Err(_) => bare == "localhost" || bare.ends_with(".localhost") || bare.ends_with(".local"),
        }
    }
}

/// Undoes the percent-encodings of a dot: servers may.
fn decoded(segment: &str) -> String {
    segment.replace("%2e", ".").replace("%2E", ".")
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// One model of a provider, as configured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// The provider's own id.
    pub id: String,
    /// For people.
    pub name: Option<String>,
    /// Tokens that fit into one request.
    pub context_window: Option<u64>,
    /// It takes no pictures: those of a request are left out.
    pub text_only: bool,
    /// The `compat` section as JSON; empty when there is none.
    pub compat: String,
    /// It thinks, and can be told how hard.
    pub thinking: Option<ThinkingWords>,
    /// Parameters for every request.
    pub params: Map<String, Value>,
}

/// A provider that requests can be sent to.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Lower case.
    pub id: String,
    /// The dialect, for instance `openai-completions`.
    pub api: String,
    /// Where it answers.
    pub base_url: BaseUrl,
    /// How far its requests may reach.
    pub network: Network,
    /// Its credential.
    pub key: Option<Secret>,
    /// Tells two credentials apart without showing either; empty when there is none.
    pub credential: String,
    /// Where the key goes.
    pub placement: Placement,
    /// Further headers of every request.
    pub headers: HeaderMap,
    /// From the request to the last byte.
    pub timeout: Duration,
    /// The longest silence.
    pub idle: Duration,
    /// The models that are named in the configuration.
    pub models: Vec<Model>,
    /// Asked when a choice among its models is left open.
    pub default_model: Option<String>,
    /// The `compat` of models that the configuration does not name, as JSON; empty when there is none.
    pub compat: String,
    /// Where it came from.
    pub origin: Origin,
}

impl Provider {
    /// A provider at `base_url` with the defaults of its network and no key.
    #[must_use]
    pub fn new(id: &str, api: &str, base_url: BaseUrl, network: Network, origin: Origin) -> Self {
        let idle = if base_url.is_local() { IDLE_LOCAL } else { IDLE_CLOUD };
        Self {
            id: id.to_ascii_lowercase(),
            api: api.to_owned(),
            base_url,
            network,
            key: None,
            credential: String::new(),
            placement: Placement::default(),
            headers: HeaderMap::new(),
            timeout: TOTAL,
            idle,
            models: Vec::new(),
            default_model: None,
            compat: String::new(),
            origin,
        }
    }

    /// Sets the credential.
    #[must_use]
    pub fn with_key(mut self, key: Option<Secret>) -> Self {
        self.credential = key.as_ref().map(Secret::fingerprint).unwrap_or_default();
        self.key = key;
        self
    }

    /// The headers of a request: the operator's, then the dialect's, then the key, which nothing can replace.
    /// `None` when the key or a header of the shim cannot stand in a header.
    pub(crate) fn headers_for(&self, of_shim: &[(String, String)]) -> Option<HeaderMap> {
        let mut headers = HeaderMap::with_capacity(self.headers.len() + of_shim.len() + 3);
        for (name, value) in of_shim {
            let name: HeaderName = name.parse().ok()?;
            if !is_hosts_own(&name) {
                headers.insert(name, HeaderValue::from_str(value).ok()?);
            }
        }
        headers.extend(self.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        if let Some(key) = &self.key {
            self.placement.apply(key, &mut headers)?;
        }
        Some(headers)
    }
}

/// Headers that a shim has no say in.
fn is_hosts_own(name: &HeaderName) -> bool {
    const OWN: [&str; 8] = [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "upgrade",
        "te",
        "proxy-authorization",
    ];
    OWN.contains(&name.as_str())
}

/// A model of a provider: where one request goes.
#[derive(Clone, Debug)]
pub struct Target {
    /// The provider.
    pub provider: Arc<Provider>,
    /// The provider's own model id.
    pub model: String,
    /// It takes no pictures: those of a request are left out.
    pub text_only: bool,
    /// The `compat` section as JSON; empty when there is none.
    pub compat: String,
    /// It thinks, and can be told how hard.
    pub thinking: Option<ThinkingWords>,
    /// Parameters for requests that do not set them.
    pub params: Map<String, Value>,
}

impl Target {
    /// A model with the provider's own `compat` and no parameters, which may see what it is sent.
    #[must_use]
    pub fn new(provider: Arc<Provider>, model: impl Into<String>) -> Self {
        let compat = provider.compat.clone();
        Self { provider, model: model.into(), text_only: false, compat, thinking: None, params: Map::new() }
    }

    /// `<provider>/<model>`
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{}/{}", self.provider.id, self.model)
    }

    /// How hard this model is to think: `params.thinking` stands between what was said and what is usual.
    fn level(&self, wish: ThinkingWish) -> Thinking {
        let own = self.params.get("thinking").and_then(|own| match own {
            Value::Bool(false) => Some(Thinking::Off),
            own => own.as_str()?.parse().ok(),
        });
        wish.said.or(own).unwrap_or(wish.usual)
    }

    /// Puts the target's part into a request: its id, its `compat`, and the parameters that the caller left open. Takes out
    /// what the model does not take.
    pub(crate) fn complete(&self, request: &mut ChatRequest) {
        request.model.clone_from(&self.model);
        request.compat.clone_from(&self.compat);
        if self.text_only {
            request.messages.iter_mut().for_each(without_pictures);
        }
        if let (Some(words), Some(wish)) = (&self.thinking, request.thinking.take())
            && !request.extra.iter().any(|(set, _)| set == thinking::PARAMETER)
            && let Some(word) = words.word(self.level(wish))
        {
            request.extra.push((thinking::PARAMETER.to_owned(), Value::String(word).to_string()));
        }
        if self.params.is_empty() {
            return;
        }
        let number = |key: &str| self.params.get(key).and_then(Value::as_f64);
        request.temperature = request.temperature.or_else(|| number("temperature"));
        request.top_p = request.top_p.or_else(|| number("topP"));
        let max_tokens = self.params.get("maxTokens").and_then(Value::as_u64);
        request.max_tokens =
            request.max_tokens.or_else(|| max_tokens.and_then(|tokens| u32::try_from(tokens).ok()));
        for (name, value) in self.params.get("extra_body").and_then(Value::as_object).into_iter().flatten() {
            if !request.extra.iter().any(|(set, _)| set == name) {
                request.extra.push((name.clone(), value.to_string()));
            }
        }
    }
}

/// What stands in the place of a picture that a model does not take.
const NO_PICTURE: &str = "[a picture is left out: this model takes text alone]";

/// Makes one text of a message's parts if a picture is among them.
fn without_pictures(message: &mut Message) {
    let Some(Content::Parts(parts)) = &message.content else { return };
    if !parts.iter().any(|part| matches!(part, Part::Image(_))) {
        return;
    }
    let texts = parts.iter().map(|part| match part {
        Part::Text(text) => text.as_str(),
        Part::Image(_) => NO_PICTURE,
    });
    message.content = Some(Content::Text(texts.collect::<Vec<_>>().join("\n")));
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider.id, self.model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_go_only_to_models_that_take_them() {
        let parts =
            vec![Part::Text("what is this?".into()), Part::Image("data:image/png;base64,AA==".into())];
        let mut shown = Message::text(crate::Role::User, "");
        shown.content = Some(Content::Parts(parts.clone()));
        without_pictures(&mut shown);
        let expected = format!("what is this?\n{NO_PICTURE}");
        assert_eq!(shown.content, Some(Content::Text(expected)));
        let alone = Content::Parts(parts.into_iter().take(1).collect());
        let mut text = Message { content: Some(alone.clone()), ..Message::text(crate::Role::User, "") };
        without_pictures(&mut text);
        assert_eq!(text.content, Some(alone));
    }

    #[test]
    fn a_path_stays_below_the_base_url() {
        let check = |base: &str, path: &str, expected: Option<&str>| {
            let joined = BaseUrl::parse(base).unwrap().join(path).map(|uri| uri.to_string());
            assert_eq!(joined.as_deref(), expected, "{base} + {path}");
        };
        check("http://a:1/v1", "/chat/completions", Some("http://a:1/v1/chat/completions"));
        check("http://a:1/v1/", "/models", Some("http://a:1/v1/models"));
        check("https://a", "/models", Some("https://a/models"));
        check("http://[::1]:8", "/m/x:y", Some("http://[::1]:8/m/x:y"));
        for elsewhere in
            ["models", "", "/../x", "/a/..", "/%2e%2E/x", "/.%2e", "/a?b", "/a#b", "/a\\b", "/./a", "//%2e./"]
        {
            check("http://a/v1", elsewhere, None);
        }
    }

    #[test]
    fn a_base_url_is_plain() {
        for (text, expected) in [
            ("ftp://a", "must begin with http:// or https://"),
            ("a/v1", "is not a URL"),
            ("http://user:pw@a/v1", "must not hold a user name or password; put the key at apiKey"),
            ("http://a/v1?x=1", "must not have a query"),
        ] {
            assert_eq!(BaseUrl::parse(text).unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn the_key_goes_where_the_manifest_says_and_nothing_replaces_it() {
        let base = BaseUrl::parse("http://a").unwrap();
        let provider = Provider::new("p", "x", base, Network::Public, Origin::Config)
            .with_key(Some(Secret::from("k-1")));
        let spoofed =
            [("Authorization".to_owned(), "Bearer mine".to_owned()), ("Host".to_owned(), "b".to_owned())];
        let headers = provider.headers_for(&spoofed).unwrap();
        assert_eq!(headers["authorization"], "Bearer k-1");
        assert!(headers["authorization"].is_sensitive());
        assert!(!headers.contains_key("host"));

        let placed = Provider { placement: Placement::new("x-api-key", "{secret}").unwrap(), ..provider };
        let headers = placed.headers_for(&[]).unwrap();
        assert_eq!(headers["x-api-key"], "k-1");
        assert!(!headers.contains_key("authorization"));
        assert!(Placement::new("x-api-key", "no place").is_err());
    }
}
