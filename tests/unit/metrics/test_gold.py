"""Right and wrong against gold answers."""

import pytest

from runs.metrics import votes
from runs.metrics.gold import SetScore, is_hit, number_of
from runs.metrics.votes import Row


@pytest.mark.parametrize(
    ("value", "right"),
    [("18", "18"), ("18.0", "18"), ("1,000", "1000"), ("$5", "5"), ("1/2", "0.5"), ("-3", "- 3"),
     ("Paris", " paris "), ("(B)", "(b)"), ("50%", "50"), (".5", "0.50")],
)  # fmt: skip
def test_numbers_are_compared_as_numbers_and_texts_as_texts(value: str, right: str) -> None:
    assert is_hit(value, right)


@pytest.mark.parametrize(
    ("value", "right"),
    [(None, "18"), ("18", "19"), ("1,5", "15"), ("5 apples", "5"), ("1/0", "0"), ("", "0")],
)
def test_what_is_not_the_same_is_a_miss(value: str | None, right: str) -> None:
    assert not is_hit(value, right)


def test_any_spelling_of_the_right_answer_will_do() -> None:
    assert is_hit("b", "(B) the second one", "b")


def test_a_very_long_text_is_no_number() -> None:
    assert number_of("1" * 10_000) is None


def test_objects_are_compared_as_json() -> None:
    assert is_hit('{"a": 1, "b": [2]}', '{"b":[2],"a":1}')
    assert not is_hit('{"a": 1}', '{"a": 2}')
    assert not is_hit('{"a": 1', '{"a": 1}')


def test_sets_have_precision_recall_and_f1() -> None:
    score = SetScore(right=1, found=2, wanted=3)
    assert (score.precision, score.recall, score.f1) == (1 / 2, 1 / 3, 2 / 5)


def test_sums_of_sets_are_micro_averages() -> None:
    assert SetScore(1, 2, 3) + SetScore(3, 4, 5) == SetScore(4, 6, 8)
    assert (SetScore().precision, SetScore().recall, SetScore().f1) == (1.0, 1.0, 1.0)
    assert (SetScore(0, 0, 2).precision, SetScore(0, 2, 0).recall) == (0.0, 0.0)


def row(is_right: bool, *singles: bool | None, rounds: int = 1) -> Row:
    quality = votes.of_vote(
        planned=4, launched=len([s for s in singles if s is not None]), rounds=rounds,
        spared=singles.count(None), confidence=0.9, cost_usd=0.5, tokens=10,
    )  # fmt: skip
    return Row(False, {**quality, "is_hit": is_right}, singles)


def test_the_join_is_set_against_its_mean_and_its_best_voter() -> None:
    rows = [row(True, True, False, True, True), row(True, True, False, True, False)]
    figures = votes.of_rows(rows, ["large", "small"])
    assert (figures["accuracy"], figures["hits"], figures["gold_rows"]) == (1.0, 2, 2)
    assert figures["mean_single"] == pytest.approx((3 / 4 + 2 / 4) / 2)
    assert (figures["best_single"], figures["best_single_is"]) == (1.0, "large")


def test_of_one_voter_the_best_branch_is_named_by_its_number() -> None:
    rows = [row(True, False, True, None, None), row(False, False, True, True, True, rounds=2)]
    figures = votes.of_rows(rows, ["m"])
    assert (figures["best_single"], figures["best_single_is"]) == (1.0, "Vote 2")
    assert (figures["launched"], figures["spared"], figures["one_wave"]) == (6, 2, 1)
    assert figures["votes_a_row"] == 3
    assert (figures["spared_cost_usd"], figures["spared_tokens"]) == (1.0, 20)


def test_without_gold_there_is_no_accuracy() -> None:
    figures = votes.of_rows([Row(True, {}), Row(False, {})], ["m"])
    assert figures == {"rows": 2, "ties": 1}


def test_rows_of_sets_are_summed() -> None:
    rows = [Row(False, {}, sets=SetScore(1, 2, 3)), Row(False, {}, sets=SetScore(3, 4, 5))]
    figures = votes.of_rows(rows, ["m"])
    assert (figures["precision"], figures["recall"]) == (4 / 6, 4 / 8)
    assert figures["f1"] == pytest.approx(8 / 14)
    assert figures["gold_rows"] == 2


def test_an_unknown_cost_stays_unknown() -> None:
    figures = votes.of_vote(
        planned=4, launched=2, rounds=1, spared=2, confidence=None, cost_usd=None, tokens=None
    )
    assert figures["spared_cost_usd"] is figures["spared_tokens"] is None
