"""Bringing one agent's runs forward: traced, owned, with a little patience, and written down."""

import asyncio
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

    def context(self, run: RunRecord, listen: Listener = nobody) -> RunContext:
        """One attempt at a run: a name of its own to hold claims under."""
        limits = Limits(self.settings.lease, self.settings.hold_grace, self.settings.question_expiry)
        return RunContext(
            run.id,
            f"{self.settings.tenant} {run.created_at.isoformat()}",
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
        context = self.context(record, listen)
        with self.span(record) as span:
            await self.journal.drive(record.id, context.owner, self.settings.lease, span.traceparent)
            beat = asyncio.create_task(self._beat(record.id, context.owner))
            try:
                standing = await with_patience(lambda: forward(context), context, self.settings.patience)
                ended = await self._note(record.id, standing)
            except Exception as error:  # Whatever it was, nobody should believe that the run is still running.
                with contextlib.suppress(JournalUnavailable):
                    await self._note(record.id, Standing("stopped", f"{type(error).__name__}: {error}"))
                raise
            except BaseException:  # We are told to stop: whoever comes next goes on with it.
                with contextlib.suppress(JournalUnavailable):
                    await asyncio.shield(self.journal.stop_driving(record.id, context.owner))
                raise
            finally:
                beat.cancel()
            span.set(names.RUN_STATUS, standing.status)
        event = RunEnded if ended.status in OVER else RunPaused
        listen(event(ended.id, ended.status, ended.reason, ended.answer))

    async def _note(self, run: str, standing: Standing) -> RunRecord:
        return await self.journal.set_status(run, standing.status, standing.reason, standing.answer)

    async def _beat(self, run: str, owner: str) -> None:
        """Say that we are alive, until somebody else brings the run forward."""
        ours = True
        while ours:
            await asyncio.sleep(self.settings.lease.total_seconds() / 3)
            with contextlib.suppress(JournalUnavailable):  # the next beat may get through
                ours = await self.journal.still_driving(run, owner, self.settings.lease)
