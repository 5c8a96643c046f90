// Hears every frame that a `ws` socket of this process sends or gets, and judges those of the gateway when the process
// is about to end. Import it before anything connects.

import { WebSocket } from "ws";
import { faults, isPublished } from "./schema.mjs";

const judged = { frames: 0, results: 0, events: new Set(), methods: new Set() };
const found = [];
const asked = new WeakMap();

const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data, ...rest) {
  try {
    const frame = JSON.parse(data);
    if (frame?.type === "req") {
      if (!asked.has(this)) asked.set(this, new Map());
      asked.get(this).set(frame.id, frame.method);
    }
  } catch {
    // What is not JSON was sent to be refused.
  }
  return send.call(this, data, ...rest);
};

const emit = WebSocket.prototype.emit;
WebSocket.prototype.emit = function (name, data, isBinary) {
  if (name === "message") {
    const frame = JSON.parse(String(data));
    const method = asked.get(this)?.get(frame.id);
    judged.frames += 1;
    if (frame.type === "event") judged.events.add(frame.event);
    if (frame.type === "res") judged.methods.add(method);
    if (frame.type === "res" && frame.ok && isPublished(method)) judged.results += 1;
    for (const fault of faults(frame, method)) {
      const text = `${frame.event ?? method}: ${fault}`;
      if (!found.includes(text)) found.push(text);
    }
  }
  return emit.apply(this, arguments);
};

/// What was heard so far.
export function heard() {
  return judged;
}

/// Fails when a frame of the gateway broke the contract.
export function judge() {
  if (found.length > 0) {
    throw new Error(`frames break the published contract:\n  ${found.slice(0, 60).join("\n  ")}`);
  }
}
