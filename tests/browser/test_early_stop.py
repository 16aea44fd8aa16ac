"""A vote that stops early, seen live: how sure it is, and what it spared."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import (
    PATIENCE_MS,
    Complaints,
    branches_by_status,
    is_marked,
    launch,
    mark,
    open_triage,
)
from tests.processes import Parweb, Simulator

pytestmark = pytest.mark.browser

VOTES = 40


def test_a_vote_is_seen_to_stop_before_all_its_votes_without_a_reload(
    page: Page, complaints: Complaints, parweb: Parweb, slow_simulator: Simulator
) -> None:
    open_triage(page, parweb)
    slow_simulator.change(latency="fixed:8")  # however long the page takes to load
    page.locator('label:has([name="votes.stop"][value="confident"])').click()
    run = launch(page, votes__samples=str(VOTES), limits__in_flight="2")
    mark(page)
    told = page.locator("#panel .stopping")
    expect(told).to_contain_text(f"of up to {VOTES} asked so far", timeout=PATIENCE_MS)
    slow_simulator.change(latency="uniform:0.3,0.9")
    expect(told).to_contain_text("Would win the full vote", timeout=PATIENCE_MS)
    expect(told).to_contain_text("not that it is right")
    expect(page.locator("#run-pill")).to_contain_text("Decided", timeout=PATIENCE_MS)
    expect(told).to_contain_text(re.compile(rf"Stopped after \d+ of {VOTES} in \d+ wave"))
    asked = branches_by_status(parweb, run)["succeeded"]
    assert asked < VOTES
    expect(told).to_contain_text(f"Stopped after {asked} of {VOTES}")
    expect(told).to_contain_text(f"{VOTES - asked} votes spared")
    assert is_marked(page), "the page was loaded again"
    assert complaints == []
