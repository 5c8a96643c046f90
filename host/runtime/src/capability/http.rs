//! HTTP for guests: `openclaw:plugin/http`.
//!
//! A guest names a grant and a path below it. Everything that decides where a request goes and what secret it carries is
//! in [`openclaw_packages::ResolvedGrant::compose`]; this module is the only caller, so it is the only way out of the sandbox.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use openclaw_egress::http::{HeaderMap, Method};
use openclaw_egress::{Body, EgressError, ErrorKind, Limits, Network, Upload};
use openclaw_failpoints::failpoint;
use openclaw_packages::Composed;
use openclaw_secrets::Scrubber;
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use wasmtime::StoreContextMut;
use wasmtime::component::{
    Accessor, Destination, FutureReader, HasSelf, StreamProducer, StreamReader, StreamResult, VecBuffer,
};

use super::Guest;
use super::media::{self, Media, MediaError};
use super::under_way::{Full, Held};
use crate::bindings::channel::openclaw::plugin::http;
use crate::channel::facts::Over;

/// Longest time that a guest may ask for.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Pieces of a body that wait for a slow guest; beyond it the host stops reading from the vendor.
const PIECES: usize = 8;
/// Pieces of one request's body.
const BODY_PIECES: usize = 64;
/// Most requests of one instance under way at once, so that no guest can use up the host's sockets. Twice as many as
/// calls may be in flight.
pub(crate) const EXCHANGES: usize = 128;

/// Who uses a credential on a path that allows one request at a time: for instance one poller for each token.
///
/// The key holds the credential's fingerprint, so that two accounts with the same credential are found out.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    held: Mutex<HashMap<String, Arc<str>>>,
    released: Notify,
}

/// Held while such a request is under way; free again when dropped.
#[derive(Debug)]
struct Lease {
    leases: Arc<Leases>,
    key: String,
}

impl Leases {
    /// Takes the lease for `holder`. Waits for a request of the same account to end (the last one of an instance that was
    /// just replaced); names the account when it is another one.
    async fn take(self: &Arc<Self>, key: String, holder: &Arc<str>) -> Result<Lease, Arc<str>> {
        loop {
            // Created before looking: it hears of every release from here on.
            let released = self.released.notified();
            {
                let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
                match held.get(&key) {
                    None => {
                        held.insert(key.clone(), Arc::clone(holder));
                        return Ok(Lease { leases: Arc::clone(self), key });
                    }
                    Some(other) if other != holder => return Err(Arc::clone(other)),
                    Some(_) => {}
                }
            }
            released.await;
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        self.leases.released.notify_waiters();
    }
}

impl http::Host for Guest {}

impl http::HostWithStore<Guest> for HasSelf<Guest> {
    async fn send(
        accessor: &Accessor<Guest, Self>,
        request: http::Request,
    ) -> wasmtime::Result<Result<http::Response, http::Error>> {
        let answer = match exchange(accessor, request).await? {
            Ok(answer) => answer,
            Err(error) => return Ok(Err(error)),
        };
        accessor.with(|mut access| {
            let body = StreamReader::new(&mut access, Pieces(answer.body))?;
            let end = answer.end;
            let end = FutureReader::new(&mut access, async move { Ok::<_, wasmtime::Error>(end.await) })?;
            Ok(Ok(http::Response { status: answer.status, headers: answer.headers, body, end }))
        })
    }
}

/// An answer as a guest may see it.
pub(crate) struct Shown {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: mpsc::Receiver<Bytes>,
    /// Resolves after the last byte of `body`.
    pub(crate) end: Pin<Box<dyn Future<Output = Result<(), http::Error>> + Send>>,
}

/// Sends a guest's request, whichever version of the contract it speaks, and waits for the head of the answer.
pub(crate) async fn exchange(
    accessor: &Accessor<Guest, HasSelf<Guest>>,
    request: http::Request,
) -> wasmtime::Result<Result<Shown, http::Error>> {
    let begun = accessor.with(|mut access| {
        let guest = access.get();
        let pieces = joined(request.body);
        let request = http::Request { body: Vec::new(), ..request };
        let held = guest.begin(held_by(&pieces))?;
        Ok::<_, wasmtime::Error>(match held {
            Ok(held) => guest.prepare(&request, pieces, held),
            Err(Full) => {
                guest.over(Over::Exchanges);
                Err(denied(Full::WORDS.to_owned()))
            }
        })
    })?;
    let (exchange, scrubber) = match begun {
        Ok(begun) => begun,
        Err(error) => return Ok(Err(error)),
    };
    let (head, body, end) = match exchange.await {
        Ok(answer) => answer,
        Err(error) => return Ok(Err(told(&error, &scrubber))),
    };
    let headers = shown(&head.headers, &scrubber);
    let end = async move {
        // Without a word the exchange has broken off, and the body with it.
        end.await.unwrap_or_else(|_lost| Err(lost())).map_err(|error| told(&error, &scrubber))
    };
    Ok(Ok(Shown { status: head.status, headers, body, end: Box::pin(end) }))
}

/// The head of an answer.
struct Head {
    status: u16,
    headers: HeaderMap,
}

type End = oneshot::Receiver<Result<(), EgressError>>;
type Answer = (Head, mpsc::Receiver<Bytes>, End);

impl Guest {
    /// Checks a request against the grant and starts it on the host's threads.
    fn prepare(
        &mut self,
        request: &http::Request,
        pieces: Vec<http::Piece>,
        held: Held,
    ) -> Result<(Exchange, Arc<Scrubber>), http::Error> {
        let grants = Arc::clone(&self.grants);
        let grant = grants.iter().find(|grant| grant.name == request.grant);
        let grant = grant
            .ok_or_else(|| denied(format!("the manifest has no [[http]] entry named `{}`", request.grant)))?;
        let elsewhere = request.host.as_deref().map(|host| grant.at_host(host)).transpose();
        let elsewhere = elsewhere.map_err(|why| denied(why.to_string()))?;
        let grant = elsewhere.as_ref().unwrap_or(grant);
        let method = method(request.method);
        let composed = grant
            .compose(method.as_str(), &request.path, &request.query, &request.headers)
            .map_err(|why| denied(why.to_string()))?;
        if bytes_of(&pieces) as u64 > grant.max_body {
            return Err(too_long(grant.max_body));
        }
        if pieces.len() > BODY_PIECES {
            return Err(denied(format!("a body has at most {BODY_PIECES} pieces")));
        }
        if carries_secret(request, &pieces, &self.scrubber) {
            return Err(denied(SECRET.to_owned()));
        }
        self.take_request().map_err(denied)?;
        let exchange = Arc::clone(&self.exchanges).try_acquire_owned();
        let exchange = exchange.map_err(|_none_left| {
            self.over(Over::Exchanges);
            denied(format!("{EXCHANGES} requests of this instance are under way"))
        })?;
        self.within(Over::Exchanges);
        let lease = grant.is_single_flight(&request.path).then(|| credential(&composed));
        let (leases, holder) = (Arc::clone(&self.leases), Arc::clone(&self.label));
        let timeout = Duration::from_millis(request.timeout_ms).min(TIMEOUT);
        let (media, max_body) = (Arc::clone(&self.media), grant.max_body);
        let mut outgoing = openclaw_egress::Request {
            method,
            url: composed.url.parse().map_err(|_bad| denied("the path does not make a URL".to_owned()))?,
            headers: composed.header_map().map_err(|why| denied(why.to_string()))?,
            body: Upload::from(Bytes::new()),
            network: if grant.operator_named { Network::OperatorNamed } else { Network::Public },
            limits: Limits::within(timeout, grant.max_response),
        };
        let egress = self.egress.clone();
        let (head, answer) = oneshot::channel();
        let task = self.io.spawn(async move {
            // The body is let go of with the exchange, whoever waits for the answer.
            let _held = (exchange, held);
            failpoint!("runtime.http");
            // Held until the last byte: the next request with this credential has to wait for it.
            let _lease = match lease {
                None => None,
                Some(key) => match leases.take(key, &holder).await {
                    Ok(lease) => Some(lease),
                    Err(other) => {
                        let detail =
                            format!("the account {other} of this gateway already uses this credential");
                        // Nobody waits when the guest has dropped the call.
                        drop(head.send(Err(EgressError { kind: ErrorKind::Denied, detail })));
                        return;
                    }
                },
            };
            match upload(media, pieces, max_body).await {
                Ok(body) => outgoing.body = body,
                // Nobody waits when the guest has dropped the call.
                Err(detail) => {
                    drop(head.send(Err(EgressError { kind: ErrorKind::Denied, detail })));
                    return;
                }
            }
            match egress.send(outgoing).await {
                Ok(response) => {
                    failpoint!("runtime.answered");
                    let (pieces, body) = mpsc::channel(PIECES);
                    let (ended, end) = oneshot::channel();
                    let got = Head { status: response.status.as_u16(), headers: response.headers };
                    if head.send(Ok((got, body, end))).is_ok() {
                        failpoint!("runtime.body");
                        // Nobody waits for the end when the guest has dropped the answer.
                        ended.send(pump(response.body, pieces).await).ok();
                    }
                }
                // Nobody waits when the guest has dropped the call.
                Err(error) => drop(head.send(Err(error))),
            }
        });
        Ok((Exchange { answer, task: Some(task) }, Arc::clone(&self.scrubber)))
    }
}

/// What a guest is told that has found a secret and sends it on.
pub(super) const SECRET: &str =
    "a secret of this account stands in it: the manifest says where the host puts those";

/// Whether a guest's own words hold a secret, wherever it came by it. The host puts its own in only afterwards.
fn carries_secret(request: &http::Request, pieces: &[http::Piece], scrubber: &Scrubber) -> bool {
    let found = |text: &str| scrubber.finds(text.as_bytes());
    let pairs = request.query.iter().chain(&request.headers);
    found(&request.path)
        || pieces.iter().any(|piece| matches!(piece, http::Piece::Bytes(bytes) if scrubber.finds(bytes)))
        || pairs.into_iter().any(|(name, value)| found(name) || found(value))
}

/// Puts neighbours together, so that nothing hides where two of them meet.
fn joined(pieces: Vec<http::Piece>) -> Vec<http::Piece> {
    let mut joined: Vec<http::Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (Some(http::Piece::Bytes(before)), http::Piece::Bytes(mut bytes)) => before.append(&mut bytes),
            (_, piece) => joined.push(piece),
        }
    }
    joined
}

/// Bytes that the guest itself hands over.
fn bytes_of(pieces: &[http::Piece]) -> usize {
    let lengths = pieces.iter().map(|piece| match piece {
        http::Piece::Bytes(bytes) => bytes.len(),
        http::Piece::File(_) => 0,
    });
    lengths.sum()
}

/// What a body holds of the host's memory while it is sent.
fn held_by(pieces: &[http::Piece]) -> usize {
    let files = pieces.iter().any(|piece| matches!(piece, http::Piece::File(_)));
    bytes_of(pieces) + if files { media::HELD } else { 0 }
}

fn too_long(max_body: u64) -> http::Error {
    denied(format!("the body is longer than the {max_body} bytes of the grant"))
}

/// A part of a body that is about to be sent.
enum Part {
    Bytes(Bytes),
    File(u64),
}

/// The body of a request: what the guest said, and the files of its account that it named. The error is for people.
async fn upload(media: Arc<dyn Media>, pieces: Vec<http::Piece>, max_body: u64) -> Result<Upload, String> {
    let (mut parts, mut length) = (Vec::with_capacity(pieces.len()), 0_u64);
    for piece in pieces {
        let (bytes, part) = match piece {
            http::Piece::Bytes(bytes) => (bytes.len() as u64, Part::Bytes(Bytes::from(bytes))),
            http::Piece::File(handle) => {
                // Opened again when its turn comes: a request has one file open at a time.
                let (file, _) = media.open(handle).await.map_err(|why| unread(handle, &why))?;
                (file.size, Part::File(handle))
            }
        };
        length = length.saturating_add(bytes);
        parts.push(part);
    }
    if length > max_body {
        return Err(too_long(max_body).detail);
    }
    let single = parts.len() <= 1;
    match parts.pop() {
        None => Ok(Upload::from(Bytes::new())),
        Some(Part::Bytes(bytes)) if single => Ok(Upload::from(bytes)),
        Some(last) => {
            parts.push(last);
            let (sender, receiver) = mpsc::channel(media::PIECES);
            // It ends when nobody takes the pieces any more: with the request.
            tokio::spawn(feed(media, parts, sender));
            Ok(Upload::pieces(length, receiver))
        }
    }
}

fn unread(handle: u64, why: &MediaError) -> String {
    match why {
        MediaError::Gone => format!("the account has no file {handle}"),
        _ => format!("the file {handle} cannot be read now"),
    }
}

/// Sends the parts of a body one behind the other.
async fn feed(media: Arc<dyn Media>, parts: Vec<Part>, pieces: mpsc::Sender<std::io::Result<Bytes>>) {
    for part in parts {
        let fed = match part {
            Part::Bytes(bytes) => pieces.send(Ok(bytes)).await.is_ok(),
            Part::File(handle) => match media.open(handle).await {
                Ok((_, reader)) => media::pump(reader, |piece| pieces.send(Ok(piece))).await.is_ok(),
                Err(_) => false,
            },
        };
        if !fed {
            // Not the end of the body: whoever sends it is to break off.
            pieces.send(Err(std::io::Error::other("a file cannot be read"))).await.ok();
            return;
        }
    }
}

/// Moves the body to the guest piece by piece; stops when the guest stops listening.
async fn pump(mut body: Body, pieces: mpsc::Sender<Bytes>) -> Result<(), EgressError> {
    loop {
        // A guest that stops listening ends the exchange at once, not when the vendor sends its next byte.
        let piece = tokio::select! {
            piece = body.chunk() => piece?,
            () = pieces.closed() => None,
        };
        let Some(piece) = piece else { return Ok(()) };
        if pieces.send(piece).await.is_err() {
            return Ok(());
        }
    }
}

/// A request under way on the host's threads. Dropping it before its head arrived aborts it: a component that was
/// stopped must not go on polling.
struct Exchange {
    answer: oneshot::Receiver<Result<Answer, EgressError>>,
    task: Option<JoinHandle<()>>,
}

impl Future for Exchange {
    type Output = Result<Answer, EgressError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.answer).poll(cx));
        // From here on the task ends when the guest drops the body.
        self.task = None;
        Poll::Ready(answer.unwrap_or_else(|_lost| Err(lost())))
    }
}

fn lost() -> EgressError {
    EgressError { kind: ErrorKind::Interrupted, detail: "the exchange was lost inside the host".to_owned() }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Feeds a body into the guest's stream.
pub(crate) struct Pieces(pub(crate) mpsc::Receiver<Bytes>);

impl StreamProducer<Guest> for Pieces {
    type Item = u8;
    type Buffer = VecBuffer<u8>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, Guest>,
        mut destination: Destination<'a, u8, VecBuffer<u8>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if destination.remaining(&mut store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        match self.0.poll_recv(cx) {
            Poll::Ready(Some(piece)) => {
                destination.set_buffer(Vec::from(piece).into());
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(None) => Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => Poll::Pending,
        }
    }
}

fn method(method: http::Method) -> Method {
    match method {
        http::Method::Get => Method::GET,
        http::Method::Head => Method::HEAD,
        http::Method::Post => Method::POST,
        http::Method::Put => Method::PUT,
        http::Method::Patch => Method::PATCH,
        http::Method::Delete => Method::DELETE,
    }
}

/// Tells requests with the same credential to the same path from others, without keeping the credential.
fn credential(composed: &Composed) -> String {
    let path = composed.url.split('?').next().unwrap_or_default();
    let mut digest = Sha256::new_with_prefix(path);
    for (name, value) in &composed.headers {
        digest.update(format!("\n{name}: {value}"));
    }
    format!("{:x}", digest.finalize())
}

/// An answer's headers as the guest sees them: a redirect repeats the URL, and with it the secret in its path.
fn shown(headers: &HeaderMap, scrubber: &Scrubber) -> Vec<(String, String)> {
    let shown = headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        (name.as_str().to_owned(), scrubber.scrub(&value).into_owned())
    });
    shown.collect()
}

fn denied(detail: String) -> http::Error {
    http::Error { kind: http::ErrorKind::Denied, detail }
}

fn told(error: &EgressError, scrubber: &Scrubber) -> http::Error {
    let kind = match error.kind {
        ErrorKind::Denied => http::ErrorKind::Denied,
        ErrorKind::NotSent => http::ErrorKind::NotSent,
        ErrorKind::Interrupted => http::ErrorKind::Interrupted,
        ErrorKind::Timeout => http::ErrorKind::Timeout,
        ErrorKind::TooLarge => http::ErrorKind::TooLarge,
    };
    http::Error { kind, detail: scrubber.scrub(&error.detail).into_owned() }
}

#[cfg(test)]
mod tests {
    use openclaw_egress::http::HeaderValue;
    use openclaw_secrets::Secret;

    use super::*;

    #[test]
    fn a_redirect_does_not_tell_the_guest_the_secret() {
        let mut headers = HeaderMap::new();
        headers
            .insert("location", HeaderValue::from_static("https://api.example/bot12345:secret-value/poll"));
        headers.insert("x-other", HeaderValue::from_static("as it is"));
        let scrubber = Scrubber::new(&[Secret::from("12345:secret-value")]);
        let expected = [("location", "https://api.example/bot***/poll"), ("x-other", "as it is")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(shown(&headers, &scrubber), expected);
    }
}
