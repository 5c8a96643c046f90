//! The bare proxy: hyper on both sides, bytes copied, nothing read. What a gateway cannot be cheaper than.

use std::convert::Infallible;

use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

/// Forwards everything to `upstream` (`host:port`); prints its own address first.
pub(crate) async fn serve(upstream: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<bytes::Bytes>>();
    let upstream = upstream.to_owned();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (client, upstream) = (client.clone(), upstream.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (client, upstream) = (client.clone(), upstream.clone());
            async move {
                let (head, body) = request.into_parts();
                let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
                let body = body.collect().await.unwrap().to_bytes();
                let mut forwarded =
                    Request::builder().method(head.method).uri(format!("http://{upstream}{path}"));
                for (name, value) in &head.headers {
                    if name != "host" {
                        forwarded = forwarded.header(name, value);
                    }
                }
                let answer: Response<Incoming> =
                    client.request(forwarded.body(Full::new(body)).unwrap()).await.unwrap();
                Ok::<_, Infallible>(answer)
            }
        });
        tokio::spawn(async move {
            // A client that goes away ends its connection; that is no fault of the proxy's.
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await
                .ok();
        });
    }
}
