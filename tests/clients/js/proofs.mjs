// Device proofs that OpenClaw's own client would not send: each is refused with its documented code, and what it does
// send (both versions of the signed text, each form of the key) gets in. Built with the client's own helpers.

import assert from "node:assert/strict";
import { createHash, sign } from "node:crypto";
import { buildDeviceAuthPayload, buildDeviceAuthPayloadV3 } from "@openclaw/gateway-client";
import { WebSocket } from "ws";
import { TOKEN, URL, device, host } from "./lib/client.mjs";
import { judge } from "./lib/record.mjs";

const { publicKeyRawBase64UrlFromPem: raw } = host();
const client = { id: "openclaw-tui", version: "1", platform: "Linux", deviceFamily: "Box", mode: "ui" };

/// Connects once. `forge(proof, challenge, identity)` may change the proof before it is sent.
function attempt({ version = 3, at = 0, nonce, forge = (proof) => proof, headers, connect = {}, identity = device() } = {}) {
  const { promise, resolve } = Promise.withResolvers();
  const socket = new WebSocket(URL, { headers });
  let answer;
  socket.on("message", (data) => {
    const frame = JSON.parse(data);
    if (frame.event === "connect.challenge") {
      const signedAt = frame.payload.ts + at;
      const signed = {
        deviceId: identity.deviceId, clientId: client.id, clientMode: client.mode, role: "operator",
        scopes: ["operator.read"], signedAtMs: signedAt, token: TOKEN, nonce: nonce ?? frame.payload.nonce,
      };
      const text = version === 3
        ? buildDeviceAuthPayloadV3({ ...signed, platform: client.platform, deviceFamily: client.deviceFamily })
        : buildDeviceAuthPayload(signed);
      const proof = forge({
        id: identity.deviceId, publicKey: raw(identity.publicKeyPem), signedAt, nonce: signed.nonce,
        signature: sign(null, Buffer.from(text), identity.privateKeyPem).toString("base64url"),
      }, frame.payload, identity);
      socket.send(JSON.stringify({ type: "req", id: "c", method: "connect", params: {
        minProtocol: 4, maxProtocol: 4, client, role: "operator", scopes: ["operator.read"], caps: [],
        auth: { token: TOKEN }, device: proof, ...connect,
      } }));
    } else if (frame.id === "c") {
      answer = frame;
      if (frame.ok) socket.close();
    }
  });
  socket.on("error", () => {});
  socket.on("close", (code, reason) => resolve({ answer, code, reason: String(reason), proof: identity }));
  return promise;
}

const results = {};
async function refused(name, options, code, detail = {}) {
  const { answer, code: close, reason } = await attempt(options);
  assert.equal(answer?.ok, false, name);
  assert.equal(answer.error.details?.code, code, `${name}: ${JSON.stringify(answer.error)}`);
  for (const [key, value] of Object.entries(detail)) assert.equal(answer.error.details[key], value, name);
  assert.equal(close, code === "PROTOCOL_MISMATCH" ? 1002 : 1008, name);
  // A close frame has room for 120 bytes of it.
  assert.ok(reason.length > 0 && answer.error.message.startsWith(reason), `${name}: ${reason}`);
  results[name] = answer.error.message;
}
async function welcomed(name, options) {
  const { answer } = await attempt(options);
  assert.equal(answer?.ok, true, `${name}: ${JSON.stringify(answer)}`);
  assert.ok(answer.payload.auth.deviceToken, `${name}: a paired device gets a token`);
  results[name] = answer.payload.auth.role;
}

await welcomed("version 3", {});
await welcomed("version 2", { version: 2 });
await welcomed("key in standard base64", {
  forge: (proof) => ({ ...proof, publicKey: Buffer.from(proof.publicKey, "base64url").toString("base64") }) });
await welcomed("key as PEM", { forge: (proof, _, identity) => ({ ...proof, publicKey: identity.publicKeyPem }) });
await welcomed("two minutes late is in time", { at: -115_000 });

await refused("id of another key", { forge: (proof) => ({ ...proof, id: device().deviceId }) },
  "DEVICE_AUTH_DEVICE_ID_MISMATCH", { reason: "device-id-mismatch" });
await refused("expired", { at: -121_000 }, "DEVICE_AUTH_SIGNATURE_EXPIRED", { reason: "device-signature-stale" });
await refused("from the future", { at: 121_000 }, "DEVICE_AUTH_SIGNATURE_EXPIRED", { reason: "device-signature-stale" });
await refused("no nonce", { forge: (proof) => ({ ...proof, nonce: "" }) },
  "DEVICE_AUTH_NONCE_REQUIRED", { reason: "device-nonce-missing" });
await refused("a replayed nonce", { nonce: crypto.randomUUID() },
  "DEVICE_AUTH_NONCE_MISMATCH", { reason: "device-nonce-mismatch" });
await refused("re-signed by another key", {
  forge: (proof, challenge) => ({ ...proof,
    signature: sign(null, Buffer.from(challenge.nonce), device().privateKeyPem).toString("base64url") }) },
  "DEVICE_AUTH_SIGNATURE_INVALID", { reason: "device-signature" });
await refused("a proof for other scopes", { connect: { scopes: ["operator.admin"] } }, "DEVICE_AUTH_SIGNATURE_INVALID");
await refused("no key at all", { forge: (proof) => ({ ...proof, publicKey: "AAAA" }) },
  "DEVICE_AUTH_DEVICE_ID_MISMATCH");
// 32 bytes that are no point of the curve.
const pointless = Buffer.alloc(32);
pointless[0] = 2;
await refused("a key that is none", { forge: (proof) => ({
  ...proof, id: createHash("sha256").update(pointless).digest("hex"), publicKey: pointless.toString("base64url") }) },
  "DEVICE_AUTH_PUBLIC_KEY_INVALID", { reason: "device-public-key" });
await refused("protocol of the past", { connect: { minProtocol: 1, maxProtocol: 2 } }, "PROTOCOL_MISMATCH",
  { expectedProtocol: 4, minimumProbeProtocol: 3 });

// Who stands behind a proxy is not local, however the headers look.
await refused("forged headers", { headers: { "X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1" } },
  process.env.UNTRUSTED_PROXY_CODE);

// Another site's page, and a page that was led here under another name.
await refused("cross-site page", { headers: { Origin: "https://evil.example" } }, "CONTROL_UI_ORIGIN_NOT_ALLOWED");
await refused("rebound name", { headers: { Origin: "http://evil.example:1", Host: "evil.example:1" } },
  "CONTROL_UI_ORIGIN_NOT_ALLOWED");

judge();
console.log(JSON.stringify(results));
