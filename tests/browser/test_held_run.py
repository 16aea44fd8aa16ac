"""A provider's account is used up while one watches: the page says so, and the run goes on."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import PATIENCE_MS, Complaints, launch, open_triage
from tests.processes import Parweb, Simulator

pytestmark = pytest.mark.browser

BEFORE_THE_RUN = """
document.addEventListener("readystatechange", () => {
  if (document.readyState !== "interactive") return;
  document.getElementById("run").dataset.seq = "0";
  document.getElementById("run-pill").textContent = "Queued";
});
"""  # a page that took longer to load than the run to get on; the modules come after it
ENDED = re.compile("Decided|Tie|Undecided")


def test_a_used_up_quota_is_told_while_one_watches_and_the_run_goes_on(
    page: Page, parweb: Parweb, slow_simulator: Simulator, complaints: Complaints
) -> None:
    open_triage(page, parweb)
    slow_simulator.change(faults=["quota:1"])
    launch(page)
    expect(page.locator("#run-reason")).to_have_text(
        "The provider account behind “Simulated” has no quota left. Add credit there, then go on.",
        timeout=PATIENCE_MS,
    )
    expect(page.locator("#run-pill")).to_have_text("Held", timeout=PATIENCE_MS)
    page.add_init_script(BEFORE_THE_RUN)
    page.reload()
    expect(page.locator("#run-pill")).to_have_text("Held")  # though nothing moves any more
    slow_simulator.change(faults=[])
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#run-pill")).to_contain_text(ENDED, timeout=PATIENCE_MS)
    expect(page.locator("#run-reason[data-held]")).to_be_hidden()
    expect(page.get_by_role("button", name="Go on")).to_be_hidden()
    assert complaints == []
