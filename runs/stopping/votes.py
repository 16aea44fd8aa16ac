"""How many votes to launch next, and how sure the leader is of the full vote.

Knows nothing of answers: it sees counts only.
"""

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache


def next_wave(ended: int, tally: Mapping[str, int], cap: int) -> int:
    """Votes to launch now that all launched ones have ended; 0 ends the vote.

    `ended` counts failed and unreadable votes too, `tally` only those that were read; `cap` is
    the most votes there may be. A fixed number of votes is launched at once, up to the cap,
    whatever the tally says.
    """
    if ended < 0 or cap < 0 or sum(tally.values()) > ended:
        raise ValueError(f"{sum(tally.values())} votes of {ended} ended, {cap} at most: impossible")
    return max(cap - ended, 0)


def confidence(first: int, second: int) -> float:
    """Probability (0..1) that the leader stays ahead of the runner-up in the full vote, rounded
    once from the exact value. It says nothing on whether the leader is right.

    With `first` ≥ `second` votes so far and n = first + second + 1:
    2^-n · Σ_{j=0..first} C(n, j), the chance that the leader's true share beats the runner-up's
    under a uniform prior (Aggarwal et al., “Let's Sample Step by Step: Adaptive-Consistency”,
    2023, beta criterion).
    """
    return float(exact_confidence(first, second))


@lru_cache(maxsize=4096)
def exact_confidence(first: int, second: int) -> Fraction:
    """`confidence` as an exact fraction, for comparisons with a threshold."""
    if not 0 <= second <= first:
        raise ValueError(
            "the leader has at least as many votes as the runner-up, and none less than 0"
        )
    draws = first + second + 1
    below = _lower_sum(draws, second)  # Σ_{j=0..second}: what is missing from 2^n by symmetry
    return 1 - Fraction(below, 1 << draws)


def _lower_sum(n: int, most: int) -> int:
    """Σ_{j=0..most} C(n, j) in whole numbers."""
    term = total = 1
    for j in range(1, most + 1):
        term = term * (n - j + 1) // j
        total += term
    return total
