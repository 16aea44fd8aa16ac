"""Attempts as short as tests want them. Times in ms."""

from runs.metrics.figures import AttemptFigures


def call(
    branch=0,
    sent=0,
    ended=1000,
    *,
    role="section",
    status="ok",
    ready=None,
    held=0,
    tokens=(100, 50),
    cost=0.01,
    **others,
):
    """A request sent the instant it was admitted; `ready` ms earlier where it waited."""
    return AttemptFigures(
        branch=branch,
        role=role,
        status=status,
        ready_ms=sent if ready is None else ready,
        admitted_ms=sent,
        sent_ms=sent,
        first_token_ms=None,
        ended_ms=ended,
        held_ms=held,
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        cost_usd=cost,
        **others,
    )
