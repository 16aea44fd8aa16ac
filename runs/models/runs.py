"""One launch and everything under it: the tables the engine's single writer fills.

Rows of a run carry `seq`, the number of the commit that last changed them. Times of branches
and attempts are milliseconds since `Run.launched_at`, so that they compare, pack and send as
they are. Ids of joins and branches are known before their insert: see `row_id`. A run's rows have
no index of a foreign key alone: another begins with it, and each is paid for with every row.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q

from runs.domain.plan import PlannedJoin, Role
from runs.domain.results import OutcomeKind
from runs.domain.states import (
    OPEN_RUN,
    AttemptStatus,
    BranchStatus,
    JoinStatus,
    RunStatus,
)
from runs.models.configurations import Configuration
from runs.models.connections import Connection

ROWS_A_RUN = 1 << 24


def row_id(run_id: int, number: int) -> int:
    """Id of a run's join or branch `number` (from 0), unique over all runs."""
    return run_id * ROWS_A_RUN + number


def _choices(states: type) -> list[tuple[str, str]]:
    return [(state.value, state.value) for state in states]  # type: ignore[attr-defined]


class Run(models.Model):
    """One launch. `spec` is the frozen configuration with its templates' texts; `connections` the
    frozen connections by name (`{id, kind, model prices, limits}`; never a key)."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    configuration = models.ForeignKey(
        Configuration, models.SET_NULL, null=True, related_name="runs"
    )
    name = models.CharField(max_length=120)
    number = models.PositiveIntegerField()
    pattern = models.CharField(max_length=16)
    method = models.CharField(max_length=16)
    spec = models.JSONField()
    connections = models.JSONField(default=dict)
    is_simulated = models.BooleanField(default=False)
    is_replayed = models.BooleanField(default=False)
    warnings = models.JSONField(default=list)
    estimate = models.JSONField(default=dict)
    idempotency_key = models.CharField(max_length=64, null=True)
    content_hash = models.CharField(max_length=64, blank=True)

    status = models.CharField(max_length=12, choices=_choices(RunStatus), default=RunStatus.QUEUED)
    outcome = models.CharField(max_length=24, blank=True, choices=_choices(OutcomeKind))
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    planned_at = models.DateTimeField(null=True)
    launched_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    seq = models.BigIntegerField(default=0)
    fence = models.BigIntegerField(default=0)
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)

    # Control columns: anybody's wishes, read by the owner with every commit.
    cancel_wanted = models.BooleanField(default=False)
    hold_wanted = models.BooleanField(default=False)
    in_flight_wanted = models.PositiveIntegerField(null=True)
    watched = models.JSONField(default=dict)  # {branch number: until, ms since the launch}

    budget_usd = models.FloatField(null=True)
    budget_calls = models.PositiveIntegerField(null=True)
    budget_tokens = models.PositiveBigIntegerField(null=True)
    spent_usd = models.FloatField(default=0)
    reserved_usd = models.FloatField(default=0)
    spent_tokens = models.BigIntegerField(default=0)  # what is unknown counts as reserved
    reserved_tokens = models.BigIntegerField(default=0)
    calls = models.PositiveIntegerField(default=0)

    branches_planned = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict)  # {branch status: number}, children and asked calls
    in_flight = models.PositiveIntegerField(default=0)
    kpis = models.JSONField(default=dict)
    chosen_pass = models.PositiveIntegerField(default=1)  # whose outcome counts
    baseline = models.JSONField(default=dict)  # a measured one-by-one sample, if asked for
    baseline_wanted = models.PositiveIntegerField(null=True)  # calls to measure, until it is done

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="one_run_an_idempotency_key",
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "-id"], name="run_by_owner"),
            models.Index(fields=["owner", "status", "-id"], name="run_by_status"),
            models.Index(fields=["configuration", "-id"], name="run_by_configuration"),
            models.Index(
                fields=["id"],
                condition=Q(baseline_wanted__isnull=False),
                name="run_baseline_wanted",
            ),
            models.Index(
                fields=["lease_until"],
                condition=Q(status__in=sorted(OPEN_RUN)),
                name="run_open_by_lease",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} · run {self.number}"

    def is_priced(self, connection: str, model: str) -> bool:
        """Whether a price is frozen with the run; one of nothing is a price."""
        prices = (self.connections.get(connection) or {}).get("prices", {})
        return prices.get(model) is not None


class Pass(models.Model):
    """The first working-through of a run, or a later act on it.

    `settings` of one that joins again are what it changes of the configuration: `join`,
    `on_failure`, and for votes on each piece `each` (`{join, on_failure}`). Without `ended_at` it
    waits for a worker, or is at work. `status` and `outcome` are its own; the run keeps its own
    until a person picks the pass."""

    class Kind(models.TextChoices):
        RUN = "run", "run"
        RETRY = "retry", "retry failed"
        AGAIN = "again", "join again"

    run = models.ForeignKey(Run, models.CASCADE, related_name="passes", db_index=False)
    n = models.PositiveIntegerField()
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.RUN)
    settings = models.JSONField(default=dict)
    status = models.CharField(max_length=12, choices=_choices(RunStatus), blank=True)
    outcome = models.CharField(max_length=24, choices=_choices(OutcomeKind), blank=True)
    reason = models.CharField(max_length=300, blank=True)
    calls = models.PositiveIntegerField(default=0)
    spent_usd = models.FloatField(default=0)
    started_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["n"]
        constraints = [models.UniqueConstraint(fields=["run", "n"], name="pass_once")]
        indexes = [
            models.Index(
                fields=["run"],
                condition=Q(kind="again", ended_at__isnull=True),
                name="pass_open",
            )
        ]


class Item(models.Model):
    """A run's frozen input, one row a document, chunk, line or data set row."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="items", db_index=False)
    number = models.PositiveIntegerField()
    label = models.CharField(max_length=200)
    fields = models.JSONField()
    gold = models.TextField(null=True)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="item_once")]


class Join(models.Model):
    """An inner node of the plan; `number` 0 is the root. `children` counts planned children."""

    id = models.BigIntegerField(primary_key=True)
    run = models.ForeignKey(Run, models.CASCADE, related_name="joins", db_index=False)
    number = models.PositiveIntegerField()
    parent_number = models.PositiveIntegerField(null=True)
    position = models.PositiveIntegerField(default=0)
    label = models.CharField(max_length=200, blank=True)
    item_number = models.PositiveIntegerField(default=0)
    children = models.PositiveIntegerField()
    branches_are_children = models.BooleanField(default=True)
    status = models.CharField(
        max_length=12, choices=_choices(JoinStatus), default=JoinStatus.WAITING
    )
    outcome = models.CharField(max_length=24, blank=True)
    value = models.TextField(blank=True)
    quality = models.JSONField(default=dict)
    seq = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="join_once")]
        indexes = [models.Index(fields=["run", "seq"], name="join_by_seq")]

    def planned(self) -> PlannedJoin:
        """The node of the plan that this row stands for."""
        return PlannedJoin(
            index=self.number,
            parent=self.parent_number,
            position=self.position,
            label=self.label,
            children=self.children,
            item=self.item_number,
            branches_are_children=self.branches_are_children,
        )


class Branch(models.Model):
    """One call and its end. `number` counts the run's branches from 0, about in the order in which
    they were opened."""

    id = models.BigIntegerField(primary_key=True)
    run = models.ForeignKey(Run, models.CASCADE, related_name="branches", db_index=False)
    number = models.PositiveIntegerField()
    join_number = models.PositiveIntegerField()
    pass_n = models.PositiveIntegerField(default=1)
    role = models.CharField(max_length=8, choices=_choices(Role))
    level = models.PositiveIntegerField(default=0)
    index = models.PositiveIntegerField()
    label = models.CharField(max_length=200, blank=True)
    item_number = models.PositiveIntegerField(default=0)
    connection = models.CharField(max_length=80)
    model = models.CharField(max_length=120)
    input_hash = models.CharField(max_length=64, blank=True)
    status = models.CharField(
        max_length=12, choices=_choices(BranchStatus), default=BranchStatus.PENDING
    )
    reason = models.CharField(max_length=300, blank=True)
    error_kind = models.CharField(max_length=20, blank=True)
    is_cut = models.BooleanField(default=False)
    tries = models.PositiveIntegerField(default=0)
    ready_ms = models.BigIntegerField(null=True)
    sent_ms = models.BigIntegerField(null=True)
    first_token_ms = models.BigIntegerField(null=True)
    ended_ms = models.BigIntegerField(null=True)
    backoff_until_ms = models.BigIntegerField(null=True)
    held_ms = models.BigIntegerField(default=0)
    # Earlier attempts, "sent-ended:status" in ms each, separated by blanks.
    trail = models.TextField(blank=True)
    input_tokens = models.PositiveIntegerField(null=True)
    output_tokens = models.PositiveIntegerField(null=True)
    cost_usd = models.FloatField(null=True)
    reading = models.CharField(max_length=200, blank=True)  # what the join read from the answer
    seq = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="branch_number_once"),
            models.UniqueConstraint(
                fields=["run", "join_number", "pass_n", "role", "level", "index"],
                name="branch_key_once",
            ),
        ]
        indexes = [
            models.Index(fields=["run", "seq"], name="branch_by_seq"),
            models.Index(fields=["run", "status"], name="branch_by_status"),
        ]


class Answer(models.Model):
    """A branch's text, apart from its row, so that deltas and upserts never carry it."""

    branch = models.OneToOneField(Branch, models.CASCADE, primary_key=True)
    text = models.TextField()


class Attempt(models.Model):
    """One request of a branch. Committed as `sent` before its socket opens."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, models.CASCADE, related_name="attempts", db_index=False)
    branch = models.ForeignKey(Branch, models.CASCADE, related_name="attempts", db_index=False)
    number = models.PositiveIntegerField()
    uuid = models.CharField(max_length=32)
    status = models.CharField(
        max_length=12, choices=_choices(AttemptStatus), default=AttemptStatus.SENT
    )
    ready_ms = models.BigIntegerField()
    admitted_ms = models.BigIntegerField()
    sent_ms = models.BigIntegerField(null=True)
    first_token_ms = models.BigIntegerField(null=True)
    ended_ms = models.BigIntegerField(null=True)
    held_ms = models.BigIntegerField(default=0)
    held_reason = models.CharField(max_length=20, blank=True)
    limited_ms = models.BigIntegerField(null=True)  # held by the rate limit as the next one
    short_ms = models.BigIntegerField(default=0)  # without room under the run's caps, likewise
    status_code = models.PositiveIntegerField(null=True)
    retry_after_s = models.FloatField(null=True)
    error_kind = models.CharField(max_length=20, blank=True)
    error = models.CharField(max_length=500, blank=True)
    input_tokens = models.PositiveIntegerField(null=True)
    output_tokens = models.PositiveIntegerField(null=True)
    cached_tokens = models.PositiveIntegerField(null=True)
    reserved_tokens = models.PositiveIntegerField(default=0)
    reserved_usd = models.FloatField(default=0)
    cost_usd = models.FloatField(null=True)
    is_cost_confirmed = models.BooleanField(default=False)
    is_hedge = models.BooleanField(default=False)  # sent beside an open one of its branch
    seq = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["branch", "number"], name="attempt_number_once")
        ]
        indexes = [models.Index(fields=["run", "seq"], name="attempt_by_seq")]


class Outcome(models.Model):
    """What a join gave in a pass. `contributions` is packed: one
    `[child, kind, reason, value]` for every child, in child order."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="outcomes", db_index=False)
    join = models.ForeignKey(Join, models.CASCADE, related_name="outcomes", db_index=False)
    pass_n = models.PositiveIntegerField(default=1)
    kind = models.CharField(max_length=24, choices=_choices(OutcomeKind))
    value = models.TextField(null=True)
    detail = models.TextField(blank=True)
    contributions = models.JSONField(default=list)
    quality = models.JSONField(default=dict)
    settings = models.JSONField(default=dict)
    seq = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["join", "pass_n"], name="one_outcome_a_join_and_pass")
        ]
        indexes = [models.Index(fields=["run", "seq"], name="outcome_by_seq")]


class LimiterState(models.Model):
    """A limiter's state (limit, levels, not-before), so that a Retry-After outlives a crash."""

    connection = models.ForeignKey(Connection, models.CASCADE)
    model = models.CharField(max_length=120)
    limit = models.PositiveIntegerField()
    not_before = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "model"], name="one_limiter_a_key")
        ]


class LimiterChange(models.Model):
    """A change of a limiter, with its reason; drawn on the run page."""

    START = "first call since parweb started"  # a new process knows nothing of earlier cuts

    connection = models.ForeignKey(Connection, models.CASCADE)
    model = models.CharField(max_length=120)
    at = models.DateTimeField()
    limit = models.PositiveIntegerField()
    not_before = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200)

    class Meta:
        indexes = [
            models.Index(fields=["connection", "model", "at"], name="limiter_change_by_time")
        ]
