"""Runs a simulator until it is told to stop."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any

from runs.providers.simulator.ledger import Ledger
from runs.providers.simulator.server import Simulator
from runs.providers.simulator.settings import Settings, from_arguments

try:
    from uvloop import new_event_loop  # a fifth of the cost of a call
except ImportError:  # Windows has none
    from asyncio import new_event_loop  # type: ignore[assignment]

BACKLOG = 4096


async def serve(
    settings: Settings, *, host: str, port: int, ledger_path: str | None, until_input_closes: bool
) -> None:
    """Listen until SIGTERM, SIGINT or, where asked, the end of the standard input."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    if until_input_closes:
        threading.Thread(target=_await_end_of_input, args=(loop, stop), daemon=True).start()
    ledger = Ledger(ledger_path)
    simulator = Simulator(settings, ledger)
    server = await loop.create_server(simulator.protocol, host, port, backlog=BACKLOG)
    bound, *_ = server.sockets[0].getsockname()[1:]
    sys.stdout.write(f"simulator listening on http://{_in_url(host)}:{bound}\n")
    sys.stdout.flush()
    await stop.wait()
    server.close()
    await simulator.close()
    ledger.close()


def _await_end_of_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    while os.read(0, 4096):  # unbuffered: a buffer's lock would be held when the process ends
        pass
    loop.call_soon_threadsafe(stop.set)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def run(options: Mapping[str, Any]) -> None:
    """Serve as the command line says; raises `ValueError` or `OSError` where that cannot be."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(
            serve(
                from_arguments(options),
                host=options["host"],
                port=options["port"],
                ledger_path=options["ledger"],
                until_input_closes=options["until_input_closes"],
            )
        )
