"""What docker-compose.yml promises. No container engine is needed, nor asked for."""

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from order_system.domain.search_attributes import KINDS
from order_system.infra import policy
from order_system.infra.settings import PREFIX, Settings

ROOT = Path(__file__).parents[3]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = (ROOT / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return YAML(typ="safe").load(COMPOSE)["services"]  # pyright: ignore[reportUnknownMemberType]


def version(services: dict[str, Any], image: str) -> set[str]:
    images = [service["image"] for service in services.values()]
    return {found.partition(":")[2] for found in images if found.partition(":")[0] == image}


def test_it_is_a_compose_file() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_worker_is_given_longer_than_it_drains(services: dict[str, Any]) -> None:
    grace = re.fullmatch(r"(\d+)s", services["worker"]["stop_grace_period"])
    assert grace is not None
    assert timedelta(seconds=int(grace[1])) > policy.PROCESS_ENDS > policy.WORKER_DRAIN


@pytest.mark.parametrize("name", ["worker", "pages", "migrate", "starter"])
def test_our_containers_have_few_rights(services: dict[str, Any], name: str) -> None:
    user = re.findall(r"^USER (\d+):\d+$", DOCKERFILE, re.MULTILINE)[-1]
    assert int(user) > 0
    assert "user" not in services[name]
    assert services[name]["read_only"] is True
    assert services[name]["cap_drop"] == ["ALL"]


def test_the_schema_comes_from_the_same_release_as_the_server(services: dict[str, Any]) -> None:
    assert version(services, "temporalio/server") == {"1.32.0"}
    assert version(services, "temporalio/admin-tools") == version(services, "temporalio/server")
    assert version(services, "temporalio/ui") == {"2.54.1"}


def test_no_image_sets_itself_up_or_floats(services: dict[str, Any]) -> None:
    for service in services.values():
        assert "auto-setup" not in service["image"]
        assert not service["image"].endswith(":latest")


def test_only_this_machine_reaches_the_ports(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize(
    ("name", "prerequisite", "condition"),
    [
        ("temporal-schema", "postgresql", "service_healthy"),
        ("temporal", "temporal-schema", "service_completed_successfully"),
        ("temporal-namespace", "temporal", "service_healthy"),
        ("migrate", "postgresql", "service_healthy"),
        ("worker", "migrate", "service_completed_successfully"),
        ("worker", "temporal-namespace", "service_completed_successfully"),
        ("pages", "migrate", "service_completed_successfully"),
        ("pages", "temporal-namespace", "service_completed_successfully"),
    ],
)
def test_nothing_starts_before_what_it_needs(
    services: dict[str, Any], name: str, prerequisite: str, condition: str
) -> None:
    assert services[name]["depends_on"][prerequisite]["condition"] == condition


def test_every_variable_of_ours_is_a_setting(services: dict[str, Any]) -> None:
    ours = {name for name in services["pages"]["environment"] if name.startswith(PREFIX)}
    assert ours > {name for name in services["worker"]["environment"] if name.startswith(PREFIX)}
    telemetry = {"ORDER_METRICS_HOST", "ORDER_METRICS_PORT"}
    assert ours <= {f"{PREFIX}{field.upper()}" for field in Settings.model_fields} | telemetry


def test_prometheus_looks_where_ours_show_their_metrics(services: dict[str, Any]) -> None:
    scraped = YAML(typ="safe").load(ROOT / "deploy" / "prometheus" / "compose.yaml")["scrape_configs"]  # pyright: ignore[reportUnknownMemberType]
    [looked_up] = scraped[0]["dns_sd_configs"]
    for name in looked_up["names"]:
        assert services[name]["environment"]["ORDER_METRICS_PORT"] == str(looked_up["port"])
    [target] = scraped[1]["static_configs"][0]["targets"]
    assert (
        services["temporal"]["environment"]["PROMETHEUS_ENDPOINT"].rpartition(":")[2]
        == target.rpartition(":")[2]
    )


def test_the_namespace_gets_all_search_attributes() -> None:
    script = (ROOT / "deploy" / "temporal-namespace.sh").read_text()
    assert dict(re.findall(r"--name (\w+) --type (\w+)", script)) == KINDS


def test_the_image_says_what_it_is(services: dict[str, Any]) -> None:
    labels = set(re.findall(r"(org\.opencontainers\.image\.\w+)=", DOCKERFILE))
    assert {
        f"org.opencontainers.image.{each}" for each in ("title", "version", "revision", "licenses")
    } <= labels
    for name in services["worker"]["build"]["args"]:
        assert f"ARG {name}" in DOCKERFILE


def test_files_that_are_mounted_or_copied_exist(services: dict[str, Any]) -> None:
    volumes = [volume for service in services.values() for volume in service.get("volumes", [])]
    mounted = [volume.split(":")[0] for volume in volumes if volume.startswith("./")]
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    sent = (ROOT / ".dockerignore").read_text().splitlines()
    assert mounted
    for path in [*mounted, *copied]:
        assert (ROOT / path).exists(), path
    for path in copied:
        assert f"!{path}" in sent
