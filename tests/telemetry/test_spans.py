"""Spans say what happened, belong together, and disturb nobody."""

import asyncio
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path

import pytest
from opentelemetry import trace

from agentkit.errors import InvalidSettings
from agentkit.telemetry import SpanRow, Tracing, names

RUN = {names.RUN: "r-1"}


@pytest.fixture(params=["memory", "sqlite"])
def tracing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tracing]:
    """Both stores do the same."""
    url = None if request.param == "memory" else f"sqlite:///{tmp_path / 'acts.db'}"
    tracing = Tracing.open(url, synchronous=True)
    yield tracing
    tracing.close()


def only(rows: list[SpanRow]) -> SpanRow:
    (row,) = rows
    return row


def test_a_span_says_what_happened_and_when(tracing):
    before = datetime.now(UTC)
    with tracing.span("chat gpt-5", attributes={**RUN, names.INPUT_TOKENS: 12}, kind="client") as span:
        span.set(names.OUTPUT_TOKENS, 7)
        span.event("retried", {names.ATTEMPT: 2})
    row = only(tracing.spans("r-1"))
    assert (row.name, row.kind, row.run, row.parent_id, row.failure) == (
        "chat gpt-5",
        "client",
        "r-1",
        None,
        None,
    )
    assert row.attributes == {names.RUN: "r-1", names.INPUT_TOKENS: 12, names.OUTPUT_TOKENS: 7}
    assert before - timedelta(milliseconds=1) <= row.start <= row.end <= datetime.now(UTC)
    assert [(event.name, dict(event.attributes)) for event in row.events] == [("retried", {names.ATTEMPT: 2})]


def test_spans_within_a_span_are_its_children_and_of_the_same_run(tracing):
    with tracing.span("invoke_agent", attributes=RUN):
        with tracing.span("plan"), tracing.span("chat gpt-5"):
            pass
        with tracing.span("execute_tool email.send"):
            pass
    rows = tracing.spans("r-1")
    root, plan, chat, tool = rows
    assert [row.name for row in rows] == ["invoke_agent", "plan", "chat gpt-5", "execute_tool email.send"]
    assert (plan.parent_id, chat.parent_id, tool.parent_id) == (root.span_id, plan.span_id, root.span_id)
    assert len({row.trace_id for row in rows}) == 1


def test_a_run_is_not_told_of_the_spans_of_another(tracing):
    with tracing.span("invoke_agent", attributes=RUN):
        pass
    assert tracing.spans("r-2") == []


async def test_tasks_at_the_same_time_do_not_become_each_others_children(tracing):
    async def act(run: str) -> None:
        with tracing.span(f"invoke_agent {run}", attributes={names.RUN: run}):
            await asyncio.sleep(0.01)
            with tracing.span("execute_tool files.read"):
                await asyncio.sleep(0.01)

    await asyncio.gather(*(act(f"r-{number}") for number in range(5)))
    for number in range(5):
        root, child = tracing.spans(f"r-{number}")
        assert (root.parent_id, child.parent_id, child.trace_id) == (None, root.span_id, root.trace_id)


def test_a_resumed_run_is_a_child_of_the_ended_root_and_links_to_it(tmp_path):
    url = f"sqlite:///{tmp_path / 'acts.db'}"
    first = Tracing.open(url, synchronous=True)
    with first.span("invoke_agent", attributes=RUN) as root:
        kept = root.traceparent
    first.close()

    second = Tracing.open(url)
    with second.span("invoke_agent", parent=kept, attributes=RUN):
        pass
    begun, resumed = second.spans("r-1")
    second.close()
    assert re.fullmatch(f"00-{begun.trace_id}-{begun.span_id}-0[13]", kept)
    assert (resumed.trace_id, resumed.parent_id) == (begun.trace_id, begun.span_id)
    assert [(link.span_id, link.kind) for link in resumed.links] == [(begun.span_id, "resumes")]


def test_a_wait_is_written_down_when_it_is_over(tracing):
    with tracing.span("invoke_agent", attributes=RUN) as root:
        kept = root.traceparent
    start = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    tracing.record(
        "agentkit.wait", start=start, end=start + timedelta(hours=2), parent=kept,
        attributes={**RUN, names.WAITED_FOR: "answer"},
    )  # fmt: skip
    wait = tracing.spans("r-1")[0]
    assert (wait.start, wait.end - wait.start) == (start, timedelta(hours=2))
    assert (wait.name, wait.parent_id, wait.attributes[names.WAITED_FOR]) == (
        "agentkit.wait", kept.split("-")[2], "answer",
    )  # fmt: skip


def test_a_record_within_a_span_is_its_child(tracing):
    now = datetime.now(UTC)
    with tracing.span("invoke_agent", attributes=RUN):
        tracing.record("agentkit.wait", start=now, end=now, failure="nobody answered")
    rows = {row.name: row for row in tracing.spans("r-1")}
    assert rows["agentkit.wait"].parent_id == rows["invoke_agent"].span_id
    assert rows["agentkit.wait"].failure == "nobody answered"


def test_a_clock_that_was_set_back_makes_a_short_span_not_an_error(tracing):
    now = datetime.now(UTC)
    tracing.record("agentkit.wait", start=now, end=now - timedelta(hours=1), attributes=RUN)
    row = only(tracing.spans("r-1"))
    assert row.start == row.end == now


def test_a_time_without_a_zone_is_refused(tracing):
    with pytest.raises(ValueError, match="has no time zone"):
        tracing.record("agentkit.wait", start=datetime(2026, 1, 1), end=datetime(2026, 1, 1))


def test_a_span_can_refer_to_others(tracing):
    with tracing.span("execute_tool booking.reserve", attributes=RUN) as done:
        kept = done.traceparent
    with tracing.span("agentkit.compensate", attributes={names.RUN: "r-2"}, links={"undoes": kept}):
        pass
    (link,) = only(tracing.spans("r-2")).links
    assert (link.kind, link.trace_id, link.span_id) == ("undoes", *kept.split("-")[1:3])


@pytest.mark.parametrize("damaged", ["", "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "00-abc-def-01"])
def test_a_damaged_traceparent_begins_a_trace_of_its_own(tracing, damaged):
    with tracing.span("invoke_agent", parent=damaged, attributes=RUN):
        pass
    assert only(tracing.spans("r-1")).parent_id is None


def test_an_exception_marks_the_span_and_goes_on(tracing):
    with pytest.raises(KeyError), tracing.span("execute_tool email.send", attributes=RUN):
        raise KeyError("no such address")
    row = only(tracing.spans("r-1"))
    assert row.failure == "'no such address'"
    assert row.attributes[names.ERROR_TYPE] == "KeyError"


def test_a_failure_can_be_said(tracing):
    with tracing.span("execute_tool email.send", attributes=RUN) as span:
        span.failed("the server refused")
    assert only(tracing.spans("r-1")).failure == "the server refused"


async def test_being_cancelled_is_not_a_failure(tracing):
    async def wait() -> None:
        with tracing.span("execute_tool email.send", attributes=RUN):
            await asyncio.sleep(60)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    row = only(tracing.spans("r-1"))
    assert row.failure is None
    assert row.attributes[names.CANCELLED] is True


def test_only_executions_carry_the_names_that_viewers_take_for_tool_calls(tracing):
    attributes = {**RUN, names.TOOL_NAME: "email.send", names.TOOL_CALL: "a-1"}
    for name in (
        "execute_tool email.send",
        "agentkit.policy.evaluate email.send",
        "agentkit.approval.request",
    ):
        with tracing.span(name, attributes=attributes) as span:
            span.set(names.TOOL_TYPE, "function")
    tool, policy, approval = tracing.spans("r-1")
    assert tool.attributes[names.TOOL_NAME] == "email.send"
    for row in (policy, approval):
        assert not [name for name in row.attributes if name.startswith("gen_ai.tool.")]
        assert row.attributes["agentkit.tool.name"] == "email.send"
        assert row.attributes["agentkit.tool.type"] == "function"


class Colour(Enum):
    RED = "red"


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (True, True),
        (1.5, 1.5),
        (2**70, str(2**70)),
        (Decimal("2.50"), "2.50"),
        (timedelta(minutes=2), 120.0),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00+00:00"),
        (Colour.RED, "red"),
        (["a", "b"], ["a", "b"]),
        (("a", 1), ["a", "1"]),
        ({"to": ["ü"], "at": Decimal(1)}, '{"to": ["ü"], "at": "1"}'),
        (Unprintable(), "<Unprintable>"),
        ("\ud800 alone", "\ud800 alone"),
        ("x" * 20_000, "x" * 16_384),
    ],
)
def test_any_value_is_kept_in_some_form(tracing, value, kept):
    with tracing.span("agentkit.step", attributes=RUN) as span:
        span.set("agentkit.value", value)
        span.set("agentkit.nothing", None)
    attributes = dict(only(tracing.spans("r-1")).attributes)
    found = attributes.pop("agentkit.value")
    assert (list(found) if isinstance(found, tuple) else found) == kept
    assert attributes == RUN


def test_no_secret_reaches_a_span(tracing):
    secret = "correct horse battery"
    tracing.redactor.register(secret, "mail")

    def log_in() -> None:
        with tracing.span(f"agentkit.step {secret}", attributes={**RUN, "a": secret}) as span:
            span.set("b", [secret])
            span.event(secret, {"c": f"login {secret}"})
            raise RuntimeError(f"login with {secret} failed")

    with pytest.raises(RuntimeError):
        log_in()
    row = only(tracing.spans("r-1"))
    assert "horse" not in repr(row)
    assert row.name == "agentkit.step [secret mail]"
    assert row.failure == "login with [secret mail] failed"


def test_an_abandoned_generator_does_not_break_its_neighbours(tracing):
    async def numbers():
        with tracing.span("agentkit.step", attributes=RUN):
            yield 1
            yield 2

    async def abandon() -> None:
        stream = numbers()
        async for _ in stream:
            break
        await asyncio.create_task(stream.aclose())

    asyncio.run(abandon())
    assert only(tracing.spans("r-1")).name == "agentkit.step"


def test_what_the_program_around_us_traces_is_neither_parent_nor_child(tracing):
    foreign = trace.NonRecordingSpan(trace.SpanContext(1, 1, True, trace.TraceFlags(0)))
    with trace.use_span(foreign), tracing.span("invoke_agent", attributes=RUN):
        assert trace.get_current_span() is foreign
    assert only(tracing.spans("r-1")).parent_id is None


def test_a_sampler_in_the_environment_does_not_empty_the_store(monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    tracing = Tracing.open(None, synchronous=True)
    with tracing.span("invoke_agent", attributes=RUN):
        pass
    assert len(tracing.spans("r-1")) == 1
    tracing.close()


def test_where_telemetry_is_switched_off_nothing_breaks(monkeypatch):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    tracing = Tracing.open(None)
    with tracing.span("invoke_agent", attributes=RUN) as span:
        span.set(names.TURN, 1)
        kept = span.traceparent
        with tracing.span("plan", parent=kept):
            pass
    assert tracing.spans("r-1") == []
    tracing.close()


def test_a_closed_tracing_disturbs_nobody(tracing):
    tracing.close()
    tracing.close()
    with tracing.span("invoke_agent", attributes=RUN):
        pass
    assert tracing.spans("r-1") == []


def test_without_the_otlp_extra_its_name_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(InvalidSettings, match=r"pip install 'agentkit-framework\[otlp\]'"):
        Tracing.open(None, otlp_endpoint="http://localhost:4318")


def test_in_memory_only_the_last_spans_are_kept():
    from agentkit.telemetry.row import RecentSpans

    store = RecentSpans(keep=2)
    now = datetime.now(UTC)
    rows = [SpanRow("t", str(n), None, "r", str(n), "internal", now, now, None, {}) for n in range(3)]
    store.write(rows)
    assert {row.name for row in store.read("r")} == {"1", "2"}
