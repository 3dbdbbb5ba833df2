"""Agents that act on the world, on one road: typed, decided, approved, written down, carried out, taken back."""

from agentkit.action import Outcome
from agentkit.agent import Agent
from agentkit.effects import (
    Blind,
    Checkable,
    Compensable,
    Delayable,
    Effect,
    ExactInverse,
    Findable,
    Idempotent,
    Irreversible,
    Keyed,
    Quote,
    ReadOnly,
)
from agentkit.errors import AgentkitError, ToolFailed, ToolPartial
from agentkit.execution.run import Run
from agentkit.label import Bound, Content, Destination, Directory, Handle, Secret
from agentkit.planner.budget import Budget
from agentkit.planner.conversation import Conversation, Price
from agentkit.planner.scripted import ScriptedModel
from agentkit.policy.packs import PolicyText
from agentkit.tool import ToolContext, tool

__all__ = [
    "Agent",
    "AgentkitError",
    "Blind",
    "Bound",
    "Budget",
    "Checkable",
    "Compensable",
    "Content",
    "Conversation",
    "Delayable",
    "Destination",
    "Directory",
    "Effect",
    "ExactInverse",
    "Findable",
    "Handle",
    "Idempotent",
    "Irreversible",
    "Keyed",
    "Outcome",
    "PolicyText",
    "Price",
    "Quote",
    "ReadOnly",
    "Run",
    "ScriptedModel",
    "Secret",
    "ToolContext",
    "ToolFailed",
    "ToolPartial",
    "tool",
]
