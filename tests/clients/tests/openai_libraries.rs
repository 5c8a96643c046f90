//! OpenAI's official libraries, unmodified, against `/v1` of the real binary.

use openclaw_clients::{node, python};
use openclaw_e2e::{GATEWAY_TOKEN, Gateway, Home, KEY, model};
use openclaw_fakes::FakeOpenai;
use serde_json::json;

/// A gateway with one provider: a model that echoes, one that calls a tool, one that embeds.
async fn start(model: &FakeOpenai) -> (Home, Gateway) {
    let home = Home::new(json!({
        "gateway": { "mode": "local", "bind": "loopback", "auth": { "mode": "token", "token": GATEWAY_TOKEN } },
        "models": { "providers": { "fake": {
            "baseUrl": model.base_url(), "apiKey": KEY, "api": "openai-completions",
            "models": [{ "id": "echo", "name": "Echo" }, { "id": "mock-tool", "name": "Tool" }, { "id": "embed", "name": "Embed" }],
        } } },
        "agents": { "defaults": { "model": { "primary": "fake/echo" } } },
    }));
    let gateway = home.start().await;
    (home, gateway)
}

#[tokio::test]
async fn the_node_library_works_unmodified() {
    let model = model().await;
    let (_home, gateway) = start(&model).await;
    let base = format!("{}/v1", gateway.base());
    node("openai_library", &[("BASE_URL", &base), ("GATEWAY_TOKEN", GATEWAY_TOKEN)]).await;
}

#[tokio::test]
async fn the_python_library_works_unmodified() {
    let model = model().await;
    let (_home, gateway) = start(&model).await;
    let base = format!("{}/v1", gateway.base());
    python("openai_library", &[("BASE_URL", &base), ("GATEWAY_TOKEN", GATEWAY_TOKEN)]).await;
}
