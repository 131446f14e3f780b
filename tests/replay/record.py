"""Records one history of each way an order can end, and of a batch: `python -m tests.replay.record [names]`,
into the folder of this version (`order_system.__version__`).

Run it when a *new* workflow or path is released, and for each new version; never to make a red replay test
green: a history that no longer replays means that orders under way would break. Then `workflow.patched`
is what is needed (docs/changing-workflows.md).
"""

import asyncio
import contextlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from temporalio.client import Client

from order_system import __version__
from order_system.domain.batch import BatchRequest
from order_system.domain.ids import (
    RECONCILIATION,
    batch_workflow_id,
    order_workflow_id,
    refund_workflow_id,
    step_workflow_id,
)
from order_system.domain.steps import Step
from order_system.infra.database import Database
from order_system.infra.temporal.connection import connect
from order_system.infra.temporal.embedded import EmbeddedServer
from tests.fixtures.shops.batch_shop import BatchShop, row, write_orders
from tests.fixtures.shops.shop import Shop, an_order
from tests.fixtures.steering.waiting import eventually
from tests.replay import stories
from tests.replay.captured_later import CAPTURED_LATER
from tests.replay.locally_first import LOCALLY_FIRST
from tests.replay.stories import Story

HISTORIES = Path(__file__).parent / "histories"
"""A folder for each version that was released, or is under way."""
OURS = HISTORIES / __version__
MACHINE_DETAILS = {"stackTrace", "identity"}
"""Paths and names of the machine that recorded are nobody's business, and replay does not read them.
`sdkMetadata` must stay: without its flags the SDK does not compare IDs and types."""

BATCH = "batch"
STORIES = [*stories.STORIES, *CAPTURED_LATER, *LOCALLY_FIRST]


async def record_batch(database: Database, temporal: Client, folder: Path) -> None:
    """Ten orders with a conflict, a declined one and a rejected row, continued as new on the way."""
    shop, name = BatchShop(database, temporal, folder), "recorded"
    ids = [f"RECORDED-{number:02d}" for number in range(10)]
    rows = [
        row(order_id, card="pm_card_declined" if order_id == ids[3] else "pm_card_ok") for order_id in ids
    ]
    rows.insert(5, row("RECORDED-BAD", quantity="0"))
    with contextlib.chdir(folder):  # so that the history holds the file's name, and not where it was
        async with shop.open():
            earlier = write_orders(Path("earlier.csv"), [row(ids[1], quantity="2")])
            await shop.run(await shop.request("earlier", earlier))
            file = (await shop.request(name, write_orders(Path("orders.csv"), rows))).file
            await shop.run(
                BatchRequest(
                    name=name,
                    file=file.model_copy(update={"url": "orders.csv"}),
                    window=2,
                    page_bytes=500,
                    continue_after_events=40,
                )
            )
    await save(BATCH, temporal, [batch_workflow_id(name)])


async def record(story: Story, shop: Shop) -> None:
    order = an_order(f"RECORDED-{story.__name__.upper().replace('_', '-')}")
    async with shop.open():
        await story(shop, order)
    ids = [order_workflow_id(order.order_id), *(step_workflow_id(step, order.order_id) for step in Step)]
    ids.append(f"{RECONCILIATION}-{order.order_id}")
    ids += [refund_workflow_id(order.order_id, each) for each in ("part", "stuck", "refused")]
    await save(story.__name__, shop.temporal, ids)


async def save(name: str, temporal: Client, workflow_ids: list[str]) -> None:
    """The first of the workflows has ended last; lists lag behind."""
    last = (await temporal.get_workflow_handle(workflow_ids[0]).describe()).run_id

    async def all_are_listed() -> bool:
        ended = f"RunId = '{last}' AND ExecutionStatus != 'Running'"
        return (await temporal.count_workflows(ended)).count == 1

    await eventually(all_are_listed, 60, f"the server to list {workflow_ids[0]}")
    recorded: dict[str, Any] = {}
    async for found in temporal.list_workflows(f"WorkflowId IN ({', '.join(map(repr, workflow_ids))})"):
        handle = temporal.get_workflow_handle(found.id, run_id=found.run_id)
        history = json.loads((await handle.fetch_history()).to_json())
        recorded[f"{found.id}/{found.run_id}"] = without_machine_details(history)
    (OURS / f"{name}.json").write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n")


def without_machine_details(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: without_machine_details(inner) for key, inner in value.items() if key not in MACHINE_DETAILS
        }
    if isinstance(value, list):
        return [without_machine_details(inner) for inner in value]
    return value


async def main(names: list[str]) -> None:
    OURS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/orders.db")
        await database.prepare()
        async with EmbeddedServer(Path(folder), port=0, ui_port=0, headless=True) as server:
            for story in STORIES:
                if not names or story.__name__ in names:
                    print(story.__name__)  # noqa: T201
                    await record(story, Shop(database, await connect(server.address)))
            if not names or BATCH in names:
                print(BATCH)  # noqa: T201
                await record_batch(database, await connect(server.address), Path(folder))
        await database.dispose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
