"""How few votes a rule of stopping can be content with. The rule itself is `runs.stopping`'s."""

from itertools import accumulate

from runs.domain.joins import Majority
from runs.domain.policies import OnFailure
from runs.planning.shape import Configuration
from runs.planning.variations import variations

# The least v for which 1 − 2^-(v+1), the leader's confidence after v equal votes, is enough.
_UNANIMOUS = {"confident": 4, "strict": 6}


def least_votes(configuration: Configuration) -> int:
    """Votes that are asked for even when all agree; every vote without early stop."""
    votes = configuration.votes
    if configuration.pattern != "voting" or votes.stop == "all":
        return votes.samples
    failures = configuration.on_failure
    quorum = failures.least if failures.policy is OnFailure.AT_LEAST else 0
    enough = min(_UNANIMOUS.get(votes.stop, votes.samples), _decisive(configuration))
    needed = max(enough, quorum)
    asked = 0
    while asked < min(needed, votes.samples):
        wave = max(needed - asked, votes.wave_least)
        asked += min(wave, votes.wave_most or wave, votes.samples - asked)
    return asked


def _decisive(configuration: Configuration) -> int:
    """Votes that no others can outweigh."""
    samples, join = configuration.votes.samples, configuration.join
    if not isinstance(join, Majority) or not join.weights:
        return samples // 2 + 1
    among = variations(configuration)
    labels = [one.label or configuration.call.model for one in among]
    heavy = [
        join.weights.get(str(place + 1), join.weights.get(labels[place % len(labels)], 1.0))
        for place in range(samples)
    ]
    total = sum(heavy)
    return next(count for count, weight in enumerate(accumulate(heavy), 1) if 2 * weight > total)
