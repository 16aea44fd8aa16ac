"""How many votes are worth it: the vote curve of a nested run as a drawing and as a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log, log10

from runs.metrics import gold
from runs.metrics.curve import Curve, Point, Question, vote_curve
from runs.models import Run
from runs.presenters import figures
from runs.queries import nested as queries

WIDTH, HEIGHT = 520.0, 270.0
LEFT, TOP, BOTTOM = 46.0, 14.0, 34.0
LETTER = 8.0  # the width of a digit in the drawing, on a phone
GAP = 8.0  # between the drawing and the words beside it
TICKS = (1, 3, 5, 9, 15, 25, 40, 60, 80, 100, 200, 400, 1_000, 4_000, 10_000)
MOST_LINES = 5
STEPS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
DUES_LINES = 4
NARROW = 30.0  # least distance of two ticks' words


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """In a box of WIDTH × HEIGHT. `dues` is the line of cost (or tokens); empty where unknown."""

    width: float
    height: float
    left: float
    right: float
    bottom: float
    line: str
    band: str
    dues: str
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    up_dues: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    title: str
    what: str
    dues_are: str
    sentence: str
    notes: tuple[str, ...]
    drawing: Drawing
    points: tuple[Point, ...]


def vote_curve_of(run: Run) -> Shown | None:
    """None where fewer votes cannot be told from the branches: another method, or no vote ended."""
    if run.spec["join"]["method"] != "majority":
        return None
    ties = run.spec["join"].get("ties")
    questions = [_question(*each) for each in queries.votes_of_ended(run)]
    found = vote_curve(
        questions, gold.is_hit, ties="first_seen" if ties == "first_seen" else "declare"
    )
    return _shown(found) if found is not None and len(found.points) > 1 else None


def _question(answer: str | None, votes: Sequence[queries.VoteRow]) -> Question:
    return Question(
        [reading or None for reading, _, _ in votes],
        None if answer is None else [answer],
        [cost for _, cost, _ in votes],
        [tokens for _, _, tokens in votes],
    )


def _shown(curve: Curve) -> Shown:
    dues, dues_are = _dues(curve)
    what = "accuracy" if curve.of == "accuracy" else "agreement with the full vote"
    notes = []
    if curve.stopped:
        rows = figures.plural(curve.stopped, "row")
        notes.append(f"{rows} stopped early and count on with the answer they ended on.")
    if curve.left_out:
        notes.append(f"{figures.plural(curve.left_out, 'row')} left out: nothing to compare with.")
    return Shown(
        title="What more votes bring",
        what=what,
        dues_are=dues_are,
        sentence=_sentence(curve, what),
        notes=tuple(notes),
        drawing=_drawing(curve.points, dues, dues_are),
        points=_told(curve.points),
    )


def _dues(curve: Curve) -> tuple[list[float], str]:
    """What the votes cost a row in the mean: money where there is any, else tokens."""
    costs = [point.cost_usd for point in curve.points if point.cost_usd]
    if len(costs) == len(curve.points):
        return costs, "cost a row"
    tokens = [point.tokens for point in curve.points if point.tokens]
    return (tokens, "tokens a row") if len(tokens) == len(curve.points) else ([], "")


def _sentence(curve: Curve, what: str) -> str:
    last = curve.points[-1]
    enough = next(p for p in curve.points if p.low <= last.share <= p.high)
    gain = figures.percent(last.share, 1)
    if enough.votes == last.votes:
        return f"Up to {last.votes:,} votes every further vote still told: {what} {gain}."
    at = figures.percent(enough.share, 1)
    return (
        f"With {figures.plural(enough.votes, 'vote')} the {what} is {at}, with {last.votes:,} it "
        f"is {gain}: past {enough.votes:,} the gain is within the interval."
    )


def _told(points: Sequence[Point]) -> tuple[Point, ...]:
    wanted = {*TICKS, points[-1].votes}
    return tuple(point for point in points if point.votes in wanted)


# The drawing


def _drawing(points: Sequence[Point], dues: Sequence[float], dues_are: str) -> Drawing:
    low, high, step = _span(points)
    most_dues = max(dues, default=0.0)
    words = _dues_words(most_dues, dues_are)
    right = WIDTH - 2 * GAP - LETTER * max(map(len, words), default=0)
    xs = [_x(point.votes, points[-1].votes, right) for point in points]

    def y(share: float) -> float:
        return TOP + (high - share) / (high - low) * (HEIGHT - TOP - BOTTOM)

    upper = [(x, y(point.high)) for x, point in zip(xs, points, strict=True)]
    lower = [(x, y(point.low)) for x, point in zip(xs, points, strict=True)]
    bottom = HEIGHT - BOTTOM
    scale = (bottom - TOP) / most_dues if most_dues else 0.0
    count = round((high - low) / step)
    return Drawing(
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=round(right, 1),
        bottom=bottom,
        line=_line([(x, y(point.share)) for x, point in zip(xs, points, strict=True)]),
        band=_line([*upper, *reversed(lower)]),
        dues=_line([(x, bottom - due * scale) for x, due in zip(xs, dues, strict=False)]),
        across=_across(points[-1].votes, right),
        up=tuple(
            Tick(round(y(low + n * step), 1), _percent(low + n * step, step))
            for n in range(count + 1)
        ),
        up_dues=tuple(
            Tick(round(bottom - n / DUES_LINES * most_dues * scale, 1), word)
            for n, word in enumerate(words)
        ),
    )


def _span(points: Sequence[Point]) -> tuple[float, float, float]:
    """The shares that the axis shows, on round figures, and the step of its lines."""
    low, high = min(p.low for p in points), max(p.high for p in points)
    step = next((step for step in STEPS if (high - low) / step <= MOST_LINES), STEPS[-1])
    return int(low / step) * step, min(-int(-high / step - 0.999999) * step, 1.0), step


def _x(votes: int, most: int, right: float) -> float:
    """Votes on a scale of their logarithm."""
    return LEFT + log(votes) / log(max(most, 2)) * (right - LEFT)


def _across(most: int, right: float) -> tuple[Tick, ...]:
    found: list[Tick] = []
    for votes in sorted({*(tick for tick in TICKS if tick < most), most}, reverse=True):
        at = round(_x(votes, most, right), 1)
        if not found or found[-1].at - at >= NARROW:
            found.append(Tick(at, f"{votes:,}"))
    return tuple(reversed(found))


def _line(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _percent(share: float, step: float) -> str:
    return figures.percent(share, 0 if step >= 0.01 else 1)


def _dues_words(most: float, dues_are: str) -> list[str]:
    """Of the lines from nothing to the most: money as fine as the steps between them need."""
    amounts = [n / DUES_LINES * most for n in range(DUES_LINES + 1)] if most else []
    if not dues_are.startswith("cost"):
        return [figures.thousands(amount) for amount in amounts]
    places = 2 if most >= DUES_LINES else 1 - floor(log10(most / DUES_LINES)) if most else 0
    return [f"${amount:,.{places}f}" if amount else "$0" for amount in amounts]
