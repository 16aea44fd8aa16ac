"""How figures read: durations, money, percents, counts. Knows no rows and no templates.

`static/js/live/text.js` says the same in the browser, ties rounded up as there.
"""

from decimal import ROUND_HALF_UP, Decimal

NOTHING = "–"
NBSP = "\u00a0"  # before a unit: no line ends there


def duration(ms: float | None) -> str:
    """Milliseconds as people say them: `0.4 s`, `6.4 s`, `1 min 04 s`, `2 h 03 min`."""
    if ms is None:
        return NOTHING
    seconds = max(ms, 0) / 1000
    if seconds < 59.95:
        return f"{_fixed(seconds, 1)}{NBSP}s"
    whole = int(_fixed(seconds, 0))
    if whole < 3600:
        return f"{whole // 60}{NBSP}min {whole % 60:02d}{NBSP}s"
    return f"{whole // 3600}{NBSP}h {whole % 3600 // 60:02d}{NBSP}min"


def seconds(value: float | None) -> str:
    """Seconds as people say them; see `duration`."""
    return duration(None if value is None else value * 1000)


def value_and_unit(told: str) -> tuple[str, str]:
    """`1 min 04` and `s`, to be drawn in two sizes; no unit where nothing is known."""
    value, _, unit = told.rpartition(NBSP)
    return (value, unit) if value else (told, "")


def about(seconds: float | None) -> str:
    """A time nobody knows to the second: `under a second`, `about 34 s`, `about 2 min 10 s`."""
    if seconds is None:
        return "not known"
    if seconds < 1:
        return "under a second"
    whole = round(seconds)
    if whole < 60:
        return f"about {whole}{NBSP}s"
    if whole < 3600:
        return f"about {whole // 60}{NBSP}min {whole % 60 // 5 * 5:02d}{NBSP}s"
    return f"about {whole // 3600}{NBSP}h {whole % 3600 // 60:02d}{NBSP}min"


def money(usd: float | None) -> str:
    """US dollars, as fine as the amount needs: `$0`, `$0.0072`, `$1.24`, `$1,204`."""
    if usd is None:
        return NOTHING
    if usd == 0:
        return "$0"
    size = abs(usd)
    if size < 0.00005:
        return "under $0.0001"
    if size < 1:
        return f"${_fixed(usd, 4)}"
    return f"${_fixed(usd, 2 if size < 1000 else 0):,}"


def percent(share: float | None, places: int = 0) -> str:
    """A share 0..1 as a percentage: `64%`."""
    return NOTHING if share is None else f"{_fixed(share * 100, places)}%"


def times(factor: float | None) -> str:
    """A factor: `4.0×`, `58×`."""
    if factor is None:
        return NOTHING
    return f"{_fixed(factor, 1 if factor < 20 else 0):,}×"


def thousands(number: float | None) -> str:
    """A whole number with commas."""
    return NOTHING if number is None else f"{_fixed(number, 0):,}"


def plural(number: int, one: str, many: str = "") -> str:
    """`1 vote`, `3 votes`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _fixed(value: float, places: int) -> Decimal:
    return Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
