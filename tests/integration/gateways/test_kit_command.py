"""The kit as people run it: by the command, by pytest, and what it tells them."""

import os
import re
import subprocess
import sys
from contextlib import suppress
from fcntl import LOCK_EX, flock
from pathlib import Path
from random import Random
from unittest.mock import AsyncMock, Mock

import pytest

from order_system.domain.errors import NotReached
from order_system.domain.gateways import PaymentGateway, ReservationEntry, Statement, StockEntry, Warehouse
from order_system.domain.order import PaymentReceipt
from order_system.testing import Options, Verdict, checking, policy
from order_system.testing.answers import NO_ANSWER, NO_RECEIPT, OTHER_AMOUNT, Answer, Broken, Call, alike
from order_system.testing.checking import Finding
from order_system.testing.playing import Play
from tests.fixtures.processes.command_line import ROOT, Running, starter
from tests.fixtures.processes.forked import Forked

FIXTURES = "tests.fixtures.gateways.strangers"
PAID = PaymentReceipt(charge_id="ch_1", amount=1990, currency="USD")


def test_the_example_is_checked_by_its_own_test(tmp_path: Path) -> None:
    """From another folder, as somebody would who has copied it."""
    folder = tmp_path / "own_gateways"
    folder.mkdir()
    for file in (ROOT / "examples/own_gateways").glob("*.py"):
        (folder / file.name).write_bytes(file.read_bytes())
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder, folder],
        cwd=folder,
        env={"PYTHONPATH": f"{ROOT}:{folder}", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ran.returncode, "1 passed" in ran.stdout) == (0, True), ran.stdout + ran.stderr


def test_the_command_tells_what_is_broken_and_what_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = tmp_path / "books.db"
    env = {
        "ORDER_DATA_DIR": str(tmp_path),
        "ORDER_MAILER": f"{FIXTURES}.waiting:mailer",
        "ORDER_MAILER_PATH": str(books),
        "ORDER_STATEMENT": f"{FIXTURES}.provider:statement",
        "ORDER_STATEMENT_PATH": str(books),
    }
    with (tmp_path / "nod").open("w") as nod:
        flock(nod, LOCK_EX)
        showing = Running("starter.py", "gateways", "check", "mailer", env=env)
        showing.says(
            "broken     send twice in a row is done once: "
            "the statement of accounts lists nothing, and not Notice"
        )
        assert showing.process.poll() is None, "it tells what it finds as it finds it"
    assert showing.process.stdout is not None
    rest = showing.process.stdout.read()
    assert showing.process.wait(60) == 1
    assert "    1. send('GATEWAY-CHECK-" in rest
    assert "    so a retry writes to the customer twice" in rest
    assert "7 broken" in rest
    assert "begin with the first that is broken" in rest
    on_a_terminal = _on_a_terminal("gateways", "check", "mailer", env=env)
    assert re.search(r"\d of 9: send ", on_a_terminal)
    assert "7 broken" in on_a_terminal
    monkeypatch.setattr(checking, "get_context", lambda _: Forked())
    as_json = starter("gateways", "check", "mailer", "--json", env=env)
    assert as_json.code == 1
    assert {each["verdict"] for each in as_json.document} >= {"kept", "broken"}
    assert starter("gateways", "check", "statement", env=env).code == 2
    assert not (tmp_path / "orders.db").exists()  # the order book is none of its business


async def test_a_gateway_that_no_call_reaches_breaks_no_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "ASK_AFTER", policy.ASK_AFTER[:2])
    monkeypatch.setattr(checking, "get_context", lambda _: Forked())
    monkeypatch.setenv("ORDER_PAYMENTS", "http")
    monkeypatch.setenv("ORDER_PAYMENTS_URL", "http://127.0.0.1:1")
    found = list[Finding]()
    with pytest.raises(NotReached, match=r"^ORDER_PAYMENTS=http: no call has reached it.*cannot be reached"):
        await checking.check("payments", found=found.append)
    assert found == []


def _on_a_terminal(*arguments: str, env: dict[str, str]) -> str:
    ours, theirs = os.openpty()
    running = Running("starter.py", *arguments, env=env | {"COLUMNS": "120"}, terminal=theirs)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # so a terminal ends that nobody writes to any more
        while some := os.read(ours, 4096):
            shown += some
    os.close(ours)
    running.process.wait(60)
    return shown.decode()


def test_a_finding_reads_as_a_report() -> None:
    finding = Finding("charge is exact", Verdict.BROKEN, "it took 1", "customers pay less", ("charge() 1",))
    assert str(finding) == (
        "broken     charge is exact: it took 1\n    1. charge() 1\n    so customers pay less"
    )


@pytest.mark.parametrize(
    ("answer", "words", "follows"),
    [
        (Answer(None), "refund answered None, which is no receipt of the amount 1990", NO_RECEIPT),
        (Answer({"amount": 1990}), "refund answered {'amount': 1990}, which is no receipt", NO_RECEIPT),
        (
            Answer(PAID.model_copy(update={"amount": 19})),
            "which is no receipt of the amount 1990",
            OTHER_AMOUNT,
        ),
        (Answer(error=Exception, words="raised KeyError: 'id'"), "refund raised KeyError: 'id'", NO_ANSWER),
    ],
)
def test_what_is_no_receipt_of_the_amount_is_broken_and_what_follows_is_told(
    answer: Answer, words: str, follows: str
) -> None:
    with pytest.raises(Broken) as broken:
        alike(Call("refund", "key", {"receipt": PAID}), answer, answer)
    assert str(broken.value).startswith("refund ")
    assert words in str(broken.value)
    assert "and then" not in str(broken.value)
    assert broken.value.follows == follows


@pytest.mark.parametrize(
    ("gateway", "reservations", "is_told"),
    [(Warehouse, (), True), (Warehouse, None, False), (PaymentGateway, (), False)],
)
async def test_stock_gone_wrong_is_told_of_a_warehouse_whose_reservations_are_known(
    gateway: type, reservations: tuple[ReservationEntry, ...] | None, is_told: bool
) -> None:
    stock = StockEntry(Options().sku, initial=5, on_hand=4, reserved=0, shipped=0)
    accounts = AsyncMock()
    accounts.statement.return_value = Statement(reservations=reservations, stock=(stock,))
    play = Play(gateway, accounts, Mock(), [], Options(), Random(0))
    play.order()
    assert [line.split()[1] for line in await play.left()] == [f"{Options().sku}:"] * is_told
