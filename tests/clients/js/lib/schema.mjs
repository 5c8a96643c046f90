// The published contract: what a frame must look like, and what a method answers. Knows no socket.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import Ajv from "ajv";

const require = createRequire(import.meta.url);
const entry = require.resolve("@openclaw/gateway-protocol/version");
export const schema = JSON.parse(readFileSync(join(dirname(entry), "..", "protocol.schema.json"), "utf8"));

// What the original sends today and the published contract does not know yet; each was seen in its frames.
const TEXT = { type: "string", minLength: 1 };
const { HelloOk, AgentEvent, ChannelsStatusResult } = schema.definitions;
HelloOk.properties.auth.properties.method = TEXT;
Object.assign(AgentEvent.properties, { sessionKey: TEXT, agentId: TEXT });
ChannelsStatusResult.properties.statusIssues = { type: "array", items: { type: "object" } };

const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addSchema(schema, "protocol");

/// Definitions whose names do not follow from the method's.
const RESULTS = {
  connect: "HelloOk",
  "config.schema": "ConfigSchemaResponse",
  "agent.identity.get": "AgentIdentityResult",
};

/// The definitions of the events' payloads.
const EVENTS = {
  tick: "TickEvent",
  shutdown: "ShutdownEvent",
  agent: "AgentEvent",
  chat: "ChatEvent",
  "device.pair.requested": "DevicePairRequestedEvent",
  "device.pair.resolved": "DevicePairResolvedEvent",
  "device.pair.setup.completed": "DevicePairSetupCompletedEvent",
};

function resultOf(method) {
  if (method in RESULTS) return RESULTS[method];
  const name = method.split(/[.-]/).map((word) => word[0].toUpperCase() + word.slice(1)).join("") + "Result";
  return name in schema.definitions ? name : undefined;
}

function check(definition, value) {
  const validate = ajv.getSchema(`protocol#/definitions/${definition}`);
  if (validate(value)) return [];
  return validate.errors.map((error) =>
    `${definition}: at ${error.instancePath || "root"}: ${error.message} ${JSON.stringify(error.params)}`);
}

/// The faults of a frame that the gateway sent; `method` is what a response answers.
export function faults(frame, method) {
  switch (frame?.type) {
    case "res": {
      const envelope = check("ResponseFrame", frame);
      // `agent` answers twice: only the last answer is the result.
      const result = frame.ok && frame.payload?.status !== "accepted" ? resultOf(method) : undefined;
      return result === undefined ? envelope : [...envelope, ...check(result, frame.payload)];
    }
    case "event": {
      const envelope = check("EventFrame", frame);
      if (frame.event === "presence") {
        return [...envelope, ...frame.payload.presence.flatMap((entry) => check("PresenceEntry", entry))];
      }
      const definition = EVENTS[frame.event];
      return definition === undefined ? envelope : [...envelope, ...check(definition, frame.payload)];
    }
    default:
      return [`neither a response nor an event: ${JSON.stringify(frame)}`];
  }
}

/// Methods whose scope the original has changed since the contract was published.
const CHANGED = { "users.self": "operator.read" };

/// The scope that the contract asks for a method; undefined where it depends on the call or on the role.
export function scopeOf(method) {
  if (method in CHANGED) return CHANGED[method];
  const scope = schema.methods[method]?.scope;
  return scope?.startsWith("operator.") ? scope : undefined;
}

/// Whether the contract has a definition for what this method answers.
export function isPublished(method) {
  return resultOf(method) !== undefined;
}
