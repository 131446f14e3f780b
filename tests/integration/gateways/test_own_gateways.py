"""Gateways from outside: found, opened, used by everything and closed, or refused in one line."""

import asyncio
import runpy
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import AsyncMock

import pytest
from pydantic import BaseModel, Field, SecretStr

from order_system.bootstrap import open_order_system
from order_system.domain.errors import InvalidSettings, OrderSystemError
from order_system.domain.ids import Key
from order_system.domain.steps import Step
from order_system.gateways.loading import open_gateways
from order_system.gateways.simulated.world import SimulatedWorld
from order_system.infra.database import Database
from order_system.infra.settings import load_settings
from tests.fixtures.processes.command_line import ROOT, Running, starter

HERE = __name__


class Needs(BaseModel):
    token: SecretStr = Field(description="the API token")
    retries: int = Field(3, description="a whole number")


@asynccontextmanager
async def carrier(needs: Needs, database: Database) -> AsyncGenerator[object]:
    carrier = SimulatedWorld(database).carrier
    carrier.token = needs.token.get_secret_value()  # pyright: ignore[reportAttributeAccessIssue]
    yield carrier
    closed.append("carrier")


closed: list[str] = []


@asynccontextmanager
async def fails() -> AsyncGenerator[object]:
    raise ConnectionRefusedError("nobody is there")
    yield


@asynccontextmanager
async def tells(needs: Needs) -> AsyncGenerator[object]:
    raise ValueError(f"no login\nwith {needs.token.get_secret_value()}")
    yield


@asynccontextmanager
async def exits() -> AsyncGenerator[object]:
    sys.exit("no licence")
    yield


@asynccontextmanager
async def breaks_at_its_end(needs: Needs, database: Database) -> AsyncGenerator[object]:
    try:
        yield SimulatedWorld(database).carrier
    finally:
        sys.exit(f"no goodbye\nof {needs.token.get_secret_value()}")


class Parts(BaseModel):
    hosts: list[str] = Field(description="a list")


@asynccontextmanager
async def takes_parts(parts: Parts) -> AsyncGenerator[object]:
    yield parts


async def is_bare() -> AsyncGenerator[object]:
    return fails()


@asynccontextmanager
async def says_no_type(settings) -> AsyncGenerator[object]:  # pyright: ignore
    yield settings


@asynccontextmanager
async def takes_what_nobody_has(anything: int) -> AsyncGenerator[object]:
    yield anything


@asynccontextmanager
async def charges_alone() -> AsyncGenerator[object]:
    yield SimpleNamespace(charge=AsyncMock(), refund=AsyncMock())


@asynccontextmanager
async def knows_no_lines() -> AsyncGenerator[object]:
    async def buy_label(_key: Key, *, address: object) -> None: ...

    yield SimpleNamespace(buy_label=buy_label, dispatch=AsyncMock(), void=AsyncMock())


class WaitsForNobody:
    async def buy_label(self, key: Key, *, address: object, lines: object) -> None: ...

    async def dispatch(self, key: Key, *, label_key: str) -> None: ...

    def void(self, label_key: str) -> None: ...


@asynccontextmanager
async def is_not_awaited() -> AsyncGenerator[object]:
    yield WaitsForNobody()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, as a package of somebody else's, away from its source."""
    site = tmp_path_factory.mktemp("site")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    source = tmp_path_factory.mktemp("source") / "own_gateways"
    # Without what is left there by whoever has installed the example as it says.
    left_there = shutil.ignore_patterns("build", "*.egg-info")
    shutil.copytree(ROOT / "examples/own_gateways", source, ignore=left_there)
    subprocess.run([*pip, "--target", str(site), str(source)], check=True, timeout=120)
    return site


@pytest.mark.long
def test_an_installed_package_takes_the_payments_of_five_orders(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = tmp_path / "payments.db"
    env = {
        "PYTHONPATH": str(installed),
        "ORDER_DATA_DIR": str(tmp_path / "data"),
        "ORDER_PAYMENTS": "own",
        "ORDER_PAYMENTS_BOOKS": str(books),
        "ORDER_FAULTS": "none",
        "ORDER_LATENCY_MIN": "0",
        "ORDER_LATENCY_MAX": "0",
    }
    arguments = ("--embedded", "--no-keep", "--strict", "--json")
    run = Running("starter.py", *arguments, env=env, interpreter=True).finished()
    assert run.code == 0, run.err
    assert [order["status"] for order in run.document] == ["fulfilled"] * 5
    with closing(sqlite3.connect(books)) as connection:
        charges = connection.execute("SELECT key, amount, refunded FROM charges").fetchall()
    assert sorted(key.split(":")[0] for key, _, _ in charges) == [f"ORDER-00{n}" for n in range(1, 6)]
    assert all(amount > 0 and refunded == 0 for _, amount, refunded in charges)

    monkeypatch.syspath_prepend(installed)
    listed = starter("gateways", "--json", env=env).document
    there_are = ["http", "own", "simulated", "stripe"]
    assert (listed[0]["in_place"], listed[0]["there_are"]) == ("own", there_are)
    assert "stripe" in listed[4]["there_are"], "it tells the audit, too"
    assert listed[0]["needs"][0]["value"] == str(books)
    audit = starter("audit", env=env)
    assert (audit.code, "ORDER_STATEMENT" in audit.err) == (2, True)


async def test_the_example_keeps_a_charge_when_the_call_before_is_cancelled(tmp_path: Path) -> None:
    """The thread of that call works on, and is declined, while the next one charges."""
    module = runpy.run_path(str(ROOT / "examples/own_gateways/own_gateways.py"))
    books = tmp_path / "payments.db"
    usd = {"currency": "USD", "payment_method": "pm"}
    async with module["payments"](module["OwnSettings"](books=books, decline_above=100)) as payments:
        with closing(sqlite3.connect(books)) as other:
            other.execute("BEGIN IMMEDIATE")
            cancelled = asyncio.create_task(payments.charge(Key("a"), amount=101, **usd))
            await asyncio.sleep(0)
            cancelled.cancel()
            await asyncio.wait([cancelled])
            charged = asyncio.create_task(payments.charge(Key("b"), amount=100, **usd))
            await asyncio.sleep(0)
            other.rollback()
        first = await charged
        assert (await payments.charge(Key("b"), amount=99, **usd)) == first  # what is stored
        refund = await payments.refund("b", receipt=first)
    assert (refund.amount, first.amount) == (100, 100)


async def test_a_factory_gets_its_settings_and_our_database_and_is_closed(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed.clear()
    monkeypatch.setenv("ORDER_CARRIER_TOKEN", "s3cret")
    settings = load_settings(carrier=f"{HERE}:carrier", faults="none")
    assert settings.attempts == {
        **dict.fromkeys((Step.PAYMENT, Step.INVENTORY, Step.NOTIFICATION), 6),
        Step.SHIPPING: 40,
    }
    async with open_gateways(settings, sqlite_database) as world:
        assert getattr(world.carrier, "token", None) == "s3cret"
        assert closed == []
        with pytest.raises(OrderSystemError, match="ORDER_STATEMENT"):
            await world.statement()
    assert closed == ["carrier"]


async def test_who_captures_on_dispatch_needs_a_gateway_that_holds_money(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path, payments=f"{HERE}:charges_alone", capture="on_dispatch")
    with pytest.raises(InvalidSettings, match=r"^ORDER_CAPTURE=on_dispatch: .*set ORDER_CAPTURE=at_once"):
        async with open_order_system(settings):
            pass


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("acme", r"ORDER_CARRIER=acme: there is no gateway of that name, but .*simulated"),
        ("smtp", r"ORDER_CARRIER=smtp: there is no gateway of that name"),
        ("builtins:object", "put @asynccontextmanager on its factory"),
        ("acme.gateways:carrier", "there is no module acme: install the package"),
        (f"{HERE}:nothing", r":nothing has no factory for the carrier: name a function .*docs/gateways\.md"),
        (f"{HERE}:carrier", r"ORDER_CARRIER_TOKEN is not set: the API token"),
        (f"{HERE}:fails", "cannot be opened: ConnectionRefusedError: nobody is there"),
        (f"{HERE}:exits", "cannot be opened: SystemExit: no licence"),
        (f"{HERE}:takes_parts", "cannot be opened: SettingsError: .*hosts"),
        (f"{HERE}:is_bare", "put @asynccontextmanager on its factory"),
        (f"{HERE}:says_no_type", "does not say of which type each parameter is"),
        (
            f"{HERE}:takes_what_nobody_has",
            "takes int: make that a field of a model; it may take a pydantic model, Database and Settings",
        ),
        (f"{HERE}:charges_alone", "has no buy_label, dispatch, void"),
        (f"{HERE}:knows_no_lines", r"argument 'lines'\): it is called as buy_label\(key, address=..., lines"),
        (f"{HERE}:closed", "has no factory for the carrier: name a function"),
        (f"{HERE}:is_not_awaited", "make it `async def void`; if it hands on another async call, `return aw"),
    ],
)
async def test_what_cannot_be_had_is_told_in_one_line(
    sqlite_database: Database, name: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_CARRIER_HOSTS", "no JSON")
    with pytest.raises(InvalidSettings, match=words) as refused:
        async with open_gateways(load_settings(carrier=name), sqlite_database):
            raise AssertionError("it was opened")
    assert "\n" not in str(refused.value)


def test_a_factory_that_fails_at_its_end_is_told_in_one_line_and_changes_no_exit_code(tmp_path: Path) -> None:
    env = {
        "ORDER_DATA_DIR": str(tmp_path),
        "ORDER_CARRIER": f"{HERE}:breaks_at_its_end",
        "ORDER_CARRIER_TOKEN": "s3cret",
        "ORDER_STATEMENT": "simulated",
        "TEMPORAL_ADDRESS": "127.0.0.1:1",
    }
    audit, status = starter("audit", env=env), starter("status", "ORDER-1", env=env)
    assert (audit.code, status.code) == (0, 3)
    told = f"ORDER_CARRIER={HERE}:breaks_at_its_end: it cannot be closed: SystemExit: no goodbye of ***"
    for ended in (audit, status):
        [line] = [line for line in ended.err.splitlines() if HERE in line]
        assert told in line


async def test_a_factory_that_tells_a_secret_is_not_repeated(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_CARRIER_TOKEN", "s3cret")
    with pytest.raises(InvalidSettings, match=r"cannot be opened: ValueError: no login with \*\*\*$"):
        async with open_gateways(load_settings(carrier=f"{HERE}:tells"), sqlite_database):
            raise AssertionError("it was opened")


def test_a_secret_is_never_shown_and_a_story_is_not_played_on_a_real_gateway(tmp_path: Path) -> None:
    env = {
        "ORDER_DATA_DIR": str(tmp_path),
        "ORDER_CARRIER": f"{HERE}:carrier",
        "ORDER_CARRIER_TOKEN": "s3cret",
        "ORDER_CARRIER_RETRIES": "many",
    }
    by_url = {"ORDER_MAILER": "http", "ORDER_MAILER_URL": "http://us:s3cret@127.0.0.1/mail"}
    listed = starter("gateways", env=env | by_url)
    assert (listed.code, "s3cret" in listed.out) == (0, False)
    assert (" *** " in listed.out, "http://***@127.0.0.1/mail" in listed.out) == (True, True)
    story = starter("--scenario", "card-declined", "--embedded", env=env)
    assert story.code == 2
    assert f"ORDER_CARRIER={HERE}:carrier is another gateway" in story.err
    audit = starter("audit", env=env)
    assert audit.code == 2
    assert "ORDER_CARRIER_RETRIES=many" in audit.err
    assert "a whole number" in audit.err
