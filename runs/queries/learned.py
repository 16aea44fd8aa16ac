"""What one owner's earlier runs showed of calls like those of a configuration: two quick looks."""

from collections.abc import Iterator, Mapping

from django.contrib.auth.models import User
from django.db.models import QuerySet

from runs.models import Connection, Learned
from runs.planning.callers import callers
from runs.planning.configuration import Configuration
from runs.planning.history import RUNS_LOOKED_AT, History, Past
from runs.planning.workload import prints

KINDS_A_RUN = 4  # of calls, that a run with several prompts or models usually has
COLUMNS = [name for name in Past.__dataclass_fields__ if name not in {"run", "connection"}]


def history(
    owner: User, configuration: Configuration, connections: Mapping[str, Connection]
) -> History:
    """`connections`: those of the configuration, by name; one not stored yet has no past."""
    names = {row.pk: name for name, row in connections.items() if row.pk is not None}
    asked = prints(configuration)
    models = {caller.model for caller in callers(configuration)}
    own = Learned.objects.filter(owner=owner)
    alike = own.filter(asks__in=asked)[: RUNS_LOOKED_AT * KINDS_A_RUN * len(asked)]
    timed = own.filter(connection__in=names, model__in=models)
    timed = timed[: RUNS_LOOKED_AT * KINDS_A_RUN * len(models)]
    found = {row_id: past for rows in (alike, timed) for row_id, past in _past(rows, names)}
    return History(sorted(found.values(), key=lambda past: past.run, reverse=True))


def _past(rows: QuerySet[Learned], names: Mapping[int, str]) -> Iterator[tuple[int, Past]]:
    for row_id, run, connection, *values in rows.values_list(
        "pk", "run_id", "connection_id", *COLUMNS
    ):
        known = dict(zip(COLUMNS, values, strict=True))
        yield row_id, Past(run=run, connection=names.get(connection, ""), **known)
