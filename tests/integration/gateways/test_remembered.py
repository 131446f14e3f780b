"""What `Remembered` does when an answer does not come, or late. For the rest of it see `test_kit.py`."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import OperationalError

from order_system.domain.errors import (
    AnswerLost,
    DatabaseUnreachable,
    NotReached,
    OutcomeUnknown,
    ShippingRefused,
)
from order_system.domain.gateways import PaymentElsewhere, Voided
from order_system.domain.ids import Key
from order_system.domain.order import DispatchReceipt, PaymentReceipt, RefundReceipt
from order_system.gateways import policy
from order_system.gateways.remembered import Remembered
from order_system.infra.database import Database

KEY, LABEL = Key("ORDER-1:run:charge"), Key("ORDER-1:run:label")
PAID = PaymentReceipt(charge_id="ch_1", amount=100, currency="USD")
BACK = RefundReceipt(refund_id="re_1", amount=100, currency="USD")
PRICE = {"amount": 100, "currency": "USD", "payment_method": "pm_card_ok"}
SECONDS = 30


class Payments:
    """Answers a charge when it is let go. Nothing is looked up here."""

    def __init__(self) -> None:
        self.charges = 0
        self.refunded: list[PaymentReceipt | None] = []
        self.charging, self.let_go = asyncio.Event(), asyncio.Event()
        self.fails: Exception | None = None

    async def charge(self, key: Key, *, amount: int, currency: str, payment_method: str) -> PaymentReceipt:
        self.charges += 1
        self.charging.set()
        async with asyncio.timeout(SECONDS):
            await self.let_go.wait()
        if self.fails:
            raise self.fails
        return PAID

    async def refund(self, charge_key: str, *, receipt: PaymentReceipt | None) -> RefundReceipt | None:
        self.refunded.append(receipt)
        return BACK


@pytest.fixture
def client() -> Payments:
    return Payments()


async def a_caller_gives_up(remembered: Remembered, client: Payments) -> None:
    caller = asyncio.create_task(remembered.charge(KEY, **PRICE))
    async with asyncio.timeout(SECONDS):
        await client.charging.wait()
    caller.cancel()
    await asyncio.wait({caller})


async def test_a_refund_in_another_process_waits_out_a_charge_whose_caller_has_given_up(
    database: Database, client: Payments
) -> None:
    await a_caller_gives_up(Remembered(client, database), client)
    elsewhere = Remembered(client, database)
    refund = asyncio.create_task(elsewhere.refund(KEY, receipt=None))
    done, _ = await asyncio.wait({refund}, timeout=2 * policy.LOOKS_AGAIN.total_seconds())
    assert not done
    client.let_go.set()
    assert await asyncio.wait_for(refund, SECONDS) == BACK
    assert await elsewhere.charge(KEY, **PRICE) == PAID
    assert await elsewhere.refund(KEY, receipt=PAID) == BACK
    assert (client.charges, client.refunded) == (1, [PAID])


async def test_what_is_under_way_for_long_is_told_and_its_late_answer_is_believed(
    database: Database, client: Payments, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered = Remembered(client, database)
    await a_caller_gives_up(remembered, client)
    monkeypatch.setattr(policy, "WAITS", timedelta(0))
    for ask in (lambda: remembered.charge(KEY, **PRICE), lambda: remembered.refund(KEY, receipt=None)):
        with pytest.raises(
            AnswerLost, match=r"^charge was begun once, at .* and its answer is still awaited$"
        ):
            await ask()
    client.let_go.set()
    monkeypatch.setattr(policy, "WAITS", timedelta(seconds=SECONDS))
    assert await remembered.refund(KEY, receipt=None) == BACK
    assert client.refunded == [PAID]


async def test_what_has_failed_without_a_word_is_not_waited_for_and_never_sent_again(
    database: Database, client: Payments
) -> None:
    client.fails = ConnectionResetError("gone")
    client.let_go.set()
    remembered = Remembered(client, database)
    with pytest.raises(ConnectionResetError):
        await remembered.charge(KEY, **PRICE)
    for ask in (lambda: remembered.charge(KEY, **PRICE), lambda: remembered.refund(KEY, receipt=None)):
        with pytest.raises(OutcomeUnknown, match=r"if it was made, refund it there\. Key: ORDER-1:run:"):
            await ask()
    assert (client.charges, client.refunded) == (1, [])


async def test_a_person_is_told_the_very_key_of_a_call_that_was_never_answered(
    sqlite_database: Database,
) -> None:
    """Of notices, and of a part of a refund, too: by it they look at the provider."""

    async def fails(_key: str, **_given: object) -> None:
        raise ConnectionResetError("gone")

    for method, key in {"send_details": "ORDER-1:run:notify", "refund_part": "ORDER-1:run:refund-a"}.items():
        call = getattr(Remembered(SimpleNamespace(**{method: fails}), sqlite_database), method)
        with pytest.raises(ConnectionResetError):
            await call(Key(key))
        with pytest.raises(OutcomeUnknown, match=rf" Key: {key}$"):
            await call(Key(key))


async def test_what_could_not_begin_in_time_was_not_sent_and_may_be_asked_again(
    sqlite_database: Database, client: Payments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our database was slow, or the process stood still: by now an undo may have found nothing."""
    client.let_go.set()
    remembered = Remembered(client, sqlite_database)
    monkeypatch.setattr(policy, "WAITS", timedelta(0))
    with pytest.raises(NotReached):
        await remembered.charge(KEY, **PRICE)
    assert client.charges == 0
    monkeypatch.undo()
    assert await remembered.refund(KEY, receipt=None) is None
    assert await remembered.charge(KEY, **PRICE) == PAID


async def test_an_answer_outlives_a_database_that_is_away_for_a_moment(
    sqlite_database: Database, client: Payments, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered, write, failed = Remembered(client, sqlite_database), sqlite_database.write, 0
    charge = asyncio.create_task(remembered.charge(KEY, **PRICE))
    await asyncio.wait_for(client.charging.wait(), SECONDS)

    async def away(work: Callable[..., object], *given: object, **named: object) -> object:
        nonlocal failed
        failed += 1
        if failed <= 2:
            raise OperationalError("UPDATE", None, Exception("away"))
        return await write(work, *given, **named)

    monkeypatch.setattr(sqlite_database, "write", away)
    client.let_go.set()
    assert await asyncio.wait_for(charge, SECONDS) == PAID
    assert failed == 3
    assert await remembered.charge(KEY, **PRICE) == PAID


class Loses:
    """The word that a transaction has been committed, of those transactions that `numbers` name, from 1."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch, *numbers: int) -> None:
        self._write, self._numbers, self._count = database.write, numbers, 0
        self.lost = asyncio.Event()
        monkeypatch.setattr(database, "write", self)

    async def __call__(self, work: Callable[..., object], *given: object, **named: object) -> object:
        self._count += 1
        number, answer = self._count, await self._write(work, *given, **named)
        if number in self._numbers:
            self.lost.set()
            raise OperationalError("COMMIT", None, Exception("the connection is lost"))
        return answer


async def test_what_was_noted_and_never_begun_may_be_asked_again(
    database: Database, client: Payments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The word of the note's commit was lost. Nothing was sent, so no person is to look for it."""
    client.let_go.set()
    remembered = Remembered(client, database)
    Loses(database, monkeypatch, 1)
    with pytest.raises(DatabaseUnreachable):
        await remembered.charge(KEY, **PRICE)
    assert client.charges == 0
    assert await asyncio.wait_for(remembered.charge(KEY, **PRICE), SECONDS) == PAID
    assert client.charges == 1


async def test_the_note_of_another_call_is_left_alone(
    database: Database, client: Payments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A charge was not sent, and its note deleted, but the word of that commit was lost, so it is deleted
    again. Meanwhile another process charges: it must keep its own note, or a third one charges again."""
    here, elsewhere = Remembered(client, database), Remembered(client, database)
    client.fails = NotReached("refused")
    loses = Loses(database, monkeypatch, 2)
    first = asyncio.create_task(here.charge(KEY, **PRICE))
    await asyncio.wait_for(client.charging.wait(), SECONDS)
    client.let_go.set()
    await asyncio.wait_for(loses.lost.wait(), SECONDS)
    client.charging.clear()
    client.let_go.clear()
    client.fails = None

    second = asyncio.create_task(elsewhere.charge(KEY, **PRICE))
    await asyncio.wait_for(client.charging.wait(), SECONDS)
    with pytest.raises(NotReached):
        await asyncio.wait_for(first, SECONDS)
    client.let_go.set()
    assert await asyncio.wait_for(second, SECONDS) == PAID
    assert await asyncio.wait_for(here.charge(KEY, **PRICE), SECONDS) == PAID
    assert client.charges == 2, "one that was refused, and one that was made"


async def test_either_a_parcel_is_dispatched_or_its_label_is_void(database: Database) -> None:
    """Whichever process comes first."""
    parcel, dispatched = DispatchReceipt(carrier="Post", tracking_number="t-1"), 0

    class Parcels:
        async def dispatch(self, key: Key, *, label_key: str) -> DispatchReceipt:
            nonlocal dispatched
            dispatched += 1
            return parcel

        async def void(self, label_key: str) -> None:
            raise AssertionError("there is no label")

    here, there = Remembered(Parcels(), database), Remembered(Parcels(), database)
    for number in range(20):
        before, key = dispatched, f"ORDER-{number}:run"
        both: list[Awaitable[object]] = [
            here.dispatch(Key(f"{key}:dispatch"), label_key=f"{key}:label"),
            there.void(Key(f"{key}:label")),
        ]
        pair = await asyncio.gather(*both[:: 1 if number % 2 else -1], return_exceptions=True)
        went, void = pair if number % 2 else pair[::-1]
        if dispatched > before:
            assert (went, void) == (parcel, parcel)
        else:
            assert isinstance(went, ShippingRefused)
            assert void == Voided(label_existed=False)


async def test_what_is_no_effect_is_the_clients_own(sqlite_database: Database) -> None:
    found = PaymentElsewhere("ch_1", 100, "USD", 0)

    class LooksUp(Payments):
        async def find_payment(self, key: str, *, reference: str) -> PaymentElsewhere:
            return found

    assert await Remembered(LooksUp(), sqlite_database).find_payment(KEY, reference="ch_1") == found
    assert not hasattr(Remembered(Payments(), sqlite_database), "find_payment")


async def test_money_is_not_held_through_it(sqlite_database: Database) -> None:
    """A void that is forgotten would bind nobody; a carrier's void is remembered."""
    holding = ("authorise", "capture", "void", "take_over")
    client = SimpleNamespace(**dict.fromkeys(("charge", "refund", *holding)))
    assert [hasattr(Remembered(client, sqlite_database), name) for name in holding] == [False] * 4
    assert hasattr(Remembered(client, sqlite_database), "charge")
    assert hasattr(Remembered(SimpleNamespace(void=None), sqlite_database), "void")
