"""A payment gateway of your own. This one keeps its books in a SQLite file, where yours calls a provider.

pip install ./examples/own_gateways
export ORDER_PAYMENTS=own ORDER_PAYMENTS_BOOKS=payments.db
python starter.py gateways
python starter.py --embedded
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
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
    with closing(sqlite3.connect(settings.books, check_same_thread=False)) as connection:
        connection.execute(CHARGES)
        yield OwnPayments(connection, settings.decline_above)


class OwnPayments:
    """Implements `order_system.domain.gateways.PaymentGateway`: idempotent by the key, which is stored with
    what was done."""

    def __init__(self, connection: sqlite3.Connection, decline_above: int) -> None:
        self._connection = connection
        self._decline_above = decline_above
        self._one_at_a_time = asyncio.Lock()

    async def charge(self, key: Key, *, amount: int, currency: str, payment_method: str) -> PaymentReceipt:
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._charge, key, amount, currency)

    def _charge(self, key: str, amount: int, currency: str) -> PaymentReceipt:
        with self._connection:
            if not self._find(key):
                if amount > self._decline_above:
                    raise PaymentDeclined(f"{amount} is above {self._decline_above}")
                self._connection.execute(
                    "INSERT INTO charges (key, amount, currency) VALUES (?, ?, ?)", (key, amount, currency)
                )
        return PaymentReceipt(charge_id=f"own-{key}", amount=amount, currency=currency)

    async def refund(self, charge_key: str, *, receipt: PaymentReceipt | None) -> RefundReceipt | None:
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._refund, charge_key)

    def _refund(self, charge_key: str) -> RefundReceipt | None:
        with self._connection:
            found = self._find(charge_key)
            if found is None:
                return None
            self._connection.execute("UPDATE charges SET refunded = amount WHERE key = ?", (charge_key,))
        amount, currency = found
        return RefundReceipt(refund_id=f"own-refund-{charge_key}", amount=amount, currency=currency)

    def _find(self, key: str) -> tuple[int, str] | None:
        return self._connection.execute(
            "SELECT amount, currency FROM charges WHERE key = ?", (key,)
        ).fetchone()
