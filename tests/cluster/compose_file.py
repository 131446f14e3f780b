"""docker-compose.yml, read as a container engine reads it, for a machine without one.

Names of services become addresses of the loopback, and what an image would bring (working folder, the program
that it starts) is in `IMAGES`. Everything else is the file's own: commands, environment, order, scripts.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
_TEXTS = (".sh", ".yaml", ".yml")


@dataclass(frozen=True)
class Image:
    """What a container of it has that the file does not say."""

    folder: str = "/"
    starts: tuple[str, ...] = ()


IMAGES = {
    "postgres": Image("/", ("postgres",)),
    "temporalio/admin-tools": Image("/etc/temporal"),
    "temporalio/server": Image("/etc/temporal", ("temporal-server", "start")),
    "order-system": Image("/srv/order-system"),
    "prom/prometheus": Image("/prometheus", ("prometheus",)),
}


def services() -> dict[str, dict[str, Any]]:
    """With variables replaced by their defaults, and each behind what it depends on."""
    text = _VARIABLE.sub(lambda found: os.environ.get(found[1]) or found[2] or "", FILE.read_text())
    found: dict[str, dict[str, Any]] = YAML(typ="safe").load(text)["services"]
    ordered: dict[str, dict[str, Any]] = {}

    def add(name: str) -> None:
        for before in found[name].get("depends_on", []):
            add(before)
        ordered.setdefault(name, found[name])

    for name, service in found.items():
        if "profiles" not in service:
            add(name)
    return ordered


class Container:
    """A service, as a command of this machine."""

    def __init__(self, name: str, service: dict[str, Any], addresses: dict[str, str], folder: Path) -> None:
        self.name, self._service, self._addresses = name, service, addresses
        self.image = str(service["image"]).partition(":")[0]
        self._root = folder / name
        self._volumes = folder / "volumes"
        self._mounts = dict(self._mounted())

    @property
    def address(self) -> str:
        return self._addresses[self.name]

    @property
    def folder(self) -> Path:
        inside = self.inside(IMAGES[self.image].folder)
        inside.mkdir(parents=True, exist_ok=True)
        return inside

    @property
    def command(self) -> list[str]:
        own = _words(self._service.get("entrypoint")) or list(IMAGES[self.image].starts)
        given = _words(self._service.get("command"))
        words = given if self.image == "order-system" else [*own, *given]
        return [self.translated(word) for word in words]

    @property
    def environment(self) -> dict[str, str]:
        given = self._service.get("environment", {})
        found = {name: self.translated(str(value)) for name, value in given.items()}
        for name in [name for name in found if name.endswith("_SEEDS")]:
            found[name] = self._addresses[found[name]]
        return found

    @property
    def health(self) -> list[str]:
        test = self._service.get("healthcheck", {}).get("test", [])
        return [self.translated(word).replace("127.0.0.1", self.address) for word in test[1:]]

    def inside(self, path: str) -> Path:
        """Where a path of the container is here."""
        return self._root / path.lstrip("/")

    def script(self, path: str) -> Path:
        """A file that is mounted, to be run."""
        return self._mounts[path]

    def translated(self, text: str) -> str:
        for service, address in self._addresses.items():
            # Only where an address must be: `temporal` is a database and a user as well.
            text = re.sub(rf"(?<![\w.-])({service})(?=:\d)|(?<=--ep )({service})\b", address, text)
        text = text.replace("0.0.0.0", self.address)  # or all services would bind the same ports
        for inside, here in self._mounts.items():
            text = re.sub(rf"(?<![\w.]){re.escape(inside)}(?![\w-])", str(here), text)
        return text

    def _mounted(self) -> Iterator[tuple[str, Path]]:
        """Each mount, at its place in our folder. A text is a copy, with the names of services translated."""
        self._mounts = {}
        for volume in self._service.get("volumes", []):
            source, inside = volume.split(":")[:2]
            here = self.inside(inside)
            here.parent.mkdir(parents=True, exist_ok=True)
            if not source.startswith("."):
                (self._volumes / source).mkdir(parents=True, exist_ok=True)
                here.symlink_to(self._volumes / source)
            elif Path(source).suffix in _TEXTS:
                here.write_text(self.translated((ROOT / source).read_text()))
            else:
                here.symlink_to(ROOT / source)
            yield inside, here


def _words(given: str | list[str] | None) -> list[str]:
    return given.split() if isinstance(given, str) else list(given or [])
