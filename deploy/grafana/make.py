"""Makes the dashboards beside it: `python deploy/grafana/make.py`. A panel is a title, what it asks
Prometheus, and the unit of the answer.

Figures of order book and server are the same from every process: so `max`, and never `sum`, over processes.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
WIDTH, HEIGHT = 12, 8
LEGEND = {"displayMode": "list", "placement": "bottom"}


class Panel(NamedTuple):
    title: str
    queries: dict[str, str]
    """Legend -> PromQL."""
    unit: str = "short"
    kind: str = "timeseries"


def quantiles(series: str, by: str, *, legend: str = "") -> dict[str, str]:
    label = legend or f"{{{{{by}}}}}"
    return {
        f"{label} {name}": f"histogram_quantile({part}, sum by (le{', ' + by if by else ''}) "
        f"(rate({series}_bucket[$__rate_interval])))"
        for name, part in (("median", 0.5), ("99 of 100", 0.99))
    }


def a_second(series: str, by: str, only: str = "") -> dict[str, str]:
    legend = " ".join(f"{{{{{label}}}}}" for label in by.split(", "))
    return {legend: f"sum by ({by}) (rate({series}{only}[$__rate_interval]))"}


AT_RISK = "sum by (why, currency) (max by (why, currency, age) ({}))"
MORE_THAN_A_DAY = 'money_at_risk{age="more"}'
DASHBOARDS: dict[str, tuple[str, list[Panel]]] = {
    "order-flow": (
        "Orders: flow",
        [
            Panel("Orders ended a second", a_second("orders_closed_total", "status"), "ops"),
            Panel(
                "Failed, share of all",
                {
                    "failed": 'sum(rate(orders_closed_total{status="failed"}[$__rate_interval]))'
                    " / sum(rate(orders_closed_total[$__rate_interval]))"
                },
                "percentunit",
            ),
            Panel(
                "Failed a second, by step",
                a_second("orders_closed_total", "failed_step", '{status="failed"}'),
            ),
            Panel("From start to end", quantiles("order_duration_seconds", "status"), "s"),
            Panel("Until a worker took it up", quantiles("order_queue_seconds", "", legend="waited"), "s"),
            Panel("Time of each step", quantiles("order_step_duration_seconds", "step"), "s"),
            Panel(
                "Calls to gateways, by answer",
                a_second("gateway_call_duration_seconds_count", "gateway, answer"),
                "ops",
            ),
            Panel("Time of a call", quantiles("gateway_call_duration_seconds", "gateway"), "s"),
            Panel("Rows of batch files", a_second("batch_rows_total", "result"), "ops"),
        ],
    ),
    "attention": (
        "Orders: what waits for a person",
        [
            Panel("Money at risk", {"{{why}} {{currency}}": AT_RISK.format("money_at_risk")}),
            Panel("Orders that it is of", {"{{why}} {{currency}}": AT_RISK.format("orders_at_risk")}),
            Panel(
                "Of it, for more than a day",
                {"{{why}} {{currency}}": f"{AT_RISK.format(MORE_THAN_A_DAY)} or vector(0)"},
            ),
            Panel("Orders that need attention", {"waiting": "max(orders_waiting)"}, kind="stat"),
            Panel("Orders that are open", {"open": "max(orders_open)"}, kind="stat"),
            Panel("In doubt", {"{{effect}}": "max by (effect) (effects_in_doubt)"}),
            Panel("Undos a second", a_second("order_undos_total", "step, status"), "ops"),
            Panel("Holds a second", a_second("order_holds_total", "step"), "ops"),
            Panel(
                "Found by the reconciler in the last hour",
                {"{{finding}}": "sum by (finding) (increase(reconciler_findings_total[1h]))"},
            ),
            Panel(
                "Since the reconciler's last run",
                {"ago": "time() - max(reconciler_last_run_timestamp_seconds)"},
                "s",
                "stat",
            ),
        ],
    ),
    "workers-and-server": (
        "Orders: workers and server",
        [
            Panel("Workers at work", {"workers": "max(workers_at_work)"}, kind="stat"),
            Panel("Tasks that wait", {"{{kind}}": "max by (kind) (task_queue_backlog)"}),
            Panel(
                "How long the oldest has waited", {"{{kind}}": "max by (kind) (task_queue_age_seconds)"}, "s"
            ),
            Panel(
                "Slots that are free",
                {
                    "{{instance}} {{worker_type}}": "sum by (instance, worker_type) "
                    "(temporal_worker_task_slots_available)"
                },
            ),
            Panel(
                "Slots that are used",
                {
                    "{{instance}} {{worker_type}}": "sum by (instance, worker_type) "
                    "(temporal_worker_task_slots_used)"
                },
            ),
            Panel(
                "Until a workflow task is taken up",
                quantiles("temporal_workflow_task_schedule_to_start_latency_seconds", "", legend="waited"),
                "s",
            ),
            Panel(
                "Until an activity is taken up",
                quantiles("temporal_activity_schedule_to_start_latency_seconds", "", legend="waited"),
                "s",
            ),
            Panel(
                "Activities that fail", a_second("temporal_activity_execution_failed_total", "activity_type")
            ),
            Panel(
                "Workflow tasks that fail: a bug, or a deployment that does not fit",
                {
                    "failed": "sum(rate(temporal_workflow_task_execution_failed_total[$__rate_interval]))"
                    " or vector(0)"
                },
            ),
            Panel(
                "Workflows in the cache", {"{{instance}}": "sum by (instance) (temporal_sticky_cache_size)"}
            ),
            Panel("Pollers", {"{{poller_type}}": "sum by (poller_type) (temporal_num_pollers)"}),
            Panel("Calls to the server", a_second("temporal_request_total", "operation"), "reqps"),
            Panel("Calls that fail", a_second("temporal_request_failure_total", "operation"), "reqps"),
            Panel("Time of a call", quantiles("temporal_request_latency_seconds", "", legend="took"), "s"),
            Panel(
                "Age of the figures of book and server",
                {"{{instance}}": "time() - max by (instance) (order_book_read_timestamp_seconds)"},
                "s",
            ),
        ],
    ),
}


def dashboard(uid: str, title: str, panels: list[Panel]) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${datasource}"}
    drawn = [
        {
            "id": number + 1,
            "title": panel.title,
            "type": panel.kind,
            "datasource": source,
            "gridPos": {
                "x": number % 2 * WIDTH,
                "y": number // 2 * HEIGHT,
                "w": WIDTH,
                "h": HEIGHT,
            },
            "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
            "options": {"legend": LEGEND} if panel.kind == "timeseries" else {},
            "targets": [
                {"refId": chr(ord("A") + place), "datasource": source, "expr": query, "legendFormat": legend}
                for place, (legend, query) in enumerate(panel.queries.items())
            ],
        }
        for number, panel in enumerate(panels)
    ]
    choice = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    return {
        "uid": f"orders-{uid}",
        "title": title,
        "tags": ["orders"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [choice]},
        "panels": drawn,
    }


def text_of(name: str) -> str:
    title, panels = DASHBOARDS[name]
    return json.dumps(dashboard(name, title, panels), indent=2) + "\n"


if __name__ == "__main__":
    for each in DASHBOARDS:
        (HERE / f"{each}.json").write_text(text_of(each), encoding="utf-8")
