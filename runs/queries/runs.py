"""Reads of a run's page. Always through the owner: another person's run does not exist."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Count, F, Max, QuerySet, Sum

from runs.domain.plan import CHILD_ROLES, Role
from runs.domain.states import OPEN_RUN, BranchStatus
from runs.models import Answer, Attempt, Branch, Item, Join, Outcome, Run, row_id

# Names of a branch's figures, as the live wire and the presenters have them, and their columns.
BRANCH_COLUMNS = {
    "number": "number",
    "join": "join_number",
    "role": "role",
    "level": "level",
    "index": "index",
    "label": "label",
    "status": "status",
    "reason": "reason",
    "error_kind": "error_kind",
    "tries": "tries",
    "ready": "ready_ms",
    "sent": "sent_ms",
    "first": "first_token_ms",
    "ended": "ended_ms",
    "backoff": "backoff_until_ms",
    "held": "held_ms",
    "trail": "trail",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cost": "cost_usd",
    "reading": "reading",
    "cut": "is_cut",
}
FILTERS = {
    "all": (),
    "live": (BranchStatus.RUNNING,),
    "waiting": (BranchStatus.PENDING,),
    "done": (BranchStatus.SUCCEEDED,),
    "failed": (BranchStatus.FAILED,),
    "left_out": (BranchStatus.CANCELLED, BranchStatus.SPARED),
}
# What branches can be sorted by.
SORTS = {
    "number": F("number"),
    "label": F("label"),
    "status": F("status"),
    "reading": F("reading"),
    "tries": F("tries"),
    "waited": F("sent_ms") - F("ready_ms"),
    "held": F("held_ms"),
    "first": F("first_token_ms") - F("sent_ms"),
    "took": F("ended_ms") - F("sent_ms"),
    "tokens": F("output_tokens"),
    "cost": F("cost_usd"),
}
VOTERS = (Role.VOTE, Role.SECTION)

BranchRow = dict[str, Any]


def live_runs(owner: AbstractBaseUser) -> int:
    """Number of the owner's runs that have not ended."""
    return Run.objects.filter(owner_id=owner.pk, status__in=OPEN_RUN).count()


def owned(owner: AbstractBaseUser | Any) -> QuerySet[Run]:
    return Run.objects.filter(owner_id=owner.pk).select_related("configuration")


def branch_rows(
    run: Run, *, state: str = "all", start: int = 0, most: int = 500, sort: str = "number"
) -> list[BranchRow]:
    """Branches as the timeline needs them, by one of `SORTS`, with `-` from the largest down;
    what is unknown comes last."""
    by: Any = SORTS[sort.removeprefix("-")]
    order = by.desc(nulls_last=True) if sort.startswith("-") else by.asc(nulls_last=True)
    rows = Branch.objects.filter(run=run).order_by(order, "number")
    if FILTERS[state]:
        rows = rows.filter(status__in=FILTERS[state])
    return _as_rows(rows[start : start + most])


def _as_rows(rows: QuerySet[Branch]) -> list[BranchRow]:
    names = tuple(BRANCH_COLUMNS)
    columns = rows.values_list(*BRANCH_COLUMNS.values())
    return [dict(zip(names, row, strict=True)) for row in columns]


def spans(run: Run, most: int = 100_000) -> list[BranchRow]:
    """Only what the curve of calls in flight needs, of all branches."""
    names = ("status", "sent", "ended", "trail")
    first = Branch.objects.filter(run=run, pass_n=1)  # later passes are no part of the run's time
    columns = first.values_list("status", "sent_ms", "ended_ms", "trail")
    return [dict(zip(names, row, strict=True)) for row in columns[:most]]


def last_end_ms(run: Run) -> int | None:
    found: int | None = Branch.objects.filter(run=run).aggregate(last=Max("ended_ms"))["last"]
    return found


def counts(run: Run) -> dict[str, int]:
    """Branches by status."""
    rows = Branch.objects.filter(run=run).values_list("status").annotate(Count("id"))
    return dict(rows.order_by())


def heard(run: Run) -> int:
    """Children with an answer."""
    return Branch.objects.filter(
        run=run, role__in=CHILD_ROLES, status=BranchStatus.SUCCEEDED
    ).count()


def votes_asked(run: Run) -> int:
    """Votes of which a request was sent."""
    return Branch.objects.filter(run=run, role=Role.VOTE, sent_ms__isnull=False).count()


def tally(run: Run, join: int | None = None) -> dict[str, int]:
    """Votes by value so far, most first; unreadable answers are not in it."""
    rows = Branch.objects.filter(run=run, role__in=VOTERS, status=BranchStatus.SUCCEEDED)
    if join is not None:
        rows = rows.filter(join_number=join)
    counted = rows.exclude(reading="").values_list("reading").annotate(votes=Count("id"))
    return dict(counted.order_by("-votes", "reading"))


def root_join(run: Run) -> Join | None:
    return Join.objects.filter(run=run, number=0).first()


def outcome(run: Run, join: int = 0) -> Outcome | None:
    """What a join gave in the pass that counts."""
    found = Outcome.objects.filter(join_id=row_id(run.pk, join), pass_n=run.chosen_pass)
    return found.first()


def outcomes(run: Run) -> QuerySet[Outcome]:
    return Outcome.objects.filter(run=run).select_related("join").order_by("join_id", "pass_n")


def children(run: Run, join: int = 0, most: int = 2000) -> list[BranchRow]:
    """The branches that are children of a join, in child order."""
    rows = Branch.objects.filter(run=run, join_number=join, role__in=CHILD_ROLES)
    return _as_rows(rows.order_by("index")[:most])


def asked_calls(run: Run, pass_n: int | None = None, most: int = 2000) -> list[BranchRow]:
    """The calls that joins asked for, level by level, in a pass: else in that which counts."""
    rows = Branch.objects.filter(run=run, pass_n=pass_n or run.chosen_pass)
    rows = rows.exclude(role__in=CHILD_ROLES)
    return _as_rows(rows.order_by("join_number", "level", "index")[:most])


def child_joins(run: Run, join: int = 0, most: int = 2000) -> list[Join]:
    rows = Join.objects.filter(run=run, parent_number=join).order_by("position")
    return list(rows[:most])


def answers(run: Run, numbers: Iterable[int]) -> dict[int, str]:
    """Texts by branch number."""
    ids = [row_id(run.pk, number) for number in numbers]
    rows = Answer.objects.filter(branch_id__in=ids).values_list("branch__number", "text")
    return dict(rows)


def all_answers(run: Run) -> dict[int, str]:
    rows = Answer.objects.filter(branch__run=run).values_list("branch__number", "text")
    return dict(rows.iterator())


def costs(run: Run) -> list[Mapping[str, Any]]:
    """Calls and money by role: `{branch__role, calls, cost}`."""
    rows = Attempt.objects.filter(run=run).values("branch__role")
    rows = rows.annotate(calls=Count("id"), cost=Sum("cost_usd"))
    return list(rows.order_by("branch__role"))


def dearest(run: Run, most: int, *, by_cost: bool) -> list[BranchRow]:
    """The branches that cost the most, all their tries together; else those with most tokens."""
    rows = Branch.objects.filter(run=run)
    if by_cost:
        rows = rows.filter(cost_usd__gt=0).order_by("-cost_usd", "number")
    else:
        tokens = F("input_tokens") + F("output_tokens")
        rows = rows.filter(output_tokens__isnull=False).order_by(tokens.desc(), "number")
    return _as_rows(rows[:most])


def branch(run: Run, number: int) -> Branch | None:
    return Branch.objects.filter(run=run, number=number).first()


def attempts(of: Branch) -> Sequence[Attempt]:
    return list(Attempt.objects.filter(branch=of).order_by("number"))


def neighbours(of: Branch) -> tuple[int | None, int | None]:
    """The numbers of the branches before and after this one; they may have gaps."""
    others = Branch.objects.filter(run_id=of.run_id).values_list("number", flat=True)
    before = others.filter(number__lt=of.number).order_by("-number").first()
    after = others.filter(number__gt=of.number).order_by("number").first()
    return before, after


def all_attempts(run: Run) -> QuerySet[Attempt]:
    return Attempt.objects.filter(run=run).order_by("branch_id", "number")


def answer_text(of: Branch) -> str | None:
    return Answer.objects.filter(branch=of).values_list("text", flat=True).first()


def item(run: Run, number: int) -> Item | None:
    return Item.objects.filter(run=run, number=number).first()


def join(run: Run, number: int) -> Join | None:
    return Join.objects.filter(run=run, number=number).first()


def branch_count(run: Run, state: str) -> int:
    rows = Branch.objects.filter(run=run)
    return rows.filter(status__in=FILTERS[state]).count() if FILTERS[state] else rows.count()


def last_to_end(run: Run) -> BranchRow | None:
    """The branch whose end was the last of the children that were called."""
    rows = Branch.objects.filter(run=run, role__in=CHILD_ROLES, ended_ms__isnull=False)
    called = rows.exclude(status=BranchStatus.SPARED).filter(sent_ms__isnull=False)
    found = _as_rows(called.order_by("-ended_ms")[:1])
    return found[0] if found else None
