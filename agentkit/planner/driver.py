"""Bringing one agent's runs forward: traced, owned, with a little patience, and written down."""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from agentkit.errors import JournalUnavailable
from agentkit.execution.context import Limits, RunContext
from agentkit.execution.events import Event, RunEnded, RunPaused, RunStarted
from agentkit.execution.forward import Standing, with_patience
from agentkit.execution.run import OVER
from agentkit.journal.journal import Journal
from agentkit.journal.records import RunRecord
from agentkit.policy.engine import Policy
from agentkit.sandbox import Sandbox
from agentkit.settings import Settings
from agentkit.telemetry import names
from agentkit.telemetry.spans import Span, Tracing
from agentkit.toolbox import Toolbox

Listener = Callable[[Event], None]


def nobody(event: Event) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Driver:
    """Everything that the runs of one open agent share."""

    name: str
    principal: str
    toolbox: Toolbox
    policy: Policy
    journal: Journal
    tracing: Tracing
    settings: Settings
    secret: bytes = field(repr=False)
    sandbox: Sandbox | None = None

    def context(self, run: str, listen: Listener = nobody) -> RunContext:
        """One attempt at a run: a name of its own to hold claims under."""
        limits = Limits(self.settings.lease, self.settings.hold_grace, self.settings.question_expiry)
        return RunContext(
            run,
            self.principal,
            self.toolbox,
            self.policy,
            self.journal,
            self.secret,
            self.tracing,
            self.sandbox,
            limits,
            listen,
        )

    def span(self, record: RunRecord) -> contextlib.AbstractContextManager[Span]:
        """The trace goes on where the run began, in whatever process that was."""
        return self.tracing.span(
            f"{names.INVOKE_AGENT} {self.name}",
            parent=record.traceparent,
            attributes={names.RUN: record.id, names.AGENT_NAME: self.name},
        )

    async def bring_forward(
        self,
        record: RunRecord,
        forward: Callable[[RunContext], Awaitable[Standing]],
        listen: Listener = nobody,
    ) -> None:
        """Take a run as far as it can go now, and write down where it stands."""
        listen(RunStarted(record.id, record.goal))
        context = self.context(record.id, listen)
        with self.span(record) as span:
            await self.journal.drive(record.id, context.owner, span.traceparent)
            try:
                standing = await with_patience(lambda: forward(context), context, self.settings.patience)
            except Exception as error:  # Whatever it was, nobody should believe that the run is still running.
                with contextlib.suppress(JournalUnavailable):
                    await self.journal.set_status(record.id, "stopped", f"{type(error).__name__}: {error}")
                raise
            span.set(names.RUN_STATUS, standing.status)
        ended = await self.journal.set_status(record.id, standing.status, standing.reason, standing.answer)
        event = RunEnded if ended.status in OVER else RunPaused
        listen(event(ended.id, ended.status, ended.reason, ended.answer))
