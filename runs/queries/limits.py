"""Reads of the limiters' histories: what the gates in front of a run's calls did meanwhile."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from runs.domain.errors import InvalidConfiguration
from runs.models import LimiterChange, Run
from runs.planning import configuration
from runs.planning.callers import Key, callers

LEAST_SHUT_MS = 50  # less is over before anybody sees it
MOST = 5_000  # changes read of a run: about as many seconds


@dataclass(frozen=True, slots=True)
class Change:
    """Times in ms since the run's launch; `shut_until_ms` None where nothing was shut."""

    at_ms: int
    limit: int
    shut_until_ms: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class History:
    """Of one gate. `first`: the limit as the run began, None where it had never changed."""

    connection: str
    model: str
    first: int | None
    changes: tuple[Change, ...]


def histories(run: Run) -> list[History]:
    """The gates of a run, the one of its own calls first, with their changes while it ran."""
    if run.launched_at is None:
        return []
    end = run.ended_at or timezone.now()
    keys = _keys(run)
    ids: dict[str, int] = {
        name: frozen["id"] for name, frozen in run.connections.items() if frozen.get("id")
    }
    rows = LimiterChange.objects.filter(
        connection_id__in={ids[name] for name, _ in keys if name in ids},
        at__gte=run.launched_at,
        at__lte=end,
    ).order_by("-at", "-id")
    found: dict[tuple[int, str], list[Change]] = defaultdict(list)
    for row in reversed(rows[:MOST]):
        found[row.connection_id, row.model].append(_change(run.launched_at, row))
    return [
        _history(run, name, model, ids[name], found[ids[name], model])
        for name, model in keys
        if name in ids
    ]


def _keys(run: Run) -> list[Key]:
    try:
        asked: Iterable[Key] = (one.key for one in callers(configuration.parse(run.spec)))
        return list(dict.fromkeys(asked))
    except InvalidConfiguration:  # of an older version: its own calls are known all the same
        call = run.spec.get("call", {})
        return [(call.get("connection", ""), call.get("model", ""))]


def _history(run: Run, name: str, model: str, connection_id: int, changes: list[Change]) -> History:
    """A gate that was new at the first call had not changed before: there it begins."""
    if changes and changes[0].reason == LimiterChange.START:
        return History(name, model, changes[0].limit, tuple(changes[1:]))
    return History(name, model, _before(run, connection_id, model), tuple(changes))


def _before(run: Run, connection_id: int, model: str) -> int | None:
    rows = LimiterChange.objects.filter(
        connection_id=connection_id, model=model, at__lt=run.launched_at
    )
    return rows.order_by("-at", "-id").values_list("limit", flat=True).first()


def _change(launched_at: datetime, row: LimiterChange) -> Change:
    at_ms = _ms(launched_at, row.at)
    shut_ms = None if row.not_before is None else _ms(launched_at, row.not_before)
    is_shut = shut_ms is not None and shut_ms > at_ms + LEAST_SHUT_MS
    return Change(at_ms, row.limit, shut_ms if is_shut else None, row.reason)


def _ms(start: datetime, end: datetime) -> int:
    return round((end - start).total_seconds() * 1000)
