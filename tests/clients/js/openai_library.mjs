// OpenAI's Node.js library, unmodified, against `/v1`: models, chat, embeddings, responses, errors.
// The model behind `fake/echo` answers "echo: <text>"; `fake/mock-tool` calls the tool `lookup`.

import assert from "node:assert/strict";
import OpenAI, { AuthenticationError, BadRequestError, NotFoundError } from "openai";

const openai = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: process.env.GATEWAY_TOKEN, maxRetries: 0 });
const user = (content) => [{ role: "user", content }];
const tools = [{ type: "function", function: {
  name: "lookup", parameters: { type: "object", properties: { query: { type: "string" } } } } }];

// Models.
const ids = [];
for await (const model of openai.models.list()) ids.push(model.id);
assert.deepEqual(ids.slice(0, 3), ["openclaw", "openclaw/default", "openclaw/main"]);
assert.equal((await openai.models.retrieve("openclaw/main")).id, "openclaw/main");

// Chat: an agent's turn and the raw route; whole and streamed.
for (const model of ["openclaw", "fake/echo"]) {
  const whole = await openai.chat.completions.create({ model, messages: user("hello") });
  assert.match(whole.choices[0].message.content, /hello/, model);
  assert.equal(whole.choices[0].finish_reason, "stop");
  assert.ok(whole.usage.total_tokens > 0);
  const stream = await openai.chat.completions.create({
    model, messages: user("hello"), stream: true, stream_options: { include_usage: true } });
  let text = "", usage, finish;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    finish = chunk.choices[0]?.finish_reason ?? finish;
    usage = chunk.usage ?? usage;
  }
  assert.match(text, /hello/, model);
  assert.equal(finish, "stop");
  assert.ok(usage?.total_tokens > 0, model);
}

// Tools, put together by the library's own helper.
const called = await openai.chat.completions.stream({
  model: "fake/mock-tool", messages: user("weather?"), tools }).finalChatCompletion();
assert.equal(called.choices[0].message.tool_calls[0].function.name, "lookup");
assert.deepEqual(JSON.parse(called.choices[0].message.tool_calls[0].function.arguments), { query: "weather" });
assert.equal(called.choices[0].finish_reason, "tool_calls");

// Embeddings: the library asks for base64 unless told otherwise, and decodes it.
const embedded = await openai.embeddings.create({ model: "fake/embed", input: ["one", "two"] });
assert.equal(embedded.data.length, 2);
assert.ok(embedded.data[0].embedding.length > 1 && embedded.data[0].embedding.every(Number.isFinite));
const floats = await openai.embeddings.create({ model: "fake/embed", input: "one", encoding_format: "float" });
floats.data[0].embedding.forEach((value, at) =>
  assert.ok(Math.abs(value - embedded.data[0].embedding[at]) < 1e-6, "the two encodings agree"));

// Responses: whole, streamed, with a tool.
for (const model of ["openclaw", "fake/echo"]) {
  const whole = await openai.responses.create({ model, input: "hello" });
  assert.match(whole.output_text, /hello/, model);
  assert.equal(whole.status, "completed");
  const types = [];
  let text = "";
  for await (const event of await openai.responses.create({ model, input: "hello", stream: true })) {
    types.push(event.type);
    if (event.type === "response.output_text.delta") text += event.delta;
  }
  assert.match(text, /hello/, model);
  assert.deepEqual([types.at(0), types.at(-1)], ["response.created", "response.completed"]);
}
const toolCall = await openai.responses.create({ model: "fake/mock-tool", input: "weather?",
  tools: [{ type: "function", name: "lookup", parameters: tools[0].function.parameters, strict: false }] });
assert.equal(toolCall.output.find((item) => item.type === "function_call")?.name, "lookup");

// Errors arrive as the classes that programs catch.
const stranger = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: "wrong", maxRetries: 0 });
await assert.rejects(stranger.models.list(), AuthenticationError);
await assert.rejects(openai.chat.completions.create({ model: "gpt-4o", messages: user("x") }), BadRequestError);
await assert.rejects(openai.chat.completions.create({ model: "openclaw", messages: [] }), BadRequestError);
await assert.rejects(openai.models.retrieve("openclaw/nobody"), NotFoundError);

console.log(JSON.stringify({ ids }));
