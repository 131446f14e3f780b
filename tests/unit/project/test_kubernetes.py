"""What deploy/kubernetes promises, as text: no cluster is needed, nor asked for."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import kubernetes_validate  # pyright: ignore[reportMissingTypeStubs]
import pytest
from ruamel.yaml import YAML

from order_system.cli.app import app
from order_system.infra import policy
from order_system.infra.settings import PREFIX, Settings

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "kubernetes"
NOT_KUBERNETES = ("Kustomization", "ScaledObject")
TELEMETRY = {"ORDER_METRICS_HOST", "ORDER_METRICS_PORT"}
"""Of docs/settings.md, but of no table."""


def documents(file: Path) -> list[dict[str, Any]]:
    return list(YAML(typ="safe").load_all(file))  # pyright: ignore[reportUnknownMemberType]


KUSTOMIZATION = documents(FOLDER / "kustomization.yaml")[0]
FILES = sorted(FOLDER / name for name in KUSTOMIZATION["resources"])
RESOURCES = {(each["kind"], each["metadata"]["name"]): each for file in FILES for each in documents(file)}
PODS = {
    name: each["spec"]["template"]["spec"]
    for (kind, name), each in RESOURCES.items()
    if kind in ("Deployment", "Job")
}
SETTINGS = dict(text.split("=", 1) for text in KUSTOMIZATION["configMapGenerator"][0]["literals"])


def test_every_file_is_used_and_every_resource_is_one() -> None:
    assert {*FILES, FOLDER / "kustomization.yaml"} == set(FOLDER.glob("*.yaml"))
    for (kind, _name), resource in RESOURCES.items():
        if kind not in NOT_KUBERNETES:
            kubernetes_validate.validate(resource, "1.31", strict=True)


@pytest.mark.parametrize("name", PODS)
def test_a_pod_has_few_rights_and_no_word_of_its_own_about_secrets(name: str) -> None:
    pod = PODS[name]
    [container] = pod["containers"]
    rights = container["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    [user] = re.findall(r"^USER (\d+):\d+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert pod["securityContext"]["runAsUser"] == int(user)
    assert rights["readOnlyRootFilesystem"] is True
    assert rights["capabilities"] == {"drop": ["ALL"]}
    assert container["image"] == KUSTOMIZATION["images"][0]["name"]
    assert [next(iter(source)) for source in container["envFrom"]] == ["configMapRef", "secretRef"]
    assert "env" not in container
    written = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert written == {"/tmp", SETTINGS["ORDER_DATA_DIR"]}


@pytest.mark.parametrize("name", PODS)
def test_its_command_is_one_of_ours(name: str) -> None:
    [container] = PODS[name]["containers"]
    _python, program, *words = container["command"]
    assert (ROOT / program).exists()
    if program == "starter.py":
        assert words[0] in set(app)
        options = {argument.name for argument in app[words[0]].assemble_argument_collection()}
        assert {word for word in words if word.startswith("--")} <= options


def test_every_variable_is_a_setting() -> None:
    ours = {name for name in SETTINGS if name.startswith(PREFIX)}
    assert ours <= {f"{PREFIX}{field.upper()}" for field in Settings.model_fields} | TELEMETRY
    told = (ROOT / "docs" / "settings.md").read_text()
    assert all(f"`{name}`" in told for name in SETTINGS)
    Settings(
        **{
            field: SETTINGS[name]
            for field in Settings.model_fields
            if (name := f"{PREFIX}{field.upper()}") in SETTINGS
        }
    )


def test_a_worker_is_given_longer_than_it_drains_and_is_probed_where_it_shows_itself() -> None:
    worker = PODS["worker"]
    grace = timedelta(seconds=worker["terminationGracePeriodSeconds"])
    assert grace > policy.PROCESS_ENDS > policy.WORKER_DRAIN
    [container] = worker["containers"]
    [port] = container["ports"]
    assert str(port["containerPort"]) == SETTINGS["ORDER_METRICS_PORT"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/metrics", "port": port["name"]}


def test_the_scaler_looks_at_the_queue_and_the_server_of_the_workers() -> None:
    [trigger] = RESOURCES["ScaledObject", "worker"]["spec"]["triggers"]
    assert trigger["type"] == "temporal"
    told = trigger["metadata"]
    assert told["taskQueue"] == SETTINGS["ORDER_TASK_QUEUE"]
    assert told["endpoint"] == SETTINGS["TEMPORAL_ADDRESS"]
    assert told["namespace"] == SETTINGS["TEMPORAL_NAMESPACE"]
    assert "replicas" not in RESOURCES["Deployment", "worker"]["spec"]


def test_a_login_holds_since_the_pages_are_one_process() -> None:
    assert RESOURCES["Deployment", "pages"]["spec"]["replicas"] == 1


@pytest.mark.parametrize("name", ["worker", "pages"])
def test_selectors_find_their_pods(name: str) -> None:
    labels = RESOURCES["Deployment", name]["spec"]["template"]["metadata"]["labels"]
    assert RESOURCES["Deployment", name]["spec"]["selector"]["matchLabels"] == labels
    assert RESOURCES["PodDisruptionBudget", name]["spec"]["selector"]["matchLabels"] == labels


def test_the_ports_that_are_let_through_are_those_that_listen() -> None:
    policies = [each for (kind, _), each in RESOURCES.items() if kind == "NetworkPolicy"]
    through = {
        port["port"] for each in policies for rule in each["spec"]["ingress"] for port in rule["ports"]
    }
    listening = {
        port["containerPort"]
        for pod in PODS.values()
        for each in pod["containers"]
        for port in each.get("ports", [])
    }
    assert through == listening
