"""A gateway is found by its entry point. What it offers besides is refused when it opens, unless it can be
called: no money is held yet."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from order_system.domain.errors import InvalidSettings
from order_system.gateways.loading import ENTRY_POINTS, Port, names_of, open_gateways
from order_system.infra.database import Database
from order_system.infra.settings import load_settings


class Charges:
    async def charge(self, key: str, *, amount: int, currency: str, payment_method: str) -> None: ...

    async def refund(self, charge_key: str, *, receipt: object) -> None: ...


class Holds(Charges):
    async def authorise(self, key: str, *, amount: int, currency: str, payment_method: str) -> None: ...


class CannotVoid(Holds):
    async def capture(self, key: str, *, charge_key: str, receipt: object) -> None: ...

    async def void(self, charge_key: str) -> None: ...


class TakesOverAlone(Charges):
    async def take_over(self, key: str, *, reference: str, amount: int, currency: str) -> None: ...


class GivesNoPart(Charges):
    def refund_part(self, key: str, *, charge_key: str, receipt: object, amount: int) -> None: ...


class SendsMore:
    async def send(self, key: str, *, kind: object, customer: object) -> None: ...

    async def send_details(self, key: str, *, kind: object, customer: object) -> None: ...


def _factory(gateway: type) -> Any:
    @asynccontextmanager
    async def opened() -> AsyncGenerator[object]:
        yield gateway()

    return opened


charges, holds = _factory(Charges), _factory(Holds)
cannot_void, takes_over_alone = _factory(CannotVoid), _factory(TakesOverAlone)
gives_no_part, sends_more = _factory(GivesNoPart), _factory(SendsMore)


async def test_an_entry_point_may_have_the_name_of_its_module(
    tmp_path: Path, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "acme-1.dist-info").mkdir()
    points = f"[{ENTRY_POINTS}]\nacme_pays = acme_pays\n"
    (tmp_path / "acme-1.dist-info/entry_points.txt").write_text(points)
    (tmp_path / "acme_pays.py").write_text(f"from {__name__} import charges as payments")
    monkeypatch.syspath_prepend(tmp_path)
    async with open_gateways(load_settings(payments="acme_pays"), sqlite_database) as world:
        assert isinstance(world.payments, Charges)
    assert ("acme_pays" in names_of(Port.PAYMENTS), "acme_pays" in names_of(Port.CARRIER)) == (True, False)


@pytest.mark.parametrize(
    ("port", "factory", "words"),
    [
        ("payments", "holds", "a Holds has no capture, void, which CapturesLater in"),
        (
            "payments",
            "cannot_void",
            r"void of a CannotVoid .*it is called as void\(charge_key, receipt=...\)",
        ),
        ("payments", "takes_over_alone", "has no authorise, capture, void, which CapturesLater in"),
        ("payments", "gives_no_part", "refund_part of a GivesNoPart is not awaited: make it `async def"),
        ("mailer", "sends_more", r"send_details of a SendsMore .*customer=..., details=...\)"),
    ],
)
async def test_what_is_offered_in_part_is_refused(
    port: str, factory: str, words: str, sqlite_database: Database
) -> None:
    with pytest.raises(InvalidSettings, match=words) as refused:
        async with open_gateways(load_settings(**{port: f"{__name__}:{factory}"}), sqlite_database):
            raise AssertionError("it was opened")
    assert "\n" not in str(refused.value)
