"""Launching: from a configuration and its input to a run that workers can claim.

Everything that can be refused is refused before the first row is written.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import chain, islice
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F, Max, Model
from django.utils import timezone

from runs.domain.errors import Conflict, InvalidConfiguration, InvalidInput
from runs.domain.plan import Item, Plan, PlannedJoin
from runs.models import Configuration as ConfigurationRow
from runs.models import Item as ItemRow
from runs.models import Join, Pass, Run, row_id
from runs.planning import build, inputs
from runs.planning import configuration as configurations
from runs.planning import estimate as estimating
from runs.planning.configuration import Configuration
from runs.planning.estimate import Estimate
from runs.planning.inputs import Material
from runs.queries import learned
from runs.services import resolving
from runs.services.erasing import erase
from runs.services.resolving import Connections
from runs.services.waking import tell

ROWS_A_CHUNK = 1_000
ABANDONED = timedelta(minutes=10)  # a run half written for so long will never be finished
LONGEST_KEY = 64
FIRST_SEQ = 1  # rows of a launch carry it, so that a viewer at 0 is sent them


@dataclass(frozen=True, slots=True)
class Prepared:
    """A launch with nothing left to ask: texts in place, names found, plan made."""

    configuration: Configuration
    items: tuple[Item, ...]
    plan: Plan
    connections: Connections
    estimate: Estimate
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a launch would do, as far as it can be told; `errors` say why it could not be."""

    plan: Plan | None = None
    estimate: Estimate | None = None
    warnings: tuple[str, ...] = ()
    errors: tuple[InvalidInput, ...] = ()


def preview(owner: User, configuration: Configuration, material: Material | None = None) -> Preview:
    """The plan and estimate of a launch that is not made. Writes nothing, raises nothing."""
    try:
        ready = prepare(owner, configuration, material=material)
    except InvalidConfiguration as error:
        return Preview(errors=tuple(error.errors))
    return Preview(ready.plan, ready.estimate, ready.warnings)


def prepare(
    owner: User,
    configuration: Configuration,
    *,
    material: Material | None = None,
    items: Sequence[Item] | None = None,
) -> Prepared:
    """Find everything a launch needs. Input is `items`, else `material`, else what the
    configuration carries. Raises `InvalidConfiguration` with all that is wrong."""
    resolved, errors = resolving.with_texts(owner, configuration)
    found, more = resolving.connections(owner, resolved)
    errors += more
    try:
        ready = tuple(items) if items is not None else _items(owner, resolved, material)
        plan = build.plan(resolved, ready)
        if not errors:
            estimating.refuse_blind_cap(resolved, found.prices)
    except InvalidInput as error:
        raise _united(errors, [error]) from error
    except InvalidConfiguration as error:
        raise _united(errors, error.errors) from error
    if errors:
        raise InvalidConfiguration(errors)
    history = learned.history(owner, resolved, found.rows)
    figures = estimating.estimate(resolved, plan, found.prices, found.limits(), history)
    warnings = tuple(dict.fromkeys([*plan.warnings, *figures.warnings]))
    return Prepared(resolved, ready, plan, found, figures, warnings)


def launch_run(
    *,
    owner: User,
    configuration: Configuration,
    row: ConfigurationRow | None = None,
    items: Sequence[Item] | None = None,
    material: Material | None = None,
    idempotency_key: str | None = None,
) -> Run:
    """Write a run, its items and joins, and ring the workers on commit.

    The same key with the same content gives the same run. Raises `InvalidConfiguration` with all
    that is wrong, `Conflict` for a key that was used with other content.
    """
    ready = prepare(owner, configuration, items=items, material=material)
    key = idempotency_key and _short(idempotency_key)
    content = _content_hash(ready, row)
    if key:
        earlier = _earlier(owner, key, content)
        if earlier is not None:
            return earlier
    _clear_abandoned(owner)
    try:
        resolving.store_provider(owner, ready.configuration)
    except InvalidInput as error:
        raise InvalidConfiguration([error]) from error
    if ready.configuration.provider is not None:
        ready = prepare(owner, configuration, items=ready.items)  # its connection has an id now
    try:
        return _write(owner, row, ready, key, content)
    except IntegrityError:
        # Somebody was quicker with the same key.
        earlier = _earlier(owner, key, content) if key else None
        if earlier is None:
            raise
        return earlier


def run_again(*, run: Run, idempotency_key: str | None = None) -> Run:
    """Launch a run's frozen configuration on its frozen input once more."""
    rows = ItemRow.objects.filter(run=run).values_list("number", "label", "fields", "gold")
    return launch_run(
        owner=run.owner,
        configuration=configurations.parse(run.spec),
        row=run.configuration,
        items=[Item(*row) for row in rows],
        idempotency_key=idempotency_key,
    )


def _items(
    owner: User, configuration: Configuration, material: Material | None
) -> tuple[Item, ...]:
    if material is not None:
        return inputs.items_from(configuration, material)
    source = resolving.source(owner, configuration.input)
    return source.with_gold(inputs.items_from(configuration, source.material))


def _united(first: list[InvalidInput], more: list[InvalidInput]) -> InvalidConfiguration:
    """One error a field: what is not found is also not written, which says less."""
    by_field = {error.field: error for error in [*more, *first]}
    return InvalidConfiguration(list(by_field.values()))


def _content_hash(ready: Prepared, row: ConfigurationRow | None) -> str:
    items = [(item.label, dict(item.fields), item.gold) for item in ready.items]
    content = [_spec(ready.configuration), items, row.pk if row else None]
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _short(key: str) -> str:
    """A key of any length as one that its column holds."""
    return key if len(key) <= LONGEST_KEY else hashlib.sha256(key.encode()).hexdigest()


def _spec(configuration: Configuration) -> dict[str, Any]:
    """The frozen configuration; its input is kept as the run's items."""
    spec = configurations.dump(configuration)
    spec.pop("input", None)
    return spec


def _earlier(owner: User, key: str, content: str) -> Run | None:
    """The run launched with this key. Raises `Conflict` where its content was another."""
    found = Run.objects.filter(owner=owner, idempotency_key=key).first()
    if found is None:
        return None
    if found.content_hash != content:
        raise Conflict("This form was already sent with other content. Load it again and relaunch.")
    if found.planned_at is None and found.created_at < timezone.now() - ABANDONED:
        erase(found.pk)
        return None
    return found


def _clear_abandoned(owner: User) -> None:
    """Runs whose launch was cut off before they could be claimed: nobody was told of them."""
    before = timezone.now() - ABANDONED
    for run_id in Run.objects.filter(
        owner=owner, planned_at__isnull=True, created_at__lt=before
    ).values_list("pk", flat=True):
        erase(run_id)


def _write(
    owner: User, row: ConfigurationRow | None, ready: Prepared, key: str | None, content: str
) -> Run:
    """A small run in one transaction; the rows of a large one in chunks, so that other writers get
    their turn. It can be claimed once `planned_at` is set, with the last of them."""
    if len(ready.items) + len(ready.plan.joins) <= ROWS_A_CHUNK:
        with transaction.atomic():
            run = _write_run(owner, row, ready, key, content)
            for chunk in _chunks(run, ready):
                _insert(chunk)
            _open(run)
        return run
    run = _write_run(owner, row, ready, key, content)
    try:
        for chunk in _chunks(run, ready):
            _insert(chunk)
        _open(run)
    except BaseException:
        erase(run.pk)
        raise
    return run


@transaction.atomic
def _write_run(
    owner: User, row: ConfigurationRow | None, ready: Prepared, key: str | None, content: str
) -> Run:
    configuration = ready.configuration
    run = Run.objects.create(
        owner=owner,
        configuration=row,
        name=configuration.name,
        number=_next_number(owner, row, configuration.name),
        pattern=configuration.pattern,
        method=configuration.join.method,
        spec=_spec(configuration),
        connections=ready.connections.frozen(),
        is_simulated=ready.connections.is_simulated,
        is_replayed=ready.connections.is_replayed,
        warnings=list(ready.warnings),
        estimate=asdict(ready.estimate),
        idempotency_key=key,
        content_hash=content,
        budget_usd=configuration.limits.cost_usd,
        budget_calls=configuration.limits.calls,
        budget_tokens=configuration.limits.tokens,
        branches_planned=ready.plan.child_branches,
        seq=FIRST_SEQ,
    )
    Pass.objects.create(run=run, n=1)
    return run


def _next_number(owner: User, row: ConfigurationRow | None, name: str) -> int:
    """A run's number under its configuration; files without one count by their name."""
    if row is None:
        runs = Run.objects.filter(owner=owner, configuration__isnull=True, name=name)
        return int(runs.aggregate(most=Max("number"))["most"] or 0) + 1
    rows = ConfigurationRow.objects.filter(pk=row.pk)
    rows.update(next_run_number=F("next_run_number") + 1)
    return int(rows.values_list("next_run_number", flat=True).get()) - 1


def _chunks(run: Run, ready: Prepared) -> Iterator[Sequence[Model]]:
    items: Iterable[Model] = (
        ItemRow(
            run=run,
            number=item.index,
            label=item.label,
            fields=dict(item.fields),
            gold=item.gold,
        )
        for item in ready.items
    )
    joins = (_join_row(run, join) for join in ready.plan.joins)
    return chain(_batches(items), _batches(joins))


def _batches(rows: Iterable[Model]) -> Iterator[Sequence[Model]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, ROWS_A_CHUNK)):
        yield chunk


def _join_row(run: Run, join: PlannedJoin) -> Join:
    return Join(
        id=row_id(run.pk, join.index),
        run=run,
        number=join.index,
        parent_number=join.parent,
        position=join.position,
        label=join.label,
        item_number=join.item,
        children=join.children,
        branches_are_children=join.branches_are_children,
        seq=FIRST_SEQ,
    )


def _insert(rows: Sequence[Model]) -> None:
    type(rows[0])._default_manager.bulk_create(rows)


@transaction.atomic
def _open(run: Run) -> None:
    """From now on workers may claim it; its clock starts."""
    run.planned_at = run.launched_at = timezone.now()
    run.save(update_fields=["planned_at", "launched_at"])
    tell(run.pk, run.seq)
