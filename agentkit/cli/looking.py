"""`agentkit runs` and `agentkit show`: what happened."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from agentkit.cli.ending import OK
from agentkit.cli.reach import AsJson, JournalUrl, opened, settings_with
from agentkit.cli.report import answer_of, answers_to, run_data, show_steps, status_of
from agentkit.cli.screen import columns, print_json, quote, quoted_facts, say, tell
from agentkit.cli.words import away, clock, line, value
from agentkit.execution.run import Run, read_run
from agentkit.journal.journal import Journal
from agentkit.journal.records import Entry, RunRecord
from agentkit.telemetry.row import SpanRow
from agentkit.telemetry.spans import Tracing


def runs(
    journal: JournalUrl = None,
    most: Annotated[int, typer.Option("--last", min=1, help="How many, the newest.")] = 20,
    as_json: AsJson = False,
) -> int:
    """List the runs of a journal, the newest last.

    Example: agentkit runs --last 5
    """
    found = asyncio.run(_runs(journal))
    chosen = found[-most:]
    if as_json:
        print_json([_record_data(record) for record, _ in chosen])
        return OK
    if not chosen:
        tell('There are no runs yet; begin one with: agentkit run app:agent "..."')
        return OK
    rows = [(r.id, _status(r), away(r.created_at, now), r.agent, line(r.goal)) for r, now in chosen]
    columns([("RUN", "STATUS", "BEGUN", "AGENT", "GOAL"), *rows])
    if len(chosen) < len(found):
        tell(f"These are the last {len(chosen)} of {len(found)}; --last {len(found)} shows all.")
    return OK


def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's id, as `agentkit runs` shows it.")],
    journal: JournalUrl = None,
    entries: Annotated[bool, typer.Option("--entries", help="Also every line of the journal.")] = False,
    spans: Annotated[bool, typer.Option("--spans", help="Also the trace.")] = False,
    as_json: AsJson = False,
) -> int:
    """Show a run: its steps and what became of them, what it spent, what waits.

    Example: agentkit show r-4k9w2m7x1cpa --entries
    """
    seen = asyncio.run(_look(run, journal))
    trace = _trace(run, journal) if spans else []
    if as_json:
        more = {"entries": [_entry_data(each) for each in seen.entries]} if entries else {}
        traced = {"spans": [_span_data(each) for each in trace]} if spans else {}
        print_json(seen.data() | more | traced)
        return OK
    seen.show(journal)
    if entries:
        _heading("journal")
        for each in seen.entries:
            quote(f"{clock(each.at)}  {each.kind:<12} {each.action or '':<18} {value(each.body)}".rstrip())
    if spans:
        _heading("trace")
        for each in _indented(trace):
            quote(each)
        if not trace:
            say("  nothing is kept")
    return OK


@dataclass(frozen=True)
class Seen:
    """A run with everything that the journal has about it."""

    record: RunRecord
    run: Run
    undos: list[RunRecord]
    entries: list[Entry]

    def data(self) -> dict[str, Any]:
        """As JSON."""
        undos = [_record_data(undo) for undo in self.undos]
        return _record_data(self.record) | run_data(self.run) | {"budget": self.record.budget, "undos": undos}

    def show(self, journal: str | None) -> None:
        """In lines."""
        record, run = self.record, self.run
        option = f" --journal {journal}" if journal else ""
        quoted_facts(
            [
                ("run", run.id),
                ("goal", line(run.goal, None)),
                ("status", status_of(run)),
                ("agent", record.agent),
                ("begun", clock(record.created_at)),
                ("spent", _spending(record)),
                *([("undoes", record.undoes)] if record.undoes else []),
                *answer_of(run),
            ]
        )
        if run.steps:
            _heading("steps")
            show_steps(run.steps)
        if run.questions:
            _heading("questions")
            for question in run.questions:
                commands = [("", command) for command in answers_to(question, option)]
                quoted_facts([(question.id, line(question.reason, None)), *commands], "  ")
        if self.undos:
            _heading("undos")
            columns([(f"  {undo.id}", _status(undo), line(undo.goal)) for undo in self.undos])


async def _runs(url: str | None) -> list[tuple[RunRecord, Any]]:
    async with opened(url) as journal:
        now = journal.clock()
        return [(record, now) for record in await journal.runs()]


async def _look(run: str, url: str | None) -> Seen:
    async with opened(url) as journal:
        return await _seen(run, journal)


async def _seen(run: str, journal: Journal) -> Seen:
    record = await journal.run(run)
    return Seen(record, await read_run(journal, run), await journal.runs(undoes=run), await journal.entries(run))


def _trace(run: str, url: str | None) -> list[SpanRow]:
    settings = settings_with(url)
    tracing = Tracing.open(settings.journal, tenant=settings.tenant)
    try:
        return tracing.spans(run)
    finally:
        tracing.close()


def _indented(trace: list[SpanRow]) -> list[str]:
    """A child below its parent, further in; parents come before their children."""
    depth: dict[str, int] = {}
    lines: list[str] = []
    for row in trace:
        depth[row.span_id] = depth.get(row.parent_id or "", -1) + 1
        seconds = (row.end - row.start).total_seconds()
        failure = f"  failed: {line(row.failure)}" if row.failure else ""
        lines.append(f"{'  ' * (depth[row.span_id] + 1)}{line(row.name)}  {seconds:.3f} s{failure}")
    return lines


def _status(record: RunRecord) -> str:
    if record.kind == "undo" and record.status == "waiting" and not (record.plan or {}).get("approved"):
        return "planned"
    return record.status.replace("_", " ")


def _spending(record: RunRecord) -> str:
    """Each amount with its limit, and the limits of what nothing was spent on yet."""
    used = [name for name, amount in record.spent.items() if name in record.budget or str(amount) != "0"]
    names = [*used, *(name for name in record.budget if name not in record.spent)]
    parts = [
        f"{record.spent.get(name, 0)} {name.replace('_', ' ')}"
        + (f" of {record.budget[name]}" if name in record.budget else "")
        for name in names
    ]
    return ", ".join(parts) or "nothing"


def _record_data(record: RunRecord) -> dict[str, Any]:
    return {
        "run": record.id,
        "kind": record.kind,
        "goal": record.goal,
        "agent": record.agent,
        "status": record.status,
        "reason": record.reason,
        "created_at": record.created_at.isoformat(),
        "updated_at": record.updated_at.isoformat(),
        "undoes": record.undoes,
    }


def _entry_data(entry: Entry) -> dict[str, Any]:
    return {**vars(entry), "at": entry.at.isoformat()}


def _span_data(row: SpanRow) -> dict[str, Any]:
    links = [vars(link) for link in row.links]
    events = [{**vars(event), "at": event.at.isoformat()} for event in row.events]
    times = {"start": row.start.isoformat(), "end": row.end.isoformat()}
    return {**vars(row), **times, "attributes": dict(row.attributes), "links": links, "events": events}


def _heading(title: str) -> None:
    say()
    say(title, "bold")
