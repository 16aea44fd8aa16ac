"""What the first page asks of the database, in a fixed number of queries."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from runs.domain.states import ENDED_RUN
from runs.models import Configuration, Run
from runs.queries import run_list
from runs.queries.configurations import configurations_of

RECENT = 8
MOST_TOLD = 2_000


@dataclass(frozen=True, slots=True)
class Overview:
    """`values` and `tallies` are by run; `runs_count` is of all of the owner's runs."""

    live: list[Run]
    recent: list[Run]
    runs_count: int
    values: dict[int, str]
    tallies: dict[int, list[tuple[str, int]]]


def overview(owner: User) -> Overview:
    live, recent = run_list.live(owner), run_list.recent(owner, RECENT)
    return Overview(
        live=live,
        recent=recent,
        runs_count=Run.objects.filter(owner=owner).count(),
        values=run_list.root_values(recent),
        tallies=run_list.tallies(live),
    )


def kpis_since(owner: User, moment: datetime) -> list[dict[str, Any]]:
    """The figures of the runs that ended since then, the newest first; of very many, the last."""
    rows = Run.objects.filter(owner=owner, status__in=ENDED_RUN, ended_at__gte=moment)
    return list(rows.order_by("-id").values_list("kpis", flat=True)[:MOST_TOLD])


def examples(owner: User) -> list[Configuration]:
    """The seeded configurations that a first visit can start from."""
    return list(configurations_of(owner).filter(is_example=True))
