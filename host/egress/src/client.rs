//! The client itself: checks a request, sends it, and says exactly what became of it.

use std::error::Error as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderMap, HeaderValue, USER_AGENT};
use http::{Method, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, timeout_at};

use crate::address::{Network, Refusal};
use crate::body::Body;
use crate::connect::{Connector, LazyTls};
use crate::error::{EgressError, root_cause};
use crate::upload::Upload;

/// What holds for all requests.
#[derive(Clone, Debug)]
pub struct Options {
    /// From the name look-up to the end of the TLS handshake.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept.
    pub keep_alive: Duration,
    /// Unused connections kept for one origin.
    pub max_idle_per_origin: usize,
    /// Sent where the request has no `user-agent` of its own.
    pub user_agent: HeaderValue,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(60),
            max_idle_per_origin: 64,
            user_agent: HeaderValue::from_static(concat!("openclaw/", env!("CARGO_PKG_VERSION"))),
        }
    }
}

/// The bounds of one exchange.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the call to the last byte received.
    pub total: Duration,
    /// The longest silence, before the head of the answer and between two pieces of its body.
    pub idle: Duration,
    /// Bytes of body that are accepted.
    pub max_response: u64,
}

impl Limits {
    /// Bounds an exchange by `total` alone, with at most `max_response` bytes.
    #[must_use]
    pub const fn within(total: Duration, max_response: u64) -> Self {
        Self { total, idle: total, max_response }
    }

    /// The error for a deadline that ran out; `deadline` is the total one.
    pub(crate) fn expired(&self, deadline: Instant) -> EgressError {
        if Instant::now() >= deadline {
            EgressError::timeout(format!("no complete answer within {} ms", self.total.as_millis()))
        } else {
            EgressError::timeout(format!("nothing was received for {} ms", self.idle.as_millis()))
        }
    }
}

/// One request. Redirects are handed back as they are.
#[derive(Debug)]
pub struct Request {
    /// The verb.
    pub method: Method,
    /// `http` or `https`, without user information.
    pub url: Uri,
    /// `host` and the framing headers are set by the client.
    pub headers: HeaderMap,
    /// What it carries.
    pub body: Upload,
    /// How far the request may reach.
    pub network: Network,
    /// Its bounds.
    pub limits: Limits,
}

/// The head of an answer, and its body to be read.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
}

/// The HTTP client. Cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct Egress {
    inner: Arc<Inner>,
}

struct Inner {
    // One pool for each network: a connection opened for the operator's own address must not serve a request that may
    // reach the public internet only.
    public: Client<Connector, Upload>,
    operator: Client<Connector, Upload>,
    /// For sockets, which have no pool.
    connectors: [Connector; 2],
    connect_timeout: Duration,
    user_agent: HeaderValue,
}

impl Egress {
    /// Builds the client. Opens nothing and reads no certificate yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let tls = LazyTls::default();
        let connector = |network| Connector::new(network, Arc::clone(&tls), options.connect_timeout);
        let client = |network| {
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(options.keep_alive)
                .pool_max_idle_per_host(options.max_idle_per_origin)
                .build(connector(network))
        };
        let (public, operator) = (client(Network::Public), client(Network::OperatorNamed));
        let connectors = [connector(Network::Public), connector(Network::OperatorNamed)];
        let (connect_timeout, user_agent) = (options.connect_timeout, options.user_agent);
        Self { inner: Arc::new(Inner { public, operator, connectors, connect_timeout, user_agent }) }
    }

    pub(crate) fn connector(&self, network: Network) -> Connector {
        let [public, operator] = &self.inner.connectors;
        match network {
            Network::Public => public.clone(),
            Network::OperatorNamed => operator.clone(),
        }
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        self.inner.connect_timeout
    }

    pub(crate) fn user_agent(&self) -> HeaderValue {
        self.inner.user_agent.clone()
    }

    /// Sends `request` and waits for the head of the answer.
    ///
    /// # Errors
    /// `Denied` and `NotSent` mean that no byte of the request left. After any other kind it may have arrived.
    pub async fn send(&self, request: Request) -> Result<Response, EgressError> {
        let Request { method, url, mut headers, body, network, limits } = request;
        check_url(&url, network)?;
        if !headers.contains_key(USER_AGENT) {
            headers.insert(USER_AGENT, self.inner.user_agent.clone());
        }
        let mut outgoing = http::Request::new(body);
        *outgoing.method_mut() = method;
        *outgoing.uri_mut() = url;
        *outgoing.headers_mut() = headers;

        let client = match network {
            Network::Public => &self.inner.public,
            Network::OperatorNamed => &self.inner.operator,
        };
        let start = Instant::now();
        let deadline = start + limits.total;
        match timeout_at(deadline.min(start + limits.idle), client.request(outgoing)).await {
            Ok(Ok(answer)) => {
                let (head, incoming) = answer.into_parts();
                let body = Body::new(incoming, deadline, limits)?;
                Ok(Response { status: head.status, headers: head.headers, body })
            }
            Ok(Err(error)) => Err(classify(&error)),
            Err(_) => Err(limits.expired(deadline)),
        }
    }
}

/// Refuses what needs no look-up to be refused. Names are judged by the resolver, once their addresses are known.
fn check_url(url: &Uri, network: Network) -> Result<(), EgressError> {
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err(EgressError::denied("only http and https URLs are requested"));
    }
    check_authority(url, network)
}

/// The rules for who is asked, whatever the scheme.
pub(crate) fn check_authority(url: &Uri, network: Network) -> Result<(), EgressError> {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    if authority.contains('@') {
        return Err(EgressError::denied("a URL with a user name or password in it is not requested"));
    }
    let host = url.host().unwrap_or_default();
    if host.is_empty() {
        return Err(EgressError::denied("the URL has no host"));
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) => {
            network.check(address).map_err(|why| EgressError::denied(format!("the URL names {why}")))
        }
        Err(_) => Ok(()),
    }
}

fn classify(error: &hyper_util::client::legacy::Error) -> EgressError {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(why) = refusal(inner) {
            return EgressError::denied(format!("the host name leads to {why}"));
        }
        cause = inner.source();
    }
    if error.is_connect() {
        EgressError::not_sent(format!("no connection: {}", root_cause(error)))
    } else {
        EgressError::interrupted(format!("the exchange broke off: {}", root_cause(error)))
    }
}

/// Finds the resolver's verdict, which travels inside an I/O error.
pub(crate) fn refusal<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Refusal> {
    let carried = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.downcast_ref().or_else(|| carried.and_then(|inner| inner.downcast_ref()))
}
