"""Fixtures of the browser tests: a parweb whose simulated provider is slow enough to watch."""

import pytest
from playwright.sync_api import Page

from tests.browser.pages import Complaints, lead_to
from tests.processes import Parweb, ServeParweb, Simulator, StartSimulator


@pytest.fixture
def complaints(page: Page) -> Complaints:
    found = Complaints()
    found.watch(page)
    return found


@pytest.fixture
def slow_simulator(start_simulator: StartSimulator) -> Simulator:
    """A call takes about a second, so that a run is seen while it goes on."""
    return start_simulator("--latency", "uniform:0.3,0.9", "--tokens-per-second", "60")


@pytest.fixture
def parweb(serve_parweb: ServeParweb, slow_simulator: Simulator) -> Parweb:
    serving = serve_parweb()
    lead_to(serving, slow_simulator)
    return serving
