"""What only Anthropic's Messages have."""

import json
from typing import Any

import pytest

from runs.domain.errors import BadReply, CallError, ContentFiltered
from runs.domain.limits import RateHints
from runs.domain.plan import CallSettings
from runs.domain.results import Completion
from runs.domain.usage import Usage
from runs.providers.anthropic_wire import MessagesReply, body_of
from runs.providers.refusals import retry_after_s
from runs.providers.sse import Event
from tests.unit.providers.dialects import HEAD, MESSAGES
from tests.unit.providers.dialects import body_of as stream_of
from tests.unit.providers.servers import ignore, refused, request, sending, stream

SCHEMA = {"type": "object"}


def call(**changes: Any) -> CallSettings:
    return CallSettings(**{"connection": "c", "model": "m", "max_tokens": 200, **changes})


def event(kind: str, **values: Any) -> Event:
    return Event(kind, json.dumps({"type": kind, **values}))


def delta(**values: Any) -> Event:
    return event("content_block_delta", index=0, delta=values)


END = (event("message_delta", delta={"stop_reason": "end_turn"}), event("message_stop"))


def read(*events: Event) -> MessagesReply:
    reply = MessagesReply()
    for said in events:
        reply.take(said)
    return reply


def test_the_body_holds_the_settings_that_are_set_and_no_others() -> None:
    plain = {
        "model": "m",
        "max_tokens": 200,
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
    }
    assert body_of("Hi", call()) == plain
    settings = {"temperature": 0.0, "top_p": 0.5, "stop": ("\n",), "seed": 0}
    assert body_of("Hi", call(system="Be short.", json_schema=SCHEMA, **settings)) == plain | {
        "system": "Be short.",
        "temperature": 0.0,
        "top_p": 0.5,
        "stop_sequences": ["\n"],
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
    }


@pytest.mark.parametrize("base", ["", "/", "/v1", "/v1/", "/v1/messages"])
async def test_the_address_may_end_in_what_its_paths_begin_with(base: str) -> None:
    body = HEAD + b"\r\n" + stream_of(MESSAGES.answer("x"))
    async with sending(body) as server:
        root = server.url.removesuffix("/v1")
        client = MESSAGES.client(root + base, "", MESSAGES.of(root)._reach)
        await client.complete(request(), ignore)
    assert server.heads[0].startswith("POST /v1/messages HTTP")
    assert "anthropic-version: 2023-06-01" in server.heads[0].lower()
    assert "x-api-key" not in server.heads[0].lower()


def test_thinking_and_tools_are_no_text() -> None:
    reply = read(
        event("content_block_start", content_block={"type": "thinking", "thinking": "hm"}),
        delta(type="thinking_delta", thinking="hm"),
        delta(type="signature_delta", signature="s"),
        delta(type="input_json_delta", partial_json="{"),
        event("content_block_start", content_block={"type": "text", "text": "He"}),
        delta(type="text_delta", text="llo"),
        event("something_new", delta=5),
        *END,
    )
    assert reply.completion().text == "Hello"


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop_sequence", "stop"),
        ("tool_use", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
    ],
)
def test_reasons_to_stop(reason: str, finish: str) -> None:
    stopped = event("message_delta", delta={"stop_reason": reason})
    reply = read(delta(type="text_delta", text="x"), stopped, event("message_stop"))
    assert reply.completion().finish == finish


def test_what_the_cache_gave_and_took_is_input() -> None:
    counts = {
        "input_tokens": 3,
        "cache_read_input_tokens": 4,
        "cache_creation_input_tokens": 5,
        "output_tokens": 1,
    }
    started = event("message_start", message={"model": "m-1", "usage": counts})
    assert read(started).usage == Usage(12, None, 4)
    told = event("message_delta", delta={}, usage={"output_tokens": 9})
    assert read(started, told).usage == Usage(12, 9, 4)
    again = event("message_delta", delta={}, usage={**counts, "input_tokens": 6})
    assert read(started, again).usage == Usage(15, 1, 4)


ODD = [
    event("message_start", message=5),
    event("content_block_delta", delta=5),
    event("content_block_start", content_block=5),
    delta(type="text_delta", text=5),
    event("message_delta", delta=5),
    Event("", "{}"),
]


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_event_is_malformed(odd: Event) -> None:
    with pytest.raises(BadReply):
        read(odd)


def test_a_stop_without_a_reason_is_no_end() -> None:
    with pytest.raises(BadReply):
        read(delta(type="text_delta", text="x"), event("message_stop")).completion()


def whole(**changes: Any) -> str:
    said = {
        "type": "message",
        "model": "m-1",
        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
    return json.dumps(said | changes)


async def test_a_whole_document_is_an_answer_too() -> None:
    reply = refused(200, whole(), ["Content-Type: application/json"])
    async with sending(reply) as server:
        completion = await MESSAGES.of(server.url).complete(request(), ignore)
    assert (completion.text, completion.usage) == ("Hello", Usage(3, 2, None))


def judged(document: str) -> Completion:
    reply = MessagesReply()
    reply.take_whole(document.encode())
    return reply.completion()


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"stop_reason": "refusal"}, ContentFiltered),
        ({"stop_reason": None}, BadReply),
        ({"content": 5}, BadReply),
        ({"type": "error", "error": {"message": "boom"}}, BadReply),
    ],
)
def test_a_whole_document_can_fail(changes: dict[str, Any], kind: type[CallError]) -> None:
    with pytest.raises(kind):
        judged(whole(**changes))


async def test_the_headers_tell_of_limits() -> None:
    head = (
        "anthropic-ratelimit-requests-limit: 50\r\nanthropic-ratelimit-requests-remaining: 49\r\n"
    )
    events = stream_of(MESSAGES.answer("x"))
    async with sending(stream(head=head) + events) as server:
        completion = await MESSAGES.of(server.url).complete(request(), ignore)
    assert completion.hints == RateHints(50, 49, None, None)


def test_a_limit_that_is_used_up_says_when_it_is_full_again() -> None:
    headers = {
        "anthropic-ratelimit-requests-reset": "2023-11-14T22:13:25Z",
        "anthropic-ratelimit-requests-remaining": "3",
        "anthropic-ratelimit-input-tokens-reset": "2023-11-14T22:13:41Z",
        "anthropic-ratelimit-input-tokens-remaining": "0",
    }
    assert retry_after_s(headers, 1_700_000_000.0) == 21
