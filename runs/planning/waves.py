"""How few votes a rule of stopping can be content with. The rule itself is `runs.stopping`'s."""

from runs.planning.shape import Configuration

# The least v for which 1 − 2^-(v+1), the leader's confidence after v equal votes, is enough.
_UNANIMOUS = {"confident": 4, "strict": 6}


def least_votes(configuration: Configuration) -> int:
    """Votes that are asked for even when all agree; every vote without early stop."""
    votes = configuration.votes
    if configuration.pattern != "voting" or votes.stop == "all":
        return votes.samples
    needed = _UNANIMOUS.get(votes.stop, votes.samples // 2 + 1)
    asked = 0
    while asked < min(needed, votes.samples):
        wave = max(needed - asked, votes.wave_least)
        asked += min(wave, votes.wave_most or wave, votes.samples - asked)
    return asked
