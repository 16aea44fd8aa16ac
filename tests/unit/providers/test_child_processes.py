"""Servers of parweb's own: the simulator from the command line, and both as children."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runs.domain.errors import (
    BadRequest,
    CallError,
    DeadlineExceeded,
    ProviderUnavailable,
    UnknownModel,
)
from runs.domain.policies import CallLimits
from runs.providers import local, registry
from runs.providers.child import ROOT, Child
from runs.providers.child_client import ChildClient
from tests.unit.providers.conftest import Clients
from tests.unit.providers.servers import ignore, request

needs_model = pytest.mark.skipif(
    not local.is_available(), reason="the local model is not installed"
)
SIMULATOR = (sys.executable, "-m", "runs.providers.simulator")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def until(holds: Callable[[], bool], patience_s: float = 10) -> bool:
    """Whether it came to hold in time."""
    end = time.monotonic() + patience_s
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def start(*options: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*SIMULATOR, *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def told_at_start(pid: int | None) -> bytes:
    """What the process can be seen to have been given: its environment and command line."""
    return b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("environ", "cmdline"))


def listening(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("simulator listening on http://127.0.0.1:"), line
    return line.rpartition(" ")[2].strip()


@pytest.fixture
def child() -> Iterator[Child]:
    child = Child("runs.providers.simulator", "--until-input-closes", called="The simulator")
    yield child
    child.stop()


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
async def test_the_simulator_ends_in_order(
    name: signal.Signals, tmp_path: Path, client_for: Clients
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    process = start("--ledger", str(ledger), "--tokens-per-second", "5")
    url = listening(process)
    seen = asyncio.Event()
    call = asyncio.create_task(
        client_for(f"{url}/v1").complete(request(), lambda piece: seen.set())
    )
    await seen.wait()
    process.send_signal(name)
    with pytest.raises(CallError):
        await call
    assert await asyncio.to_thread(process.wait, 5) == 0
    process.communicate()
    events = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert [event["event"] for event in events] == ["start", "end"]


@pytest.mark.parametrize(
    "options", [["--latency", "never"], ["--fault", "earthquake"], ["--seed", "x"]]
)
def test_a_wrong_option_is_a_usage_error(options: list[str]) -> None:
    ended = subprocess.run([*SIMULATOR, *options], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 2
    assert options[1] in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_simulator_needs_nothing_but_python() -> None:
    code = (
        "import sys, runs.providers.simulator.__main__\n"
        "print({'django', 'httpx', 'aiohttp', 'pydantic'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ended.stdout.strip() == "set()", ended.stderr


async def test_a_child_starts_once_for_all_that_wait(child: Child) -> None:
    assert child.pid is None
    addresses = await asyncio.gather(*(child.address() for _ in range(50)))
    assert len(set(addresses)) == 1
    assert child.pid is not None


async def test_a_child_that_died_is_started_again(child: Child) -> None:
    client = ChildClient(child, reuse=True)
    await client.complete(request(), ignore)
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert await asyncio.to_thread(until, lambda: child.pid is None)
    await client.complete(request(), ignore)
    assert child.pid not in {None, first}


async def test_a_cancelled_waiter_does_not_stop_the_start(child: Child) -> None:
    impatient = asyncio.create_task(child.address())
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await child.address()).url.startswith("http://127.0.0.1:")


async def test_stop_ends_the_process(child: Child) -> None:
    await child.address()
    pid = child.pid
    assert pid is not None
    await asyncio.to_thread(child.stop)
    assert not is_running(pid)


async def test_a_child_that_cannot_start_says_why() -> None:
    broken = Child("runs.providers.no_such_module", called="The test server")
    with pytest.raises(
        ProviderUnavailable, match=r"The test server did not start: .*no_such_module"
    ):
        await broken.address()


async def test_starting_counts_towards_the_deadline(child: Child) -> None:
    limits = CallLimits(deadline_s=0.001)
    with pytest.raises(DeadlineExceeded):
        await ChildClient(child, reuse=True).complete(request(limits=limits), ignore)


def test_a_child_dies_with_its_parent_even_when_that_is_killed() -> None:
    code = (
        "import asyncio, os, signal\n"
        "from runs.providers.child import Child\n"
        "child = Child('runs.providers.simulator', '--until-input-closes', called='x')\n"
        "asyncio.run(child.address())\n"
        "print(child.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    pid = int(ended.stdout)
    assert until(lambda: not is_running(pid))


async def test_a_child_gets_no_secrets_of_the_environment(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_PROVIDER_KEY", "sk-canary")
    address = await child.address()
    told = told_at_start(child.pid)
    assert b"simulator" in told
    assert b"canary" not in told
    assert address.key.encode() not in told


async def test_a_simulated_connection_without_an_address_starts_its_own() -> None:
    client = registry.client({"kind": "simulated", "base_url": "", "api_key": ""})
    try:
        assert await client.models() == ["simulated-large", "simulated-small"]
    finally:
        await asyncio.to_thread(registry.shutdown)


def test_every_kind_has_a_client() -> None:
    for kind in registry.kinds():
        registry.client({"kind": kind, "base_url": "http://127.0.0.1:1/v1", "api_key": ""})
    assert registry.kinds() == (
        *("openai_compatible", "anthropic", "gemini"),
        *("local", "simulated", "replay"),
    )
    with pytest.raises(LookupError):
        registry.client({"kind": "telepathy"})


async def test_only_listed_hosts_of_a_connection_may_be_private() -> None:
    connection = {"kind": "openai_compatible", "base_url": "http://127.0.0.1:9/v1", "api_key": ""}
    with pytest.raises(BadRequest, match="PARWEB_PRIVATE_HOSTS"):
        await registry.client(connection).complete(request(), ignore)
    listed = registry.client(connection, private_hosts=("127.0.0.1",))
    with pytest.raises(ProviderUnavailable):
        await listed.complete(request(), ignore)


async def test_a_missing_local_model_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "is_available", lambda: False)
    client = registry.client({"kind": "local"})
    for asked in (client.models(), client.complete(request(), ignore)):
        with pytest.raises(ProviderUnavailable, match="not installed"):
            await asked


@needs_model
@pytest.mark.local_model
async def test_the_local_model_answers() -> None:
    client = registry.client({"kind": "local"})
    pieces: list[str] = []
    schema = {
        "type": "object",
        "properties": {"category": {"enum": ["billing", "bug", "other"]}},
        "required": ["category"],
        "additionalProperties": False,
    }
    try:
        assert await client.models() == [local.LOCAL_MODEL]
        said = await client.complete(
            request(
                "What is the capital of France? Answer in one sentence.",
                model=local.LOCAL_MODEL,
                temperature=0.0,
                max_tokens=30,
            ),
            pieces.append,
        )
        classified = await client.complete(
            request(
                "Classify this ticket as billing, bug or other: I was charged twice.",
                model=local.LOCAL_MODEL,
                json_schema=schema,
                max_tokens=40,
            ),
            ignore,
        )
        with pytest.raises(UnknownModel):
            await client.complete(request(model="gpt-x"), ignore)
        with pytest.raises(BadRequest, match="context"):
            await client.complete(request("word " * 5000, model=local.LOCAL_MODEL), ignore)
    finally:
        await asyncio.to_thread(local.shutdown)
    assert "".join(pieces) == said.text
    assert len(pieces) > 1
    assert said.usage.input_tokens
    assert said.usage.output_tokens
    assert json.loads(classified.text)["category"] in {"billing", "bug", "other"}


@needs_model
@pytest.mark.local_model
async def test_no_call_to_the_local_model_is_lost_in_a_row() -> None:
    client = registry.client({"kind": "local"})
    call = request("Say hi.", model=local.LOCAL_MODEL, max_tokens=4)
    try:
        for _ in range(10):
            await client.complete(call, ignore)
    finally:
        await asyncio.to_thread(local.shutdown)
