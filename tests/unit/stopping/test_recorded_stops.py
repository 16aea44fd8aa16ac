"""Early stop on recorded answers of real models. Skipped where the recordings are not at hand."""

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from runs.metrics.gold import is_hit
from runs.stopping.votes import Rule, next_wave
from tests.recordings import recording

SAMPLES = 40
KNOWN = [
    ("gsm8k__gpt-4o-mini", "confident", 94.23, 6.17),
    ("gsm8k__gpt-4o-mini", "strict", 94.23, 9.07),
    ("aime2024__o3-mini-low", "confident", 70.00, 15.10),
    ("aime2024__o3-mini-medium", "confident", 90.00, 9.13),
    ("aime2024__o3-mini-high", "confident", 96.67, 6.57),
    ("gpqa_diamond__o3-mini-low", "confident", 68.18, 9.71),
]


def questions(name: str) -> list[tuple[str, list[str]]]:
    lines = recording(name).read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    return [(one["gold"], [s["answer"] for s in one["samples"][:SAMPLES]]) for one in found]


def ended(answers: list[str], rule: Rule) -> tuple[str | None, int, int]:
    """The answer (first seen of several), the votes asked and the waves."""
    tally: Counter[str] = Counter()
    asked = waves = 0
    while wave := next_wave(asked, tally, len(answers), rule):
        tally.update(answer for answer in answers[asked : asked + wave] if answer)
        asked, waves = asked + wave, waves + 1
    return (max(tally, key=tally.__getitem__) if tally else None), asked, waves


def replayed(name: str, rule: Rule) -> Iterator[tuple[bool, int, int]]:
    for gold, answers in questions(name):
        answer, asked, waves = ended(answers, rule)
        yield is_hit(answer, gold), asked, waves


@pytest.mark.parametrize(("name", "stop", "accuracy", "votes"), KNOWN)
def test_a_vote_that_stops_early_keeps_its_accuracy(
    name: str, stop: str, accuracy: float, votes: float
) -> None:
    found = list(replayed(name, Rule(stop)))  # type: ignore[arg-type]
    assert round(100 * sum(hit for hit, _, _ in found) / len(found), 2) == accuracy
    assert round(sum(asked for _, asked, _ in found) / len(found), 2) == votes


def test_four_fifths_of_the_easy_questions_end_in_one_wave() -> None:
    found = list(replayed("gsm8k__gpt-4o-mini", Rule("confident")))
    assert round(100 * sum(waves == 1 for _, _, waves in found) / len(found), 1) == 81.2
