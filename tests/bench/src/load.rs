//! Load on one URL: a number of kept connections, each sending its next request when the last one was answered.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// What is asked again and again.
#[derive(Clone)]
pub(crate) struct Shot {
    /// `host:port`
    pub(crate) address: String,
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) token: Option<&'static str>,
    pub(crate) body: String,
}

/// What came of it.
pub(crate) struct Hits {
    /// How long each request took, sorted.
    times: Vec<Duration>,
    elapsed: Duration,
}

impl Hits {
    pub(crate) fn count(&self) -> f64 {
        self.times.len() as f64
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.count() / self.elapsed.as_secs_f64()
    }

    /// Milliseconds below which this share of the requests stayed.
    pub(crate) fn percentile_ms(&self, share: f64) -> f64 {
        percentile_ms(&self.times, share)
    }
}

/// Of sorted times.
pub(crate) fn percentile_ms(times: &[Duration], share: f64) -> f64 {
    let index = ((times.len() as f64 * share) as usize).min(times.len() - 1);
    times[index].as_secs_f64() * 1e3
}

/// Fires for `duration` on `connections` connections, and panics at any answer that is not 200.
pub(crate) async fn fire(shot: &Shot, connections: usize, duration: Duration) -> Hits {
    let began = Instant::now();
    let workers: Vec<_> =
        (0..connections).map(|_| tokio::spawn(worker(shot.clone(), began + duration))).collect();
    let mut times = Vec::new();
    for worker in workers {
        times.extend(worker.await.unwrap());
    }
    let elapsed = began.elapsed();
    times.sort_unstable();
    Hits { times, elapsed }
}

async fn worker(shot: Shot, until: Instant) -> Vec<Duration> {
    let stream = TcpStream::connect(&shot.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let mut times = Vec::with_capacity(1 << 16);
    while Instant::now() < until {
        let began = Instant::now();
        let mut request =
            Request::builder().method(shot.method.clone()).uri(shot.path).header("host", &shot.address);
        if let Some(token) = shot.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.header("content-type", "application/json");
        let body = Full::new(Bytes::from(shot.body.clone()));
        sender.ready().await.unwrap();
        let answer = sender.send_request(request.body(body).unwrap()).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        times.push(began.elapsed());
    }
    drop(sender);
    driver.abort();
    times
}
