"""Fixtures live beside what they start; tests find them by name."""

import os
from pathlib import Path

import pytest

from tests.fixtures.databases.postgresql import SKIPPED

# Temporal's servers live for minutes here: memory is cheaper than looking for garbage all the time.
os.environ.setdefault("GOGC", "400")

pytest_plugins = [
    "tests.fixtures.databases.databases",
    "tests.fixtures.shops.on_server",
    "tests.fixtures.shops.parts",
    "tests.fixtures.processes.servers",
]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the person who runs the tests has set for their own orders must not steer the tests."""
    for name in [name for name in os.environ if name.startswith(("ORDER_", "TEMPORAL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "temporal.toml"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """A suite that ran on half of the databases must say so where nobody overlooks it."""
    reason = config.stash.get(SKIPPED, None)
    if reason:
        terminalreporter.section("PostgreSQL was NOT tested", sep="!", yellow=True, bold=True)
        terminalreporter.line(reason, yellow=True)
