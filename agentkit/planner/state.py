"""Where a run's planner stands. Small on purpose: everything else is in the journal."""

from typing import Literal, TypedDict

Phase = Literal["plan", "act", "observe", "paused", "stopped", "failed", "finished"]


class PlannerState(TypedDict):
    """A disposable cache: without it, the run is replayed from the journal and comes out at the same place."""

    phase: Phase
    turn: int
    todo: list[int]
    """Calls of this turn that are still to be performed."""
    blocked: list[int]
    """Calls of this turn that wait for a person, another worker, or a late effect."""
    reason: str


def at_start() -> PlannerState:
    """Before the first turn."""
    return PlannerState(phase="plan", turn=0, todo=[], blocked=[], reason="")
