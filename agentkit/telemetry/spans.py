"""Spans: what an agent did and when. Making, keeping or losing one never disturbs an action."""

import asyncio
import json
import os
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal, TypeAlias, cast

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import DEFAULT_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    format_span_id,
    format_trace_id,
    set_span_in_context,
)
from opentelemetry.trace import Span as OtelSpan

from agentkit.telemetry import names
from agentkit.telemetry.export import StoreExporter, collector
from agentkit.telemetry.redact import Redactor
from agentkit.telemetry.row import RecentSpans, SpanRow, SpanStore
from agentkit.telemetry.sql import SqlSpans

Plain: TypeAlias = str | bool | int | float | Decimal | datetime | timedelta | Enum
Value: TypeAlias = Plain | Sequence[str] | Mapping[str, Any] | None
Kind: TypeAlias = Literal["internal", "client", "server"]

LONGEST = 16_384  # characters of one attribute


class Span:
    """Something that is going on."""

    def __init__(self, span: OtelSpan, name: str, run: str | None, redactor: Redactor) -> None:
        self.otel = span
        self._name = name
        self._redactor = redactor
        self.run = run
        """The id of the run it belongs to; spans within it belong there, too."""

    @property
    def traceparent(self) -> str:
        """Its place in the W3C notation: keep it, and a later span can be put below it from any process."""
        context = self.otel.get_span_context()
        ids = f"{format_trace_id(context.trace_id)}-{format_span_id(context.span_id)}"
        return f"00-{ids}-{context.trace_flags:02x}"

    def set(self, name: str, value: Value) -> None:
        """Say something about it; `None` says nothing."""
        if value is not None:
            self.otel.set_attribute(names.allowed(name, self._name), self._plain(value))

    def event(self, name: str, attributes: Mapping[str, Value] | None = None) -> None:
        """Note that something happened now."""
        given = {key: value for key, value in (attributes or {}).items() if value is not None}
        plain = {names.allowed(key, self._name): self._plain(value) for key, value in given.items()}
        self.otel.add_event(self._redactor.redact(name), plain)

    def failed(self, reason: str) -> None:
        """Mark it as failed."""
        self.otel.set_status(Status(StatusCode.ERROR, self._redactor.redact(reason)))

    def raised(self, error: BaseException) -> None:
        """Mark it as ended by an exception. Being cancelled is no failure."""
        if isinstance(error, Exception):
            self.set(names.ERROR_TYPE, type(error).__qualname__)
            self.failed(_text(error))
        elif isinstance(error, asyncio.CancelledError | KeyboardInterrupt | GeneratorExit):
            self.set(names.CANCELLED, True)

    def _plain(self, value: Value) -> Any:
        if isinstance(value, Enum):
            return self._plain(value.value)
        if isinstance(value, bool | float):
            return value
        if isinstance(value, int) and abs(value) < 2**63:
            return value
        if isinstance(value, timedelta):
            return value.total_seconds()
        if isinstance(value, list | tuple):
            return [self._redactor.redact(_text(item)) for item in cast("Sequence[object]", value)]
        return self._redactor.redact(_text(value))


_current: ContextVar[Span | None] = ContextVar("agentkit_span", default=None)


class Tracing:
    """Makes spans and keeps them: beside the journal, and in a collector if there is one.

    It has its own provider and its own notion of the current span: neither touches what the program around it
    traces.
    """

    def __init__(
        self,
        store: SpanStore,
        exporters: Sequence[SpanExporter],
        tenant: str,
        redactor: Redactor,
        synchronous: bool,
    ) -> None:
        self._store = store
        self.redactor = redactor
        """Tell it every secret that is fetched."""
        limits = SpanLimits(max_attribute_length=LONGEST, max_span_attribute_length=LONGEST)
        resource = Resource.create({"service.name": _service(), names.TENANT: tenant})
        self._provider = TracerProvider(sampler=DEFAULT_ON, resource=resource, span_limits=limits)
        for exporter in exporters:
            self._provider.add_span_processor(_processor(exporter, synchronous))
        self._tracer = self._provider.get_tracer("agentkit", _version(), names.SCHEMA_URL)
        self._open = True

    @classmethod
    def open(
        cls,
        database_url: str | None,
        *,
        tenant: str = "default",
        otlp_endpoint: str | None = None,
        redactor: Redactor | None = None,
        synchronous: bool = False,
    ) -> "Tracing":
        """Begin to trace.

        Args:
            database_url: the journal's; with `None` or `memory:` only the last spans are kept, in memory.
            tenant: whose spans these are; others are not seen.
            otlp_endpoint: a collector that gets them as well.
            redactor: one that already knows secrets.
            synchronous: keep every span before going on, for tests. It makes actions wait for the disk.

        Raises:
            InvalidSettings: not a database for spans, or no exporter for the collector is installed.
        """
        store = RecentSpans() if database_url in (None, "memory:") else SqlSpans(database_url, tenant)
        exporters = [StoreExporter(store), *([collector(otlp_endpoint)] if otlp_endpoint else [])]
        return cls(store, exporters, tenant, redactor or Redactor(), synchronous)

    @contextmanager
    def span(
        self,
        name: str,
        *,
        parent: str | None = None,
        attributes: Mapping[str, Value] | None = None,
        kind: Kind = "internal",
        links: Mapping[str, str] | None = None,
    ) -> Generator[Span, None, None]:
        """Trace what happens in the block. An exception marks the span and goes on.

        Args:
            name: `execute_tool email.send`.
            parent: a traceparent that was kept. The span becomes its child, even if that ended long ago, and
                links to it, for some viewers show only the one or the other. Without it the enclosing span
                is the parent; without either, a trace begins.
            attributes: as for `Span.set`. `names.RUN` also holds for all spans within.
            kind: `client` for a call to somebody else's service.
            links: other spans to refer to: traceparent by kind, such as `{"undoes": ...}`.
        """
        resumed = {"resumes": parent} if parent else {}
        span = self._begin(name, parent, attributes or {}, kind, {**resumed, **(links or {})}, None)
        before = _current.set(span)
        try:
            yield span
        except BaseException as error:
            span.raised(error)
            raise
        finally:
            _leave(before)
            span.otel.end()

    def record(
        self,
        name: str,
        *,
        start: datetime,
        end: datetime,
        parent: str | None = None,
        attributes: Mapping[str, Value] | None = None,
        failure: str | None = None,
        links: Mapping[str, str] | None = None,
    ) -> None:
        """Write down a span that is over, such as a wait that no process lived through. Times have a zone."""
        span = self._begin(name, parent, attributes or {}, "internal", links or {}, _nanoseconds(start))
        if failure is not None:
            span.failed(failure)
        span.otel.end(_nanoseconds(max(start, end)))

    def spans(self, run: str) -> list[SpanRow]:
        """The spans of a run that have ended, the earliest first, also those that other processes kept.

        Raises:
            JournalUnavailable: the database cannot be read.
        """
        self._provider.force_flush()
        return self._store.read(run)

    def close(self) -> None:
        """Keep what is still on its way, and stop. Safe to call again."""
        if self._open:
            self._open = False
            self._provider.shutdown()

    def _begin(
        self,
        name: str,
        parent: str | None,
        attributes: Mapping[str, Value],
        kind: Kind,
        links: Mapping[str, str],
        start: int | None,
    ) -> Span:
        enclosing = _current.get()
        otel = self._tracer.start_span(
            self.redactor.redact(name),
            context=_below(_context(parent), enclosing),
            kind=SpanKind[kind.upper()],
            links=_links(links),
            start_time=start,
        )
        run = attributes.get(names.RUN) or (enclosing.run if enclosing else None)
        span = Span(otel, name, None if run is None else str(run), self.redactor)
        for attribute, value in {**attributes, names.RUN: run}.items():
            span.set(attribute, value)
        return span


def _below(parent: SpanContext | None, enclosing: Span | None) -> Context:
    """An empty context begins a trace: what the program around us traces does not become our parent."""
    if parent:
        return set_span_in_context(NonRecordingSpan(parent), Context())
    if enclosing:
        return set_span_in_context(enclosing.otel, Context())
    return Context()


def _context(traceparent: str | None) -> SpanContext | None:
    """What is not a traceparent is nobody's parent: a damaged one must not stop a run."""
    found = re.fullmatch(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", traceparent or "")
    if not found:
        return None
    trace, span, flags = (int(part, 16) for part in found.groups())
    context = SpanContext(trace, span, is_remote=True, trace_flags=TraceFlags(flags))
    return context if context.is_valid else None


def _links(links: Mapping[str, str]) -> list[Link]:
    found = ((kind, _context(traceparent)) for kind, traceparent in links.items())
    return [Link(context, {names.LINK_KIND: kind}) for kind, context in found if context]


def _leave(before: Any) -> None:
    # An abandoned generator is closed in another context, where its span was never the current one.
    with suppress(ValueError):
        _current.reset(before)


def _processor(exporter: SpanExporter, synchronous: bool) -> SimpleSpanProcessor | BatchSpanProcessor:
    if synchronous:
        return SimpleSpanProcessor(exporter)
    return BatchSpanProcessor(exporter, max_queue_size=8192, schedule_delay_millis=1000, max_export_batch_size=512)


def _text(value: object) -> str:
    try:
        return _spelled(value)
    except Exception:  # somebody else's __str__: a span never breaks an action
        return f"<{type(value).__qualname__}>"


def _spelled(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return json.dumps(cast("Mapping[str, Any]", value), default=str, ensure_ascii=False)
    return str(value)


def _nanoseconds(time: datetime) -> int:
    if time.tzinfo is None:
        raise ValueError(f"{time!r} has no time zone")
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def _service() -> str:
    return os.environ.get("OTEL_SERVICE_NAME", "agentkit")


def _version() -> str:
    try:
        return version("agentkit-framework")
    except PackageNotFoundError:
        return ""
