"""The ways out for spans that have ended: into our own store, and to a collector."""

import importlib
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, SpanContext, StatusCode, format_span_id, format_trace_id

from agentkit.errors import InvalidSettings
from agentkit.telemetry import names
from agentkit.telemetry.row import SpanEvent, SpanLink, SpanRow, SpanStore

log = logging.getLogger("agentkit")
# Lost spans are news for those who configured logging; nobody else gets them on stderr.
for quiet in (log, logging.getLogger("opentelemetry")):
    quiet.addHandler(logging.NullHandler())


class StoreExporter(SpanExporter):
    """Writes spans into a store. What it does not take is lost, and said in the log."""

    def __init__(self, store: SpanStore) -> None:
        self._store = store

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write one batch."""
        try:
            self._store.write([_row(span) for span in spans])
        except Exception as error:  # whatever is wrong with spans, actions go on
            log.warning("%d spans were lost: %s", len(spans), error)
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS


def collector(endpoint: str) -> SpanExporter:
    """Sends spans over OTLP (HTTP, protobuf) to `http://host:4318`, or to a full path if one is given.

    Raises:
        InvalidSettings: the extra is not installed.
    """
    try:
        otlp: Any = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    except ImportError:
        raise InvalidSettings(
            "an otlp_endpoint is set, but its extra is missing: pip install 'agentkit-framework[otlp]'"
        ) from None
    has_path = urlsplit(endpoint).path.strip("/")
    url = endpoint if has_path else endpoint.rstrip("/") + "/v1/traces"
    return otlp.OTLPSpanExporter(endpoint=url, timeout=5)  # a dead collector delays the end of a program so long


def _row(span: ReadableSpan) -> SpanRow:
    context: SpanContext = span.get_span_context()  # pyright: ignore[reportAssignmentType]
    attributes = dict(span.attributes or {})
    failed = span.status.status_code is StatusCode.ERROR
    return SpanRow(
        trace_id=format_trace_id(context.trace_id),
        span_id=format_span_id(context.span_id),
        parent_id=format_span_id(span.parent.span_id) if span.parent else None,
        run=str(attributes[names.RUN]) if names.RUN in attributes else None,
        name=span.name,
        kind=span.kind.name.lower(),
        start=_time(span.start_time),
        end=_time(span.end_time),
        failure=(span.status.description or "") if failed else None,
        attributes=attributes,
        links=[_link(link) for link in span.links],
        events=[_event(event) for event in span.events],
    )


def _link(link: Link) -> SpanLink:
    kind = str((link.attributes or {}).get(names.LINK_KIND, ""))
    return SpanLink(format_trace_id(link.context.trace_id), format_span_id(link.context.span_id), kind)


def _event(event: Event) -> SpanEvent:
    return SpanEvent(event.name, _time(event.timestamp), dict(event.attributes or {}))


def _time(nanoseconds: int | None) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=(nanoseconds or 0) // 1000)
