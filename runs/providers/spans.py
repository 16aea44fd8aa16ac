"""Spans of time as providers write them into headers. Pure."""

import re

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SPAN = re.compile(rf"(?:{_PART.pattern})+")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def span_s(text: str) -> float | None:
    """`6m0s`, `1.5s`, `20ms` in seconds; None for anything else."""
    if not _SPAN.fullmatch(text):
        return None
    return sum(float(amount) * _SECONDS[unit] for amount, unit in _PART.findall(text))
