"""Numeric: the median, mean or trimmed mean of the numbers read, with their spread. Exact."""

import math
from collections.abc import Sequence
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

from runs.aggregation import readers
from runs.aggregation.entries import Entry, coverage, listing, noted, sentence, unused, used
from runs.aggregation.numbers import read_number, written
from runs.domain.joins import Numeric, ReaderKind
from runs.domain.results import (
    CallsSoFar,
    Child,
    ChildState,
    Contribution,
    ContributionKind,
    Outcome,
    OutcomeKind,
)

DIGITS = 12  # significant ones of a result that no answer gave and that does not end soon
LONGEST_EXACT = 40  # characters
_FINEST = 10**700  # denominator; numbers are read with at most some 600 places
_LARGEST_FLOAT = 10**300
_NAMES = {"median": "median", "mean": "mean", "trimmed_mean": "trimmed mean"}


def enter(settings: Numeric, child: Child) -> Entry:
    """An answer as a number: `data`, exact."""
    if child.state is not ChildState.ANSWERED:
        return Entry(child, None, note=child.reason)
    number, note = _read(settings, child.text)
    notes = noted(child, note)
    if number is None:
        return Entry(child, None, note=notes)
    return Entry(child, written(number), written(number), notes, data=number)


def reading(settings: Numeric, text: str) -> str | None:
    number, _ = _read(settings, text)
    return None if number is None else shortened(number)


def join(settings: Numeric, entries: Sequence[Entry], calls: CallsSoFar) -> Outcome:
    """Asks for no calls. Of equal numbers the trim leaves out those of the lowest branch index at
    the lower end, of the highest at the upper."""
    ranked = sorted(
        (entry for entry in entries if entry.is_usable),
        key=lambda entry: (entry.data, entry.child.index),
    )
    numbers = _tamed([entry.data for entry in ranked])
    cut_off = _trim(settings, len(numbers))
    core = numbers[cut_off : len(numbers) - cut_off]
    result = _median(core) if settings.statistic == "median" else _mean(core)
    inside = {entry.child.index for entry in ranked[cut_off : len(ranked) - cut_off]}
    contributions = tuple(_contribution(entry, inside) for entry in entries)
    quality = {**coverage(entries, contributions), **_spread(numbers), "trimmed": 2 * cut_off}
    return Outcome(
        OutcomeKind.DECIDED,
        text_of(result, numbers),
        contributions,
        quality,
        _detail(settings, result, numbers, cut_off, entries),
    )


def text_of(result: Fraction, numbers: Sequence[Fraction]) -> str:
    """Exactly, if an answer gave it or it ends soon; else rounded, the whole part kept."""
    exact = written(result)
    if result in numbers or (len(exact) <= LONGEST_EXACT and "/" not in exact):
        return exact
    whole = len(str(abs(math.trunc(result))))
    return _rounded(result, max(DIGITS, whole + 2) if whole <= LONGEST_EXACT else DIGITS)


def shortened(number: Fraction) -> str:
    """The exact spelling where it is short, else rounded: for tables and sentences."""
    exact = written(number)
    return exact if len(exact) <= LONGEST_EXACT else _rounded(number, DIGITS)


def _read(settings: Numeric, text: str) -> tuple[Fraction | None, str]:
    """The number in what the reader reads, in the spelling of the answer."""
    if settings.reader.kind is ReaderKind.NUMBER:
        number = read_number(text)
        return number, "" if number is not None else "no number could be read"
    found = readers.read(settings.reader, text)
    if found.value is None:
        return None, found.note
    number = read_number(found.shown)
    return number, found.note if number is not None else "what was read from it is no number"


def _trim(settings: Numeric, count: int) -> int:
    """How many numbers are left out at either end: at most so many that one stays."""
    if settings.statistic != "trimmed_mean":
        return 0
    return min(math.floor(Fraction(str(settings.trim)) * count), (count - 1) // 2)


def _tamed(numbers: Sequence[Fraction]) -> list[Fraction]:
    """The numbers, rounded beyond any sense where no sane denominator is common to all of them:
    exact sums of unlike fractions would take minutes."""
    common = 1
    for number in numbers:
        common = math.lcm(common, number.denominator)
        if common > _FINEST:
            return [Fraction(round(number * _FINEST), _FINEST) for number in numbers]
    return list(numbers)


def _median(ranked: Sequence[Fraction]) -> Fraction:
    return _quantile(ranked, Fraction(1, 2))


def _mean(numbers: Sequence[Fraction]) -> Fraction:
    common = math.lcm(*(number.denominator for number in numbers))
    total = sum(number.numerator * (common // number.denominator) for number in numbers)
    return Fraction(total, common * len(numbers))


def _quantile(ranked: Sequence[Fraction], share: Fraction) -> Fraction:
    """Between the two nearest numbers by their distance (Hyndman and Fan's type 7)."""
    place = share * (len(ranked) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (ranked[above] - ranked[below]) * (place - below)


def _spread(ranked: Sequence[Fraction]) -> dict[str, Any]:
    """Figures as floats, None where one is beyond them. `stdev`: of a sample; of one it is None."""
    mean = _mean(ranked)
    return {
        "numbers": len(ranked),
        "different": len(set(ranked)),
        "mean": _float(mean),
        "median": _float(_median(ranked)),
        "min": _float(ranked[0]),
        "q1": _float(_quantile(ranked, Fraction(1, 4))),
        "q3": _float(_quantile(ranked, Fraction(3, 4))),
        "max": _float(ranked[-1]),
        "stdev": _stdev(ranked, mean),
    }


def _stdev(numbers: Sequence[Fraction], mean: Fraction) -> float | None:
    """By floats scaled to the widest distance, so that no square passes their range."""
    if len(numbers) < 2:
        return None
    distances = [number - mean for number in numbers]
    widest = max(map(abs, distances))
    if not widest:
        return 0.0
    squares = math.fsum(float(distance / widest) ** 2 for distance in distances)
    scaled = math.sqrt(squares / (len(numbers) - 1))
    scale = _float(widest)
    return None if scale is None else scaled * scale


def _float(number: Fraction) -> float | None:
    return float(number) if abs(number) < _LARGEST_FLOAT else None


def _rounded(number: Fraction, digits: int) -> str:
    context = Context(prec=digits, Emax=9999, Emin=-9999)
    decimal = context.divide(Decimal(number.numerator), Decimal(number.denominator)).normalize()
    exponent = decimal.adjusted()
    return f"{decimal:f}" if -7 <= exponent <= LONGEST_EXACT else f"{decimal:e}".lower()


def _contribution(entry: Entry, inside: set[int]) -> Contribution:
    if entry.value is None:
        return unused(entry)
    value = shortened(entry.data)
    if entry.child.index in inside:
        return used(entry, f"gave {value}", value)
    said = f"gave {value}, left out as one of the outermost"
    reason = sentence(f"{said}; {entry.note}" if entry.note else said)
    return Contribution(entry.child.index, ContributionKind.OUTVOTED, reason, value)


def _detail(
    settings: Numeric,
    result: Fraction,
    numbers: Sequence[Fraction],
    cut_off: int,
    entries: Sequence[Entry],
) -> str:
    count = len(numbers)
    named = f"The {_NAMES[settings.statistic]} of {count:,} number{'' if count == 1 else 's'}"
    text = text_of(result, numbers)
    said = [f"{named} is {text if len(text) <= 60 else shortened(result)}."]
    if numbers[0] != numbers[-1]:
        said.append(f"They lie from {shortened(numbers[0])} to {shortened(numbers[-1])}.")
    if cut_off:
        said.append(f"{cut_off} left out at either end.")
    lost = [entry for entry in entries if entry.is_unreadable]
    if lost:
        said.append(f"Unreadable: {listing(lost)}.")
    return " ".join(said)
