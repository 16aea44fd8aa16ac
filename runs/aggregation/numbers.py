"""Reading one number from an answer: units, thousands, fractions, powers. Exact, no floats.

Knows nothing of joins.
"""

import re
from collections import deque
from fractions import Fraction

from runs.aggregation.normalize import plain

LONGEST_TEXT = 100_000  # characters looked at, from the end
_MOST_DIGITS = 300
_MOST_POWER = 300
_MOST_PLACES = 30

_VULGAR = {
    "½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅖": "2/5",
    "⅗": "3/5", "⅘": "4/5", "⅙": "1/6", "⅚": "5/6", "⅐": "1/7", "⅛": "1/8", "⅜": "3/8",
    "⅝": "5/8", "⅞": "7/8", "⅑": "1/9", "⅒": "1/10",
}  # fmt: skip
_VULGAR_CHARS = re.compile("[" + "".join(_VULGAR) + "]")
_THIN_GROUPS = re.compile(r"(?<=\d)(?:[\u00a0\u202f\u2009\u2007’']|\{,\}|\\,)(?=\d{3}(?!\d))")
_LATEX_FRACTION = re.compile(r"\\[dt]?frac\s*\{\s*(\d+)\s*\}\s*\{\s*(\d+)\s*\}")
_LATEX_NOISE = re.compile(r"\\(?:left|right|text|mathrm|,|;|!)|(?<=\d)\\(?=%)|\\(?=\$)")
_POWER = re.compile(
    r"(?<=\d)\s*(?:[x×*·]|\\times|\\cdot)\s*10\s*\^\s*\{?\s*([+-]?\d+)\s*\}?", re.IGNORECASE
)

_MARKS = re.compile(r"\\boxed\s*\{|#{3,}|\banswer(?:\s+is\b|\s*=|[\s*_]*:)", re.IGNORECASE)
_NUMBER = re.compile(
    r"""
    (?<![\w.])                                      # not inside a word or another number
    (?P<sign>[+-]\s?)?
    (?:[$€£¥]\s?)?
    (?:
        (?<!/)(?:(?P<whole>\d+)[ ]+)?(?P<top>\d+)\s?[/⁄]\s?(?P<bottom>\d+)
        (?!\s?[/⁄]\s?\d|\d|\.\d)                    # a fraction, but no date and no path
      | (?P<digits>\d[\d,.]*\d|\d|\.\d+)
        (?:[eE](?P<power>[+-]?\d+))?
    )
    (?:\s?(?P<scale>thousand|million|billion|trillion|[kK](?!\w)|bn(?!\w)))?
    """,
    re.VERBOSE,
)
_SCALES = {"k": 3, "thousand": 3, "million": 6, "bn": 9, "billion": 9, "trillion": 12}
_GROUPED = re.compile(r"\d{1,3}(?:(?:,\d{3})+|(?:\.\d{3})+)")


def read_number(text: str) -> Fraction | None:
    """The number after the last mark of an answer (`####`, `\\boxed{`, `answer is`), else the
    last one of the text. A unit or a per cent sign after it is left out."""
    prepared = _prepared(text[-LONGEST_TEXT:])
    marks = list(_MARKS.finditer(prepared))
    if marks:
        after = _NUMBER.search(prepared, marks[-1].end())
        value = _value(after, prepared) if after else None
        if value is not None:
            return value
    numbers = deque(_NUMBER.finditer(prepared), maxlen=1)
    return _value(numbers[0], prepared) if numbers else None


def written(number: Fraction) -> str:
    """One spelling a number: an integer, a decimal where it ends, else a fraction."""
    if number.denominator == 1:
        return str(number.numerator)
    places = _places(number.denominator)
    if places is None:
        return f"{number.numerator}/{number.denominator}"
    digits = str(abs(number.numerator) * 10**places // number.denominator).rjust(places + 1, "0")
    return f"{'-' if number < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def _prepared(text: str) -> str:
    spelled = _VULGAR_CHARS.sub(lambda match: f" {_VULGAR[match[0]]}", text)
    joined = plain(_THIN_GROUPS.sub("", spelled))
    return _POWER.sub(r"e\1", _LATEX_NOISE.sub("", _LATEX_FRACTION.sub(r" \1/\2", joined)))


def _value(match: re.Match[str], text: str) -> Fraction | None:
    bare = _fraction(match) if match["top"] else _decimal(match["digits"])
    if bare is None:
        return None
    power = int(match["power"] or 0) if len(match["power"] or "") <= 5 else _MOST_POWER + 1
    if abs(power) > _MOST_POWER:
        return None
    scaled = bare * Fraction(10) ** (power + _SCALES.get((match["scale"] or "").lower(), 0))
    return -scaled if (match["sign"] or "").startswith("-") and _is_sign(match, text) else scaled


def _fraction(match: re.Match[str]) -> Fraction | None:
    if len(match["top"] + match["bottom"] + (match["whole"] or "")) > _MOST_DIGITS:
        return None
    if int(match["bottom"]) == 0:
        return None
    return Fraction(int(match["top"]), int(match["bottom"])) + int(match["whole"] or 0)


def _decimal(digits: str) -> Fraction | None:
    """`1,234.5`, `1.234,5`, `1,5` and `1.5`; of a list such as `1,2,3` the last."""
    if len(digits) > _MOST_DIGITS:
        return None
    decimal = _decimal_mark(digits)
    if decimal is not None:
        whole = re.sub(r"[,.]", "", digits[:decimal])
        return Fraction(f"{whole or 0}.{digits[decimal + 1 :]}")
    if _GROUPED.fullmatch(digits):
        return Fraction(re.sub(r"[,.]", "", digits))
    return Fraction(re.split(r"[,.]", digits)[-1])


def _decimal_mark(digits: str) -> int | None:
    """Where the decimal mark stands: the last of the two kinds, if there is one of it. A comma
    before exactly three digits groups thousands; a point never does when it stands alone."""
    last = max(digits.rfind(","), digits.rfind("."))
    if last < 0 or digits.count(digits[last]) > 1:
        return None
    return None if "." not in digits and _GROUPED.fullmatch(digits) else last


def _is_sign(match: re.Match[str], text: str) -> bool:
    """A dash before a number is its sign unless it follows a number or stands as a list mark."""
    before = text[: match.start()].rstrip(" ")
    spaced = len(match["sign"]) > 1
    return not before[-1:].isdigit() and not (spaced and (not before or before.endswith("\n")))


def _places(denominator: int) -> int | None:
    """Decimal places of a fraction with that denominator; None where it does not end."""
    twos = fives = 0
    while denominator % 2 == 0:
        denominator, twos = denominator // 2, twos + 1
    while denominator % 5 == 0:
        denominator, fives = denominator // 5, fives + 1
    places = max(twos, fives)
    return places if denominator == 1 and places <= _MOST_PLACES else None
