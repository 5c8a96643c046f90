// OpenClaw's own client, ready to use: its host callbacks, a device identity, and one promise for how a connection ends.

import "./record.mjs";
import { createHash, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { GatewayClient } from "@openclaw/gateway-client";

export const URL = process.env.GATEWAY_URL;
export const TOKEN = process.env.GATEWAY_TOKEN;

function rawPublicKey(pem) {
  return createPublicKey(pem).export({ type: "spki", format: "der" }).subarray(-32);
}

/// A new device.
export function device() {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const publicKeyPem = publicKey.export({ type: "spki", format: "pem" });
  return {
    deviceId: createHash("sha256").update(rawPublicKey(publicKeyPem)).digest("hex"),
    publicKeyPem,
    privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }),
  };
}

/// What the client leaves to its host. `tokens` is where device tokens are kept.
export function host(tokens = new Map()) {
  return {
    signDevicePayload: (key, payload) => sign(null, Buffer.from(payload), key).toString("base64url"),
    publicKeyRawBase64UrlFromPem: (pem) => rawPublicKey(pem).toString("base64url"),
    loadDeviceAuthToken: ({ role }) => tokens.get(role) ?? null,
    storeDeviceAuthToken: ({ role, token, scopes }) => tokens.set(role, { token, scopes }),
    clearDeviceAuthToken: ({ role }) => tokens.delete(role),
    logDebug: () => {},
    logError: () => {},
  };
}

/// Connects, and resolves with `{client, hello}` or `{client, error, code, reason}`. The client may try again by itself as
/// often as `retries` says.
export function connect({ retries = 0, ...options } = {}) {
  const { promise, resolve } = Promise.withResolvers();
  let refused;
  const client = new GatewayClient({
    url: URL,
    hostDeps: host(options.tokens),
    deviceIdentity: null,
    requestTimeoutMs: 20_000,
    ...options,
    onHelloOk: (hello) => resolve({ client, hello }),
    onConnectError: (error) => { refused = error; },
    onClose: (code, reason, info) => {
      if (retries-- > 0) return;
      resolve({ client, error: refused ?? info?.connectError, code, reason });
      options.onClose?.(code, reason, info);
    },
  });
  client.start();
  return promise;
}

/// Connects a client that must get in.
export async function welcome(options = {}) {
  const { client, hello, error, code, reason } = await connect({ token: TOKEN, ...options });
  if (hello === undefined) throw new Error(`refused: ${code} ${reason}`, { cause: error });
  return { client, hello };
}

/// Connects a client that must be refused, and stops it.
export async function refusal(options = {}) {
  const { client, hello, error, code, reason } = await connect(options);
  client.stop();
  if (hello !== undefined) throw new Error("it got in");
  return { message: error?.message, details: error?.details, code, reason };
}
