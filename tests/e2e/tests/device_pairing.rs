//! A device that somebody has to let in, as two people see it: one at the gateway, one elsewhere.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use openclaw_e2e::{GATEWAY_TOKEN, Home, Ran, SOON, model, model_only};
use serde_json::{Value, json};

#[track_caller]
fn assert_has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no `{word}` in:\n{text}");
    }
}

/// A client of `gateway` in a state directory of its own. Its address is this machine's, but by none of the names that
/// count as local, so that both sides treat it as one from elsewhere.
fn client_of(gateway: &Home) -> Home {
    Home::new(json!({"gateway": {"mode": "remote", "remote": {
        "url": format!("ws://0.0.0.0:{}", gateway.port()), "token": GATEWAY_TOKEN,
    }}}))
}

async fn elsewhere(client: &Home, arguments: &[&str]) -> Ran {
    let mut command = client.command(arguments);
    command.env("OPENCLAW_ALLOW_INSECURE_PRIVATE_WS", "1");
    let output = tokio::time::timeout(SOON, command.output()).await.expect("it did not end").unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The request that a refused client was told.
fn request_id(refused: &Ran) -> String {
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_has(
        &refused.stderr,
        &["pairing required: device is not approved yet", "Inspect: openclaw devices list"],
    );
    let line =
        refused.stderr.lines().find_map(|line| line.strip_prefix("Recovery: openclaw devices approve "));
    line.unwrap_or_else(|| panic!("no request in {refused:?}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_let_in_renamed_given_a_new_token_and_removed() {
    let home = Home::new(model_only(&model().await));
    let _gateway = home.start().await;
    let client = client_of(&home);
    let health = ["gateway", "call", "health"];

    let request = request_id(&elsewhere(&client, &health).await);
    let list = home.run(&["devices", "list", "--json"]).await.ok().json();
    assert_eq!(list["pending"][0]["requestId"], request.as_str(), "{list}");
    assert_eq!(list["paired"], json!([]));
    let shown = home.run(&["devices", "list"]).await.ok();
    assert_has(&shown.stdout, &["Pending (1)", &request, "new pairing", "operator.admin"]);

    // Without an id it is only shown.
    let preview = home.run(&["devices", "approve"]).await;
    assert_eq!(preview.code, 1);
    assert_has(
        &preview.stdout,
        &[&format!("Selected pending device request {request}"), "First-time device pairing"],
    );
    assert_has(
        &preview.stderr,
        &[&format!("Approve this exact request with: openclaw devices approve {request}")],
    );
    let preview = home.run(&["devices", "approve", "--json"]).await;
    assert_eq!(preview.json()["approvalState"]["kind"], "new-pairing");
    assert_eq!(
        request_id(&elsewhere(&client, &health).await),
        request,
        "the same request is not asked twice"
    );

    let approved = home.run(&["devices", "approve", &request]).await.ok();
    let device =
        approved.stdout.strip_prefix("Approved ").and_then(|rest| rest.split(' ').next()).unwrap().to_owned();
    assert_eq!(approved.stdout.trim_end(), format!("Approved {device} ({request})"));
    elsewhere(&client, &health).await.ok();
    let tokens = client.state().join("identity/device-auth.json");
    assert_eq!(fs::metadata(&tokens).unwrap().permissions().mode() & 0o777, 0o600);
    let stored: Value = serde_json::from_str(&fs::read_to_string(&tokens).unwrap()).unwrap();
    let token =
        stored["gateways"][format!("ws://0.0.0.0:{}", home.port())]["operator"]["token"].as_str().unwrap();
    assert!(!home.log().contains(token));

    // From here on the device's own token is enough.
    client.run(&["config", "unset", "gateway.remote.token"]).await.ok();
    elsewhere(&client, &health).await.ok();
    let named = home.run(&["devices", "rename", "--device", &device, "--name", "Ada's laptop"]).await.ok();
    assert_eq!(named.stdout.trim_end(), format!("Renamed {device} → Ada's laptop"));
    assert_has(&home.run(&["devices", "list"]).await.ok().stdout, &["Paired (1)", "Ada's laptop", &device]);

    let rotated =
        home.run(&["devices", "rotate", "--device", &device, "--role", "operator"]).await.ok().json();
    assert_eq!(rotated["tokenDelivery"], "withheld-cross-device");
    assert_eq!(rotated.get("token"), None, "the token is the device's alone");
    elsewhere(&client, &health).await.ok();
    elsewhere(&client, &health).await.ok();

    let removed = home.run(&["devices", "remove", &device]).await.ok();
    assert_eq!(removed.stdout.trim_end(), format!("Removed {device}"));
    let refused = elsewhere(&client, &health).await;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_has(&refused.stderr, &["device token mismatch", "Fix: "]);
    assert_eq!(home.run(&["devices", "list"]).await.ok().stdout.trim_end(), "No device pairing entries.");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_wrong_is_explained() {
    let home = Home::new(model_only(&model().await));
    let _gateway = home.start().await;
    let check = async |arguments: &[&str], words: &str| {
        let ran = home.run(arguments).await;
        assert_eq!(ran.code, 1, "{ran:?}");
        assert_has(&ran.stderr, &[words]);
    };
    let nobody = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
    check(&["devices", "approve"], "No pending device pairing requests to approve").await;
    check(&["devices", "approve", nobody], &format!("No pending device request matches {nobody}.")).await;
    check(&["devices", "reject", nobody], &format!("No pending device request matches {nobody}.")).await;
    check(&["devices", "remove", "nobody"], "No paired device matches nobody.").await;
    check(&["devices", "rotate", "--role", "operator"], "--device and --role are required.").await;
    check(&["devices", "rotate", "--device", "nobody", "--role", "operator"], "device token rotation denied")
        .await;
    check(&["devices", "clear"], "Refusing to clear pairing table without --yes").await;
    check(&["devices", "approve", "ABCD1234"], "openclaw pairing approve <channel> ABCD1234").await;
    check(&["pairing", "approve", nobody], &format!("openclaw devices approve {nobody}")).await;
    let cleared = home.run(&["devices", "clear", "--yes", "--pending", "--json"]).await.ok();
    assert_eq!(cleared.json(), json!({"removedDevices": [], "rejectedPending": []}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_turned_down_and_the_next_one_approved_as_the_latest() {
    let home = Home::new(model_only(&model().await));
    let _gateway = home.start().await;
    let client = client_of(&home);
    let first = request_id(&elsewhere(&client, &["health"]).await);
    let rejected = home.run(&["devices", "reject", &first]).await.ok();
    assert_has(&rejected.stdout, &["Rejected "]);
    let second = request_id(&elsewhere(&client, &["health"]).await);
    assert_ne!(first, second);
    let approved = home.run(&["devices", "approve", "--latest"]).await.ok();
    assert_has(
        &approved.stdout,
        &[&format!("Selected pending device request {second}"), &format!("({second})")],
    );
    elsewhere(&client, &["gateway", "call", "health"]).await.ok();
    // A device that may approve others may do it from where it is.
    let another = client_of(&home);
    let third = request_id(&elsewhere(&another, &["health"]).await);
    elsewhere(&client, &["devices", "approve", &third]).await.ok();
    elsewhere(&another, &["gateway", "call", "health"]).await.ok();
}
