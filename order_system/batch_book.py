"""The batches' pages of the order book: `ports.BatchBook` over SQL."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update

from order_system import book_reading as reading
from order_system.batch_ports import NotedOrder
from order_system.batches import BatchRecord, BatchRequest, Fate
from order_system.book_tables import batch_orders, batches


class SqlBatchBook(reading.BookQueries):
    async def open_batch(self, batch: str, run: str, request: BatchRequest) -> None:
        async with self._database.writing() as tx:
            ours = (batches.c.batch == batch) & (batches.c.run == run)
            if (await tx.execute(select(batches.c.run).where(ours))).first() is None:
                content = request.model_dump(mode="json")
                row = {"batch": batch, "run": run, "request": content, "started_at": datetime.now(UTC)}
                await tx.execute(insert(batches).values(**row))

    async def newest_batch(self, batch: str) -> BatchRecord | None:
        query = select(batches).where(batches.c.batch == batch).order_by(batches.c.started_at.desc())
        async with self._database.reading() as tx:
            row = (await tx.execute(query.limit(1))).first()
        if row is None:
            return None
        request = BatchRequest.model_validate(row.request)
        return BatchRecord(batch=batch, run=row.run, request=request, started_at=row.started_at)

    async def note_orders(self, batch: str, run: str, orders: Sequence[NotedOrder]) -> dict[str, int]:
        async with self._database.writing() as tx:
            noted: dict[str, int] = {}
            for some_ids in reading.batched_ids(order.order_id for order in orders):
                query = select(batch_orders.c.order_id, batch_orders.c.first_line).where(
                    batch_orders.c.batch == batch,
                    batch_orders.c.run == run,
                    batch_orders.c.order_id.in_(some_ids),
                )
                noted.update({row.order_id: row.first_line for row in await tx.execute(query)})
            new: list[dict[str, Any]] = []
            for order in orders:
                if order.order_id not in noted:
                    noted[order.order_id] = order.first_line
                    new.append(
                        {
                            "batch": batch,
                            "run": run,
                            "order_id": order.order_id,
                            "first_line": order.first_line,
                            "last_line": order.last_line,
                        }
                    )
            if new:
                await tx.execute(insert(batch_orders), new)
            return noted

    async def note_fates(self, batch: str, run: str, fates: Mapping[str, Fate]) -> None:
        if not fates:
            return
        statement = (
            update(batch_orders)
            .where(
                batch_orders.c.batch == batch,
                batch_orders.c.run == run,
                batch_orders.c.order_id == bindparam("of_order"),
            )
            .values(fate=bindparam("new_fate"))
        )
        rows = [{"of_order": order_id, "new_fate": fate} for order_id, fate in fates.items()]
        async with self._database.writing() as tx:
            await tx.execute(statement, rows)

    async def fates(
        self, batch: str, run: str, order_ids: Sequence[str]
    ) -> dict[str, tuple[int, Fate | None]]:
        found: dict[str, tuple[int, Fate | None]] = {}
        async with self._database.reading() as tx:
            for some_ids in reading.batched_ids(order_ids):
                query = select(batch_orders).where(
                    batch_orders.c.batch == batch,
                    batch_orders.c.run == run,
                    batch_orders.c.order_id.in_(some_ids),
                )
                for row in await tx.execute(query):
                    found[row.order_id] = (row.first_line, Fate(row.fate) if row.fate else None)
        return found

    async def fates_counted(self, batch: str, run: str) -> dict[Fate | None, int]:
        ours = (batch_orders.c.batch == batch) & (batch_orders.c.run == run)
        query = select(batch_orders.c.fate, func.count()).where(ours).group_by(batch_orders.c.fate)
        async with self._database.reading() as tx:
            return {Fate(fate) if fate else None: number for fate, number in await tx.execute(query)}
