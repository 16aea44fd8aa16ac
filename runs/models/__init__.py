"""Tables. No decisions here: constraints, indexes and plain properties only."""

from runs.models.access import SignInToken
from runs.models.configurations import Configuration, Revision
from runs.models.connections import OWN_ADDRESSES, REMOTE_KINDS, Connection
from runs.models.datasets import Dataset, DatasetItem
from runs.models.learned import Learned
from runs.models.runs import (
    Answer,
    Attempt,
    Branch,
    Item,
    Join,
    LimiterChange,
    LimiterState,
    Outcome,
    Pass,
    Run,
    row_id,
)
from runs.models.templates import Template, TemplateVersion

__all__ = [
    "OWN_ADDRESSES",
    "REMOTE_KINDS",
    "Answer",
    "Attempt",
    "Branch",
    "Configuration",
    "Connection",
    "Dataset",
    "DatasetItem",
    "Item",
    "Join",
    "Learned",
    "LimiterChange",
    "LimiterState",
    "Outcome",
    "Pass",
    "Revision",
    "Run",
    "SignInToken",
    "Template",
    "TemplateVersion",
    "row_id",
]
