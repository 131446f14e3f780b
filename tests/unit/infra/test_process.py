"""How a process of ours begins."""

import sys

import pytest

from order_system.infra.process import load


def test_streams_that_the_shell_has_closed_lead_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """`starter.py ... 2>&-`: Python has None there."""
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    load("json", "starter.py")
    with sys.stdin as given, sys.stdout as out, sys.stderr as err:
        assert not given.read()
        assert not out.isatty()
        out.write("nobody hears it")
        err.write("nor this")
