"""What the first page asks of the database, in a fixed number of queries."""

from dataclasses import dataclass

from django.contrib.auth.models import User

from runs.models import Configuration, Run
from runs.queries import run_list

RECENT = 8


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


def examples(owner: User) -> list[Configuration]:
    """The seeded configurations that a first visit can start from."""
    rows = Configuration.objects.filter(owner=owner, is_example=True, archived_at=None)
    return list(rows.order_by("created_at"))
