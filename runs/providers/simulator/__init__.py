"""A model provider that is not one: an HTTP server that answers like OpenAI's chat API, with seeded
answers, latencies, limits and faults. Standard library only: it starts in a moment.
"""

from runs.providers.simulator.serving import run
from runs.providers.simulator.settings import add_arguments, epilog

DESCRIPTION = (
    "A simulated model provider for demos, tests and benchmarks. Its answers are invented."
)

__all__ = ["DESCRIPTION", "add_arguments", "epilog", "run"]
