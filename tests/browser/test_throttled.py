"""A run that the provider throttles: held time, the limit's history and the verdict, seen."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance import oracle
from tests.browser.pages import PATIENCE_MS, Complaints, figure, is_marked, mark
from tests.processes import Parweb, ServeParweb, StartSimulator

pytestmark = pytest.mark.browser

CALLS = 60
SLOTS = 40
A_MINUTE = "600"  # calls that the provider lets through, which parweb has to learn


@pytest.fixture
def run_page(
    page: Page, serve_parweb: ServeParweb, start_simulator: StartSimulator, tmp_path: Path
) -> Iterator[Page]:
    """The page of a run that goes on, throttled."""
    simulator = start_simulator(
        *("--latency", "uniform:0.2,0.5"), *("--tokens-per-second", "200"),
        *("--limit-rpm", A_MINUTE),
    )  # fmt: skip
    parweb: Parweb = serve_parweb()
    page.goto(parweb.link)
    provider = {"name": "throttled", "kind": "simulated", "base_url": simulator.base_url}
    file = oracle.run_file(
        tmp_path / "throttled.yaml", simulator.base_url, CALLS,
        provider={**provider, "in_flight": SLOTS},
    )  # fmt: skip
    launched = oracle.launch(parweb.data, "--file", str(file))
    oracle.wait_for_starts(simulator, 1)
    [(run,)] = oracle.query(parweb.data, "SELECT id FROM runs_run")
    page.goto(f"{parweb.url}/runs/{run}/")
    yield page
    launched.process.communicate(timeout=60)


def check_history(page: Page) -> None:
    """Held time on the bars; the cut over the curve, and in the table that tells the same."""
    expect(page.locator(".branch .seg.t").first).to_be_attached()
    cut = page.locator(".axis .mark[data-kind=cut]").first
    expect(cut).to_be_attached()
    expect(cut).to_have_attribute("title", re.compile(rf"Throttled by the provider.*{SLOTS} → "))
    steps = page.locator("[data-limit]").get_attribute("points") or ""
    assert len({point.split(",")[1] for point in steps.split()}) > 1, "the line has a step"
    expect(page.locator("#limits tbody tr").first).to_contain_text("Throttled by the provider")
    expect(page.locator("#limits tbody tr").first).to_contain_text(f"{SLOTS} → ")


def check_verdict(page: Page) -> None:
    expect(page.locator("#panel .bound")).to_contain_text("rate limit")
    went = page.get_by_role("region", name="Where the time went")
    expect(went).to_contain_text(re.compile(r"The provider refused \d+ of \d+ calls, \d+\.\d%"))
    expect(went).to_contain_text("add up to")


def test_a_throttled_run_shows_what_held_it_live_and_after_a_reload(
    run_page: Page, complaints: Complaints
) -> None:
    page = run_page
    mark(page)
    page.get_by_text("How the limit on calls in flight moved").click()
    check_history(page)
    expect(page.locator("[data-flight]")).to_have_text(re.compile(r"^\d+ in flight, limit \d+$"))
    expect(figure(page, "throttled")).not_to_have_text("0.0")
    expect(figure(page, "branches")).to_have_text(str(CALLS), timeout=PATIENCE_MS)
    check_verdict(page)
    expect(page.locator("[data-flight]")).to_have_text(
        re.compile(rf"^at most \d+ in flight, limit \d+ to {SLOTS}$")
    )
    assert is_marked(page), "the page was loaded again"
    page.reload()
    check_history(page)
    check_verdict(page)
    assert complaints == []
