"""May it run? Cedar decides, from facts that agentkit computes."""

from agentkit.policy.engine import Policy
from agentkit.policy.facts import Facts
from agentkit.policy.packs import PolicyText

__all__ = ["Facts", "Policy", "PolicyText"]
