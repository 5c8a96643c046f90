//! A backend to play with: `fake-openai --port 19800`, then `POST /__ctl {"mode": "server-error"}` or ask for the model
//! `mock-429`. `{"mode": null}` goes back to echoing; the answer of `/__ctl` shows the requests so far.

use openclaw_fakes::FakeOpenai;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = openclaw_fakes::flag("--port").and_then(|port| port.parse().ok()).unwrap_or_default();
    let server = FakeOpenai::start_on(port).await?;
    println!("{}", server.base_url());
    tokio::signal::ctrl_c().await
}
