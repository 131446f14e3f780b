"""CI makes the list of what is installed, as `make sbom` does, and holds it against the lock."""

import json
import re
import subprocess
import sys
from typing import Any
from uuid import UUID

from packaging.requirements import Requirement

from tests.fixtures.processes.command_line import ROOT

LOCK = (ROOT / "requirements.lock").read_text("utf-8")


def locked() -> dict[tuple[str, str], set[str]]:
    """Each package with its hashes, as pip reads them."""
    lines = LOCK.replace("\\\n", " ").splitlines()
    found: dict[tuple[str, str], set[str]] = {}
    for requirement, *hashes in (line.split("--hash=sha256:") for line in lines if not line.startswith("#")):
        package = Requirement(requirement.strip())
        [pinned] = package.specifier
        found[package.name, pinned.version] = {each.strip() for each in hashes}
    return found


def made() -> dict[str, Any]:
    """By the command of `make sbom`."""
    [command] = re.findall(r"^\t\$\(PYTHON\) (deploy/sbom\.py) > sbom\.cdx\.json$", _makefile(), re.MULTILINE)
    run = [sys.executable, command]
    return json.loads(subprocess.run(run, cwd=ROOT, check=True, capture_output=True, timeout=60).stdout)


def _makefile() -> str:
    return (ROOT / "Makefile").read_text("utf-8")


def test_it_has_each_locked_package_with_its_version_and_its_hashes() -> None:
    document = made()
    components = document["components"]
    listed = {
        (each["name"], each["version"]): {one["content"] for one in each["hashes"]} for each in components
    }
    assert len(listed) == len(components) > 30
    assert listed == locked()
    assert all(hashes for hashes in listed.values())


def test_it_has_the_fields_that_cyclonedx_asks_for() -> None:
    """Its schema is no part of the environment. It was held against that once, by hand."""
    document = made()
    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.6", 1)
    assert UUID(document["serialNumber"].removeprefix("urn:uuid:"))
    assert document["metadata"]["component"]["type"] == "application"
    references = [each["bom-ref"] for each in document["components"]]
    assert len(set(references)) == len(references)
    for each in document["components"]:
        assert each["type"] == "library"
        assert each["purl"] == f"pkg:pypi/{each['name']}@{each['version']}"
        assert {one["alg"] for one in each["hashes"]} == {"SHA-256"}
        assert each.get("scope", "optional") == "optional"
    assert made() == document, "the same lock, the same document"
