"""Right and wrong against known answers: single values, and sets of items.

Knows no method and no reader: it is given values as they were read.
"""

import json
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

LONGEST_NUMBER = 100  # characters; longer ones are compared as texts
_NUMBER = re.compile(
    r"(?P<sign>[+-]?)\s?[$€£¥]?\s?(?P<whole>\d{1,3}(?:,\d{3})+|\d+)?(?P<places>\.\d+)?"
    r"(?:\s?/\s?(?P<bottom>\d+))?\s?%?\.?"
)


def is_hit(value: str | None, *golds: str) -> bool:
    """Whether `value` is one of the spellings of the right answer: as numbers or as JSON objects
    where both are, else as texts without regard to case and spaces."""
    if value is None:
        return False
    number, plain = number_of(value), _plain(value)
    return any(
        plain == _plain(gold)
        or (number is not None and number == number_of(gold))
        or _is_same_object(value, gold)
        for gold in golds
    )


def _is_same_object(value: str, gold: str) -> bool:
    if not (value.lstrip().startswith("{") and gold.lstrip().startswith("{")):
        return False
    try:
        return bool(json.loads(value) == json.loads(gold))
    except (ValueError, RecursionError):
        return False


def number_of(text: str) -> Fraction | None:
    """The number that the whole text is: `1,000`, `$18`, `3/4`, `-0.50`; None where it is none."""
    found = _NUMBER.fullmatch(text.strip()) if len(text) <= LONGEST_NUMBER else None
    if found is None or not (found["whole"] or found["places"]):
        return None
    bottom = int(found["bottom"] or 1)
    if bottom == 0:
        return None
    number = Fraction((found["whole"] or "0").replace(",", "") + (found["places"] or "")) / bottom
    return -number if found["sign"] == "-" else number


@dataclass(frozen=True, slots=True)
class SetScore:
    """Items that are right, found and wanted. Sums of several are micro-averages."""

    right: int = 0
    found: int = 0
    wanted: int = 0

    def __add__(self, other: "SetScore") -> "SetScore":
        return SetScore(
            self.right + other.right, self.found + other.found, self.wanted + other.wanted
        )

    @property
    def precision(self) -> float:
        """0 where nothing was found, unless nothing was wanted."""
        return self.right / self.found if self.found else float(not self.wanted)

    @property
    def recall(self) -> float:
        return self.right / self.wanted if self.wanted else float(not self.found)

    @property
    def f1(self) -> float:
        both = self.found + self.wanted
        return 2 * self.right / both if both else 1.0

    def figures(self) -> dict[str, Any]:
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "items_right": self.right,
            "items_found": self.found,
            "items_wanted": self.wanted,
        }


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
