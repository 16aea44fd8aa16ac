"""The byte-level parser of Server-Sent Events."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.providers.sse import Event, EventTooLarge, Parser


def events_of(*chunks: bytes, most_bytes: int = 4_000_000) -> list[tuple[str, str]]:
    parser = Parser(most_bytes)
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return [*events, *parser.end()]


@pytest.mark.parametrize("ending", [b"\n", b"\r", b"\r\n"])
def test_lines_end_at_cr_lf_or_crlf(ending: bytes) -> None:
    stream = ending.join([b"data: one", b"", b"data: two", b"", b""])
    assert events_of(stream) == [("", "one"), ("", "two")]


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_other_line_separators_stay_in_the_data(mark: str) -> None:
    assert events_of(f"data: a{mark}b\n\n".encode()) == [("", f"a{mark}b")]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data:x\n\n", [("", "x")]),
        (b"data:  x\n\n", [("", " x")]),
        (b"data\n\n", [("", "")]),
        (b"data: a\ndata: b\n\n", [("", "a\nb")]),
        (b": comment\n\ndata: x\n\n", [("", "x")]),
        (b"event: error\ndata: x\n\ndata: y\n\n", [("error", "x"), ("", "y")]),
        (b"event: lonely\n\ndata: x\n\n", [("", "x")]),
        (b"id: 7\nretry: 10\ndataset: no\ndata: x\n\n", [("", "x")]),
        (b"\xef\xbb\xbfdata: x\n\n", [("", "x")]),
        (b"data: \xff\n\n", [("", "\ufffd")]),
        (b"data: [DONE]", [("", "[DONE]")]),
        (b"", []),
        (b"\n\n\n", []),
    ],
)
def test_reads_fields_as_the_standard_says(stream: bytes, expected: list[Event]) -> None:
    assert events_of(stream) == expected


pieces = st.sampled_from(
    [
        *(
            b"data: ",
            b"data",
            b"event: e",
            b"\r",
            b"\n",
            b"\r\n",
            b": c",
            b"x",
            "é\u2028😀".encode(),
        ),
        *(b"data: x\n\n", b"data: \n\n", b"data: \xe2\x80\n\n"),
    ]
)


@given(st.lists(pieces, max_size=40).map(b"".join), st.data())
def test_any_split_gives_the_same_events(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    edges = [0, *cuts, len(stream)]
    chunks = [stream[start:end] for start, end in itertools.pairwise(edges)]
    assert events_of(*chunks) == events_of(stream)
    assert events_of(*(bytes([byte]) for byte in stream)) == events_of(stream)


@pytest.mark.parametrize("chunk", [b"y" * 10, b"data: yyyyy\n"])
def test_an_event_without_end_is_refused_at_its_bound(chunk: bytes) -> None:
    with pytest.raises(EventTooLarge):
        events_of(*[chunk] * 20, most_bytes=100)


def test_the_bound_is_each_events_own() -> None:
    assert len(events_of(*[b"data: yyyyy\n\n"] * 100, most_bytes=100)) == 100
