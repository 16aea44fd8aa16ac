"""What is kept of the gates' changes, and what a restart finds of them."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from runs.engine.protocols import StoreUnavailable
from runs.execution import changes, concurrency, lease, rules
from runs.execution.changes import Changes
from runs.execution.compose import Workshop
from runs.execution.limiter import Change
from runs.execution.load import LoadedConnection, load
from runs.execution.writer import Writer
from runs.models import LimiterChange, LimiterState, Run
from tests.factories import make_branch, make_connection, make_run

pytestmark = pytest.mark.django_db(transaction=True)


async def test_the_last_pause_of_a_gate_is_saved(user: User, writer: Writer) -> None:
    made = await asyncio.to_thread(make_connection, user)
    kept = Changes(writer)
    for until in (10.0, 20.0, 30.0):
        kept.note(made.pk, "m", Change(1.0, 4, until, rules.THROTTLED))
    await kept.close()
    await writer.submit(0, lambda: None)
    found = await asyncio.to_thread(LimiterState.objects.get)
    assert found.not_before == datetime.fromtimestamp(30.0, UTC)


async def test_no_change_of_a_breaker_is_dropped_within_the_second(
    user: User, writer: Writer
) -> None:
    made = await asyncio.to_thread(make_connection, user)
    kept = Changes(writer)
    told = [
        rules.THROTTLED, rules.SILENT, rules.ANSWERS_AGAIN, rules.SUCCEEDS, rules.SUCCEEDS,
        rules.SILENT, rules.ANSWERS_AGAIN, rules.THROTTLED,
    ]  # fmt: skip
    for number, reason in enumerate(told):
        kept.note(made.pk, "m", Change(1.0 + number / 100, 4, 0.0, reason))
    await kept.close()
    await writer.submit(0, lambda: None)
    rows = await asyncio.to_thread(
        lambda: list(LimiterChange.objects.order_by("id").values_list("reason", flat=True))
    )
    assert rows == [
        rules.THROTTLED, rules.SILENT, rules.ANSWERS_AGAIN, rules.SUCCEEDS,
        rules.SILENT, rules.ANSWERS_AGAIN, rules.THROTTLED,
    ]  # fmt: skip


async def test_a_change_of_a_breaker_waits_for_a_database_that_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(changes, "SAVE_EVERY_S", 0.0)
    monkeypatch.setattr(changes, "save_state", lambda *values: None)
    monkeypatch.setattr(changes, "save_row", lambda *values: rows.append(values[-1].reason))
    rows: list[str] = []
    is_kept = asyncio.Event()

    class Away:
        failures = 3

        def submit(self, run_id: int, work: Callable[[], Any]) -> "asyncio.Future[Any]":
            done = asyncio.get_running_loop().create_future()
            if self.failures:
                self.failures -= 1
                done.set_exception(StoreUnavailable("away"))
            else:
                done.set_result(work())
                is_kept.set()
            return done

    kept = Changes(Away())  # type: ignore[arg-type]
    kept.note(1, "m", Change(1.0, 4, 0.0, rules.SILENT))
    await asyncio.wait_for(is_kept.wait(), 5)
    assert rows == [rules.SILENT]


def a_run(user: User, *told: tuple[float, str], model: str = "simulated") -> Run:
    """Launched two minutes ago, with one branch; `told`: its gate's changes and their seconds."""
    connection = make_connection(user, name="Simulated")
    launched_at = timezone.now() - timedelta(minutes=2)
    frozen = {"Simulated": {"id": connection.pk, "kind": "simulated"}}
    run = make_run(user, launched_at=launched_at, connections=frozen)
    make_branch(run, 0, status="pending")
    for at_s, reason in told:
        LimiterChange.objects.create(
            connection=connection, model=model, limit=8, reason=reason,
            at=launched_at + timedelta(seconds=at_s),
        )  # fmt: skip
    return run


def outages_s(run: Run) -> list[tuple[float, float]]:
    claimed = lease.claim(run.pk, "test")
    assert claimed is not None
    return [(begin / 1000, end / 1000) for begin, end in load(claimed).outages_ms]


def test_outages_are_known_again_after_a_restart(user: User) -> None:
    run = a_run(
        user,
        (-90, rules.SILENT), (-60, rules.ANSWERS_AGAIN), (-5, rules.SILENT),
        (5, rules.ANSWERS_AGAIN), (20, rules.SILENT), (30, rules.THROTTLED),
        (40, rules.ANSWERS_AGAIN), (50, rules.SILENT),
    )  # fmt: skip
    first, second, (begin, end) = outages_s(run)
    assert (first, second, begin) == ((0, 5), (20, 40), 50)
    assert end == pytest.approx(120, abs=5), "it lasts"


def test_an_outage_of_another_model_is_none_of_the_runs(user: User) -> None:
    run = a_run(user, (10, rules.SILENT), (20, rules.ANSWERS_AGAIN), model="another")
    assert outages_s(run) == []


@pytest.mark.parametrize(
    ("is_private", "redis_url", "slots"),
    [
        (True, "", 200),
        (False, "", concurrency.FIRST),
        (True, "redis://127.0.0.1:1/0", concurrency.FIRST),
        (False, "redis://127.0.0.1:1/0", concurrency.FIRST),
    ],
)
async def test_only_what_one_process_has_alone_begins_with_all_its_slots(
    user: User, writer: Writer, is_private: bool, redis_url: str, slots: int
) -> None:
    made = await asyncio.to_thread(make_connection, user)
    connection = LoadedConnection(
        id=made.pk, mapping={}, in_flight=200, calls_per_minute=None, tokens_per_minute=None,
        is_private=is_private, prices={}, not_before={"m": timezone.now() - timedelta(days=1)},
    )  # fmt: skip
    workshop = Workshop(writer, None, workers=1, private_hosts=(), redis_url=redis_url)  # type: ignore[arg-type]
    gate = workshop._gate(connection, "m")
    first = gate._rules._request() if redis_url else None
    assert (gate.limit if first is None else 200 if first.known else concurrency.FIRST) == slots
    await workshop.close()
