"""Fixtures shared by all tests. Processes and servers start only when a test asks for them."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from tests.factories import make_user

pytest_plugins = [
    "tests.processes",
    "tests.servers",
    "tests.cluster",
    "tests.asgi",
    "tests.chromium",
]


@pytest.fixture
def user(db: None) -> User:
    return make_user("ada")


@pytest.fixture
def other_user(db: None) -> User:
    """Somebody who must not see what is `user`'s."""
    return make_user("bob")


@pytest.fixture
def signed_in(client: Client, user: User) -> Client:
    """A browser session of `user`."""
    client.force_login(user)
    return client


@pytest.fixture
def data_dir(tmp_path: Path, settings: Settings) -> Path:
    """A fresh data directory, in force for the test."""
    directory = tmp_path / "data"
    directory.mkdir(mode=0o700)
    settings.PARWEB_DATA = directory
    settings.PARWEB_KEY_FILE = directory / "secret.key"
    return directory
