"""Votes that may stop early, votes on pieces, gold columns: what fits, and what it costs."""

from typing import Any

import pytest

from runs.aggregation.verdicts import MOST_AT_ONCE
from runs.domain.errors import InvalidConfiguration, InvalidInput
from runs.domain.usage import Price
from runs.planning import build
from runs.planning.asking import JUDGED_AT_ONCE, verdict_calls
from runs.planning.callers import callers
from runs.planning.configuration import Configuration, parse
from runs.planning.estimate import Estimate, estimate, refuse_blind_cap
from runs.planning.inputs import InputFile, items_from, material_of
from runs.planning.inputs import Material as Given
from runs.planning.shape import Input
from runs.planning.waves import least_votes
from runs.stopping import votes as stopping
from tests.unit.planning.samples import CALL, made, sectioning, voting

KEY = ("local", "smollm2-135m")
ROWS = [{"q": "1+1", "a": "2"}, {"q": "2+2", "a": "4"}, {"q": "3+3", "a": "6"}]


def on_rows(**changes: Any) -> dict[str, Any]:
    return voting(
        **{
            "each": {"by": "row"},
            "votes": {"samples": 40, "stop": "confident"},
            "prompts": [{"text": "{{ row.q }}"}],
            "input": {"rows": ROWS, "gold": "a"},
            **changes,
        }
    )


def refused(spec: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidConfiguration) as caught:
        parse(spec)
    return {error.field: error.message for error in caught.value.errors}


def estimated(configuration: Configuration) -> Estimate:
    items = items_from(configuration, material_of(configuration.input or Input(text="Some text")))
    return estimate(configuration, build.plan(configuration, items), {KEY: Price(1.0, 2.0)}, {})


@pytest.mark.parametrize("method", ["concatenate", "union", "numeric", "fields", "merge", "judge"])
def test_only_a_majority_is_settled_early(method: str) -> None:
    votes = {"samples": 9, "stop": "confident"}
    found = refused(voting(join={"method": method}, votes=votes))
    assert "only a majority" in found["votes.stop"]


@pytest.mark.parametrize(
    ("stop", "is_allowed"),
    [("all", True), ("decided", True), ("confident", False), ("strict", False)],
)
def test_weights_leave_all_and_decided(stop: str, is_allowed: bool) -> None:
    spec = voting(
        join={"method": "majority", "weights": {"1": 2.0}}, votes={"samples": 9, "stop": stop}
    )
    if is_allowed:
        assert parse(spec).votes.stop == stop
    else:
        assert "with weights" in refused(spec)["votes.stop"]


def test_the_number_of_a_vote_may_be_written_as_a_number() -> None:
    found = made(voting(join={"method": "majority", "weights": {1: 2, "big": 3}}))
    assert dict(found.join.weights) == {"1": 2.0, "big": 3.0}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("bounds", "field"),
    [
        ({"wave_least": 10}, "votes.wave_least"),
        ({"wave_most": 10}, "votes.wave_most"),
        ({"wave_least": 5, "wave_most": 4}, "votes.wave_most"),
    ],
)
def test_a_wave_fits_into_the_votes(bounds: dict[str, int], field: str) -> None:
    assert field in refused(voting(votes={"samples": 9, "stop": "confident", **bounds}))


def test_pieces_are_for_voting_and_have_no_gate() -> None:
    assert "pattern voting" in refused(sectioning(each={"by": "row"}))["each"]
    found = refused(on_rows(each={"by": "row", "join": {"method": "gate"}}))
    assert "guards" in found["each.join.method"]


def test_what_is_wrong_with_the_join_of_results_stands_at_its_field() -> None:
    found = refused(on_rows(each={"by": "row", "join": {"method": "merge", "prompt": "x"}}))
    assert "{{ parts }}" in found["each.join.prompt"]
    found = refused(on_rows(each={"by": "row", "join": {"method": "union", "likenes": 3}}))
    assert "Did you mean likeness" in found["each.join.likenes"]
    found = refused(on_rows(each={"by": "row", "on_failure": {"lest": 3}}))
    assert "Did you mean least" in found["each.on_failure.lest"]


def test_results_needed_are_at_most_the_pieces() -> None:
    each = {"by": "row", "on_failure": {"policy": "at_least", "least": 4}}
    configuration = made(on_rows(each=each))
    items = items_from(configuration, material_of(configuration.input))
    with pytest.raises(InvalidInput, match="from 1 to 3"):
        build.plan(configuration, items)


def test_the_gold_column_is_kept_apart_from_what_a_prompt_may_name() -> None:
    configuration = made(on_rows())
    items = items_from(configuration, material_of(configuration.input))
    assert [item.gold for item in items] == ["2", "4", "6"]
    assert all("row.a" not in item.fields for item in items)
    assert all('"a"' not in item.fields["input"] for item in items)
    found = refused(on_rows(prompts=[{"text": "{{ row.q }} {{ row.a }}"}]))
    assert "no prompt sees" in found["prompts.0.text"]


def test_a_gold_column_that_is_not_there_names_those_that_are() -> None:
    assert "there are q, a" in refused(on_rows(input={"rows": ROWS, "gold": "b"}))["input.gold"]
    configuration = made(on_rows(input={"files": ["sums.csv"], "gold": "b"}))
    given = Given(files=(InputFile("sums.csv", b"q,a\n1+1,2\n"),))
    with pytest.raises(InvalidInput, match="there are q, a"):
        items_from(configuration, given)


def test_the_gold_column_of_rows_given_at_the_launch_may_be_named() -> None:
    configuration = made(on_rows(input={"gold": "a"}))
    given = Given(files=(InputFile("sums.csv", b"q,a\n1+1,2\n"),))
    assert items_from(configuration, given)[0].gold == "2"


def test_a_gold_column_needs_a_table() -> None:
    found = refused(sectioning(input={"text": "x", "gold": "a"}))
    assert "split.by to row" in found["input.gold"]
    found = refused(voting(each={"by": "line"}, input={"text": "x", "gold": "a"}))
    assert "each.by to row" in found["input.gold"]


def test_without_a_named_one_a_column_called_gold_is_it() -> None:
    rows = [{"q": "1+1", "gold": "2"}]
    configuration = made(on_rows(input={"rows": rows}))
    assert items_from(configuration, material_of(configuration.input))[0].gold == "2"


@pytest.mark.parametrize("stop", ["confident", "strict", "decided", "all"])
@pytest.mark.parametrize(
    "bounds", [{}, {"wave_least": 3}, {"wave_most": 2}, {"wave_least": 3, "wave_most": 3}]
)
@pytest.mark.parametrize("samples", [3, 5, 15, 40])
def test_the_fewest_votes_are_those_that_the_rule_asks_for_when_all_agree(
    stop: str, bounds: dict[str, int], samples: int
) -> None:
    spec = voting(votes={"samples": samples, "stop": stop, **bounds})
    rule = stopping.Rule(stop, **bounds)
    assert least_votes(made(spec)) == unanimous(samples, rule)


def test_a_quorum_is_asked_for_even_when_all_agree() -> None:
    votes = {"samples": 15, "stop": "confident"}
    policy = {"policy": "at_least", "least": 13}
    found = least_votes(made(voting(votes=votes, on_failure=policy)))
    assert found == unanimous(15, stopping.Rule("confident", quorum=13)) == 13


def unanimous(samples: int, rule: stopping.Rule) -> int:
    """The votes that are asked for when all give the same answer."""
    asked = 0
    while wave := stopping.next_wave(asked, {"yes": asked} if asked else {}, samples, rule):
        asked += wave
    return asked


def test_with_weights_the_fewest_votes_are_those_that_outweigh_the_rest() -> None:
    votes = {"samples": 5, "stop": "decided"}
    join = {"method": "majority", "weights": {"1": 10}}
    assert least_votes(made(voting(join=join, votes=votes))) == 1
    join = {"method": "majority", "weights": {"smollm2-135m": 3, "5": 1}}
    assert least_votes(made(voting(join=join, votes=votes))) == 3


def test_votes_on_a_table_are_a_range_of_calls_and_of_money() -> None:
    found = estimated(made(on_rows()))
    assert (found.calls_least, found.calls) == (12, 120)
    assert found.cost_most_usd is not None
    assert found.cost_expected_usd is not None
    assert found.cost_expected_usd * 10 < found.cost_most_usd
    assert found.against_one_call_most == pytest.approx(120)


def test_verdicts_are_counted_in_both_orders_and_by_groups() -> None:
    assert JUDGED_AT_ONCE == MOST_AT_ONCE
    assert [verdict_calls(n, is_most=False) for n in (1, 2, 8, 9, 40)] == [0, 2, 2, 6, 12]
    assert verdict_calls(40, is_most=True) == 10 + 4 + 2


def test_the_calls_of_judges_and_checks_are_in_the_estimate() -> None:
    assert estimated(made(voting(join={"method": "judge"}))).judge_calls == 6
    scored = estimated(made(voting(join={"method": "judge", "mode": "score"})))
    assert (scored.judge_calls_least, scored.judge_calls) == (9, 9)
    tie = estimated(made(voting(join={"method": "majority", "ties": "judge"})))
    assert tie.judge_calls_least == 0
    assert tie.judge_calls > 0
    choices = {"kind": "choice", "choices": ["a", "b"]}
    join = {"method": "majority", "ties": "judge", "reader": choices}
    assert estimated(made(voting(join=join))).judge_calls == 2
    checked = estimated(made(voting(join={"method": "merge", "check": True})))
    assert (checked.merge_calls, checked.judge_calls) == (3, 1)


def test_the_join_of_results_asks_too() -> None:
    each = {"by": "row", "join": {"method": "merge", "parts": 2}}
    assert estimated(made(on_rows(each=each))).merge_calls == 2


def test_everyone_who_may_be_asked_is_named_with_the_field() -> None:
    spec = on_rows(
        join={"method": "majority", "ties": "judge", "judge": {"connection": "j", "model": "m"}},
        each={"by": "row", "join": {"method": "merge", "model": "large"}},
    )
    found = [(one.field, *one.key) for one in callers(made(spec))]
    assert found == [
        ("call", *KEY),
        ("join.judge", "j", "m"),
        ("each.join", "local", "large"),
    ]


def test_a_judge_of_unknown_price_is_refused_under_a_cap_on_money() -> None:
    judge = {"connection": "j", "model": "m"}
    spec = voting(join={"method": "judge", "judge": judge}, limits={"cost_usd": 1}, call=CALL)
    with pytest.raises(InvalidInput, match="price of m on j is unknown"):
        refuse_blind_cap(made(spec), {KEY: Price(1, 1)})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"votes": {"samples": 9, "wave_least": 2}}, "bounds of a wave are not used"),
        ({"votes": {"samples": 2, "stop": "confident"}}, "can spare none"),
        (
            {
                "votes": {
                    "samples": 9,
                    "stop": "strict",
                    "vary": "temperature",
                    "temperatures": [0.2, 0.9],
                }
            },
            "supposes votes that are alike",
        ),
        ({"join": {"method": "majority", "weights": {"nobody": 2}}}, "weight of “nobody”"),
    ],
)
def test_what_does_less_than_it_seems_is_told(changes: dict[str, Any], words: str) -> None:
    configuration = made(voting(**{**changes, "input": {"text": "x"}}))
    items = items_from(configuration, material_of(configuration.input))
    assert any(words in said for said in build.plan(configuration, items).warnings)
