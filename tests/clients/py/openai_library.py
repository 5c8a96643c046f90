"""OpenAI's Python library, unmodified, against /v1: the same as openai_library.mjs."""

import json
import os

import openai

client = openai.OpenAI(base_url=os.environ["BASE_URL"], api_key=os.environ["GATEWAY_TOKEN"], max_retries=0)


def user(text):
    return [{"role": "user", "content": text}]


PARAMETERS = {"type": "object", "properties": {"query": {"type": "string"}}}

# Models.
ids = [model.id for model in client.models.list()]
assert ids[:3] == ["openclaw", "openclaw/default", "openclaw/main"], ids
assert client.models.retrieve("openclaw/main").id == "openclaw/main"

# Chat: an agent's turn and the raw route; whole and streamed.
for model in ["openclaw", "fake/echo"]:
    whole = client.chat.completions.create(model=model, messages=user("hello"))
    assert "hello" in whole.choices[0].message.content, whole
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage.total_tokens > 0
    text, usage = "", None
    for chunk in client.chat.completions.create(
        model=model, messages=user("hello"), stream=True, stream_options={"include_usage": True}
    ):
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
        usage = chunk.usage or usage
    assert "hello" in text, model
    assert usage and usage.total_tokens > 0, model

# Tools, put together by the library's own helper.
tool = {"type": "function", "function": {"name": "lookup", "parameters": PARAMETERS}}
with client.chat.completions.stream(model="fake/mock-tool", messages=user("weather?"), tools=[tool]) as stream:
    message = stream.get_final_completion().choices[0].message
assert message.tool_calls[0].function.name == "lookup", message
assert json.loads(message.tool_calls[0].function.arguments) == {"query": "weather"}, message

# Embeddings: the library asks for base64 unless told otherwise, and decodes it.
embedded = client.embeddings.create(model="fake/embed", input=["one", "two"])
floats = client.embeddings.create(model="fake/embed", input="one", encoding_format="float")
assert len(embedded.data) == 2
assert all(abs(a - b) < 1e-6 for a, b in zip(embedded.data[0].embedding, floats.data[0].embedding, strict=True))

# Responses: whole, streamed, with a tool.
for model in ["openclaw", "fake/echo"]:
    whole = client.responses.create(model=model, input="hello")
    assert "hello" in whole.output_text, whole
    with client.responses.stream(model=model, input="hello") as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        assert "hello" in stream.get_final_response().output_text
    assert "hello" in text, model
call = client.responses.create(
    model="fake/mock-tool", input="weather?", tools=[{"type": "function", "name": "lookup", "parameters": PARAMETERS}]
)
assert any(item.type == "function_call" and item.name == "lookup" for item in call.output), call

# Errors arrive as the classes that programs catch.
for error, ask in [
    (openai.BadRequestError, lambda: client.chat.completions.create(model="gpt-4o", messages=user("x"))),
    (openai.BadRequestError, lambda: client.chat.completions.create(model="openclaw", messages=[])),
    (openai.NotFoundError, lambda: client.models.retrieve("openclaw/nobody")),
    (openai.AuthenticationError, lambda: openai.OpenAI(base_url=client.base_url, api_key="wrong").models.list()),
]:
    try:
        ask()
    except error:
        continue
    raise AssertionError(f"{error.__name__} was not raised")

print(json.dumps({"ids": ids}))
