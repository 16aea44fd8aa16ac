"""Calls to an OpenAI-compatible server: what is sent, what counts as an answer."""

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from runs.domain.errors import (
    AnswerCut,
    BadReply,
    BadRequest,
    CallError,
    ContentFiltered,
    DeadlineExceeded,
    ProviderUnavailable,
    WrongKey,
)
from runs.domain.policies import CallLimits
from runs.domain.usage import Usage
from runs.providers.addresses import Reach
from runs.providers.openai_compatible import OpenAICompatible
from tests.unit.providers.conftest import Clients
from tests.unit.providers.servers import (
    KEY,
    chunk,
    ignore,
    refused,
    request,
    sending,
    simulating,
    stream,
)

USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
END = "[DONE]"


async def test_gives_text_usage_and_pieces(client_for: Clients) -> None:
    events = [
        chunk(""),
        chunk("Hel"),
        chunk("lo"),
        chunk(finish="stop"),
        json.dumps({"choices": [], "usage": USAGE}),
        END,
    ]
    pieces: list[str] = []
    async with sending(stream(*events)) as server:
        completion = await client_for(server.url).complete(request(), pieces.append)
    assert (completion.text, completion.finish, completion.model) == ("Hello", "stop", "m-1")
    assert completion.usage == Usage(7, 2, 4)
    assert "".join(pieces) == "Hello"


async def test_sends_the_settings_that_are_set_and_no_others(client_for: Clients) -> None:
    schema = {"type": "object", "properties": {}}
    async with sending(stream(chunk("x", "stop"), END)) as server:
        client = client_for(server.url)
        await client.complete(request("Hi"), ignore)
        await client.complete(
            request(
                "Hi",
                system="Be short.",
                temperature=0.0,
                top_p=0.5,
                seed=0,
                stop=("\n",),
                json_schema=schema,
                uuid="the-uuid",
            ),
            ignore,
        )
    plain = {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 200,
    }
    form = {"name": "answer", "schema": schema, "strict": True}
    assert server.bodies == [
        plain,
        plain
        | {
            "messages": [
                {"role": "system", "content": "Be short."},
                {"role": "user", "content": "Hi"},
            ],
            "temperature": 0.0,
            "top_p": 0.5,
            "seed": 0,
            "stop": ["\n"],
            "response_format": {"type": "json_schema", "json_schema": form},
        },
    ]
    head = server.heads[1].lower()
    assert head.startswith("post /v1/chat/completions http/1.1")
    assert "idempotency-key: the-uuid\r\n" in head
    assert f"authorization: bearer {KEY}\r\n" in head


async def test_a_base_url_may_end_in_a_slash_or_the_whole_path(client_for: Clients) -> None:
    async with sending(stream(chunk("x", "stop"), END)) as server:
        for ending in ("", "/", "/chat/completions"):
            await client_for(server.url + ending).complete(request(), ignore)
    assert {head.split(" ")[1] for head in server.heads} == {"/v1/chat/completions"}


async def test_data_with_other_line_separators_arrives_whole(client_for: Clients) -> None:
    text = "a\u2028b\u2029c\x85d"
    event = json.dumps(json.loads(chunk(text)), ensure_ascii=False)
    async with sending(stream(event, chunk(finish="stop"), END)) as server:
        assert (await client_for(server.url).complete(request(), ignore)).text == text


async def test_characters_cut_anywhere_are_mended(client_for: Clients) -> None:
    halves = [chunk("\ud83d"), chunk("\ude00")]
    body = stream(*halves, chunk("é", "stop"), END)
    pieces: list[str] = []
    async with sending(*(body[i : i + 1] for i in range(len(body)))) as server:
        completion = await client_for(server.url).complete(request(), pieces.append)
    assert completion.text == "😀é"
    assert "".join(pieces) == "😀é"


@pytest.mark.parametrize("odd", ["\x00", "\ud800", "\udc00x"])
async def test_text_is_fit_to_be_stored(odd: str, client_for: Clients) -> None:
    async with sending(stream(chunk(f"a{odd}b"), chunk(odd, "stop"), END)) as server:
        text = (await client_for(server.url).complete(request(), ignore)).text
    assert "\x00" not in text
    text.encode()


async def test_a_whole_document_is_an_answer_too(client_for: Clients) -> None:
    message = {"role": "assistant", "content": "Hello"}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    body = json.dumps({"model": "m-1", "choices": choices, "usage": USAGE})
    reply = refused(200, body, ["Content-Type: application/json"])
    async with sending(reply) as server:
        completion = await client_for(server.url).complete(request(), ignore)
    assert (completion.text, completion.usage.output_tokens) == ("Hello", 2)


async def test_an_answer_at_the_limit_is_marked_as_cut(client_for: Clients) -> None:
    async with sending(stream(chunk("Hel", "length"), END)) as server:
        completion = await client_for(server.url).complete(request(), ignore)
    assert (completion.text, completion.finish) == ("Hel", "length")


INCOMPLETE: dict[str, tuple[list[str], type[CallError]]] = {
    "no done": ([chunk("Hello", "stop")], BadReply),
    "no finish reason": ([chunk("Hello"), END], BadReply),
    "nothing": ([], BadReply),
    "done only": ([END], BadReply),
    "empty": ([chunk("", "stop"), END], BadReply),
    "blank": ([chunk(" \n", "stop"), END], BadReply),
    "empty at the limit": ([chunk("", "length"), END], AnswerCut),
    "filtered": ([chunk("Hel", "content_filter"), END], ContentFiltered),
    "refusal": (
        ['{"choices": [{"delta": {"refusal": "no"}, "finish_reason": "stop"}]}', END],
        ContentFiltered,
    ),
    "tool call": ([chunk("Hel", "tool_calls"), END], BadReply),
    "broken json": ([chunk("Hello", "stop"), '{"choices', END], BadReply),
    "deep json": ([chunk("Hello", "stop"), "[" * 200_000, END], BadReply),
    "no object": ([chunk("Hello", "stop"), "[1]", END], BadReply),
    "odd choices": ([chunk("Hello", "stop"), '{"choices": 5}', END], BadReply),
    "odd delta": ([chunk("Hello", "stop"), '{"choices": [{"delta": 5}]}', END], BadReply),
    "odd content": ([chunk("Hello", "stop"), '{"choices": [{"delta": {"content": 5}}]}'], BadReply),
    "error": ([chunk("Hello", "stop"), '{"error": {"message": "boom"}}', END], BadReply),
    "error text": ([chunk("Hello", "stop"), '{"error": "boom"}', END], BadReply),
}


@pytest.mark.parametrize("name", INCOMPLETE)
async def test_what_is_no_complete_answer_is_an_error(name: str, client_for: Clients) -> None:
    events, kind = INCOMPLETE[name]
    async with sending(stream(*events)) as server:
        with pytest.raises(CallError) as caught:
            await client_for(server.url).complete(request(), ignore)
    assert type(caught.value) is kind
    assert caught.value.was_sent


async def test_a_failed_reply_keeps_its_text_and_usage(client_for: Clients) -> None:
    events = [chunk("Hel", usage=USAGE), '{"error": {"message": "boom"}}']
    async with sending(stream(*events)) as server:
        with pytest.raises(BadReply, match="boom") as caught:
            await client_for(server.url).complete(request(), ignore)
    assert caught.value.text == "Hel"
    assert caught.value.usage == Usage(7, 2, 4)


async def test_a_named_error_event_is_an_error(client_for: Clients) -> None:
    body = stream(chunk("x")) + b'event: error\ndata: {"message": "boom"}\n\n'
    async with sending(body + b"data: [DONE]\n\n") as server:
        with pytest.raises(BadReply, match="boom"):
            await client_for(server.url).complete(request(), ignore)


@pytest.mark.parametrize("counts", [{"prompt_tokens": -1}, {"prompt_tokens": 1e99}, {}, [], "x"])
async def test_implausible_usage_is_unknown(counts: Any, client_for: Clients) -> None:
    async with sending(stream(chunk("x", "stop", usage=counts), END)) as server:
        completion = await client_for(server.url).complete(request(), ignore)
    assert completion.usage == Usage()


FAULTS = {
    "400": BadRequest,
    "500": ProviderUnavailable,
    "503": ProviderUnavailable,
    "redirect": BadRequest,
    "reset": ProviderUnavailable,
    "disconnect": ProviderUnavailable,
    "reset_during": BadReply,
    "cut": BadReply,
    "truncated": BadReply,
    "no_end_mark": BadReply,
    "malformed": BadReply,
    "error_event": BadReply,
    "empty": BadReply,
    "filtered": ContentFiltered,
    "stall": DeadlineExceeded,
    "silent": DeadlineExceeded,
    "drip": DeadlineExceeded,
    "endless": BadReply,
    "huge": BadReply,
    "bomb": BadReply,
    "401": WrongKey,
}
SMALL = CallLimits(deadline_s=1.0, connect_s=1, idle_s=0.3, max_bytes=300_000)


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_fault_becomes_its_error(
    fault: str, tmp_path: Path, client_for: Clients
) -> None:
    async with simulating(tmp_path, faults=[fault]) as provider:
        with pytest.raises(CallError) as caught:
            await client_for(provider.url).complete(request(limits=SMALL), ignore)
    assert type(caught.value) is FAULTS[fault]
    assert KEY not in str(caught.value)
    assert [event["fault"] for event in provider.events("start")] == [fault]


async def test_silence_costs_the_idle_timeout(tmp_path: Path, client_for: Clients) -> None:
    limits = CallLimits(deadline_s=30, idle_s=0.1)
    async with simulating(tmp_path, faults=["stall"]) as provider:
        async with asyncio.timeout(5):
            with pytest.raises(DeadlineExceeded, match=r"nothing for 0\.1 s"):
                await client_for(provider.url).complete(request(limits=limits), ignore)


async def test_a_reply_that_drips_costs_the_deadline(tmp_path: Path, client_for: Clients) -> None:
    limits = CallLimits(deadline_s=0.3, idle_s=30)
    async with simulating(tmp_path, faults=["drip"]) as provider:
        async with asyncio.timeout(5):
            with pytest.raises(DeadlineExceeded, match=r"within 0\.3 s"):
                await client_for(provider.url).complete(request(limits=limits), ignore)


@pytest.mark.parametrize("size", [1_000, 100_000])
async def test_the_cap_counts_decoded_bytes(size: int, client_for: Clients) -> None:
    body = gzip.compress(stream(chunk("x" * size, "stop"), END).partition(b"\r\n\r\n")[2])
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n"
    limits = CallLimits(max_bytes=50_000)
    async with sending(head + body) as server:
        call = client_for(server.url).complete(request(limits=limits), ignore)
        if size < limits.max_bytes:
            assert len((await call).text) == size
        else:
            with pytest.raises(BadReply, match="larger than 50,000"):
                await call


async def test_nothing_is_asked_of_where_a_redirect_points(client_for: Clients) -> None:
    async with sending(stream(chunk("stolen", "stop"), END)) as elsewhere:
        moved = refused(307, "", [f"Location: {elsewhere.url}/chat/completions"])
        async with sending(moved) as server:
            with pytest.raises(BadRequest, match="redirect refused"):
                await client_for(server.url).complete(request(), ignore)
    assert elsewhere.connections == 0


async def test_a_refused_connection_was_not_sent(unused_tcp_port: int, client_for: Clients) -> None:
    client = client_for(f"http://127.0.0.1:{unused_tcp_port}/v1")
    with pytest.raises(ProviderUnavailable, match="refused the connection") as caught:
        await client.complete(request(), ignore)
    assert not caught.value.was_sent


async def test_what_is_no_http_is_no_provider(client_for: Clients) -> None:
    async with sending(b"SSH-2.0-OpenSSH\r\n\r\n") as server:
        with pytest.raises(ProviderUnavailable):
            await client_for(server.url).complete(request(), ignore)


@pytest.mark.parametrize(
    "url", ["", "nonsense", "ftp://127.0.0.1/v1", "http://", "file:///etc/passwd"]
)
async def test_an_unusable_address_is_a_bad_request(url: str, client_for: Clients) -> None:
    with pytest.raises(BadRequest) as caught:
        await client_for(url).complete(request(), ignore)
    assert not caught.value.was_sent
    with pytest.raises(BadRequest):
        await client_for(url).models()


async def test_an_address_with_a_password_is_refused(client_for: Clients) -> None:
    with pytest.raises(BadRequest, match="password"):
        await client_for("http://ada:secret@127.0.0.1/v1").complete(request(), ignore)


@pytest.mark.parametrize("key", ["sk-\u2013dash-canary", "sk-a\nX-Injected: 1"])
async def test_an_impossible_key_is_not_sent_nor_shown(key: str) -> None:
    async with sending(stream(chunk("x", "stop"), END)) as server:
        client = OpenAICompatible(server.url, key, Reach.LOOPBACK)
        with pytest.raises(WrongKey) as caught:
            await client.complete(request(), ignore)
    assert "sk-" not in str(caught.value)
    assert server.connections == 0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
async def test_a_key_that_the_provider_echoes_is_not_passed_on(
    status: int, client_for: Clients
) -> None:
    body = json.dumps({"error": {"message": f"You sent {KEY}. Bad {KEY}!"}})
    async with sending(refused(status, body)) as server:
        with pytest.raises(CallError) as caught:
            await client_for(server.url).complete(request(), ignore)
    assert KEY not in str(caught.value)
    assert KEY not in repr(caught.value)


async def test_a_key_echoed_inside_a_200_is_not_passed_on(client_for: Clients) -> None:
    event = json.dumps({"error": {"message": f"You sent {KEY}."}})
    async with sending(stream(event)) as server:
        with pytest.raises(BadReply) as caught:
            await client_for(server.url).complete(request(), ignore)
    assert KEY not in str(caught.value)


async def test_cookies_are_not_kept(client_for: Clients) -> None:
    reply = stream(chunk("x", "stop"), END, head="Set-Cookie: who=ada; Path=/\r\n")
    async with sending(reply) as server:
        for _ in range(2):
            await client_for(server.url).complete(request(), ignore)
    assert not any("cookie" in head.lower() for head in server.heads)


async def test_proxies_of_the_environment_are_not_used(
    client_for: Clients, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_tcp_port}")
    async with sending(stream(chunk("x", "stop"), END)) as server:
        assert (await client_for(server.url).complete(request(), ignore)).text == "x"


async def test_lists_models_in_order(client_for: Clients) -> None:
    body = json.dumps({"data": [{"id": "b"}, {"id": "a"}]})
    async with sending(refused(200, body)) as server:
        assert await client_for(server.url).models() == ["a", "b"]
    assert server.heads[0].startswith("GET /v1/models ")


@pytest.mark.parametrize("body", ["<html>", "{}", "[]", '{"data": 5}', '{"data": [{}]}'])
async def test_what_lists_no_models_is_no_provider(body: str, client_for: Clients) -> None:
    async with sending(refused(200, body)) as server:
        with pytest.raises(ProviderUnavailable, match="/v1"):
            await client_for(server.url).models()


async def test_a_wrong_key_shows_when_models_are_listed(
    tmp_path: Path, client_for: Clients
) -> None:
    async with simulating(tmp_path, api_key="another") as provider:
        with pytest.raises(WrongKey):
            await client_for(provider.url).models()
