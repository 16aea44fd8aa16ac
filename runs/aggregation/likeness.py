"""Folding texts that are nearly the same into the first seen of them. Knows nothing of joins."""

import re
from collections.abc import Iterable, Mapping

from rapidfuzz import fuzz, process

from runs.aggregation.items import BETWEEN_FIELDS

MOST_COMPARED = 10_000  # different texts; those beyond fold only into equal ones
_NEAREST = 5  # looked at where every field has to be alike
_NUMBERS = re.compile(r"\d+")
_DIGEST = re.compile(rf"… [0-9a-f]{{12}}(?:{BETWEEN_FIELDS}|\Z)")


def fold(keys: Iterable[str], likeness: float) -> Mapping[str, str]:
    """Every key with the one it folds into: the most like of those that stand before it, at least
    `likeness` (0..100, normalised Indel similarity) alike, else itself. Keys with different numbers
    never fold, nor do those that are shortened to a digest."""
    folded: dict[str, str] = {}
    standing: dict[tuple[str, ...], list[str]] = {}
    compared = 0
    for key in keys:
        if key in folded:
            continue
        folded[key] = key
        if likeness >= 100 or compared >= MOST_COMPARED or _DIGEST.search(key):
            continue
        compared += 1
        rivals = standing.setdefault(tuple(_NUMBERS.findall(key)), [])
        like = _most_like(key, rivals, likeness)
        if like is None:
            rivals.append(key)
        else:
            folded[key] = like
    return folded


def _most_like(key: str, rivals: list[str], likeness: float) -> str | None:
    if BETWEEN_FIELDS not in key:
        found = process.extractOne(key, rivals, scorer=fuzz.ratio, score_cutoff=likeness)
        return found[0] if found else None
    nearest = process.extract(key, rivals, scorer=fuzz.ratio, score_cutoff=likeness, limit=_NEAREST)
    return next((rival for rival, _, _ in nearest if _fields_alike(key, rival, likeness)), None)


def _fields_alike(one: str, other: str, likeness: float) -> bool:
    pairs = zip(one.split(BETWEEN_FIELDS), other.split(BETWEEN_FIELDS), strict=False)
    return all(fuzz.ratio(a, b) >= likeness for a, b in pairs)
