"""The kit finds what breaks a promise, by name, and nothing where all is kept."""

import subprocess
import sys
from pathlib import Path

import pytest

from order_system.gateways.loading import Port
from order_system.testing import Options, Verdict, check, elsewhere
from order_system.testing.checking import CheckedPort, Finding
from order_system.testing.promises import promises_of
from tests.fixtures.gateways import sound
from tests.fixtures.peers.stripe import fake_stripe
from tests.fixtures.processes.command_line import ROOT, starter
from tests.fixtures.processes.forked import Forked
from tests.fixtures.processes.simulate_process import SIGNED, over_http, simulating

SOUND, FAULTY = "tests.fixtures.gateways.sound", "tests.fixtures.gateways.with_a_fault"
FORGETFUL = "tests.fixtures.gateways.forgetful"
PORTS: tuple[CheckedPort, ...] = ("payments", "warehouse", "carrier", "mailer")


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the provider, for the gateway and for its statement of accounts."""
    monkeypatch.setenv("ORDER_STATEMENT", f"{SOUND}:statement")
    for port in ("statement", *PORTS):
        monkeypatch.setenv(f"ORDER_{port.upper()}_BOOKS", str(tmp_path / "books.db"))
    return tmp_path / "books.db"


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command and the example below start their other process as everybody does."""
    monkeypatch.setattr(elsewhere, "get_context", lambda _: Forked())


def of(findings: list[Finding], verdict: Verdict) -> list[str]:
    return [each.promise for each in findings if each.verdict is verdict]


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("port", PORTS)
async def test_the_simulated_world_keeps_all(port: CheckedPort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDER_LATENCY_MIN", "0")
    monkeypatch.setenv("ORDER_LATENCY_MAX", "0.005")
    await keeps_all(port, Options(on_hand=10_000_000))


async def keeps_all(port: CheckedPort, options: Options) -> None:
    findings = await check(port, options)
    assert [each for each in findings if each.verdict is not Verdict.KEPT] == []
    later = port == "payments"
    assert [each.promise for each in findings] == [each.name for each in promises_of(Port(port), later=later)]


async def test_gateways_over_http_keep_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running, url = simulating(tmp_path, *SIGNED, "--port", "0")
    try:
        for name, value in over_http(url).items():
            monkeypatch.setenv(name, value)
        await keeps_all("payments", Options())
    finally:
        running.interrupted()


async def test_payments_by_stripe_keep_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """By Stripe's own list. The mailer, of which it tells nothing, is judged by its answers."""
    async with fake_stripe() as fake:
        for name, value in fake.environment.items():
            monkeypatch.setenv(name, value)
            monkeypatch.setenv(name.replace("PAYMENTS", "STATEMENT"), value)
        await fake.meets(search=True)
        await keeps_all("payments", Options(declined="pm_card_chargeCustomerFail"))
        broken = of(await check("mailer"), Verdict.BROKEN)
    assert broken == []


async def test_a_gateway_that_only_charges_is_not_asked_to_hold(
    books: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_PAYMENTS", f"{SOUND}:payments")
    findings = await check("payments")
    assert of(findings, Verdict.KEPT) == [each.name for each in promises_of(Port.PAYMENTS, later=False)]
    assert of(findings, Verdict.BROKEN) == of(findings, Verdict.NOT_SHOWN) == []


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize(
    ("port", "gateway", "promise", "may_break_too"),
    [
        ("payments", "charges_twice_at_once", "charge twice at once is done once", "charge from two"),
        ("payments", "refunds_twice_at_once", "refund twice at once is done once", "refund from two"),
        ("payments", "forgets_a_charge_that_was_cut_off", "charge cut off and asked again is done once", "-"),
        ("payments", "charges_a_hundred_yen_for_one", "charge in JPY counts yen", "-"),
        ("payments", "repeats_a_no", "charge decides a no anew in the next round", "-"),
        ("payments", "captures_what_is_void", "void of an authorisation binds", "void"),
        ("payments", "forgets_a_void_of_nothing", "void of no authorisation binds", "void beats"),
        ("payments", "captures_once_more", "capture after its refund is not done again", "capture"),
        ("warehouse", "takes_what_it_can", "reserve refused is OutOfStock, and nothing is done", "reserve"),
        ("carrier", "dispatches_after_a_void", "void of a label binds", "void"),
        ("mailer", "sends_twice", "send twice in a row is done once", "send"),
    ],
)
async def test_a_fault_is_found_by_name(
    port: CheckedPort,
    gateway: str,
    promise: str,
    may_break_too: str,
    *,
    books: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And nothing else: each of these gateways is sound but for one thing."""
    monkeypatch.setenv(f"ORDER_{port.upper()}", f"{FAULTY}:{gateway}")
    findings = await check(port, Options(on_hand=sound.ON_HAND))
    broken = {each.promise: each for each in findings if each.verdict is Verdict.BROKEN}
    found = broken.pop(promise)
    assert [name for name in broken if not name.startswith(may_break_too)] == []
    assert of(findings, Verdict.NOT_SHOWN) == []
    assert found.follows
    assert found.trace
    assert all("GATEWAY-CHECK-" in call for call in found.trace)


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("port", PORTS)
async def test_a_provider_that_does_all_each_time_it_is_asked_keeps_all_behind_our_memory(
    port: CheckedPort, books: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"ORDER_{port.upper()}", f"{FORGETFUL}:{port}")
    findings = await check(port, Options(on_hand=sound.ON_HAND))
    assert [each for each in findings if each.verdict is not Verdict.KEPT] == []


@pytest.mark.usefixtures("forked")
async def test_what_only_a_statement_shows_is_not_claimed(
    books: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORDER_STATEMENT")
    monkeypatch.setenv("ORDER_MAILER", f"{FAULTY}:sends_twice")
    findings = await check("mailer", Options(refused_email="ada@example.com"))
    assert of(findings, Verdict.BROKEN) == []
    assert of(findings, Verdict.NOT_SHOWN) == [
        "send cut off and asked again is done once",
        "send refused is NoticeRefused, and nothing is done",
        "send decides a no anew in the next round",
    ]
    kept = {each.because for each in findings if each.verdict is Verdict.KEPT}
    assert kept == {"by its answers alone"}


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


def test_the_command_tells_what_is_broken_and_what_follows(tmp_path: Path, books: Path) -> None:
    env = {
        "ORDER_DATA_DIR": str(tmp_path),
        "ORDER_MAILER": f"{FAULTY}:sends_twice",
        "ORDER_MAILER_BOOKS": str(books),
        "ORDER_STATEMENT": f"{SOUND}:statement",
        "ORDER_STATEMENT_BOOKS": str(books),
    }
    told = starter("gateways", "check", "mailer", env=env)
    assert told.code == 1
    assert "broken     send twice in a row is done once: the statement of accounts lists" in told.out
    assert "    1. 2 times: send('GATEWAY-CHECK-" in told.out
    assert "    so a retry writes to the customer twice" in told.out
    assert "4 broken" in told.out
    as_json = starter("gateways", "check", "mailer", "--json", env=env)
    assert as_json.code == 1
    assert {each["verdict"] for each in as_json.document} == {"kept", "broken"}
    assert starter("gateways", "check", "statement", env=env).code == 2
    assert not (tmp_path / "orders.db").exists()  # the order book is none of its business
