//! A Bot API to play with: `fake-telegram --port 19810 --token 123456:TEST`, then
//! `POST /__ctl {"text": "hello", "user": 777001}` to talk to the bot; the answer of `/__ctl` shows what it sent.

use openclaw_fakes::FakeTelegram;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = openclaw_fakes::flag("--port").and_then(|port| port.parse().ok()).unwrap_or_default();
    let token = openclaw_fakes::flag("--token").unwrap_or_else(|| "123456:TEST".to_owned());
    let server = FakeTelegram::start_on(port).await?;
    server.add_bot(&token, "fake_bot");
    println!("{}", server.api_root());
    tokio::signal::ctrl_c().await
}
