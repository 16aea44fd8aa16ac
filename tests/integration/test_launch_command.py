"""`manage.py launch`: what it refuses, what it prints, with which exit code it ends."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone
from rich.console import Console

from runs.management.commands import launch as command
from runs.management.datalock import DataLock
from runs.models import Run
from runs.presenters import run_terminal
from tests.factories import make_branch, make_configuration, make_connection, make_run, voting_spec
from tests.processes import ROOT, Simulator, StartSimulator, parweb_environment

SPEC = {"input": {"text": "My card was charged twice."}}


@pytest.fixture
def admin(db: None, data_dir: Path) -> User:
    user = User.objects.create_superuser("admin")
    make_connection(user, name="Simulated")
    return user


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is executed."""
    monkeypatch.setattr(command.loop, "start", lambda settings: None)


def refused(*arguments: str) -> str:
    with pytest.raises(CommandError) as caught:
        call_command("launch", *arguments)
    assert caught.value.returncode == 2
    assert not Run.objects.exists()
    return str(caught.value)


def file_of(tmp_path: Path, **changes: Any) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(voting_spec(**{**SPEC, **changes})), "utf-8")
    return path


def test_an_unknown_configuration_is_told_with_those_there_are(admin: User) -> None:
    make_configuration(admin, name="Ticket triage")
    message = refused("Ticket triag")
    assert "no configuration named “Ticket triag”" in message
    assert "“Ticket triage”" in message


def test_something_must_be_named(admin: User) -> None:
    assert "--file" in refused()


def test_an_unreadable_file_is_told_with_its_place(admin: User, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("name: [unclosed", "utf-8")
    message = refused("--file", str(path))
    assert "bad.yaml" in message
    assert "line " in message
    assert "cannot be read" in refused("--file", str(tmp_path / "none.yaml"))


def test_a_bad_field_is_named(admin: User, tmp_path: Path) -> None:
    message = refused("--file", str(file_of(tmp_path, votes={"samples": 0})))
    assert "votes.samples" in message
    assert "10,000" in message


def test_what_only_a_launch_can_see_is_named_too(admin: User, tmp_path: Path) -> None:
    call = {"connection": "None such", "model": "m"}
    assert "call.connection" in refused("--file", str(file_of(tmp_path, call=call)))
    assert "cannot be read" in refused(
        "--file", str(file_of(tmp_path)), "--input", str(tmp_path / "none")
    )
    (tmp_path / "empty.txt").write_text(" ", "utf-8")
    assert "empty" in refused(
        "--file", str(file_of(tmp_path)), "--input", str(tmp_path / "empty.txt")
    )


def test_an_unknown_user_is_told(admin: User) -> None:
    assert "no user “nobody”" in refused("x", "--user", "nobody")


def end(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setattr(command, "launch", lambda request: run)


@pytest.mark.parametrize(
    ("status", "code"), [("succeeded", 0), ("partial", 3), ("failed", 1), ("cancelled", 1)]
)
def test_the_exit_code_says_how_it_ended(
    admin: User,
    no_engine: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: str,
    code: int,
) -> None:
    end(monkeypatch, make_run(admin, status=status))
    with pytest.raises(SystemExit) as left:
        call_command("launch", "--file", str(file_of(tmp_path)))
    assert left.value.code == code


def test_after_the_timeout_the_run_is_cancelled(
    admin: User,
    no_engine: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = make_run(admin, status="running")

    def owner_acknowledges(seconds: float) -> None:
        Run.objects.filter(pk=run.pk, cancel_wanted=True).update(status="cancelled")

    monkeypatch.setattr(command.time, "sleep", owner_acknowledges)
    end(monkeypatch, run)
    with pytest.raises(SystemExit) as left:
        call_command("launch", "--file", str(file_of(tmp_path)), "--timeout", "0.01")
    assert left.value.code == 1
    assert "Not done after 0.01 s" in capsys.readouterr().err


def test_input_comes_from_files_folders_and_the_file_itself(
    admin: User, no_engine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Any] = []

    def note(request: Any) -> Run:
        found.append(request.material)
        return make_run(admin, status="succeeded")

    monkeypatch.setattr(command, "launch", note)
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("b.txt", "a.md", ".hidden"):
        (folder / name).write_text(name, "utf-8")
    named = file_of(tmp_path, input={"files": ["folder/a.md"]})
    for arguments in (("--input", str(folder)), ()):
        with pytest.raises(SystemExit):
            call_command("launch", "--file", str(named), *arguments)
    names = [[file.name for file in material.files] for material in found]
    assert names == [["a.md", "b.txt"], ["a.md"]]


def test_the_picture_tells_states_tokens_cost_and_time(admin: User) -> None:
    now = timezone.now()
    run = make_run(
        admin,
        name="Ticket triage",
        status="running",
        counts={"succeeded": 6, "failed": 1, "running": 2},
        branches_planned=12,
        in_flight=2,
        launched_at=now - timedelta(seconds=75),
        kpis={"input_tokens": 1200, "output_tokens": 340, "cost_usd": None, "one_by_one_s": 200.0},
    )
    console = Console(width=100, record=True, file=sys.stderr)
    console.print(run_terminal.display(run, now))
    text = console.export_text()
    for words in ("6 done", "1 failed", "2 running", "3 waiting", "1,200 in, 340 out", "unknown",
                  "1 min 15 s", "3 min 20 s (estimated)"):  # fmt: skip
        assert words in text


Manage = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def manage(tmp_path: Path) -> Manage:
    def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=parweb_environment(tmp_path / "data", **environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
        )

    return run


def provider(simulator: Simulator, **changes: Any) -> dict[str, Any]:
    return {
        "provider": {
            "name": "sim", "kind": "simulated", "base_url": simulator.base_url, "in_flight": 8,
        },
        "call": {"connection": "sim", "model": "simulated", "max_tokens": 200},
        "prompts": [{"text": "Answer with one of: billing, bug, other.\n\n{{ input }}"}],
        **changes,
    }  # fmt: skip


def test_with_nobody_serving_it_executes_the_run_and_prints_one_object(
    manage: Manage, simulator: Simulator, tmp_path: Path
) -> None:
    path = file_of(tmp_path, **provider(simulator, votes={"samples": 5}))
    done = manage("launch", "--file", str(path), "--json", "--watch")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["status"], found["branches"]) == ("succeeded", {"succeeded": 5})
    assert found["output"]
    assert len(found["contributions"]) == 5
    assert found["kpis"]["speed_up_is"] == "estimated"
    assert sum(entry["event"] == "end" for entry in simulator.entries()) == 5


def test_a_run_that_fails_says_so(
    manage: Manage, start_simulator: StartSimulator, tmp_path: Path
) -> None:
    broken = start_simulator("--fault", "500:1")
    path = file_of(tmp_path, **provider(broken, limits={"tries": 1}))
    done = manage("launch", "--file", str(path), "--json")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert (found["status"], found["output"]) == ("failed", None)
    assert {entry["kind"] for entry in found["contributions"]} == {"failed"}


def test_a_run_that_is_held_with_nobody_serving_is_left_for_its_page(
    manage: Manage, start_simulator: StartSimulator, tmp_path: Path
) -> None:
    empty = start_simulator("--fault", "quota:1")
    path = file_of(tmp_path, **provider(empty, votes={"samples": 3}))
    done = manage("launch", "--file", str(path), "--json")
    assert done.returncode == 4, done.stderr
    assert "Held: The provider account behind “sim” has no quota left." in done.stderr
    found = json.loads(done.stdout)
    assert (found["status"], found["branches"]) == ("held", {"pending": 3})


def test_a_serving_parweb_is_handed_the_run(
    manage: Manage, serve_parweb: Callable[..., Any], simulator: Simulator, tmp_path: Path
) -> None:
    served = serve_parweb(data=tmp_path / "data")
    path = file_of(tmp_path, **provider(simulator))
    done = manage("launch", "--file", str(path), "--json")
    assert done.returncode == 0, done.stderr
    assert "goes to the parweb that serves" in done.stderr
    assert json.loads(done.stdout)["status"] == "succeeded"
    assert served.child.process.poll() is None


def test_usage_errors_print_nothing_on_standard_output(manage: Manage) -> None:
    done = manage("launch", "No such configuration", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no configuration named" in done.stderr


def test_the_lock_is_free_again_afterwards(
    admin: User,
    no_engine: None,
    data_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = make_run(admin, status="succeeded")
    make_branch(run)
    end(monkeypatch, run)
    with pytest.raises(SystemExit):
        call_command("launch", "--file", str(file_of(tmp_path)))
    with DataLock(data_dir):
        pass
