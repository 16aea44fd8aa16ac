"""Rows and a writer for the tests of what viewers are told."""

import pytest
from django.contrib.auth.models import AbstractBaseUser, User

from runs.models import Run
from tests.unit.live.rows import Writer, a_run


@pytest.fixture
def owner(db: None) -> AbstractBaseUser:
    return User.objects.create_user("ada")


@pytest.fixture
def run(owner: AbstractBaseUser) -> Run:
    return a_run(owner)


@pytest.fixture
def writer(run: Run) -> Writer:
    return Writer(run)
