"""Orders found by what one knows of them, on both kinds of database."""

import hashlib
from typing import Any

import pytest

from order_system.book.listing import SqlOrderListing
from order_system.book.order_book import SqlOrderBook
from order_system.book.reading import email_hash
from order_system.domain.book import Attempt, SubmissionStatus
from order_system.domain.listing import (
    OrderFilter,
)
from order_system.domain.messages import Opening
from order_system.domain.order import Label, PaymentReceipt
from order_system.domain.steps import Effect, Step
from order_system.infra.database import Database
from tests.fixtures.databases.filled_book import BEGAN, SECOND, fill, submission
from tests.fixtures.shops.activity_calls import a_submission
from tests.fixtures.shops.shop import an_order

FULFILLED = SubmissionStatus.FULFILLED


@pytest.fixture
def listing(database: Database) -> SqlOrderListing:
    return SqlOrderListing(database)


async def test_an_order_is_found_by_whatever_one_knows_of_it(
    database: Database, listing: SqlOrderListing
) -> None:
    book = SqlOrderBook(database)
    order = an_order("SHOP-0042")
    ref, attempt = a_submission(order), Attempt(BEGAN + 60 * SECOND, BEGAN + 120 * SECOND, "default")
    opening = Opening(total=order.total, currency=order.currency, email="Ada@Example.com")
    await book.open_and_claim(ref, Effect.CHARGE, attempt, opening)
    receipt = PaymentReceipt(charge_id="ch_known", amount=order.total, currency=order.currency)
    await book.record(ref, Effect.CHARGE, receipt, attempt.now())
    await book.claim(ref, Effect.LABEL, attempt)
    label = Label(label_id="l", carrier="UPS", tracking_number="1Z 999")
    await book.record(ref, Effect.LABEL, label, attempt.now())
    await fill(database, [submission("OTHER-1", total=5), submission("YEN-1", total=105997, currency="JPY")])
    await book.accept("SHOP-NEW", "first", BEGAN)

    async def found(text: str, **wanted: Any) -> list[str]:
        return [row.order_id for row in (await listing.orders(OrderFilter(text=text, **wanted))).rows]

    assert await found("-004") == await found("shop-0042") == await found(" 0042 ") == ["SHOP-0042"]
    assert await found("shop") == ["SHOP-0042", "SHOP-NEW"]
    for step in ("order", *Step):
        assert await found(f"{step}-SHOP-0042") == ["SHOP-0042"]
    assert await found("refund-SHOP-0042-form_1") == ["SHOP-0042"]
    assert await found("1Z 999") == await found("ch_known") == await found("paid:ch_known") == ["SHOP-0042"]
    assert await found("1059.97") == await found("usd 1059.97") == ["SHOP-0042"]
    assert await found("105997") == await found("105997 JPY") == ["YEN-1"]
    assert await found("1059.97 EUR") == await found("1059.9") == []
    assert await found("ada@example.com") == await found(" ADA@EXAMPLE.COM") == ["SHOP-0042"]
    assert await found("ada@example.co") == []
    assert await found("shop", status=FULFILLED) == []
    [row] = (await listing.orders(OrderFilter(text="ch_known"))).rows
    assert (row.charge_id, row.tracking_number) == ("ch_known", "1Z 999")


async def test_the_book_knows_an_email_by_a_keyed_hash_and_no_more(database_url: str) -> None:
    kept: list[str] = []
    for key in (None, "a secret of the house", None):
        database = Database(database_url, email_key=key)
        hashed = await database.read(lambda tx: email_hash(database, tx, "ada@example.com"))  # noqa: B023
        await database.dispose()
        kept.append(hashed)

    plain = hashlib.sha256(b"ada@example.com").hexdigest()
    assert kept[0] == kept[2] != kept[1]
    assert plain not in kept
