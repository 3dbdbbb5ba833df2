"""What an agent did and when, for people and for tracing tools."""

from agentkit.telemetry import names
from agentkit.telemetry.redact import Redactor
from agentkit.telemetry.row import SpanEvent, SpanLink, SpanRow
from agentkit.telemetry.spans import Span, Tracing

__all__ = ["Redactor", "Span", "SpanEvent", "SpanLink", "SpanRow", "Tracing", "names"]
