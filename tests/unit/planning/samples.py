"""Valid configurations to start from, and a strategy that makes any of them."""

from typing import Any

from hypothesis import strategies as st

from runs.domain.plan import Item
from runs.planning.configuration import Configuration, parse
from runs.planning.history import Past

CALL = {"connection": "local", "model": "smollm2-135m"}


def sectioning(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Summaries",
        "pattern": "sectioning",
        "join": {"method": "concatenate"},
        "prompts": [{"text": "Summarise: {{ document.text }}"}],
        "call": CALL,
        **changes,
    }


def voting(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Triage",
        "pattern": "voting",
        "join": {"method": "majority", "reader": {"kind": "last_line"}},
        "votes": {"samples": 9},
        "prompts": [{"text": "Which kind? {{ input }}"}],
        "call": CALL,
        **changes,
    }


def gate(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Checked answer",
        "pattern": "sectioning",
        "join": {"method": "gate"},
        "split": {"by": "prompts"},
        "prompts": [
            {"name": "Answer", "text": "Answer: {{ input }}"},
            {"name": "Safety", "text": "Safe? {{ input }}", "role": "guard"},
            {"name": "Topic", "text": "On topic? {{ input }}", "role": "guard"},
        ],
        "call": CALL,
        **changes,
    }


def made(spec: dict[str, Any]) -> Configuration:
    return parse(spec)


def items(count: int, name: str = "document.text", text: str = "") -> tuple[Item, ...]:
    """All of that text, else each of its own."""
    texts = [text or f"Text {number}." for number in range(1, count + 1)]
    return tuple(
        Item(index, f"Item {index + 1}", {name: own, "input": own})
        for index, own in enumerate(texts)
    )


def past(asks: str, **changes: Any) -> Past:
    """Ten calls of an earlier run: 20 tokens an answer, 2 s each with four at once."""
    values: dict[str, Any] = {
        "run": 1,
        "connection": CALL["connection"],
        "model": CALL["model"],
        "calls": 10,
        "input_tokens": 120.0,
        "input_told": 100.0,
        "output_least": 10.0,
        "output_tokens": 20.0,
        "output_most": 30.0,
        "seconds_quick": 1.0,
        "seconds": 2.0,
        "seconds_slow": 4.0,
        "first_token_s": 0.5,
        "token_s": 0.05,
        "at_once": 4.0,
    }
    return Past(asks=asks, **{**values, **changes})


# Text that a database and a file take; YAML's own marks come up often.
texts = st.text(
    st.one_of(
        st.sampled_from(
            " \n\t:-#'\"{}[]|>&*!%@`~?,.\\0123456789ynYNeE+_=<\x85\u2028\ufeff\x7f\x07é😀"
        ),
        st.characters(exclude_characters="\x00", exclude_categories=("Cs",)),
    ),
    max_size=60,
)
_plain = texts.map(lambda text: text.replace("{", "(").replace("}", ")"))
some_text = st.tuples(st.sampled_from("abc"), _plain).map("".join)
_words = ["yes", "no", "null", "012", "1e5", "0x1F", "1:30", "2024-01-01", "~", "=", "<<", "true"]
_choices = st.one_of(
    st.just(_words), st.lists(some_text, min_size=2, max_size=4, unique_by=lambda t: _folded(t))
)
_readers = st.one_of(
    st.fixed_dictionaries({"kind": st.sampled_from(["whole_text", "last_line", "number"])}),
    st.fixed_dictionaries({"kind": st.just("choice"), "choices": _choices}),
    st.fixed_dictionaries(
        {"kind": st.just("regex"), "pattern": st.sampled_from([r"\d+", "(a|b)$"])}
    ),
    st.fixed_dictionaries({"kind": st.just("json_field"), "field": some_text}),
)
_joins = st.one_of(
    st.fixed_dictionaries(
        {"method": st.just("concatenate"), "heading": st.booleans(), "separator": texts}
    ),
    st.fixed_dictionaries(
        {
            "method": st.just("majority"),
            "reader": _readers,
            "ties": st.sampled_from(["declare", "first_seen"]),
            "least_share": st.floats(0, 1),
        }
    ),
    st.fixed_dictionaries(
        {
            "method": st.just("merge"),
            "prompt": _plain.map(lambda text: text + "{{ parts }}"),
            "model": _plain,
            "parts": st.integers(2, 50),
            "max_tokens": st.integers(1, 9000),
        }
    ),
)
_json = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**30), 10**30),
        st.floats(allow_nan=False, allow_infinity=False),
        texts,
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
_calls = st.fixed_dictionaries(
    {"connection": some_text, "model": some_text, "max_tokens": st.integers(1, 200_000)},
    optional={
        "temperature": st.none() | st.floats(0, 2),
        "seed": st.none() | st.integers(0, 2**31 - 1),
        "stop": st.lists(some_text, max_size=3),
        "json_schema": st.none() | st.fixed_dictionaries({"default": _json}),
        "accept_cut": st.booleans(),
    },
)
_limits = st.fixed_dictionaries(
    {},
    optional={
        "tries": st.integers(1, 10),
        "deadline_s": st.floats(1, 3600),
        "in_flight": st.none() | st.integers(1, 100),
        "cost_usd": st.none() | st.floats(0.000001, 1000),
        "hedge": st.none() | st.floats(0.01, 0.5),
    },
)
_inputs = st.one_of(
    st.none(),
    st.fixed_dictionaries({"text": texts}),
    st.fixed_dictionaries(
        {"rows": st.lists(st.dictionaries(texts, texts, max_size=3), max_size=3)}
    ),
    st.fixed_dictionaries(
        {"documents": st.lists(st.fixed_dictionaries({"label": texts, "text": texts}), max_size=3)}
    ),
    st.fixed_dictionaries({"files": st.lists(some_text, max_size=3)}),
    st.fixed_dictionaries({"dataset": some_text}),
)


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """The dict of any valid configuration."""
    base = draw(st.sampled_from([sectioning, voting, gate]))
    prompts = [{**prompt, "name": draw(_plain)} for prompt in base()["prompts"]]
    changes = {
        "name": draw(some_text),
        "call": draw(_calls),
        "limits": draw(_limits),
        "input": draw(_inputs),
        "prompts": [
            {**prompt, "text": f"{draw(_plain)}{{{{ input }}}}", "system": draw(_plain)}
            for prompt in prompts
        ],
    }
    if base is not gate:
        changes["join"] = draw(_joins)
    return base(**changes)
