// The guide's table of connect codes, row by row, with OpenClaw's own client; and the way out of each.
// A client that shall not be local comes through a proxy that the gateway trusts.

import assert from "node:assert/strict";
import { TOKEN, URL, connect, device, refusal, welcome } from "./lib/client.mjs";
import { proxy } from "./lib/proxy.mjs";
import { judge } from "./lib/record.mjs";

const elsewhere = await proxy(URL, "203.0.113.7");
const ui = { clientName: "openclaw-tui", mode: "ui", scopes: ["operator.read"] };
const rows = {};

async function row(name, options, code, expected) {
  const refused = await refusal(options);
  assert.equal(refused.details?.code, code, `${name}: ${JSON.stringify(refused)}`);
  assert.equal(refused.code, 1008, name);
  for (const [key, value] of Object.entries(expected)) {
    assert.deepEqual(key === "message" ? refused.message : refused.details[key], value, `${name}: ${key}`);
  }
  rows[name] = refused.message;
  return refused;
}

await row("AUTH_TOKEN_MISSING", { ...ui, deviceIdentity: device() }, "AUTH_TOKEN_MISSING",
  { authReason: "token_missing", recommendedNextStep: "update_auth_configuration" });

await row("AUTH_TOKEN_MISMATCH", { ...ui, token: "wrong", deviceIdentity: device() }, "AUTH_TOKEN_MISMATCH",
  { canRetryWithDeviceToken: true, recommendedNextStep: "retry_with_device_token" });

await row("AUTH_TOKEN_MISMATCH without a device", { ...ui, token: "wrong" }, "AUTH_TOKEN_MISMATCH",
  { canRetryWithDeviceToken: false, recommendedNextStep: "update_auth_credentials" });

await row("AUTH_DEVICE_TOKEN_MISMATCH", { ...ui, deviceToken: "stale", deviceIdentity: device() },
  "AUTH_DEVICE_TOKEN_MISMATCH", { recommendedNextStep: "update_auth_credentials" });

await row("device identity required", ui, "DEVICE_IDENTITY_REQUIRED", { message: "device identity required" });

await row("origin not allowed", { ...ui, token: TOKEN, origin: "http://evil.example" },
  "CONTROL_UI_ORIGIN_NOT_ALLOWED", {});

// The client answers the challenge, but signs something else.
await row("device signature invalid", {
  ...ui, token: TOKEN, deviceIdentity: { ...device(), privateKeyPem: device().privateKeyPem },
}, "DEVICE_AUTH_SIGNATURE_INVALID", { message: "device signature invalid" });

const stranger = device();
const pending = await row("PAIRING_REQUIRED",
  { ...ui, token: TOKEN, deviceIdentity: stranger, url: elsewhere.url }, "PAIRING_REQUIRED",
  { reason: "not-paired", deviceId: stranger.deviceId, requestedRole: "operator",
    remediationHint: "Approve this device from the pending pairing requests." });
// The client has its own words for it.
assert.match(pending.message, /^device pairing required \(requestId: /);
assert.match(pending.details.requestId, /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/);
assert.match(pending.reason, /^pairing required: device is not approved yet \(requestId: /);

// The way out of PAIRING_REQUIRED: an operator approves, the same device comes again and gets a token of its own.
const operator = await welcome({ clientName: "gateway-client", mode: "backend", scopes: ["operator.admin"] });
const list = await operator.client.request("device.pair.list", {});
assert.deepEqual(list.pending.map((request) => request.requestId), [pending.details.requestId]);
const approved = await operator.client.request("device.pair.approve", { requestId: pending.details.requestId });
assert.equal(approved.device.deviceId, stranger.deviceId);

const tokens = new Map();
const known = { ...ui, deviceIdentity: stranger, url: elsewhere.url, tokens };
const first = await welcome(known);
assert.equal(first.hello.auth.role, "operator");
assert.ok(tokens.get("operator").token, "the client was given a token and keeps it");
first.client.stop();

// The token alone is enough from now on.
const second = await connect(known);
assert.equal(second.hello?.auth.method, "device-token", JSON.stringify(second.error?.details));
second.client.stop();

// The way out of a drifted shared token: the client tries again with the token of its device, by itself. It does so
// towards loopback alone.
const drifted = await connect({ ...ui, deviceIdentity: stranger, tokens, token: "the old one", retries: 1 });
drifted.client.stop();
rows.drift = drifted.hello?.auth.method ?? drifted.error?.details?.code;

// The way out of AUTH_DEVICE_TOKEN_MISMATCH: the token was revoked.
await operator.client.request("device.token.revoke", { deviceId: stranger.deviceId, role: "operator" });
await row("a revoked device token",
  { ...ui, deviceIdentity: stranger, url: elsewhere.url, deviceToken: tokens.get("operator").token },
  "AUTH_DEVICE_TOKEN_MISMATCH", {});

operator.client.stop();
elsewhere.stop();
judge();
console.log(JSON.stringify(rows));
