"""Every method in settings worth trying, and how to drive one to its outcome."""

import json
import re
from collections.abc import Callable

from hypothesis import strategies as st

from runs.aggregation.registry import aggregate
from runs.domain.joins import (
    Concatenate,
    Fields,
    Gate,
    ItemReader,
    ItemsKind,
    JoinSettings,
    Judge,
    Majority,
    Merge,
    Numeric,
    Reader,
    ReaderKind,
    Union,
)
from runs.domain.plan import Role
from runs.domain.policies import FailurePolicy, OnFailure
from runs.domain.results import CallKey, Child, ChildState, JoinCall, Outcome
from tests.unit.aggregation.children import answered

GO_ON = FailurePolicy()
NUMBERS = Reader(ReaderKind.NUMBER)
A_NUMBER = {"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"]}
METHODS_UNDER_TEST: list[JoinSettings] = [
    Concatenate(),
    Concatenate(heading=False, separator=", "),
    Majority(),
    Majority(ties="first_seen"),
    Majority(ties="judge"),
    Majority(least_share=0.6),
    Majority(reader=NUMBERS),
    Majority(weights={"1": 2.5}),
    Union(),
    Union(items=ItemReader(ItemsKind.COMMAS), likeness=80),
    Union(items=ItemReader(ItemsKind.JSON, key=("name",)), least_support="all", likeness=90),
    Union(least_support="majority"),
    Union(least_support=2),
    Numeric(),
    Numeric(statistic="mean"),
    Numeric(statistic="trimmed_mean", trim=0.3),
    Numeric(reader=Reader(ReaderKind.JSON_FIELD, field="a")),
    Fields(),
    Fields(ties="first_seen"),
    Fields(schema=A_NUMBER),
    Merge(parts=2),
    Merge(parts=6),
    Merge(parts=3, check=True),
    Judge(),
    Judge(mode="score"),
    Gate(),
    Gate(require="any"),
]
ROLES = {Gate: Role.GUARD}
TEXTS = [
    "pass", "block", "5", "5.0", "six", "", "  ", "yes", "Yes.", "a\nb", "- a\n- b\n- a", "a, b",
    "none", '["a", "b"]', '[{"name": "a", "n": 1}]', '[{"name": "A"}, {"name": "c"}]', "[]",
    '{"a": 5}', '{"a": 5, "b": "x"}', '{"a": 6, "b": "X."}', '{"a": "six"}', "{}", '{"a": 5',
]  # fmt: skip
_SHOWN = re.compile(r'<(answer-[0-9a-f]+) letter="(\w)">\n(.*?)\n</\1>', re.DOTALL)


def readable(settings: JoinSettings, number: int = 5) -> str:
    """An answer from which this method reads something that holds the number."""
    if isinstance(settings, Union) and settings.items.kind is ItemsKind.JSON:
        return json.dumps([{"name": f"item {number}"}])
    if isinstance(settings, Fields) or (
        isinstance(settings, Numeric) and settings.reader.kind is ReaderKind.JSON_FIELD
    ):
        return json.dumps({"a": number})
    return f"pass {number}"


def agreeing(call: JoinCall) -> str:
    """What a good model answers, by the prompt alone: a text, a check without a finding, the letter
    of the same answer in both orders, or a score."""
    if call.key.role is Role.MERGE:
        return f"merged 5 {call.key}"
    if "without_source" in (call.schema or {}).get("properties", {}):
        return json.dumps({"without_source": [], "contradictions": [], "not_reflected": []})
    menu = {text: letter for _, letter, text in _SHOWN.findall(call.prompt)}
    return menu[max(menu)] if menu else "7"


def off_the_menu(call: JoinCall) -> str:
    return "Z"


def disagreeing(call: JoinCall) -> str:
    """Always the first letter: another answer in the second order."""
    menu = (call.schema or {}).get("properties", {}).get("answer", {}).get("enum")
    return agreeing(call) if menu is None else json.dumps({"answer": menu[0]})


def outcome_of(
    settings: JoinSettings,
    children: list[Child],
    policy: FailurePolicy = GO_ON,
    model: Callable[[JoinCall], str | None] = agreeing,
) -> Outcome:
    """Answer every call the join asks for until it gives an outcome; None is a failed call."""
    calls: dict[CallKey, Child] = {}
    for _ in range(100):
        result = aggregate(settings, policy, children, calls)
        if isinstance(result, Outcome):
            return result
        assert result.calls
        for call in result.calls:
            assert call.key not in calls
            text = model(call)
            calls[call.key] = (
                Child(call.key.index, call.label, ChildState.FAILED, reason="503: Overloaded.")
                if text is None
                else answered(call.key.index, text, role=call.key.role)
            )
    raise AssertionError("the join never ends")


any_text = st.sampled_from(TEXTS)


@st.composite
def some_children(draw, settings, texts=any_text, most=12):
    """Children in any state; the first is a section, the others are of the method's role."""
    children = []
    for index in range(draw(st.integers(0, most))):
        state = draw(st.sampled_from(ChildState))
        text = draw(texts) if state is ChildState.ANSWERED else ""
        reason = "" if state is ChildState.ANSWERED else draw(st.sampled_from(["", "because"]))
        role = ROLES.get(type(settings), Role.SECTION) if index else Role.SECTION
        is_cut = draw(st.booleans())
        children.append(Child(index, f"D{index}", state, text, reason, is_cut, role))
    return children


policies = st.builds(FailurePolicy, st.sampled_from(OnFailure), st.integers(1, 12))
models = st.sampled_from([agreeing, disagreeing, off_the_menu, lambda call: None])
