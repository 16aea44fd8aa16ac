"""How much work something is, whatever the pace of the machine and of those beside it."""

import gc
import time

STEPS = 100_000
REFERENCE_S = 0.0025  # that many additions, on the machine whose seconds are meant
TRIES = 5
HOLDS_S = 1.0  # a pace is not measured anew for each of many examples


class Effort:
    """CPU spent since it was made, against that of a plain loop in the same process. The garbage
    collector leaves alone what other tests have left in memory: looking through all of it takes
    longer than the work."""

    _pace_s = 0.0
    _measured_at = -HOLDS_S

    def __init__(self) -> None:
        if time.monotonic() - Effort._measured_at > HOLDS_S:
            Effort._pace_s = sorted(_loop_s() for _ in range(TRIES))[TRIES // 2]
            Effort._measured_at = time.monotonic()
        gc.freeze()
        self._began = time.process_time()

    def seconds(self) -> float:
        """As the machine of `REFERENCE_S` would take them."""
        spent_s = time.process_time() - self._began
        gc.unfreeze()
        return spent_s * REFERENCE_S / Effort._pace_s


def _loop_s() -> float:
    began = time.process_time()
    total = 0
    for step in range(STEPS):
        total += step
    return time.process_time() - began
