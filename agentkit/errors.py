"""What can go wrong, grouped by who has to react.

AgentkitError
├── ModelMistake            the model reads it and proposes something better
│   ├── InvalidToolCall     unknown tool, extra or wrongly typed arguments
│   └── InvalidOutput       an answer that does not fit the output type
├── ToolFailed              raised by a tool: this attempt provably did nothing
├── ToolPartial             raised by a tool: a part happened, and which
├── DeveloperMistake        the program that uses agentkit has to change
│   ├── InvalidTool         a tool that cannot be built from its signature
│   ├── InvalidPolicy       a policy that does not load
│   ├── InvalidSettings     a setting that is missing, unknown or of the wrong type
│   ├── SlotTaken           another call at a slot that already has one
│   └── UnknownPrice        a money budget for a model whose price is not known
└── OperatorMatter          a person or the machine has to change something
    ├── NotFound            no such run, action or question
    ├── ConsentRefused      an answer that cannot count: late, second, foreign, about something else
    ├── BudgetExhausted     a limit of the run is reached; raise it and resume
    ├── ModelUnavailable    the model did not answer; mend what the reason says, or wait, and resume
    ├── JournalUnavailable  the database is missing, foreign, locked or from another version
    ├── SandboxUnavailable  the walls that an action needs cannot be built here
    └── LeaseLost           another worker took the action over; stop before doing anything
"""

from typing import Any


class AgentkitError(Exception):
    """Anything agentkit raises on purpose."""


class ModelMistake(AgentkitError):
    """The model reads it and proposes something better."""


class InvalidToolCall(ModelMistake):
    """Unknown tool, extra or wrongly typed arguments."""


class InvalidOutput(ModelMistake):
    """An answer that does not fit the output type."""


class ToolFailed(AgentkitError):
    """Raise it in a tool when this attempt provably did nothing in the world.

    An earlier attempt of the same action may still be in question: the road keeps that in mind. A tool that looked
    and knows that no attempt ever did anything says so by `ever=True`.
    """

    def __init__(self, reason: str, *, ever: bool = False) -> None:
        super().__init__(reason)
        self.ever = ever


class ToolPartial(AgentkitError):
    """Raise it in a tool when only a part happened; `result` says which, in the tool's own result type."""

    def __init__(self, reason: str, result: Any) -> None:
        super().__init__(reason)
        self.result = result


class DeveloperMistake(AgentkitError):
    """The program that uses agentkit has to change."""


class InvalidTool(DeveloperMistake):
    """A tool that cannot be built from its signature."""


class InvalidPolicy(DeveloperMistake):
    """A policy that does not load."""


class InvalidSettings(DeveloperMistake):
    """A setting that is missing, unknown or of the wrong type."""


class SlotTaken(DeveloperMistake):
    """Another call at a slot that already has one."""


class UnknownPrice(DeveloperMistake):
    """A money budget for a model whose price is not known."""


class OperatorMatter(AgentkitError):
    """A person or the machine has to change something."""


class NotFound(OperatorMatter):
    """No such run, action or question."""


class ConsentRefused(OperatorMatter):
    """An answer that cannot count: late, second, foreign, or about something else."""


class BudgetExhausted(OperatorMatter):
    """A limit of the run is reached; raise it and resume."""


class ModelUnavailable(OperatorMatter):
    """The model did not answer: the run stops there and can be resumed. Raise it in a `Model` of your own."""


class JournalUnavailable(OperatorMatter):
    """The database is missing, foreign, locked or from another version."""


class SandboxUnavailable(OperatorMatter):
    """The walls that an action needs cannot be built here."""


class LeaseLost(OperatorMatter):
    """Another worker took the action over; nothing may be done under the old claim."""
