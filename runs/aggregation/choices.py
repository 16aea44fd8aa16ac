"""Finding which of a list of choices an answer names. Knows nothing of joins.

Careful by design: an answer that names several choices, or only denies one, names none.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from runs.aggregation.normalize import normalized, plain

LONGEST_TEXT = 100_000  # characters looked at, from the end
_ANSWER_MARK = re.compile(
    r"\b(?:answer|verdict|choice|decision|label|category)(?:\s+is\b|[\s*_\"']*[:=])", re.IGNORECASE
)
_DENIAL = re.compile(
    r"(?:\b(?:not|no|never|neither|nor|without|cannot|unable to|fails? to|rather than)"
    r"|n't)(?:\s+[^\s.,;:!?]+){0,2}\s+[\"'*_(]*$",
    re.IGNORECASE,
)
_PROSE_AFTER = re.compile(r" (?!(?:or|and|is|was|but|because|since|as|seems)\b)[a-z]")
_DENIAL_REACH = 60  # characters before a mention in which a denial may stand


def find_choice(text: str, choices: Sequence[str]) -> tuple[str | None, str]:
    """The choice in its configured spelling and "", or None and why none could be read."""
    by_key = {normalized(choice): choice for choice in choices}
    text = plain(text[-LONGEST_TEXT:]).strip()
    last_line = text.rsplit("\n", 1)[-1]
    for exact in (text, last_line):
        found = by_key.get(normalized(exact))
        if found is not None:
            return found, ""
    marks = list(_ANSWER_MARK.finditer(text))
    named: set[str] = set()
    for place in (*((text[marks[-1].end() :],) if marks else ()), text, last_line):
        named = _named(place, tuple(choices))
        if len(named) == 1:
            return next(iter(named)), ""
    several = len(_named(text, tuple(choices))) > 1
    return None, "it names several choices" if several else "it names none of the choices"


def _named(text: str, choices: tuple[str, ...]) -> set[str]:
    pattern, by_key = _mentions(choices)
    named = set()
    for match in pattern.finditer(text):
        choice = by_key[normalized(match[0])]
        before = text[max(0, match.start() - _DENIAL_REACH) : match.start()]
        if not _is_letter_in_prose(match, choice) and not _DENIAL.search(before):
            named.add(choice)
    return named


def _is_letter_in_prose(match: re.Match[str], choice: str) -> bool:
    """`A` as an article and `i` in a list are words of the text, not choices."""
    if len(choice) > 1 or not choice.isalpha():
        return False
    return match[0] != choice or bool(_PROSE_AFTER.match(match.string, match.end()))


@lru_cache(maxsize=256)
def _mentions(choices: tuple[str, ...]) -> tuple[re.Pattern[str], dict[str, str]]:
    """Longest first, so that `not refundable` is never read as `refundable`."""
    longest_first = sorted({plain(choice).strip() for choice in choices}, key=len, reverse=True)
    words = (r"\s+".join(map(re.escape, choice.split())) for choice in longest_first)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", re.IGNORECASE)
    return pattern, {normalized(choice): choice for choice in choices}
