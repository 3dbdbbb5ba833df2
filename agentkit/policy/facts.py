"""What the road knows about an action besides the action itself; policies see it as `context`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """Counted and looked up by agentkit, never told by a model."""

    approvals: int = 0
    """People who approved exactly this revision."""
    undoes: bool = False
    """This call takes back an earlier action, from an undo plan."""
    repeats: int = 0
    """How many identical actions this run already has."""
    agent: str = "agent"
    """Who acts: the principal's id."""

    def __post_init__(self) -> None:
        if self.approvals < 0 or self.repeats < 0:
            raise ValueError(f"approvals and repeats are counts, not {self.approvals} and {self.repeats}")
