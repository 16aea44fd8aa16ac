"""The calls that joins ask for: whose model makes them, how, and what a judge knows of the task."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from runs.domain.joins import JoinSettings, Judge, Majority, Merge
from runs.domain.plan import CallSettings, Role


def asked_call(
    settings: JoinSettings, own: CallSettings, role: Role, schema: Mapping[str, Any] | None
) -> CallSettings:
    """The branches' `own` call as the join's settings change it: nothing but the connection, the
    model and the seed is taken over where those are silent."""
    plain = replace(own, json_schema=schema, stop=(), system="")
    if isinstance(settings, Merge):
        merge = replace(
            plain,
            connection=settings.connection or own.connection,
            model=settings.model or own.model,
            max_tokens=settings.max_tokens,
        )
        return _steady(merge) if role is Role.JUDGE else merge
    if isinstance(settings, Judge | Majority):
        judge = settings.judge
        return replace(
            plain,
            connection=judge.connection or own.connection,
            model=judge.model or own.model,
            max_tokens=judge.max_tokens,
            temperature=judge.temperature,
            top_p=None,
        )
    return plain


def _steady(call: CallSettings) -> CallSettings:
    """Without chance, as far as the model takes a temperature at all: where none is set for the
    branches, it may be one that refuses it."""
    return replace(call, temperature=None if call.temperature is None else 0.0, top_p=None)


def with_task(settings: JoinSettings, task: Callable[[], str]) -> JoinSettings:
    """The settings with what was asked of the branches, for a judge that is told nothing else."""
    if isinstance(settings, Judge) and not settings.judge.task:
        return replace(settings, judge=replace(settings.judge, task=task()))
    if isinstance(settings, Majority) and settings.ties == "judge" and not settings.judge.task:
        return replace(settings, judge=replace(settings.judge, task=task()))
    return settings
