"""Which telemetry is on in this process. This is decided once, before the process opens or connects to
anything. What is off costs nothing and is not imported.

The SDK's metrics and ours (`domain/metrics.py`) go by the SDK's own exporter, to Prometheus or by OTLP.
Traces go by OTLP. OpenTelemetry's own variables (`OTEL_...`) say where to."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, Field
from temporalio.plugin import SimplePlugin
from temporalio.runtime import OpenTelemetryConfig, PrometheusConfig

from order_system.domain.errors import InvalidSettings
from order_system.domain.metrics import METRICS, SECONDS
from order_system.infra.environment import load_own_settings, usable
from order_system.infra.process import load_extra
from order_system.infra.settings import PREFIX

SHORT = 0
"""The number of a process that ends soon. It shows no metrics, since nobody would find them."""


class MetricsSettings(BaseModel):
    port: int | None = Field(
        None, ge=1, le=65_535, description="where a worker, or `serve`, shows its metrics to Prometheus"
    )
    host: str = Field("127.0.0.1", description="the IP address of that port")


@dataclass
class Telemetry:
    metrics: PrometheusConfig | OpenTelemetryConfig | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    """Tags of metrics that go by OTLP. Prometheus needs none: it knows which process it asks."""
    plugins: Sequence[SimplePlugin] = ()
    span: Callable[[str], AbstractContextManager[object]] = nullcontext
    headers: Callable[[], dict[str, str]] = dict[str, str]
    """Returns headers by which another service goes on with the trace."""
    log_fields: Callable[[], dict[str, str]] = dict[str, str]
    close: Callable[[], None] = lambda: None
    """Sends what has not been sent yet."""

    @property
    def is_on(self) -> bool:
        return self.metrics is not None or bool(self.plugins)

    def turn_on(self, service: str, *, number: int = SHORT) -> None:
        """Turn on what the environment asks for, in process `number` of several. Raises InvalidSettings."""
        shown = load_own_settings(MetricsSettings, f"{PREFIX}METRICS_")
        traces, metrics, name = _endpoint("traces"), _endpoint("metrics"), _otel("SERVICE_NAME") or service
        buckets = {name: SECONDS for name, each in METRICS.items() if each.kind == "histogram"}
        if number != SHORT and shown.port is not None:
            host = f"[{shown.host}]" if ":" in shown.host else shown.host
            self.metrics = PrometheusConfig(
                bind_address=f"{host}:{shown.port + number - 1}",
                counters_total_suffix=True,
                unit_suffix=True,
                durations_as_seconds=True,
                histogram_bucket_overrides=buckets,
            )
        elif number != SHORT and metrics is not None:
            self.metrics = OpenTelemetryConfig(
                url=metrics,
                headers=_headers(),
                metric_periodicity=_interval(),
                durations_as_seconds=True,
                http=True,
                histogram_bucket_overrides=buckets,
            )
            self.tags = {"service.name": name}
        if traces is not None:
            tracing = load_extra(
                "order_system.infra.telemetry.tracing", "telemetry", "OTEL_... asks for traces"
            )
            tracing.begin(self, name)


TELEMETRY = Telemetry()


def _otel(name: str) -> str:
    return os.environ.get(f"OTEL_{name}", "").strip()  # noqa: TID251 - OpenTelemetry's own


def _interval() -> timedelta:
    told = _otel("METRIC_EXPORT_INTERVAL") or "60000"
    if not told.isascii() or not told.isdecimal() or not int(told):
        raise InvalidSettings(f"OTEL_METRIC_EXPORT_INTERVAL={told}: write milliseconds, e.g. 60000")
    return timedelta(milliseconds=int(told))


def _endpoint(signal: str) -> str | None:
    """Return where to send the signal by OTLP; None if nobody asks for it."""
    its = signal.upper()
    if _otel("SDK_DISABLED").lower() == "true" or _otel(f"{its}_EXPORTER") not in ("", "otlp"):
        return None
    everything = _otel("EXPORTER_OTLP_ENDPOINT").rstrip("/")
    own = f"EXPORTER_OTLP_{its}_ENDPOINT"
    endpoint = _otel(own) or (everything and f"{everything}/v1/{signal}")
    protocol = _otel(f"EXPORTER_OTLP_{its}_PROTOCOL") or _otel("EXPORTER_OTLP_PROTOCOL")
    if endpoint and protocol not in ("", "http/protobuf"):
        raise InvalidSettings(f"OTEL_EXPORTER_OTLP_PROTOCOL={protocol}: only http/protobuf is spoken here")
    try:
        return usable(endpoint) if endpoint else None
    except ValueError as invalid:
        raise InvalidSettings(f"OTEL_{own if _otel(own) else 'EXPORTER_OTLP_ENDPOINT'}: {invalid}") from None


def _headers() -> dict[str, str]:
    told = _otel("EXPORTER_OTLP_METRICS_HEADERS") or _otel("EXPORTER_OTLP_HEADERS")
    pairs: list[Any] = [each.partition("=") for each in told.split(",") if "=" in each]
    return {name.strip(): value.strip() for name, _, value in pairs}
