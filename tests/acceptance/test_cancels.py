"""Calls cancelled at any moment, by the thousand: every slot can be used afterwards."""

from dataclasses import replace

from bench import provider
from bench.cancelling import at_the_client
from bench.scenarios import SCENARIOS

CANCELS = 1_500


async def test_after_many_cancels_every_slot_is_usable_and_no_call_is_open() -> None:
    whole = SCENARIOS["cancels"]
    scenario = replace(
        whole,
        cancels=CANCELS,
        in_flight=100,
        simulator=("--latency=fixed:0.03", "--tokens=20", "--tokens-per-second=1000"),
        latency_s=0.05,
    )
    with provider.started(scenario.simulator, 3, keeps_ledger=True) as simulator:
        figures = await at_the_client(scenario, simulator)
    assert figures["cancelled"] >= CANCELS
    assert figures["closed_s"] <= 2.0
    assert (figures["lost"], figures["unusable"]) == (0, 0)
