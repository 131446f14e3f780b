"""Hosts all of it: python -m benchmarks.contestants.plain.worker ADDRESS TASK_QUEUE"""

import asyncio
import logging
import sys

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

from benchmarks.contestants.plain.activities import (
    buy_label,
    charge,
    dispatch,
    notify,
    refund,
    release,
    reserve,
)
from benchmarks.contestants.plain.workflows import (
    InventoryWorkflow,
    NotificationWorkflow,
    OrderWorkflow,
    PaymentWorkflow,
    ShippingWorkflow,
)


async def main(address: str, task_queue: str) -> None:
    logging.basicConfig(level=logging.INFO)
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    worker = Worker(
        client,
        task_queue=task_queue,
        workflows=[
            OrderWorkflow,
            PaymentWorkflow,
            InventoryWorkflow,
            ShippingWorkflow,
            NotificationWorkflow,
        ],
        activities=[charge, refund, reserve, release, buy_label, dispatch, notify],
    )
    await worker.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
