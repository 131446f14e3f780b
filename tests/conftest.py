"""Fixtures live beside what they start; tests find them by name."""

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

import pytest
import structlog
import uvloop
from hypothesis import HealthCheck, settings

from order_system.domain import policy
from order_system.infra import policy as infra_policy
from order_system.infra.changes import CHANGES
from order_system.infra.process import collect_less_garbage
from tests.fixtures.databases.postgresql import SKIPPED

POLICIES = (policy, infra_policy)

# An example may take as long as it likes there, and so may making one up.
settings.register_profile(
    "busy machine", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy machine")

# What is imported and collected stays. To look through it again and again takes a tenth of that time.
gc.disable()

pytest_plugins = [
    "tests.fixtures.databases.databases",
    "tests.fixtures.shops.on_server",
    "tests.fixtures.shops.parts",
    "tests.fixtures.processes.servers",
]


@pytest.fixture(autouse=True)
def policy_as_it_was() -> Iterator[None]:
    """A limit that a test changes and leaves would break another test, far away. Looked at after pytest has
    undone its own changes."""
    before = [dict(vars(module)) for module in POLICIES]
    yield
    assert [dict(vars(module)) for module in POLICIES] == before, "a limit is left changed"


@pytest.fixture(autouse=True)
def bare_environment(policy_as_it_was: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the person who runs the tests has set for their own orders must not steer the tests."""
    for name in [name for name in os.environ if name.startswith(("ORDER_", "TEMPORAL_", "OTEL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", os.devnull)


@pytest.fixture(autouse=True)
def each_attempt_is_noted(policy_as_it_was: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine: a note that takes long is left out, and many tests read it."""
    monkeypatch.setattr(policy, "ATTEMPT_NOTED", timedelta(minutes=1))


@pytest.fixture(autouse=True)
def no_log_of_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test sets up is gone after it: else the changes of others would go into its file."""
    changes = logging.getLogger(CHANGES)
    monkeypatch.setattr(changes, "handlers", [])
    monkeypatch.setattr(changes, "propagate", True)


@pytest.fixture
def logging_as_it_was() -> Iterator[None]:
    """For tests that configure the log of this very process."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long tests first. xdist gives each of its processes a run of neighbours, and whoever is done takes some
    of another's last ones: so each process begins with its share of the long ones, and none of them is left
    for the end, when one process would be at work on it alone. Those of one file stay together, for what they
    share: a worker, pages, and a Prometheus that scrapes them."""
    processes: int = getattr(config, "workerinput", {}).get("workercount", 1)
    long = [item for item in items if item.get_closest_marker("long")]
    files = list(dict.fromkeys(item.path for item in long))
    others = [item for item in items if not item.get_closest_marker("long")]
    ordered: list[pytest.Item] = []
    for number in range(processes):
        share = (len(items) - len(ordered)) // (processes - number)
        first = [item for item in long if files.index(item.path) % processes == number]
        rest = max(0, share - len(first))
        ordered += first + others[:rest]
        del others[:rest]
    items[:] = ordered + others


def pytest_collection_finish() -> None:
    """Modules and tests stay to the end, too: to look through all of them for garbage takes a tenth of the
    tests' own time."""
    gc.collect()
    gc.freeze()
    gc.enable()
    collect_less_garbage()
    if find_spec("sniffio") is None:
        _known_to_be_absent("sniffio")


def _known_to_be_absent(name: str) -> None:
    """httpx tries to import it anew for each request and each lock, and looks through all folders in vain."""
    modules: dict[str, Any] = sys.modules
    modules[name] = None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """A suite that ran on half of the databases must say so where nobody overlooks it."""
    reason = config.stash.get(SKIPPED, None)
    if reason:
        terminalreporter.section("PostgreSQL was NOT tested", sep="!", yellow=True, bold=True)
        terminalreporter.line(reason, yellow=True)


@pytest.fixture(scope="session")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    """A worker's loop, which takes a tenth less of the processor than asyncio's own."""
    return uvloop.EventLoopPolicy()
