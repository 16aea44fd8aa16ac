"""Estimates: calls, tokens, money and time, before anything is called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.domain.errors import InvalidInput
from runs.domain.plan import Item
from runs.domain.usage import Price
from runs.planning import build, tokens
from runs.planning.asking import merge_levels
from runs.planning.configuration import Configuration
from runs.planning.estimate import Estimate, estimate, refuse_blind_cap
from runs.planning.history import History, Past
from runs.planning.loads import FRAME_TOKENS, LEAST_SHARE, MOST_SHARE
from runs.planning.pace import retries
from tests.effort import Effort
from tests.unit.planning.samples import CALL, items, made, past, sectioning, voting

KEY = ("local", "smollm2-135m")
PRICE = Price(1.0, 2.0)
TEXT = "x" * 400


def timed(seconds: float) -> Past:
    """A run of other prompts on the same model, whose calls all took as long."""
    return past("other", first_token_s=seconds, token_s=0.0)


def of(
    configuration: Configuration,
    count: int = 1,
    *,
    price: Price | None = PRICE,
    in_flight: int | None = 8,
    calls_per_minute: int | None = None,
    tokens_per_minute: int | None = None,
    seconds_a_call: float | None = None,
) -> Estimate:
    name = "document.text" if configuration.pattern == "sectioning" else "input"
    plan = build.plan(configuration, items(count, name, TEXT))
    limits = {
        "in_flight": in_flight,
        "calls_per_minute": calls_per_minute,
        "tokens_per_minute": tokens_per_minute,
    }
    history = History([timed(seconds_a_call)] if seconds_a_call else ())
    return estimate(configuration, plan, {KEY: price}, {"local": limits}, history)


def merging(**changes: object) -> Configuration:
    join = {"method": "merge", "parts": 6, "max_tokens": 300}
    return made(sectioning(join=join, **changes))


def test_calls_are_the_branches_and_the_merges_above_them() -> None:
    found = of(merging(), 24)
    assert (found.calls, found.merge_calls, found.total_calls) == (24, 5, 29)


@pytest.mark.parametrize(
    ("children", "parts", "levels"),
    [(1, 6, ()), (2, 6, (1,)), (6, 6, (1,)), (7, 6, (1, 1)), (24, 6, (4, 1)), (5, 2, (2, 1, 1))],
)
def test_merges_go_up_level_by_level(children: int, parts: int, levels: tuple[int, ...]) -> None:
    assert merge_levels(children, parts) == levels


@given(st.integers(1, 5000), st.integers(2, 50))
def test_merging_ends_in_one_text(children: int, parts: int) -> None:
    calls = sum(merge_levels(children, parts))
    assert calls <= max(children - 1, 0)
    assert calls * (parts - 1) >= children - 1


def test_tokens_are_characters_by_four_and_answers_half_as_long_as_allowed() -> None:
    found = of(made(sectioning(prompts=[{"text": "ab{{ document.text }}", "system": "cd"}])), 10)
    assert found.input_tokens == 10 * 101
    assert found.output_tokens_expected == 10 * 200
    assert found.output_tokens_most == (10 + 6) * 400, "with tries that fail"


def test_merges_read_what_the_branches_write() -> None:
    alone = of(made(sectioning()), 6)
    merged = of(merging(), 6)
    join = merging().join
    read = merged.input_tokens - alone.input_tokens
    assert read == 6 * 200 + tokens.estimate(join.prompt)  # type: ignore[union-attr]
    again = retries(7, 4) - retries(6, 4)
    assert merged.output_tokens_most - alone.output_tokens_most == 300 + again * 400


def test_money_is_tokens_times_price() -> None:
    found = of(made(voting(votes={"samples": 10}, prompts=[{"text": "{{ input }}"}])))
    assert found.cost_expected_usd == pytest.approx((10 * 100 + 10 * 200 * 2) / 1e6)
    read = 100 * MOST_SHARE + FRAME_TOKENS
    assert found.cost_most_usd == pytest.approx(16 * (read + 400 * 2) / 1e6)
    assert found.cost_least_usd == pytest.approx(10 * (100 * LEAST_SHARE + 1 * 2) / 1e6)
    assert found.against_one_call == pytest.approx(10)


def test_an_unknown_price_stays_unknown() -> None:
    found = of(made(voting()), price=None)
    assert found.cost_expected_usd is None
    assert found.cost_most_usd is None
    assert found.against_one_call == pytest.approx(9)
    assert any("price of smollm2-135m on local is unknown" in said for said in found.warnings)


def test_one_unknown_price_among_several_makes_the_sum_unknown() -> None:
    models = [{"connection": "local", "model": "smollm2-135m"}, {"connection": "b", "model": "big"}]
    found = of(made(voting(votes={"samples": 4, "vary": "model", "models": models})))
    assert found.cost_expected_usd is None


def test_votes_of_several_models_are_counted_for_each() -> None:
    models = [{"connection": "a", "model": "m"}, {"connection": "b", "model": "m"}]
    votes = {"samples": 5, "vary": "model", "models": models}
    configuration = made(voting(votes=votes, prompts=[{"text": "{{ input }}"}]))
    plan = build.plan(configuration, items(1, "input", TEXT))
    prices = {("a", "m"): Price(1, 0), ("b", "m"): Price(10, 0)}
    found = estimate(configuration, plan, prices, {})
    assert found.cost_expected_usd == pytest.approx((3 * 100 + 2 * 100 * 10) / 1e6)


def test_a_free_model_costs_nothing_and_has_a_multiplier() -> None:
    found = of(made(voting()), price=Price(0, 0))
    assert found.cost_expected_usd == 0
    assert found.against_one_call == pytest.approx(9)


def test_time_is_waves_of_what_fits_in_flight() -> None:
    found = of(made(sectioning()), 20, in_flight=8, seconds_a_call=2.0)
    assert found.seconds == pytest.approx(3 * 2.0)
    assert found.one_by_one_seconds == pytest.approx(40)
    assert found.bound_by == "in_flight"
    assert found.is_time_measured
    assert found.warnings == ()


def test_time_is_bound_by_the_calls_a_minute() -> None:
    found = of(made(sectioning()), 60, in_flight=50, calls_per_minute=60, seconds_a_call=4.5)
    assert found.seconds == pytest.approx(59 + 4.5)
    assert found.bound_by == "calls_per_minute"
    assert found.warnings == (
        (
            "The provider's 60 calls a minute is what bounds this run: more in flight than 5 gains "
            "nothing."
        ),
    )


def test_time_is_bound_by_the_tokens_a_minute() -> None:
    found = of(made(sectioning()), 60, in_flight=50, tokens_per_minute=6_000, seconds_a_call=2.0)
    assert found.seconds == pytest.approx(59 * (103 + 200) / 100 + 2.0, rel=0.01)
    assert found.bound_by == "tokens_per_minute"
    assert found.warnings == (
        (
            "The provider's 6,000 tokens a minute is what bounds this run: more in flight than 1 "
            "gains nothing."
        ),
    )


def test_a_tenth_of_the_calls_and_five_may_be_tried_again() -> None:
    assert [retries(calls, 4) for calls in (1, 2, 10, 1_000)] == [3, 6, 6, 105]
    assert retries(1_000, 1) == 0


def test_hedges_come_on_top_of_the_most() -> None:
    limits = {"tries": 1, "hedge": 0.1}
    found = of(made(sectioning(limits=limits)), 30)
    assert found.retries_most == 4
    assert found.output_tokens_most == 34 * 400


@given(st.integers(1, 200), st.integers(1, 30) | st.none(), st.integers(1, 600) | st.none())
def test_what_is_expected_lies_within_its_range(
    count: int, in_flight: int | None, rate: int | None
) -> None:
    for seconds in (None, 2.0):
        found = of(
            merging(), count, in_flight=in_flight, calls_per_minute=rate, seconds_a_call=seconds
        )
        assert found.seconds_least <= found.seconds <= found.seconds_most
        assert found.input_tokens_least <= found.input_tokens <= found.input_tokens_most
        assert found.output_tokens_least <= found.output_tokens_expected <= found.output_tokens_most


def test_merge_levels_follow_the_branches() -> None:
    found = of(merging(), 24, in_flight=None, seconds_a_call=1.0)
    assert found.seconds == pytest.approx(3.0)
    assert found.bound_by == "one_call"


def test_without_a_measurement_the_time_is_an_assumption() -> None:
    found = of(made(sectioning()), 2)
    assert not found.is_time_measured
    assert found.seconds == pytest.approx(1 + 200 / 50)


@given(
    st.integers(1, 300),
    st.integers(1, 50) | st.none(),
    st.integers(1, 1000) | st.none(),
    st.floats(0.1, 20),
)
def test_side_by_side_is_never_slower_than_one_by_one_would_be_at_the_rate(
    count: int, in_flight: int | None, rate: int | None, call_s: float
) -> None:
    found = of(merging(), count, in_flight=in_flight, calls_per_minute=rate, seconds_a_call=call_s)
    waits = found.total_calls * 60 / rate if rate else 0
    assert found.seconds <= found.one_by_one_seconds + waits + 1e-6
    assert found.seconds >= call_s


def test_a_wish_for_more_in_flight_than_the_provider_takes_is_told() -> None:
    wide = made(sectioning(limits={"in_flight": 50}))
    assert of(wide, 100, in_flight=4).warnings == (
        "The provider takes 4 calls at once: more in flight than 4 gains nothing.",
    )
    assert of(wide, 10, in_flight=100).warnings == (
        "There are 10 branches: more in flight than 10 gains nothing.",
    )


def test_one_branch_is_a_single_call() -> None:
    assert of(made(sectioning()), 1).warnings == (
        "There is only one branch: a single call would do.",
    )


@pytest.mark.parametrize(("votes", "is_told"), [(9, True), (20, True), (21, False)])
def test_too_few_calls_to_be_hedged_are_told(votes: int, is_told: bool) -> None:
    found = of(made(voting(votes={"samples": votes}, limits={"hedge": 0.1})))
    said = "No second attempt will be made"
    assert any(said in warning for warning in found.warnings) == is_told
    unhedged = of(made(voting(votes={"samples": votes})))
    assert (found.retries_most > unhedged.retries_most) != is_told
    assert not any(said in warning for warning in unhedged.warnings)


def test_a_seed_that_is_not_sent_is_told() -> None:
    configuration = made(voting(call={**CALL, "seed": 7}))
    plan = build.plan(configuration, items(1, "input", TEXT))
    for is_seedless in (True, False):
        limits = {"local": {"in_flight": 8, "is_seedless": is_seedless}}
        warnings = estimate(configuration, plan, {KEY: PRICE}, limits).warnings
        assert any("seed is not sent to local" in said for said in warnings) == is_seedless


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ([], ""),
        ([KEY[1]], ""),
        (["a", "b", "c"], "Listed: a, b, c."),
        (["a", "b", "c", "d", "e"], "Listed: a, b, c and 2 more."),
    ],
)
def test_a_model_that_the_connection_does_not_list_is_told(listed: list[str], said: str) -> None:
    configuration = made(voting())
    plan = build.plan(configuration, items(1, "input", TEXT))
    limits = {"local": {"in_flight": 8, "models": listed}}
    warnings = estimate(configuration, plan, {KEY: PRICE}, limits).warnings
    told = [one for one in warnings if one.startswith(f"{KEY[1]} is not among the models listed")]
    assert [one.endswith(said) for one in told] == ([True] if said else [])


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"calls": 5}, "cap of 5 calls is below the 9"),
        ({"cost_usd": 0.0001}, "below the expected cost"),
        ({"tokens": 1_000}, "cap of 1,000 tokens is below the 2,727 to be expected"),
        ({"tokens": 5_000}, "could reach the cap of 5,000 tokens"),
        ({"cost_usd": 0.006}, "Long answers or failed tries could reach the cap"),
    ],
)
def test_caps_that_will_stop_the_run_are_told(limits: dict[str, float], said: str) -> None:
    (warning,) = of(made(voting(limits=limits))).warnings
    assert said in warning


def test_a_money_cap_needs_a_price_or_a_cap_on_calls() -> None:
    capped = made(voting(limits={"cost_usd": 1}))
    with pytest.raises(InvalidInput, match="unknown") as caught:
        refuse_blind_cap(capped, {})
    assert caught.value.field == "limits.cost_usd"
    refuse_blind_cap(capped, {KEY: PRICE})
    refuse_blind_cap(made(voting(limits={"cost_usd": 1, "calls": 9})), {})
    refuse_blind_cap(made(voting(limits={"cost_usd": 1, "tokens": 9_000})), {})
    refuse_blind_cap(made(voting()), {})


def test_a_money_cap_looks_at_the_merging_model_too() -> None:
    join = {"method": "merge", "connection": "big", "model": "large"}
    configuration = made(sectioning(join=join, limits={"cost_usd": 1}))
    with pytest.raises(InvalidInput, match="large on big"):
        refuse_blind_cap(configuration, {KEY: PRICE})


def test_a_hundred_thousand_branches_are_weighed_in_a_moment() -> None:
    many = tuple(Item(n, "", {"document.text": TEXT, "input": TEXT}) for n in range(100_000))
    configuration = made(sectioning(call=CALL))
    plan = build.plan(configuration, many)
    effort = Effort()
    estimate(configuration, plan, {KEY: PRICE}, {})
    assert effort.seconds() < 1


@pytest.mark.parametrize(("text", "about"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2)])
def test_tokens_are_estimated_from_characters(text: str, about: int) -> None:
    assert tokens.estimate(text) == about


@given(st.text(), st.text())
def test_the_upper_bound_is_above_the_estimate(first: str, second: str) -> None:
    assert tokens.most(first, second) >= tokens.estimate(first) + tokens.estimate(second)
