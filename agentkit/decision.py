"""What the policy said about an action."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

Verdict = Literal["allow", "ask", "deny"]


@dataclass(frozen=True)
class Obligations:
    """What the permitting rules ask for besides the permission."""

    hold: timedelta = timedelta(0)
    """Keep the action back this long before it is carried out."""


@dataclass(frozen=True)
class Decision:
    """Allow, ask or deny, with the rule and the reason."""

    verdict: Verdict
    rule: str
    """The ids of the rules that decided, e.g. `supervised/ask-before-irreversible`."""
    reason: str
    approvals: int = 0
    """How many people's approval the permission rests on (allow) or asks for (ask): 0, 1 or 2."""
    policy: str = ""
    """The digest of the policy that decided."""
    obligations: Obligations = field(default_factory=Obligations)

    def as_data(self) -> dict[str, Any]:
        """As JSON, for the journal."""
        return {
            "verdict": self.verdict,
            "rule": self.rule,
            "reason": self.reason,
            "approvals": self.approvals,
            "policy": self.policy,
            "hold_seconds": self.obligations.hold.total_seconds(),
        }
