"""Join settings, prices, the plan: values that refuse what makes no sense."""

import dataclasses

import pytest

from runs.domain.joins import Concatenate, Gate, Majority, Merge, Reader, ReaderKind
from runs.domain.plan import Plan, PlannedJoin
from runs.domain.usage import Price, Usage, cost_of, input_upper_bound


@pytest.mark.parametrize("settings", [Concatenate(), Majority(), Merge(), Gate(), Reader()])
def test_settings_have_defaults_and_never_change(settings):
    field = dataclasses.fields(settings)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(settings, field, "other")
    assert hash(settings) == hash(type(settings)())


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Reader(ReaderKind.REGEX), "pattern"),
        (lambda: Reader(ReaderKind.CHOICE), "two choices"),
        (lambda: Reader(ReaderKind.CHOICE, choices=("one",)), "two choices"),
        (lambda: Reader(ReaderKind.JSON_FIELD), "name of a field"),
        (lambda: Majority(least_share=1.01), "between 0 and 1"),
        (lambda: Majority(least_share=-0.1), "between 0 and 1"),
        (lambda: Merge(parts=1), "between 2 and 50"),
        (lambda: Merge(parts=51), "between 2 and 50"),
        (lambda: Merge(prompt="Join them."), "parts"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, why):
    with pytest.raises(ValueError, match=why):
        make()


def test_the_default_merge_prompt_is_told_of_parts_and_gaps():
    assert "{{ parts }}" in Merge().prompt
    assert "{{ missing }}" in Merge().prompt


def test_planned_calls_are_the_children_that_are_branches():
    root = PlannedJoin(0, None, 0, "", children=2, branches_are_children=False)
    joins = (root, PlannedJoin(1, 0, 0, "a", children=5), PlannedJoin(2, 0, 1, "b", children=3))
    assert Plan((), joins).child_branches == 8


def test_cached_tokens_are_cheaper_only_where_a_price_says_so():
    assert Price(2.0, 8.0).cost(1_000_000, 500_000, 400_000) == 6.0
    assert Price(2.0, 8.0, 0.5).cost(1_000_000, 500_000, 400_000) == pytest.approx(5.4)


def test_a_cost_is_unknown_where_price_or_usage_is():
    assert cost_of(Usage(10, 10), None) is None
    assert cost_of(Usage(None, 10), Price(1, 1)) is None
    assert cost_of(Usage(10, None), Price(1, 1)) is None
    assert cost_of(Usage(1_000_000, 0), Price(1, 1)) == 1.0


def test_the_upper_bound_counts_bytes_and_every_message():
    assert input_upper_bound("é", "", "a") == 2 + 64 + 1 + 64


def test_a_bound_holds_however_much_of_the_input_is_cached() -> None:
    assert Price(2.0, 8.0, 0.5).most(1_000_000, 500_000) == 6.0
    assert Price(2.0, 8.0, 3.0).most(1_000_000, 500_000) == 7.0


def test_a_schema_is_part_of_what_a_call_may_read() -> None:
    without = input_upper_bound("system", "prompt")
    schema = {"type": "object", "properties": {"ä": {"type": "string"}}}
    assert input_upper_bound("system", "prompt", schema=schema) >= without + len(str(schema))
