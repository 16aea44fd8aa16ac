"""The engine's seams: what it needs of the world, as protocols. No framework, no HTTP."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from runs.domain.plan import CallSettings
from runs.domain.policies import CallLimits
from runs.domain.results import Completion


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One call as a client sends it. `uuid` names the attempt (`Idempotency-Key`)."""

    prompt: str
    call: CallSettings
    limits: CallLimits
    uuid: str


OnPiece = Callable[[str], None]
"""Called with each piece of text as it arrives; the first call marks the first token."""


class ModelClient(Protocol):
    """One provider connection's calls. Shared by all runs of the process, used on its loop only."""

    async def complete(self, request: ModelRequest, on_piece: OnPiece) -> Completion:
        """Make the call; returns only with the provider's own end mark.

        Raises `domain.errors.CallError` for everything else, within `limits.deadline_s`. A
        `Throttled` carries `retry_after_s`. Being cancelled closes the request at once.
        """
        ...

    async def models(self) -> list[str]:
        """Names of the models on offer; raises `CallError`."""
        ...

    async def close(self) -> None: ...


class ClientFactory(Protocol):
    """Gives the client of a connection, made once a process and loop."""

    def __call__(self, connection: Mapping[str, object]) -> ModelClient: ...
