"""Children of a join, as short as tests want them."""

from runs.domain.plan import Role
from runs.domain.results import Child, ChildState


def answered(index: int, text: str, *, role: Role = Role.SECTION, is_cut: bool = False) -> Child:
    label = f"Document {index + 1}"
    return Child(index, label, ChildState.ANSWERED, text, role=role, is_cut=is_cut)


def failed(index: int, reason: str = "Failed after 4 tries. 503: Overloaded.") -> Child:
    return Child(index, f"Document {index + 1}", ChildState.FAILED, reason=reason)


def cancelled(index: int, reason: str = "budget") -> Child:
    return Child(index, f"Document {index + 1}", ChildState.CANCELLED, reason=reason)


def spared(index: int) -> Child:
    return Child(index, f"Document {index + 1}", ChildState.SPARED)


def votes(*texts: str) -> list[Child]:
    return [answered(index, text, role=Role.VOTE) for index, text in enumerate(texts)]


def guard(index: int, text: str) -> Child:
    return answered(index, text, role=Role.GUARD)


def failed_guard(index: int) -> Child:
    return Child(index, "Safety", ChildState.FAILED, reason="Failed.", role=Role.GUARD)
