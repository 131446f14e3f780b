"""One list of metrics: its page, the dashboards and the alerts agree with it, and it with the code."""

import json
import re
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, get_args

import pytest
from ruamel.yaml import YAML
from temporalio.common import MetricMeter

from order_system.book.standing import Why
from order_system.domain import metrics
from order_system.domain.batch import BatchCounts
from order_system.domain.progress import StepState, UndoState
from order_system.domain.reconciliation import TallyName
from order_system.domain.steps import UNDOS, Effect, Step
from order_system.gateways.loading import Port
from tests.fixtures.telemetry.metrics_page import PAGE, page, series_of
from tests.unit.project.test_layout import PRODUCT

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
GRAFANA, PROMETHEUS = DEPLOY / "grafana", DEPLOY / "prometheus"
KNOWN = {"up", *metrics.SDK_SERIES} | {name for each in metrics.METRICS.values() for name in series_of(each)}


def yaml_of(name: str) -> Any:
    return YAML(typ="safe").load(PROMETHEUS / name)


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml_of("alerts.yaml")["groups"] for rule in group["rules"]]


def panel_queries() -> Iterator[str]:
    for file in GRAFANA.glob("*.json"):
        for panel in json.loads(file.read_text())["panels"]:
            yield from (target["expr"] for target in panel["targets"])


def series_in(query: str) -> set[str]:
    """The names in it that are neither labels, functions, operators nor numbers."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(by|on|ignoring|without)\s*\([^)]*\)", " ", query)
    return set(re.findall(r"\b[a-z][a-z0-9_]*\b(?!\s*\()", bare)) - {"or", "and", "unless", "by"}


def test_the_page_of_metrics_is_as_the_list_makes_it() -> None:
    assert PAGE.read_text() == page()


def test_dashboards_are_as_their_program_makes_them() -> None:
    spec = spec_from_file_location("make", GRAFANA / "make.py")
    assert spec is not None
    assert spec.loader is not None
    make = module_from_spec(spec)
    spec.loader.exec_module(make)
    assert {file.stem for file in GRAFANA.glob("*.json")} == set(make.DASHBOARDS)
    for name in make.DASHBOARDS:
        assert (GRAFANA / f"{name}.json").read_text() == make.text_of(name)


def test_dashboards_and_alerts_name_what_is_in_the_list() -> None:
    asked = [*panel_queries(), *(rule["expr"] for rule in alerts())]
    named = set[str]().union(*map(series_in, asked))
    assert named - KNOWN == set()
    # And nothing is measured, or asked of the SDK, that nobody looks at.
    assert [name for name, each in metrics.METRICS.items() if not named & {*series_of(each)}] == []
    assert set(metrics.SDK_SERIES) <= named


def test_every_alert_says_what_to_do_and_is_tested() -> None:
    tested = {
        case["alertname"]
        for test in yaml_of("alerts.test.yaml")["tests"]
        for case in test["alert_rule_test"]
        if case.get("exp_alerts")
    }
    assert {rule["alert"] for rule in alerts()} == tested
    for rule in alerts():
        assert set(rule["annotations"]) == {"summary", "runbook", "runbook_url"}
        assert rule["labels"]["severity"] in ("page", "ticket")


def test_the_code_notes_what_is_in_the_list() -> None:
    sources = [file.read_text() for folder in PRODUCT for file in (ROOT / folder).rglob("*.py")]
    noted = {name for text in sources for name in re.findall(r'metrics\.note\(\s*"(\w+)"', text)}
    assert noted == set(metrics.METRICS)


def test_the_values_of_labels_are_those_of_the_code() -> None:
    labels = {name: each.labels for name, each in metrics.METRICS.items()}
    assert labels["reconciler_findings"]["finding"] == get_args(TallyName)
    assert set(labels["order_undos"]["step"]) == set(UNDOS)
    assert set(labels["order_undos"]["status"]) == set(UndoState)
    assert set(labels["order_step_duration_seconds"]["status"]) < set(StepState)
    assert labels["money_at_risk"]["why"] == get_args(Why)
    assert labels["money_at_risk"]["age"] == tuple(metrics.AGES)
    assert labels["gateway_call_duration_seconds"]["gateway"] == tuple(Port)
    assert labels["effects_in_doubt"]["effect"] == tuple(Effect)
    assert set(labels["orders_closed"]["failed_step"]) == {*Step, "none"}
    assert all(f"rows_{result}" in BatchCounts.model_fields for result in labels["batch_rows"]["result"])


def test_a_metric_wants_a_value_for_each_label() -> None:
    with pytest.raises(ValueError, match="zip"):
        metrics.note("order_undos", MetricMeter.noop, "payment")
