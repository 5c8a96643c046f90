//! A Discord to play with: `fake-discord --port 19830 --token FAKE.TOKEN`, then `POST /__ctl {"text": "hello", "user": 7}`
//! to write to the bot; the answer of `/__ctl` shows what it sent. Put `apiRoot` and `gatewayUrl` of the account to what
//! it prints.

use openclaw_fakes::FakeDiscord;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = openclaw_fakes::flag("--port").and_then(|port| port.parse().ok()).unwrap_or_default();
    let token = openclaw_fakes::flag("--token").unwrap_or_else(|| "FAKE.TOKEN".to_owned());
    let server = FakeDiscord::start_on(port).await?;
    server.add_bot(&token, 1_000, "fake_bot");
    println!("apiRoot {}\ngatewayUrl {}", server.api_root(), server.gateway_url());
    tokio::signal::ctrl_c().await
}
