"""Recordings: uploaded on a provider's page or named by a file, replayed as whole runs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from runs.domain.errors import InvalidConfiguration
from runs.execution import recordings
from runs.models import Connection
from runs.planning import configuration as configurations
from runs.services import connections, launching
from tests.factories import make_user, voting_spec
from tests.processes import ROOT, parweb_environment

LINES = [
    {
        "question_id": name,
        "gold": gold,
        "model": "recorded",
        "samples": [{"answer": answer, "tokens": 5} for answer in answers],
    }
    for name, gold, answers in (
        ("first", "4", ["4", "4", "5"]),
        ("second", "1", ["1", "", "2"]),
    )
]
CONTENT = "\n".join(map(json.dumps, LINES)).encode()


def upload(content: bytes = CONTENT, name: str = "../../etc/recording.jsonl") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def typed(**changes: Any) -> dict[str, Any]:
    return {"name": "Recorded", "kind": "replay", "in_flight": 8, "recording": upload(), **changes}


@pytest.fixture
def stored(signed_in: Client, data_dir: Path) -> Connection:
    signed_in.post(reverse("provider_new"), typed(shuffle="7", pace="80/s"))
    return Connection.objects.get()


def kept(data_dir: Path) -> list[Path]:
    return sorted((data_dir / "recordings").glob("*"))


def test_an_uploaded_recording_is_kept_under_its_content(
    stored: Connection, data_dir: Path
) -> None:
    key = stored.replay["recording"]
    assert stored.replay == {"recording": key, "shuffle": 7, "pace": "80/s"}
    assert [path.name for path in kept(data_dir)] == [f"{key}.jsonl"]
    assert kept(data_dir)[0].read_bytes() == CONTENT


def test_saving_without_a_file_keeps_the_recording(signed_in: Client, stored: Connection) -> None:
    changed = typed(recording="", pace="")
    assert signed_in.post(reverse("provider", args=[stored.pk]), changed).status_code == 302
    key = stored.replay["recording"]
    stored.refresh_from_db()
    assert stored.replay == {"recording": key, "shuffle": None, "pace": ""}


def test_the_connection_can_be_tested(signed_in: Client, stored: Connection) -> None:
    page = signed_in.post(reverse("provider_test", args=[stored.pk]), follow=True)
    assert "It answers" in page.text
    stored.refresh_from_db()
    assert stored.model_names == ["recorded"]
    assert "Replayed answers" in signed_in.get(reverse("providers")).text


@pytest.mark.django_db(transaction=True)
def test_the_file_goes_with_the_last_connection_that_reads_it(data_dir: Path) -> None:
    user = make_user()
    values = {"base_url": "", "api_key": "", "api_key_env": "", "kind": "replay", "in_flight": 1}
    key = connections.keep_recording([CONTENT])
    values["replay"] = connections.replay_values(key, None, "")
    rows = [
        connections.save_connection(owner=user, connection=None, values={**values, "name": name})
        for name in "ab"
    ]
    connections.delete_connection(connection=rows[0])
    assert recordings.exists(key)
    connections.delete_connection(connection=rows[1])
    assert not recordings.exists(key)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"recording": ""}, "Choose the file of recorded answers."),
        ({"recording": upload(b"")}, "The recording holds no question."),
        ({"recording": upload(CONTENT + b"\n{")}, "Line 3: this is no JSON"),
        ({"pace": "fast"}, "Seconds as in 0.5"),
        ({"shuffle": "-1"}, "A whole number from 0"),
    ],
)
def test_what_is_no_recording_is_told_beside_its_field(
    signed_in: Client, data_dir: Path, change: dict[str, Any], words: str
) -> None:
    page = signed_in.post(reverse("provider_new"), typed(**change))
    assert page.status_code == 422
    assert words in page.text
    assert not Connection.objects.exists()


@pytest.mark.parametrize("key", ["", "../../secret", "x" * 64, "a/b", f"{'0' * 64}\n"])
def test_a_key_that_is_none_leads_nowhere(data_dir: Path, key: str) -> None:
    assert recordings.path_of(key) is None
    assert not recordings.exists(key)


def test_a_path_is_read_on_the_command_line_only(db: None, data_dir: Path) -> None:
    spec = voting_spec(
        provider={"name": "r", "kind": "replay", "recording": "/etc/passwd"},
        call={"connection": "r", "model": "recorded"},
        input={"text": "first"},
    )
    with pytest.raises(InvalidConfiguration, match=r"provider\.recording: .*upload it"):
        launching.launch_run(owner=make_user(), configuration=configurations.parse(spec))


def launch(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    """A file of a configuration beside its recording, launched in a process of its own."""
    (tmp_path / "recorded.jsonl").write_bytes(CONTENT)
    spec = voting_spec(
        join={"method": "majority", "reader": {"kind": "number"}},
        prompts=[{"text": "{{ input }}"}],
        provider={"name": "replayed", "kind": "replay", "recording": "recorded.jsonl"},
        call={"connection": "replayed", "model": "recorded"},
        input={"text": "first"},
    )
    (tmp_path / "run.yaml").write_text(yaml.safe_dump({**spec, **changes}), "utf-8")
    done = subprocess.run(
        [sys.executable, "manage.py", "launch", "--file", str(tmp_path / "run.yaml"), "--json"],
        cwd=ROOT,
        env=parweb_environment(tmp_path / "data"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.stdout, done.stderr
    return dict(json.loads(done.stdout))


def test_a_file_names_a_recording_beside_it(tmp_path: Path) -> None:
    found = launch(tmp_path)
    assert (found["status"], found["output"], found["is_replayed"]) == ("succeeded", "4", True)
    assert found["kpis"]["output_tokens"] == 15
    assert found["kpis"]["cost_usd"] == 0
    again = launch(tmp_path, input={"text": "second"})
    assert (again["status"], again["branches"]) == ("partial", {"succeeded": 2, "failed": 1})
    failed = next(one for one in again["contributions"] if one["kind"] == "failed")
    assert "No answer was recorded" in failed["reason"]
