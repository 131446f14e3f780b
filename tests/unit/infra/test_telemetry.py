"""What turns telemetry on, and for which process."""

from typing import Any

import pytest
from temporalio.runtime import OpenTelemetryConfig, PrometheusConfig

from order_system.domain.errors import InvalidSettings
from order_system.infra.telemetry import tracing
from order_system.infra.telemetry.process import SHORT, Telemetry

COLLECTOR = "http://collector:4318"


@pytest.fixture
def turned_on(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is on with these variables; no provider of traces is set for the tests' process."""

    def turned_on(number: int = 1, **environment: str) -> Telemetry:
        now = Telemetry()
        with monkeypatch.context() as patched:
            patched.setattr(tracing, "begin", lambda told, name: setattr(told, "plugins", (name,)))
            for name, value in environment.items():
                patched.setenv(name, value)
            now.turn_on("order-worker", number=number)
        return now

    return turned_on


def test_it_is_off_unless_it_is_asked_for(turned_on: Any) -> None:
    assert not turned_on().is_on
    assert not turned_on(OTEL_SERVICE_NAME="shop").is_on
    everything_off = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}
    assert not turned_on(OTEL_EXPORTER_OTLP_ENDPOINT=COLLECTOR, **everything_off).is_on
    assert not turned_on(OTEL_EXPORTER_OTLP_ENDPOINT=COLLECTOR, OTEL_SDK_DISABLED="true").is_on


def test_each_process_has_a_port_of_its_own(turned_on: Any) -> None:
    shown = [turned_on(number, ORDER_METRICS_PORT="9464").metrics for number in (1, 2, 3)]
    assert [each.bind_address for each in shown] == [f"127.0.0.1:{port}" for port in (9464, 9465, 9466)]
    elsewhere = turned_on(ORDER_METRICS_PORT="9464", ORDER_METRICS_HOST="::1").metrics
    assert isinstance(elsewhere, PrometheusConfig)
    assert elsewhere.bind_address == "[::1]:9464"
    assert not turned_on(SHORT, ORDER_METRICS_PORT="9464").is_on
    with pytest.raises(InvalidSettings, match="ORDER_METRICS_PORT=0"):
        turned_on(ORDER_METRICS_PORT="0")


def test_opentelemetry_s_variables_say_where_to(turned_on: Any) -> None:
    both = turned_on(
        OTEL_EXPORTER_OTLP_ENDPOINT=f"{COLLECTOR}/",
        OTEL_EXPORTER_OTLP_HEADERS="Authorization=Basic abc==,tenant=shop",
        OTEL_METRIC_EXPORT_INTERVAL="5000",
        OTEL_SERVICE_NAME="shop",
    )
    assert isinstance(both.metrics, OpenTelemetryConfig)
    assert both.metrics.url == f"{COLLECTOR}/v1/metrics"
    assert both.metrics.headers == {"Authorization": "Basic abc==", "tenant": "shop"}
    assert both.metrics.metric_periodicity is not None
    assert both.metrics.metric_periodicity.total_seconds() == 5
    assert (both.plugins, both.tags) == (("shop",), {"service.name": "shop"})
    beside = turned_on(OTEL_EXPORTER_OTLP_ENDPOINT=COLLECTOR, ORDER_METRICS_PORT="9464")
    assert isinstance(beside.metrics, PrometheusConfig)
    assert beside.plugins
    traces_alone = turned_on(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{COLLECTOR}/traces")
    assert (traces_alone.metrics, bool(traces_alone.plugins)) == (None, True)
    short = turned_on(SHORT, OTEL_EXPORTER_OTLP_ENDPOINT=COLLECTOR)
    assert (short.metrics, bool(short.plugins)) == (None, True)
    with pytest.raises(InvalidSettings, match="only http/protobuf"):
        turned_on(OTEL_EXPORTER_OTLP_ENDPOINT=COLLECTOR, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    for no_milliseconds in ("10s", "0", "-5"):
        with pytest.raises(InvalidSettings, match="write milliseconds"):
            turned_on(OTEL_EXPORTER_OTLP_ENDPOINT=COLLECTOR, OTEL_METRIC_EXPORT_INTERVAL=no_milliseconds)
