"""A payment gateway of your own. This one keeps its books in a SQLite file, where yours calls a provider.

.venv/bin/pip install -e . ./examples/own_gateways
export ORDER_PAYMENTS=own ORDER_PAYMENTS_BOOKS=payments.db
.venv/bin/python starter.py gateways
.venv/bin/python starter.py --embedded
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

from pydantic import BaseModel, Field

from order_system.domain.errors import PaymentDeclined
from order_system.domain.ids import Key
from order_system.domain.order import PaymentReceipt, RefundReceipt

CHARGES = """CREATE TABLE IF NOT EXISTS charges (
    key TEXT PRIMARY KEY, amount INTEGER NOT NULL, currency TEXT NOT NULL, refunded INTEGER NOT NULL DEFAULT 0
)"""


class OwnSettings(BaseModel):
    """Read from ORDER_PAYMENTS_BOOKS and ORDER_PAYMENTS_DECLINE_ABOVE."""

    books: Path = Field(description="the file in which this gateway keeps its books")
    decline_above: int = Field(1_000_000, description="what one charge may come to, in minor units")


@asynccontextmanager
async def payments(settings: OwnSettings) -> AsyncGenerator["OwnPayments"]:
    """Opened once for each process, and closed with it: the place for a client's connections."""
    gateway = OwnPayments(settings)
    with gateway.transaction() as books:
        books.execute(CHARGES)
    yield gateway


class OwnPayments:
    """Implements `order_system.domain.gateways.PaymentGateway`: idempotent by the key, which is stored with
    what was done. A call may be cancelled while its thread works on: so each has a connection of its own."""

    def __init__(self, settings: OwnSettings) -> None:
        self._settings = settings

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """The only one that writes: what it finds stays so until its end."""
        with closing(sqlite3.connect(self._settings.books)) as books, books:
            books.execute("BEGIN IMMEDIATE")
            yield books

    async def charge(self, key: Key, *, amount: int, currency: str, payment_method: str) -> PaymentReceipt:
        return await asyncio.to_thread(self._charge, key, amount, currency)

    def _charge(self, key: str, amount: int, currency: str) -> PaymentReceipt:
        with self.transaction() as books:
            found = _find(books, key)
            if found is None:
                if amount > self._settings.decline_above:
                    raise PaymentDeclined(f"{amount} is above {self._settings.decline_above}")
                books.execute(
                    "INSERT INTO charges (key, amount, currency) VALUES (?, ?, ?)", (key, amount, currency)
                )
                found = amount, currency
        return PaymentReceipt(charge_id=f"own-{key}", amount=found[0], currency=found[1])

    async def refund(self, charge_key: str, *, receipt: PaymentReceipt | None) -> RefundReceipt | None:
        return await asyncio.to_thread(self._refund, charge_key)

    def _refund(self, charge_key: str) -> RefundReceipt | None:
        with self.transaction() as books:
            found = _find(books, charge_key)
            books.execute("UPDATE charges SET refunded = amount WHERE key = ?", (charge_key,))
        if found is None:
            return None
        return RefundReceipt(refund_id=f"own-refund-{charge_key}", amount=found[0], currency=found[1])


def _find(books: sqlite3.Connection, key: str) -> tuple[int, str] | None:
    """Amount and currency, refunded or not: a charge that comes late, after its refund, takes nothing."""
    return books.execute("SELECT amount, currency FROM charges WHERE key = ?", (key,)).fetchone()
