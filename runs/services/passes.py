"""Passes of an ended run: joining again, letting a pass count, calling one off.

A worker finds a pass without an end and works it through; here it is only wished for. Letting one
count copies what it gave to the run and its joins; the outcomes of every pass stay.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from runs.aggregation import registry
from runs.domain.errors import Conflict, InvalidConfiguration, InvalidInput
from runs.domain.plan import CHILD_ROLES, Role
from runs.domain.results import FAILED_OUTCOMES, ContributionKind, OutcomeKind, ended_status
from runs.domain.states import ENDED_RUN, BranchStatus, JoinStatus, RunStatus
from runs.models import Answer, Branch, Join, Outcome, Pass, Run, row_id
from runs.models.wishes import wish
from runs.planning import again
from runs.planning.callers import Caller, asked_by
from runs.planning.configuration import Configuration
from runs.queries import passes as queries
from runs.services import resolving
from runs.services.waking import tell

QUALITY_KPIS = ("coverage", "agreement", "margin", "accuracy")
ROWS_A_CHUNK = 1_000


def check(run: Run, changes: Mapping[str, Any]) -> Configuration:
    """The run's configuration under the changes. Raises `InvalidConfiguration` with all that is
    wrong: settings that do not fit, a model that cannot be asked."""
    configuration = again.changed(run.spec, changes)
    _connections(run, configuration)
    return configuration


def join_again(*, run: Run, changes: Mapping[str, Any], n: int | None = None) -> Pass:
    """Wish for a pass of an ended run with these settings, and ring the workers on commit.

    `n` is the number that the pass is to have: the same wish sent twice is one pass. Raises
    `InvalidConfiguration`, and `Conflict` while the run or another pass is at work, or where a
    pass `n` with other settings is there already.
    """
    configuration = again.changed(run.spec, changes)
    frozen = _connections(run, configuration)
    settings = again.settings_of(configuration)
    with transaction.atomic():
        locked = Run.objects.select_for_update().get(pk=run.pk)
        passes = queries.passes_of(locked)
        earlier = next((one for one in passes if one.n == n), None)
        if earlier is not None:
            return _same(earlier, settings)
        _refuse(locked, passes)
        _keep_first(locked, passes)
        number = max((one.n for one in passes), default=queries.FIRST) + 1
        made = Pass.objects.create(
            run=locked, n=number, kind=Pass.Kind.AGAIN, settings=settings, status=RunStatus.QUEUED
        )
        _wish(run, cancel_wanted=False, hold_wanted=False, connections=frozen)
    return made


def cancel_pass(*, run: Run) -> None:
    """Ask for the end of the pass that is at work. Nothing where there is none."""
    with transaction.atomic():
        locked = Run.objects.select_for_update().get(pk=run.pk)
        if queries.open_pass(locked) is not None:
            _wish(locked, cancel_wanted=True)


def choose(*, run: Run, n: int) -> Run:
    """Let what pass `n` gave count: the run, its figures and its joins show it from now on.

    Raises `Conflict` where the pass gave nothing, or another is at work.
    """
    chosen = queries.pass_at(run, n)
    if chosen is None:
        raise Conflict(f"This run has no pass {n}.")
    configuration = again.changed(run.spec, chosen.settings)
    readings = dict(_readings(run, configuration))
    with transaction.atomic():
        locked = Run.objects.select_for_update().get(pk=run.pk)
        passes = queries.passes_of(locked)
        chosen = next(one for one in passes if one.n == n)
        if locked.chosen_pass == n:
            return locked
        _refuse_open(locked)
        outcomes = {row.join_id: row for row in Outcome.objects.filter(run=locked, pass_n=n)}
        root = outcomes.get(row_id(locked.pk, 0))
        if root is None:
            raise Conflict(f"Pass {n} gave no outcome: it cannot count.")
        _keep_first(locked, passes)
        seq = _count(locked, chosen, configuration, root, outcomes.values())
        _copy_joins(locked, outcomes, seq)
        _copy_readings(readings, seq)
    return Run.objects.get(pk=run.pk)


# What is refused


def _refuse(run: Run, passes: Sequence[Pass]) -> None:
    if run.status not in ENDED_RUN:
        raise Conflict("Wait until the run has ended, then join its answers again.")
    _refuse_open(run)
    if run.baseline_wanted is not None:
        raise Conflict("The run's baseline is being measured: wait until that has ended.")
    if not queries.answered(run):
        raise Conflict("No branch of this run has an answer that could be joined.")


def _refuse_open(run: Run) -> None:
    found = queries.open_pass(run)
    if found is not None:
        raise Conflict(f"Pass {found.n} is still at work: wait for its end, or cancel it.")


def _same(earlier: Pass, settings: Mapping[str, Any]) -> Pass:
    if earlier.kind == Pass.Kind.AGAIN and earlier.settings == settings:
        return earlier
    raise Conflict(
        f"Pass {earlier.n} was made meanwhile with other settings. Load the page again first."
    )


def _connections(run: Run, configuration: Configuration) -> dict[str, Any]:
    """The run's frozen connections with those that its joins are to ask now; a price once frozen
    stays. Raises `InvalidConfiguration`."""
    uses = list(asked_by(configuration))
    found, errors = resolving.connections(run.owner, configuration, uses)
    if run.budget_usd is not None and run.budget_calls is None and run.budget_tokens is None:
        errors += [_unpriced(use) for use in uses if found.prices.get(use.key, 0) is None]
    if errors:
        raise InvalidConfiguration(errors)
    frozen = dict(run.connections)
    for name, new in found.frozen().items():
        old = frozen.get(name)
        if old is None:
            frozen[name] = new
        else:
            frozen[name] = {**old, "prices": {**new["prices"], **old.get("prices", {})}}
    return frozen


def _unpriced(use: Caller) -> InvalidInput:
    return InvalidInput(
        f"The price of {use.model} on {use.connection} is unknown, so this run's cap on money "
        "cannot be kept: choose another model, or enter the price with the provider.",
        f"{use.field}.model",
    )


# What is written


def _keep_first(run: Run, passes: Sequence[Pass]) -> None:
    """What the first pass gave, before another may take its place in the run's own columns."""
    first = next((one for one in passes if one.n == queries.FIRST), None)
    if first is None or first.status or run.chosen_pass != queries.FIRST:
        return
    Pass.objects.filter(pk=first.pk).update(
        status=run.status,
        outcome=run.outcome,
        reason=run.reason,
        calls=run.calls,
        spent_usd=run.spent_usd,
        ended_at=run.ended_at or timezone.now(),
    )


def _count(
    run: Run,
    chosen: Pass,
    configuration: Configuration,
    root: Outcome,
    outcomes: Iterable[Outcome],
) -> int:
    figures = {name: root.quality[name] for name in QUALITY_KPIS if name in root.quality}
    gone = dict.fromkeys(QUALITY_KPIS[:3])
    kpis = {name: value for name, value in run.kpis.items() if name != "accuracy"}
    return _wish(
        run,
        chosen_pass=chosen.n,
        method=configuration.join.method,
        status=_status(root, outcomes),
        outcome=root.kind,
        reason=chosen.reason or root.detail[:300],
        kpis={**kpis, **gone, **figures},
    )


def _status(root: Outcome, outcomes: Iterable[Outcome]) -> RunStatus:
    kinds = (ContributionKind(entry[1]) for one in outcomes for entry in one.contributions)
    return ended_status(OutcomeKind(root.kind), kinds)


def _copy_joins(run: Run, outcomes: Mapping[int, Outcome], seq: int) -> None:
    joins = Join.objects.filter(run=run, pk__in=Outcome.objects.filter(run=run).values("join_id"))
    for chunk in _chunks(joins.iterator(chunk_size=ROWS_A_CHUNK)):
        known = [join for join in chunk if join.pk in outcomes]
        for join in known:
            given = outcomes[join.pk]
            is_failed = given.kind in FAILED_OUTCOMES
            join.status = JoinStatus.FAILED if is_failed else JoinStatus.DONE
            join.outcome, join.value = given.kind, given.value or ""
            join.quality, join.seq = given.quality, seq
        Join.objects.bulk_create(
            known,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["status", "outcome", "value", "quality", "seq"],
        )


def _readings(run: Run, configuration: Configuration) -> Iterator[tuple[int, str]]:
    """What the join now reads from each answer, by branch id, where that is not what stands."""
    rows = Answer.objects.filter(
        branch__run=run, branch__role__in=CHILD_ROLES, branch__status=BranchStatus.SUCCEEDED
    ).values_list("branch_id", "branch__role", "branch__reading", "text")
    for pk, role, before, text in rows.iterator(chunk_size=ROWS_A_CHUNK):
        reading = (registry.read(configuration.join, text, Role(role)) or "")[:200]
        reading = reading.replace("\x00", "")
        if reading != before:
            yield pk, reading


def _copy_readings(readings: Mapping[int, str], seq: int) -> None:
    """One statement for many rows: an update with a case a row is slow for thousands of them."""
    table = connection.ops.quote_name(Branch._meta.db_table)
    changed = [(reading, seq, pk) for pk, reading in readings.items()]
    with connection.cursor() as cursor:
        for chunk in _chunks(iter(changed)):
            cursor.executemany(
                f"UPDATE {table} SET reading = %s, seq = %s WHERE id = %s",  # noqa: S608 (our name)
                chunk,
            )


def _chunks(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while chunk := list(islice(rows, ROWS_A_CHUNK)):
        yield chunk


def _wish(run: Run, **columns: object) -> int:
    seq = wish(run.pk, **columns)
    if seq is None:
        raise Conflict("This run has been deleted meanwhile.")
    tell(run.pk, seq)
    return seq
