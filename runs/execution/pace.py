"""Token buckets over calls or tokens a minute. Pure: seconds of a steady clock are arguments."""

from dataclasses import dataclass

BURST_S = 0.25  # what a declared limit lets through at once, so that late timers lose nothing
MARGIN_S = 0.1  # of a learned limit: a call reaches the provider later than its gate let it in
MARGIN_SHARE = 0.1  # and at most so much of what the provider holds


@dataclass(slots=True)
class Bucket:
    """Refills by `rate` a second up to `capacity`. The level may fall below zero: what was taken on
    an estimate is corrected later, and whoever comes next waits for it. `ceiling` is the level
    had nothing ever been learned: more than it is not left, whatever an old reply would allow."""

    rate: float
    capacity: float
    level: float
    at: float
    ceiling: float

    def wait_s(self, now: float) -> float:
        """Seconds until one more may be taken."""
        self._refill(now)
        return max((1.0 - self.level) / self.rate, 0.0)

    def take(self, amount: float, now: float) -> None:
        self._refill(now)
        self.level -= amount
        self.ceiling -= amount

    def give(self, amount: float) -> None:
        self.level = min(self.level + amount, self.capacity)
        self.ceiling = min(self.ceiling + amount, self.capacity)

    def learn(self, rate: float, left: float, now: float, *, ago_s: float, since: float) -> None:
        """The provider said what was left `ago_s` seconds ago; `since` was taken after that. It
        holds at most the most it ever said."""
        self._refill(now)
        more = max(left - self.capacity, 0.0)
        self.rate = rate
        self.capacity += more
        self.ceiling += more
        margin = min(rate * MARGIN_S, self.capacity * MARGIN_SHARE)
        self.level = min(left - margin + ago_s * rate - since, self.ceiling)

    def _refill(self, now: float) -> None:
        if now > self.at:
            gained = (now - self.at) * self.rate
            self.level = min(self.level + gained, self.capacity)
            self.ceiling = min(self.ceiling + gained, self.capacity)
            self.at = now


def declared(per_minute: float, now: float) -> Bucket:
    rate = per_minute / 60.0
    capacity = max(rate * BURST_S, 1.0)
    return Bucket(rate, capacity, capacity, now, capacity)


def unlearned(now: float) -> Bucket:
    """A limit of which nothing is known yet."""
    return Bucket(1.0, 1.0, 1.0, now, 1.0)
