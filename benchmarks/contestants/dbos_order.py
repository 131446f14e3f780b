"""The same shape on DBOS, a library that keeps workflows in a database and needs no server: a parent,
its four children one after another, five steps that do nothing. With SQLite, as ours, and in one process.

    python -m benchmarks.contestants.dbos_order FOLDER

It answers each order ID that it reads from the socket in that folder, when the order has ended.
"""

# pyright: basic, reportMissingImports=false
# DBOS is an extra that nothing else needs, and is not there where types are checked.

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from dbos import DBOS, SetWorkflowID

SOCKET = "orders.socket"
"""Whoever measures looks for it."""


@dataclass(frozen=True)
class Receipt:
    id: str


@DBOS.step()
async def charge(order_id: str) -> Receipt:
    return Receipt(order_id)


@DBOS.step()
async def reserve(order_id: str) -> Receipt:
    return Receipt(order_id)


@DBOS.step()
async def buy_label(order_id: str) -> Receipt:
    return Receipt(order_id)


@DBOS.step()
async def dispatch(order_id: str) -> Receipt:
    return Receipt(order_id)


@DBOS.step()
async def notify(order_id: str) -> Receipt:
    return Receipt(order_id)


@DBOS.workflow()
async def payment(order_id: str) -> Receipt:
    return await charge(order_id)


@DBOS.workflow()
async def inventory(order_id: str) -> Receipt:
    return await reserve(order_id)


@DBOS.workflow()
async def shipping(order_id: str) -> Receipt:
    await buy_label(order_id)
    return await dispatch(order_id)


@DBOS.workflow()
async def notification(order_id: str) -> Receipt:
    return await notify(order_id)


@DBOS.workflow()
async def fulfil(order_id: str) -> None:
    for child in (payment, inventory, shipping, notification):
        with SetWorkflowID(f"{child.__name__}-{order_id}"):
            handle = await DBOS.start_workflow_async(child, order_id)
        await handle.get_result()


async def main(folder: Path) -> None:
    DBOS(config={"name": "orders", "system_database_url": f"sqlite:///{folder / 'dbos.db'}"})
    DBOS.launch()

    async def one(order_id: str, writer: asyncio.StreamWriter) -> None:
        with SetWorkflowID(f"order-{order_id}"):
            handle = await DBOS.start_workflow_async(fulfil, order_id)
        await handle.get_result()
        writer.write(f"{order_id}\n".encode())

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.TaskGroup() as orders:
            async for line in reader:
                orders.create_task(one(line.decode().strip(), writer))

    server = await asyncio.start_unix_server(serve, folder / SOCKET)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
