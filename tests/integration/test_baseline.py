"""A measured one-by-one time, taken from the wish to the run's KPIs."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from runs.execution import baseline, lease
from runs.models import Run
from tests.factories import make_run

pytestmark = pytest.mark.django_db


def wanted(user: User, **values: object) -> Run:
    return make_run(user, status="succeeded", baseline_wanted=3, **values)


def test_the_wish_is_taken_by_one_worker_at_a_time(user: User) -> None:
    run = wanted(user)
    taken = baseline.take(run.id, "one")
    assert taken is not None
    assert taken.calls == 3
    assert baseline.take(run.id, "two") is None
    run.refresh_from_db()
    assert run.baseline == {"measuring": 3}


def test_a_wish_whose_worker_died_is_taken_again(user: User) -> None:
    run = wanted(user)
    baseline.take(run.id, "gone")
    Run.objects.filter(id=run.id).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert baseline.take(run.id, "here") is not None
    lease.release_all()
    assert baseline.take(run.id, "after a restart") is not None


def test_an_open_run_is_not_measured(user: User) -> None:
    run = make_run(user, status="running", baseline_wanted=3)
    assert baseline.take(run.id, "one") is None
