"""What a worker does when its database or its lease goes away at a bad moment."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.utils import timezone

from runs.domain.errors import Fenced
from runs.domain.states import RunStatus
from runs.execution import lease, loop
from runs.execution.store import Writer
from tests.factories import make_run

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_S = 20.0


@pytest.fixture
def writer() -> Iterator[Writer]:
    writer = Writer()
    writer.start()
    yield writer
    writer.stop()


async def test_the_writer_outlives_those_who_no_longer_wait(writer: Writer) -> None:
    may_go, done = threading.Event(), Future[bool]()
    first = writer.submit(1, lambda: may_go.wait(PATIENCE_S))
    second = writer.submit(2, lambda: done.set_result(True))
    first.cancel()
    second.cancel()
    await asyncio.sleep(0)  # the cancels reach the jobs
    may_go.set()
    assert done.result(PATIENCE_S), "what was queued is written all the same"
    assert await writer.submit(3, lambda: "still there") == "still there"


def test_a_lease_that_was_given_up_is_not_renewed(user: User) -> None:
    run = make_run(user, status=RunStatus.HELD, lease_owner="", lease_until=None)
    assert lease.renew({run.pk: run.fence}) == []
    run.refresh_from_db()
    assert run.lease_until is None


def test_a_lease_that_another_holds_is_told_as_lost(user: User) -> None:
    run = make_run(user, status=RunStatus.RUNNING, lease_owner="other", fence=2)
    assert lease.renew({run.pk: 1, run.pk + 1: 1}) == [run.pk, run.pk + 1]


def test_a_run_whose_rows_cannot_be_read_for_now_is_tried_again(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(user, status=RunStatus.QUEUED, planned_at=timezone.now())
    tries, is_tried_again = [], threading.Event()

    def load(claimed: lease.Claim) -> None:
        tries.append(claimed.fence)
        if len(tries) == 1:
            raise OperationalError("terminating connection due to administrator command")
        is_tried_again.set()
        raise Fenced

    def close_reader() -> None:
        connection.close()

    monkeypatch.setattr(loop, "load", load)
    monkeypatch.setattr(lease, "LEASE", timedelta(0))
    engine = loop.EngineLoop(loop.LoopSettings(sweep_s=0.02, is_alone=False))
    engine.start()
    try:
        assert is_tried_again.wait(PATIENCE_S)
    finally:
        engine._readers.submit(close_reader).result(PATIENCE_S)
        engine.stop(0)
    run.refresh_from_db()
    assert run.status == RunStatus.QUEUED
