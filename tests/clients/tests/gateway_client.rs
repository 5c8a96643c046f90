//! OpenClaw's own client, unmodified, against the real binary: every refusal of the guide's table and the way out of it,
//! and every frame judged by the published contract.

use openclaw_clients::node;
use openclaw_e2e::{GATEWAY_TOKEN, Home, SOON, TOKEN, fakes, model, model_only};
use openclaw_fakes::Talker;
use serde_json::json;

fn variables(home: &Home) -> (String, &'static str) {
    (format!("ws://127.0.0.1:{}", home.port()), GATEWAY_TOKEN)
}

#[tokio::test]
async fn the_guides_table_of_connect_codes() {
    let model = model().await;
    let mut config = model_only(&model);
    config["gateway"]["trustedProxies"] = json!(["127.0.0.1"]);
    let home = Home::new(config);
    let gateway = home.start().await;
    let (url, token) = variables(&home);
    let rows = node("connect_codes", &[("GATEWAY_URL", &url), ("GATEWAY_TOKEN", token)]).await;
    assert_eq!(rows["drift"], "device-token", "{rows}");
    let log = home.log();
    for reason in ["token_missing", "token_mismatch", "device_token_mismatch", "DEVICE_IDENTITY_REQUIRED"] {
        assert!(log.contains(&format!("reason={reason}")), "{reason} is not in the log");
    }
    assert_eq!(gateway.terminate().await, 0);
}

#[tokio::test]
async fn proofs_get_in_or_their_documented_code() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let (url, token) = variables(&home);
    let variables =
        [("GATEWAY_URL", &*url), ("GATEWAY_TOKEN", token), ("UNTRUSTED_PROXY_CODE", "AUTH_UNAUTHORIZED")];
    node("proofs", &variables).await;
    assert_eq!(gateway.terminate().await, 0);
}

#[tokio::test]
async fn every_frame_keeps_the_published_contract() {
    let (telegram, model) = fakes().await;
    let home = Home::new(openclaw_e2e::config(&telegram, &model));
    let gateway = home.start().await;
    for user in [777_001, 777_002] {
        telegram.say(TOKEN, &Talker::private(user, "somebody"), "hello bot");
        let told = telegram.wait_for(TOKEN, SOON, |sent| {
            sent.iter().any(|sent| sent.text.contains(&user.to_string())).then_some(())
        });
        told.await.expect("the sender is told a code");
    }
    let (url, token) = variables(&home);
    let heard = node("frames", &[("GATEWAY_URL", &url), ("GATEWAY_TOKEN", token)]).await;
    assert!(heard["results"].as_u64() > Some(15), "{heard}");
    assert_eq!(gateway.terminate().await, 0);
}

#[tokio::test]
async fn a_setup_code_of_the_command_line_lets_one_device_in() {
    let model = model().await;
    let home = Home::new(model_only(&model));
    let gateway = home.start().await;
    let code = home.run(&["qr", "--setup-code-only"]).await.ok().stdout;
    let (url, token) = variables(&home);
    let variables = [("GATEWAY_URL", &*url), ("GATEWAY_TOKEN", token), ("SETUP_CODE", code.trim())];
    let heard = node("setup_code", &variables).await;
    let known = home.run(&["devices", "list", "--json"]).await.ok().json();
    assert_eq!(known["paired"][0]["deviceId"], heard["deviceId"], "{known}");
    assert_eq!(gateway.terminate().await, 0);
}
