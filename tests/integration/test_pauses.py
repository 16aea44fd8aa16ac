"""Times at which nobody worked on a run, as its next owner finds them."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from runs.execution import lease
from runs.execution.figures import RunningFigures
from runs.execution.load import Loaded, load
from runs.models import Run
from tests.factories import make_run

pytestmark = pytest.mark.django_db

MINUTE_MS = 60_000


class Clock:
    at_ms = 2 * MINUTE_MS

    def now_ms(self) -> int:
        return self.at_ms


def loaded(run: Run) -> Loaded:
    claimed = lease.claim(run.pk, "test")
    assert claimed is not None
    return load(claimed)


def test_the_time_in_which_the_provider_answered_nobody_is_told_apart(user: User) -> None:
    run = make_run(user, branches=1, launched_at=timezone.now() - timedelta(minutes=2))
    clock, silent = Clock(), [True, True, False]
    figures = RunningFigures(
        loaded(run).state, clock, is_private=False, limit=1, baseline={},
        on_call=lambda seconds: None, is_silent=lambda: silent.pop(0),
    )  # fmt: skip
    for at_s in (30, 60, 90):
        clock.at_ms = at_s * 1000
        figures.live()
    assert figures.outages_ms() == [(30_000, 90_000)]


def test_the_time_that_a_person_held_a_run_is_none_of_its_wall(user: User) -> None:
    run = make_run(
        user,
        branches=1,
        launched_at=timezone.now() - timedelta(minutes=2),
        kpis={"held_since_ms": MINUTE_MS},
    )
    state = loaded(run).state
    [(start, end)] = state.held_spans_ms
    assert start == MINUTE_MS
    assert end == pytest.approx(2 * MINUTE_MS, abs=5_000)
    assert state.down_spans_ms == []
    state.held_spans_ms = [(MINUTE_MS, 2 * MINUTE_MS)]
    figures = RunningFigures(
        state, Clock(), is_private=False, limit=1, baseline={}, on_call=lambda seconds: None
    )
    assert figures.live()["wall_s"] == 60.0
    assert figures.final()["wall_s"] == 60.0
    assert figures.live()["held_spans_ms"] == [(MINUTE_MS, 2 * MINUTE_MS)]


def test_a_hold_by_a_provider_is_no_persons_and_its_excess_is_remembered(user: User) -> None:
    run = make_run(
        user,
        branches=1,
        launched_at=timezone.now() - timedelta(minutes=2),
        kpis={"held_since_ms": MINUTE_MS, "held_by": "provider", "excess": 3.0},
    )
    state = loaded(run).state
    [(start, _)] = state.quota_spans_ms
    assert (start, state.held_spans_ms) == (MINUTE_MS, [])
    assert state.excess == 3.0
