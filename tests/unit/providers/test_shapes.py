"""Streams in the shapes that providers were recorded to send (`shapes/<dialect>/<name>.sse`), each
read whole, split anywhere, cut anywhere, and with something broken in it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs.domain.errors import (
    AnswerCut,
    BadReply,
    BadRequest,
    CallError,
    ContentFiltered,
    Throttled,
)
from runs.domain.results import Completion
from runs.domain.usage import Usage
from runs.providers.addresses import Reach
from runs.providers.openai_compatible import OpenAICompatible
from runs.providers.sse import Parser
from runs.providers.streamed import StreamedClient
from tests.unit.providers.dialects import DIALECTS
from tests.unit.providers.reading import read, split

SHAPES = Path(__file__).parent / "shapes"
WORLD = "Grüße, 世界 😀\u2028"
NO_MARK = "without the provider's end mark"


def answer(text: str, *usage: int | None, finish: str = "stop") -> Completion:
    return Completion(text, finish, Usage(*usage), "m-1")


# What each stream gives: the answer, or the error, what its message says, and the text so far.
GIVES: dict[str, Completion | tuple[type[CallError], str, str]] = {
    "openai_compatible/openai": answer(WORLD + ".", 19, 10, 8),
    "openai_compatible/openai_length": answer("One two", 5, 2, finish="length"),
    "openai_compatible/openai_refusal": (
        ContentFiltered,
        "refused: I can't help with that.",
        "",
    ),
    "openai_compatible/empty_refusals": answer("Hi."),
    "openai_compatible/azure": answer("Hello", 5, 1),
    "openai_compatible/azure_filtered": (ContentFiltered, "filter", "First you"),
    "openai_compatible/openrouter": answer("Hello", 12, 9, 3),
    "openai_compatible/openrouter_down": (BadReply, "Provider returned error", "Hel"),
    "openai_compatible/openrouter_throttled": (Throttled, "Rate limit exceeded", ""),
    "openai_compatible/openrouter_disconnected": (BadReply, "disconnected", "Hel"),
    "openai_compatible/openrouter_flagged": (ContentFiltered, "Input was flagged", ""),
    "openai_compatible/vllm": answer("Hello", 31, 9),
    "openai_compatible/vllm_no_usage": answer("Hello"),
    "openai_compatible/vllm_error": (BadReply, "EngineCore", "Hel"),
    "openai_compatible/vllm_bad_request": (BadRequest, "maximum context length", ""),
    "openai_compatible/llamacpp": answer("Hello", 12, 4),
    "openai_compatible/llamacpp_error_field": (BadRequest, "available context size", ""),
    "openai_compatible/llamacpp_error": (BadReply, "Context size", ""),
    "openai_compatible/no_mark": (BadReply, "say so under Providers", "Hello"),
    "openai_compatible/no_mark_no_reason": (BadReply, NO_MARK, "Hello"),
    "openai_compatible/mark_without_reason": (BadReply, NO_MARK, "Hello"),
    "openai_compatible/ollama": answer("Hello", 26, 10),
    "openai_compatible/ollama_error": (BadReply, "unexpected EOF", "Hel"),
    "openai_compatible/lmstudio_error": (BadReply, "has crashed", ""),
    "openai_compatible/groq": answer("Hello", 37, 4),
    "openai_compatible/groq_over_capacity": (Throttled, "over_capacity", "Hel"),
    "openai_compatible/deepseek": answer("Hello", 9, 7, 6),
    "openai_compatible/deepseek_broken_off": (BadReply, "insufficient_system_resource", "Hel"),
    "openai_compatible/xai": answer("Hello", 213, 25, 128),
    "openai_compatible/mistral": answer("Hello", 8, 5),
    "openai_compatible/together": answer("Hello", 6, 2),
    "openai_compatible/litellm_throttled": (Throttled, "slow down", "Hel"),
    "openai_compatible/tool_call": (BadReply, "“tool_calls”", ""),
    "anthropic/text": answer(WORLD + "!", 25, 15, 0),
    "anthropic/thinking": answer("Hello", 25, 48, 0),
    "anthropic/tool": answer("I'll look it up.", 25, 30, 0),
    "anthropic/cached": answer("Hello", 1253, 6, 1200),
    "anthropic/cached_told_again": answer("Hello", 1254, 6, 1200),
    "anthropic/max_tokens": answer("One two", 25, 8, 0, finish="length"),
    "anthropic/context_full": answer("One two", 25, 8, 0, finish="length"),
    "anthropic/refusal": (ContentFiltered, "This was declined", "First"),
    "anthropic/pause_turn": (BadReply, "“pause_turn”", "Searching"),
    "anthropic/overloaded": (Throttled, "Overloaded", "Hel"),
    "anthropic/api_error": (BadReply, "Internal server error", "Hel"),
    "anthropic/invalid_inside": (BadRequest, "too long", ""),
    "anthropic/filtered_inside": (ContentFiltered, "content filtering policy", "Call me"),
    "anthropic/cut": (BadReply, NO_MARK, "Hello"),
    "anthropic/no_text": (BadReply, "empty", ""),
    "gemini/text": answer(WORLD + "!", 10, 39),
    "gemini/thoughts": answer("Hello", 10, 23, 6),
    "gemini/stop_in_every_chunk": answer("Hello", 4, 2),
    "gemini/ends_without_content": answer("Hello", 4, 2),
    "gemini/max_tokens": answer("One two", 4, 2, finish="length"),
    "gemini/max_tokens_in_thought": (AnswerCut, "used up before any answer", ""),
    "gemini/blocked": (ContentFiltered, "PROHIBITED_CONTENT", ""),
    "gemini/safety": (ContentFiltered, "SAFETY", "First"),
    "gemini/recitation": (ContentFiltered, "RECITATION", "It was the best of times"),
    "gemini/malformed_call": (BadReply, "MALFORMED_FUNCTION_CALL", ""),
    "gemini/unavailable": (BadReply, "overloaded", "Hel"),
    "gemini/exhausted": (Throttled, "Quota exceeded", "Hel"),
    "gemini/invalid_inside": (BadRequest, "token count", ""),
    "gemini/cut": (BadReply, NO_MARK, "Hello"),
    "gemini/only_the_first_names_an_end": (BadReply, NO_MARK, "Hello"),
}
EVERY = pytest.mark.parametrize("name", GIVES)
ANSWERS = [name for name, gives in GIVES.items() if isinstance(gives, Completion)]
END_MARKS = {"openai_compatible": b"[DONE]", "anthropic": b'{"type":"message_stop"}'}


def body(name: str) -> bytes:
    return (SHAPES / f"{name}.sse").read_bytes()


def client(name: str) -> StreamedClient:
    return DIALECTS[name.partition("/")[0]].of("http://127.0.0.1:1/v1", reuse=False)


def unmarked() -> OpenAICompatible:
    """The client of a connection that was declared to send no end mark."""
    return OpenAICompatible("http://x/v1", "", Reach.PUBLIC, reuse=False, sends_end_mark=False)


def test_each_shape_has_its_expectation() -> None:
    files = {str(path.relative_to(SHAPES).with_suffix("")) for path in SHAPES.glob("*/*.sse")}
    assert files == {*GIVES}
    assert {name.partition("/")[0] for name in GIVES} == {*DIALECTS}


@EVERY
def test_a_recorded_stream_reads_as_what_it_is(name: str) -> None:
    told, gave = read(client(name), [body(name)])
    expected = GIVES[name]
    if isinstance(expected, Completion):
        assert gave == expected
        assert told == expected.text
        return
    assert not isinstance(gave, Completion)
    kind, message, text, _ = gave
    assert (kind, text) == (expected[0], expected[2])
    assert expected[1] in message
    assert told == text


def test_an_error_inside_a_stream_says_how_long_to_wait() -> None:
    reply = client("gemini/exhausted")._reply()
    first, second = Parser().feed(body("gemini/exhausted"))
    assert reply.take(first) == "Hel"
    with pytest.raises(Throttled) as caught:
        reply.take(second)
    assert caught.value.retry_after_s == 14.5


@EVERY
def test_every_byte_apart_reads_the_same(name: str) -> None:
    bytes_apart = [bytes([byte]) for byte in body(name)]
    assert read(client(name), bytes_apart) == read(client(name), [body(name)])


@EVERY
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@given(cuts=st.lists(st.integers(0, 10_000), min_size=1, max_size=12))
@settings(max_examples=12, deadline=None)
def test_any_split_at_any_line_end_reads_the_same(
    name: str, line_end: bytes, cuts: list[int]
) -> None:
    whole = body(name)
    other = whole.replace(b"\r\n", b"\n").replace(b"\n", line_end)
    assert read(client(name), split(other, cuts)) == read(client(name), [whole])


def ends_at(name: str) -> int:
    """Where the last byte lies without which the stream has not ended."""
    mark = END_MARKS.get(name.partition("/")[0])
    return len(body(name)) + 1 if mark is None else body(name).index(mark) + len(mark)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_stream_cut_at_any_byte_is_never_an_answer(name: str) -> None:
    whole, end = body(name), ends_at(name)
    for kept in range(min(end, len(whole) + 1)):
        arrived = [whole[:kept]]
        ends = [
            read(client(name), arrived, is_cut=True),
            read(client(name), arrived, is_framed=False),
        ]
        if not name.startswith("gemini"):  # whose last whole chunk may name an end that was not
            ends.append(read(client(name), arrived))
        for _, gave in ends:
            assert not isinstance(gave, Completion), f"an answer after {kept} of {len(whole)} bytes"


@pytest.mark.parametrize("name", [name for name in ANSWERS if name.startswith("openai")])
def test_without_a_mark_declared_only_a_cut_that_nobody_sees_passes(name: str) -> None:
    whole, end = body(name), ends_at(name)
    ended = whole.rindex(b"finish_reason")
    for kept in range(end):
        _, gave = read(unmarked(), [whole[:kept]], is_cut=True)
        assert not isinstance(gave, Completion)
        _, gave = read(unmarked(), [whole[:kept]], is_framed=False)
        assert kept > ended or not isinstance(gave, Completion)
    assert read(unmarked(), [whole])[1] == GIVES[name]


@pytest.mark.parametrize("name", ["no_mark", "no_mark_no_reason", "mark_without_reason"])
def test_without_a_mark_declared_the_end_of_a_whole_body_is_the_end(name: str) -> None:
    whole = [body(f"openai_compatible/{name}")]
    assert read(unmarked(), whole)[1] == answer("Hello")


@pytest.mark.parametrize("name", ["openrouter_down", "vllm_error", "azure_filtered", "tool_call"])
def test_without_a_mark_declared_errors_are_errors(name: str) -> None:
    whole = [body(f"openai_compatible/{name}")]
    assert read(unmarked(), whole) == read(client("openai_compatible/"), whole)


@pytest.mark.parametrize("whole", [b"", b": hi\n\n", b'data: {"choices": []}\n\n'])
def test_without_a_mark_declared_nothing_is_still_no_answer(whole: bytes) -> None:
    _, gave = read(unmarked(), [whole])
    assert not isinstance(gave, Completion)


ODD = [
    b"",
    b"\x00",
    b"\xff",
    b"{",
    b"}",
    b'"',
    b"\n\n",
    b"data: ",
    b"error: ",
    b"5",
    b"null",
    b"[]",
]


@EVERY
@given(
    at=st.integers(0, 10_000),
    taken=st.integers(0, 40),
    put=st.sampled_from(ODD) | st.binary(max_size=8),
    is_framed=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_whatever_is_broken_is_a_typed_error_or_an_answer(
    name: str, at: int, taken: int, put: bytes, is_framed: bool
) -> None:
    whole = body(name)
    place = at % (len(whole) + 1)
    broken = whole[:place] + put + whole[place + taken :]
    _, gave = read(client(name), [broken], is_framed=is_framed)
    if isinstance(gave, Completion):
        gave.text.encode()
        assert gave.text.strip()
        assert gave.finish in {"stop", "length"}
    else:
        assert issubclass(gave[0], CallError)
        gave[1].encode()


ODD_VALUES = [None, True, 5, -1, 1e400, 10**30, "", "x", "\ud800", [], [5], [[]], {}, {"x": 1}]


def spoilt(value: Any, data: st.DataObject) -> Any:
    """The value with one of those in one place of it."""
    if value and isinstance(value, dict | list) and data.draw(st.integers(0, 3)):
        places = sorted(value) if isinstance(value, dict) else range(len(value))
        place = data.draw(st.sampled_from(places))
        changed = value.copy()
        changed[place] = spoilt(value[place], data)
        return changed
    return data.draw(st.sampled_from(ODD_VALUES))


@EVERY
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_any_value_in_any_place_is_a_typed_error_or_an_answer(
    name: str, data: st.DataObject
) -> None:
    """A field holds what it never should: a number for a text, a list for an object."""
    lines = body(name).splitlines(keepends=True)
    full = [number for number, line in enumerate(lines) if b": {" in line[:8]]
    number = data.draw(st.sampled_from(full))
    field, _, document = lines[number].partition(b": ")
    odd = json.dumps(spoilt(json.loads(document), data))
    lines[number] = field + b": " + odd.encode() + b"\n"
    _, gave = read(client(name), [b"".join(lines)])
    assert isinstance(gave, Completion) or issubclass(gave[0], CallError)
