"""The real activities over the real book and the simulated world, on a clock and a database of our own."""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar
from unittest.mock import patch

from sqlalchemy.engine import Connection

from activities import attempts as activities_attempts
from activities import reversals
from activities.inventory import InventoryActivities
from activities.notification import NotificationActivities
from activities.payment import PaymentActivities
from activities.reconciliation import ReconciliationActivities
from activities.shipping import ShippingActivities
from order_system.book.order_book import SqlOrderBook
from order_system.book.reconciliation import SqlReconciliationBook
from order_system.book.tables import metadata as book_tables
from order_system.domain.answers import AnsweredAs, AnswerRecord
from order_system.domain.book import Ledger, Server
from order_system.domain.gateways import Statement
from order_system.domain.messages import UndoCause
from order_system.domain.order import SubmissionRef
from order_system.domain.steps import Step
from order_system.gateways.simulated.tables import metadata as world_tables
from order_system.gateways.simulated.world import SimulatedWorld
from order_system.infra.database import Database
from tests.properties.attempts import Attempt, Fate, LedBook, LedGateways
from tests.properties.gateways import Gateways, Request
from tests.properties.inline_sqlite import InlineDatabase
from tests.properties.model import Model
from tests.properties.virtual_time import NOON, Clock, VirtualTimeLoop

Result = TypeVar("Result")


class Nobody:
    """No server but the one."""

    async def server(self) -> Server:
        return Server("default")


class Bench:
    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock, database: Database) -> None:
        self.clock = clock
        self.database = database
        self.book = SqlOrderBook(database)
        self.world = SimulatedWorld(database, strict_stock=True)
        self._loop = loop
        self.clear()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._loop.run_until_complete(work)

    def clear(self, stock: Mapping[str, int] | None = None) -> None:
        """As on the first day, with nothing in the warehouse but `stock`."""
        self.clock.now = NOON
        self.model = Model(on_hand=dict(stock or {}))
        self.gateways = Gateways(self.world, self.model)
        self.in_flight: list[Request] = []
        self.run(self.database.write(_empty_tables))
        for sku, quantity in self.model.on_hand.items():
            self.run(self.world.warehouse.receive(sku, quantity))

    def execute(self, *statements: str) -> None:
        """Outside of any transaction."""
        connection = self.database._engine.raw_connection()
        for statement in statements:
            connection.driver_connection.execute(statement)
        connection.close()

    def begin(self, kind: str, submission: Any, request: Any, fate: Fate) -> Attempt:
        """Start an attempt of the activity named `kind`, and follow it until it rests or ends."""
        attempt = Attempt(kind, submission, self.clock, self.gateways, self.in_flight)
        book: Any = LedBook(self.book, attempt)
        world: Any = LedGateways(attempt)
        payment, inventory = PaymentActivities(book, world), InventoryActivities(book, world)
        shipping, notification = ShippingActivities(book, world, world), NotificationActivities(book, world)
        reconciliation_book: Any = LedBook(SqlReconciliationBook(self.database), attempt)
        nobody: Any = Nobody()
        reconciliation = ReconciliationActivities(
            reconciliation_book,
            nobody,
            shipping=shipping,
            answers=nobody,
            notification=notification,
            reversals=reversals(payment, world),
        )
        activity: Any = {
            "charge": payment.charge,
            "reserve": inventory.reserve,
            "buy_label": shipping.buy_label,
            "capture": payment.capture,
            "dispatch": shipping.dispatch,
            "notify": notification.notify,
            "void_shipment": shipping.void_shipment,
            "release": inventory.release,
            "refund": payment.refund,
            "ask_again": reconciliation.ask_again,
        }[kind]
        self.run(attempt.begin(activity, request, fate))
        return attempt

    def give_back_by_hand(self, ref: SubmissionRef, cause: UndoCause) -> None:
        """What no gateway can give back: a person says that they have."""
        now, by_hand = self.clock.now, {"answer": AnsweredAs.HANDLED, "step": Step.PAYMENT}
        answer = AnswerRecord(answer_id=ref.submission, at=now, who="ada", note="", **by_hand)
        self.run(self.book.end_undo_by_hand(ref, answer, cause=cause, at=now))

    def wait(self, by: timedelta) -> None:
        """Time passes; what waited for longer than it may has its time-out."""
        self.clock.advance(by)

        async def let_time_outs_fire() -> None:
            for _ in range(20):
                await asyncio.sleep(0)

        self.run(let_time_outs_fire())

    def statements(self) -> tuple[Ledger, Statement]:
        async def both() -> tuple[Ledger, Statement]:
            return await self.book.ledger(), await self.world.statement()

        return self.run(both())


def _empty_tables(tx: Connection) -> None:
    for metadata in (book_tables, world_tables):
        for table in reversed(metadata.sorted_tables):
            tx.exec_driver_sql(f"DELETE FROM {table.name}")


@contextmanager
def a_bench() -> Iterator[Bench]:
    clock = Clock()
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(clock)) as runner:
        database = InlineDatabase()
        runner.run(database.migrate())
        with patch.object(activities_attempts, "Attempt", clock.attempt_type()):
            yield Bench(runner.get_loop(), clock, database)
        runner.run(database.dispose())
