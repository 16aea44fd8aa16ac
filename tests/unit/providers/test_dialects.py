"""What every dialect keeps to, each against a server that answers in its shapes."""

import asyncio
import json
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs.domain.errors import (
    AnswerCut,
    BadReply,
    CallError,
    ContentFiltered,
    DeadlineExceeded,
    ProviderUnavailable,
    WrongKey,
)
from runs.domain.policies import CallLimits
from runs.domain.results import Completion
from runs.domain.usage import Usage
from runs.providers import registry
from runs.providers.http import Response, as_call_errors
from tests.unit.providers.dialects import (
    DIALECTS,
    HEAD,
    INSIDE,
    USAGE,
    Dialect,
    Events,
    begun,
    body_of,
    streamed,
)
from tests.unit.providers.reading import MOST_BYTES, Failure, Given, read, read_apart, split
from tests.unit.providers.servers import KEY, ignore, refused, request, sending

EVERY = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}


def test_every_kind_that_leads_to_a_provider_is_here() -> None:
    assert {*DIALECTS} == {*registry.kinds()} - {"local", "simulated", "replay"}


async def answered(dialect: Dialect, events: Events) -> Completion:
    async with sending(streamed(events)) as server:
        return await dialect.of(server.url).complete(request(), ignore)


async def failed(dialect: Dialect, reply: bytes) -> CallError:
    async with sending(reply) as server:
        with pytest.raises(CallError) as caught:
            await dialect.of(server.url).complete(request(), ignore)
    return caught.value


@EVERY
async def test_gives_text_usage_and_pieces(dialect: Dialect) -> None:
    pieces: list[str] = []
    async with sending(streamed(dialect.answer("Hel", "lo"))) as server:
        completion = await dialect.of(server.url).complete(request(), pieces.append)
    assert completion == Completion("Hello", "stop", USAGE, "m-1")
    assert "".join(pieces) == "Hello"


@EVERY
async def test_asks_at_its_path_with_the_key_in_its_header_only(dialect: Dialect) -> None:
    async with sending(streamed(dialect.answer("x"))) as server:
        call = request("Hi", system="Be short.", stop=("\n",), uuid="the-uuid")
        await dialect.of(server.url).complete(call, ignore)
    (head,) = server.heads
    assert head.split(" ")[:2] == ["POST", dialect.path]
    assert dialect.key_header in head.lower()
    assert head.count(KEY) == 1
    assert "idempotency-key: the-uuid" in head.lower()
    assert KEY not in json.dumps(server.bodies)
    for said in ("Hi", "Be short.", "\n"):
        assert json.dumps(said) in json.dumps(server.bodies[0])


@EVERY
async def test_an_answer_at_the_limit_is_marked_as_cut(dialect: Dialect) -> None:
    completion = await answered(dialect, dialect.answer("Hel", word="length"))
    assert (completion.text, completion.finish) == ("Hel", "length")
    error = await failed(dialect, streamed(dialect.answer(word="length")))
    assert type(error) is AnswerCut


@EVERY
async def test_a_filtered_answer_is_withheld(dialect: Dialect) -> None:
    error = await failed(dialect, streamed(dialect.answer("Hel", word="filtered")))
    assert type(error) is ContentFiltered
    assert error.text == "Hel"


@EVERY
@pytest.mark.parametrize("kept", range(4))
async def test_a_stream_without_its_end_is_no_answer(dialect: Dialect, kept: int) -> None:
    events = dialect.answer("Hel", "lo", usage=False)
    pieces_only = events[: min(kept, len(events) - 1)]
    for cut in (pieces_only, events[:-1]):
        error = await failed(dialect, streamed(cut))
        assert type(error) is BadReply
        assert error.text in "Hello"


@EVERY
@pytest.mark.parametrize("word", ["tool_calls_of_old", "OTHER", "pause_turn"])
async def test_an_end_that_is_no_answers_is_an_error(dialect: Dialect, word: str) -> None:
    events = [*dialect.pieces(["Hello"]), *dialect.ended(word, True)]
    assert type(await failed(dialect, streamed(events))) is BadReply


@EVERY
@pytest.mark.parametrize("texts", [(), ("",), (" \n",)])
async def test_an_empty_answer_is_none(dialect: Dialect, texts: tuple[str, ...]) -> None:
    assert type(await failed(dialect, streamed(dialect.answer(*texts)))) is BadReply


@EVERY
async def test_missing_usage_is_unknown(dialect: Dialect) -> None:
    usage = (await answered(dialect, dialect.answer("x", usage=False))).usage
    assert usage.output_tokens is None
    assert usage in {Usage(), Usage(7, None, 4)}


@EVERY
@pytest.mark.parametrize("data", ['{"a', "[1]", "7", "null", "[" * 100_000])
async def test_a_malformed_event_is_an_error(dialect: Dialect, data: str) -> None:
    first, *rest = dialect.answer("Hello")
    error = await failed(dialect, streamed([first, (first[0], data), *rest]))
    assert type(error) is BadReply


@pytest.mark.parametrize(("name", "code"), [(n, c) for n, codes in INSIDE.items() for c in codes])
async def test_an_error_inside_a_200(name: str, code: str) -> None:
    dialect = DIALECTS[name]
    events = [*dialect.pieces(["Hel"]), *dialect.error(code, f"boom {KEY}")]
    error = await failed(dialect, streamed([*events, *dialect.ended("x", True)]))
    assert type(error) is INSIDE[name][code]
    assert "boom [key]" in error.message
    assert error.text == "Hel"


@pytest.mark.parametrize(
    ("name", "case"), [(n, c) for n, dialect in DIALECTS.items() for c in dialect.refusals]
)
async def test_each_refusal_is_its_error(name: str, case: str) -> None:
    said = DIALECTS[name].refusals[case]
    body = said.error if isinstance(said.error, str) else json.dumps(said.error)
    error = await failed(DIALECTS[name], refused(said.status, body, said.headers))
    assert (type(error), error.status_code) == (said.kind, said.status)
    assert error.retry_after_s == said.retry_after_s
    assert KEY not in f"{error} {error!r} {error.message}"


@EVERY
async def test_the_schema_is_sent_as_it_is(dialect: Dialect) -> None:
    async with sending(streamed(dialect.answer('{"a": "b"}'))) as server:
        await dialect.of(server.url).complete(request(json_schema=SCHEMA), ignore)
    assert dialect.schema(server.bodies[0]) == SCHEMA


@EVERY
async def test_a_cancelled_call_closes_its_socket(dialect: Dialect) -> None:
    began = asyncio.Event()
    async with sending(begun(dialect.pieces(["Hel"])), then_hold=True) as server:
        client = dialect.of(server.url)
        call = asyncio.create_task(client.complete(request(), lambda _: began.set()))
        await began.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        async with asyncio.timeout(2):
            await server.closed.wait()


@EVERY
async def test_silence_costs_the_idle_timeout(dialect: Dialect) -> None:
    limits = CallLimits(deadline_s=30, idle_s=0.1)
    async with sending(begun(dialect.pieces(["Hel"])), then_hold=True) as server:
        with pytest.raises(DeadlineExceeded) as caught:
            await dialect.of(server.url).complete(request(limits=limits), ignore)
    assert caught.value.text == "Hel"


@EVERY
async def test_a_reply_larger_than_its_cap_is_refused(dialect: Dialect) -> None:
    limits = CallLimits(max_bytes=50_000)
    async with sending(streamed(dialect.answer("x" * 60_000))) as server:
        with pytest.raises(BadReply, match="larger than 50,000"):
            await dialect.of(server.url).complete(request(limits=limits), ignore)


@EVERY
async def test_a_socket_serves_the_next_call(dialect: Dialect) -> None:
    body = body_of(dialect.answer("x"))
    head = HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode()
    async with sending(head + body, again=True) as server:
        client = dialect.of(server.url)
        for _ in range(3):
            await client.complete(request(), ignore)
    assert (server.connections, len(server.heads)) == (1, 3)


@EVERY
async def test_lists_models_in_order(dialect: Dialect) -> None:
    path, document = dialect.listing
    async with sending(refused(200, json.dumps(document))) as server:
        assert await dialect.of(server.url).models() == ["a", "b"]
    assert server.heads[0].split(" ")[:2] == ["GET", path]
    assert server.heads[0].count(KEY) == 1


@EVERY
async def test_names_of_models_are_fit_to_be_stored(dialect: Dialect) -> None:
    odd = json.dumps(dialect.listing[1]).replace('b"', 'b\\u0000\\ud800"')
    async with sending(refused(200, odd)) as server:
        names = await dialect.of(server.url).models()
    assert names[0] == "a"
    assert all(name.isprintable() and name.encode() for name in names)
    assert len(names) == 2


@EVERY
@pytest.mark.parametrize("key", [KEY, ""])
async def test_a_wrong_or_missing_key_shows_when_models_are_listed(
    dialect: Dialect, key: str
) -> None:
    body = json.dumps({"error": {"message": f"Incorrect: {key}", "code": 401}})
    async with sending(refused(401, body)) as server:
        with pytest.raises(WrongKey, match="again" if key else "asks for a key"):
            await dialect.of(server.url, key).models()


@EVERY
async def test_an_address_without_a_listing_is_told_with_what_is_missing(dialect: Dialect) -> None:
    async with sending(refused(404, "404 page not found")) as server:
        with pytest.raises(ProviderUnavailable, match=r"At this address is no.*/models there"):
            await dialect.of(server.url).models()


@EVERY
@pytest.mark.parametrize("body", ["<html>", "{}", "[]", '{"data": 5, "models": 5}', "[" * 9_999])
async def test_what_lists_no_models_is_no_provider(dialect: Dialect, body: str) -> None:
    async with sending(refused(200, body)) as server:
        with pytest.raises(ProviderUnavailable, match="this address"):
            await dialect.of(server.url).models()


@EVERY
@pytest.mark.parametrize("key", ["sk-\u2013dash-canary", "sk-a\nX-Injected: 1"])
async def test_an_impossible_key_is_not_sent_nor_shown(dialect: Dialect, key: str) -> None:
    async with sending(streamed(dialect.answer("x"))) as server:
        with pytest.raises(WrongKey) as caught:
            await dialect.of(server.url, key).complete(request(), ignore)
    assert "sk-" not in str(caught.value)
    assert server.connections == 0


@EVERY
async def test_the_key_is_in_no_log(dialect: Dialect, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await answered(dialect, dialect.answer("x"))
    for case in dialect.refusals.values():
        body = json.dumps([case.error, KEY])
        error = await failed(dialect, refused(case.status, body, [f"X-Echo: {KEY}"]))
        assert KEY not in repr(error)
    assert KEY not in caplog.text


@EVERY
async def test_a_key_that_the_provider_says_in_its_answer_is_blotted_out(dialect: Dialect) -> None:
    pieces: list[str] = []
    reply = streamed(dialect.answer("You sent ", KEY[:9], KEY[9:], " and ", KEY))
    async with sending(reply) as server:
        completion = await dialect.of(server.url).complete(request(), pieces.append)
    assert completion.text == "".join(pieces) == "You sent [key] and [key]"


ODD = ["a\u2028b\u2029c\x85d", "😀", "\ud83d", "\ude00", "é" * 3, "x", "\x00", "\r\n\n", "data: "]


@EVERY
async def test_halves_of_a_character_in_two_events_are_mended(dialect: Dialect) -> None:
    assert (await answered(dialect, dialect.answer("\ud83d", "\ude00é"))).text == "😀é"


@EVERY
async def test_other_line_separators_are_text(dialect: Dialect) -> None:
    assert (await answered(dialect, dialect.answer(ODD[0]))).text == ODD[0]


def reading(dialect: Dialect, body: bytes, cuts: list[int]) -> tuple[str, Completion | Failure]:
    """The text that was told, and the completion or error, of a body that arrives cut so."""
    return read(dialect.of("http://127.0.0.1:1/v1", reuse=False), split(body, cuts))


@EVERY
@given(
    texts=st.lists(st.sampled_from(ODD), min_size=1, max_size=4),
    word=st.sampled_from(["stop", "length", "filtered"]),
    spoilt=st.sampled_from(["", "cut", "error", "malformed"]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    cuts=st.lists(st.integers(0, 5_000), max_size=12),
)
@settings(max_examples=60, deadline=None)
def test_any_split_of_the_bytes_reads_the_same(
    dialect: Dialect, texts: list[str], word: str, spoilt: str, line_end: str, cuts: list[int]
) -> None:
    events = dialect.answer(*texts, word=word)
    if spoilt == "cut":
        events = events[:-1]
    elif spoilt:
        events[1:1] = [("", "{")] if spoilt == "malformed" else dialect.error("x", "boom")
    body = body_of(events, line_end=line_end)
    whole = reading(dialect, body, [])
    assert reading(dialect, body, cuts) == whole
    if not spoilt and word == "stop" and "".join(texts).strip():
        assert isinstance(whole[1], Completion)


@EVERY
def test_tokens_are_told_when_they_arrive_and_together_where_they_come_together(
    dialect: Dialect,
) -> None:
    client = dialect.of("http://127.0.0.1:1/v1", reuse=False)
    body = body_of(dialect.answer("Hel", "lo", " you"))
    cut = body.index(b"\n\n", body.index(b"Hel")) + 2
    assert read_apart(client, [body[:cut], body[cut:]])[0] == ["Hel", "lo you"]
    assert read_apart(client, [body])[0] == ["Hello you"]


@pytest.mark.parametrize("name", ["openai_compatible", "anthropic"])  # of Gemini the body must end
async def test_a_connection_that_breaks_after_the_end_mark_spoils_no_answer(name: str) -> None:
    dialect = DIALECTS[name]
    client = dialect.of("http://127.0.0.1:1/v1", reuse=True)
    body, reply = Given([body_of(dialect.answer("Hello"))], is_cut=True), client._reply()
    with as_call_errors(CallLimits(), in_body=True):
        await client._read_stream(Response(200, {}, body), reply, ignore, MOST_BYTES)
    assert reply.completion().text == "Hello"


@EVERY
def test_every_single_byte_apart_reads_the_same(dialect: Dialect) -> None:
    body = body_of(dialect.answer("Hé", "\ud83d", "\ude00\u2028"))
    assert reading(dialect, body, list(range(len(body)))) == reading(dialect, body, [])
