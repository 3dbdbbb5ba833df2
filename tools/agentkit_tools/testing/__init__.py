"""The conformance kit: does a tool keep what it declares? `verify` tries to prove that it does not."""

from agentkit_tools.testing.report import Check, Counterexample, Lie, Report
from agentkit_tools.testing.staging import Staging
from agentkit_tools.testing.verify import verify

__all__ = ["Check", "Counterexample", "Lie", "Report", "Staging", "verify"]
