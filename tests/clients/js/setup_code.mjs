// A device that is new to the gateway gets in with a setup code, once, and with its own token from then on.

import assert from "node:assert/strict";
import { device, refusal, welcome } from "./lib/client.mjs";
import { judge } from "./lib/record.mjs";

const { bootstrapToken } = JSON.parse(Buffer.from(process.env.SETUP_CODE, "base64url"));
const own = { clientName: "openclaw-tui", mode: "ui", scopes: ["operator.read", "operator.write"], token: undefined };

const deviceIdentity = device();
const tokens = new Map();
const first = await welcome({ ...own, deviceIdentity, tokens, bootstrapToken });
assert.ok(first.hello.auth.deviceToken, "the device is given a token of its own");
await first.client.request("status", {});
first.client.stop();

const again = await welcome({ ...own, deviceIdentity, tokens });
assert.equal(again.hello.auth.role, "operator");
again.client.stop();

const stranger = await refusal({ ...own, deviceIdentity: device(), bootstrapToken });
assert.equal(stranger.details?.code, "AUTH_BOOTSTRAP_TOKEN_INVALID", JSON.stringify(stranger));

// The method behind the command answers in the published shape.
const admin = await welcome({ clientName: "gateway-client", mode: "backend", scopes: ["operator.admin"] });
const made = await admin.client.request("device.pair.setupCode", { publicUrl: "ws://192.168.1.5:18789" });
assert.deepEqual([made.access, made.accessDowngraded], ["limited", true]);
admin.client.stop();

judge();
console.log(JSON.stringify({ deviceId: deviceIdentity.deviceId }));
