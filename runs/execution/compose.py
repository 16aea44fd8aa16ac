"""Puts one run together inside a worker: clients, gates, prices, figures, coordinator."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from runs.domain.plan import CallSettings
from runs.domain.usage import Price, Reservation, Usage, cost_of, input_upper_bound
from runs.engine.coordinator import Coordinator
from runs.engine.protocols import Limiter, ModelClient, Observer
from runs.execution.changes import Changes
from runs.execution.figures import RunningFigures
from runs.execution.learning import LearningStore
from runs.execution.limiter import Gate
from runs.execution.load import Loaded, LoadedConnection
from runs.execution.shared_redis import RedisExchange
from runs.execution.shared_wire import Share
from runs.execution.writer import Writer
from runs.providers import registry

CLIENT_PARTS = ("kind", "base_url", "api_key", "sends_end_mark", "replay")


class RunClock:
    """Milliseconds since the launch, steady within a process whatever the wall clock does."""

    def __init__(self, launched_at: datetime) -> None:
        since = (datetime.now(UTC) - launched_at).total_seconds()
        self._zero = time.monotonic() - max(since, 0.0)

    def now_ms(self) -> int:
        return int((time.monotonic() - self._zero) * 1000)


class RunMoney:
    """Prices frozen with the run, by connection and model."""

    def __init__(self, connections: Mapping[str, LoadedConnection]) -> None:
        self._prices = {
            (name, model): Price(**frozen)
            for name, connection in connections.items()
            for model, frozen in connection.prices.items()
            if frozen is not None
        }

    def _price(self, call: CallSettings) -> Price | None:
        return self._prices.get((call.connection, call.model))

    def reservation(self, call: CallSettings, prompt: str) -> Reservation:
        price = self._price(call)
        read = input_upper_bound(call.system, prompt, schema=call.json_schema)
        most_usd = 0.0 if price is None else price.most(read, call.max_tokens)
        return Reservation(most_usd, read + call.max_tokens)

    def cost(self, call: CallSettings, usage: Usage) -> float | None:
        return cost_of(usage, self._price(call))

    def is_priced(self, call: CallSettings) -> bool:
        return self._price(call) is not None


class Workshop:
    """What the runs of a process share: connections' clients and gates, the writer, the bell."""

    def __init__(
        self,
        writer: Writer,
        observer: Observer,
        *,
        workers: int,
        private_hosts: tuple[str, ...],
        worker: str = "",
        redis_url: str = "",
    ) -> None:
        """`worker`: this process's own name among the `workers` that share a Redis."""
        self._writer = writer
        self._observer = observer
        self._workers = workers
        self._worker = worker
        self._exchange = RedisExchange(redis_url) if redis_url else None
        self._private_hosts = private_hosts
        self._clients: dict[tuple[str, ...], ModelClient] = {}
        self._gates: dict[tuple[int, str], Gate] = {}
        self._changes = Changes(writer)
        self._lessons: set[asyncio.Task[None]] = set()

    def coordinator(self, loaded: Loaded) -> Coordinator:
        clock = RunClock(loaded.launched_at)
        return Coordinator(
            loaded.state,
            planner=loaded.planner,
            store=LearningStore(self._writer, loaded.planner, self._lessons),
            observer=self._observer,
            money=RunMoney(loaded.connections),
            clock=clock,
            figures=RunningFigures(
                loaded.state,
                clock,
                is_private=any(c.is_private for c in loaded.connections.values()),
                limit=min((self._of(c.in_flight) for c in loaded.connections.values()), default=1),
                baseline=loaded.baseline,
                on_call=self._writer.observe_call,
                is_silent=lambda: self._is_silent(loaded.connections.values()),
                outages=loaded.outages_ms,
            ),
            gate=lambda name, model: self.gate_and_client(loaded.connections[name], model),
        )

    def gate_and_client(
        self, connection: LoadedConnection, model: str
    ) -> tuple[Limiter, ModelClient]:
        return self._gate(connection, model), self.client(connection.mapping)

    def client(self, mapping: Mapping[str, Any]) -> ModelClient:
        key = tuple(str(mapping[part]) for part in CLIENT_PARTS)
        if key not in self._clients:
            self._clients[key] = registry.client(mapping, private_hosts=self._private_hosts)
        return self._clients[key]

    def _share(self, key: tuple[int, str]) -> Share | None:
        if self._exchange is None:
            return None
        return Share(self._exchange, f"{key[0]}:{key[1]}", self._worker, self._workers)

    def _of(self, limit: int) -> int:
        """What this worker may use of a connection's limit: all, where the workers share it."""
        return limit if self._exchange else max(limit // self._workers, 1)

    def _gate(self, connection: LoadedConnection, model: str) -> Gate:
        key = (connection.id, model)
        gate = self._gates.get(key)
        if gate is None:
            gate = self._gates[key] = Gate(
                self._of(connection.in_flight),
                # In a cluster nobody has it alone; and what was learned of it ends with a process.
                is_known=connection.is_private and self._exchange is None,
                on_change=lambda change: self._changes.note(connection.id, model, change),
                share=self._share(key),
            )
            if (not_before := connection.not_before.get(model)) is not None:
                gate.restore(not_before.timestamp())
            if not self._exchange:  # a shared limit stands as the others left it
                self._changes.begin(connection.id, model, gate.limit)
        gate.declare(
            self._of(connection.in_flight),
            self._rate_of(connection.calls_per_minute),
            self._rate_of(connection.tokens_per_minute),
        )
        return gate

    def _rate_of(self, per_minute: int | None) -> float | None:
        if not per_minute:
            return None
        return per_minute if self._exchange else per_minute / self._workers

    def _is_silent(self, connections: Iterable[LoadedConnection]) -> bool:
        ids = {connection.id for connection in connections}
        return any(gate.breaker.is_open for key, gate in self._gates.items() if key[0] in ids)

    async def close(self) -> None:
        await asyncio.gather(*self._lessons, return_exceptions=True)
        await asyncio.gather(*(gate.close() for gate in self._gates.values()))
        await self._changes.close()
        if self._exchange is not None:
            await self._exchange.close()
        await asyncio.gather(
            *(client.close() for client in self._clients.values()), return_exceptions=True
        )
        await registry.close()
