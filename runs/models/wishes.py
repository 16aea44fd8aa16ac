"""What anybody may write to a run beside its owner: control columns, under the run's lock.

Each write takes the run's next number, so that viewers and the owner see it as a change.
"""

from django.db import transaction
from django.db.models import F

from runs.models.runs import Run


def wish(run_id: int, **columns: object) -> int | None:
    """Set control columns; the run's new number, None if the run is gone."""
    with transaction.atomic():
        rows = Run.objects.filter(pk=run_id)
        if not rows.update(seq=F("seq") + 1, **columns):
            return None
        return int(rows.values_list("seq", flat=True).get())
