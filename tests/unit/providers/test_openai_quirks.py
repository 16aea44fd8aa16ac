"""Servers that nearly speak OpenAI's chat completions."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from runs.domain.errors import BadReply, BadRequest, QuotaExhausted, Throttled, WrongKey
from runs.providers import openai_compatible, registry
from runs.providers.openai_compatible import OpenAICompatible
from tests.unit.providers.conftest import Clients
from tests.unit.providers.servers import (
    Bytes,
    chunk,
    ignore,
    refused,
    request,
    sending,
    stream,
)

END = "[DONE]"
GOOD = stream(chunk("x", "stop"), END)


@asynccontextmanager
async def judging(judge: Callable[[dict[str, Any]], str]) -> AsyncIterator[Bytes]:
    """A server that answers, unless `judge` gives an error's body for the request's."""
    served = Bytes()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        body = json.loads(await reader.readexactly(length))
        served.bodies.append(body)
        error = judge(body)
        writer.write(refused(400, error, ["Connection: close"]) if error else GOOD)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    served.url = f"http://{host}:{port}/v1"
    try:
        yield served
    finally:
        server.close()


def no_stream_options(body: dict[str, Any]) -> str:
    refusal = {"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}
    return json.dumps({"detail": [refusal]}) if "stream_options" in body else ""


def no_max_tokens(body: dict[str, Any]) -> str:
    told = "Unsupported parameter: 'max_tokens' is not supported with this model. Use another."
    refusal = {"error": {"message": told, "code": "unsupported_parameter", "param": "max_tokens"}}
    return json.dumps(refusal) if "max_tokens" in body else ""


def neither(body: dict[str, Any]) -> str:
    return no_stream_options(body) or no_max_tokens(body)


@pytest.mark.parametrize(
    ("judge", "asked", "gone"),
    [
        (no_stream_options, 2, {"stream_options"}),
        (no_max_tokens, 2, {"max_tokens"}),
        (neither, 3, {"max_tokens", "stream_options"}),
    ],
)
async def test_a_refused_field_is_left_out_from_then_on(
    judge: Callable[[dict[str, Any]], str], asked: int, gone: set[str], client_for: Clients
) -> None:
    async with judging(judge) as server:
        client = client_for(server.url)
        for _ in range(2):
            assert (await client.complete(request(), ignore)).text == "x"
    assert len(server.bodies) == asked + 1
    assert not gone & {*server.bodies[-1]}
    limits = {"max_tokens", "max_completion_tokens"} & {*server.bodies[-1]}
    assert [server.bodies[-1][name] for name in limits] == [200]


async def test_calls_that_are_refused_together_are_each_asked_again(client_for: Clients) -> None:
    async with judging(neither) as server:
        client = client_for(server.url)
        calls = [client.complete(request(), ignore) for _ in range(5)]
        assert [answer.text for answer in await asyncio.gather(*calls)] == ["x"] * 5


@pytest.mark.parametrize(
    "told",
    [
        "'max_tokens' or 'max_completion_tokens' is too large: 9.",
        "context too long",
        "seed is not supported",
    ],
)
async def test_another_refusal_is_the_persons_to_mend(told: str, client_for: Clients) -> None:
    async with judging(lambda _: json.dumps({"error": {"message": told}})) as server:
        with pytest.raises(BadRequest):
            await client_for(server.url).complete(request(), ignore)
    assert len(server.bodies) == 1


async def test_a_server_that_refuses_everything_is_not_asked_for_ever(client_for: Clients) -> None:
    told = json.dumps({"error": "stream_options and max_tokens are unsupported"})
    async with judging(lambda _: told) as server:
        with pytest.raises(BadRequest):
            await client_for(server.url).complete(request(), ignore)
    assert len(server.bodies) == 3


def said(delta: dict[str, Any], finish: str | None = None, **more: Any) -> str:
    return json.dumps({"choices": [{"delta": delta, "finish_reason": finish, **more}]})


PARTS = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "Hello"}]


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_content": "hm", "content": "Hello"},
        {"reasoning": "hm", "reasoning_details": [{"text": "hm"}], "content": "Hello"},
        {"content": PARTS},
    ],
)
async def test_reasoning_is_no_part_of_the_answer(
    delta: dict[str, Any], client_for: Clients
) -> None:
    thought = {name: text for name, text in delta.items() if name != "content"}
    async with sending(stream(said(thought), said(delta, "stop"), END)) as server:
        assert (await client_for(server.url).complete(request(), ignore)).text == "Hello"


@pytest.mark.parametrize("content", [[5], [{"type": "text", "text": 5}]])
async def test_odd_parts_are_malformed(content: Any, client_for: Clients) -> None:
    async with sending(stream(said({"content": content}, "stop"), END)) as server:
        with pytest.raises(BadReply):
            await client_for(server.url).complete(request(), ignore)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (json.dumps({"error": {"code": 429, "message": "boom"}}), Throttled),
        (json.dumps({"error": {"code": 402, "message": "boom"}}), QuotaExhausted),
        (json.dumps({"error": {"code": 502, "message": "boom"}}), BadReply),
        (said({"content": ""}, "error", error={"code": 429, "message": "boom"}), Throttled),
    ],
)
@pytest.mark.parametrize("as_document", [False, True])
async def test_an_error_inside_a_200_keeps_its_meaning(
    event: str, kind: type[Exception], as_document: bool, client_for: Clients
) -> None:
    reply = refused(200, event, ["Content-Type: application/json"]) if as_document else None
    async with sending(reply or stream(chunk("Hel"), event, END)) as server:
        with pytest.raises(kind, match="boom"):
            await client_for(server.url).complete(request(), ignore)


@pytest.mark.parametrize(
    ("field", "called"),
    [("temperature", "Temperature"), ("seed", "Seed"), ("response_format", "JSON schema")],
)
async def test_a_setting_that_a_model_does_not_take_is_named(
    field: str, called: str, client_for: Clients
) -> None:
    """It is the person's: leaving it out in silence would answer another question."""
    told = f"Unsupported value: '{field}' does not support 0.2 with this model."
    refusal = {"message": told, "param": field, "code": "unsupported_value"}
    async with judging(lambda _: json.dumps({"error": refusal})) as server:
        with pytest.raises(BadRequest, match=f"“{called}.*leave it empty.*with this model"):
            await client_for(server.url).complete(request(temperature=0.2), ignore)
    assert len(server.bodies) == 1


async def test_openrouters_key_is_asked_after_for_its_models_are_open_to_all(
    client_for: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sending(refused(401, '{"error": {"message": "No", "code": 401}}')) as server:
        monkeypatch.setattr(openai_compatible, "OPENROUTER", server.url)
        with pytest.raises(WrongKey):
            await client_for(server.url).models()
    assert [head.split(" ")[1] for head in server.heads] == ["/v1/key"]
    async with sending(refused(200, '{"data": [{"id": "a"}]}'), again=True) as server:
        monkeypatch.setattr(openai_compatible, "OPENROUTER", server.url)
        assert await client_for(server.url).models() == ["a"]
    assert [head.split(" ")[1] for head in server.heads] == ["/v1/key", "/v1/models"]


async def test_ollama_without_a_model_offers_none(client_for: Clients) -> None:
    async with sending(refused(200, '{"object": "list", "data": null}')) as server:
        assert await client_for(server.url).models() == []


async def test_a_declared_lack_of_end_marks_reaches_the_client() -> None:
    reply = stream(chunk("x", "stop"))
    framed = reply.replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % length_of(reply), 1)
    async with sending(framed, again=True) as server:
        for kind in ("openai_compatible", "simulated"):
            connection = {"kind": kind, "base_url": server.url, "sends_end_mark": False}
            client = registry.client(connection, private_hosts=("127.0.0.1",))
            assert (await client.complete(request(), ignore)).text == "x"
            strict = registry.client(
                {**connection, "sends_end_mark": True}, private_hosts=("127.0.0.1",)
            )
            with pytest.raises(BadReply, match="under Providers"):
                await strict.complete(request(), ignore)


async def test_a_cut_reply_is_none_whatever_was_declared() -> None:
    reply = stream(chunk("x", "stop"))
    longer = length_of(reply) + 1
    framed = reply.replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % longer, 1)
    chunked = stream(head="Transfer-Encoding: chunked\r\n") + b"fff\r\ndata: " + b"x" * 50
    for cut in (framed, chunked):
        async with sending(cut) as server:
            connection = {"kind": "simulated", "base_url": server.url, "sends_end_mark": False}
            with pytest.raises(BadReply, match="broke off"):
                await registry.client(connection).complete(request(), ignore)


def length_of(reply: bytes) -> int:
    return len(reply.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("https://api.example.com/v1", "max_tokens"),
    ],
)
def test_openai_itself_is_asked_by_the_new_name_at_once(url: str, name: str) -> None:
    client = OpenAICompatible(url, "", Clients()("http://x")._reach)
    assert name in client._body("Hi", request().call)
