"""What the road needs to know about the run it serves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agentkit.execution.events import Event
from agentkit.journal.journal import Journal
from agentkit.journal.owner import new_owner
from agentkit.policy.engine import Policy
from agentkit.sandbox import Sandbox
from agentkit.telemetry.spans import Tracing
from agentkit.toolbox import Toolbox


def _ignore(event: Event) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Limits:
    """How long things may take."""

    lease: timedelta = timedelta(seconds=30)
    """How long a worker that says nothing keeps what it has claimed."""
    hold_grace: timedelta = timedelta(hours=1)
    """How late a held action may be released without asking."""
    question_expiry: timedelta = timedelta(hours=24)
    """How long a question can be answered, and an approval used."""
    retry_wait: timedelta = timedelta(milliseconds=200)
    """The first pause before a safe repetition; later ones double."""


@dataclass(frozen=True)
class RunContext:
    """One attempt to carry a run on. Its `owner` is what claims are held under."""

    run: str
    salt: str
    """Tells this run from one of the same name in another tenant or another journal."""
    principal: str
    """Who acts, such as `agent:desk`."""
    toolbox: Toolbox
    policy: Policy
    journal: Journal
    secret: bytes = field(repr=False)
    """Makes idempotency keys that nobody can guess."""
    tracing: Tracing
    sandbox: Sandbox | None = None
    limits: Limits = field(default_factory=Limits)
    emit: Callable[[Event], None] = _ignore
    owner: str = field(default_factory=new_owner)

    def now(self) -> datetime:
        """The journal's clock (UTC)."""
        return self.journal.clock()
