// Every read method and a turn, as an admin; each frame that comes back is judged by the published contract.

import assert from "node:assert/strict";
import { welcome } from "./lib/client.mjs";
import { heard, judge } from "./lib/record.mjs";
import { schema, scopeOf } from "./lib/schema.mjs";

/// Methods that change or end something, or need parameters: each is asked below or in another test.
const PARAMETERS = {
  "logs.tail": { limit: 20 },
  "models.list": { view: "all" },
  "chat.history": { sessionKey: "agent:main:main" },
  "chat.metadata": { sessionKey: "agent:main:main" },
  "sessions.preview": { keys: ["agent:main:main"] },
  "sessions.resolve": { key: "agent:main:main" },
  "sessions.describe": { key: "agent:main:main" },
  "sessions.get": { key: "agent:main:main" },
  "sessions.search": { query: "hello" },
  "sessions.messages.subscribe": { key: "agent:main:main" },
  "chat.startup": { sessionKey: "agent:main:main" },
  "tools.effective": { sessionKey: "agent:main:main" },
  "plugins.inspect": { pluginId: "telegram" },
  "config.schema.lookup": { path: "gateway.port" },
};
/// Reads that a client may be refused on this gateway for a reason that the answer gives.
const REFUSABLE = new Set(JSON.parse(process.env.REFUSABLE ?? "[]"));

const events = [];
const { client, hello } = await welcome({
  clientName: "gateway-client", mode: "backend", scopes: ["operator.admin"],
  onEvent: (event) => events.push(event),
});
const advertised = hello.features.methods;
assert.ok(advertised.length > 40, `only ${advertised.length} methods`);

// A turn, with its events.
const runId = crypto.randomUUID();
const ended = Promise.withResolvers();
const poll = setInterval(() => {
  const final = events.find((event) => event.event === "chat" && event.payload.runId === runId
    && ["final", "error", "aborted"].includes(event.payload.state));
  if (final) ended.resolve(final.payload);
}, 10);
const sent = await client.request("chat.send",
  { sessionKey: "agent:main:main", message: "hello", idempotencyKey: runId, deliver: false });
assert.equal(sent.runId, runId);
assert.equal(sent.status, "started");
const final = await ended.promise;
clearInterval(poll);
assert.equal(final.state, "final", JSON.stringify(final));
const answer = await client.request("agent",
  { message: "hello", agentId: "main", idempotencyKey: crypto.randomUUID() }, { expectFinal: true });
assert.equal(answer.status, "ok");

const history = await client.request("chat.history", { sessionKey: "agent:main:main" });
PARAMETERS["chat.message.get"] = { sessionKey: "agent:main:main", messageId: history.messages.at(-1).__openclaw?.id ?? history.messages.at(-1).id };

// Two senders wait: one is let in, the other is not, and no code is told.
const waiting = await client.request("channels.pairing.list", { channel: "telegram" });
assert.deepEqual(waiting.requests.map((request) => request.senderId), ["777001", "777002"]);
assert.ok(!JSON.stringify(waiting).includes("code"), JSON.stringify(waiting));
const [first, second] = waiting.requests.map(({ channel, accountId, requestId }) => ({ channel, accountId, requestId }));
const approved = await client.request("channels.pairing.approve", { ...first, notify: true, bootstrapCommandOwner: true });
assert.deepEqual(approved, {
  requestId: first.requestId, senderId: "777001", notification: "sent", commandOwnerBootstrap: "configured",
});
const dismissed = await client.request("channels.pairing.dismiss", second);
assert.deepEqual(dismissed, { requestId: second.requestId, senderId: "777002" });

// Every method that only reads, by the contract's own table.
const refused = [];
for (const method of advertised) {
  const scope = schema.methods[method]?.scope;
  if (!["operator.read", "operator.pairing"].includes(scope) || /approve|reject|remove|rename|rotate|revoke|dismiss|unsubscribe/.test(method)) continue;
  try {
    await client.request(method, PARAMETERS[method] ?? {});
  } catch (error) {
    refused.push(`${method}: ${error.message}`);
  }
}
const unexpected = refused.filter((text) => !REFUSABLE.has(text.split(":")[0]));
assert.deepEqual(unexpected, []);
client.stop();

// The scope of each method is the contract's: who has none is told which one is missing.
const nobody = await welcome({ clientName: "test", mode: "test", scopes: [] });
const differing = [];
for (const method of advertised) {
  const scope = scopeOf(method);
  if (scope === undefined || method === "health") continue;
  const error = await nobody.client.request(method, {}).then(() => undefined, (error) => error);
  if (error?.message !== `missing scope: ${scope}`) differing.push(`${method}: ${scope}, but ${error?.message ?? "allowed"}`);
}
assert.deepEqual(differing, []);
nobody.client.stop();

judge();
const { frames, results, methods } = heard();
console.log(JSON.stringify({ frames, results, methods: methods.size, events: [...heard().events].sort() }));
