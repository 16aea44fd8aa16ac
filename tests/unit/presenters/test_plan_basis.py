"""From where an estimate knows: the sentences under its figures."""

from typing import Any

import pytest

from runs.domain.usage import Price
from runs.planning import asks, build
from runs.planning.configuration import Configuration
from runs.planning.estimate import estimate
from runs.planning.history import History, Past
from runs.presenters.plan_basis import ASSUMED_SPEED, BORROWED_SPEED, sentences
from tests.unit.planning.samples import gate, items, made, past, sectioning

KEY = ("local", "smollm2-135m")
MERGE = {"join": {"method": "merge", "parts": 6}}


def said(configuration: Configuration, *runs: Past) -> tuple[str, ...]:
    plan = build.plan(configuration, items(8))
    return sentences(estimate(configuration, plan, {KEY: Price(1, 2)}, {}, History(runs)))


def known(configuration: Configuration, prompt: int = 0, **changes: Any) -> Past:
    asking = asks.of_prompt(configuration.call, configuration.prompts[prompt])
    return past(asking, **changes)


def test_nothing_known() -> None:
    assert said(made(sectioning())) == (
        "An answer is assumed to be half as long as allowed: this prompt was not run before.",
        ASSUMED_SPEED,
    )


def test_one_run_and_several() -> None:
    configuration = made(sectioning())
    assert said(configuration, known(configuration)) == (
        "Learned from 1 earlier run of this prompt: 20 tokens an answer (median of 10 calls).",
    )
    twice = said(configuration, known(configuration), known(configuration, run=2, calls=1_000))
    assert twice == (
        "Learned from 2 earlier runs of this prompt: 20 tokens an answer (median of 1,010 calls).",
    )


def test_several_prompts_have_several_lengths() -> None:
    configuration = made(gate())
    runs = [known(configuration, n, output_tokens=10.0 * (n + 1)) for n in range(3)]
    assert said(configuration, *runs) == (
        (
            "Learned from 1 earlier run of these prompts: 10–30 tokens an answer "
            "(median of 30 calls)."
        ),
    )
    assert said(configuration, runs[0])[0].startswith("Some lengths of answers are learned")


def test_another_models_lengths_are_borrowed() -> None:
    configuration = made(sectioning())
    other = known(configuration, model="GPT-Large", connection="")
    assert said(configuration, other) == (
        "20 tokens an answer: borrowed from 1 run of this prompt on GPT-Large.",
        ASSUMED_SPEED,
    )


def test_the_speed_of_other_prompts_is_borrowed() -> None:
    assert said(made(sectioning()), past("another"))[1] == BORROWED_SPEED


@pytest.mark.parametrize("count", [0, 1])
def test_merges_are_told_of_where_they_are_known_otherwise(count: int) -> None:
    configuration = made(sectioning(**MERGE))
    merges = past(asks.of_join(configuration.join, "merge"))
    found = said(configuration, known(configuration), *[merges][:count])
    told = [sentence for sentence in found if "merge" in sentence]
    assert told == (
        [] if count else ["A merge is assumed to be half as long as allowed: none was made before."]
    )
