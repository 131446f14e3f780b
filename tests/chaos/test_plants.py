"""Each planted bug turns the judgement of a small chaos run red; without one the same orders are green."""

import asyncio
import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import text

from order_system.devserver import EmbeddedServer
from tests.chaos.arena import ROOT, open_arena
from tests.chaos.checks import Judgement, judge
from tests.chaos.director import run_plan
from tests.chaos.plan import Plan, PlannedOrder
from tests.chaos.plants import PLANTS, Plant

PATIENCE_SECONDS = 60


async def judged(
    name: str,
    orders: Sequence[PlannedOrder],
    folder: Path,
    address: str,
    source: Path,
    pace: float,
    statements: Sequence[str] = (),
) -> Judgement:
    async with open_arena(
        folder, pace=pace, task_queue=f"plant-{name}", source=source, address=address
    ) as arena:
        async with arena.system.database.writing() as connection:
            for statement in statements:
                await connection.execute(text(statement))
        run = await run_plan(
            Plan(0, tuple(orders)), arena, workers=1, in_flight=20, patience=PATIENCE_SECONDS
        )
        print(name, run.seconds, run.unsettled)
        assert {entry.order_id for entry in run.fired} == {order.order_id for order in orders if order.faults}
        # A planted bug changes workflows: that its histories do not replay with ours is not its crime.
        return await judge(run, replayed=0)


@pytest.mark.timeout(PATIENCE_SECONDS * 2)
async def test_each_planted_bug_is_found_and_the_sound_product_is_clean(
    dev_server: EmbeddedServer, sqlite_template: Path, tmp_path: Path
) -> None:
    def with_database(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        shutil.copyfile(sqlite_template, folder / "orders.db")
        return folder

    async def planted(plant: Plant) -> Judgement:
        folder = with_database(plant.orders()[0].order_id)
        source = plant.grow(folder / "source")
        return await judged(
            plant.name, plant.orders(), folder, dev_server.address, source, plant.pace, plant.statements
        )

    verdicts = await asyncio.gather(*map(planted, PLANTS))
    missed = [plant.name for plant, verdict in zip(PLANTS, verdicts, strict=True) if not verdict.broken]
    for plant, verdict in zip(PLANTS, verdicts):
        print(plant.name, verdict.broken[:4])
    assert missed == []

    everything = [order for plant in PLANTS for order in plant.orders()]
    renamed = [dataclasses.replace(order, order_id=f"sound-{order.order_id}") for order in everything]
    sound = await judged("none", renamed, with_database("sound"), dev_server.address, ROOT, 0.3)
    assert sound.broken == []
