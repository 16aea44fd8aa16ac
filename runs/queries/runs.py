"""Reads of a run's page. Always through the owner: another person's run does not exist."""

from django.contrib.auth.models import AbstractBaseUser

from runs.domain.states import OPEN_RUN
from runs.models import Run


def live_runs(owner: AbstractBaseUser) -> int:
    """Number of the owner's runs that have not ended."""
    return Run.objects.filter(owner_id=owner.pk, status__in=OPEN_RUN).count()
