"""Token buckets over calls or tokens a minute. Pure: seconds of a steady clock are arguments."""

from dataclasses import dataclass

BURST_S = 0.25  # what a declared limit lets through at once, so that late timers lose nothing


@dataclass(slots=True)
class Bucket:
    """Refills by `rate` a second up to `capacity`. The level may fall below zero: what was taken on
    an estimate is corrected later, and whoever comes next waits for it."""

    rate: float
    capacity: float
    level: float
    at: float

    def wait_s(self, now: float) -> float:
        """Seconds until one more may be taken."""
        self._refill(now)
        return max((1.0 - self.level) / self.rate, 0.0)

    def take(self, amount: float, now: float) -> None:
        self._refill(now)
        self.level -= amount

    def give(self, amount: float) -> None:
        self.level = min(self.level + amount, self.capacity)

    def learn(self, rate: float, left: float, now: float) -> None:
        """The provider says how much is left; what it holds at most is the most it ever said."""
        self.rate = rate
        self.capacity = max(self.capacity, left, 1.0)
        self.level, self.at = min(left, self.capacity), now

    def _refill(self, now: float) -> None:
        if now > self.at:
            self.level = min(self.level + (now - self.at) * self.rate, self.capacity)
            self.at = now


def declared(per_minute: float, now: float) -> Bucket:
    rate = per_minute / 60.0
    capacity = max(rate * BURST_S, 1.0)
    return Bucket(rate, capacity, capacity, now)


def learned(per_minute: float, left: float, now: float) -> Bucket:
    return Bucket(per_minute / 60.0, max(left, 1.0), left, now)
