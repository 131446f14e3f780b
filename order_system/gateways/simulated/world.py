"""The simulated outside world as a whole, and its statement of accounts. `ORDER_PAYMENTS=simulated` and its
like name a factory below. All factories open the same world."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Select, func, select, update
from sqlalchemy.engine import Connection

from order_system.domain import gateways
from order_system.gateways.simulated import tables
from order_system.gateways.simulated.carrier import SimulatedCarrier
from order_system.gateways.simulated.faults import NO_FAULTS, FaultRates, load_faults
from order_system.gateways.simulated.mailer import SimulatedMailer
from order_system.gateways.simulated.payment import SimulatedPaymentGateway
from order_system.gateways.simulated.switchboard import Switchboard
from order_system.gateways.simulated.warehouse import SimulatedWarehouse
from order_system.infra.database import Database, OverDatabase, reads, writes
from order_system.infra.settings import Settings

_STATEMENT = TypeAdapter(gateways.Statement)


class SimulatedWorld(OverDatabase):
    """A payment gateway, a warehouse, a carrier and a mailer that keep their books in `database`.

    `latency` is the least and the most time that a call takes, in seconds. With `strict_stock`, only goods
    that `warehouse.receive` has taken in exist; otherwise unknown SKUs are in plentiful stock. With
    `strict_payments`, an order is paid already only by a payment that `payments.receive` has recorded."""

    def __init__(
        self,
        database: Database,
        *,
        faults: FaultRates = NO_FAULTS,
        seed: int = 0,
        latency: tuple[float, float] = (0.0, 0.0),
        strict_stock: bool = False,
        strict_payments: bool = False,
    ) -> None:
        super().__init__(database)
        switchboard = Switchboard(database, faults=faults, seed=seed, latency=latency)
        self.payments = SimulatedPaymentGateway(switchboard, strict=strict_payments)
        self.warehouse = SimulatedWarehouse(switchboard, strict=strict_stock)
        self.carrier = SimulatedCarrier(switchboard)
        self.mailer = SimulatedMailer(switchboard)

    @reads
    def statement(self, tx: Connection) -> gateways.Statement:
        """Return one consistent snapshot. Tombstones are left out: voids of what was never there."""

        def rows(query: Select[Any]) -> list[dict[str, Any]]:
            return [dict(row) for row in tx.execute(query).mappings()]

        captured = tables.PAYMENTS.order_by(tables.charges.c.key)
        by_us = tables.charges.c.payment_method != tables.CHECKOUT
        held = tables.authorisations
        of_a_shop = held.c.payment_method == tables.CHECKOUT
        reservations = rows(select(tables.reservations))
        for each in reservations:
            each["lines"] = [(line["sku"], line["quantity"]) for line in each["lines"]]
        told = {
            "charges": rows(captured.where(by_us)),
            "payments": rows(captured.where(~by_us)),
            "authorisations": rows(select(held).where(held.c.charge_id.is_not(None), ~of_a_shop)),
            "reservations": reservations,
            "shipments": rows(select(tables.shipments).where(tables.shipments.c.label_id.is_not(None))),
            "notices": rows(select(tables.notices)),
            "stock": rows(select(tables.stock)),
        }
        return _STATEMENT.validate_python(told)

    @writes
    def forget(self, tx: Connection, order_id: str) -> None:
        charges, held, parcels = tables.charges.c, tables.authorisations.c, tables.shipments.c
        keys = {charges.payment_method: charges.key, held.payment_method: held.key}
        for told, key in (keys | {parcels.postal_code: parcels.label_key}).items():
            ours = func.substr(key, 1, len(order_id) + 1) == f"{order_id}:"  # LIKE takes a for A in SQLite
            tx.execute(update(key.table).where(ours, told != tables.CHECKOUT).values({told: ""}))


@asynccontextmanager
async def statement(settings: Settings, database: Database) -> AsyncGenerator[SimulatedWorld]:
    """Open the world. Raises InvalidSettings for a bad fault file."""
    yield SimulatedWorld(
        database,
        faults=load_faults(settings.faults),
        seed=settings.fault_seed,
        latency=(settings.latency_min, settings.latency_max),
        strict_stock=settings.strict_stock,
        strict_payments=settings.strict_payments,
    )


def _of_the_world(gateway: str) -> Callable[..., AbstractAsyncContextManager[Any]]:
    @asynccontextmanager
    async def factory(settings: Settings, database: Database) -> AsyncGenerator[Any]:
        async with statement(settings, database) as world:
            yield getattr(world, gateway)

    return factory


payments, warehouse = _of_the_world("payments"), _of_the_world("warehouse")
carrier, mailer = _of_the_world("carrier"), _of_the_world("mailer")
