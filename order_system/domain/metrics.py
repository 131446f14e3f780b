"""Everything that is measured, as `metrics.toml` lists it."""

import tomllib
from collections.abc import Mapping
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any, Literal

from temporalio.common import MetricMeter

from order_system.domain.order import Strict

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600)
"""The upper bounds of every histogram's buckets."""

AGES = {
    "1m": timedelta(minutes=1),
    "10m": timedelta(minutes=10),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
    "more": timedelta.max,
}
"""The values of the label `age`, each with the greatest age that it covers."""


class Metric(Strict):
    name: str
    kind: Literal["counter", "histogram", "gauge"]
    meaning: str
    labels: Mapping[str, tuple[str, ...]] = {}
    """The labels, with the values that each may have."""


_listed: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
SDK_SERIES: tuple[str, ...] = tuple(_listed.pop("sdk"))
METRICS = {name: Metric(name=name, **told) for name, told in _listed.items()}


def note(name: str, meter: MetricMeter, *labels: str, value: float = 1) -> None:
    """Count, time (in seconds) or set a metric. In a workflow `meter` is `workflow.metric_meter()`, which is
    silent while a history is replayed. Raises ValueError unless there is one value for each label."""
    metric = METRICS[name]
    told = dict(zip(metric.labels, labels, strict=True))
    match metric.kind:
        case "counter":
            meter.create_counter(name, metric.meaning).add(int(value), told)
        case "histogram":
            meter.create_histogram_float(name, metric.meaning).record(max(0.0, value), told)
        case "gauge":
            meter.create_gauge_float(name, metric.meaning).set(value, told)


def begin_at_zero(meter: MetricMeter) -> None:
    """Set each counter to 0, so that even its first count is seen as an increase."""
    for name, metric in METRICS.items():
        if metric.kind == "counter":
            for labels in product(*metric.labels.values()):
                note(name, meter, *labels, value=0)
