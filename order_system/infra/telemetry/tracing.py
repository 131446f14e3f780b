"""Traces by OpenTelemetry: one for each order, from the request or command that starts it to its last
gateway. Temporal's plugin makes the spans of workflows and activities, ours are transactions and calls.

What leaves the process holds nothing of a customer. An exception leaves with its type and without its text,
into which a gateway may have put an address. A URL leaves as its route."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import Status
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue
from temporalio.contrib.opentelemetry import OpenTelemetryPlugin, create_tracer_provider

from order_system.infra.telemetry.process import Telemetry

_KEPT = {
    *("temporalWorkflowID", "temporalRunID", "temporalActivityID", "temporalUpdateID"),
    *("http.request.method", "http.route", "http.response.status_code", "error.type", "exception.type"),
}
"""The attributes that leave the process. Nobody knows what is in the others."""
_QUERIES = ("QueryWorkflow:", "HandleQuery:")
"""Spans that are left out: queries change nothing, and open pages ask every few seconds."""


def begin(telemetry: Telemetry, service: str) -> None:
    provider = create_tracer_provider(resource=Resource.create({SERVICE_NAME: service}))
    provider.add_span_processor(BatchSpanProcessor(Discreet()))
    # Making a tracer takes as long as making a span, and the plugin asks for one with each span.
    provider.get_tracer = cache(provider.get_tracer)  # pyright: ignore[reportAttributeAccessIssue]
    trace.set_tracer_provider(provider)
    propagate.set_global_textmap(TraceContextTextMapPropagator())  # and no baggage, which may hold anything
    telemetry.plugins = (OpenTelemetryPlugin(add_temporal_spans=True),)
    telemetry.span, telemetry.headers, telemetry.log_fields = span, _headers, _log_fields
    telemetry.close = provider.shutdown


def span(name: str) -> AbstractContextManager[object]:
    """Begin a span, but only within a trace that is sampled: background work begins no trace."""
    told = trace.get_current_span().is_recording()
    return trace.get_tracer(__name__).start_as_current_span(name) if told else nullcontext()


class Discreet(OTLPSpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return super().export([_cleaned(each) for each in spans if not each.name.startswith(_QUERIES)])


def _cleaned(told: ReadableSpan) -> ReadableSpan:
    if not told.events and not told.status.description and _KEPT.issuperset(told.attributes or ()):
        return told
    return ReadableSpan(
        name=told.name,
        context=told.context,
        parent=told.parent,
        resource=told.resource,
        attributes=_kept(told.attributes),
        events=[Event(each.name, _kept(each.attributes), each.timestamp) for each in told.events],
        links=told.links,
        kind=told.kind,
        status=Status(told.status.status_code),
        start_time=told.start_time,
        end_time=told.end_time,
        instrumentation_scope=told.instrumentation_scope,
    )


def _kept(attributes: Mapping[str, AttributeValue] | None) -> dict[str, AttributeValue]:
    return {name: value for name, value in (attributes or {}).items() if name in _KEPT}


def _headers() -> dict[str, str]:
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return headers


def _log_fields() -> dict[str, str]:
    here = trace.get_current_span().get_span_context()
    if not here.is_valid:
        return {}
    return {"trace_id": f"{here.trace_id:032x}", "span_id": f"{here.span_id:016x}"}
