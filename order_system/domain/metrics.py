"""What is measured, in one list: of instruments, of docs/metrics.md, of what dashboards and alerts may name.

No label holds anything of a customer, or of one order: each has a few values that are known beforehand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from typing import Literal

from temporalio.common import MetricMeter

from order_system.domain.steps import Effect, Step

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600)
_SERIES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
_ANY: tuple[str, ...] = ()
"""Values of a label that are not known beforehand."""

AGES = {
    "1m": timedelta(minutes=1),
    "10m": timedelta(minutes=10),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
    "more": timedelta.max,
}
"""The label `age`: since when, at most."""


@dataclass(frozen=True)
class Metric:
    name: str
    kind: Literal["counter", "histogram", "gauge"]
    meaning: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """With the values that each may have."""
    buckets: tuple[float, ...] = _SECONDS
    """Upper bounds, of a histogram."""

    def note(self, meter: MetricMeter, *labels: str, value: float = 1) -> None:
        """Count, time or set it. In a workflow `meter` is `workflow.metric_meter()`, which is silent while a
        history is replayed. Raises ValueError unless there is one value for each label."""
        told = dict(zip(self.labels, labels, strict=True))
        match self.kind:
            case "counter":
                meter.create_counter(self.name, self.meaning).add(int(value), told)
            case "histogram":
                meter.create_histogram_float(self.name, self.meaning).record(max(0.0, value), told)
            case "gauge":
                meter.create_gauge_float(self.name, self.meaning).set(value, told)

    def begin(self, meter: MetricMeter) -> None:
        """A counter at 0, so that already the first of its kind is seen as an increase."""
        if self.kind == "counter":
            for labels in product(*self.labels.values()):
                self.note(meter, *labels, value=0)

    @property
    def series(self) -> tuple[str, ...]:
        """Its names in Prometheus."""
        return tuple(f"{self.name}{ending}" for ending in _SERIES[self.kind])


_STEPS = tuple(step.value for step in Step)
_EFFECTS = tuple(effect.value for effect in Effect)
_UNDONE_STEPS = ("shipping", "inventory", "payment")
_ENDS = ("fulfilled", "failed", "cancelled")
_AT_RISK = {
    "why": ("charged", "held", "undo_stuck", "in_doubt"),
    "currency": _ANY,
    "age": tuple(AGES),
}

# --- orders, as they go: told by the worker that runs them ----------------------------------------

ORDERS_CLOSED = Metric(
    "orders_closed",
    "counter",
    "Orders that came to their end, and the step that failed.",
    {"status": _ENDS, "failed_step": (*_STEPS, "none")},
)
ORDER_DURATION = Metric(
    "order_duration_seconds", "histogram", "From an order's start to its end.", {"status": _ENDS}
)
ORDER_QUEUE = Metric(
    "order_queue_seconds", "histogram", "From an order's start until a worker took it up. Told at its end."
)
STEP_DURATION = Metric(
    "order_step_duration_seconds",
    "histogram",
    "From the start of a step's child workflow to its end.",
    {"step": _STEPS, "status": ("completed", "failed", "cancelled", "terminated", "timed_out")},
)
UNDOS = Metric(
    "order_undos",
    "counter",
    "Undos: `pending` when one begins, then what becomes of it. `handled`: by a person.",
    {"step": _UNDONE_STEPS, "status": ("pending", "done", "stuck", "handled")},
)
HOLDS = Metric("order_holds", "counter", "Orders that began to be held for a person.", {"step": _STEPS})
GATEWAY_CALL = Metric(
    "gateway_call_duration_seconds",
    "histogram",
    "Calls to gateways: each is an attempt at an effect or an undo. `nothing`: there was nothing to undo. "
    "`lost`: no answer came in time. `unknown`: none will come.",
    {
        "gateway": ("payments", "warehouse", "carrier", "mailer", "statement"),
        "call": _ANY,
        "answer": ("yes", "nothing", "refused", "not_reached", "lost", "unknown", "error"),
    },
)
BATCH_ROWS = Metric(
    "batch_rows",
    "counter",
    "Rows of batch files that were read.",
    {"result": ("valid", "rejected", "duplicate", "left_out")},
)
RECONCILER_FINDINGS = Metric(
    "reconciler_findings",
    "counter",
    "What the reconciler's runs have found.",
    {
        "finding": (
            *("left_alone", "settled", "fulfilled", "not_yet", "doubts_undone", "doubts_ended"),
            *("doubts_left", "doubts_unanswered", "notices_sent", "notices_owed"),
        )
    },
)
RECONCILER_RAN = Metric(
    "reconciler_last_run_timestamp_seconds", "gauge", "When a run of the reconciler has ended: a Unix time."
)

# --- how things stand: read from order book and server by each process, the same from all ----------

MONEY_AT_RISK = Metric(
    "money_at_risk",
    "gauge",
    "Money that was taken for orders that are not dispatched, in units of the currency. `charged`: under "
    "way. `held`: waits for a person. `in_doubt`: perhaps taken. `age`: since the charge, at most.",
    _AT_RISK,
)
ORDERS_AT_RISK = Metric("orders_at_risk", "gauge", "The orders that this money is of.", _AT_RISK)
ORDERS_OPEN = Metric("orders_open", "gauge", "Orders that are open in the order book.")
ORDERS_WAITING = Metric("orders_waiting", "gauge", "Orders that need attention, by the server's word.")
EFFECTS_IN_DOUBT = Metric(
    "effects_in_doubt",
    "gauge",
    "Effects of which nobody knows whether they happened.",
    {"effect": _EFFECTS},
)
_KIND = {"kind": ("workflow", "activity")}
QUEUE_BACKLOG = Metric("task_queue_backlog", "gauge", "Tasks that wait for a worker.", _KIND)
QUEUE_AGE = Metric("task_queue_age_seconds", "gauge", "How long the oldest of them has waited.", _KIND)
WORKERS = Metric("workers_at_work", "gauge", "Workers that the server has heard of lately.")
LOOKED_AT = Metric(
    "order_book_read_timestamp_seconds",
    "gauge",
    "When this process last read order book and server for these figures: a Unix time.",
)

METRICS = tuple(each for each in list(globals().values()) if isinstance(each, Metric))

SDK_SERIES = (
    "temporal_activity_execution_failed_total",
    "temporal_activity_schedule_to_start_latency_seconds_bucket",
    "temporal_workflow_task_schedule_to_start_latency_seconds_bucket",
    "temporal_workflow_task_execution_failed_total",
    "temporal_worker_task_slots_available",
    "temporal_worker_task_slots_used",
    "temporal_num_pollers",
    "temporal_sticky_cache_size",
    "temporal_request_total",
    "temporal_request_failure_total",
    "temporal_request_latency_seconds_bucket",
)
"""Of the SDK's own, those that dashboards and alerts name. It has more."""
