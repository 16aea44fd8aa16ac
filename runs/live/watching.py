"""Telling a run's owner which branches somebody looks at, so that it passes on their text."""

from collections.abc import Collection

from django.db import transaction
from django.utils import timezone

from runs.domain.states import OPEN_RUN
from runs.models import Run
from runs.models.wishes import wish

WATCH_MS = 45_000  # a viewer that is still there asks again before
MOST_WATCHED = 64


def watch(run_id: int, numbers: Collection[int]) -> int | None:
    """Ask for the text of these branches for a while; the run's new number, None if the run has
    ended or is gone."""
    with transaction.atomic():
        run = Run.objects.select_for_update().filter(pk=run_id, status__in=OPEN_RUN).first()
        if run is None:
            return None
        now_ms = _elapsed_ms(run)
        kept = {number: until for number, until in run.watched.items() if until > now_ms}
        asked = {str(number): now_ms + WATCH_MS for number in numbers}
        newest = sorted((kept | asked).items(), key=lambda entry: entry[1])[-MOST_WATCHED:]
        return wish(run_id, watched=dict(newest))


def _elapsed_ms(run: Run) -> int:
    if run.launched_at is None:
        return 0
    return round((timezone.now() - run.launched_at).total_seconds() * 1000)
