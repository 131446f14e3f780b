"""Temporal on three nodes, each with a role of its own, over one PostgreSQL. All talk TLS, and ask for it."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.certificates import SERVER_NAME, Certificates
from tests.cluster.needs import Programs
from tests.cluster.postgresql import POOLER_PORT, PORT, SUPERUSER
from tests.cluster.programs import Program, is_open
from tests.fixtures.steering.waiting import wait_until

ADDRESSES = {
    "postgresql": "127.0.17.1",
    "history": "127.0.17.2",
    "matching": "127.0.17.3",
    "frontend": "127.0.17.4",
    "pgbouncer": "127.0.17.5",
}
"""All of the loopback 127.0.0.0/8, which on Linux is there by itself."""
SERVICES = {"history": "history", "matching": "matching", "frontend": "frontend,worker"}
PORTS = {"history": 7234, "matching": 7235, "frontend": 7233}
SHARDS = 64
RETENTION = "72h"
START_SECONDS = 120
COMMAND_SECONDS = 60
DYNAMIC_CONFIG = Path(__file__).parents[2] / "deploy" / "temporal-dynamic-config.yaml"


def prepare_stores(programs: Programs) -> None:
    """Both of Temporal's, as deploy/temporal-schema.sh does it. Raises CalledProcessError."""
    for database, kind in (("temporal", "temporal"), ("temporal_visibility", "visibility")):
        tool = [
            programs.temporal / "temporal-sql-tool",
            "--plugin",
            "postgres12",
            "--ep",
            ADDRESSES["postgresql"],
        ]
        at = [*tool, "-p", str(PORT), "-u", SUPERUSER, "--db", database]
        versions = programs.temporal / "schema" / "postgresql" / "v12" / kind / "versioned"
        for command in (["create"], ["setup-schema", "-v", "0.0"], ["update-schema", "-d", versions]):
            subprocess.run([*at, *command], capture_output=True, check=True, timeout=COMMAND_SECONDS)


def node(name: str, programs: Programs, folder: Path, certificates: Certificates, dynamic: Path) -> Program:
    """By the server's own template, which the image of docker-compose.yml uses, too."""
    environment = {
        "TEMPORAL_SERVICES": SERVICES[name],
        "DB": "postgres12",
        "DB_PORT": str(PORT),
        "POSTGRES_SEEDS": ADDRESSES["postgresql"],
        "POSTGRES_USER": SUPERUSER,
        "POSTGRES_PWD": "trusted",
        "NUM_HISTORY_SHARDS": str(SHARDS),
        "BIND_ON_IP": ADDRESSES[name],
        "TEMPORAL_BROADCAST_ADDRESS": ADDRESSES[name],
        "DYNAMIC_CONFIG_FILE_PATH": str(dynamic),
        "LOG_LEVEL": "warn",
        **certificates.of_server("TEMPORAL_TLS"),
    }
    return Program(name, [programs.temporal / "temporal-server", "start"], environment, folder, cwd=folder)


def taken() -> list[str]:
    """Addresses of ours at which somebody listens already."""
    ports = {"postgresql": PORT, "pgbouncer": POOLER_PORT, **PORTS}
    return [f"{ADDRESSES[name]}:{port}" for name, port in ports.items() if is_open(ADDRESSES[name], port)]


class Server:
    """The nodes together, as a client sees them."""

    def __init__(
        self, programs: Programs, folder: Path, certificates: Certificates, dynamic: Mapping[str, str]
    ) -> None:
        """`dynamic`: further values, in YAML, besides those of deploy/."""
        config = folder / "dynamic-config.yaml"
        more = "".join(f"{name}:\n  - value: {value}\n" for name, value in dynamic.items())
        config.write_text(DYNAMIC_CONFIG.read_text() + more)
        self.nodes = {name: node(name, programs, folder, certificates, config) for name in SERVICES}
        self.environment = {
            "PATH": programs.path,
            "TEMPORAL_ADDRESS": f"{ADDRESSES['frontend']}:{PORTS['frontend']}",
            **certificates.of_client(),
        }
        self._cli = programs.cli

    def start(self) -> None:
        """With the namespace `default`, known to all nodes. Raises TimeoutError."""
        for each in self.nodes.values():
            each.start()
        self.is_up()
        create = ("operator", "namespace", "create", "--namespace", "default", "--retention", RETENTION)
        wait_until(lambda: self._succeeds(*create), START_SECONDS, "the namespace to be made")
        # Not at once: the worker would find that there is no such namespace.
        listed = ("operator", "search-attribute", "list", "--namespace", "default")
        wait_until(lambda: self._succeeds(*listed), START_SECONDS, "the namespace to be known")

    def is_up(self) -> None:
        for name, each in self.nodes.items():
            each.listens(ADDRESSES[name], PORTS[name], START_SECONDS)
        wait_until(lambda: self._succeeds("operator", "cluster", "health"), START_SECONDS, "the frontend")

    def cli(self, *words: str, certificate: bool = True) -> "subprocess.CompletedProcess[str]":
        """`temporal`, with our certificate or without any."""
        environment = dict(self.environment)
        if not certificate:
            del environment["TEMPORAL_TLS_CLIENT_CERT_PATH"], environment["TEMPORAL_TLS_CLIENT_KEY_PATH"]
            environment["TEMPORAL_TLS_SERVER_NAME"] = SERVER_NAME
        return subprocess.run(
            [self._cli, *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def _succeeds(self, *words: str) -> bool:
        return self.cli(*words).returncode == 0
