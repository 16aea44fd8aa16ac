"""One branch in detail: facts, tries with the waits between them, prompt, answer, contribution."""

from collections.abc import Sequence
from dataclasses import dataclass

from runs.domain.plan import CHILD_ROLES
from runs.models import Attempt, Branch, Run
from runs.presenters import figures
from runs.presenters.run_checks import KINDS
from runs.presenters.run_head import elapsed_ms
from runs.presenters.run_limits import Span, limits_of
from runs.presenters.run_prompt import Prompt, prompt_of
from runs.presenters.run_rows import ERROR_WORDS
from runs.presenters.run_state import Pill, branch_pill
from runs.queries import runs as queries

ROLES = {
    "section": "section",
    "vote": "vote",
    "guard": "guard",
    "merge": "merge",
    "judge": "judge",
}
LEAST_WAIT_MS = 100


@dataclass(frozen=True, slots=True)
class Step:
    """A try, or the wait before one (`icon` empty)."""

    icon: str
    title: str
    when: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """How it entered its join."""

    icon: str
    words: str
    reason: str
    value: str


@dataclass(frozen=True, slots=True)
class BranchDetail:
    number: int
    kicker: str
    title: str
    pill: Pill
    is_open: bool
    is_streaming: bool
    facts: tuple[tuple[str, str], ...]
    steps: tuple[Step, ...]
    answer: str
    answer_title: str
    told: Told | None
    prompt: Prompt | None
    model: str
    previous: int | None
    next: int | None


def detail(run: Run, branch: Branch) -> BranchDetail:
    attempts = queries.attempts(branch)
    text = queries.answer_text(branch) or ""
    previous, after = queries.neighbours(branch)
    is_open = branch.status in ("pending", "running")
    return BranchDetail(
        number=branch.number,
        kicker=_kicker(run, branch),
        title=branch.label or f"Branch {branch.number + 1}",
        pill=branch_pill(branch.status, branch.tries),
        is_open=is_open,
        is_streaming=branch.status == "running",
        facts=_facts(branch, attempts, elapsed_ms(run) or 0),
        steps=tuple(_steps(branch, attempts, _silent(run, attempts))),
        answer=text,
        answer_title=_answer_title(branch, text),
        told=_told(run, branch),
        prompt=prompt_of(run, branch),
        model=f"{branch.connection} / {branch.model}",
        previous=previous,
        next=after,
    )


def _kicker(run: Run, branch: Branch) -> str:
    role = ROLES.get(branch.role, branch.role)
    if branch.role not in CHILD_ROLES:
        again = f" · pass {branch.pass_n}" if branch.pass_n > 1 else ""
        return f"Branch {branch.number + 1} · {role}, level {branch.level}{again}"
    join = queries.join(run, branch.join_number)
    of = f" of {join.children}" if join else ""
    return f"Branch {branch.number + 1} · {role} {branch.index + 1}{of}"


def _answer_title(branch: Branch, text: str) -> str:
    if branch.status == "failed" and text:
        return "Text so far, not used"
    if branch.is_cut:
        return "Answer, cut at the output limit"
    return "Answer"


def _facts(branch: Branch, attempts: Sequence[Attempt], now: int) -> tuple[tuple[str, str], ...]:
    calling = _calling(attempts, now)
    is_open = branch.status in ("pending", "running")
    end = now if is_open or branch.ended_ms is None else branch.ended_ms
    waited = None if branch.ready_ms is None else max(end - branch.ready_ms - calling, 0)
    facts = [("Waited", figures.duration(waited)), ("Calling", figures.duration(calling))]
    facts.append(_cost(branch, [one for one in attempts if one.ended_ms is not None]))
    if branch.input_tokens is not None:
        facts.append(("Tokens in", figures.thousands(branch.input_tokens)))
    if branch.output_tokens is not None:
        facts.append(("Tokens out", figures.thousands(branch.output_tokens)))
    if branch.first_token_ms is not None and branch.sent_ms is not None:
        first = figures.duration(branch.first_token_ms - branch.sent_ms)
        facts.append(("First token", first))
    return tuple(facts)


def _cost(branch: Branch, ended: Sequence[Attempt]) -> tuple[str, str]:
    if any(one.cost_usd is None for one in ended):
        return "Cost", "price unknown"
    is_sure = all(one.is_cost_confirmed for one in ended)
    return "Cost" if is_sure else "Cost, at most", figures.money(branch.cost_usd)


def _calling(attempts: Sequence[Attempt], now: int) -> int:
    """Milliseconds in which a call was open; two beside each other count once."""
    total = until = 0
    for attempt in attempts:  # in order of sending
        if attempt.sent_ms is not None and attempt.status != "lost":
            end = now if attempt.ended_ms is None else attempt.ended_ms
            total += max(end - max(attempt.sent_ms, until), 0)
            until = max(until, end)
    return total


def _silent(run: Run, attempts: Sequence[Attempt]) -> Sequence[Span]:
    """Outages of the provider, asked for only where a call was held."""
    is_held = any(attempt.held_ms >= LEAST_WAIT_MS for attempt in attempts)
    return limits_of(run).drawn.silent if is_held else ()


def _steps(branch: Branch, attempts: Sequence[Attempt], silent: Sequence[Span]) -> list[Step]:
    steps: list[Step] = []
    since, before = branch.ready_ms, ""
    for attempt in attempts:
        sent = attempt.sent_ms if attempt.sent_ms is not None else attempt.admitted_ms
        if since is not None and sent - since >= LEAST_WAIT_MS:
            steps.append(Step("", _wait_words(attempt, before, since, sent, silent)))
        steps.append(_try(attempt, sent))
        before = attempt.status
        since = None if attempt.ended_ms is None else max(attempt.ended_ms, since or 0)
    return steps


def _wait_words(
    attempt: Attempt, before: str, since: int, sent: int, silent: Sequence[Span]
) -> str:
    """What the wait for a try consisted of; `before`: how the try before it ended."""
    waited = sent - since
    held = waited if before == "throttled" else min(attempt.held_ms, waited)
    outage = min(sum(max(min(end, sent) - max(start, since), 0) for start, end in silent), held)
    what = "until the next try" if before == "error" else "waiting for a slot"
    parts = (
        (waited - held, what),
        (outage, "held: the provider did not answer"),
        (held - outage, "held by the rate limit"),
    )
    told = [f"{figures.duration(ms)} {words}" for ms, words in parts if ms >= LEAST_WAIT_MS]
    return ", ".join(told) or f"{figures.duration(waited)} waiting"


def _try(attempt: Attempt, sent: int) -> Step:
    end = "now" if attempt.ended_ms is None else figures.duration(attempt.ended_ms)
    when = f"{sent / 1000:.1f} – {end}"
    icon, word = _TRIES.get(attempt.status, ("fail", attempt.status))
    if attempt.status == "error":
        word = str(attempt.status_code or ERROR_WORDS.get(attempt.error_kind, "failed"))
    if attempt.status == "throttled":
        word = f"throttled, {attempt.status_code}" if attempt.status_code else "throttled"
    beside = "hedge, " if attempt.is_hedge else ""
    return Step(icon, f"Try {attempt.number} · {beside}{word}", when, " ".join(_why(attempt)))


_TRIES = {
    "sent": ("live", "under way"),
    "ok": ("done", "answered"),
    "late_ok": ("done", "answered late"),
    "throttled": ("hold", "throttled"),
    "error": ("fail", "failed"),
    "aborted": ("off", "stopped"),
    "lost": ("warn", "lost: parweb stopped meanwhile"),
}


def _why(attempt: Attempt) -> list[str]:
    parts = [attempt.error] if attempt.error else []
    if attempt.retry_after_s:
        parts.append(f"Asked to wait {figures.seconds(attempt.retry_after_s)}.")
    if attempt.status == "ok" and attempt.output_tokens is not None:
        parts.append(f"{figures.plural(attempt.output_tokens, 'token')}.")
    if attempt.cost_usd and attempt.is_cost_confirmed:
        parts.append(f"{figures.money(attempt.cost_usd)}.")
    if attempt.ended_ms is None and attempt.status == "sent":
        return parts
    if not attempt.is_cost_confirmed and attempt.cost_usd:
        parts.append(
            f"Usage unknown: counted at the {figures.money(attempt.cost_usd)} held back for it."
        )
    elif attempt.is_cost_confirmed and (attempt.cost_usd or 0) > attempt.reserved_usd > 0:
        parts.append(
            f"Dearer than it could be at most: {figures.money(attempt.cost_usd)}, with "
            f"{figures.money(attempt.reserved_usd)} held back."
        )
    elif not attempt.cost_usd and attempt.status in ("error", "throttled"):
        parts.append("Not charged.")
    return parts


def _told(run: Run, branch: Branch) -> Told | None:
    if branch.role not in CHILD_ROLES:
        return None
    outcome = queries.outcome(run, branch.join_number)
    entries = outcome.contributions if outcome else ()
    for child, kind, reason, value in entries:
        if child == branch.index:
            icon, words = KINDS.get(kind, ("off", kind))
            return Told(icon, words, reason or "", value or "")
    return None
