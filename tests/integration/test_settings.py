"""Each PARWEB_* variable does what docs/settings.md says. Settings are read in a fresh process."""

import json
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ROOT, parweb_environment

SHOW = """
import json, sys
from parweb import settings
print(json.dumps({name: getattr(settings, name, None) for name in sys.argv[1:]}, default=str))
"""


def run(
    data: Path, code: str, *arguments: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=parweb_environment(data, **environment),
        capture_output=True,
        text=True,
        timeout=60,
    )


def read(data: Path, *names: str, **environment: str) -> dict[str, Any]:
    done = run(data, SHOW, *names, **environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def manage(data: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=parweb_environment(data, **environment),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_without_any_variable_it_is_closed_and_embedded(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        *("DEBUG", "PARWEB_HOST", "ALLOWED_HOSTS", "IS_CLUSTER", "PARWEB_PRIVATE_HOSTS"),
        *("CELERY_BROKER_URL", "DATABASES"),
    )
    assert found["DEBUG"] is False
    assert found["PARWEB_HOST"] == "127.0.0.1"
    assert found["ALLOWED_HOSTS"] == ["127.0.0.1", "localhost", "[::1]"]
    assert found["PARWEB_PRIVATE_HOSTS"] == []
    assert found["IS_CLUSTER"] is False
    assert found["CELERY_BROKER_URL"].startswith("memory://")
    assert found["DATABASES"]["default"]["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_the_data_directory_and_its_key_are_for_their_owner_only(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    first = read(data, "SECRET_KEY")["SECRET_KEY"]
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "signing.key").stat().st_mode) == 0o600
    assert len(first) >= 50
    assert read(data, "SECRET_KEY")["SECRET_KEY"] == first


def test_a_given_secret_key_is_taken_and_none_is_made(tmp_path: Path) -> None:
    found = read(tmp_path, "SECRET_KEY", PARWEB_SECRET_KEY="k" * 60)
    assert found["SECRET_KEY"] == "k" * 60
    assert not (tmp_path / "signing.key").exists()


def test_two_variables_make_a_cluster(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        *("IS_CLUSTER", "CELERY_BROKER_URL", "CHANNEL_LAYERS", "DATABASES"),
        DATABASE_URL="postgresql://p:q@db.example:5433/parweb",
        PARWEB_REDIS_URL="redis://redis.example:6379/0",
        PARWEB_DB_POOL="7",
    )
    assert found["IS_CLUSTER"] is True
    assert found["CELERY_BROKER_URL"] == "redis://redis.example:6379/0"
    assert found["CHANNEL_LAYERS"]["default"]["BACKEND"].endswith("RedisPubSubChannelLayer")
    database = found["DATABASES"]["default"]
    assert (database["HOST"], database["PORT"]) == ("db.example", 5433)
    assert database["CONN_MAX_AGE"] == 0
    assert database["OPTIONS"]["pool"]["max_size"] == 7


def test_an_https_origin_hardens_cookies_and_allows_its_host(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        *("ALLOWED_HOSTS", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "CSRF_TRUSTED_ORIGINS"),
        PARWEB_ORIGIN="https://parweb.example.org",
    )
    assert "parweb.example.org" in found["ALLOWED_HOSTS"]
    assert found["SESSION_COOKIE_SECURE"]
    assert found["CSRF_COOKIE_SECURE"]
    assert found["CSRF_TRUSTED_ORIGINS"] == ["https://parweb.example.org"]


def test_an_exposed_installation_behind_tls_passes_the_deployment_check(tmp_path: Path) -> None:
    done = manage(
        tmp_path,
        *("check", "--deploy", "--fail-level", "WARNING"),
        PARWEB_HOST="0.0.0.0",
        PARWEB_ORIGIN="https://parweb.example.org",
    )
    assert done.returncode == 0, done.stderr


def test_an_exposed_installation_without_tls_is_warned_of(tmp_path: Path) -> None:
    done = manage(tmp_path, "check", "--deploy", PARWEB_HOST="0.0.0.0")
    assert "parweb.W002" in done.stderr


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"PARWEB_PORT": "many"}, "PARWEB_PORT must be a whole number"),
        ({"PARWEB_PORT": "70000"}, "parweb.E006"),
        ({"PARWEB_RUNS_PER_PROCESS": "0"}, "parweb.E007"),
        ({"PARWEB_REDIS_URL": "redis://127.0.0.1:1/0"}, "parweb.E002"),
        ({"PARWEB_ORIGIN": "parweb.example.org"}, "parweb.E005"),
        (
            {"PARWEB_REDIS_URL": "http://x", "DATABASE_URL": "postgresql://p@db.example/x"},
            "parweb.E003",
        ),
    ],
)
def test_wrong_set_up_is_told_without_a_stack_trace(
    tmp_path: Path, environment: dict[str, str], told: str
) -> None:
    done = manage(tmp_path, "check", **environment)
    assert done.returncode != 0
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_data_path_that_is_no_directory_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("", "utf-8")
    done = manage(file, "serve", "--port", "0")
    assert done.returncode != 0
    assert "parweb.E001" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("x", "utf-8")
    (tmp_path / "secret.key").chmod(0o644)
    assert "parweb.W001" in manage(tmp_path, "check").stderr


def test_every_variable_is_documented_with_its_name() -> None:
    source = (ROOT / "parweb" / "settings.py").read_text("utf-8")
    read_here = set(re.findall(r'(?:env\.\w+|_whole_number)\(\s*"([A-Z_]+)"', source))
    documented = set(re.findall(r"`([A-Z_]+)`", (ROOT / "docs" / "settings.md").read_text("utf-8")))
    assert read_here - documented == set()
    assert {name for name in documented if name.startswith("PARWEB_")} - read_here == set()
