"""Token events read without parsing say what parsing them says, whatever is in them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.domain.errors import CallError
from runs.providers.anthropic_wire import MessagesReply
from runs.providers.chat_wire import ChatReply
from runs.providers.fast_json import loads
from runs.providers.mould import MOST_LESSONS, PROBE, Mould
from runs.providers.replies import Reply
from runs.providers.sse import Event

AWKWARD = ["", ",", ":", "content", "text", " the", '"', "\\", "\\n", "\n", "}", '"},{"', PROBE]
texts = st.text(max_size=8) | st.sampled_from(AWKWARD)
json_values = st.none() | st.integers() | texts


def said(data: str) -> str:
    value = loads(data)
    text = value.get("t", "") if isinstance(value, dict) else ""
    return text if isinstance(text, str) else ""


@given(
    st.dictionaries(texts, json_values, max_size=4),
    st.lists(st.tuples(texts, st.booleans()), max_size=12),
)
def test_what_fits_reads_as_its_parser_reads_it(
    around: dict[str, Any], events: list[tuple[str, bool]]
) -> None:
    mould = Mould(said)
    for number, (text, is_last) in enumerate(events):
        fields = {**around, "t": text} if is_last else {"n": number, "t": text, **around}
        data = json.dumps(fields, ensure_ascii=False)
        if fast := mould.text(data):
            assert fast == said(data)
        mould.learn(data, said(data))


@given(st.lists(st.text(max_size=30), max_size=5), st.text(max_size=80))
def test_nothing_malformed_is_read(lessons: list[str], data: str) -> None:
    mould = Mould(said)
    for text in lessons:
        mould.learn(json.dumps({"t": text, "u": 1}), text)
    if fast := mould.text(data):
        assert fast == said(data)


def test_the_second_of_two_like_events_is_not_parsed() -> None:
    mould = Mould(said)
    mould.learn('{"id": 1, "t": " one", "end": null}', " one")
    assert mould.text('{"id": 1, "t": "two", "end": null}') == "two"


@pytest.mark.parametrize(
    "data",
    [
        '{"id": 1, "t": "a\\n", "end": null}',
        '{"id": 1, "t": "a", "t": "b", "end": null}',
        '{"id": 1, "t": "", "end": null}',
        '{"id": 1, "t": "a\x01", "end": null}',
        '{"id": 2, "t": "a", "end": null}',
        '{"id": 1, "t": "a", "end": true}',
        '{"id": 1, "t": "',
    ],
)
def test_an_event_that_is_not_quite_so_is_left_to_the_parser(data: str) -> None:
    mould = Mould(said)
    mould.learn('{"id": 1, "t": "one", "end": null}', "one")
    assert mould.text(data) == ""


def test_a_text_that_also_stands_elsewhere_teaches_nothing_wrong() -> None:
    mould = Mould(said)
    mould.learn('{"u": "one", "t": "one"}', "one")
    assert mould.text('{"u": "two", "t": "one"}') == ""
    mould.learn('{"u":"x","t":","}', ",")  # the quotes of two strings
    assert mould.text('{"u":"x","t":";"}') == ""


def test_learning_ends_where_no_event_is_like_another() -> None:
    parsed = list[str]()

    def read(data: str) -> str:
        parsed.append(data)
        return said(data)

    mould = Mould(read)
    for number in range(20):
        mould.learn(f'{{"salt": {number}, "t": "one"}}', "one")
    assert len(parsed) == MOST_LESSONS


def chat(delta: Any, **more: Any) -> str:
    return json.dumps({"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, **more}]})


def messages(delta: Any, index: int = 0) -> str:
    return json.dumps({"type": "content_block_delta", "index": index, "delta": delta})


chat_events = st.one_of(
    texts.map(lambda text: chat({"content": text})),
    texts.map(lambda text: chat({"content": text}, finish_reason="stop")),
    texts.map(lambda text: chat({"reasoning_content": text})),
    texts.map(lambda text: chat({"refusal": text})),
    texts.map(lambda text: chat({"role": text, "content": text})),
)
message_events = st.one_of(
    texts.map(lambda text: messages({"type": "text_delta", "text": text})),
    texts.map(lambda text: messages({"type": "text_delta", "text": text}, index=1)),
    texts.map(lambda text: messages({"type": "thinking_delta", "thinking": text})),
    texts.map(lambda text: messages({"type": "text_delta", "note": "a", "text": text})),
)


def told(reply: Reply, events: list[Event]) -> list[str]:
    found = []
    for event in events:
        try:
            found.append(reply.take(event))
        except CallError as error:
            found.append(repr(error))
    return [*found, reply.text]


@given(st.lists(chat_events, max_size=20))
def test_a_chat_reply_reads_the_same_without_it(data: list[str]) -> None:
    events = [Event("", one) for one in data]
    slow = ChatReply()
    slow._mould = Mould(lambda _: "")  # which learns nothing
    assert told(ChatReply(), events) == told(slow, events)


@given(st.lists(message_events, max_size=20))
def test_a_messages_reply_reads_the_same_without_it(data: list[str]) -> None:
    events = [Event("content_block_delta", one) for one in data]
    slow = MessagesReply()
    slow._mould = Mould(lambda _: "")  # which learns nothing
    assert told(MessagesReply(), events) == told(slow, events)
