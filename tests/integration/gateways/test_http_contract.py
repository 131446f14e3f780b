"""Gateways over HTTP do what they do without it: the simulated world is asked directly, and by `simulate`."""

import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from order_system.domain.errors import BusinessError, InvalidSettings, NotReached, OrderSystemError
from order_system.domain.ids import Key
from order_system.domain.messages import NoticeKind
from order_system.domain.order import CapturedElsewhere, PaymentReceipt
from order_system.gateways.http import client
from order_system.gateways.http.client import HttpPaymentSettings
from order_system.gateways.http.wire import sign
from order_system.gateways.loading import Gateways, Port, find_factory, names_of, open_gateways
from order_system.infra.database import Database
from order_system.infra.settings import load_settings
from tests.fixtures.documents import gateways_api
from tests.fixtures.processes.command_line import starter
from tests.fixtures.processes.simulate_process import SECRET, SIGNED, over_http, simulating
from tests.fixtures.shops.shop import an_order

Calls = list[Callable[[Gateways], Awaitable[Any]]]
ORDER = an_order("OVER-HTTP")
ADDRESS, LINES = ORDER.shipping_address, ORDER.lines
BOUNCES = ORDER.customer.model_copy(update={"email": "bounces@example.com"})


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    running, url = simulating(tmp_path_factory.mktemp("simulate"), "--port", "0", **SIGNED)
    yield url
    ended = running.interrupted()
    assert (ended.code, SECRET in ended.out + ended.err) == (0, False)


@pytest.fixture(scope="module")
async def by_http(url: str) -> AsyncIterator[Gateways]:
    """Open for all tests: each client of the five reads all the certificates there are."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in over_http(url).items():
            patch.setenv(name, value)
        async with open_gateways(load_settings(), Database("sqlite://")) as opened:
            yield opened


@pytest.fixture
async def both(by_http: Gateways, sqlite_database: Database) -> AsyncIterator[tuple[Gateways, Gateways]]:
    quiet = load_settings(faults="none", latency_min=0, latency_max=0)
    async with open_gateways(quiet, sqlite_database) as direct:
        yield direct, by_http


def charge(number: int, method: str = "pm_card_ok", currency: str = "USD") -> Any:
    key = Key(f"OVER-HTTP:{number}:charge", number)
    return lambda g: g.payments.charge(key, amount=5998, currency=currency, payment_method=method)


def refund(number: int, receipt: PaymentReceipt | None = None) -> Any:
    return lambda g: g.payments.refund(f"OVER-HTTP:{number}:charge", receipt=receipt)


def find(number: int, reference: str) -> Any:
    key = f"OVER-HTTP:{number}:charge"
    return lambda g: g.payments.find_payment(key, reference=reference, amount=5998, currency="JPY")


def authorise(number: int, method: str = "pm_card_ok") -> Any:
    key = Key(f"OVER-HTTP:{number}:charge", number)
    return lambda g: g.payments.authorise(key, amount=5998, currency="USD", payment_method=method)


HELD = PaymentReceipt(charge_id="ch_held", amount=5998, currency="USD")


def capture(number: int) -> Any:
    key, of_charge = Key(f"OVER-HTTP:{number}:capture"), f"OVER-HTTP:{number}:charge"
    return lambda g: g.payments.capture(key, charge_key=of_charge, receipt=HELD)


def void_payment(number: int, receipt: PaymentReceipt | None = None) -> Any:
    return lambda g: g.payments.void(Key(f"OVER-HTTP:{number}:charge", 1), receipt=receipt)


def take_over(number: int, reference: str) -> Any:
    key = Key(f"OVER-HTTP:{number}:charge", 1)
    return lambda g: g.payments.take_over(key, reference=reference, amount=5998, currency="USD")


ELSEWHERE = PaymentReceipt(
    charge_id="ch_1", amount=5998, currency="JPY", captured_elsewhere=CapturedElsewhere.CONFIRMED
)


def reserve(number: int, sku: str = "LAPTOP-789") -> Any:
    lines = [line.model_copy(update={"sku": sku}) for line in LINES]
    return lambda g: g.warehouse.reserve(Key(f"OVER-HTTP:{number}:reserve"), lines=lines)


def label(number: int, postal_code: str = "97201") -> Any:
    address = ADDRESS.model_copy(update={"postal_code": postal_code})
    return lambda g: g.carrier.buy_label(Key(f"OVER-HTTP:{number}:label"), address=address, lines=LINES)


def dispatch(number: int) -> Any:
    key, of_label = Key(f"OVER-HTTP:{number}:dispatch"), f"OVER-HTTP:{number}:label"
    return lambda g: g.carrier.dispatch(key, label_key=of_label)


def send(number: int, **changes: Any) -> Any:
    given = {"kind": NoticeKind.CONFIRMATION, "customer": ORDER.customer, **changes}
    return lambda g: g.mailer.send(Key(f"OVER-HTTP:{number}:notify"), **given)


CASES: dict[str, Calls] = {
    "charge": [charge(1), charge(1), charge(2, currency="KWD")],
    "declined": [charge(3, "pm_card_declined"), charge(3, "pm_card_declined")],
    "not reached": [charge(4, "pm_gateway_down_for_a_while") for _ in range(3)],
    "answer lost": [charge(5, "pm_answer_lost_once"), charge(5, "pm_answer_lost_once")],
    "refund": [charge(6), refund(6), refund(6, PaymentReceipt(charge_id="ch", amount=5998, currency="USD"))],
    "refund of nothing": [refund(7)],
    "paid already": [find(8, "ch_1"), refund(8, ELSEWHERE), refund(8, ELSEWHERE), refund(9, ELSEWHERE)],
    "paid at their word": [find(10, "pi_1")],
    "never paid": [find(11, "ch_made_up")],
    "capture": [*[authorise(30)] * 2, *[capture(30)] * 2, void_payment(30), authorise(30), refund(30)],
    "void of a payment": [authorise(31), *[void_payment(31, HELD)] * 2, capture(31), authorise(31)],
    "void of no payment": [void_payment(32), authorise(32), capture(32)],
    "never authorised": [authorise(33, "pm_card_declined"), capture(33), void_payment(33)],
    "authorisation expires": [authorise(34, "pm_authorisation_expires"), *[capture(34)] * 2],
    "taken over": [*[take_over(35, "pi_35")] * 2, capture(35), take_over(35, "pi_35"), void_payment(35)],
    "taken over and voided": [take_over(36, "pi_36"), void_payment(36), take_over(36, "pi_36")],
    "not to be taken over": [take_over(37, "pi_37"), take_over(38, "pi_37"), take_over(38, "ch_made_up")],
    "reserve": [reserve(1), lambda g: g.warehouse.release("OVER-HTTP:1:reserve")],
    "commit": [reserve(2), *[lambda g: g.warehouse.commit("OVER-HTTP:2:reserve")] * 2],
    "out of stock": [reserve(3, "OUT-OF-STOCK"), lambda g: g.warehouse.release("OVER-HTTP:3:reserve")],
    "label": [label(1), dispatch(1), lambda g: g.carrier.void("OVER-HTTP:1:label")],
    "void": [label(2), lambda g: g.carrier.void("OVER-HTTP:2:label"), dispatch(2)],
    "void of nothing": [lambda g: g.carrier.void("OVER-HTTP:3:label"), label(3)],
    "not delivered there": [label(4, "00000")],
    "notice": [send(1), send(1), send(2, kind=NoticeKind.CANCELLATION), send(3, customer=BOUNCES)],
}


async def outcomes(gateways: Gateways, calls: Calls) -> list[Any]:
    """A refusal with its words; of other errors the class alone, since HTTP adds where and how."""
    heard: list[Any] = []
    for call in calls:
        try:
            heard.append(await call(gateways))
        except BusinessError as no:
            heard.append((type(no), str(no)))
        except OrderSystemError as trouble:
            heard.append(type(trouble))
    return heard


@pytest.mark.parametrize("name", CASES)
async def test_what_is_heard_over_http_is_what_the_gateway_says(
    both: tuple[Gateways, Gateways], name: str
) -> None:
    direct, by_http = both
    assert await outcomes(by_http, CASES[name]) == await outcomes(direct, CASES[name])


async def test_the_statement_tells_the_audit_all_that_was_done(both: tuple[Gateways, Gateways]) -> None:
    direct, by_http = both
    for calls in CASES.values():
        await outcomes(by_http, calls)
        await outcomes(direct, calls)
    told, expected = await by_http.statement(), await direct.statement()
    assert expected.charges is not None
    assert len(expected.charges) == 7
    assert {each.state for each in expected.authorisations or ()} == {"held", "captured", "voided"}
    entries, due = (
        {name: each and sorted(map(repr, each)) for name, each in vars(statement).items()}
        for statement in (told, expected)
    )
    assert entries == due, "in whichever order the other tests were played"


CHARGE = "/payments/charge"
BODY = b'{"amount": 5998, "currency": "USD", "payment_method": "pm_card_ok"}'
KEY = Key("OVER-HTTP:20:charge", 1)
HEADERS = {"Idempotency-Key": KEY, "Idempotency-Round": "1"}
REFUSED = {401: "urn:order-system:signature-refused", 422: "urn:order-system:request-refused"}
GOOD: tuple[Any, ...] = (SECRET, CHARGE, KEY, BODY)
"""What a test signs when it runs: a signature holds for five minutes, and a run of all tests takes longer."""


@pytest.mark.parametrize(
    ("signed", "change", "status", "words"),
    [
        (None, {}, 401, "not signed"),
        (("of somebody else", CHARGE, KEY, BODY), {}, 401, "secret"),
        ((*GOOD, 1_000_000), {}, 401, "clocks"),
        ((SECRET, "/payments/refund", KEY, BODY), {}, 401, "not that"),
        ((SECRET, CHARGE, KEY, BODY + b" "), {}, 401, "not that"),
        (GOOD, {"Idempotency-Round": "2"}, 401, "not that of this request"),
        (GOOD, {"Idempotency-Key": "OVER-HTTP:21:charge"}, 401, "not that of this request"),
        (GOOD, {"Idempotency-Round": "two"}, 422, "not as documented"),
        (GOOD, {"Idempotency-Key": ""}, 401, "not that of this request"),
    ],
)
async def test_what_is_not_signed_as_it_stands_is_refused_and_nothing_is_done(
    by_http: Gateways, url: str, *, signed: Any, change: dict[str, str], status: int, words: str
) -> None:
    async with httpx.AsyncClient(base_url=url) as plain:
        headers = {"Order-System-Signature": sign(*signed) if signed else "", **HEADERS, **change}
        refused = await plain.post(CHARGE, content=BODY, headers=headers)
    assert (refused.status_code, refused.json()["type"]) == (status, REFUSED[status])
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert words in refused.json()["detail"]
    for number in (20, 21):
        assert await by_http.payments.refund(f"OVER-HTTP:{number}:charge", receipt=None) is None


async def test_a_body_that_is_none_is_refused(url: str) -> None:
    async with httpx.AsyncClient(base_url=url) as plain:
        for body in (b"", b"[]", b'{"amount": "much"}', b"\xff"):
            headers = {**HEADERS, "Order-System-Signature": sign(SECRET, CHARGE, KEY, body)}
            assert (await plain.post(CHARGE, content=body, headers=headers)).status_code == 422


async def test_another_secret_is_told_as_nothing_was_done(url: str) -> None:
    wrong = HttpPaymentSettings(url=url, secret=SecretStr("of somebody else"))
    async with client.payments(wrong) as payments:
        with pytest.raises(NotReached, match="is the secret the same on both sides"):
            await payments.charge(KEY, amount=5998, currency="USD", payment_method="pm_card_ok")


async def test_a_service_holds_money_only_if_it_is_told_so(url: str) -> None:
    for authorises in (True, False):
        async with client.payments(HttpPaymentSettings(url=url, authorises=authorises)) as payments:
            offered = {
                name for name in ("authorise", "capture", "void", "take_over") if hasattr(payments, name)
            }
        assert len(offered) == 4 * authorises


def test_the_example_of_a_signature_is_one() -> None:
    told = gateways_api.on_file()["info"]["description"]
    secret, at, path, body, digest = re.search(
        r"secret `(\w+)`, `(\d+)`, `(/\S+)`\s+and\s+the\s+body\s+`(.+)`,\s+it\s+is\s+`(\w+)`", told
    ).groups()  # pyright: ignore[reportOptionalMemberAccess]
    assert sign(secret, path, None, body.encode(), int(at)) == f"t={at},v1={digest}"


def test_the_document_is_that_of_the_ports() -> None:
    document = gateways_api.on_file()
    of_ports = {name: value for name, value in document.items() if name not in ("openapi", "info")}
    assert of_ports == gateways_api.from_the_ports(), "python -m tests.fixtures.documents.gateways_api"


def test_without_a_secret_only_loopback_is_served() -> None:
    for secret, env in (((), {}), (("--secret", ""), {}), ((), {"ORDER_SIMULATE_SECRET": ""})):
        elsewhere = starter("simulate", "--host", "0.0.0.0", *secret, env=env)
        assert (elsewhere.code, "without ORDER_SIMULATE_SECRET only loopback" in elsewhere.err) == (2, True)


def test_a_missing_setting_is_told(tmp_path: Path) -> None:
    missing = starter("audit", env={"ORDER_PAYMENTS": "http", "ORDER_DATA_DIR": str(tmp_path)})
    assert missing.code == 2
    assert "ORDER_PAYMENTS_URL is not set: where the service is" in missing.err


def test_without_the_extra_it_is_not_there_and_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    monkeypatch.delitem(sys.modules, "order_system.gateways.http.client")
    assert names_of(Port.PAYMENTS)["http"] == "pip install -e '.[http]'"
    with pytest.raises(
        InvalidSettings, match=r"ORDER_PAYMENTS=http: there is no module httpx: install .* extra"
    ):
        find_factory(Port.PAYMENTS, "http")
