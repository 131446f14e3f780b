"""Does the gateway keep its promises? Run it with pytest where this package is installed."""

import asyncio
from pathlib import Path

import pytest

from order_system.testing import Options, Verdict, check


def test_the_gateway_keeps_its_promises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_PAYMENTS", "own_gateways:payments")
    monkeypatch.setenv("ORDER_PAYMENTS_BOOKS", str(tmp_path / "payments.db"))
    findings = asyncio.run(check("payments", Options(declined_amount=2_000_000)))
    broken = [str(finding) for finding in findings if finding.verdict is Verdict.BROKEN]
    assert not broken, "\n".join(broken)
