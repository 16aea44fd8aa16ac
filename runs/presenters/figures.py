"""How figures read: durations, money, percents, counts. Knows no rows and no templates."""

THIN = "–"


def duration(ms: float | None) -> str:
    """Milliseconds as people say them: `0.4 s`, `6.4 s`, `1 min 04 s`, `2 h 03 min`."""
    if ms is None:
        return THIN
    seconds = max(ms, 0) / 1000
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def seconds(value: float | None) -> str:
    """Seconds as people say them; see `duration`."""
    return duration(None if value is None else value * 1000)


def money(usd: float | None) -> str:
    """US dollars, as fine as the amount needs: `$0`, `$0.0072`, `$1.24`, `$1,204`."""
    if usd is None:
        return THIN
    if usd == 0:
        return "$0"
    size = abs(usd)
    if size < 0.00005:
        return "under $0.0001"
    if size < 1:
        return f"${usd:.4f}"
    return f"${usd:,.2f}" if size < 1000 else f"${usd:,.0f}"


def percent(share: float | None, places: int = 0) -> str:
    """A share 0..1 as a percentage: `64%`."""
    return THIN if share is None else f"{share * 100:.{places}f}%"


def times(factor: float | None) -> str:
    """A factor: `4.0×`, `58×`."""
    if factor is None:
        return THIN
    return f"{factor:.1f}×" if factor < 20 else f"{factor:,.0f}×"


def thousands(number: float | None) -> str:
    """A whole number with commas."""
    return THIN if number is None else f"{round(number):,}"


def plural(number: int, one: str, many: str = "") -> str:
    """`1 vote`, `3 votes`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
