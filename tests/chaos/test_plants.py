"""Each planted bug turns the judgement of a small chaos run red; without one the same orders are green."""

import asyncio
import dataclasses
import shutil
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection

from order_system.infra.temporal.embedded import EmbeddedServer
from tests.chaos.arena import open_arena
from tests.chaos.checks import Judgement, judge
from tests.chaos.director import run_plan
from tests.chaos.plan import Plan, PlannedOrder
from tests.chaos.plants import PLANTS, Plant

PATIENCE_SECONDS = 300


@pytest.mark.long
@pytest.mark.timeout(PATIENCE_SECONDS * 3)
async def test_each_planted_bug_is_found_and_the_sound_product_is_clean(
    dev_server: EmbeddedServer, sqlite_template: Path, tmp_path: Path
) -> None:
    async def judged(plan: Plan, source: Path, plant: Plant) -> Judgement | None:
        """None where a blow did not fall, since a busy machine had its order end before."""
        folder = source.parent
        shutil.copyfile(sqlite_template, folder / "orders.db")
        async with open_arena(
            folder, pace=plant.pace, task_queue=folder.name, source=source, address=dev_server.address
        ) as arena:
            for statement in plant.statements:
                await arena.system.database.write(Connection.execute, text(statement))
            run = await run_plan(plan, arena, workers=1, in_flight=20, patience=PATIENCE_SECONDS)
            if {entry.order_id for entry in run.fired} != {subject for subject, _ in plan.faults}:
                return None
            # Workflows with a bug in them: that their histories do not replay with ours proves nothing.
            return await judge(run, replayed=0)

    async def planted(plant: Plant, name: str = "first") -> list[str]:
        plan = Plan(0, _named(name, plant))
        outcome = await judged(plan, plant.grow(tmp_path / f"{name}-{plant.slug}" / "source"), plant)
        # A machine that is slow is no bug that was found.
        return [line for line in outcome.broken if "quiet in time" not in line] if outcome else []

    async def sound(name: str = "first") -> Judgement | None:
        nothing = Plant(f"sound {name}", changes=(), faults=())
        source = nothing.grow(tmp_path / nothing.slug / "source")
        return await judged(Plan(0, _named(f"sound-{name}", *PLANTS)), source, nothing)

    *outcomes, clean = await asyncio.gather(*map(planted, PLANTS), sound())
    clean = clean or await sound("again")
    assert clean
    assert clean.broken == []
    # Some of them show in a race alone, which a busy machine decides the other way: once more, by itself.
    missed = [plant for plant, lines in zip(PLANTS, outcomes, strict=True) if not lines]
    assert [plant.name for plant in missed if not await planted(plant, "again")] == []


def _named(name: str, *plants: Plant) -> tuple[PlannedOrder, ...]:
    return tuple(
        dataclasses.replace(order, order_id=f"{name}-{order.order_id}")
        for plant in plants
        for order in plant.orders()
    )
