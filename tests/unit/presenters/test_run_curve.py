"""The drawing of what more votes bring: its words fit beside it."""

import pytest

from runs.metrics.curve import Point
from runs.presenters import run_curve


def points(most: int = 9) -> list[Point]:
    return [Point(n, 0.8, 0.7, 0.9, float(n), None, None) for n in range(1, most + 1)]


@pytest.mark.parametrize(
    ("most", "dues_are", "words"),
    [
        (0.00008, "cost a row", ["$0", "$0.000020", "$0.000040", "$0.000060", "$0.000080"]),
        (0.0048, "cost a row", ["$0", "$0.0012", "$0.0024", "$0.0036", "$0.0048"]),
        (2.0, "cost a row", ["$0", "$0.50", "$1.00", "$1.50", "$2.00"]),
        (48_000.0, "cost a row", ["$0", "$12,000.00", "$24,000.00", "$36,000.00", "$48,000.00"]),
        (12_000_000, "tokens a row", ["0", "3,000,000", "6,000,000", "9,000,000", "12,000,000"]),
        (0.0, "", []),
    ],
)
def test_the_words_of_the_cost_are_short_and_have_their_room(
    most: float, dues_are: str, words: list[str]
) -> None:
    dues = [most * n / 9 for n in range(1, 10)] if most else []
    drawing = run_curve._drawing(points(), dues, dues_are)
    told = [tick.text for tick in drawing.up_dues]
    assert told == words
    longest = max(map(len, told), default=0)
    assert drawing.right + run_curve.GAP + longest * run_curve.LETTER <= drawing.width
    assert max(tick.at for tick in drawing.across) == drawing.right
