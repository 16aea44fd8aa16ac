"""The product's own engine in this process: launch, claim, gate, client, retries, checks, rows,
doorbells. Only pages and planning ahead of the launch are left out of what is timed."""

import asyncio
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self
from unittest import mock

from bench.provider import Provider
from bench.scenarios import MODEL, Figures, Scenario, prompt
from bench.watches import Stopwatch

PATIENCE_S = 300.0


@contextmanager
def prepared() -> Iterator[None]:
    """Django on a data directory of its own. What follows may import the product."""
    with tempfile.TemporaryDirectory() as directory:
        for name in [n for n in os.environ if n.startswith(("PARWEB_", "DATABASE_URL"))]:
            del os.environ[name]
        os.environ.update(
            PARWEB_DATA=directory,
            PARWEB_LOG_LEVEL="ERROR",
            DJANGO_SETTINGS_MODULE="parweb.settings",
        )
        (Path(directory) / "static").mkdir()
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        call_command("migrate", verbosity=0)
        yield
        connections.close_all()


class MemoryStore:
    """The engine's store without a database: keeps the last state of every row. Its commits are
    spaced like the writer's, by the least that these are."""

    def __init__(self) -> None:
        self.rows: dict[Any, Any] = {}
        self._next_at = 0.0

    async def turn(self) -> None:
        from runs.execution.writer import LEAST_SPACE_S

        if (wait_s := self._next_at - time.monotonic()) > 0:
            await asyncio.sleep(wait_s)
        self._next_at = time.monotonic() + LEAST_SPACE_S

    async def commit(self, batch: Any) -> Any:
        from runs.engine.protocols import Committed, Control

        self.rows |= {branch.number: branch for branch in batch.branches}
        self.rows |= {attempt.uuid: attempt for attempt in batch.attempts}
        self.rows |= {("answer", number): text for number, text in batch.answers}
        return Committed(batch.seq + 1, Control())

    async def commit_late(self, run_id: int, late: Any) -> None:
        self.rows["late", late.branch] = late


def _in_memory(coordinator: Callable[..., Any]) -> Callable[..., Any]:
    def made(run: Any, **parts: Any) -> Any:
        return coordinator(run, **{**parts, "store": MemoryStore()})

    return made


class Unheard:
    """Doorbells that nobody hears."""

    def changed(self, run_id: int, seq: int) -> None: ...

    def text(self, run_id: int, chunks: list[Any]) -> None: ...


class Worker:
    """The product's engine loop, told when each run's work begins and ends."""

    def __init__(self, scenario: Scenario, provider: Provider, *, keeps_rows: bool = True) -> None:
        self._scenario = scenario
        self._provider = provider
        self._keeps_rows = keeps_rows
        self._is_over = threading.Event()
        self._began: Callable[[], None] = lambda: None
        self._ended: Callable[[], None] = lambda: None
        self._patches = ExitStack()
        self.coordinator: Any = None
        self.error: BaseException | None = None

    def __enter__(self) -> Self:
        from runs.execution import compose, loop

        workshop = _workshop(self._adjusted, self._hand_over)
        self._patches.enter_context(mock.patch.object(loop, "Workshop", workshop))
        if not self._keeps_rows:
            in_memory = mock.patch.object(compose, "Coordinator", _in_memory(compose.Coordinator))
            self._patches.enter_context(in_memory)
            self._patches.enter_context(mock.patch.object(loop, "Doorbell", Unheard))
        loop.start(loop.LoopSettings())
        return self

    def __exit__(self, *_: object) -> None:
        from runs.execution import loop
        from runs.models import Run

        loop.stop(0.0)
        self._patches.close()
        Run.objects.update(planned_at=None)  # rows of a run in memory never say that it has ended

    def launch(self, **changes: Any) -> Any:
        """A run that nobody may claim before `work`. `connection`: changes of its row."""
        from django.contrib.auth.models import User
        from django.db import transaction

        from runs.models import Connection, Run
        from runs.planning import configuration
        from runs.services.launching import launch_run

        owner, _ = User.objects.get_or_create(username="bench")
        priced = changes.pop("connection", {})
        Connection.objects.update_or_create(
            owner=owner,
            name="bench",
            defaults={
                "kind": "simulated",
                "base_url": f"{self._provider.url}/v1",
                "in_flight": self._scenario.in_flight,
                "calls_per_minute": self._scenario.calls_per_minute,
                **priced,
            },
        )
        parsed = configuration.parse(spec_of(self._scenario, **changes))
        with transaction.atomic():
            run = launch_run(owner=owner, configuration=parsed)
            Run.objects.filter(pk=run.pk).update(planned_at=None)
        return run

    def work(
        self,
        run: Any,
        *,
        began: Callable[[], None] = lambda: None,
        ended: Callable[[], None] = lambda: None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Any:
        """Have the run worked on to its end; gives its state. `meanwhile` is called once it has
        begun, on this thread; the others on the engine's."""
        from django.utils import timezone

        from runs.execution import loop
        from runs.models import Run

        self._is_over.clear()
        has_begun = threading.Event()

        def begin() -> None:
            has_begun.set()
            began()

        self._began, self._ended = begin, ended
        now = timezone.now()
        Run.objects.filter(pk=run.pk).update(planned_at=now, launched_at=now)
        loop.offer(run.pk)
        if not has_begun.wait(PATIENCE_S):
            raise RuntimeError("nobody began with the run")
        meanwhile()
        if not self._is_over.wait(PATIENCE_S):
            raise RuntimeError("the run did not end")
        if self.error is not None:
            raise self.error
        return self.coordinator.run

    def _adjusted(self, loaded: Any) -> Any:
        """`idle_s` is no setting of a run. A simulated connection is known to be there for us
        alone; for a limit to be learned it must look like anybody's."""
        scenario = self._scenario
        if scenario.idle_s:
            loaded.state.limits = replace(loaded.state.limits, idle_s=scenario.idle_s)
        if scenario.limit_a_s and scenario.calls_per_minute is None:
            strange = {
                name: replace(one, is_private=False) for name, one in loaded.connections.items()
            }
            return replace(loaded, connections=strange)
        return loaded

    def _hand_over(self, coordinator: Any) -> Any:
        self.coordinator, self.error = coordinator, None
        work = coordinator.work

        async def watched(control: Any) -> None:
            self._began()
            try:
                await work(control)
            except BaseException as error:
                self.error = error
                raise
            finally:
                self._ended()
                self._is_over.set()

        coordinator.work = watched
        return coordinator


def _workshop(adjusted: Callable[[Any], Any], hand_over: Callable[[Any], Any]) -> type:
    from runs.execution.compose import Workshop

    class Watched(Workshop):
        def coordinator(self, loaded: Any) -> Any:
            return hand_over(super().coordinator(adjusted(loaded)))

    return Watched


def spec_of(scenario: Scenario, **changes: Any) -> dict[str, Any]:
    """A configuration as in a file: a branch a line."""
    call = {"connection": "bench", "model": MODEL, "max_tokens": 300, **changes.pop("call", {})}
    lines = [prompt(number).removeprefix("Repeat: ") for number in range(scenario.calls)]
    return {
        "name": f"Bench {scenario.name}",
        "pattern": "sectioning",
        "join": {"method": "concatenate"},
        "on_failure": {"policy": "mark_gaps"},
        "split": {"by": "line"},
        "prompts": [{"name": "Repeat", "text": "Repeat: {{ line.text }}"}],
        "call": call,
        "limits": {**scenario.limits, **changes.pop("limits", {})},
        "input": {"text": "\n".join(lines)},
        **changes,
    }


def measure(scenario: Scenario, variant: str, provider: Provider) -> Figures:
    """Variants: memory, rows, viewer."""
    watch = Stopwatch(provider, scenario.calls)
    with ExitStack() as stack:
        worker = stack.enter_context(Worker(scenario, provider, keeps_rows=variant != "memory"))
        run = worker.launch()
        viewer = None
        if variant == "viewer":
            from bench.viewer import watching

            viewer = stack.enter_context(watching(run, follows_text=scenario.least_texts > 0))
        state = worker.work(run, began=watch.start, ended=watch.stop_wall)
        seen: Figures = viewer.seen() if viewer else {}  # the viewer has seen the end, too
        figures = watch.figures()
    if _has_rows(run) == (variant == "memory"):
        raise RuntimeError("rows were kept, or not kept, against what was to be measured")
    if seen.get("texts", scenario.least_texts) < scenario.least_texts:
        raise RuntimeError("the viewer was sent no text")
    return {**figures, **seen, "lost": lost(scenario, state)}


def lost(scenario: Scenario, state: Any) -> int:
    from runs.domain.states import BranchStatus

    return scenario.calls - int(state.counts.get(BranchStatus.SUCCEEDED, 0))


def _has_rows(run: Any) -> bool:
    from runs.models import Branch

    return bool(Branch.objects.filter(run=run).exists())
