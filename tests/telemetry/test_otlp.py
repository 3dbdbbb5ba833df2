"""A collector gets the spans as well, and a dead one is no trouble."""

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from agentkit.telemetry import Tracing, names

pytest.importorskip("opentelemetry.exporter.otlp.proto.http.trace_exporter")


class Collector(HTTPServer):
    """A real HTTP server that keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[tuple[str, bytes]] = []


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        assert isinstance(self.server, Collector)
        self.server.received.append((self.path, body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def collector():
    server = Collector()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_collector_gets_the_spans_too(collector):
    messages = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    tracing = Tracing.open(None, tenant="ours", otlp_endpoint=f"http://127.0.0.1:{collector.server_port}")
    tracing.redactor.register("correct horse", "mail")
    with tracing.span("execute_tool email.send", attributes={names.RUN: "r-1", "password": "correct horse"}):
        pass
    tracing.close()
    ((path, body),) = collector.received
    assert path == "/v1/traces"
    assert b"correct horse" not in body
    (sent,) = messages.ExportTraceServiceRequest.FromString(body).resource_spans
    assert {a.key: a.value.string_value for a in sent.resource.attributes}[names.TENANT] == "ours"
    assert sent.scope_spans[0].schema_url == names.SCHEMA_URL
    assert [span.name for span in sent.scope_spans[0].spans] == ["execute_tool email.send"]


def test_a_dead_collector_delays_the_end_a_little_and_loses_nothing_else(tmp_path, capfd):
    tracing = Tracing.open(f"sqlite:///{tmp_path / 'acts.db'}", otlp_endpoint="http://127.0.0.1:9")
    with tracing.span("invoke_agent", attributes={names.RUN: "r-1"}):
        pass
    before = time.monotonic()
    tracing.close()
    assert time.monotonic() - before < 10
    assert len(tracing.spans("r-1")) == 1
    assert capfd.readouterr() == ("", "")
