"""A run seen from launch to verdict: live, through lost sockets, at a thousand branches."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.acceptance import oracle
from tests.browser.pages import (
    PATIENCE_MS,
    Complaints,
    branches_by_status,
    figure,
    is_marked,
    launch,
    mark,
    open_triage,
    readings,
)
from tests.processes import Parweb, StartSimulator

pytestmark = pytest.mark.browser

VOTES = 12
MOST_TASK_MS = 200
WATCH_TASKS = """
window.longTasks = [];
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.longTasks.push(Math.round(task.duration));
}).observe({ type: "longtask", buffered: true });
"""

TWO_FRAMES = """() => new Promise((seen) => {
  requestAnimationFrame(() => requestAnimationFrame(() => seen(true)));
})"""


def expect_verdict(page: Page) -> None:
    ended = re.compile("Decided|Tie")
    expect(page.locator("#run-pill")).to_contain_text(ended, timeout=PATIENCE_MS)
    expect(page.locator("#panel .verdict strong")).not_to_be_empty()


def check_truth(page: Page, parweb: Parweb, run: int) -> None:
    """The page says what the database says, and what the state's address says."""
    assert branches_by_status(parweb, run) == {"succeeded": VOTES}
    expect(figure(page, "branches")).to_have_text(str(VOTES))
    expect(page.locator('[data-filter="done"] [data-count]')).to_have_text(str(VOTES))
    votes = readings(parweb, run)
    expect(page.locator("#panel .vote").first).to_contain_text(votes[0][0])
    expect(figure(page, "quality")).to_have_text(str(round(votes[0][1] / VOTES * 100)))
    frames = page.request.get(f"{parweb.url}/runs/{run}/state").json()["frames"]
    assert frames[0]["run"]["status"] == "succeeded"
    seen = page.locator("#timeline .branch .cut").all_text_contents()
    assert sorted(seen) == sorted(value for value, count in votes for _ in range(count))


def test_a_launch_is_seen_branch_by_branch_until_its_verdict_without_a_reload(
    page: Page, complaints: Complaints, parweb: Parweb
) -> None:
    open_triage(page, parweb)
    run = launch(page, votes__samples=str(VOTES), limits__in_flight="3")
    mark(page)
    expect(page.locator("#timeline .branch")).to_have_count(VOTES)
    live = page.locator('[data-filter="live"] [data-count]')
    expect(live).to_have_text("3")
    for done in (1, VOTES // 2):
        page.wait_for_function(
            "least => Number(document.querySelector('[data-kpi=branches] [data-value]')"
            ".textContent) >= least",
            arg=done,
        )
    assert branches_by_status(parweb, run) != {"succeeded": VOTES}, "seen while it went on"
    expect_verdict(page)
    check_truth(page, parweb, run)
    expect(live).to_have_text("0")
    live.click()
    expect(page.get_by_text("No branch is here now.")).to_be_in_viewport(ratio=1)
    page.wait_for_function(TWO_FRAMES)
    assert page.locator(".branches[data-rows]").evaluate(
        "box => box.scrollHeight === box.clientHeight"
    )
    assert is_marked(page), "the page was loaded again"
    assert complaints == []


class Sockets:
    """Stands between the page and its WebSockets: cuts them, and blocks or passes later ones."""

    def __init__(self, page: Page) -> None:
        self.is_blocked = False
        self.opened = 0
        self._last: WebSocketRoute | None = None
        page.route_web_socket(re.compile("/ws/"), self._route)

    def _route(self, route: WebSocketRoute) -> None:
        self.opened += 1
        if self.is_blocked:
            route.close(code=1011)
            return
        route.connect_to_server()
        self._last = route

    def cut(self) -> None:
        assert self._last, "no socket was opened"
        self._last.close(code=1011)


@pytest.mark.parametrize("is_blocked", [True, False], ids=["blocked", "cut once"])
def test_a_run_whose_socket_is_lost_midway_still_ends_on_the_true_state(
    page: Page, parweb: Parweb, is_blocked: bool
) -> None:
    sockets = Sockets(page)
    open_triage(page, parweb)
    run = launch(page, votes__samples=str(VOTES), limits__in_flight="1")
    mark(page)
    expect(figure(page, "branches")).not_to_have_text("0")
    assert sockets.opened == 1
    sockets.is_blocked = is_blocked
    sockets.cut()
    badge = page.locator("[data-connection]")
    expect(badge).to_have_text("Reconnecting…")
    if is_blocked:
        expect(badge).to_have_text("Live, by asking again")
    else:
        expect(badge).to_be_hidden()
        assert sockets.opened == 2
    assert branches_by_status(parweb, run) != {"succeeded": VOTES}, "cut while it went on"
    expect_verdict(page)
    check_truth(page, parweb, run)
    assert is_marked(page), "the page was loaded again"


@pytest.mark.timeout(240)
def test_a_thousand_branches_on_the_page_never_hold_it_up(
    page: Page,
    complaints: Complaints,
    parweb: Parweb,
    start_simulator: StartSimulator,
    tmp_path: Path,
) -> None:
    simulator = start_simulator(
        "--latency", "uniform:0.3,0.9", "--tokens-per-second", "60", "--tokens", "30"
    )
    provider = {
        "name": "thousand", "kind": "simulated", "base_url": simulator.base_url, "in_flight": 50,
    }  # fmt: skip
    file = oracle.run_file(tmp_path / "thousand.yaml", simulator.base_url, 1000, provider=provider)
    page.add_init_script(WATCH_TASKS)
    page.goto(parweb.link)
    launched = oracle.launch(parweb.data, "--file", str(file))
    oracle.wait_for_starts(simulator, 50, patience_s=90)
    page.goto(f"{parweb.url}/runs/")
    page.get_by_role("link", name="Lines").first.click()
    expect(page.locator("[data-flight]")).to_contain_text("50 in flight")
    expect(page.locator('[data-filter="all"] [data-count]')).to_have_text("1,000")
    mark(page)
    expect(figure(page, "branches")).to_have_text("1,000", timeout=PATIENCE_MS)
    assert launched.result()["branches"] == {"succeeded": 1000}
    expect(page.locator("#run-pill")).to_contain_text("Joined")
    tasks: list[int] = page.evaluate("window.longTasks")
    print("long tasks, ms:", json.dumps(sorted(tasks)))
    assert max(tasks, default=0) <= MOST_TASK_MS
    assert is_marked(page)
    assert complaints == []
