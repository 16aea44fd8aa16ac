"""The simulated provider: a simulator that parweb starts itself, paced like a hosted model."""

from runs.providers.child import Child
from runs.providers.child_client import ChildClient

SIMULATED_MODEL = "simulated-small"

_child = Child(
    "runs.providers.simulator",
    "--port=0",
    "--latency=lognormal:0.8,0.4",
    "--tokens-per-second=60",
    "--until-input-closes",
    called="The simulator",
)


def shutdown() -> None:
    """End the child process, if it runs."""
    _child.stop()


class SimulatedModel(ChildClient):
    def __init__(self) -> None:
        super().__init__(_child, reuse=True)
