"""Every kind of reader."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.aggregation.readers import REGEX_TIMEOUT_S, read
from runs.domain.joins import Reader, ReaderKind
from tests.effort import Effort

WHOLE = Reader()
LAST = Reader(ReaderKind.LAST_LINE)
NUMBER = Reader(ReaderKind.NUMBER)
TICKET = Reader(ReaderKind.CHOICE, choices=("billing", "bug", "other"))
REFUND = Reader(ReaderKind.CHOICE, choices=("refundable", "not refundable"))
LETTER = Reader(ReaderKind.CHOICE, choices=("A", "B", "C", "D"))
VERDICT = Reader(ReaderKind.CHOICE, choices=("pass", "block"))
FIELD = Reader(ReaderKind.JSON_FIELD, field="verdict")
EVERY = [
    WHOLE, LAST, NUMBER, TICKET, LETTER, FIELD, Reader(ReaderKind.REGEX, pattern=r"(\w+)$"),
]  # fmt: skip


@pytest.mark.parametrize("reader", EVERY, ids=lambda reader: reader.kind)
@pytest.mark.parametrize("text", ["", " ", "\n\n", "\u200b", "..."])
def test_an_empty_answer_is_unreadable_with_a_reason(reader, text):
    reading = read(reader, text)
    assert reading.value is None
    assert reading.note


@pytest.mark.parametrize("reader", EVERY, ids=lambda reader: reader.kind)
@given(text=st.text())
def test_any_answer_is_read_or_given_a_reason(reader, text):
    reading = read(reader, text)
    assert (reading.value is None) == (not reading.shown)
    assert reading.value or reading.note


def test_whole_text_keeps_its_spelling_for_display():
    reading = read(WHOLE, " **Paris.** ")
    assert (reading.value, reading.shown) == ("paris", "Paris")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Thinking…\n\nRefundable", "refundable"),
        ("Thinking…\nrefundable\n\n---\n```", "refundable"),
        ("Thinking…\n**Answer:** Refundable.\n\n", "refundable"),
        ("Thinking…\nFinal answer is: Yes", "yes"),
        ("The final answer is **42**", "42"),
        ("Answer:", "answer"),
        ("one line", "one line"),
        ("a\r\nb\r\n", "b"),
    ],
)
def test_last_line(text, value):
    assert read(LAST, text).value == value


@pytest.mark.parametrize(
    ("pattern", "text", "value"),
    [
        (r"\\boxed\{(.+?)\}", r"so \boxed{4}, no, \boxed{5}", "5"),
        (r"\d+", "3 then 4", "4"),
        (r"^Verdict: (\w+)$", "x\nVerdict: Pass\ny", "pass"),
        (r"(a)|b", "a b", "a"),
    ],
)
def test_regex_takes_group_one_of_the_last_match(pattern, text, value):
    assert read(Reader(ReaderKind.REGEX, pattern=pattern), text).value == value


@pytest.mark.parametrize(
    ("pattern", "why"),
    [(r"z(\d)", "nowhere"), ("(", "not a valid"), ("x*", "nowhere"), (r"(\.+)", "marks")],
)
def test_regex_says_why_nothing_was_read(pattern, why):
    assert why in read(Reader(ReaderKind.REGEX, pattern=pattern), "abc ...").note


def test_a_pattern_that_never_ends_makes_the_answer_unreadable_in_time():
    endless = Reader(ReaderKind.REGEX, pattern=r"^(.*?,){30}P")
    begun = time.monotonic()
    reading = read(endless, "1," * 60)
    assert "too long" in reading.note
    assert time.monotonic() - begun < 10 * REGEX_TIMEOUT_S


def test_number_is_one_spelling():
    assert {read(NUMBER, text).value for text in ("1,000", "1000.0", "$1000", "1e3")} == {"1000"}


@pytest.mark.parametrize(
    ("reader", "text", "value"),
    [
        (TICKET, "Billing", "billing"),
        (TICKET, "**BUG**", "bug"),
        (TICKET, "I would file this under billing.", "billing"),
        (TICKET, '{"label": "bug"}', "bug"),
        (TICKET, "It could be a bug or billing.\n\nbilling", "billing"),
        (TICKET, "Either bug or other.\nAnswer: other, I think", "other"),
        (TICKET, "It is not billing but a bug", "bug"),
        (TICKET, "debugging", None),
        (TICKET, "bug or billing", None),
        (TICKET, "not a bug", None),
        (REFUND, "It is not refundable.", "not refundable"),
        (REFUND, "It is Refundable.", "refundable"),
        (REFUND, "It isn't refundable at all", None),
        (LETTER, "B", "B"),
        (LETTER, "(b)", "B"),
        (LETTER, "A good reason speaks for C.", "C"),
        (LETTER, "The answer is (D) because a and b fail", "D"),
        (LETTER, "A or B", None),
        (LETTER, "I think A is right.", "A"),
        (VERDICT, "pass", "pass"),
        (VERDICT, "This does not pass.", None),
        (VERDICT, "I would not let it pass: block", "block"),
        (VERDICT, "pass or block?", None),
    ],
)
def test_choice(reader, text, value):
    reading = read(reader, text)
    assert reading.value == value
    assert bool(reading.note) == (value is None)


def test_choices_are_given_in_their_configured_spelling():
    assert (
        read(Reader(ReaderKind.CHOICE, choices=("New York", "L.A.")), "new\nyork").value
        == "New York"
    )


@pytest.mark.parametrize(
    ("text", "value", "note"),
    [
        ('{"verdict": "Pass"}', "pass", ""),
        ('```json\n{"verdict": "Pass"}\n```', "pass", ""),
        ('Sure! {"verdict": "pass", "why": "a } in it"} Done.', "pass", ""),
        ('{"verdict": "pass"} no: {"verdict": "block"}', "block", ""),
        ('{"verdict": 5.0}', "5", ""),
        ('{"verdict": true}', "true", ""),
        ('{"verdict": ["b", 1]}', '["b", 1]', ""),
        ("{'verdict': 'pass',}", "pass", "mending"),
        ("{verdict: pass}", "pass", "mending"),
        ('{"verdict": null}', None, "null"),
        ('{"verdict": ""}', None, "empty"),
        ('{"other": 1}', None, "no “verdict”"),
        ("no json", None, "no JSON"),
        ('{"verdict": "blo', None, "cut"),
        ('{"draft": {"verdict": "pass"}, "verdict": "blo', None, "cut"),
        ('{"verdict": "pass"} and {"verdict": "bl', None, "cut"),
        ('{"verdict": ' + "[" * 5000 + "]" * 5000 + "}", None, ""),
    ],
)
def test_json_field(text, value, note):
    reading = read(FIELD, text)
    assert reading.value == value
    assert note in reading.note


def test_json_field_follows_a_dotted_path():
    reader = Reader(ReaderKind.JSON_FIELD, field="result.items.1.name")
    assert read(reader, '{"result": {"items": [{}, {"name": "x"}]}}').value == "x"
    assert read(reader, '{"result.items.1.name": "y"}').value == "y"


@given(st.text(alphabet='{}[]":,\\ab1 \n'))
def test_any_near_json_is_read_or_not_but_never_raises(text):
    read(FIELD, "{" + text)
    read(FIELD, "{" + text + "}")


@pytest.mark.parametrize("piece", ['{"', "{", '{"a":', '\\"', "{}", '"', "{a", "[", "{'a':'"])
def test_hostile_json_takes_no_long_time(piece):
    effort = Effort()
    read(FIELD, "{" + piece * 30_000)
    read(FIELD, "{" + piece * 4_000 + "}" * 4_000)
    assert effort.seconds() < 3


@pytest.mark.parametrize(
    "piece", ["not ", "a ", "answer ", "answer:", "bug ", "\n", "*", "not a bug "]
)
def test_hostile_choices_take_no_long_time(piece):
    effort = Effort()
    read(TICKET, piece * 30_000)
    assert effort.seconds() < 3
