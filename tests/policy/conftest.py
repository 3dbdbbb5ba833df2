"""Tools of every kind, and how the tests put an action before a policy."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from agentkit.call import Proposal, Slot
from agentkit.decision import Decision
from agentkit.effects import (
    Blind,
    Compensable,
    Delayable,
    ExactInverse,
    Idempotent,
    Keyed,
    ReadOnly,
    Repeat,
    Undo,
)
from agentkit.policy import Facts, Policy
from agentkit.tool import Tool, ToolContext, tool
from agentkit.toolbox import Toolbox

HOUR = timedelta(hours=1)


def back(_effect: Any) -> Proposal[None]:
    return Proposal("world.back", {})


DECLARATIONS: dict[str, tuple[Repeat | None, Undo | None]] = {
    "world.read": (ReadOnly(), None),
    "world.exact": (Idempotent(), ExactInverse(back)),
    "world.held": (Keyed(HOUR), Delayable(HOUR)),
    "world.blind_held": (None, Delayable(HOUR)),
    "world.refundable": (Idempotent(), Compensable(back)),
    "world.blind_refundable": (Blind(), Compensable(back)),
    "world.final": (Idempotent(), None),
    "world.blind_final": (Blind(), None),
    "world.unknown": (None, None),
}


def make(name: str, repeat: Repeat | None, undo: Undo | None) -> Tool[..., Any]:
    @tool(name, repeat=repeat, undo=undo)
    async def act(ctx: ToolContext, to: list[str], note: str | None = None) -> None: ...

    return act


@pytest.fixture(scope="session")
def toolbox() -> Toolbox:
    return Toolbox(make(name, repeat, undo) for name, (repeat, undo) in DECLARATIONS.items())


Decide = Callable[..., Decision]


@pytest.fixture(scope="session")
def decide(toolbox: Toolbox) -> Decide:
    """decide(policy, tool, approvals=..., undoes=..., repeats=...)."""

    def decided(policy: Policy, name: str, run: str = "run", to: str = "ann@example.org", **facts: Any) -> Decision:
        call = toolbox.named(name)(to=[to]).at(Slot(run, 0, 0))
        return policy.decide(toolbox.validate(call), Facts(**facts))

    return decided
