"""What estimates learn from earlier runs, and what they assume where there are none."""

import pytest

from runs.domain.usage import Price
from runs.planning import asks, build
from runs.planning.configuration import Configuration
from runs.planning.estimate import Estimate, estimate
from runs.planning.history import RUNS_LOOKED_AT, History, Past
from tests.unit.planning.samples import gate, items, made, past, sectioning, voting

KEY = ("local", "smollm2-135m")
TEXT = "x" * 380
LIMITS = {"local": {"in_flight": 4}}


def own_print(configuration: Configuration) -> str:
    return asks.of_prompt(configuration.call, configuration.prompts[0])


def told(configuration: Configuration, *runs: Past, is_shared: bool = False) -> Estimate:
    plan = build.plan(configuration, items(8, text=TEXT))
    limits = {"local": {**LIMITS["local"], "is_shared": is_shared}}
    return estimate(configuration, plan, {KEY: Price(1.0, 2.0)}, limits, History(runs))


def test_answers_of_the_same_prompt_on_the_same_model_are_known() -> None:
    configuration = made(sectioning())
    found = told(configuration, past(own_print(configuration)))
    (part,) = found.parts
    assert found.output_tokens_expected == 8 * 20
    assert found.output_tokens_least == 8 * 10
    assert (part.answers, part.runs, part.past_calls) == ("known", 1, 10)


def test_lengths_are_borrowed_from_another_model_but_its_speed_is_not() -> None:
    configuration = made(sectioning())
    other = past(own_print(configuration), connection="", model="large")
    (part,) = told(configuration, other).parts
    assert (part.answers, part.borrowed_from, part.output_tokens) == ("borrowed", "large", 20)
    assert part.speed == "assumed"


def test_nothing_is_borrowed_from_a_simulated_model() -> None:
    configuration = made(sectioning())
    other = past(own_print(configuration), model="simulated-small", is_invented=True)
    (part,) = told(configuration, other).parts
    assert part.answers == "assumed"


def test_nothing_known_is_an_assumption() -> None:
    found = told(made(sectioning()))
    (part,) = found.parts
    assert (part.answers, part.speed, part.runs) == ("assumed", "assumed", 0)
    assert found.output_tokens_expected == 8 * 200
    assert found.output_tokens_least == 8
    assert not found.is_time_measured


def test_known_answers_are_never_longer_than_allowed() -> None:
    short = made(sectioning(call={"connection": KEY[0], "model": KEY[1], "max_tokens": 15}))
    found = told(short, past(own_print(short)))
    assert found.output_tokens_expected == 8 * 15
    assert found.output_tokens_least == 8 * 10


def test_the_median_is_that_of_the_calls_and_of_the_newest_runs() -> None:
    configuration = made(sectioning())
    print_ = own_print(configuration)
    runs = [past(print_, run=n, output_tokens=50.0) for n in range(100, 100 - RUNS_LOOKED_AT, -1)]
    runs[3] = past(print_, run=97, output_tokens=5.0, calls=1)
    old = past(print_, run=1, output_tokens=1.0, calls=10_000)
    (part,) = told(configuration, *runs, old).parts
    assert part.output_tokens == 50
    assert part.runs == RUNS_LOOKED_AT


def test_input_is_corrected_by_what_was_billed_for_prompts_of_about_that_size() -> None:
    configuration = made(sectioning(prompts=[{"text": "{{ document.text }}" + "y" * 20}]))
    near = past(own_print(configuration), input_tokens=130.0, input_told=100.0)
    far = past(own_print(configuration), input_tokens=40.0, input_told=10.0)
    assert told(configuration, near).input_tokens == 8 * 130
    assert told(configuration, far).input_tokens == 8 * 100


def test_time_is_told_from_what_calls_took_under_such_a_load() -> None:
    configuration = made(sectioning())
    found = told(configuration, past(own_print(configuration)))
    assert found.is_time_measured
    slowest_of_four = 2.0 + (4.0 - 2.0) * 3 / 4
    assert found.seconds == pytest.approx(2.0 + slowest_of_four)
    assert found.seconds_least < 2 * 1.0 < found.seconds < 2 * 4.0 < found.seconds_most


def test_more_runs_make_the_range_narrower() -> None:
    configuration = made(sectioning())
    print_ = own_print(configuration)
    one = told(configuration, past(print_))
    many = told(configuration, *(past(print_, run=n) for n in range(9, 0, -1)))
    assert one.seconds_least < many.seconds_least < many.seconds_most < one.seconds_most


def test_the_speed_of_a_model_is_known_from_other_prompts() -> None:
    found = told(made(sectioning()), past("another"))
    (part,) = found.parts
    assert (part.answers, part.speed) == ("assumed", "borrowed")
    assert part.seconds == pytest.approx(0.5 + 200 * 0.05)


def test_on_one_machine_slots_do_not_shorten_the_whole() -> None:
    """Calls timed one at a time take four times as long with three others beside them."""
    configuration = made(sectioning())
    alone = past(own_print(configuration), at_once=1.0)
    apart = told(configuration, alone)
    shared = told(configuration, alone, is_shared=True)
    assert shared.seconds == pytest.approx(4 * apart.seconds)


def test_calls_that_all_take_the_same_go_in_waves() -> None:
    configuration = made(sectioning())
    even = {"seconds_quick": 2.0, "seconds_slow": 2.0}
    assert told(configuration, past(own_print(configuration), **even)).seconds == 4.0
    five = build.plan(configuration, items(5))
    history = History([past(own_print(configuration), **even)])
    assert estimate(configuration, five, {}, LIMITS, history).seconds == 4.0


def test_without_a_measurement_a_machine_of_ones_own_is_no_quicker_side_by_side() -> None:
    found = told(made(sectioning()), is_shared=True)
    assert found.seconds == pytest.approx(found.one_by_one_seconds)
    assert found.seconds_least < found.seconds / 3
    assert found.seconds_most > found.seconds * 3


def test_each_prompt_has_a_past_of_its_own() -> None:
    configuration = made(gate())
    first = past(own_print(configuration))
    parts = told(configuration, first).parts
    assert [part.answers for part in parts] == ["known", "assumed", "assumed"]


@pytest.mark.parametrize(
    "change",
    [
        {"prompts": [{"text": "Summarise: {{ document.text }}!"}]},
        {"prompts": [{"text": "Summarise: {{ document.text }}", "system": "Be short."}]},
        {"call": {"connection": "local", "model": "m", "stop": ["\n"]}},
        {"call": {"connection": "local", "model": "m", "json_schema": {"type": "object"}}},
    ],
)
def test_other_words_are_another_question(change: dict[str, object]) -> None:
    assert own_print(made(sectioning())) != own_print(made(sectioning(**change)))


def test_a_template_by_any_name_on_any_model_is_the_same_question() -> None:
    spec = {"prompts": [{"name": "A", "text": "Say {{ input }}"}]}
    other = {"prompts": [{"name": "B", "text": "Say {{ input }}"}], "call": {**CALL, "seed": 1}}
    assert own_print(made(voting(**spec))) == own_print(made(voting(**other)))


def test_a_branch_has_the_print_of_its_prompt() -> None:
    configuration = made(gate())
    plan = build.plan(configuration, items(1))
    specs = [build.branch_spec(configuration, plan.joins[0], index) for index in range(3)]
    assert [asks.of_branch(spec) for spec in specs] == [
        asks.of_prompt(configuration.call, prompt) for prompt in configuration.prompts
    ]


CALL = {"connection": "local", "model": "large", "temperature": 0.3}
