"""A whole run: the cluster comes up, is measured, is struck, and must agree with itself afterwards."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster import checks, meter
from tests.cluster.certificates import make_certificates
from tests.cluster.hosts import Shop, start_host
from tests.cluster.needs import Programs
from tests.cluster.nodes import ADDRESSES, START_SECONDS, Server, prepare_stores
from tests.cluster.postgresql import POOLER_PORT, PORT, Postgresql, pooler
from tests.cluster.programs import Program
from tests.cluster.strikes import Strike, run_batch
from tests.fixtures.shops.batch_shop import row, write_orders

ALONE = 20
REST_SECONDS = 10.0
NO_FAULTS = {"ORDER_FAULTS": "none", "ORDER_LATENCY_MIN": "0", "ORDER_LATENCY_MAX": "0"}
FAULTS = {"ORDER_FAULTS": "default", "ORDER_LATENCY_MIN": "0.02", "ORDER_LATENCY_MAX": "0.05"}
VERSION = {"TEMPORAL_DEPLOYMENT_NAME": "orders", "TEMPORAL_WORKER_BUILD_ID": "v1"}
"""For workers that take part in Temporal's worker versioning."""
Say = Callable[[str], None]


@dataclass
class Figures:
    measured: int = 0
    """Orders of the batch that was measured."""
    rate: float = 0.0
    """Orders a second of it."""
    used: dict[str, float] = field(default_factory=dict[str, float])
    """Role -> milliseconds of a processor, an order."""
    at_rest: dict[str, float] = field(default_factory=dict[str, float])
    """Role -> share of a core, while nothing is to be done."""
    alone: list[float] = field(default_factory=list[float])
    """Seconds of orders that were alone."""
    struck: int = 0
    strikes: list[Strike] = field(default_factory=list[Strike])
    held: list[str] = field(default_factory=list[str])
    """What was looked at and held, in words."""


class Cluster:
    def __init__(self, programs: Programs, folder: Path, dynamic: dict[str, str]) -> None:
        certificates = make_certificates(folder / "tls", list(ADDRESSES.values()))
        self.postgresql = Postgresql(programs, folder, ADDRESSES["postgresql"])
        self.server = Server(programs, folder, certificates, dynamic)
        self.pooler = (
            pooler(programs, folder, ADDRESSES["pgbouncer"], ADDRESSES["postgresql"])
            if programs.pgbouncer
            else None
        )
        url = f"postgresql+psycopg://orders@{ADDRESSES['postgresql']}:{PORT}/orders"
        keys = folder / "keys"
        self.shop = Shop(
            {**self.server.environment, "ORDER_DATABASE_URL": url, "ORDER_KEYS": str(keys)}, folder
        )
        pooled = f"postgresql+psycopg://orders@{ADDRESSES['pgbouncer']}:{POOLER_PORT}/orders?prepare_threshold=none"
        self._urls = {"host-1": url, "host-2": pooled if self.pooler else url}
        self.hosts: dict[str, Program] = {}
        self._programs = programs

    def start(self) -> None:
        self.postgresql.start()
        with self.postgresql.connect("postgres") as admin:
            admin.execute("CREATE ROLE orders LOGIN")
            admin.execute("CREATE DATABASE orders OWNER orders")
        if self.pooler:
            self.pooler.start()
            self.pooler.listens(ADDRESSES["pgbouncer"], POOLER_PORT, START_SECONDS)
        prepare_stores(self._programs)
        self.server.start()
        self.shop.starter("migrate")
        self.shop.starter("keys", "new")

    def open_hosts(self, settings: dict[str, str]) -> None:
        """Anew with these settings; whoever runs drains first. Raises AssertionError if one does not."""
        for name, url in self._urls.items():
            if name in self.hosts:
                assert self.hosts[name].stop() == 0, f"{name} did not drain:\n{self.hosts[name].tail()}"
            host = self.shop.host(name, ORDER_DATABASE_URL=url, **settings, **VERSION)
            self.hosts[name] = host
            start_host(host)

    def read(self) -> meter.Reading:
        nodes = {f"Temporal, {name}": [each] for name, each in self.server.nodes.items()}
        ours = {"worker": list(self.hosts.values()), "PgBouncer": [self.pooler] if self.pooler else []}
        return meter.read({**nodes, **ours}, self.postgresql)

    def stop(self) -> None:
        for program in [*self.hosts.values(), *self.server.nodes.values(), self.pooler, self.postgresql]:
            if program is not None:
                program.kill()


@contextmanager
def open_cluster(programs: Programs, folder: Path, dynamic: dict[str, str]) -> Generator[Cluster]:
    cluster = Cluster(programs, folder, dynamic)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def run(cluster: Cluster, orders: int, struck: int, say: Say) -> Figures:
    """Raises AssertionError for whatever does not hold."""
    figures = Figures(measured=orders, struck=struck)
    cluster.open_hosts(NO_FAULTS)
    checks.make_current(cluster, VERSION)
    say(f"two hosts of workers are ready; {ALONE} orders, each alone")
    _measure(cluster, figures, say)
    if not struck:
        return figures
    say("three orders wait for a person, one of them terminated: they wait through all that follows")
    waiting = checks.leave_three_waiting(cluster)
    cluster.open_hosts(FAULTS)
    say(f"a batch of {struck} orders with the default faults, and who is killed in its midst:")
    figures.strikes = _strikes(cluster)
    _file(cluster, "struck", struck)
    run_batch(cluster.shop, cluster.postgresql, "struck.csv", struck, strikes=figures.strikes, say=say)
    figures.held = checks.all_hold(cluster, waiting, ("measured", "struck"))
    return figures


def _measure(cluster: Cluster, figures: Figures, say: Say) -> None:
    """The orders that are alone warm up what the others are measured on."""
    _file(cluster, "alone", ALONE)
    run_batch(cluster.shop, cluster.postgresql, "alone.csv", ALONE, window=1)
    figures.alone = checks.alone(cluster, "alone")
    idle = cluster.read()
    time.sleep(REST_SECONDS)
    before = cluster.read()
    figures.at_rest = {role: used / REST_SECONDS for role, used in idle.until(before).items()}
    say(f"a batch of {figures.measured} orders without faults")
    _file(cluster, "measured", figures.measured)
    run_batch(cluster.shop, cluster.postgresql, "measured.csv", figures.measured)
    after = cluster.read()
    figures.used = {role: used / figures.measured * 1_000 for role, used in before.until(after).items()}
    times = meter.ends(cluster.postgresql, "measured")
    figures.rate = (len(times) - 1) / (times[-1] - times[0]).total_seconds()
    told = ", ".join(f"{role} {milliseconds:.0f}" for role, milliseconds in figures.used.items())
    say(f"  {figures.rate:.1f} orders a second; milliseconds of a core an order: {told}")


def _strikes(cluster: Cluster) -> list[Strike]:
    nodes = cluster.server.nodes

    def of_node(name: str) -> Strike:
        def start() -> None:
            nodes[name].start()
            cluster.server.is_up()

        return Strike(f"node {name}", nodes[name].kill, start)

    return [
        of_node("history"),
        Strike("worker host 1", cluster.hosts["host-1"].kill, lambda: start_host(cluster.hosts["host-1"])),
        Strike("PostgreSQL", cluster.postgresql.kill, cluster.postgresql.start),
        of_node("frontend"),
        of_node("matching"),
    ]


def _file(cluster: Cluster, name: str, orders: int) -> None:
    rows = (row(f"{name.upper()}-{number:04}") for number in range(orders))
    write_orders(cluster.shop.folder / f"{name}.csv", rows)
